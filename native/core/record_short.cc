#include "record_short.h"

#include <algorithm>

#include "crc32c.h"

namespace ingest_wal {
namespace {

using namespace short_entry;  // its offsets: kLsnOffsetAt and the like

constexpr uint64_t kTimestampMask = (uint64_t{1} << kOperationShift) - 1;
constexpr uint64_t kOperationMask = (uint64_t{1} << (kUserCheckShift - kOperationShift)) - 1;

// Bodies of so few bytes are summed along with the header, before it is known that the length is true: however many lies
// there are, time stays linear.
constexpr size_t kFewBytes = 256;

// What the header checksum covers.
Crc32cFramed Header(const uint8_t* record, uint32_t segment_seed, uint64_t offset) {
  static_assert((kPayloadAt - kBodyChecksumAt) % 8 == 0 && kHeaderChecksumAt - kMagicAt == sizeof(uint32_t));
  return {segment_seed, offset, record + kBodyChecksumAt, (kPayloadAt - kBodyChecksumAt) / 8,
          Load<uint32_t>(record + kMagicAt)};
}

uint32_t BodyChecksum(const uint8_t* record, size_t record_bytes) {
  return Crc32c(0, record + kLsnOffsetAt, record_bytes - kLsnOffsetAt);
}

uint32_t UserRecordChecksum(const uint8_t* record, size_t record_bytes, uint32_t segment_seed, uint64_t offset) {
  uint8_t place[sizeof(offset)];
  Store(place, offset);
  return Crc32c(Crc32c(segment_seed, place, sizeof(place)), record + user_record::kNumberAt,
                record_bytes - user_record::kNumberAt);
}

void NeedMore(size_t bytes, Record* record) {
  record->state = RecordState::kNeedMore;
  record->bytes = bytes;
}

}  // namespace

bool FitsShortEntry(const Entry& entry, uint64_t first_lsn) {
  return entry.user_number != 0 && entry.user_number <= user_record::kMaxNumber &&
         entry.user_id.size <= user_record::kMaxUserIdBytes && entry.payload.size <= short_entry::kMaxPayloadBytes &&
         entry.timestamp_ms >= 0 && entry.timestamp_ms <= kMaxTimestampMs && entry.lsn - first_lsn <= UINT32_MAX;
}

uint16_t UserCheck(Bytes user_id) { return static_cast<uint16_t>(Crc32c(0, user_id.data, user_id.size)); }

void EncodeShortEntry(const Entry& from, uint64_t first_lsn, uint16_t user_check, uint32_t segment_seed, uint64_t offset,
                      uint8_t* record) {
  const size_t bytes = ShortEntryRecordBytes(from.payload.size);
  Store(record + kMagicAt, kMagic);
  Store(record + kPayloadBytesAt, static_cast<uint16_t>(from.payload.size));
  Store(record + kLsnOffsetAt, static_cast<uint32_t>(from.lsn - first_lsn));
  Store(record + kUserNumberAt, from.user_number);
  Store(record + kSequenceAt, from.sequence);
  Store(record + kFactsAt, static_cast<uint64_t>(from.timestamp_ms) |
                               static_cast<uint64_t>(from.operation) << kOperationShift |
                               static_cast<uint64_t>(user_check) << kUserCheckShift);
  if (bytes > kPayloadAt) {
    Store(record + bytes - kRecordAlignment, uint64_t{0});  // the pad
    std::memcpy(record + kPayloadAt, from.payload.data, from.payload.size);
  }
  Store(record + kBodyChecksumAt, BodyChecksum(record, bytes));
  Store(record + kHeaderChecksumAt, Crc32cTwo(Header(record, segment_seed, offset), nullptr, 0).first);
}

void EncodeUserRecord(uint32_t number, Bytes user_id, uint32_t segment_seed, uint64_t offset, uint8_t* record) {
  const size_t bytes = UserRecordBytes(user_id.size);
  std::memset(record, 0, bytes);
  Store(record + user_record::kMagicAt, user_record::kMagic);
  Store(record + user_record::kNumberAt, number);
  Store(record + user_record::kUserIdBytesAt, static_cast<uint16_t>(user_id.size));
  if (user_id.size != 0) std::memcpy(record + user_record::kUserIdAt, user_id.data, user_id.size);
  Store(record + user_record::kChecksumAt, UserRecordChecksum(record, bytes, segment_seed, offset));
}

void CheckShortEntry(Bytes window, uint32_t segment_seed, uint64_t first_lsn, uint64_t offset, Record* record) {
  record->state = RecordState::kNothing;
  if (window.size < kPayloadAt) return NeedMore(kPayloadAt, record);
  const uint8_t* at = window.data;
  const size_t payload_bytes = Load<uint16_t>(at + kPayloadBytesAt);
  const size_t bytes = ShortEntryRecordBytes(payload_bytes);
  const bool is_small = bytes <= std::min(window.size, kFewBytes);
  const Crc32cPair sums = Crc32cTwo(Header(at, segment_seed, offset), at + kLsnOffsetAt, is_small ? bytes - kLsnOffsetAt : 0);
  const uint64_t lsn = first_lsn + Load<uint32_t>(at + kLsnOffsetAt);
  const uint32_t user_number = Load<uint32_t>(at + kUserNumberAt);
  if (Load<uint32_t>(at + kHeaderChecksumAt) != sums.first || lsn > kMaxLsn || user_number == 0 ||
      user_number > user_record::kMaxNumber) {
    return;
  }
#ifndef INGEST_WAL_SEED_BUG_LENGTH_UNCHECKED  // planted by native/test/seeded_bug_test.cc, which must see it
  if (window.size < bytes) return NeedMore(bytes, record);
#endif
  const uint64_t facts = Load<uint64_t>(at + kFactsAt);
  record->is_short = true;
  record->bytes = bytes;
  record->body_checksum = Load<uint32_t>(at + kBodyChecksumAt);
  record->entry.lsn = lsn;
  record->entry.user_number = user_number;
  record->user_check = static_cast<uint16_t>(facts >> kUserCheckShift);
  const auto operation = static_cast<uint8_t>(facts >> kOperationShift & kOperationMask);
  const uint32_t body_checksum = is_small ? sums.second : BodyChecksum(at, bytes);
  if (record->body_checksum != body_checksum || operation == 0 || operation > kLastOperation) {
    record->state = RecordState::kDamagedEntry;
    return;
  }
  record->state = RecordState::kEntry;
  record->entry.timestamp_ms = static_cast<int64_t>(facts & kTimestampMask);
  record->entry.sequence = Load<uint32_t>(at + kSequenceAt);
  record->entry.operation = operation;
  record->entry.user_id = Bytes();
  record->entry.payload = Bytes(at + kPayloadAt, payload_bytes);
}

void CheckUserRecord(Bytes window, uint32_t segment_seed, uint64_t offset, Record* record) {
  record->state = RecordState::kNothing;
  if (window.size < user_record::kUserIdAt) return NeedMore(user_record::kUserIdAt, record);
  const uint8_t* at = window.data;
  const size_t user_id_bytes = Load<uint16_t>(at + user_record::kUserIdBytesAt);
  const uint32_t number = Load<uint32_t>(at + user_record::kNumberAt);
  // The length is not vouched for yet, only small: so little is looked at whatever it says.
  if (user_id_bytes > user_record::kMaxUserIdBytes || number == 0 || number > user_record::kMaxNumber ||
      Load<uint16_t>(at + user_record::kZeroAt) != 0) {
    return;
  }
  const size_t bytes = UserRecordBytes(user_id_bytes);
  if (window.size < bytes) return NeedMore(bytes, record);
  if (Load<uint32_t>(at + user_record::kChecksumAt) != UserRecordChecksum(at, bytes, segment_seed, offset)) return;
  record->state = RecordState::kUser;
  record->bytes = bytes;
  record->entry.user_number = number;
  record->entry.user_id = Bytes(at + user_record::kUserIdAt, user_id_bytes);
}

}  // namespace ingest_wal
