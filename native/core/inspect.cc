#include "inspect.h"

#include <algorithm>
#include <cerrno>

#include "checkpoint.h"
#include "directory_scan.h"
#include "segment_links.h"
#include "segment_name.h"

namespace ingest_wal {
namespace {

struct Place {
  std::unique_ptr<Directory> directory;
  std::string file;  // empty: the directory itself
};

Status Find(const Environment& environment, const std::string& path, Place* place) {
  const Status opened = environment.files->OpenDirectory(path, false, &place->directory);
  if (opened.ok() || opened.system_errno() != ENOTDIR) return opened;
  const size_t slash = path.find_last_of('/');
  const std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  place->file = slash == std::string::npos ? path : path.substr(slash + 1);
  return environment.files->OpenDirectory(parent, false, &place->directory);
}

Status FindRingOf(const Environment& environment, Directory* directory, const DirectoryScan& scan,
                  RingContents* ring) {
  DirectoryIdentity here;
  INGEST_WAL_RETURN_IF_ERROR(directory->Identity(&here));
  std::string name;
  const Status status = FindRing(environment.memory, scan.log_id, here, ring, &name);
  // Whoever may read the files may look at them; the ring is its owner's.
  return status.code() == ErrorCode::kPermission ? Status() : status;
}

Status FindNewestCheckpoint(Directory* directory, const DirectoryScan& scan, SegmentHeader* newest) {
  for (size_t i = scan.checkpoints.size(); i-- > 0;) {
    const SegmentScan& named = scan.checkpoints[i].file;
    CheckpointScan checkpoint;
    const Status looked = CheckCheckpointHeader(directory, named.file, named.number, scan.log_id, &checkpoint);
    if (looked.code() == ErrorCode::kNotFound) continue;  // removed since the directory was listed
    INGEST_WAL_RETURN_IF_ERROR(looked);
    if (!checkpoint.flaw.empty()) continue;
    *newest = checkpoint.file.header;
    break;
  }
  return Status();
}

// A damaged segment or checkpoint is known by its name; other files must have a sound header.
Status ScanFile(const Place& place, const std::string& path, DirectoryScan* scan) {
  INGEST_WAL_RETURN_IF_ERROR(ScanOneFile(place.directory.get(), place.file, scan));
  const SegmentScan& segment = scan->segments.empty() ? scan->checkpoints[0].file : scan->segments[0];
  if (segment.rejected_kind == damage_kind::kNotAFile) {
    return Status(ErrorCode::kNotALog, path + " cannot be read as a segment: " + segment.rejected_detail);
  }
  uint64_t number = 0;
  const bool has_header = !segment.too_short && segment.rejected_kind != damage_kind::kSegmentHeader;
  if (has_header || ParseSegmentName(segment.file, &number) ||
      ParseCompressedSegmentName(segment.file, &number) || ParseCheckpointName(segment.file, &number)) return Status();
  return Status(ErrorCode::kNotALog, path + " is no segment and no checkpoint: neither its name nor its header says so");
}

// A live writer goes on while its segment is read, window by window: what it wrote behind a window that was read before
// must not make a hole of the space in it. So the segments that it may still write to are judged as of `durable_lsn`.
void JudgeAsOf(uint64_t durable_lsn, DirectoryScan* scan) {
  for (SegmentScan& segment : scan->segments) {
    if (segment.sealed) continue;
    segment.durable_claim = std::min(segment.durable_claim, durable_lsn);
    const auto is_later = [durable_lsn](const Finding& finding) { return finding.lsn_before >= durable_lsn; };
    segment.findings.erase(std::remove_if(segment.findings.begin(), segment.findings.end(), is_later),
                           segment.findings.end());
  }
}

// What can be known of a log that is whole without reading its entries: which segments belong to it, and what headers and
// ring prove. What only marks prove, the reader finds on its way. Anything out of the ordinary takes a pass over everything.
Status FindLimits(const Environment& environment, Directory* directory, const DirectoryScan& headers,
                  const RingContents& ring, bool live, Reader::Limits* limits) {
  bool certain = false;
  // Where a live writer is, only its ring tells what it had written when the reading began.
  const bool ring_tells = live ? ring.found && !ring.damaged : !ring.damaged;
  if (ring_tells) INGEST_WAL_RETURN_IF_ERROR(LinksAreCertain(directory, headers, &certain));
  if (!certain) {
    DirectoryScan scan = headers;
    INGEST_WAL_RETURN_IF_ERROR(ScanSegments(directory, &scan, environment.scan_threads));
    const DirectoryReport report = AssembleReport(scan, ring);
    *limits = Reader::Limits{report.proven_lsn, report.last_lsn, RejectionsOf(report)};
    return Status();
  }
  limits->proven = ring.durable_lsn;
  if (live) {
    limits->last = std::max(ring.durable_lsn, ring.last_lsn);
    return Status();
  }
  limits->marks_may_prove_more = true;
  for (const SegmentScan& segment : headers.segments) {
    limits->proven = std::max(limits->proven, segment.header.previous_lsn);
  }
  if (headers.base() != nullptr) limits->proven = std::max(limits->proven, headers.base()->file.header.covered_lsn);
  return Status();
}

}  // namespace

Status InspectPath(const Environment& environment, const std::string& path, Inspection* inspection) {
  Place place;
  INGEST_WAL_RETURN_IF_ERROR(Find(environment, path, &place));
  DirectoryScan scan;
  if (!place.file.empty()) {
    inspection->whole = false;
    INGEST_WAL_RETURN_IF_ERROR(ScanFile(place, path, &scan));
    inspection->report = AssembleReport(scan, RingContents());
    return Status();
  }
  INGEST_WAL_RETURN_IF_ERROR(place.directory->IsLocked(kLockName, &inspection->live));
  INGEST_WAL_RETURN_IF_ERROR(FindLog(place.directory.get(), &scan));
  INGEST_WAL_RETURN_IF_ERROR(LooksLikeALog(scan, path));
  // The ring before the entries: what leaves the ring meanwhile is found in the segments.
  RingContents ring;
  if (scan.has_log_id) INGEST_WAL_RETURN_IF_ERROR(FindRingOf(environment, place.directory.get(), scan, &ring));
  scan = DirectoryScan();
  INGEST_WAL_RETURN_IF_ERROR(ScanDirectory(place.directory.get(), Extent::kAll, &scan, environment.scan_threads));
  const bool beside_a_writer = inspection->live && ring.found && !ring.damaged;
  if (beside_a_writer) JudgeAsOf(ring.durable_lsn, &scan);
  inspection->report = AssembleReport(scan, ring);
  if (beside_a_writer) inspection->report.torn_tail = TornTail();  // a batch on its way
  return Status();
}

Status LookAtFigures(const Environment& environment, const std::string& path, LogFigures* figures) {
  Place place;
  INGEST_WAL_RETURN_IF_ERROR(Find(environment, path, &place));
  if (!place.file.empty()) return Status(ErrorCode::kInvalidArgument, path + " is a file; allowed: the directory of a log");
  Directory* const directory = place.directory.get();
  DirectoryScan scan;
  INGEST_WAL_RETURN_IF_ERROR(FindLog(directory, &scan));
  INGEST_WAL_RETURN_IF_ERROR(LooksLikeALog(scan, path));
  INGEST_WAL_RETURN_IF_ERROR(directory->IsLocked(kLockName, &figures->live));
  figures->segments = scan.segments.size();
  for (const SegmentScan& segment : scan.segments) {
    uint64_t number = 0;
    if (ParseCompressedSegmentName(segment.file, &number)) figures->compressed_segments++;
  }
  figures->checkpoints = scan.checkpoints.size();
  if (!scan.has_log_id) return Status();
  figures->log_id = LogIdText(scan.log_id);
  INGEST_WAL_RETURN_IF_ERROR(FindNewestCheckpoint(directory, scan, &figures->checkpoint));
  DirectoryIdentity here;
  INGEST_WAL_RETURN_IF_ERROR(directory->Identity(&here));
  const Status looked = LookAtRing(environment.memory, scan.log_id, here, &figures->ring);
  return looked.code() == ErrorCode::kPermission ? Status() : looked;
}

Status ReadPath(const Environment& environment, const std::string& path, const ReadOptions& options,
                std::unique_ptr<Reader>* reader) {
  Place place;
  INGEST_WAL_RETURN_IF_ERROR(Find(environment, path, &place));
  if (!place.file.empty()) {
    DirectoryScan one;
    INGEST_WAL_RETURN_IF_ERROR(ScanFile(place, path, &one));
    return Reader::OpenFile(std::move(place.directory), place.file, options, reader);
  }
  DirectoryScan scan;
  INGEST_WAL_RETURN_IF_ERROR(FindLog(place.directory.get(), &scan));
  INGEST_WAL_RETURN_IF_ERROR(LooksLikeALog(scan, path));
  RingContents ring;
  if (scan.has_log_id) INGEST_WAL_RETURN_IF_ERROR(FindRingOf(environment, place.directory.get(), scan, &ring));
  // What leaves the ring meanwhile is in segments that may be newer than the listing.
  scan = DirectoryScan();
  INGEST_WAL_RETURN_IF_ERROR(ReadHeaders(place.directory.get(), options.extent(), &scan, options.from_lsn));
  bool live = false;
  INGEST_WAL_RETURN_IF_ERROR(place.directory->IsLocked(kLockName, &live));
  Reader::Limits limits;
  INGEST_WAL_RETURN_IF_ERROR(FindLimits(environment, place.directory.get(), scan, ring, live, &limits));
  Reader::Open(std::move(place.directory), std::move(scan), options, limits, std::move(ring), reader);
  return Status();
}

}  // namespace ingest_wal
