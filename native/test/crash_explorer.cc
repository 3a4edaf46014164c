#include "crash_explorer.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <thread>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "crash_life.h"
#include "crash_oracle.h"
#include "test_log.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

constexpr uint64_t kStatesPerCut = 12;
constexpr uint64_t kShards = 16;

class Explorer {
 public:
  // `failed` is of all that explore together.
  Explorer(const ExplorerOptions& options, std::atomic<bool>* failed)
      : options_(options), failed_(failed), random_(options.seed) {}

  ExplorerResult Run() {
    while (result_.states < options_.states && !(options_.until_failure && failed_->load())) OneCrash();
    return result_;
  }

 private:
  void Fail(const std::string& what) {
    result_.failures++;
    failed_->store(true);
    if (result_.first_failure.empty()) {
      result_.first_failure = what + " (seed " + std::to_string(options_.seed) + ", state " +
                              std::to_string(result_.states) + ")";
    }
  }

  std::unique_ptr<MemoryWorld> After(const MemoryWorld& world) {
    std::unique_ptr<MemoryWorld> next =
        options_.process_death ? world.AfterProcessDeath() : world.AfterPowerCut(&random_);
    if (options_.prepare) options_.prepare(next.get());
    return next;
  }

  // Lets `log` live in `world`, with faults when they are asked for. False when something went wrong.
  bool Live(MemoryWorld* world, Log* log, Oracle* oracle, bool close) {
    FaultPlan plan(&random_, &result_.coverage);
    if (options_.faults) world->SetFault([&plan](Call call, const std::string&) { return plan(call); });
    Life life(world, log, oracle, &random_, options_.checkpoints, options_.faults ? &plan : nullptr, &result_.coverage);
    std::string wrong = life.Run();
    world->SetFault(nullptr);
    if (wrong.empty() && close && world->powered()) wrong = life.Close();
    if (!wrong.empty()) Fail(wrong);
    return wrong.empty();
  }

  // One log from its creation to a crash, and what may come of that.
  void OneCrash() {
    MemoryWorld world;
    world.random.seed(random_());
    if (options_.prepare) options_.prepare(&world);
    world.CutAtCall(1 + random_() % (options_.checkpoints ? 600 : 220));
    Oracle oracle;
    std::unique_ptr<Log> log;
    const Status opened = Log::Open(world.environment(), SmallLogOptions(), &log);
    if (!opened.ok() && world.powered()) Fail("open: " + opened.message());
    if (opened.ok() && !Live(&world, log.get(), &oracle, random_() % 4 == 0)) {
      result_.states++;
      return;
    }
    for (uint64_t i = 0; i < kStatesPerCut && result_.states < options_.states; i++) {
      result_.states++;
      Relive(world, oracle);
    }
  }

  void Relive(const MemoryWorld& crashed, Oracle oracle) {
    std::unique_ptr<MemoryWorld> world = After(crashed);
    if (random_() % 3 == 0 && !CutInRecovery(&world)) return;
    if (options_.faults && random_() % 2 == 0 && !FailInRecovery(&world)) return;
    if (!OpenAndCheck(world.get(), &oracle, true)) return;
    world = After(*world);
    OpenAndCheck(world.get(), &oracle, false);
  }

  bool CutInRecovery(std::unique_ptr<MemoryWorld>* world) {
    (*world)->CutAtCall(1 + random_() % 40);
    std::unique_ptr<Log> log;
    const Status opened = Log::Open((*world)->environment(), SmallLogOptions(), &log);
    if (!opened.ok() && (*world)->powered()) {
      Fail("open while cut: " + opened.message());
      return false;
    }
    result_.coverage.cuts_in_recovery += opened.ok() ? 0 : 1;
    log.reset();
    *world = After(**world);
    return true;
  }

  // A fault in recovery may make it fail, clearly; it must not cost anything.
  bool FailInRecovery(std::unique_ptr<MemoryWorld>* world) {
    FaultPlan plan(&random_, &result_.coverage);
    plan.Draw();
    (*world)->SetFault([&plan](Call call, const std::string&) { return plan(call); });
    std::unique_ptr<Log> log;
    const Status opened = Log::Open((*world)->environment(), SmallLogOptions(), &log);
    log.reset();
    *world = (*world)->AfterProcessDeath();
    if (options_.prepare) options_.prepare(world->get());
    if (opened.ok()) return true;
    result_.coverage.failed_opens++;
    if (opened.code() == ErrorCode::kNoSpace || opened.code() == ErrorCode::kIo) return true;
    Fail("open with a fault: " + opened.message());
    return false;
  }

  bool OpenAndCheck(MemoryWorld* world, Oracle* oracle, bool go_on) {
    std::unique_ptr<Log> log;
    const Status opened = Log::Open(world->environment(), SmallLogOptions(), &log);
    if (!opened.ok()) {
      Fail("open: " + opened.message());
      return false;
    }
    const std::string wrong = Check(log.get(), *world, *oracle, options_, &result_.entries_checked);
    if (!wrong.empty()) {
      Fail(wrong);
      return false;
    }
    CountRecovery(*log, *oracle);
    // What open gives back is durable from then on.
    oracle->generation_of.resize(static_cast<size_t>(log->last_lsn()));
    oracle->acknowledged = log->last_lsn();
    oracle->generation++;
    if (!go_on) return true;
    world->CutAtCall(1 + random_() % (options_.checkpoints ? 200 : 60));
    return Live(world, log.get(), oracle, false);
  }

  void CountRecovery(Log& log, const Oracle& oracle) {
    const RecoveryReport& recovery = log.recovery();
    Coverage& coverage = result_.coverage;
    coverage.clean_opens += recovery.found.clean && !recovery.created ? 1 : 0;
    const std::vector<CheckpointReport>& checkpoints = recovery.found.checkpoints;
    const bool is_based = !checkpoints.empty() && checkpoints.back().state == CheckpointState::kBase;
    coverage.based_opens += is_based ? 1 : 0;
    const std::vector<SegmentReport>& segments = recovery.found.segments;
    coverage.opens_without_history += is_based && (segments.empty() || segments.front().number != 1) ? 1 : 0;
    coverage.torn_tails += recovery.found.torn_tail.found ? 1 : 0;
    coverage.entries_carried += recovery.carried_entries;
    coverage.retired_and_gone += oracle.retired != 0 && !recovery.found.damage.empty() ? 1 : 0;
    coverage.retired_and_back += oracle.retired != 0 && recovery.found.damage.empty() ? 1 : 0;
    coverage.rings_gone_on_with += log.ring()->tail() != 0 ? 1 : 0;
    coverage.rings_taken_over += recovery.ring_taken_over && recovery.found.ring.entries > 0 ? 1 : 0;
    coverage.entries_dropped += oracle.generation_of.size() - log.last_lsn();
    for (const SegmentReport& segment : recovery.found.segments) {
      coverage.sealed_by_recovery += segment.state == SegmentState::kUnsealed ? 1 : 0;
    }
  }

  const ExplorerOptions options_;
  std::atomic<bool>* const failed_;
  Dice random_;
  ExplorerResult result_;
};

}  // namespace

void Coverage::Add(const Coverage& other) {
  rotations += other.rotations;
  spares_used += other.spares_used;
  retired += other.retired;
  recycled += other.recycled;
  written_again += other.written_again;
  retired_and_gone += other.retired_and_gone;
  retired_and_back += other.retired_and_back;
  checkpoints += other.checkpoints;
  based_opens += other.based_opens;
  opens_without_history += other.opens_without_history;
  ring_laps += other.ring_laps;
  clean_closes += other.clean_closes;
  clean_opens += other.clean_opens;
  cuts_in_recovery += other.cuts_in_recovery;
  torn_tails += other.torn_tails;
  entries_carried += other.entries_carried;
  rings_taken_over += other.rings_taken_over;
  rings_gone_on_with += other.rings_gone_on_with;
  entries_dropped += other.entries_dropped;
  sealed_by_recovery += other.sealed_by_recovery;
  no_space += other.no_space;
  failed_syncs += other.failed_syncs;
  other_errors += other.other_errors;
  degraded += other.degraded;
  resumed += other.resumed;
  failed += other.failed;
  failed_opens += other.failed_opens;
  backpressure += other.backpressure;
}

ExplorerResult Explore(const ExplorerOptions& options) {
#ifdef __GLIBC__
  // Each state takes and frees a few files of 64 KiB and more: memory that goes back to the system in between has to be cleared
  // anew each time.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 64 << 20);
#endif
  // Always as many shards, each with a seed of its own, however many threads there are to run them.
  ExplorerResult results[kShards];
  std::atomic<uint64_t> next{0};
  std::atomic<bool> failed{false};
  const auto work = [&] {
    for (uint64_t shard = next++; shard < kShards; shard = next++) {
      ExplorerOptions own = options;
      own.seed = options.seed * kShards + shard;
      own.states = (options.states + kShards - 1) / kShards;
      results[shard] = Explorer(own, &failed).Run();
    }
  };
  std::vector<std::thread> threads(std::max(1u, std::min(8u, std::thread::hardware_concurrency())));
  for (std::thread& thread : threads) thread = std::thread(work);
  for (std::thread& thread : threads) thread.join();
  ExplorerResult all;
  for (const ExplorerResult& result : results) {
    all.states += result.states;
    all.failures += result.failures;
    all.entries_checked += result.entries_checked;
    if (all.first_failure.empty()) all.first_failure = result.first_failure;
    all.coverage.Add(result.coverage);
  }
  return all;
}

void ExpectCaught(const char* bug, ExplorerOptions options) {
  options.until_failure = true;
  const ExplorerResult result = Explore(options);
  EXPECT_NE(result.failures, 0u);
  std::printf("  %s: caught within %llu states: %s\n", bug, static_cast<unsigned long long>(result.states),
              result.first_failure.c_str());
}

}  // namespace testing
}  // namespace ingest_wal
