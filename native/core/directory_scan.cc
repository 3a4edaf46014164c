#include "directory_scan.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <map>
#include <set>
#include <system_error>
#include <thread>

#include "checkpoint.h"
#include "log_base.h"
#include "segment_name.h"

namespace ingest_wal {
namespace {

constexpr int kMaxChainPasses = 8;

Status ReadIdentity(Directory* directory, IdentityScan* identity) {
  std::unique_ptr<File> file;
  const Status opened = directory->Open(kIdentityName, OpenMode::kRead, &file);
  if (opened.code() == ErrorCode::kNotFound) return Status();
  identity->present = true;
  if (!opened.ok()) return IsDamage(opened) ? Status() : opened;
  uint8_t bytes[identity::kBytes];
  size_t got = 0;
  uint64_t size = 0;
  identity->readable = file->ReadAt(0, bytes, sizeof(bytes), &got);
  if (!identity->readable.ok() || !file->Size(&size).ok()) return Status();
  if (got < sizeof(bytes) || size != sizeof(bytes)) return Status();
  uint32_t version = 0;
  const HeaderState state = CheckIdentity(bytes, &identity->id, &version);
  identity->valid = state == HeaderState::kValid;
  // A single damaged byte must not look like a newer format: the segments' own versions decide.
  return Status();
}

// Lists the names that segments and checkpoints have.
Status ListFiles(Directory* directory, DirectoryScan* scan) {
  std::vector<DirectoryEntry> names;
  INGEST_WAL_RETURN_IF_ERROR(directory->List(&names));
  for (const DirectoryEntry& name : names) {
    SegmentScan file;
    file.file = name.name;
    file.unread = true;
    if (ParseSegmentName(name.name, &file.number) || ParseCompressedSegmentName(name.name, &file.number)) {
      scan->segments.push_back(std::move(file));
    } else if (ParseCheckpointName(name.name, &file.number)) {
      scan->checkpoints.emplace_back();
      scan->checkpoints.back().file = std::move(file);
    }
  }
  // Of a segment that is there twice, the plain file counts: it goes when the compressed one is safe.
  std::sort(scan->segments.begin(), scan->segments.end(), [](const SegmentScan& a, const SegmentScan& b) {
    return a.number != b.number ? a.number < b.number : a.file.size() < b.file.size();
  });
  const auto same_number = [](const SegmentScan& a, const SegmentScan& b) { return a.number == b.number; };
  scan->segments.erase(std::unique(scan->segments.begin(), scan->segments.end(), same_number), scan->segments.end());
  std::sort(scan->checkpoints.begin(), scan->checkpoints.end(),
            [](const CheckpointScan& a, const CheckpointScan& b) { return a.file.number < b.file.number; });
  return Status();
}

// Reads the headers of the segments that `wanted` says and that were not read yet.
template <typename Wanted>
Status ReadSegmentHeaders(Directory* directory, const Wanted& wanted, DirectoryScan* scan) {
  size_t kept = 0;
  for (SegmentScan& segment : scan->segments) {
    if (segment.unread && wanted(segment)) {
      segment.unread = false;
      const Status opened = ReadSegmentHeader(directory, &segment);
      if (opened.code() == ErrorCode::kNotFound) continue;  // removed since the directory was listed
      INGEST_WAL_RETURN_IF_ERROR(opened);
    }
    SegmentScan& to = scan->segments[kept++];
    if (&to != &segment) to = std::move(segment);
  }
  scan->segments.resize(kept);
  return Status();
}

bool Every(const SegmentScan&) { return true; }

// The id that most of the sound headers say.
Status ElectLogId(Directory* directory, DirectoryScan* scan) {
  INGEST_WAL_RETURN_IF_ERROR(ReadSegmentHeaders(directory, Every, scan));
  std::map<LogId, size_t> votes;
  size_t most = 0;
  const auto vote = [&](const SegmentScan& file) {
    if (!file.accepted()) return;
    const size_t count = ++votes[file.header.log_id];
    if (count <= most) return;
    most = count;
    scan->log_id = file.header.log_id;
    scan->has_log_id = true;
  };
  for (const SegmentScan& segment : scan->segments) vote(segment);
  for (const CheckpointScan& checkpoint : scan->checkpoints) {
    SegmentScan file;
    file.file = checkpoint.file.file;
    const Status opened = ReadSegmentHeader(directory, &file);
    if (opened.ok()) vote(file);
    if (!opened.ok() && opened.code() != ErrorCode::kNotFound) return opened;
  }
  return Status();
}

void MarkCovered(Extent extent, DirectoryScan* scan) {
  if (scan->base() == nullptr) return;
  for (SegmentScan& segment : scan->segments) {
    segment.covered = segment.number <= scan->base()->file.header.covered_segment;
    if (segment.covered && extent == Extent::kLive) segment.unread = true;
  }
}

void CheckBelonging(DirectoryScan* scan) {
  for (SegmentScan& segment : scan->segments) {
    if (!segment.accepted()) continue;
    if (segment.header.log_id != scan->log_id) {
      segment.Reject(damage_kind::kForeignSegment, "belongs to log " + LogIdText(segment.header.log_id));
    } else if (segment.header.number != segment.number) {
      segment.Reject(damage_kind::kMisplacedSegment,
             "its header says that it is segment " + std::to_string(segment.header.number));
    } else if (uint64_t named = 0; segment.header.kind != FileKind::kSegment && IsSegmentFile(segment.file, &named)) {
      segment.Reject(damage_kind::kMisplacedSegment, "its header says that it is a checkpoint");
    }
  }
}

// What a segment holds beyond the least `previous_lsn` of the segments after it is superseded. The base lies between those
// that it covers and the others.
void SetBounds(DirectoryScan* scan) {
  uint64_t bound = UINT64_MAX;
  SegmentScan* base = scan->base() == nullptr ? nullptr : &scan->checkpoints[scan->base_index].file;
  const auto pass_base = [&] {
    if (base == nullptr) return;
    // An entry beyond what it covers is no work of ours: its LSN is given to the next entry that is appended.
    base->bound = std::min(bound, base->header.covered_lsn);
    bound = std::min(bound, base->header.covered_lsn);
    base = nullptr;
  };
  for (size_t i = scan->segments.size(); i-- > 0;) {
    SegmentScan& segment = scan->segments[i];
    if (segment.covered) pass_base();
    segment.bound = bound;
    if (segment.accepted()) bound = std::min(bound, segment.header.previous_lsn);
  }
  pass_base();
}

enum class Link { kUnknown, kHolds, kBroken };

// Whether `segment` continues the entry that `previous` ends with. Unknown where that entry is lost.
Link LinkBetween(const SegmentScan& previous, const SegmentScan& segment) {
  const bool comparable = !previous.runs.empty() && previous.runs.back().last_lsn == segment.header.previous_lsn &&
                          segment.header.previous_checksum != 0;
  if (!comparable) return Link::kUnknown;
  return previous.runs.back().last_checksum == segment.header.previous_checksum ? Link::kHolds : Link::kBroken;
}

// Rejects segments that do not fit between their neighbours. Of the two sides of a broken link, the later one goes,
// unless the segment behind it continues it in its turn: then it is the earlier one that is disproved. What recovery does
// not read, the covered segments, says nothing of the others.
bool RejectBrokenLinks(bool covered, DirectoryScan* scan) {
  std::vector<SegmentScan*> accepted;
  for (SegmentScan& segment : scan->segments) {
    if (segment.accepted() && segment.covered == covered) accepted.push_back(&segment);
  }
  bool changed = false;
  std::vector<SegmentScan*> chain;
  for (size_t i = 0; i < accepted.size(); i++) {
    SegmentScan* segment = accepted[i];
    const bool continued = i + 1 < accepted.size() && LinkBetween(*segment, *accepted[i + 1]) == Link::kHolds;
    while (!chain.empty() && segment->accepted() && LinkBetween(*chain.back(), *segment) == Link::kBroken) {
      changed = true;
      if (continued) {
        chain.back()->Reject(damage_kind::kBrokenChain,
               "ends with another entry than the one that segment " + std::to_string(segment->number) + " follows");
        chain.pop_back();
      } else {
        segment->Reject(damage_kind::kBrokenChain,
               "does not follow the entry that segment " + std::to_string(chain.back()->number) + " ends with");
      }
    }
    if (segment->accepted()) chain.push_back(segment);
  }
  return changed;
}

bool RejectBrokenLinks(DirectoryScan* scan) {
  bool changed = RejectBrokenLinks(true, scan);
  for (SegmentScan& segment : scan->segments) {
    if (!segment.accepted() || !BreaksLinkToBase(*scan, segment)) continue;
    segment.Reject(damage_kind::kBrokenChain,
           "does not follow the entry that checkpoint " + std::to_string(scan->base()->file.number) + " covers last");
    changed = true;
  }
  return RejectBrokenLinks(false, scan) || changed;
}

}  // namespace

Status FindLog(Directory* directory, DirectoryScan* scan) {
  INGEST_WAL_RETURN_IF_ERROR(ReadIdentity(directory, &scan->identity));
  INGEST_WAL_RETURN_IF_ERROR(ListFiles(directory, scan));
  scan->log_id = scan->identity.id;
  scan->has_log_id = scan->identity.valid;
  return scan->has_log_id ? Status() : ElectLogId(directory, scan);
}

Status LooksLikeALog(const DirectoryScan& scan, const std::string& path) {
  if (scan.identity.present || !scan.segments.empty() || !scan.checkpoints.empty()) return Status();
  return Status(ErrorCode::kNotALog, path + " holds no log (no log.id, no segments and no checkpoints)");
}

Status ReadHeaders(Directory* directory, Extent extent, DirectoryScan* scan, uint64_t from_lsn) {
  INGEST_WAL_RETURN_IF_ERROR(FindLog(directory, scan));
  INGEST_WAL_RETURN_IF_ERROR(CheckCheckpoints(directory, extent, from_lsn, scan));
  if (scan->base() != nullptr && scan->base()->unchecked) extent = Extent::kLive;
  MarkCovered(extent, scan);
  const auto wanted = [extent](const SegmentScan& segment) { return extent == Extent::kAll || !segment.covered; };
  INGEST_WAL_RETURN_IF_ERROR(ReadSegmentHeaders(directory, wanted, scan));
  CheckBelonging(scan);
  if (scan->base() == nullptr) {
    ChooseDamagedBase(scan);
    MarkCovered(extent, scan);
  }
  SetBounds(scan);
  return Status();
}

namespace {

// Walks each of `segments`, and says how it went, in their order. Behind an error, those not begun yet are left out.
std::vector<Status> ScanEach(Directory* directory, const std::vector<SegmentScan*>& segments, unsigned threads) {
  std::vector<Status> scanned(segments.size());
  std::atomic<size_t> next{0};
  std::atomic<bool> failed{false};
  const auto work = [&] {
    while (!failed) {
      // Whoever took a segment walks it, so the first error is the same however many walk.
      const size_t i = next++;
      if (i >= segments.size()) return;
      scanned[i] = ScanSegment(directory, segments[i]);
      if (!scanned[i].ok() && scanned[i].code() != ErrorCode::kNotFound) failed = true;
    }
  };
  std::vector<std::thread> helpers;
  const size_t wanted = std::min<size_t>(threads, segments.size());
  while (helpers.size() + 1 < wanted) {
    try {
      helpers.emplace_back(work);
    } catch (const std::system_error&) {
      break;  // no more threads to be had: the others do it
    }
  }
  work();
  for (std::thread& helper : helpers) helper.join();
  return scanned;
}

}  // namespace

Status ScanSegments(Directory* directory, DirectoryScan* scan, unsigned threads) {
  std::vector<SegmentScan*> usable;
  for (SegmentScan& segment : scan->segments) {
    if (segment.accepted()) usable.push_back(&segment);
  }
  const std::vector<Status> scanned = ScanEach(directory, usable, threads);
  std::set<std::string> gone;  // retired since their headers were read
  for (size_t i = 0; i < usable.size(); i++) {
    if (scanned[i].code() != ErrorCode::kNotFound) INGEST_WAL_RETURN_IF_ERROR(scanned[i]);
    if (!scanned[i].ok()) gone.insert(usable[i]->file);
  }
  const auto is_gone = [&gone](const SegmentScan& segment) { return gone.count(segment.file) != 0; };
  scan->segments.erase(std::remove_if(scan->segments.begin(), scan->segments.end(), is_gone), scan->segments.end());
  // What a rejected segment claimed to supersede is looked at again, and may show one more that does not fit. Hostile
  // files could go on for long; in the end what does not fit is rejected without a further look.
  for (int pass = 0; RejectBrokenLinks(scan) && pass < kMaxChainPasses; pass++) {
    std::vector<uint64_t> bounds;
    for (const SegmentScan& segment : scan->segments) bounds.push_back(segment.bound);
    SetBounds(scan);
    for (size_t i = 0; i < bounds.size(); i++) {
      SegmentScan& segment = scan->segments[i];
      if (!segment.accepted() || segment.bound == bounds[i]) continue;
      INGEST_WAL_RETURN_IF_ERROR(ScanSegment(directory, &segment));
    }
  }
  return Status();
}

std::vector<Damage> RejectionsOf(const DirectoryReport& report) {
  std::set<std::string> files;
  for (const SegmentReport& segment : report.segments) {
    if (segment.state == SegmentState::kRejected) files.insert(segment.file);
  }
  std::vector<Damage> rejected;
  std::copy_if(report.damage.begin(), report.damage.end(), std::back_inserter(rejected),
               [&](const Damage& damage) { return files.count(damage.file) != 0; });
  return rejected;
}

void RejectAlso(const std::vector<Damage>& rejected, DirectoryScan* scan) {
  if (rejected.empty()) return;
  std::map<std::string, const Damage*> by_file;
  for (const Damage& damage : rejected) by_file.emplace(damage.file, &damage);
  for (SegmentScan& segment : scan->segments) {
    const auto found = by_file.find(segment.file);
    if (!segment.accepted() || found == by_file.end()) continue;
    segment.Reject(found->second->kind.c_str(), found->second->detail);
  }
  SetBounds(scan);
}

Status ScanDirectory(Directory* directory, Extent extent, DirectoryScan* scan, unsigned threads) {
  INGEST_WAL_RETURN_IF_ERROR(ReadHeaders(directory, extent, scan));
  return ScanSegments(directory, scan, threads);
}

Status ScanOneFile(Directory* directory, const std::string& file, DirectoryScan* scan) {
  SegmentScan segment;
  segment.file = file;
  scan->whole = false;
  INGEST_WAL_RETURN_IF_ERROR(ReadSegmentHeader(directory, &segment));
  if (segment.accepted()) {
    scan->log_id = segment.header.log_id;
    scan->has_log_id = true;
  }
  const bool named_checkpoint = ParseCheckpointName(file, &segment.number);
  const bool named = named_checkpoint || IsSegmentFile(file, &segment.number);
  if (!named) segment.number = segment.header.number;
  if (named_checkpoint || (!named && segment.header.kind == FileKind::kCheckpoint)) {
    scan->checkpoints.emplace_back();
    INGEST_WAL_RETURN_IF_ERROR(
        CheckCheckpoint(directory, file, segment.number, scan->log_id, &scan->checkpoints.back()));
    if (scan->checkpoints[0].file.accepted()) scan->base_index = 0;
    return Status();
  }
  scan->segments.push_back(std::move(segment));
  CheckBelonging(scan);
  if (!scan->segments[0].accepted()) return Status();
  return ScanSegment(directory, &scan->segments[0]);
}

}  // namespace ingest_wal
