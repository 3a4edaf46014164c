#include "segment_users.h"

#include "format.h"

namespace ingest_wal {
namespace {

constexpr size_t kBlockBytes = size_t{64} << 10;

}  // namespace

void SegmentUsers::Define(uint32_t number, Bytes user_id) {
  const bool within_limits =
      number != 0 && number <= user_record::kMaxNumber && user_id.size <= user_record::kMaxUserIdBytes;
  if (!within_limits || Knows(number)) return;
  const size_t bytes = sizeof(uint16_t) + user_id.size;
  if (blocks_.empty() || bytes > kBlockBytes - block_used_) {
    blocks_.emplace_back(new uint8_t[kBlockBytes]);
    block_used_ = 0;
  }
  uint8_t* const place = blocks_.back().get() + block_used_;
  block_used_ += bytes;
  Store(place, static_cast<uint16_t>(user_id.size));
  if (user_id.size != 0) std::memcpy(place + sizeof(uint16_t), user_id.data, user_id.size);
  if (number >= places_.size()) places_.resize(size_t{number} + 1, nullptr);
  places_[number] = place;
}

}  // namespace ingest_wal
