#include "segment_scan.h"

#include <algorithm>
#include <cstring>

#include "segment_name.h"
#include "stale_bytes.h"

namespace ingest_wal {
namespace {

Status NewerVersion(const std::string& file, uint32_t version) {
  return Status(ErrorCode::kNewerFormat, file + " is of format version " + std::to_string(version) +
                                               "; this build reads versions up to " + std::to_string(kFormatVersion));
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
    segment->Reject(damage_kind::kSegmentHeader, "the content ends inside the segment header");
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
  if (!found) segment->Reject(damage_kind::kSegmentHeader, "both copies of the segment header are damaged");
  return Status();
}

void NoteSizes(SegmentSource* source, SegmentScan* segment) {
  segment->file_bytes = source->size();
  segment->stored_bytes = source->stored_bytes();
  segment->compressed = source->compressed() != nullptr;
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
  (*source)->SetPlannedBytes(header.planned_bytes);
  return CheckStillHolds(source->get(), file, header);
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

}  // namespace

bool IsDamage(const Status& opened) { return opened.code() == ErrorCode::kInvalidArgument; }

bool IsSegmentFile(const std::string& name, uint64_t* number) {
  return ParseSegmentName(name, number) || ParseCompressedSegmentName(name, number);
}

void SegmentScan::Reject(const char* kind, std::string detail) {
  rejected_kind = kind;
  rejected_detail = std::move(detail);
}

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
    segment->Reject(damage_kind::kNotAFile, opened.message());
    return Status();
  }
  NoteSizes(source.get(), segment);
  INGEST_WAL_RETURN_IF_ERROR(ReadHeader(source.get(), segment));
  if (!segment->accepted()) return Status();
  source->SetPlannedBytes(segment->header.planned_bytes);
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

Status ScanSegment(Directory* directory, SegmentScan* segment) {
  std::unique_ptr<SegmentSource> source;
  const Status opened = OpenSegmentSource(directory, segment->file, segment->header, &source);
  if (!opened.ok()) {
    if (!IsDamage(opened)) return opened;
    segment->Reject(damage_kind::kNotAFile, opened.message());
    return Status();
  }
  NoteSizes(source.get(), segment);
  ForgetEntries(segment);
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
    damage->users = finding.UsersUpTo(last);
  }
  return true;
}

}  // namespace ingest_wal
