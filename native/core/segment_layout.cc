#include "segment_layout.h"

#include <algorithm>

namespace ingest_wal {
namespace {

// A mark that says that everything before `next_lsn` is durable.
Mark DurableMark(MarkKind kind, uint64_t next_lsn, int64_t now_ms) {
  Mark mark;
  mark.next_lsn = next_lsn;
  mark.durable_lsn = next_lsn - 1;
  mark.timestamp_ms = now_ms;
  mark.kind = kind;
  return mark;
}

}  // namespace

void EncodeSeal(uint32_t segment_seed, uint64_t offset, uint64_t next_lsn, int64_t now_ms, uint8_t* to) {
  EncodeMark(DurableMark(MarkKind::kSealFirst, next_lsn, now_ms), segment_seed, offset, to);
  EncodeMark(DurableMark(MarkKind::kSealSecond, next_lsn, now_ms), segment_seed, offset + mark::kBytes, to + mark::kBytes);
}

void EncodeHeaderCopies(const SegmentHeader& header, uint8_t* to) {
  for (uint32_t copy = 0; copy < header::kCopies; copy++) {
    EncodeSegmentHeader(header, copy, to + copy * header::kCopyBytes);
  }
}

void SegmentLayout::BeginBatch(NumberedUsers* users, uint64_t first_entry_bytes, Batch* batch) const {
  batch->Begin(header_, position_, users);
  uint64_t bytes = first_entry_bytes;
  for (const RepeatLater& user : repeat_later_) {
    if (position_ - user.written_end < user_record::kApartBytes) continue;
    bytes += UserRecordBytes(user.id.size());
    // At the very end of a segment there may be no room; then little of it is written by that name.
    if (bytes > room()) break;
    batch->Repeat(user);
  }
}

void SegmentLayout::Advance(const Batch& batch, uint64_t bytes) {
  const auto repeated = [this](const RepeatLater& user) {
    return position_ - user.written_end >= user_record::kApartBytes;
  };
  repeat_later_.erase(std::remove_if(repeat_later_.begin(), repeat_later_.end(), repeated), repeat_later_.end());
  repeat_later_.insert(repeat_later_.end(), batch.close_together().begin(), batch.close_together().end());
  position_ += bytes;
}

void SegmentLayout::EncodeIdleMark(uint64_t next_lsn, int64_t now_ms, uint8_t* to) const {
  EncodeMark(DurableMark(MarkKind::kIdle, next_lsn, now_ms), seed_, position_, to);
}

std::vector<uint8_t> SegmentLayout::End(uint64_t next_lsn, int64_t now_ms) const {
  std::vector<uint8_t> end;
  for (const RepeatLater& user : repeat_later_) {
    const size_t at = end.size();
    const size_t bytes = UserRecordBytes(user.id.size());
    if (position_ + at + bytes + kTailReserveBytes > limit_) break;
    end.resize(at + bytes);
    EncodeUserRecord(user.number, Bytes(user.id.data(), user.id.size()), seed_, position_ + at, end.data() + at);
  }
  const size_t seal_at = end.size();
  end.resize(seal_at + kSealBytes);
  EncodeSeal(seed_, position_ + seal_at, next_lsn, now_ms, end.data() + seal_at);
  return end;
}

uint64_t SegmentLayout::room() const {
  const uint64_t taken = position_ + mark::kBytes + kTailReserveBytes;
  return taken >= limit_ ? 0 : limit_ - taken;
}

}  // namespace ingest_wal
