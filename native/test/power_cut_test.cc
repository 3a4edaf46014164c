// Proves that no power cut and no process death, at any call of the real log to the file system, during appends,
// rotation, take-over, recovery or close, loses what was acknowledged, brings back anything but a prefix of what was
// appended, or is taken for damage; that the log goes on correctly afterwards; and that a full disk or a failing device
// on the way there changes none of it. Then proves that the proof works: each seeded bug must be caught. Two more
// seeded bugs, planted in the core itself, are in seeded_bug_test.cc.
//
// INGEST_WAL_STATES sets how many states there are of all kinds together, INGEST_WAL_SEED the seed. Many millions of them, by
// hand: scripts/explore-crashes.mjs.
#include <algorithm>
#include <chrono>
#include <cstdio>

#include "crash_explorer.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

void PrintFigure(const char* what, uint64_t count) {
  if (count != 0) std::printf("%s %llu, ", what, static_cast<unsigned long long>(count));
}

void PrintCoverage(const Coverage& coverage) {
  std::printf("    ");
  PrintFigure("rotations", coverage.rotations);
  PrintFigure("spares used", coverage.spares_used);
  PrintFigure("segments retired", coverage.retired);
  PrintFigure("recycled", coverage.recycled);
  PrintFigure("written again", coverage.written_again);
  PrintFigure("opened without them", coverage.retired_and_gone);
  PrintFigure("opened with some of them", coverage.retired_and_back);
  PrintFigure("checkpoints", coverage.checkpoints);
  PrintFigure("opens with a base", coverage.based_opens);
  PrintFigure("without covered segments", coverage.opens_without_history);
  PrintFigure("ring laps", coverage.ring_laps);
  PrintFigure("backpressure", coverage.backpressure);
  PrintFigure("clean closes", coverage.clean_closes);
  PrintFigure("clean opens", coverage.clean_opens);
  PrintFigure("cuts in recovery", coverage.cuts_in_recovery);
  PrintFigure("torn tails", coverage.torn_tails);
  PrintFigure("entries carried", coverage.entries_carried);
  PrintFigure("rings taken over", coverage.rings_taken_over);
  PrintFigure("rings gone on with", coverage.rings_gone_on_with);
  PrintFigure("unacknowledged entries gone", coverage.entries_dropped);
  PrintFigure("segments sealed by recovery", coverage.sealed_by_recovery);
  std::printf("\n");
  if (coverage.no_space + coverage.failed_syncs + coverage.other_errors == 0) return;
  std::printf("    ");
  PrintFigure("calls without space", coverage.no_space);
  PrintFigure("failed syncs", coverage.failed_syncs);
  PrintFigure("other errors", coverage.other_errors);
  PrintFigure("degraded", coverage.degraded);
  PrintFigure("resumed", coverage.resumed);
  PrintFigure("failed", coverage.failed);
  PrintFigure("failed opens", coverage.failed_opens);
  std::printf("\n");
}

// `percent` of all states that are asked for; enough to come by everything that is expected of them.
uint64_t States(uint64_t percent) {
  return std::max<uint64_t>(CountFromEnvironment("INGEST_WAL_STATES", 1000000) / 100 * percent, 1000);
}

ExplorerOptions Options(uint64_t states) {
  ExplorerOptions options;
  options.seed = Seed();
  options.states = states;
  return options;
}

ExplorerResult ExploreAndPrint(const char* what, const ExplorerOptions& options) {
  const auto began = std::chrono::steady_clock::now();
  const ExplorerResult result = Explore(options);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::printf("  %s: %llu states (%.0f a second), %llu entries checked, %llu failures, seed %llu\n", what,
              static_cast<unsigned long long>(result.states), static_cast<double>(result.states) / seconds,
              static_cast<unsigned long long>(result.entries_checked),
              static_cast<unsigned long long>(result.failures), static_cast<unsigned long long>(options.seed));
  PrintCoverage(result.coverage);
  return result;
}

// The exploration came by everything that both kinds of crash have in common.
void ExpectCovered(const Coverage& coverage) {
  EXPECT_NE(coverage.rotations, 0u);
  EXPECT_NE(coverage.spares_used, 0u);
  EXPECT_NE(coverage.retired, 0u);
  EXPECT_NE(coverage.written_again, 0u);
  EXPECT_NE(coverage.retired_and_gone, 0u);
  EXPECT_NE(coverage.retired_and_back, 0u);
  EXPECT_NE(coverage.ring_laps, 0u);
  EXPECT_NE(coverage.backpressure, 0u);
  EXPECT_NE(coverage.clean_closes, 0u);
  EXPECT_NE(coverage.cuts_in_recovery, 0u);
  EXPECT_NE(coverage.entries_carried, 0u);
  EXPECT_NE(coverage.sealed_by_recovery, 0u);
}

void ExpectFaultsCovered(const Coverage& coverage) {
  EXPECT_NE(coverage.no_space, 0u);
  EXPECT_NE(coverage.failed_syncs, 0u);
  EXPECT_NE(coverage.other_errors, 0u);
  EXPECT_NE(coverage.degraded, 0u);
  EXPECT_NE(coverage.resumed, 0u);
  EXPECT_NE(coverage.failed, 0u);
  EXPECT_NE(coverage.failed_opens, 0u);
}

void ExpectNothingLost(const ExplorerResult& result) {
  EXPECT_EQ(result.failures, 0u);
  EXPECT_EQ(result.first_failure, std::string());
}

TEST(PowerCut, LosesNothingThatWasAcknowledged) {
  const ExplorerResult result = ExploreAndPrint("power cut", Options(States(44)));
  ExpectNothingLost(result);
  ExpectCovered(result.coverage);
  EXPECT_NE(result.coverage.torn_tails, 0u);
  EXPECT_NE(result.coverage.entries_dropped, 0u);
  EXPECT_NE(result.coverage.clean_opens, 0u);
}

TEST(ProcessDeath, LosesNothingThatWasAppended) {
  ExplorerOptions options = Options(States(4));
  options.process_death = true;
  const ExplorerResult result = ExploreAndPrint("process death", options);
  ExpectNothingLost(result);
  ExpectCovered(result.coverage);
  EXPECT_NE(result.coverage.rings_taken_over, 0u);
  EXPECT_NE(result.coverage.rings_gone_on_with, 0u);
  EXPECT_EQ(result.coverage.entries_dropped, 0u);
}

TEST(PowerCutAfterFaults, LosesNothingThatWasAcknowledged) {
  ExplorerOptions options = Options(States(10));
  options.faults = true;
  const ExplorerResult result = ExploreAndPrint("power cut after faults", options);
  ExpectNothingLost(result);
  ExpectCovered(result.coverage);
  ExpectFaultsCovered(result.coverage);
}

TEST(ProcessDeathAfterFaults, LosesNothingThatWasAppended) {
  ExplorerOptions options = Options(States(6));
  options.faults = true;
  options.process_death = true;
  const ExplorerResult result = ExploreAndPrint("process death after faults", options);
  ExpectNothingLost(result);
  ExpectCovered(result.coverage);
  ExpectFaultsCovered(result.coverage);
  EXPECT_NE(result.coverage.rings_taken_over, 0u);
}

ExplorerResult ExploreCheckpoints(const char* what, bool process_death, bool faults) {
  ExplorerOptions options = Options(States(9));
  options.checkpoints = true;
  options.process_death = process_death;
  options.faults = faults;
  const ExplorerResult result = ExploreAndPrint(what, options);
  ExpectNothingLost(result);
  EXPECT_NE(result.coverage.checkpoints, 0u);
  EXPECT_NE(result.coverage.based_opens, 0u);
  EXPECT_NE(result.coverage.retired, 0u);
  EXPECT_NE(result.coverage.opens_without_history, 0u);
  return result;
}

TEST(PowerCutWithCheckpoints, LosesNothingThatIsLive) {
  ExploreCheckpoints("power cut with checkpoints", false, false);
  ExploreCheckpoints("power cut with checkpoints, after faults", false, true);
}

TEST(ProcessDeathWithCheckpoints, LosesNothingThatIsLive) {
  ExploreCheckpoints("process death with checkpoints", true, false);
  ExploreCheckpoints("process death with checkpoints, after faults", true, true);
}

constexpr uint64_t kSeededStates = 4000;

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
