// Checkpoints in a MemoryWorld: verbs for tests of how they are written.
#pragma once

#include <string>
#include <vector>

#include "checkpoint_writer.h"
#include "test_log.h"

namespace ingest_wal {
namespace testing {

// Everything up to the segment.
CheckpointPlan KeepAll(uint64_t through_segment);

Status WriteCheckpoint(MemoryWorld* world, const CheckpointPlan& plan, CheckpointScan* written = nullptr);

// Of checkpoint `number`, which has its name.
CheckpointScan CheckpointOf(MemoryWorld* world, uint64_t number);
std::vector<TestEntry> EntriesOfCheckpoint(MemoryWorld* world, uint64_t number);

// Numbers of checkpoints, in order: "1 2".
std::string CheckpointsOf(MemoryWorld* world);

}  // namespace testing
}  // namespace ingest_wal
