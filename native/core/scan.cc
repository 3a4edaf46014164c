#include "scan.h"

#include <algorithm>

namespace ingest_wal {
namespace {

// Large enough that looking for its end costs nothing, small enough for the compiler to keep in registers.
constexpr size_t kZeroRunBytes = 64;

bool IsZeroRun(const uint8_t* at) {
  uint64_t any = 0;
  for (size_t i = 0; i < kZeroRunBytes; i += sizeof(uint64_t)) any |= Load<uint64_t>(at + i);
  return any == 0;
}

}  // namespace

void Scanner::FlushUnknown(ScanStep* step) {
  step->kind = ScanKind::kUnknown;
  step->offset = unknown_start_;
  step->end = position_;
  step->nonzero = unknown_nonzero_end_ != 0;
  step->nonzero_end = unknown_nonzero_end_;
  step->truncated = truncated_;
  in_unknown_ = false;
  unknown_nonzero_end_ = 0;
}

void Scanner::BeginUnknown() {
  if (in_unknown_) return;
  in_unknown_ = true;
  unknown_start_ = position_;
  unknown_nonzero_end_ = 0;
}

void Scanner::PassOver(const uint8_t* at, size_t count) {
  BeginUnknown();
  for (size_t i = count; i-- > 0;) {
    if (at[i] != 0) {
      unknown_nonzero_end_ = position_ + i + 1;
      break;
    }
  }
  position_ += count;
}

void Scanner::PassOverZeros(Bytes rest) {
  if (rest.size < kRecordAlignment || Load<uint64_t>(rest.data) != 0) return;
  size_t count = 0;
  while (count + kZeroRunBytes <= rest.size && IsZeroRun(rest.data + count)) count += kZeroRunBytes;
  while (count + kRecordAlignment <= rest.size && Load<uint64_t>(rest.data + count) == 0) count += kRecordAlignment;
  BeginUnknown();
  position_ += count;
}

void Scanner::PassHole(uint64_t end) {
  if (end <= position_) return;
  BeginUnknown();
  position_ = end;
}

void Scanner::Finish(uint64_t file_end, ScanStep* step) {
  if (in_unknown_) {
    position_ = std::max(position_, file_end);
    FlushUnknown(step);
    return;
  }
  step->kind = ScanKind::kEnd;
  step->offset = step->end = position_;
}

void Scanner::AskForMore(size_t bytes, ScanStep* step) const {
  step->kind = ScanKind::kNeedMore;
  step->offset = position_;
  step->bytes = bytes;
}

void Scanner::Next(Bytes window, uint64_t window_offset, bool at_end, ScanStep* step) {
  const uint64_t window_end = window_offset + window.size;
  while (position_ < window_end) {
    PassOverZeros(window.From(position_ - window_offset));
    const Bytes rest = window.From(position_ - window_offset);
    if (rest.size == 0) break;
    Record& record = step->record;
    CheckRecord(rest, seed_, first_lsn_, position_, &record);
    if (record.state == RecordState::kNeedMore) {
      if (!at_end) return AskForMore(record.bytes, step);
      // Fewer bytes than a magic number can be the middle of anything; more begin like a record.
      truncated_ = truncated_ || rest.size >= sizeof(uint32_t);
      PassOver(rest.data, std::min(rest.size, kRecordAlignment));
      continue;
    }
    if (record.state == RecordState::kNothing) {
      // A window that ends inside a word says nothing of that word yet: the next record begins behind all of it.
      if (rest.size < kRecordAlignment && !at_end) return AskForMore(kRecordAlignment, step);
      PassOver(rest.data, std::min(rest.size, kRecordAlignment));
      continue;
    }
    if (in_unknown_) return FlushUnknown(step);
    step->kind = record.state == RecordState::kEntry  ? ScanKind::kEntry
                 : record.state == RecordState::kUser ? ScanKind::kUser
                 : record.state == RecordState::kMark ? ScanKind::kMark
                                                      : ScanKind::kDamagedEntry;
    step->offset = position_;
    step->bytes = record.bytes;
    step->end = position_ + record.bytes;
    step->nonzero = step->truncated = false;
    step->nonzero_end = 0;
    position_ = step->end;
    return;
  }
  if (at_end) return Finish(window_end, step);
  AskForMore(kRecordAlignment, step);
}

}  // namespace ingest_wal
