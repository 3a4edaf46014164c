// Counts of values in buckets whose bounds double: for figures that are read as a distribution, such as how long syncs take.
//
// One thread records, with plain stores: no locked instruction, no wait. Any thread may look at any time; it may see the
// value that is being recorded in its bucket and not in the sum yet.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace ingest_wal {

// The bounds are first_bound, 2 * first_bound, 4 * first_bound, …: `bound_count` of them.
template <uint64_t first_bound, size_t bound_count>
class Histogram {
  static_assert(first_bound > 0 && bound_count > 0 && bound_count < 64, "there are buckets");
  static_assert(first_bound <= UINT64_MAX >> bound_count, "every bound is a number");

 public:
  static constexpr size_t kBounds = bound_count;
  // One for each bound, and one for what is above all of them.
  static constexpr size_t kBuckets = bound_count + 1;

  // The highest value that belongs into bucket `index`.
  static constexpr uint64_t Bound(size_t index) { return first_bound << index; }

  // The thread that records, only.
  void Record(uint64_t value) {
    size_t bucket = 0;
    while (bucket < kBounds && value > Bound(bucket)) bucket++;
    Add(&counts_[bucket], 1);
    Add(&sum_, value);
  }

  uint64_t count(size_t bucket) const { return counts_[bucket].load(std::memory_order_relaxed); }
  uint64_t sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  static void Add(std::atomic<uint64_t>* to, uint64_t value) {
    to->store(to->load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
  }

  std::array<std::atomic<uint64_t>, kBuckets> counts_{};
  std::atomic<uint64_t> sum_{0};
};

}  // namespace ingest_wal
