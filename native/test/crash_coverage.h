#pragma once

#include <cstdint>

namespace ingest_wal {
namespace testing {

// How often the exploration came by each thing that it is meant to prove. A figure of 0 means that it proved nothing
// there.
struct Coverage {
  uint64_t rotations = 0;
  uint64_t spares_used = 0;        // segments made from a file that was ready
  uint64_t retired = 0;            // segments that the life asked to retire
  uint64_t recycled = 0;           // of them, those that became spares
  uint64_t written_again = 0;      // and were written to, over what they held
  uint64_t retired_and_gone = 0;   // opened without entries of retired segments
  uint64_t retired_and_back = 0;   // opened with some
  uint64_t checkpoints = 0;        // written
  uint64_t based_opens = 0;        // that began with a checkpoint
  uint64_t opens_without_history = 0;  // and of whose covered segments some were gone
  uint64_t ring_laps = 0;          // times the staging ring began again at its start
  uint64_t clean_closes = 0;
  uint64_t clean_opens = 0;        // opened behind a clean close
  uint64_t cuts_in_recovery = 0;
  uint64_t torn_tails = 0;
  uint64_t entries_carried = 0;    // written again by recovery
  uint64_t rings_taken_over = 0;   // that held entries
  uint64_t rings_gone_on_with = 0; // of a writer that died, emptied and used again
  uint64_t entries_dropped = 0;    // appended, never acknowledged, and gone: what a power cut may take
  uint64_t sealed_by_recovery = 0;
  uint64_t no_space = 0;           // calls that failed for want of space
  uint64_t failed_syncs = 0;
  uint64_t other_errors = 0;
  uint64_t degraded = 0;
  uint64_t resumed = 0;
  uint64_t failed = 0;
  uint64_t failed_opens = 0;       // by a fault; the next open must bring everything back
  uint64_t backpressure = 0;

  void Add(const Coverage& other);
};

}  // namespace testing
}  // namespace ingest_wal
