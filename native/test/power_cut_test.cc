// Proves that no power cut and no process death, at any call of the real log to the file system, during appends,
// rotation, take-over, recovery or close, loses what was acknowledged, brings back anything but a prefix of what was
// appended, or is taken for damage; and that the log goes on correctly afterwards. Then proves that the proof works:
// each seeded bug must be caught.
//
// INGEST_WAL_STATES sets the number of states, INGEST_WAL_SEED the first seed.
#include <cstdio>

#include "crash_explorer.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

ExplorerResult ExploreAndPrint(const char* what, ExplorerOptions options) {
  const ExplorerResult result = Explore(options);
  std::printf("  %s: %llu states, %llu entries checked, %llu failures, seed %llu\n", what,
              static_cast<unsigned long long>(result.states), static_cast<unsigned long long>(result.entries_checked),
              static_cast<unsigned long long>(result.failures), static_cast<unsigned long long>(options.seed));
  return result;
}

ExplorerOptions Options(uint64_t states) {
  ExplorerOptions options;
  options.seed = Seed();
  options.states = states;
  return options;
}

constexpr uint64_t kSeededStates = 4000;

void ExpectCaught(const char* bug, ExplorerOptions options) {
  const ExplorerResult result = ExploreAndPrint(bug, options);
  EXPECT_NE(result.failures, 0u);
  std::printf("  caught: %s\n", result.first_failure.c_str());
}

TEST(PowerCut, LosesNothingThatWasAcknowledged) {
  const ExplorerResult result = ExploreAndPrint("power cut", Options(CountFromEnvironment("INGEST_WAL_STATES", 200000)));
  EXPECT_EQ(result.failures, 0u);
  EXPECT_EQ(result.first_failure, std::string());
}

TEST(ProcessDeath, LosesNothingThatWasAppended) {
  ExplorerOptions options = Options(CountFromEnvironment("INGEST_WAL_STATES", 200000) / 10);
  options.process_death = true;
  const ExplorerResult result = ExploreAndPrint("process death", options);
  EXPECT_EQ(result.failures, 0u);
  EXPECT_EQ(result.first_failure, std::string());
}

TEST(SeededBug, NoSyncIsCaught) {
  ExplorerOptions options = Options(kSeededStates);
  options.prepare = [](MemoryWorld* world) { world->sync_does_nothing = true; };
  ExpectCaught("no fsync", options);
}

TEST(SeededBug, EarlyAcknowledgementIsCaught) {
  ExplorerOptions options = Options(kSeededStates);
  options.prepare = [](MemoryWorld* world) { world->sync_happens_later = true; };
  ExpectCaught("early acknowledgement", options);
}

TEST(SeededBug, NoDirectorySyncIsCaught) {
  ExplorerOptions options = Options(kSeededStates);
  options.prepare = [](MemoryWorld* world) { world->directory_sync_does_nothing = true; };
  ExpectCaught("no directory fsync", options);
}

TEST(SeededBug, NoTakeOverIsCaught) {
  ExplorerOptions options = Options(kSeededStates);
  options.process_death = true;
  options.prepare = [](MemoryWorld* world) { world->shared_memory_is_forgotten = true; };
  ExpectCaught("no take-over", options);
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
