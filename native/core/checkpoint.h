// What makes a file a whole checkpoint. Reads only: the writer of checkpoints, the choice of the one that recovery begins
// with, and verifying a log all ask here.
#pragma once

#include <cstdint>
#include <string>

#include "directory_scan.h"

namespace ingest_wal {

// One checkpoint file, and everything a pass over it found.
struct CheckpointScan {
  // The file as a segment: its header, findings, counts and times. Without runs: its LSNs have gaps.
  SegmentScan file;
  // Of its entries; 0 when there are none.
  uint64_t first_lsn = 0;
  uint64_t last_lsn = 0;
  // ContentChecksum() of all entries, one after the other.
  uint32_t content_checksum = 0;
  // Why it is not whole; empty when it is. A whole one may have one damaged copy of its header.
  std::string flaw;

  bool whole() const { return flaw.empty(); }
};

// Looks at every byte of `file`, which should be checkpoint `number` of log `log_id`. Whole if and only if: it is a regular
// file, a copy of its header is sound, log, kind and number are those, it ends with its seal, there is nothing in it but
// whole records, and its entries are as many as the header says, ascend, and are not above the covered LSN.
// Fails only when it cannot be known: kNewerFormat, kNotFound, or an error of the system.
Status CheckCheckpoint(Directory* directory, const std::string& file, uint64_t number, const LogId& log_id,
                       CheckpointScan* checkpoint);

// Everything that an entry says, added to the checksum of those before it (0: none).
uint32_t ContentChecksum(uint32_t before, const Entry& entry);

}  // namespace ingest_wal
