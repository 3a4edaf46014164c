#include "staged_entry.h"

namespace ingest_wal {

static_assert(staged::kUserIdAt % kRecordAlignment == 0);
static_assert(kMaxUserIdBytes <= UINT16_MAX && kMaxEntryRecordBytes <= UINT32_MAX);

void StageEntry(const Entry& from, uint8_t* to) {
  const size_t bytes = StagedEntryBytes(from.user_id.size, from.payload.size);
  Store(to + staged::kMagicAt, staged::kMagic);
  Store(to + staged::kBytesAt, static_cast<uint32_t>(bytes));
  Store(to + staged::kLsnAt, static_cast<double>(from.lsn));
  Store(to + staged::kSequenceAt, from.sequence);
  Store(to + staged::kTimestampAt, static_cast<double>(from.timestamp_ms));
  Store(to + staged::kUserNumberAt, from.user_number);
  Store(to + staged::kOperationAt, static_cast<uint16_t>(from.operation));
  Store(to + staged::kUserIdBytesAt, static_cast<uint16_t>(from.user_id.size));
  Store(to + staged::kPayloadBytesAt, static_cast<uint32_t>(from.payload.size));
  uint8_t* const user_id = to + staged::kUserIdAt;
  if (from.user_id.size != 0) std::memcpy(user_id, from.user_id.data, from.user_id.size);
  uint8_t* const payload = user_id + PaddedBytes(from.user_id.size);
  if (from.payload.size != 0) std::memcpy(payload, from.payload.data, from.payload.size);
}

bool ReadStaged(Bytes window, Entry* entry, size_t* bytes) {
  if (window.size < staged::kUserIdAt) return false;
  const uint8_t* at = window.data;
  const size_t user_id_bytes = Load<uint16_t>(at + staged::kUserIdBytesAt);
  const size_t payload_bytes = Load<uint32_t>(at + staged::kPayloadBytesAt);
  const uint16_t operation = Load<uint16_t>(at + staged::kOperationAt);
  const double timestamp_ms = Load<double>(at + staged::kTimestampAt);
  const double lsn = Load<double>(at + staged::kLsnAt);
  *bytes = StagedEntryBytes(user_id_bytes, payload_bytes);
  // Beyond it, a double does not name each whole number.
  constexpr auto kMost = static_cast<double>(kMaxLsn);
  const bool sound = Load<uint32_t>(at + staged::kMagicAt) == staged::kMagic && payload_bytes <= kMaxPayloadBytes &&
                     Load<uint32_t>(at + staged::kBytesAt) == *bytes && *bytes <= window.size && operation != 0 &&
                     operation <= kLastOperation && lsn >= 1 && lsn <= kMost && timestamp_ms >= -kMost &&
                     timestamp_ms <= kMost;
  if (!sound) return false;
  entry->lsn = static_cast<uint64_t>(lsn);
  entry->timestamp_ms = static_cast<int64_t>(timestamp_ms);
  entry->sequence = Load<uint32_t>(at + staged::kSequenceAt);
  entry->operation = static_cast<uint8_t>(operation);
  entry->user_number = Load<uint32_t>(at + staged::kUserNumberAt);
  entry->user_id = Bytes(at + staged::kUserIdAt, user_id_bytes);
  entry->payload = Bytes(at + staged::kUserIdAt + PaddedBytes(user_id_bytes), payload_bytes);
  return true;
}

}  // namespace ingest_wal
