// The writer: drains the staging ring into segments, batch by batch, one sync for all who wait. Run() is a loop whose
// caller owns the thread; nothing here knows of Node. Three threads meet:
//
//   appender   Notice(), RequestDurable(), RequestDrained() and the getters; never waits (one short wake-up at most)
//   writer     Run() or, in tests, Step()
//   anybody    Stop()
//
// When a batch is due: somebody waits for it, or batch_bytes are staged, or batch_interval has passed. While a sync
// runs, everything that arrives gathers for the next one.
//
// What goes wrong: no space means waiting and trying again, with the ring as buffer. Any other failed write or sync is
// final for that segment: what is in the ring is written again to a fresh one. If that fails too, the log has failed.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "environment.h"
#include "segment_writer.h"
#include "spare_segment.h"
#include "staging_ring.h"
#include "writer_figures.h"
#include "writer_sleep.h"

namespace ingest_wal {

struct WriterOptions {
  uint64_t segment_bytes = 100'000'000;
  uint64_t batch_bytes = 1'000'000;
  uint64_t batch_interval_ns = 100'000'000;
};

enum class LogState : int { kOk, kDegraded, kFailed, kClosed };

struct LogEvent {
  enum class Kind { kRotate, kDegraded, kResumed, kFailed, kCorruption };
  Kind kind = Kind::kRotate;
  uint64_t segment = 0;
  uint64_t lsn = 0;
  Status status;
};

// Told on the writer's thread, or on the appender's when what it asks for is true already. Must not call back.
class WriterListener {
 public:
  virtual ~WriterListener() = default;
  // Durable LSN, state, events or room have changed and somebody asked to know.
  virtual void Wake() = 0;
};

class Writer {
 public:
  // Where writing begins: `active` is published and empty or holds everything up to `durable_lsn`.
  struct Start {
    LogId log_id{};
    uint64_t durable_lsn = 0;
    uint32_t durable_checksum = 0;
    uint64_t next_number = 1;
    std::unique_ptr<SegmentWriter> active;
    // No other file says up to where LSNs were used: `active` must stay even when nothing is written to it.
    bool active_is_only_proof = false;
  };

  Writer(const Environment& environment, Directory* directory, StagingRing* ring, SpareSegment* spare,
         const WriterOptions& options, Start start);

  void SetListener(WriterListener* listener) { listener_ = listener; }

  // --- The writer's thread.

  // Until Stop(); then drains what it can and returns.
  void Run();
  // One round without waiting: flushes when something is staged. True when it flushed all of a batch.
  bool Step();
  // After Run(): seals the active segment (removes it when it holds nothing). Everything staged must be durable.
  Status Finish();

  // --- The appender.

  // An entry was published in the ring.
  void Notice() { sleep_.Notice(); }
  // The same, from an appender that has looked at the ring's "wake at" itself.
  void WakeWriter() { sleep_.Wake(); }
  void RequestDurable(uint64_t lsn);
  void RequestDrained();
  // Asks for the active segment to be sealed, once it holds something durable and whatever room it has, and for the next one
  // to be begun. Returns the segment up to which all will be complete then: the listener is told when complete_through() has
  // come there, if it is not there already.
  uint64_t RequestRotation();
  bool IsDrained() const { return ring_->used_bytes() * 2 <= ring_->capacity(); }

  void Stop();

  // --- From any thread.

  void PrepareFence() { sleep_.PrepareFence(); }

  // Segment `number` is needed no more: its file becomes the next segment's, or is unlinked, in the order of the calls,
  // by the thread that prepares spares. kInvalidArgument for one that is not complete yet.
  Status Retire(uint64_t number);
  // The same of its plain file: it stays as a compressed one.
  Status RetireUncompressed(uint64_t number);

  // The highest segment that is complete, as all before it: neither written nor sealed any more.
  uint64_t complete_through() const { return complete_below_.load(std::memory_order_acquire) - 1; }

  // --- Figures, from any thread.

  const WriterCounters& counters() const { return counters_; }
  const WriterHistograms& histograms() const { return histograms_; }
  LogState state() const { return state_.load(std::memory_order_acquire); }
  // Why the state is not kOk.
  Status problem();
  std::vector<LogEvent> TakeEvents();
  uint64_t durable_lsn() const { return ring_->durable_lsn(); }

 private:
  bool Staged() const { return ring_->head() != drained_; }
  bool Due(uint64_t now_ns, bool interval_passed) const;
  bool HasWork(bool until_woken) const;
  void Sleep(uint32_t wake_at, uint64_t deadline_ns);

  Status Flush();
  Status WriteStaged();
  Status EnsureSegment(uint64_t first_record_bytes);
  Status CheckComplete(uint64_t number) const;
  bool RotationDue() const { return rotate_through_.load() > complete_through() && !stopping_.load(); }
  Status Rotate();
  void RetireActive();
  void SetActive(uint64_t number, uint64_t first_lsn);
  Status OpenSegment(uint64_t first_record_bytes);
  // What was written to the active segment in this round, up to which position of the ring; not durable yet.
  struct Written {
    uint64_t position = 0;
    uint64_t lsn = 0;
    uint32_t checksum = 0;
    uint64_t bytes = 0;
  };
  // Writes one batch of what is staged behind `written`, which is moved on. The segment has room for its first entry, which
  // needs `first_entry_bytes` at most.
  Status WriteBatch(uint64_t first_entry_bytes, Written* written);
  // Adds entries to the batch from `*end_position`, behind entry `last_lsn`, on, records of at most `limit` bytes.
  Status CollectBatch(uint64_t limit, uint64_t last_lsn, uint64_t* end_position);
  // The most bytes of records that the staged entry at `position` needs.
  Status NextRecordBytes(uint64_t position, uint64_t* bytes);
  void Acknowledge(const Written& written);
  void AfterFlush();
  void Rest();
  void SealRetiring();
  void HandleFailure(const Status& status);
  void AbandonActive();
  void SetState(LogState state, LogEvent::Kind kind, const Status& status);
  void Post(LogEvent event);
  void WakeListener();

  const Environment environment_;
  Directory* const directory_;
  StagingRing* const ring_;
  SpareSegment* const spare_;
  const WriterOptions options_;
  const LogId log_id_;
  WriterListener* listener_ = nullptr;

  // The writer's thread only.
  std::unique_ptr<SegmentWriter> active_;
  std::unique_ptr<SegmentWriter> retiring_;  // complete; its seal waits until nobody waits
  uint64_t retiring_next_lsn_ = 0;
  uint64_t next_number_;
  const bool first_is_only_proof_;
  uint64_t drained_ = 0;  // ring position up to which entries are durable
  uint32_t durable_checksum_;
  NumberedUsers users_;
  Batch batch_;
  bool writing_ = false;            // the last failure was in writing or syncing active_, not in making it
  int failures_in_a_row_ = 0;
  uint64_t retry_at_ns_ = 0;

  std::atomic<uint64_t> requested_lsn_{0};
  std::atomic<bool> drain_requested_{false};
  std::atomic<uint64_t> rotate_through_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<LogState> state_{LogState::kOk};
  std::atomic<uint64_t> complete_below_;  // segments before this one are neither written nor sealed any more
  // In the ring, where other processes look at them.
  WriterCounters& counters_;
  WriterHistograms& histograms_;

  WriterSleep sleep_;

  std::mutex active_mutex_;  // guards the two; held for a few instructions
  uint64_t active_number_ = 0;
  uint64_t active_first_lsn_ = 0;

  std::mutex events_mutex_;  // guards events_ and problem_; held for a few instructions
  std::vector<LogEvent> events_;
  Status problem_;
};

}  // namespace ingest_wal
