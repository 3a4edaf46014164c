// Random choices of tests: one word of state (SplitMix64), because each of millions of worlds has dice of its own and a
// Mersenne twister takes longer to seed than many a world to live. Usable wherever the standard library takes a generator.
#pragma once

#include <cstdint>

namespace ingest_wal {
namespace testing {

// A word whose bits all depend on all bits of `value`.
inline uint64_t Mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

class Dice {
 public:
  using result_type = uint64_t;
  static constexpr uint64_t min() { return 0; }
  static constexpr uint64_t max() { return UINT64_MAX; }

  explicit Dice(uint64_t seed = 1) : state_(seed) {}
  void seed(uint64_t seed) { state_ = seed; }
  uint64_t operator()() { return Mix(state_ += 0x9e3779b97f4a7c15); }

 private:
  uint64_t state_;
};

}  // namespace testing
}  // namespace ingest_wal
