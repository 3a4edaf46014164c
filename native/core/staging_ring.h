// The staging ring: where an entry lives from append() until it is on stable storage. In POSIX shared memory, so
// that it outlives the process; the next writer takes over what it finds.
//
// One thread appends (the event loop), one thread drains (the log's writer). Positions only grow; the byte at
// position p lies at p modulo the capacity. A record never wraps: where it would, padding fills the lap.
//
//   region   | header, 4096 bytes | data, capacity bytes |
//   header   0 magic u64 | 8 version u32 | 12 checksum u32 | 16 log id | 32 device u64 | 40 inode u64 | 48 capacity u64
//            The checksum covers [0, 12) and [16, 64).
//            128 head u32 | 132 last LSN u32                  stored by the appender, head last, when an entry is whole
//            192 tail u64 | 200 durable LSN u64               stored by the writer, LSN first, after the sync
//            208 wake at u32 | 212 log state u32              stored by the writer: what the appender has to know
//            216 writer fences u32                            stored by the writer, once: see SetWriterFences()
//            512 figures, 768 bytes                           stored by the writer, for others to look at: writer_figures.h
//
// Head and last LSN are the low halves of numbers of 64 bits: tail and durable LSN, which are less than 2^32 behind,
// complete them. So an appender in JavaScript, which has no integers of 64 bits, can store them.
//
// A process may die between any two stores. Before head moves, an entry is invisible; durable LSN before tail means
// that take-over at worst meets entries again that it knows to be durable, and skips them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bytes.h"
#include "environment.h"
#include "record.h"
#include "staged_entry.h"
#include "writer_figures.h"

namespace ingest_wal {

constexpr uint64_t kMinRingBytes = uint64_t{64} << 10;
constexpr uint64_t kMaxRingBytes = uint64_t{1} << 30;

// The largest entry that a ring takes: a quarter, so that a few entries always fit into an empty ring together.
constexpr uint64_t MaxStagedBytesOf(uint64_t capacity) { return capacity / 4; }

// Where the words of the ring's header are that the appender shares with the writer, and where the data begins.
namespace ring {
constexpr size_t kHeadAt = 128;
constexpr size_t kLastLsnAt = 132;
constexpr size_t kTailAt = 192;
constexpr size_t kDurableLsnAt = 200;
constexpr size_t kWakeAtAt = 208;
constexpr size_t kStateAt = 212;
constexpr size_t kWriterFencesAt = 216;
// Apart from the words that the appender looks at: the writer stores here after each batch.
constexpr size_t kFiguresAt = 512;
constexpr size_t kDataAt = 4096;
// "Wake at": the appender wakes the writer when so many bytes are staged or more. This: never, it is awake.
constexpr uint32_t kNeverWake = UINT32_MAX;
static_assert(kFiguresAt + figures::kBytes <= kDataAt);
}  // namespace ring

class StagingRing {
 public:
  // A new ring under `name`. Without `memory`, or with an empty name, it lives in the heap.
  static Status Create(SharedMemory* memory, const std::string& name, uint64_t capacity, const LogId& log_id,
                       const DirectoryIdentity& directory, uint64_t durable_lsn, std::unique_ptr<StagingRing>* ring);
  // Goes on with the ring `name` that a dead writer of this directory left: its memory needs not be given back and taken
  // again. Everything in it is given up; it is durable, and `durable_lsn` is its last LSN, unless the ring is empty.
  // kInvalidArgument, with nothing changed, when it has another capacity or cannot be used.
  static Status Reuse(SharedMemory* memory, const std::string& name, uint64_t capacity, const LogId& log_id,
                      const DirectoryIdentity& directory, uint64_t durable_lsn, std::unique_ptr<StagingRing>* ring);

  // --- The appender's side.

  // Room for one staged entry of `bytes` (a multiple of 8), or null when there is none now.
  uint8_t* Reserve(size_t bytes);
  // Makes the entry that was written to the last Reserve visible; it has this LSN.
  void Publish(size_t bytes, uint64_t lsn);
  // Whether staged entries of together `bytes` would all be taken now, however they fall around the lap's end.
  bool HasRoom(uint64_t bytes) const;
  // LSN of the last entry published.
  uint64_t last_lsn() const;
  uint32_t wake_at() const { return WordAt(ring::kWakeAtAt)->load(std::memory_order_seq_cst); }

  // --- The writer's side.

  // A contiguous run of staged entries.
  struct Slice {
    uint8_t* data = nullptr;
    size_t bytes = 0;
    uint64_t end_position = 0;  // ring position after it
  };
  uint64_t head() const;
  uint64_t tail() const;
  // Entries from `position` on, at most up to `head` or the lap's end; skips padding. Empty at head.
  Slice SliceAt(uint64_t position, uint64_t head) const;
  // Everything before `position` is durable, entries up to `durable_lsn`.
  void Release(uint64_t position, uint64_t durable_lsn);
  // Sets from how many staged bytes on the appender wakes the writer; gives what it was.
  uint32_t ExchangeWakeAt(uint32_t bytes) { return WordAt(ring::kWakeAtAt)->exchange(bytes, std::memory_order_seq_cst); }
  // The writer makes the appender's thread pass a fence before it sleeps until it is woken. So the appender may store head
  // as it stores everything else, where processors keep stores in order, and need not wait until it is visible.
  void SetWriterFences() { WordAt(ring::kWriterFencesAt)->store(1, std::memory_order_relaxed); }
  void SetState(uint32_t state) { WordAt(ring::kStateAt)->store(state, std::memory_order_release); }

  // Zeros in a ring that was just made or taken over.
  WriterFigures* figures() const;

  uint64_t durable_lsn() const;
  uint64_t used_bytes() const { return head() - tail(); }
  uint64_t capacity() const { return capacity_; }
  bool shared() const { return shared_; }
  // Shared with readers, which may outlive the log.
  std::shared_ptr<SharedRegion> region() { return region_; }

 private:
  StagingRing() = default;
  void Attach(std::shared_ptr<SharedRegion> region, uint64_t capacity);
  // The words that say nothing of what is staged.
  void BeginAfter(uint64_t durable_lsn);
  std::atomic<uint64_t>* AtomicAt(size_t offset) const;
  std::atomic<uint32_t>* WordAt(size_t offset) const;

  std::shared_ptr<SharedRegion> region_;
  uint8_t* data_ = nullptr;
  uint64_t capacity_ = 0;
  bool shared_ = false;
  uint64_t next_ = 0;  // where the last Reserve() has put the entry
};

// What a ring holds, copied out of it.
struct RingContents {
  bool found = false;
  uint64_t durable_lsn = 0;
  // Whole staged entries, one behind the other, LSNs first_lsn to last_lsn.
  std::vector<uint8_t> staged;
  uint64_t first_lsn = 0;
  uint64_t last_lsn = 0;
  uint64_t entries = 0;
  // Bytes between tail and head that are no such entries: the ring was damaged.
  bool damaged = false;
};

// Copies what is staged. Safe beside a live writer and a live appender of any process: what was drained
// meanwhile is left out (it is in the segments by then). Trusts nothing it reads.
RingContents CopyRing(SharedRegion* region);

// Whether `region` is a ring of this log, made for this directory.
bool IsRingOf(SharedRegion* region, const LogId& log_id, const DirectoryIdentity& directory);

// Looks for the ring that a writer of this very directory made, alive or dead. `contents->found` says whether there is
// one; `name` gets what it is called. An error when something under a name of this log cannot be read, or not now.
Status FindRing(SharedMemory* memory, const LogId& log_id, const DirectoryIdentity& directory, RingContents* contents,
                std::string* name);

// What the header of a ring tells: a look that takes as long as the header is, however much is staged.
struct RingFigures {
  bool found = false;
  uint64_t last_lsn = 0;
  uint64_t durable_lsn = 0;
  uint64_t used_bytes = 0;  // never above the capacity
  uint64_t capacity = 0;
  uint32_t state = 0;  // as SetState() was told
  std::shared_ptr<SharedRegion> region;

  // They move on while they are looked at.
  const WriterFigures& writer() const;
};

// Looks at the ring that FindRing() would find. Safe beside a live writer and a live appender; trusts nothing it reads.
Status LookAtRing(SharedMemory* memory, const LogId& log_id, const DirectoryIdentity& directory, RingFigures* figures);

// Whether `name` is what a process left that died while it made a ring: nobody will ever use it.
bool IsUnfinishedRing(SharedMemory* memory, const std::string& name);

// Names under which rings of a log are looked for; a copy of a log's directory beside the original makes a second
// one necessary.
constexpr int kRingNames = 8;
std::string RingName(const LogId& log_id, int index);

}  // namespace ingest_wal
