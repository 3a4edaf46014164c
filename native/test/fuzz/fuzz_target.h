// A fuzz target: something of the core that decodes bytes which nobody vouches for, and what has to hold whatever they are.
// libFuzzer drives the targets (fuzz_main.cc, npm run fuzz); the corpus that it left is replayed without it by
// native/test/fuzz_corpus_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bytes.h"

namespace ingest_wal {
namespace fuzz {

using Input = std::vector<uint8_t>;

// Random numbers that are the same on every machine.
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}
  uint64_t Next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_ * 0x2545f4914f6cdd1d;
  }
  // From 0 to `end` - 1; `end` is not 0.
  size_t Below(size_t end) { return static_cast<size_t>((Next() >> 16) % end); }
  // Once in `times`.
  bool Once(size_t times) { return Below(times) == 0; }

 private:
  uint64_t state_;
};

struct Verdict {
  std::string wrong;  // what must not be; empty: nothing
  // The input got past the checksums, to where lengths and counts are believed. Without such inputs a run proves little.
  bool deep = false;
};

struct FuzzTarget {
  const char* name;
  size_t max_bytes;  // of an input
  Verdict (*check)(Bytes input);
  // Makes checksums, and often lengths and LSNs, what the other bytes demand, but not always and not all of them.
  void (*mend)(Dice* dice, Input* input);
  // Where a run begins when there is no corpus.
  std::vector<Input> (*seeds)();
};

const std::vector<FuzzTarget>& FuzzTargets();
// Null when there is none of this name.
const FuzzTarget* FindFuzzTarget(const std::string& name);

// Changes bytes, moves, doubles and drops stretches; mostly by the words that records are made of.
void Mutate(Dice* dice, size_t max_bytes, Input* input);
// Mutate() once or several times, then mostly the target's mend().
void MutateAndMend(const FuzzTarget& target, Dice* dice, Input* input);

extern const FuzzTarget kScanTarget;
extern const FuzzTarget kRecordTarget;
extern const FuzzTarget kHeaderTarget;
extern const FuzzTarget kRingTarget;
extern const FuzzTarget kCompressedTarget;
extern const FuzzTarget kInflateTarget;
extern const FuzzTarget kCheckpointTarget;

void Append(Bytes bytes, Input* to);
inline void Append(const Input& bytes, Input* to) { Append(Bytes(bytes.data(), bytes.size()), to); }

// What `input` begins with, zeros where it is too short, and what follows. Inputs begin with a few numbers that say how
// the rest is presented.
struct Dials {
  static constexpr size_t kBytes = 8;
  uint32_t first = 0;
  uint32_t second = 0;
  Bytes rest;
};
Dials DialsOf(Bytes input);
Input WithDials(uint32_t first, uint32_t second, const Input& rest);

}  // namespace fuzz
}  // namespace ingest_wal
