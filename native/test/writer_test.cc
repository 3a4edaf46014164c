// Proves what the writer promises between append and durable: one sync for all who wait, no acknowledgement before it,
// a full disk that is waited for with nothing lost, a failed sync that is final for its file but not for the entries,
// and an end to trying when the second file fails too.
#include <cerrno>
#include <set>
#include <thread>

#include "segment_name.h"
#include "test_log.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

const Status kFull(ErrorCode::kNoSpace, "the disk is full", ENOSPC);
const Status kBroken(ErrorCode::kIo, "the device failed", EIO);

class CountingListener : public WriterListener {
 public:
  void Wake() override { wakes++; }
  std::atomic<uint64_t> wakes{0};
};

// Counts calls of one kind, and answers the next `failures` of them with `error`.
struct Faults {
  Faults(MemoryWorld* world, Call failing, Status error) {
    world->SetFault([this, failing, error](Call call, const std::string& name) {
      if (call != failing) return Status();
      calls++;
      names.insert(name);
      if (failures == 0) return Status();
      failures--;
      return error;
    });
  }
  uint64_t calls = 0;
  uint64_t failures = 0;
  std::set<std::string> names;
};

std::string Kinds(const std::vector<LogEvent>& events) {
  static const char* const kNames[] = {"rotate", "degraded", "resumed", "failed", "corruption"};
  std::string text;
  for (const LogEvent& event : events) {
    text += (text.empty() ? "" : " ") + std::string(kNames[static_cast<int>(event.kind)]);
  }
  return text;
}

template <typename Of>
uint64_t CountOf(const Of& histogram) {
  uint64_t count = 0;
  for (size_t bucket = 0; bucket < Of::kBuckets; bucket++) count += histogram.count(bucket);
  return count;
}

TEST(GroupCommit, OneSyncForAllThatIsStaged) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  Faults syncs(&world, Call::kSync, Status());
  AppendEntries(log.get(), 80);
  EXPECT_EQ(log->durable_lsn(), 0u);
  EXPECT_TRUE(log->writer()->Step());
  EXPECT_EQ(log->durable_lsn(), 80u);
  EXPECT_EQ(syncs.calls, 1u);
  // Of 4096 bytes each.
  EXPECT_EQ(log->writer()->counters().batches.load(), 4u);
  EXPECT_FALSE(log->writer()->Step());
  EXPECT_EQ(syncs.calls, 1u);
}

TEST(GroupCommit, EachSyncAndEachBatchIsCountedInItsHistogram) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  AppendEntries(log.get(), 80);
  FlushAll(log.get());
  AppendEntries(log.get(), 1);
  FlushAll(log.get());
  const WriterCounters& counters = log->writer()->counters();
  const WriterHistograms& histograms = log->writer()->histograms();
  EXPECT_EQ(CountOf(histograms.sync_ns), counters.syncs.load());
  EXPECT_EQ(CountOf(histograms.flush_ns), counters.syncs.load());
  EXPECT_EQ(CountOf(histograms.batch_entries), counters.batches.load());
  EXPECT_EQ(CountOf(histograms.batch_bytes), counters.batches.load());
  EXPECT_EQ(histograms.batch_entries.sum(), 81u);
  EXPECT_EQ(histograms.batch_entries.count(0), 1u);
  EXPECT_LT(0u, histograms.batch_bytes.sum());
  EXPECT_LE(histograms.batch_bytes.sum(), counters.written_bytes.load());
  EXPECT_LE(histograms.sync_ns.sum(), histograms.flush_ns.sum());
}

TEST(GroupCommit, ASyncThatFailsIsNotCounted) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  Faults syncs(&world, Call::kSync, kBroken);
  syncs.failures = 1;
  AppendEntries(log.get(), 1);
  EXPECT_FALSE(log->writer()->Step());
  EXPECT_EQ(CountOf(log->writer()->histograms().sync_ns), 0u);
  EXPECT_EQ(CountOf(log->writer()->histograms().batch_entries), 1u);
}

TEST(GroupCommit, NothingIsAcknowledgedBeforeTheSync) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  AppendEntries(log.get(), 10);
  uint64_t durable_at_sync = 99;
  world.SetFault([&](Call call, const std::string&) {
    if (call == Call::kSync) durable_at_sync = log->durable_lsn();
    return Status();
  });
  EXPECT_TRUE(log->writer()->Step());
  EXPECT_EQ(durable_at_sync, 0u);
  EXPECT_EQ(log->durable_lsn(), 10u);
}

TEST(GroupCommit, TheListenerIsWokenOncePerBatchAndOnlyForThoseWhoWait) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  CountingListener listener;
  log->writer()->SetListener(&listener);
  AppendEntries(log.get(), 10);
  FlushAll(log.get());
  EXPECT_EQ(listener.wakes.load(), 0u);
  AppendEntries(log.get(), 30);
  for (uint64_t lsn = 11; lsn <= 40; lsn++) log->writer()->RequestDurable(lsn);
  FlushAll(log.get());
  EXPECT_EQ(listener.wakes.load(), 1u);
  log->writer()->SetListener(nullptr);
}

// A caller looks at the durable LSN, and asks when it is too low. The writer may have stored a higher one in between, and
// looked for requests before this one was there: nobody else would ever answer it.
TEST(GroupCommit, WhatIsTrueAlreadyWhenItIsAskedForIsToldAtOnce) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  CountingListener listener;
  log->writer()->SetListener(&listener);
  AppendEntries(log.get(), 10);
  FlushAll(log.get());
  EXPECT_EQ(listener.wakes.load(), 0u);
  log->writer()->RequestDurable(10);
  EXPECT_EQ(listener.wakes.load(), 1u);
  log->writer()->RequestDrained();
  EXPECT_EQ(listener.wakes.load(), 2u);
  log->writer()->SetListener(nullptr);
}

TEST(GroupCommit, RoomIsToldToWhoAskedForIt) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  CountingListener listener;
  log->writer()->SetListener(&listener);
  while (log->HasRoom(1, 300)) AppendEntries(log.get(), 1);
  EXPECT_FALSE(log->writer()->IsDrained());
  log->writer()->RequestDrained();
  FlushAll(log.get());
  EXPECT_TRUE(log->writer()->IsDrained());
  EXPECT_NE(listener.wakes.load(), 0u);
  log->writer()->SetListener(nullptr);
}

TEST(Rotation, FollowsSegmentBytesAndEveryEntryIsInExactlyOneSegment) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  for (int i = 0; i < 60; i++) {
    AppendEntries(log.get(), 20);
    FlushAll(log.get());
  }
  EXPECT_NE(log->writer()->counters().rotations.load(), 0u);
  EXPECT_EQ(ReadAll(log.get()).lsns, std::string("1-1200"));
  CloseLog(std::move(log));
  for (const auto& name : world.names()) EXPECT_LE(name.second->current.size(), kMinSegmentBytes);
  const Inspection inspection = Inspect(&world);
  for (const SegmentReport& segment : inspection.report.segments) EXPECT_EQ(segment.state, SegmentState::kSealed);
  EXPECT_EQ(inspection.report.entries, 1200u);
}

TEST(Rotation, AnEntryLargerThanASegmentGetsASegmentOfItsOwnSize) {
  MemoryWorld world;
  LogOptions options = SmallLogOptions();
  options.queue_bytes = 1 << 20;
  std::unique_ptr<Log> log = OpenLog(&world, options);
  const std::string payload(200'000, 'x');
  uint64_t lsn = 0;
  AppendEntries(log.get(), 3);
  ASSERT_EQ(log->Append(2, Bytes("u", 1), Bytes(payload.data(), payload.size()), 0, &lsn), ErrorCode::kOk);
  AppendEntries(log.get(), 3);
  FlushAll(log.get());
  const ReadBack read = ReadAll(log.get());
  EXPECT_EQ(read.lsns, std::string("1-7"));
  EXPECT_EQ(read.wrong, 1u);  // the large one has content of its own
  CloseLog(std::move(log));
  EXPECT_EQ(Describe(Inspect(&world).report.damage), std::string());
}

TEST(NoSpace, IsWaitedForWithTheRingAsBufferAndNothingIsLost) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  AppendEntries(log.get(), 10);
  FlushAll(log.get());
  Faults full(&world, Call::kWrite, kFull);
  full.failures = 1000;
  AppendEntries(log.get(), 10);
  EXPECT_FALSE(log->writer()->Step());
  EXPECT_EQ(log->writer()->state(), LogState::kDegraded);
  EXPECT_EQ(log->writer()->problem().system_errno(), ENOSPC);
  EXPECT_EQ(log->durable_lsn(), 10u);
  // Appends go on while the ring has room, and are then refused, having changed nothing.
  uint64_t lsn = 0;
  while (log->HasRoom(1, 300)) AppendEntries(log.get(), 1);
  const std::string large(2000, 'x');
  ErrorCode code = ErrorCode::kOk;
  for (int i = 0; i < 3; i++) code = log->Append(2, Bytes("u", 1), Bytes(large.data(), large.size()), 0, &lsn);
  EXPECT_EQ(code, ErrorCode::kBackpressure);
  const uint64_t last = log->last_lsn();
  EXPECT_FALSE(log->writer()->Step());
  EXPECT_EQ(log->durable_lsn(), 10u);
  // Space returns: it resumes by itself.
  full.failures = 0;
  FlushAll(log.get());
  EXPECT_EQ(log->writer()->state(), LogState::kOk);
  EXPECT_TRUE(log->writer()->problem().ok());
  EXPECT_EQ(log->durable_lsn(), last);
  EXPECT_EQ(ReadAll(log.get()).lsns, "1-" + std::to_string(last));
  EXPECT_TRUE(Kinds(log->writer()->TakeEvents()).find("degraded resumed") != std::string::npos);
  CloseLog(std::move(log));
  EXPECT_EQ(Describe(Inspect(&world).report.damage), std::string());
}

TEST(NoSpace, ForTheNextSegmentIsWaitedForTooAndLeavesNoFilesBehind) {
  for (const Call failing : {Call::kAllocate, Call::kWrite, Call::kSync, Call::kRename, Call::kDirectorySync}) {
    MemoryWorld world;
    std::unique_ptr<Log> log = OpenLog(&world);
    // Up to the end of the first segment.
    while (log->writer()->counters().segment_offset.load() + 20'000 < kMinSegmentBytes) {
      AppendEntries(log.get(), 10);
      FlushAll(log.get());
    }
    while (log->HasRoom(1, 300)) AppendEntries(log.get(), 1);
    const size_t files = world.names().size();
    bool making_segment = false;
    world.SetFault([&](Call call, const std::string&) {
      making_segment = making_segment || call == Call::kAllocate;
      return making_segment && call == failing ? kFull : Status();
    });
    while (log->writer()->Step()) {
    }
    EXPECT_EQ(log->writer()->state(), LogState::kDegraded);
    for (int i = 0; i < 20; i++) EXPECT_FALSE(log->writer()->Step());
    EXPECT_LE(world.names().size(), files + 1);
    world.SetFault(nullptr);
    FlushAll(log.get());
    EXPECT_EQ(log->writer()->state(), LogState::kOk);
    EXPECT_EQ(ReadAll(log.get()).lsns, "1-" + std::to_string(log->last_lsn()));
  }
}

TEST(FailedSync, IsFinalForItsFileAndTheEntriesGoToAFreshOne) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  AppendEntries(log.get(), 10);
  FlushAll(log.get());
  Faults syncs(&world, Call::kSync, kBroken);
  syncs.failures = 1;
  AppendEntries(log.get(), 10);
  EXPECT_FALSE(log->writer()->Step());
  EXPECT_EQ(log->durable_lsn(), 10u);
  EXPECT_EQ(log->writer()->state(), LogState::kOk);
  EXPECT_TRUE(log->writer()->Step());
  EXPECT_EQ(log->durable_lsn(), 20u);
  EXPECT_EQ(world.uses_after_failed_sync(), 0u);
  EXPECT_EQ(SegmentsOf(&world), std::string("1 2"));
  EXPECT_EQ(ReadAll(log.get()).lsns, std::string("1-20"));
  // Whatever of the first file is on the disk.
  for (uint64_t seed = 1; seed <= 50; seed++) {
    Dice dice(seed);
    std::unique_ptr<MemoryWorld> after = world.AfterPowerCut(&dice);
    std::unique_ptr<Log> reopened = OpenLog(after.get());
    EXPECT_EQ(ReadAll(reopened.get()).lsns, std::string("1-20"));
    EXPECT_EQ(Describe(reopened->recovery().found.damage), std::string());
  }
}

TEST(FailedSync, ForWantOfSpaceIsFinalForItsFileToo) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  Faults syncs(&world, Call::kSync, kFull);
  syncs.failures = 1;
  AppendEntries(log.get(), 10);
  EXPECT_FALSE(log->writer()->Step());
  EXPECT_EQ(log->writer()->state(), LogState::kDegraded);
  EXPECT_TRUE(log->writer()->Step());
  EXPECT_EQ(log->durable_lsn(), 10u);
  EXPECT_EQ(world.uses_after_failed_sync(), 0u);
}

TEST(FailedWrite, OfAnyOtherKindIsFinalForItsFile) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  AppendEntries(log.get(), 10);
  FlushAll(log.get());
  Faults writes(&world, Call::kWrite, kBroken);
  writes.failures = 1;
  AppendEntries(log.get(), 10);
  EXPECT_FALSE(log->writer()->Step());
  EXPECT_TRUE(log->writer()->Step());
  EXPECT_EQ(log->durable_lsn(), 20u);
  EXPECT_EQ(ReadAll(log.get()).lsns, std::string("1-20"));
  EXPECT_EQ(SegmentsOf(&world), std::string("1 2"));
}

TEST(FailedMark, CostsTheFileButNoEntry) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  AppendEntries(log.get(), 10);
  uint64_t writes = 0;
  world.SetFault([&](Call call, const std::string&) {
    return call == Call::kWrite && ++writes == 2 ? kBroken : Status();  // the idle mark behind the batch
  });
  EXPECT_TRUE(log->writer()->Step());
  EXPECT_EQ(log->durable_lsn(), 10u);
  AppendEntries(log.get(), 10);
  FlushAll(log.get());
  EXPECT_EQ(ReadAll(log.get()).lsns, std::string("1-20"));
  EXPECT_EQ(log->writer()->state(), LogState::kOk);
}

TEST(SecondFailureInARow, FailsTheLogAndWhatIsStagedWaitsForTheNextWriter) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  AppendEntries(log.get(), 10);
  FlushAll(log.get());
  Faults syncs(&world, Call::kSync, kBroken);
  syncs.failures = 2;
  AppendEntries(log.get(), 10);
  EXPECT_FALSE(log->writer()->Step());
  EXPECT_FALSE(log->writer()->Step());
  EXPECT_EQ(log->writer()->state(), LogState::kFailed);
  EXPECT_EQ(log->writer()->problem().message(), kBroken.message());
  EXPECT_TRUE(Kinds(log->writer()->TakeEvents()).find("failed") != std::string::npos);
  uint64_t lsn = 0;
  EXPECT_EQ(log->Append(2, Bytes("u", 1), Bytes(), 0, &lsn), ErrorCode::kFailed);
  EXPECT_FALSE(log->writer()->Step());  // it stays failed, also now that the device is well
  EXPECT_EQ(log->durable_lsn(), 10u);
  EXPECT_EQ(ReadAll(log.get()).lsns, std::string("1-20"));
  const Status closed = log->Close();
  EXPECT_EQ(closed.code(), ErrorCode::kIo);
  EXPECT_TRUE(closed.message().find("shared memory") != std::string::npos);
  log.reset();
  std::unique_ptr<Log> next = OpenLog(&world);
  EXPECT_TRUE(next->recovery().ring_taken_over);
  EXPECT_EQ(next->durable_lsn(), 20u);
  EXPECT_EQ(ReadAll(next.get()).lsns, std::string("1-20"));
}

TEST(SecondFailureInARow, IsCountedFromTheLastSuccess) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  Faults syncs(&world, Call::kSync, kBroken);
  for (int round = 0; round < 5; round++) {
    syncs.failures = 1;
    AppendEntries(log.get(), 5);
    EXPECT_FALSE(log->writer()->Step());
    EXPECT_TRUE(log->writer()->Step());
  }
  EXPECT_EQ(log->writer()->state(), LogState::kOk);
  EXPECT_EQ(ReadAll(log.get()).lsns, std::string("1-25"));
}

TEST(DamagedRing, IsNeverWrittenToADisk) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  AppendEntries(log.get(), 5);
  std::vector<uint8_t>& region = *world.memory().begin()->second;
  Store(region.data() + 4096 + staged::kPayloadBytesAt, uint32_t{0xffffffff});
  EXPECT_FALSE(log->writer()->Step());
  EXPECT_EQ(log->writer()->state(), LogState::kFailed);
  EXPECT_EQ(log->writer()->problem().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(log->durable_lsn(), 0u);
}

// --- On threads of its own

// A log whose writer and spare run as they do in a program, on the real clock.
class Running {
 public:
  explicit Running(MemoryWorld* world, uint64_t batch_interval_ns, ProcessFence* fence = nullptr) {
    LogOptions options = SmallLogOptions();
    options.writer.batch_interval_ns = batch_interval_ns;
    Environment environment = world->environment();
    environment.clock = SystemClock();
    environment.fence = fence;
    EXPECT_OK(Log::Open(environment, options, &log));
    log->writer()->PrepareFence();
    writing_ = std::thread([this] { log->writer()->Run(); });
    preparing_ = std::thread([this] { log->spare()->Run(); });
  }
  ~Running() {
    if (writing_.joinable()) Stop();
  }

  void Stop() {
    log->writer()->Stop();
    log->spare()->Stop();
    writing_.join();
    preparing_.join();
  }

  // Yields until everything appended is durable.
  void AwaitDurable() {
    while (log->durable_lsn() < log->last_lsn()) std::this_thread::yield();
  }

  std::unique_ptr<Log> log;

 private:
  std::thread writing_;
  std::thread preparing_;
};

constexpr uint64_t kHourNs = uint64_t{3600} * 1'000'000'000;
constexpr uint64_t kMillisecondNs = 1'000'000;

TEST(Run, AWaiterDoesNotWaitForTheInterval) {
  MemoryWorld world;
  Running running(&world, kHourNs);
  for (int round = 0; round < 200; round++) {
    AppendEntries(running.log.get(), 1 + static_cast<uint64_t>(round) % 5);
    running.log->writer()->RequestDurable(running.log->last_lsn());
    running.AwaitDurable();
  }
  running.Stop();
  EXPECT_OK(running.log->Close());
  EXPECT_EQ(Describe(Inspect(&world).report.damage), std::string());
}

TEST(Run, WithoutWaitersTheIntervalFlushes) {
  MemoryWorld world;
  Running running(&world, kMillisecondNs);
  for (int round = 0; round < 50; round++) {
    AppendEntries(running.log.get(), 3);
    running.AwaitDurable();
    // Now and then long enough idle to fall asleep for good: the next append must wake it.
    if (round % 10 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
  EXPECT_EQ(running.log->durable_lsn(), 150u);
}

TEST(Run, BatchBytesFlushWithoutWaitersAndWakesAreOnePerBatch) {
  MemoryWorld world;
  Running running(&world, kHourNs);
  uint64_t appended = 0;
  while (appended < 5000) {
    if (!running.log->HasRoom(1, 300)) {
      std::this_thread::yield();
      continue;
    }
    AppendEntries(running.log.get(), 1);
    appended++;
  }
  running.log->writer()->RequestDurable(running.log->last_lsn());
  running.AwaitDurable();
  running.Stop();
  const WriterCounters& counters = running.log->writer()->counters();
  EXPECT_LE(counters.wakeups.load(), counters.batches.load() + 2);
  EXPECT_NE(counters.rotations.load(), 0u);
  EXPECT_EQ(ReadAll(running.log.get()).lsns, std::string("1-5000"));
  EXPECT_OK(running.log->Close());
}

// An entry whose appender has found that the writer is awake: nobody is told of it.
void AppendUntold(Log* log) {
  const TestEntry entry = EntryOf(log->last_lsn() + 1);
  const std::vector<uint8_t> bytes = Staged(entry);
  std::memcpy(log->ring()->Reserve(bytes.size()), bytes.data(), bytes.size());
  log->ring()->Publish(bytes.size(), entry.lsn);
}

// Stands for an appender that stored an entry and looked at "wake at" before the writer set it, and whose store is visible
// from the fence on.
class FenceWithAnEntryBehindIt : public ProcessFence {
 public:
  bool Pass() override {
    Log* const log = log_.exchange(nullptr);
    if (log == nullptr) return true;
    wake_at = log->ring()->wake_at();
    AppendUntold(log);
    return true;
  }
  void Arm(Log* log) { log_ = log; }
  uint32_t wake_at = ring::kNeverWake;

 private:
  std::atomic<Log*> log_{nullptr};
};

TEST(Run, NeverSleepsOverAnEntryThatIsVisibleOnlyBehindTheFence) {
  MemoryWorld world;
  FenceWithAnEntryBehindIt fence;
  Running running(&world, kMillisecondNs, &fence);
  fence.Arm(running.log.get());
  running.log->writer()->WakeWriter();
  while (running.log->durable_lsn() < 1) std::this_thread::yield();
  // The fence comes behind the wish to be woken: who looks from now on sees it.
  EXPECT_EQ(fence.wake_at, 1u);
}

class FenceThatIsRefused : public ProcessFence {
 public:
  bool Pass() override {
    refusals++;
    return false;
  }
  std::atomic<uint64_t> refusals{0};
};

TEST(Run, LooksByItselfWhereTheFenceIsRefusedLater) {
  MemoryWorld world;
  FenceThatIsRefused fence;
  Running running(&world, kMillisecondNs, &fence);
  while (fence.refusals < 3) std::this_thread::yield();
  AppendUntold(running.log.get());
  running.AwaitDurable();
  EXPECT_EQ(running.log->durable_lsn(), 1u);
}

TEST(Run, TellsTheAppenderWhetherThereIsAFence) {
  FenceWithAnEntryBehindIt fence;
  MemoryWorld world;
  // Each goes on with the ring of the one before.
  for (ProcessFence* const given : {static_cast<ProcessFence*>(nullptr), static_cast<ProcessFence*>(&fence),
                                    static_cast<ProcessFence*>(nullptr)}) {
    Running running(&world, kHourNs, given);
    StagingRing* const ring = running.log->ring();
    while (ring->wake_at() == ring::kNeverWake) std::this_thread::yield();  // then it is about to sleep
    EXPECT_EQ(Load<uint32_t>(ring->region()->data() + ring::kWriterFencesAt), given == nullptr ? 0u : 1u);
  }
}

TEST(Run, AReaderBesideTheWriterReadsEverythingAppendedBeforeIt) {
  MemoryWorld world;
  Running running(&world, kMillisecondNs);
  for (int round = 0; round < 40; round++) {
    for (int i = 0; i < 20; i++) {
      while (!running.log->HasRoom(1, 300)) std::this_thread::yield();
      AppendEntries(running.log.get(), 1);
    }
    const ReadBack read = ReadAll(running.log.get());
    EXPECT_EQ(read.lsns, "1-" + std::to_string(running.log->last_lsn()));
    EXPECT_EQ(Describe(read.damage), std::string());
    EXPECT_EQ(read.wrong, 0u);
  }
}

TEST(Stop, DrainsWhatIsStaged) {
  MemoryWorld world;
  Running running(&world, kHourNs);
  AppendEntries(running.log.get(), 30);
  running.Stop();
  EXPECT_EQ(running.log->durable_lsn(), 30u);
  EXPECT_OK(running.log->Close());
}

TEST(Stop, OfADegradedLogTriesOnceMore) {
  for (const bool space_is_back : {true, false}) {
    MemoryWorld world;
    std::atomic<bool> full{true};
    std::atomic<uint64_t> refused{0};
    Running running(&world, kHourNs);
    world.SetFault([&](Call call, const std::string& name) {
      if (call != Call::kWrite || !full.load() || name != kSpareName) return Status();
      refused++;
      return kFull;
    });
    AppendEntries(running.log.get(), 30);
    running.log->writer()->RequestDurable(30);
    while (running.log->writer()->state() != LogState::kDegraded) std::this_thread::yield();
    if (space_is_back) full = false;
    running.Stop();
    EXPECT_EQ(running.log->durable_lsn(), space_is_back ? 30u : 0u);
    const Status closed = running.log->Close();
    EXPECT_EQ(closed.ok(), space_is_back);
    EXPECT_LE(refused.load(), 10u);
  }
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
