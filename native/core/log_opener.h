// What Log::Open does, step by step. Each step may be cut by a crash and done again by the next opener: recovering
// twice is recovering once. docs/recovery.md gives the argument.
//
//   1. lock the directory; drop temporary files
//   2. read headers, find the ring of the last writer, scan every segment
//   3. copy what will be cut or passed over to quarantine/
//   4. make a new segment that carries every entry which is not proven durable; sync it, name it
//   5. seal the segments that earlier writers left unsealed
//   6. with OnCorruption::kStop, supersede what lies behind the first loss
//   7. empty the old ring and go on with it, or replace it by a new one
#pragma once

#include <memory>
#include <string>

#include "log.h"
#include "log_end.h"

namespace ingest_wal {

class LogOpener {
 public:
  LogOpener(const Environment& environment, const LogOptions& options);
  Status Open(std::unique_ptr<Log>* log);

 private:
  Status CheckOptions() const;
  Status PrepareDirectory();
  Status FindIdentity();
  Status WriteIdentity();
  Status TakeOverRing();
  Status Scan();
  Status MakeSegment();
  Status WriteCarried(int64_t now_ms);
  Status StopAtDamage();
  Status PassUnreadableEnd();
  Status SealLeftSegments();
  // `*sealed_lsn` gets the LSN up to which the seal speaks; unchanged when the segment held nothing and was removed.
  Status SealOne(const SegmentScan& scanned, uint64_t* sealed_lsn);
  // Goes on with the old ring, if it can be used.
  bool ReuseRing(const DirectoryIdentity& here);
  Status MakeRing();
  void StartWriter();

  const Environment environment_;
  const LogOptions options_;
  std::unique_ptr<Log> log_;
  DirectoryScan scan_;
  RingContents ring_;
  std::string old_ring_name_;

  LogEnd end_;
  std::unique_ptr<SegmentWriter> active_;
  bool active_is_only_proof_ = false;
};

}  // namespace ingest_wal
