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
#include <vector>

#include "log.h"

namespace ingest_wal {

// Entries that are not proven durable: copied, to be written again.
struct CarriedEntries {
  std::vector<uint8_t> staged;  // consecutive LSNs
  uint64_t last_lsn = 0;
  uint64_t entries = 0;
  uint64_t record_bytes = 0;  // what they take in a segment

  void Add(const Entry& entry);
  void Clear();
  bool empty() const { return entries == 0; }
};

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
  // Sets from where the log goes on, and what has to be carried there.
  Status DecideEnd();
  Status CollectTail(uint64_t from_lsn);
  uint64_t LsnsThatMayStandUnread() const;
  void GiveUpUnreadLsns();
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

  uint64_t next_number_ = 1;
  // Where the new segment begins: behind previous_lsn_, with first_lsn_.
  uint64_t previous_lsn_ = 0;
  uint32_t previous_checksum_ = 0;
  uint64_t first_lsn_ = 1;
  uint64_t durable_lsn_ = 0;  // after the carried entries were synced
  uint64_t used_lsn_ = 0;     // more than that when LSNs may stand where nobody can read, and are not given up yet
  uint32_t durable_checksum_ = 0;
  CarriedEntries carried_;
  std::unique_ptr<SegmentWriter> active_;
  bool active_is_only_proof_ = false;
};

}  // namespace ingest_wal
