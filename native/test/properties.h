// Checks that are run twice: on the core as it is, where they must find nothing, and on the core with a bug planted in
// it, where they must find that. Each says what is wrong first, or nothing.
#pragma once

#include <string>

namespace ingest_wal {
namespace testing {

// A segment cut at every length: what is whole before the cut is read, nothing of what lies behind it, although its
// bytes still stand in memory.
std::string CheckTruncationAtEveryLength();

// A segment's file filled again up to each of its records: what stands behind is the former segment's, with the very
// LSNs that come next, and nothing of it is read, or taken for anything but unwritten space.
std::string CheckStaleRecordsStayUnread();

// The power is cut at each call that writing a checkpoint makes: the log is as it was, and the checkpoint is not there, or
// whole. When it was said to be written, it is there.
std::string CheckPowerCutsInACheckpoint();

// The device stores something else than was written, and says nothing, at any byte of a checkpoint: there is none then.
std::string CheckBytesStoredOtherwiseInACheckpoint();

// The newest of two checkpoints is damaged at every byte, one at a time, and cut: what is live comes back from the one before
// it and the segments behind that, and the damage is told.
std::string CheckTheNewestCheckpointDamagedAtEveryByte();

}  // namespace testing
}  // namespace ingest_wal
