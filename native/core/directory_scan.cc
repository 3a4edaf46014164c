#include "directory_scan.h"

#include <algorithm>
#include <cstring>
#include <atomic>
#include <iterator>
#include <map>
#include <set>
#include <system_error>
#include <thread>

#include "checkpoint.h"
#include "log_base.h"
#include "segment_name.h"
#include "stale_bytes.h"

namespace ingest_wal {
namespace {

constexpr int kMaxChainPasses = 8;

void Reject(SegmentScan* segment, const char* kind, std::string detail) {
  segment->rejected_kind = kind;
  segment->rejected_detail = std::move(detail);
}

// Whether what a name stands for will never be a file of the log. Any other error of opening it says nothing about what
// it holds (too many open files, no memory, no permission, a device that is away): to go on without it would give its
// LSNs to other entries.
bool IsDamage(const Status& opened) { return opened.code() == ErrorCode::kInvalidArgument; }

Status NewerVersion(const std::string& file, uint32_t version) {
  return Status(ErrorCode::kNewerFormat, file + " is of format version " + std::to_string(version) +
                                               "; this build reads versions up to " + std::to_string(kFormatVersion));
}

bool IsSegmentFile(const std::string& name, uint64_t* number) {
  return ParseSegmentName(name, number) || ParseCompressedSegmentName(name, number);
}

// Whether a header names the number and the kind that the file's name has; a name without a number fits all.
bool IsOfFile(const SegmentHeader& header, const std::string& file) {
  uint64_t number = 0;
  if (IsSegmentFile(file, &number)) return header.kind == FileKind::kSegment && header.number == number;
  if (ParseCheckpointName(file, &number)) return header.kind == FileKind::kCheckpoint && header.number == number;
  return true;
}

// Whether two copies say the same. Which copy they are is part of what their checksums cover.
bool SameHeader(const uint8_t* one, const uint8_t* other) {
  constexpr size_t kBehindChecksum = header::kChecksumAt + sizeof(uint32_t);
  constexpr size_t kBehindCopy = header::kCopyAt + sizeof(uint32_t);
  return std::memcmp(one, other, header::kChecksumAt) == 0 &&
         std::memcmp(one + kBehindChecksum, other + kBehindChecksum, header::kCopyAt - kBehindChecksum) == 0 &&
         std::memcmp(one + kBehindCopy, other + kBehindCopy, header::kCopyBytes - kBehindCopy) == 0;
}

// Reads both copies of the header and takes the first sound one.
Status ReadHeader(SegmentSource* source, SegmentScan* segment) {
  if (source->size() < kSegmentDataAt && source->compressed() != nullptr) {
    // Nobody's unfinished creation: those are not compressed.
    Reject(segment, damage_kind::kSegmentHeader, "the content ends inside the segment header");
    return Status();
  }
  if (source->size() < kSegmentDataAt) {
    segment->too_short = true;
    return Status();
  }
  Bytes blocks;
  INGEST_WAL_RETURN_IF_ERROR(source->Window(0, kSegmentDataAt, &blocks));
  if (blocks.size < kSegmentDataAt) {
    segment->too_short = true;
    return Status();
  }
  uint32_t newer = 0;
  uint32_t newer_copies = 0;
  bool found = false;
  bool found_its_own = false;
  uint32_t counts = 0;
  for (uint32_t copy = 0; copy < header::kCopies; copy++) {
    SegmentHeader read;
    uint32_t version = 0;
    const HeaderState state = CheckSegmentHeader(blocks.data + copy * header::kCopyBytes, copy, &read, &version);
    segment->header_copy_damaged[copy] = state != HeaderState::kValid;
    if (state == HeaderState::kValid) {
      const bool its_own = IsOfFile(read, segment->file);
      if (!found || (its_own && !found_its_own)) {
        segment->header = read;
        counts = copy;
      }
      found = true;
      found_its_own = found_its_own || its_own;
    } else if (state == HeaderState::kNewerVersion) {
      newer_copies = version == newer || newer_copies == 0 ? newer_copies + 1 : 0;
      newer = version;
    }
  }
  // A block of another file that was written here is whole in itself.
  for (uint32_t copy = 0; found && copy < header::kCopies; copy++) {
    if (!SameHeader(blocks.data + counts * header::kCopyBytes, blocks.data + copy * header::kCopyBytes)) {
      segment->header_copy_damaged[copy] = true;
    }
  }
  // Two copies that agree: a damaged byte must not look like a newer format.
  if (newer_copies == header::kCopies) return NewerVersion(segment->file, newer);
  if (!found) Reject(segment, damage_kind::kSegmentHeader, "both copies of the segment header are damaged");
  return Status();
}

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
      Reject(&segment, damage_kind::kForeignSegment, "belongs to log " + LogIdText(segment.header.log_id));
    } else if (segment.header.number != segment.number) {
      Reject(&segment, damage_kind::kMisplacedSegment,
             "its header says that it is segment " + std::to_string(segment.header.number));
    } else if (uint64_t named = 0; segment.header.kind != FileKind::kSegment && IsSegmentFile(segment.file, &named)) {
      Reject(&segment, damage_kind::kMisplacedSegment, "its header says that it is a checkpoint");
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

void AddToRuns(const SegmentCursor::Located& located, SegmentScan* segment) {
  const Entry& entry = located.entry;
  if (segment->runs.empty() || segment->runs.back().last_lsn + 1 != entry.lsn) {
    segment->runs.push_back(Run{entry.lsn, entry.lsn, located.offset, located.end, 0});
  }
  Run& run = segment->runs.back();
  run.last_lsn = entry.lsn;
  run.end = located.end;
  run.last_checksum = located.body_checksum;
  if (segment->entries == 0) segment->first_timestamp_ms = entry.timestamp_ms;
  segment->last_timestamp_ms = entry.timestamp_ms;
  segment->entries++;
}

// `count` more entries, of which `last` is the last, that go on where the newest run ends.
void LengthenRun(const SegmentCursor::Located& last, uint64_t count, SegmentScan* segment) {
  Run& run = segment->runs.back();
  run.last_lsn = last.entry.lsn;
  run.end = last.end;
  run.last_checksum = last.body_checksum;
  segment->last_timestamp_ms = last.entry.timestamp_ms;
  segment->entries += count;
}

void ForgetEntries(SegmentScan* segment) {
  segment->runs.clear();
  segment->entries = 0;
  segment->first_timestamp_ms = segment->last_timestamp_ms = 0;
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
        Reject(chain.back(), damage_kind::kBrokenChain,
               "ends with another entry than the one that segment " + std::to_string(segment->number) + " follows");
        chain.pop_back();
      } else {
        Reject(segment, damage_kind::kBrokenChain,
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
    Reject(&segment, damage_kind::kBrokenChain,
           "does not follow the entry that checkpoint " + std::to_string(scan->base()->file.number) + " covers last");
    changed = true;
  }
  return RejectBrokenLinks(false, scan) || changed;
}

void NoteSizes(SegmentSource* source, SegmentScan* segment) {
  segment->file_bytes = source->size();
  segment->stored_bytes = source->stored_bytes();
  segment->compressed = source->compressed() != nullptr;
}

Status ScanSegment(Directory* directory, SegmentScan* segment) {
  std::unique_ptr<SegmentSource> source;
  const Status opened = OpenSegmentSource(directory, segment->file, segment->header, &source);
  if (!opened.ok()) {
    if (!IsDamage(opened)) return opened;
    Reject(segment, damage_kind::kNotAFile, opened.message());
    return Status();
  }
  NoteSizes(source.get(), segment);
  SegmentCursor cursor(source.get(), segment->header, segment->bound);
  SegmentCursor::Located located;
  for (;;) {
    bool found = false;
    INGEST_WAL_RETURN_IF_ERROR(cursor.Next(&located, &found));
    if (!found) break;
    AddToRuns(located, segment);
    const uint64_t passed = cursor.PassEntries(&located);
    if (passed != 0) LengthenRun(located, passed, segment);
  }
  segment->findings = cursor.findings();
  for (Finding& finding : segment->findings) {
    if (!cursor.sealed()) INGEST_WAL_RETURN_IF_ERROR(TakeOutStaleBytes(source.get(), segment->header, &finding));
  }
  segment->durable_claim = cursor.durable_claim();
  segment->end_offset = cursor.end_offset();
  segment->superseded_at = cursor.superseded_at();
  segment->sealed = cursor.sealed();
  segment->batches = cursor.batches();
  const CompressedFile* compressed = source->compressed();
  if (compressed == nullptr) return Status();
  // In the order of their places: they were met as windows were read.
  segment->made_good = compressed->made_good();
  std::sort(segment->made_good.begin(), segment->made_good.end());
  segment->parity_lost_at = compressed->parity_lost() ? compressed->blocks_end() : 0;
  return Status();
}

// Between a name's opening and its lock, the file may have been made another segment: then this one is gone.
Status CheckStillHolds(SegmentSource* source, const std::string& file, const SegmentHeader& header) {
  SegmentScan now;
  now.file = file;
  INGEST_WAL_RETURN_IF_ERROR(ReadHeader(source, &now));
  const bool refilled = now.accepted() && (now.header.salt != header.salt || now.header.number != header.number);
  return refilled ? Status(ErrorCode::kNotFound, file + " was made another segment") : Status();
}

Status OpenThatOne(Directory* directory, const std::string& file, const SegmentHeader& header,
                   std::unique_ptr<SegmentSource>* source) {
  INGEST_WAL_RETURN_IF_ERROR(SegmentSource::Open(directory, file, source));
  (*source)->LimitTo(header.planned_bytes);
  return CheckStillHolds(source->get(), file, header);
}

}  // namespace

Status ReadSegmentHeader(Directory* directory, SegmentScan* segment) {
  std::unique_ptr<SegmentSource> source;
  Status opened = SegmentSource::Open(directory, segment->file, &source);
  uint64_t number = 0;
  if (opened.code() == ErrorCode::kNotFound && ParseSegmentName(segment->file, &number)) {
    opened = SegmentSource::Open(directory, CompressedSegmentName(number), &source);
    if (opened.ok()) segment->file = CompressedSegmentName(number);
  }
  if (!opened.ok()) {
    if (!IsDamage(opened)) return opened;
    Reject(segment, damage_kind::kNotAFile, opened.message());
    return Status();
  }
  NoteSizes(source.get(), segment);
  INGEST_WAL_RETURN_IF_ERROR(ReadHeader(source.get(), segment));
  if (!segment->accepted()) return Status();
  source->LimitTo(segment->header.planned_bytes);
  segment->file_bytes = source->size();
  return Status();
}

Status EndsWithSeal(SegmentSource* source, const SegmentHeader& header, bool* sealed) {
  *sealed = false;
  if (source->size() < kSegmentDataAt + kSealBytes) return Status();
  const uint64_t seal_at = source->size() - mark::kBytes;
  Bytes window;
  INGEST_WAL_RETURN_IF_ERROR(source->Window(seal_at, mark::kBytes, &window));
  Record record;
  CheckRecord(window, SegmentSeed(header.salt, header.number), header.first_lsn, seal_at, &record);
  *sealed = record.state == RecordState::kMark && record.mark.kind == MarkKind::kSealSecond;
  return Status();
}

Status OpenSegmentSource(Directory* directory, const std::string& file, const SegmentHeader& header,
                         std::unique_ptr<SegmentSource>* source) {
  const Status opened = OpenThatOne(directory, file, header, source);
  uint64_t number = 0;
  if (opened.code() != ErrorCode::kNotFound || !ParseSegmentName(file, &number)) return opened;
  return OpenThatOne(directory, CompressedSegmentName(number), header, source);
}

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
      ForgetEntries(&segment);
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
    Reject(&segment, found->second->kind.c_str(), found->second->detail);
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

bool JudgeFinding(const Finding& finding, const SegmentScan& segment, uint64_t proven, Damage* damage) {
  const uint64_t known = std::min(proven, segment.bound);
  // A seal says where the segment's entries end; without one only what was proven does.
  const uint64_t upper = finding.lsn_after != 0 ? finding.lsn_after - 1
                         : segment.sealed       ? segment.durable_claim
                                                : known;
  const uint64_t first = finding.lsn_before + 1;
  const uint64_t last = std::min(upper, known);
  const bool loses_entries = first <= last;
  const bool behind_nothing_proven = finding.lsn_after == 0 || finding.lsn_after > known;
  // Bytes that nobody could read may have been acknowledged: without them nothing says that they are a torn tail.
  const bool is_readable = finding.kind != Finding::Kind::kUnreadable;
  if (!loses_entries && behind_nothing_proven && !segment.sealed && is_readable) return false;
  switch (finding.kind) {
    case Finding::Kind::kEntry:
      damage->kind = damage_kind::kEntry;
      break;
    case Finding::Kind::kBytes:
      damage->kind = damage_kind::kBytes;
      break;
    case Finding::Kind::kUnreadable:
      damage->kind = damage_kind::kUnreadable;
      break;
    case Finding::Kind::kMissing:
      damage->kind = damage_kind::kMissingEntries;
      break;
  }
  damage->segment = segment.number;
  damage->file = segment.file;
  damage->offset = finding.offset;
  damage->end_offset = finding.end;
  damage->previous_lsn = finding.lsn_before;
  if (loses_entries && !finding.shares_loss) {
    damage->first_lsn = first;
    damage->last_lsn = last;
    damage->users = finding.users;
  }
  return true;
}

}  // namespace ingest_wal
