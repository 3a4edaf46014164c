// Writes zeros ahead of the position of a segment that was not written before, so that its next syncs have nothing to
// allocate. By the thread that prepares spares, a slice at a time, through a descriptor of its own, and only while the
// writer writes little at a time or rests: who fills segments with large batches needs the disk for them.
//
// No slice ever touches bytes that the writer has written or is about to write.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "platform/file_system.h"

namespace ingest_wal {

class WriteAhead {
 public:
  // `file` is open for nothing else. Bytes before `from` are left alone; the segment is `end` bytes long. `wake` is called
  // when there is something to do.
  WriteAhead(std::unique_ptr<File> file, uint64_t from, uint64_t end, std::function<void()> wake);

  // --- The writer's thread.

  // Before `bytes` bytes are written up to `end`: waits for a slice that they would meet.
  void Reach(uint64_t bytes, uint64_t end);
  // Nothing is to be written: until the next Reach(), all of the segment may be.
  void Rest();
  // No further slice; waits for the one that is being written. Before the file is cut.
  void End();
  // Not ok: a slice could not be synced, so nobody knows what of the file is on the disk.
  Status status() const;

  // --- The preparing thread.

  bool HasWork() const;
  // One slice; `*bytes` gets its size.
  void WriteSome(uint64_t* bytes);

 private:
  uint64_t NextSlice() const;
  bool MayWrite() const;

  const std::unique_ptr<File> file_;
  const uint64_t end_;
  const uint64_t slice_bytes_;
  const std::function<void()> wake_;

  mutable std::mutex mutex_;  // guards what follows; not held over I/O
  std::condition_variable changed_;
  uint64_t reached_;           // the writer has this place, or is about to
  uint64_t next_;              // zeros are written up to here
  uint64_t slices_allowed_;
  bool resting_ = false;
  bool busy_ = false;          // the slice behind next_ is being written
  bool ended_ = false;
  Status status_;

  std::vector<uint8_t> zeros_;  // the preparing thread's own
};

}  // namespace ingest_wal
