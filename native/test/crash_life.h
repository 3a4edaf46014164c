// One life of a log that crash_explorer.h crashes: what it is asked to do, at random, and the faults that it meets.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "crash_coverage.h"
#include "crash_oracle.h"
#include "dice.h"
#include "log.h"
#include "memory_file_system.h"

namespace ingest_wal {
namespace testing {

// A fault that lasts for a number of calls of one kind, or of any kind that takes space.
class FaultPlan {
 public:
  FaultPlan(Dice* random, Coverage* coverage) : random_(random), coverage_(coverage) {}

  // Decides for the calls to come: mostly no fault.
  void Draw();
  void Clear() { left_ = 0; }
  // What `call` answers.
  Status operator()(Call call);

  uint64_t hard_errors() const { return hard_errors_; }

 private:
  Dice* const random_;
  Coverage* const coverage_;
  ErrorCode code_ = ErrorCode::kOk;
  Call only_ = Call::kSync;
  uint64_t left_ = 0;
  uint64_t skip_ = 0;
  uint64_t hard_errors_ = 0;
};

// One log, living in one world until the power goes or it has done enough.
class Life {
 public:
  Life(MemoryWorld* world, Log* log, Oracle* oracle, Dice* random, bool compacts, FaultPlan* faults,
       Coverage* coverage)
      : world_(world), log_(log), oracle_(oracle), random_(random), compacts_(compacts), faults_(faults),
        coverage_(coverage) {
    // What is durable in the ring is what waiters are told, also in the midst of a step.
    world_->WhenCut([this] { oracle_->acknowledged = std::max(oracle_->acknowledged, log_->durable_lsn()); });
  }
  ~Life() { world_->WhenCut(nullptr); }

  // Appends, flushes and prepares spares at random. Says what went wrong, or nothing.
  std::string Run();
  std::string Close();

 private:
  void AppendOne();
  // One of the things that compaction does, at random.
  void Compact();
  void WriteCheckpoint();
  // Whatever segments may go.
  void RetireCovered();
  // Two newer ones are there.
  void RemoveOldCheckpoint();
  // The segment with the lowest number, but for the two newest.
  void RetireLowest();
  bool IsWrittenAgain(uint64_t number) const;
  void Flush();
  // With the faults gone, a log that has not failed takes everything and is well again.
  void Settle();
  void Count();

  MemoryWorld* const world_;
  Log* const log_;
  Oracle* const oracle_;
  Dice* const random_;
  const bool compacts_;
  FaultPlan* const faults_;
  Coverage* const coverage_;
  uint64_t slices_ = 0;
  uint64_t last_retired_ = 0;
  std::string wrong_;
};

}  // namespace testing
}  // namespace ingest_wal
