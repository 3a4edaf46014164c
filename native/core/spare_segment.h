// Makes the next segment's file ready ahead of need: space reserved, and written with zeros once, because a sync of
// bytes that were written before costs about half (no allocation to journal). Done by a thread of its own, a slice
// at a time, each slice synced by itself, so that no flush of the log waits for it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "platform/file_system.h"

namespace ingest_wal {

class SpareSegment {
 public:
  SpareSegment(Directory* directory, uint64_t bytes) : directory_(directory), bytes_(bytes) {}

  // --- The writer's side.

  // A file named kSpareName of `bytes` bytes that reads as zeros: the one made ready if it has that size, else a new
  // one. Waits at most for the slice that is being written. `*reserved`: its space cannot run out.
  Status Take(uint64_t bytes, std::unique_ptr<File>* file, bool* reserved);
  // Asks for a spare. Cheap; does nothing when there is one.
  void Request();

  // --- The preparing thread's side.

  // Prepares until Stop().
  void Run();
  // One slice of the work; false when there is nothing to do.
  bool PrepareSome();
  void Stop();

 private:
  enum class Phase { kNone, kWanted, kFilling, kReady };

  Status Make(uint64_t bytes, std::unique_ptr<File>* file, bool* reserved);
  bool BeginSlice();

  Directory* const directory_;
  const uint64_t bytes_;

  std::mutex mutex_;  // guards what follows; never held over I/O of the preparing thread
  std::condition_variable changed_;
  Phase phase_ = Phase::kNone;
  bool busy_ = false;  // the preparing thread is writing to file_ without the mutex
  bool stopping_ = false;
  std::unique_ptr<File> file_;
  bool reserved_ = false;
  uint64_t filled_bytes_ = 0;
  std::vector<uint8_t> zeros_;  // the preparing thread's own
};

}  // namespace ingest_wal
