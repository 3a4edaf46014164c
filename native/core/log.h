// A log, open for writing: lock, recovery, ring and writer in one object. Open() leaves the log ready; the caller then
// gives two threads to it (writer()->Run() and spare()->Run()), appends from one thread, and ends with Stop(), joining
// the threads, and Close().
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "damage.h"
#include "environment.h"
#include "reader.h"
#include "spare_segment.h"
#include "staging_ring.h"
#include "user_numbers.h"
#include "writer.h"

namespace ingest_wal {

enum class OnCorruption { kSkip, kStop, kFail };

struct LogOptions {
  std::string directory;
  WriterOptions writer;
  uint64_t queue_bytes = uint64_t{16} << 20;
  bool require_kill_safe = false;
  bool create = true;  // false: kNotFound or kNotALog, and nothing is changed, where there is no log
  OnCorruption on_corruption = OnCorruption::kSkip;
};

// What Open() found and did.
struct RecoveryReport {
  DirectoryReport found;
  uint64_t carried_entries = 0;  // written and synced again: they were staged only, or not proven durable
  bool ring_taken_over = false;
  bool created = false;
  uint64_t duration_ns = 0;
};

class Log {
 public:
  static Status Open(const Environment& environment, const LogOptions& options, std::unique_ptr<Log>* log);
  ~Log();

  const RecoveryReport& recovery() const { return recovery_; }
  Writer* writer() { return writer_.get(); }
  SpareSegment* spare() { return spare_.get(); }

  // --- The appender's thread. It may also store entries into the ring by itself (staged_entry.h, staging_ring.h); then
  // it numbers the users, and does not call Append().

  // Stages one entry; `*lsn` gets its number. kBackpressure, kTooLarge, kInvalidArgument, kFailed, kClosed: nothing
  // was changed.
  ErrorCode Append(uint8_t operation, Bytes user_id, Bytes payload, uint32_t sequence, uint64_t* lsn);
  // Whether `entries` entries of together `bytes` bytes of user ids and payloads would all be taken now.
  bool HasRoom(uint64_t entries, uint64_t bytes);
  uint64_t last_lsn() const { return ring_->last_lsn(); }
  uint64_t durable_lsn() const { return ring_->durable_lsn(); }
  // Of one staged entry.
  uint64_t max_staged_bytes() const { return max_staged_bytes_; }
  uint64_t appends() const { return last_lsn() - opened_lsn_; }
  uint64_t backpressure() const { return backpressure_; }
  StagingRing* ring() { return ring_.get(); }
  uint64_t segment_bytes() const { return options_.writer.segment_bytes; }
  const LogId& log_id() const { return recovery_.found.log_id; }

  // A reader over everything appended so far. No I/O before its first Next().
  Status Read(const ReadOptions& options, std::unique_ptr<Reader>* reader);

  // Gives up segment `number`, which nobody needs any more: kInvalidArgument unless it is complete, and covered by the second
  // newest checkpoint, so that recovery could do without the newest. Looks at checkpoints' headers when there may be new ones.
  Status Retire(uint64_t number);
  // Gives up the plain file of a complete segment that is there compressed too, whole as far as its ends tell: whoever made
  // that one has compared all of it. kInvalidArgument for others.
  Status RetireUncompressed(uint64_t number);

  // --- After both threads have been joined.

  // Seals, removes the ring, releases the lock. On an error the ring stays for the next writer.
  Status Close();

 private:
  friend class LogOpener;
  Log(const Environment& environment, const LogOptions& options) : environment_(environment), options_(options) {}

  const Environment environment_;
  const LogOptions options_;
  RecoveryReport recovery_;

  // Destroyed from the bottom up: the writer uses all of the others, and the lock goes last.
  std::unique_ptr<Directory> directory_;
  std::unique_ptr<DirectoryLock> lock_;
  std::unique_ptr<StagingRing> ring_;
  std::string ring_name_;  // empty: the ring lives in the heap
  std::unique_ptr<SpareSegment> spare_;
  std::unique_ptr<Writer> writer_;

  uint64_t opened_lsn_ = 0;
  uint64_t max_staged_bytes_ = 0;
  UserNumbers user_numbers_;
  uint64_t backpressure_ = 0;
  uint64_t dispensable_through_ = 0;  // as far as checkpoints were looked at
  bool closed_ = false;
};

}  // namespace ingest_wal
