// Makes the next segment's file ready ahead of need, on a thread of its own, so that neither a flush nor the event loop
// waits for space: a segment that nobody needs any more, to be filled again, or else a new file that was written with
// zeros once. A sync of bytes that were written before costs half to a third, because there is no allocation to journal.
// The work is done a slice at a time, each slice synced by itself.
//
// Retired segments are not unlinked but become the next spare, where they fit and none is there; the others are unlinked
// here. What they hold stays in the file until it is written over. docs/recovery.md says why none of it comes back.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "platform/file_system.h"
#include "write_ahead.h"

namespace ingest_wal {

// A file under the name kSpareName, as long as it was asked for.
struct ReadyFile {
  std::unique_ptr<File> file;
  bool reserved = false;  // its space cannot run out
  uint64_t written_bytes = 0;  // so many from its beginning were written before
  // The segment whose records it holds; number 0: it reads as zeros.
  uint64_t former_salt = 0;
  uint64_t former_number = 0;
};

class SpareSegment {
 public:
  SpareSegment(Directory* directory, uint64_t bytes) : directory_(directory), bytes_(bytes) {}

  // --- The writer's side.

  // A file of `bytes` bytes: the one made ready if it has that size, else a new one. Waits at most for the slice that is
  // being written. What was taken must have another name before Request() is called again.
  Status Take(uint64_t bytes, ReadyFile* ready);
  // Asks for a spare. Cheap; does nothing when there is one.
  void Request();
  // Goes on with what is being written: zeros ahead of the writer from `from` to `end` of `file`, a descriptor of its own
  // of the segment. Until the next call, or WriteAhead::End().
  std::shared_ptr<WriteAhead> StartAhead(std::unique_ptr<File> file, uint64_t from, uint64_t end);

  // The writer is about to write so many bytes at once; 0: it rests. Zeros for the spare would take the disk from large
  // batches, and cost them more than they save the batches after them: they wait.
  void Writes(uint64_t bytes);

  // --- From any thread.

  // Segment `number` is needed no more. Segments go in the order in which they are retired, each durably before the
  // next, so that what is missing is always a beginning; when one cannot go, it is tried again with the next call. The
  // last one waits for the next Request(), to be filled again, or for Discard().
  void Retire(uint64_t number);
  // The same, but it stays as a compressed one, which is whole.
  void RetireUncompressed(uint64_t number);
  // A sync of segment `number` has failed: what its file holds is not known any more, and it is never filled again.
  void NeverFillAgain(uint64_t number);

  // Zeros written so that nothing is allocated later.
  uint64_t written_ahead_bytes() const { return written_ahead_bytes_.load(std::memory_order_relaxed); }
  // Segments that became spares, and that were unlinked.
  uint64_t recycled() const { return recycled_.load(std::memory_order_relaxed); }
  uint64_t removed() const { return removed_.load(std::memory_order_relaxed); }

  // --- The preparing thread's side.

  // Prepares until Stop().
  void Run();
  // One slice of the work; false when there is nothing to do.
  bool PrepareSome();
  void Stop();
  // After Run(): removes what was retired, and the file that is ready, or was being made. kNotFound when there is no such
  // file. A segment that cannot go stays, and so do those behind it.
  Status Discard();

 private:
  enum class Phase { kNone, kWanted, kFilling, kReady };
  enum class Work { kNone, kAhead, kMake, kFill, kRecycle, kRemove };

  Status Make(uint64_t bytes, ReadyFile* ready);
  Work NextWork() const;
  struct Retired {
    uint64_t number = 0;
    bool stays_compressed = false;
  };

  Work Begin(Retired* first, std::shared_ptr<WriteAhead>* ahead);
  void End(Work work, const Status& status);
  Status Do(Work work, const Retired& first, WriteAhead* ahead);
  Status Fill();
  Status SyncWhatReplacesIt();
  Status Recycle(const Retired& retired, ReadyFile* ready);
  Status Remove(const Retired& retired);
  Status RemoveCompressed(uint64_t number);
  void Add(const Retired& retired);

  Directory* const directory_;
  const uint64_t bytes_;

  std::mutex mutex_;  // guards what follows; never held over I/O of the preparing thread
  std::condition_variable changed_;
  Phase phase_ = Phase::kNone;
  std::deque<Retired> retired_;
  std::set<uint64_t> never_again_;
  bool first_is_to_go_ = false;  // the first of them is none to be filled again
  bool stuck_ = false;           // the first of them could not be removed just now
  bool busy_ = false;            // the preparing thread is at work on ready_ without the mutex
  bool stopping_ = false;
  bool writer_is_busy_ = false;  // written by the writer alone, which looks at it without the mutex
  ReadyFile ready_;
  std::shared_ptr<WriteAhead> ahead_;

  std::vector<uint8_t> zeros_;  // the preparing thread's own
  std::atomic<uint64_t> written_ahead_bytes_{0};
  std::atomic<uint64_t> recycled_{0};
  std::atomic<uint64_t> removed_{0};
};

}  // namespace ingest_wal
