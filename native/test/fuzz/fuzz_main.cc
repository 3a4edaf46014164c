// What libFuzzer calls. One program for each target: INGEST_WAL_FUZZ_TARGET names it. scripts/fuzz.mjs builds and runs them.
//   fuzz_scan --write-seeds DIR     writes the target's own seeds, and ends
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "fuzz_target.h"
#include "testing.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace {

using ingest_wal::Bytes;
using ingest_wal::fuzz::Dice;
using ingest_wal::fuzz::FuzzTarget;
using ingest_wal::fuzz::Input;
using ingest_wal::fuzz::Verdict;

uint64_t runs = 0;
uint64_t deep_runs = 0;

const FuzzTarget& Target() {
  static const FuzzTarget* const target = ingest_wal::fuzz::FindFuzzTarget(INGEST_WAL_FUZZ_TARGET);
  if (target == nullptr) std::abort();
  return *target;
}

void TellRuns() {
  std::fprintf(stderr, "inputs %llu, past the checksums %llu\n", static_cast<unsigned long long>(runs),
               static_cast<unsigned long long>(deep_runs));
}

void WriteSeeds(const std::string& directory) {
  size_t number = 0;
  for (const Input& seed : Target().seeds()) {
    std::ofstream file(directory + "/seed-" + std::to_string(number++), std::ios::binary);
    file.write(reinterpret_cast<const char*>(seed.data()), static_cast<std::streamsize>(seed.size()));
    if (!file.good()) std::exit(1);
  }
  std::exit(0);
}

}  // namespace

// In place of testing_main.cc: what a test would note as a failure ends the run.
namespace ingest_wal {
namespace testing {

void Fail(const char* file, int line, const std::string& message) {
  std::fprintf(stderr, "%s:%d: %s\n", file, line, message.c_str());
  std::abort();
}
uint64_t CountFromEnvironment(const char*, uint64_t otherwise) { return otherwise; }
uint64_t Seed() { return 1; }

}  // namespace testing
}  // namespace ingest_wal

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  if (*argc == 3 && std::strcmp((*argv)[1], "--write-seeds") == 0) WriteSeeds((*argv)[2]);
  std::atexit(TellRuns);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Verdict verdict = Target().check(Bytes(data, size));
  runs++;
  deep_runs += verdict.deep ? 1 : 0;
  if (verdict.wrong.empty()) return 0;
  std::fprintf(stderr, "%s: %s\n", Target().name, verdict.wrong.c_str());
  std::abort();
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
  Dice dice(seed);
  Input input(data, data + size);
  if (dice.Once(2)) {
    input.resize(max_size);
    input.resize(LLVMFuzzerMutate(input.data(), size, max_size));
    if (!dice.Once(8)) Target().mend(&dice, &input);
  } else {
    ingest_wal::fuzz::MutateAndMend(Target(), &dice, &input);
  }
  const size_t kept = input.size() < max_size ? input.size() : max_size;
  if (kept != 0) std::memcpy(data, input.data(), kept);
  return kept;
}
