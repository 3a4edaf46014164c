// Which checkpoint recovery begins with, what it lacks, and what must follow it.
#pragma once

#include <vector>

#include "damage.h"
#include "directory_scan.h"

namespace ingest_wal {

// Checks the checkpoints that were listed, the newest first, and makes the newest whole one the base; with Extent::kLive no
// more of them than that takes. One that covers nothing from entry `from_lsn` on (0: every entry is asked for) becomes the
// base by its header and its seal alone, and stays unchecked.
Status CheckCheckpoints(Directory* directory, Extent extent, uint64_t from_lsn, DirectoryScan* scan);

// Where none is whole: the segments serve, when they reach back to the log's beginning; else the newest checkpoint of which
// at least the header is sound becomes the base.
void ChooseDamagedBase(DirectoryScan* scan);

// Whether `segment` claims to continue what the base covers, and names another entry at its end: it is of another history.
bool BreaksLinkToBase(const DirectoryScan& scan, const SegmentScan& segment);

// What the base lacks, in the order of LSNs; nothing when it is whole.
std::vector<Damage> LossesOf(const CheckpointScan& base);

// The damages of checkpoints that are not whole and cost no entry, because recovery does without them.
std::vector<Damage> FlawsOf(const DirectoryScan& scan);

}  // namespace ingest_wal
