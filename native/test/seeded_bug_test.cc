// Proves that the tests see a bug in the core itself: this file is compiled several times, each time with one core file
// that has a bug planted in it (CMakeLists.txt, add_seeded_bug), and the check that must notice has to fail. The bugs
// that a double can play (no fsync, early acknowledgement, no directory fsync, no take-over) are in power_cut_test.cc.
#include <cstdio>

#include "crash_explorer.h"
#include "properties.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

#if defined(INGEST_WAL_SEED_BUG_TORN_TAIL_NOT_CUT)

TEST(SeededBug, TornTailNotCutIsCaught) {
  ExplorerOptions options;
  options.seed = Seed();
  options.states = 4000;
  ExpectCaught("torn tail not cut", options);
}

#elif defined(INGEST_WAL_SEED_BUG_LENGTH_UNCHECKED)

TEST(SeededBug, LengthUncheckedIsCaught) {
  const std::string wrong = CheckTruncationAtEveryLength();
  EXPECT_NE(wrong, std::string());
  std::printf("  length unchecked: caught, first: %s\n", wrong.c_str());
}

#elif defined(INGEST_WAL_SEED_BUG_ONE_SEED_FOR_ALL)

TEST(SeededBug, OneSeedForAllSegmentsIsCaught) {
  const std::string wrong = CheckStaleRecordsStayUnread();
  EXPECT_NE(wrong, std::string());
  std::printf("  one seed for all segments: caught, first: %s\n", wrong.c_str());
}

#elif defined(INGEST_WAL_SEED_BUG_RECYCLED_TOO_EARLY)

TEST(SeededBug, RecycledBeforeItsNameIsGoneIsCaught) {
  ExplorerOptions options;
  options.seed = Seed();
  options.states = 20000;
  ExpectCaught("recycled before its name is gone", options);
}

#elif defined(INGEST_WAL_SEED_BUG_CHECKPOINT_NOT_SYNCED)

TEST(SeededBug, CheckpointNotSyncedIsCaught) {
  const std::string wrong = CheckPowerCutsInACheckpoint();
  EXPECT_NE(wrong, std::string());
  std::printf("  checkpoint not synced: caught, first: %s\n", wrong.c_str());
}

#elif defined(INGEST_WAL_SEED_BUG_CHECKPOINT_NAME_NOT_SYNCED)

// Then one that was said to be written may be gone.
TEST(SeededBug, ACheckpointWhoseNameIsNotDurableIsMissed) {
  ExplorerOptions options;
  options.seed = Seed();
  options.states = 200000;
  options.checkpoints = true;
  ExpectCaught("checkpoint's name not synced", options);
}

#elif defined(INGEST_WAL_SEED_BUG_BASE_UNCHECKED)

TEST(SeededBug, BaseChosenWithoutAWholeCheckIsCaught) {
  const std::string wrong = CheckTheNewestCheckpointDamagedAtEveryByte();
  EXPECT_NE(wrong, std::string());
  std::printf("  base unchecked: caught, first: %s\n", wrong.c_str());
}

#elif defined(INGEST_WAL_SEED_BUG_CHECKPOINT_NOT_READ_BACK)

TEST(SeededBug, CheckpointNotReadBackIsCaught) {
  const std::string wrong = CheckBytesStoredOtherwiseInACheckpoint();
  EXPECT_NE(wrong, std::string());
  std::printf("  checkpoint not read back: caught, first: %s\n", wrong.c_str());
}

#elif defined(INGEST_WAL_SEED_BUG_RING_EMPTIED_TOO_EARLY)

TEST(SeededBug, RingEmptiedBeforeItsEntriesAreDurableIsCaught) {
  ExplorerOptions options;
  options.seed = Seed();
  options.states = 4000;
  options.process_death = true;
  ExpectCaught("ring emptied too early", options);
}

#else
#error "compiled without a planted bug"
#endif

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
