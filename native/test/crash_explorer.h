// Drives the real log (open, append, flush, rotate, close) on a MemoryWorld, cuts it at a chosen call, brings the
// machine up again many times over from that one moment, and holds what comes back against an oracle that
// stood outside.
//
// One state is one crash relived: the machine comes up (now and then it is cut in recovery and comes up once more), the
// log is opened and every entry checked, it goes on writing, crashes again, and is opened and checked again.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "crash_coverage.h"
#include "crash_oracle.h"
#include "memory_file_system.h"

namespace ingest_wal {
namespace testing {

struct ExplorerOptions : Circumstances {
  uint64_t seed = 1;
  uint64_t states = 1000;
  // Ends when a state fails; how many were explored by then depends on the machine.
  bool until_failure = false;
  // Sets seeded bugs on each world before it is used.
  std::function<void(MemoryWorld*)> prepare;
};

struct ExplorerResult {
  uint64_t states = 0;
  uint64_t failures = 0;
  uint64_t entries_checked = 0;
  std::string first_failure;
  Coverage coverage;
};

// Explores on all cores. The outcome depends on the options alone, but for `until_failure`.
ExplorerResult Explore(const ExplorerOptions& options);

// For a bug that was planted: fails the running test when none of so many states shows it, and prints which one did.
void ExpectCaught(const char* bug, ExplorerOptions options);

}  // namespace testing
}  // namespace ingest_wal
