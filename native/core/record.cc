#include "record.h"

#include "crc32c.h"
#include "record_short.h"

namespace ingest_wal {
namespace {

uint32_t PositionSeed(uint32_t segment_seed, uint64_t offset) {
  uint8_t bytes[8];
  Store(bytes, offset);
  return Crc32c(segment_seed, bytes, sizeof(bytes));
}

uint32_t HeaderChecksum(const uint8_t* record, uint32_t segment_seed, uint64_t offset) {
  return Crc32c(PositionSeed(segment_seed, offset), record + entry::kLsnAt, entry::kTimestampAt - entry::kLsnAt);
}

uint32_t BodyChecksum(const uint8_t* record, size_t record_bytes) {
  const uint32_t head = Crc32c(0, record + entry::kLsnAt, entry::kBodyChecksumAt - entry::kLsnAt);
  return Crc32c(head, record + entry::kTimestampAt, record_bytes - entry::kTimestampAt);
}

uint32_t MarkChecksum(const uint8_t* record, uint32_t segment_seed, uint64_t offset) {
  return Crc32c(PositionSeed(segment_seed, offset), record + mark::kNextLsnAt, mark::kBytes - mark::kNextLsnAt);
}

// Lengths and reserved bytes of a header whose checksum was sound.
bool HeaderWithinLimits(const uint8_t* record) {
  const uint64_t lsn = Load<uint64_t>(record + entry::kLsnAt);
  return lsn != 0 && lsn <= kMaxLsn && Load<uint32_t>(record + entry::kPayloadBytesAt) <= kMaxPayloadBytes &&
         Load<uint16_t>(record + entry::kZeroAt) == 0;
}

void NeedMore(size_t bytes, Record* record) {
  record->state = RecordState::kNeedMore;
  record->bytes = bytes;
}

void CheckBody(Bytes window, Record* record) {
  const uint8_t* at = window.data;
  const size_t user_id_bytes = Load<uint16_t>(at + entry::kUserIdBytesAt);
  const size_t payload_bytes = Load<uint32_t>(at + entry::kPayloadBytesAt);
  const size_t bytes = EntryRecordBytes(user_id_bytes, payload_bytes);
#ifndef INGEST_WAL_SEED_BUG_LENGTH_UNCHECKED  // planted by native/test/seeded_bug_test.cc, which must see it
  if (window.size < bytes) return NeedMore(bytes, record);
#endif
  record->is_short = false;
  record->bytes = bytes;
  record->body_checksum = Load<uint32_t>(at + entry::kBodyChecksumAt);
  record->entry.lsn = Load<uint64_t>(at + entry::kLsnAt);
  const uint8_t operation = at[entry::kUserIdAt + user_id_bytes];
  const uint32_t footer = Load<uint32_t>(at + bytes - entry::kFooterBytes);
  if (record->body_checksum != BodyChecksum(at, bytes) || footer != bytes || operation == 0 ||
      operation > kLastOperation) {
    record->state = RecordState::kDamagedEntry;
    return;
  }
  record->state = RecordState::kEntry;
  record->entry.timestamp_ms = Load<int64_t>(at + entry::kTimestampAt);
  record->entry.sequence = Load<uint32_t>(at + entry::kSequenceAt);
  record->entry.operation = operation;
  record->entry.user_number = 0;
  record->entry.user_id = Bytes(at + entry::kUserIdAt, user_id_bytes);
  record->entry.payload = Bytes(at + entry::kUserIdAt + user_id_bytes + entry::kOperationBytes, payload_bytes);
}

void CheckMark(Bytes window, uint32_t segment_seed, uint64_t offset, Record* record) {
  if (window.size < mark::kBytes) return NeedMore(mark::kBytes, record);
  const uint8_t* at = window.data;
  if (Load<uint32_t>(at + mark::kChecksumAt) != MarkChecksum(at, segment_seed, offset)) return;
  const uint8_t kind = at[mark::kKindAt];
  const uint64_t next_lsn = Load<uint64_t>(at + mark::kNextLsnAt);
  const bool within_limits = kind != 0 && kind <= kLastMarkKind && next_lsn <= kMaxLsn + 1 &&
                             Load<uint64_t>(at + mark::kDurableLsnAt) < next_lsn &&
                             Load<uint64_t>(at + mark::kKindAt) == kind;
  if (!within_limits) return;
  record->state = RecordState::kMark;
  record->bytes = mark::kBytes;
  record->mark.next_lsn = next_lsn;
  record->mark.durable_lsn = Load<uint64_t>(at + mark::kDurableLsnAt);
  record->mark.timestamp_ms = Load<int64_t>(at + mark::kTimestampAt);
  record->mark.batch_entries = Load<uint32_t>(at + mark::kBatchEntriesAt);
  record->mark.batch_bytes = Load<uint32_t>(at + mark::kBatchBytesAt);
  record->mark.kind = static_cast<MarkKind>(kind);
}

}  // namespace

uint32_t SegmentSeed(uint64_t salt, uint64_t number) {
  uint8_t bytes[16];
#ifdef INGEST_WAL_SEED_BUG_ONE_SEED_FOR_ALL  // planted by native/test/seeded_bug_test.cc, which must see it
  salt = number = 0;
#endif
  Store(bytes, salt);
  Store(bytes + 8, number);
  return Crc32c(0, bytes, sizeof(bytes));
}

void EncodeEntry(const Entry& from, uint8_t* record) {
  const size_t bytes = EntryRecordBytes(from.user_id.size, from.payload.size);
  Store(record + entry::kMagicAt, entry::kMagic);
  Store(record + entry::kHeaderChecksumAt, uint32_t{0});
  Store(record + entry::kLsnAt, from.lsn);
  Store(record + entry::kPayloadBytesAt, static_cast<uint32_t>(from.payload.size));
  Store(record + entry::kUserIdBytesAt, static_cast<uint16_t>(from.user_id.size));
  Store(record + entry::kZeroAt, uint16_t{0});
  Store(record + entry::kSequenceAt, from.sequence);
  Store(record + entry::kTimestampAt, from.timestamp_ms);
  uint8_t* at = record + entry::kUserIdAt;
  if (from.user_id.size != 0) std::memcpy(at, from.user_id.data, from.user_id.size);
  Store(record + entry::kUserIdChecksumAt, Crc32c(0, at, from.user_id.size));
  at += from.user_id.size;
  *at++ = from.operation;
  if (from.payload.size != 0) std::memcpy(at, from.payload.data, from.payload.size);
  at += from.payload.size;
  uint8_t* footer = record + bytes - entry::kFooterBytes;
  while (at < footer) *at++ = 0;
  Store(footer, static_cast<uint32_t>(bytes));
  Store(record + entry::kBodyChecksumAt, BodyChecksum(record, bytes));
}

void PlaceEntry(uint8_t* record, uint32_t segment_seed, uint64_t offset) {
  Store(record + entry::kHeaderChecksumAt, HeaderChecksum(record, segment_seed, offset));
}

void EncodeMark(const Mark& from, uint32_t segment_seed, uint64_t offset, uint8_t* record) {
  std::memset(record, 0, mark::kBytes);
  Store(record + mark::kMagicAt, mark::kMagic);
  Store(record + mark::kNextLsnAt, from.next_lsn);
  Store(record + mark::kDurableLsnAt, from.durable_lsn);
  Store(record + mark::kTimestampAt, from.timestamp_ms);
  Store(record + mark::kBatchEntriesAt, from.batch_entries);
  Store(record + mark::kBatchBytesAt, from.batch_bytes);
  record[mark::kKindAt] = static_cast<uint8_t>(from.kind);
  Store(record + mark::kChecksumAt, MarkChecksum(record, segment_seed, offset));
}

void CheckRecord(Bytes window, uint32_t segment_seed, uint64_t first_lsn, uint64_t offset, Record* record) {
  record->state = RecordState::kNothing;
  if (window.size < sizeof(uint32_t)) return NeedMore(sizeof(uint32_t), record);
  if (Load<uint16_t>(window.data) == short_entry::kMagic) {
    return CheckShortEntry(window, segment_seed, first_lsn, offset, record);
  }
  const uint32_t magic = Load<uint32_t>(window.data);
  if (magic == mark::kMagic) return CheckMark(window, segment_seed, offset, record);
  if (magic == user_record::kMagic) return CheckUserRecord(window, segment_seed, offset, record);
  if (magic != entry::kMagic) return;
  if (window.size < entry::kTimestampAt) return NeedMore(entry::kTimestampAt, record);
  if (Load<uint32_t>(window.data + entry::kHeaderChecksumAt) != HeaderChecksum(window.data, segment_seed, offset) ||
      !HeaderWithinLimits(window.data)) {
    return;
  }
  CheckBody(window, record);
}

}  // namespace ingest_wal
