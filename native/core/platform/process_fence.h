// A memory fence that one thread makes all threads of the process pass. It takes the fence from the road that is walked
// millions of times a second and puts it where a thread is about to sleep.
#pragma once

namespace ingest_wal {

class ProcessFence {
 public:
  virtual ~ProcessFence() = default;
  // Whether it is to be had; false where the system refuses it. Comes before Pass(). The first time in a process it waits until the
  // kernel has come by every processor, which takes milliseconds or tens of them. From any thread.
  virtual bool Prepare() { return true; }
  // Afterwards every other thread of the process has passed a full fence since the call. False: none has to have.
  virtual bool Pass() = 0;
};

// Null where the system has none, and on processors that make stores visible in another order than the
// program's: there a thread has to order its stores itself.
ProcessFence* SystemProcessFence();

}  // namespace ingest_wal
