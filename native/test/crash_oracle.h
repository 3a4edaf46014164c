// What stands outside of the log that crash_explorer.h crashes: it knows what was appended and what was acknowledged, and
// holds what comes back against that.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "log.h"
#include "memory_file_system.h"

namespace ingest_wal {
namespace testing {

constexpr uint64_t kUsers = 17;
const std::string& UserOf(uint64_t user);

// What entry `lsn` says, when it was appended in the `generation`-th life of the log. The check regenerates it.
struct Expected {
  Bytes user_id;
  Bytes payload;
};
Expected ExpectedEntry(uint64_t lsn, uint64_t generation);

// What the outside world knows.
struct Oracle {
  std::vector<uint64_t> generation_of;  // of entry lsn, at lsn - 1; grows with each append
  uint64_t acknowledged = 0;            // durable LSN last seen while the power was on
  uint64_t retired = 0;                 // entries up to here were in segments that were retired: they may be gone
  uint64_t compacted = 0;               // entries up to here may be in checkpoints only, if these keep them
  uint64_t checkpoint = 0;              // the newest that was said to be written, if nobody has removed it
  uint64_t generation = 1;
};

// What checkpoints of a life are to keep.
inline bool IsKept(uint64_t lsn) { return lsn % 3 == 0; }

// What happens to the log.
struct Circumstances {
  // The process dies instead of the power: shared memory and page cache survive, and nothing at all may be lost.
  bool process_death = false;
  // Calls fail now and then while the log lives: a full disk for a while, or an error that comes back or does not.
  bool faults = false;
  // Lives compact what they hold, and retire covered segments only: nothing that a checkpoint was to keep may be lost.
  bool checkpoints = false;
};

// What must hold of a log that was just opened in `world`. Empty: all is well. Adds to `checked` how many entries were held
// against the oracle.
std::string Check(Log* log, const MemoryWorld& world, const Oracle& oracle, const Circumstances& circumstances,
                  uint64_t* checked);

}  // namespace testing
}  // namespace ingest_wal
