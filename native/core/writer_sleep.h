// How the writer sleeps, and how the appender wakes it: by one look at a word of the ring for each entry, and a system call only
// when the writer asked for one.
//
// The appender stores "head" and then looks at "wake at"; the writer stores "wake at" and then looks at "head". One of the two
// has to see the other, which takes a fence between store and look on both sides. Where the environment has a fence for the
// whole process, the writer makes the appender pass it before it sleeps until it is woken, and the appender needs none of its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>

#include "environment.h"
#include "staging_ring.h"
#include "writer_figures.h"

namespace ingest_wal {

class WriterSleep {
 public:
  static constexpr uint64_t kUntilWoken = UINT64_MAX;

  // Borrows all of them.
  WriterSleep(const Environment& environment, StagingRing* ring, WriterCounters* counters);

  // --- The writer's thread.

  // Until woken, or until `deadline_ns` of the clock; the appender is to wake from `wake_at` staged bytes on. `has_work` is asked
  // when the appender can know of that: where it says yes, nobody sleeps.
  void Sleep(uint32_t wake_at, uint64_t deadline_ns, const std::function<bool()>& has_work);

  // --- From any thread.

  // An entry was published in the ring.
  void Notice();
  void Wake();
  // The environment's fence, if it has one, is used from soon after on. May wait for it, which the writer must not.
  void PrepareFence();

 private:
  void BeginToFence();
  // Whether an entry of which the appender believes that the writer sees it by itself can be seen from now on.
  bool SeesWhatWokeNobody();

  Clock* const clock_;
  ProcessFence* const fence_;  // null: there is none
  StagingRing* const ring_;
  WriterCounters* const counters_;
  std::atomic<bool> fence_is_ready_{false};
  bool fences_ = false;  // the writer's thread only: against an appender that does not order its stores

  std::mutex mutex_;  // guards woken_; held for a few instructions
  std::condition_variable changed_;
  bool woken_ = false;
};

}  // namespace ingest_wal
