// What makes a file a whole checkpoint. Reads only: the writer of checkpoints, the choice of the one that recovery begins
// with, and verifying a log all ask here.
#pragma once

#include <cstdint>
#include <string>

#include "directory_scan.h"

namespace ingest_wal {

// Looks at every byte of `file`, which should be checkpoint `number` of log `log_id`. Whole if and only if: it is a regular
// file, a copy of its header is sound, log, kind and number are those, it ends with its seal, there is nothing in it but
// whole records, and its entries are as many as the header says, ascend, and are not above the covered LSN.
// Fails only when it cannot be known: kNewerFormat, kNotFound, or an error of the system.
Status CheckCheckpoint(Directory* directory, const std::string& file, uint64_t number, const LogId& log_id,
                       CheckpointScan* checkpoint);

// Reads no more than its header: `unchecked`, with a flaw when the header is not what it should be.
Status CheckCheckpointHeader(Directory* directory, const std::string& file, uint64_t number, const LogId& log_id,
                             CheckpointScan* checkpoint);

// The segment up to which segments may go: the one that the second newest checkpoint covers, of those with a sound header and
// a seal. 0: none may. So there is always one to begin with, should the newest be damaged.
Status FindDispensable(Directory* directory, const LogId& log_id, uint64_t* through_segment);

// Everything that an entry says, added to the checksum of those before it (0: none).
uint32_t ContentChecksum(uint32_t before, const Entry& entry);

}  // namespace ingest_wal
