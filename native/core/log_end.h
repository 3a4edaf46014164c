// Where a log goes on: behind which entry, with which LSN, and which entries are written once more. Decided from what was found
// in its files and its ring; nothing is changed. docs/recovery.md gives the argument.
#pragma once

#include <cstdint>
#include <vector>

#include "directory_scan.h"

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

struct LogEnd {
  uint64_t next_number = 1;  // of the segment that is made
  // It begins behind previous_lsn, with first_lsn.
  uint64_t previous_lsn = 0;
  uint32_t previous_checksum = 0;
  uint64_t first_lsn = 1;
  CarriedEntries carried;
  uint64_t durable_lsn = 0;  // after the carried entries were synced
  uint32_t durable_checksum = 0;
  uint64_t used_lsn = 0;  // more than that when LSNs may stand where nobody can read, and are not given up yet

  // What cannot be read may have been acknowledged, and may be read again one day: its LSNs are not used again. The next segment
  // begins behind them.
  void GiveUpUnreadLsns();
  bool GivesLsnsUp() const { return first_lsn != previous_lsn + 1 || used_lsn != durable_lsn; }
};

// `found` is what AssembleReport() says of `scan` and `ring`. kCorrupt when no number or no LSN is left; kIo when more was never
// proven than can be carried on.
Status DecideEnd(Directory* directory, const DirectoryScan& scan, const RingContents& ring, const DirectoryReport& found,
                 LogEnd* end);

}  // namespace ingest_wal
