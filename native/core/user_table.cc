#include "user_table.h"

#include <algorithm>

namespace ingest_wal {
namespace {

constexpr size_t kInitialSlots = 64;
constexpr size_t kMaxProbes = 64;

// Multiplies, which carries differences up, and folds, which brings them down again.
uint64_t Mix(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
  return hash ^ hash >> 32;
}

uint32_t HashOf(Bytes id) {
  uint64_t hash = Mix(0, id.size);
  size_t at = 0;
  for (; at + 8 <= id.size; at += 8) hash = Mix(hash, Load<uint64_t>(id.data + at));
  uint64_t rest = 0;
  if (at < id.size) std::memcpy(&rest, id.data + at, id.size - at);
  return static_cast<uint32_t>(Mix(Mix(hash, rest), 0));
}

}  // namespace

bool UserTable::Is(uint32_t number, Bytes id) const {
  const Bytes known = IdOf(number);
  return known.size == id.size && (id.size == 0 || std::memcmp(known.data, id.data, id.size) == 0);
}

uint32_t UserTable::NumberOf(Bytes id) {
  if (last_ < size() && Is(last_, id)) return last_;
  if (2 * size() >= slots_.size()) Grow();
  const uint32_t hash = HashOf(id);
  size_t slot = hash & (slots_.size() - 1);
  for (size_t probe = 0; probe < kMaxProbes && slots_[slot].taken_by != 0; probe++) {
    const uint32_t number = slots_[slot].taken_by - 1;
    if (slots_[slot].hash == hash && Is(number, id)) return last_ = number;
    slot = (slot + 1) & (slots_.size() - 1);
  }
  const auto number = static_cast<uint32_t>(size());
  ids_.insert(ids_.end(), id.data, id.data + id.size);
  ends_.push_back(ids_.size());
  if (slots_[slot].taken_by == 0) slots_[slot] = {hash, number + 1};
  return last_ = number;
}

uint32_t UserTable::NumberOf(uint32_t segment_number, Bytes id) {
  if (segment_number >= by_segment_number_.size()) by_segment_number_.resize(size_t{segment_number} + 1);
  uint32_t& known = by_segment_number_[segment_number];
  if (known == 0) known = NumberOf(id) + 1;
  return known - 1;
}

void UserTable::Grow() {
  std::vector<Slot> larger(std::max(kInitialSlots, 2 * slots_.size()));
  for (const Slot& slot : slots_) {
    if (slot.taken_by == 0) continue;
    size_t at = slot.hash & (larger.size() - 1);
    size_t probe = 0;
    while (probe < kMaxProbes && larger[at].taken_by != 0) {
      at = (at + 1) & (larger.size() - 1);
      probe++;
    }
    if (larger[at].taken_by == 0) larger[at] = slot;
  }
  slots_ = std::move(larger);
}

void UserTable::Clear() {
  ids_.clear();
  ends_.clear();
  slots_.clear();
  by_segment_number_.clear();
  last_ = 0;
}

}  // namespace ingest_wal
