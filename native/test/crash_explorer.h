// Drives the real log (open, append, flush, rotate, close) on a MemoryWorld, cuts it at a chosen call, brings the
// machine up again many times over from that one moment, and holds what comes back against an oracle that
// stood outside.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "log.h"
#include "memory_file_system.h"

namespace ingest_wal {
namespace testing {

struct ExplorerOptions {
  uint64_t seed = 1;
  uint64_t states = 1000;
  // Sets seeded bugs on each world before it is used.
  std::function<void(MemoryWorld*)> prepare;
  // The process dies instead of the power: shared memory and page cache survive, and nothing at all may be lost.
  bool process_death = false;
};

struct ExplorerResult {
  uint64_t states = 0;
  uint64_t failures = 0;
  uint64_t entries_checked = 0;
  std::string first_failure;
};

ExplorerResult Explore(const ExplorerOptions& options);

// What entry `lsn` says, when it was appended in the `generation`-th life of the log. The check regenerates it.
struct Expected {
  std::string user_id;
  std::string payload;
};
Expected ExpectedEntry(uint64_t lsn, uint64_t generation);

}  // namespace testing
}  // namespace ingest_wal
