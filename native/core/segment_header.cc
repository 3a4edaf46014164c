#include "segment_header.h"

#include <cstring>

#include "crc32c.h"

namespace ingest_wal {
namespace {

// The checksum of a block whose own checksum field lies at [checksum_at, checksum_at + 4).
uint32_t BlockChecksum(const uint8_t* block, size_t checksum_at, size_t block_bytes) {
  const size_t behind = checksum_at + sizeof(uint32_t);
  return Crc32c(Crc32c(0, block, checksum_at), block + behind, block_bytes - behind);
}

}  // namespace

void EncodeSegmentHeader(const SegmentHeader& from, uint32_t copy, uint8_t* to) {
  std::memset(to, 0, header::kCopyBytes);
  Store(to + header::kMagicAt, header::kMagic);
  Store(to + header::kVersionAt, kFormatVersion);
  std::memcpy(to + header::kLogIdAt, from.log_id.data(), kLogIdBytes);
  Store(to + header::kNumberAt, from.number);
  Store(to + header::kSaltAt, from.salt);
  Store(to + header::kFirstLsnAt, from.first_lsn);
  Store(to + header::kPreviousLsnAt, from.previous_lsn);
  Store(to + header::kPreviousChecksumAt, from.previous_checksum);
  Store(to + header::kCopyAt, copy);
  Store(to + header::kCreatedAt, from.created_ms);
  Store(to + header::kPlannedBytesAt, from.planned_bytes);
  Store(to + header::kFormerSaltAt, from.former_salt);
  Store(to + header::kFormerNumberAt, from.former_number);
  Store(to + header::kKindAt, static_cast<uint32_t>(from.kind));
  Store(to + header::kCoveredSegmentAt, from.covered_segment);
  Store(to + header::kCoveredLsnAt, from.covered_lsn);
  Store(to + header::kCoveredChecksumAt, from.covered_checksum);
  Store(to + header::kEntriesAt, from.entries);
  Store(to + header::kChecksumAt, BlockChecksum(to, header::kChecksumAt, header::kCopyBytes));
}

HeaderState CheckSegmentHeader(const uint8_t* block, uint32_t copy, SegmentHeader* to, uint32_t* version) {
  if (Load<uint64_t>(block + header::kMagicAt) != header::kMagic) return HeaderState::kNotAHeader;
  *version = Load<uint32_t>(block + header::kVersionAt);
  if (*version > kFormatVersion) return HeaderState::kNewerVersion;
  if (*version == 0) return HeaderState::kDamaged;
  if (Load<uint32_t>(block + header::kChecksumAt) != BlockChecksum(block, header::kChecksumAt, header::kCopyBytes)) {
    return HeaderState::kDamaged;
  }
  if (Load<uint32_t>(block + header::kCopyAt) != copy) return HeaderState::kDamaged;
  if (Load<uint32_t>(block + header::kKindAt) > kLastFileKind) return HeaderState::kDamaged;
  std::memcpy(to->log_id.data(), block + header::kLogIdAt, kLogIdBytes);
  to->number = Load<uint64_t>(block + header::kNumberAt);
  to->salt = Load<uint64_t>(block + header::kSaltAt);
  to->first_lsn = Load<uint64_t>(block + header::kFirstLsnAt);
  to->previous_lsn = Load<uint64_t>(block + header::kPreviousLsnAt);
  to->previous_checksum = Load<uint32_t>(block + header::kPreviousChecksumAt);
  to->created_ms = Load<int64_t>(block + header::kCreatedAt);
  to->planned_bytes = Load<uint64_t>(block + header::kPlannedBytesAt);
  to->former_salt = Load<uint64_t>(block + header::kFormerSaltAt);
  to->former_number = Load<uint64_t>(block + header::kFormerNumberAt);
  to->kind = static_cast<FileKind>(Load<uint32_t>(block + header::kKindAt));
  to->covered_segment = Load<uint64_t>(block + header::kCoveredSegmentAt);
  to->covered_lsn = Load<uint64_t>(block + header::kCoveredLsnAt);
  to->covered_checksum = Load<uint32_t>(block + header::kCoveredChecksumAt);
  to->entries = Load<uint64_t>(block + header::kEntriesAt);
  const bool sane = to->first_lsn > to->previous_lsn && to->first_lsn <= kMaxLsn;
  return sane ? HeaderState::kValid : HeaderState::kDamaged;
}

void EncodeIdentity(const LogId& id, uint8_t* to) {
  std::memset(to, 0, identity::kBytes);
  Store(to + identity::kMagicAt, identity::kMagic);
  Store(to + identity::kVersionAt, kFormatVersion);
  std::memcpy(to + identity::kLogIdAt, id.data(), kLogIdBytes);
  Store(to + identity::kChecksumAt, BlockChecksum(to, identity::kChecksumAt, identity::kBytes));
}

HeaderState CheckIdentity(const uint8_t* from, LogId* id, uint32_t* version) {
  if (Load<uint64_t>(from + identity::kMagicAt) != identity::kMagic) return HeaderState::kNotAHeader;
  *version = Load<uint32_t>(from + identity::kVersionAt);
  if (*version > kFormatVersion) return HeaderState::kNewerVersion;
  if (Load<uint32_t>(from + identity::kChecksumAt) != BlockChecksum(from, identity::kChecksumAt, identity::kBytes)) {
    return HeaderState::kDamaged;
  }
  std::memcpy(id->data(), from + identity::kLogIdAt, kLogIdBytes);
  return HeaderState::kValid;
}

std::string LogIdText(const LogId& id) {
  static const char kDigits[] = "0123456789abcdef";
  std::string text(2 * id.size(), '0');
  for (size_t i = 0; i < id.size(); i++) {
    text[2 * i] = kDigits[id[i] >> 4];
    text[2 * i + 1] = kDigits[id[i] & 15];
  }
  return text;
}

}  // namespace ingest_wal
