// Writes checkpoints. A checkpoint has its name only when it is whole on stable storage and was read back; until then,
// whatever goes wrong, nothing of the log is changed. Takes no lock and no part in writing the log: any thread of the
// process that has the log's lock may do it, one at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "checkpoint.h"
#include "environment.h"

namespace ingest_wal {

// What goes into a checkpoint. An entry is kept if its user is not in `users`, or its LSN is at least the user's
// keep_from_lsn, or its LSN is in `also_lsns`.
struct CheckpointPlan {
  std::string directory;
  // The highest segment that it covers: it and all before it are neither written nor sealed any more.
  uint64_t through_segment = 0;
  std::vector<std::string> users;
  std::vector<uint64_t> keep_from_lsn;  // of each of `users`
  std::vector<uint64_t> also_lsns;      // ascending
  // Goes on without entries that are damaged or missing, instead of refusing: a loss becomes final by it. For repair alone,
  // which keeps the files and says in the log whose entries are lost.
  bool accepts_losses = false;
  // What is there of the history as well, and not only what is live.
  bool history = false;
  // Asked now and then; true: stop. May be empty.
  std::function<bool()> is_stopped;
};

// Writes the next checkpoint, from the base and the segments behind it, and says what was read back of it. kCorrupt, when
// entries up to there are damaged or missing, or what was read back is not what was written; kInvalidArgument, when there
// is no such complete segment; kClosed, when it was stopped. The temporary file is gone then.
Status WriteCheckpoint(const Environment& environment, const CheckpointPlan& plan, CheckpointScan* written);

}  // namespace ingest_wal
