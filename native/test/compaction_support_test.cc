// Proves what compaction asks of an open log: the active segment is sealed on request, without disturbing appends; what is
// complete is known; and a segment is given up only when recovery could do without the newest checkpoint.
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "checkpoint_files.h"
#include "segment_name.h"
#include "test_log.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

bool IsSealed(MemoryWorld* world, uint64_t number) {
  for (const SegmentReport& segment : Inspect(world).report.segments) {
    if (segment.number == number) return segment.state == SegmentState::kSealed;
  }
  return false;
}

TEST(RotateOnRequest, SealsTheActiveSegmentAndBeginsTheNext) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  Writer* writer = log->writer();
  AppendEntries(log.get(), 10);
  FlushAll(log.get());
  EXPECT_EQ(writer->complete_through(), 0u);
  EXPECT_EQ(writer->RequestRotation(), 1u);
  EXPECT_EQ(writer->complete_through(), 0u);
  EXPECT_TRUE(writer->Step());
  EXPECT_EQ(writer->complete_through(), 1u);
  EXPECT_TRUE(IsSealed(&world, 1));
  const std::vector<LogEvent> events = writer->TakeEvents();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_TRUE(events[0].kind == LogEvent::Kind::kRotate);
  EXPECT_EQ(events[0].segment, 2u);
  EXPECT_FALSE(writer->Step());
  AppendEntries(log.get(), 10);
  CloseLog(std::move(log));
  EXPECT_EQ(SegmentsOf(&world), std::string("1 2"));
  EXPECT_EQ(OpenedOutcome(&world), std::string("1-20 | "));
}

TEST(RotateOnRequest, OfASegmentThatHoldsNothingDoesNothing) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_EQ(log->writer()->RequestRotation(), 0u);
  EXPECT_FALSE(log->writer()->Step());
  AppendEntries(log.get(), 1);
  FlushAll(log.get());
  log->writer()->RequestRotation();
  log->writer()->Step();
  // Twice is once.
  EXPECT_EQ(log->writer()->RequestRotation(), 1u);
  EXPECT_FALSE(log->writer()->Step());
  CloseLog(std::move(log));
  EXPECT_EQ(SegmentsOf(&world), std::string("1"));
}

TEST(RotateOnRequest, WritesWhatIsStagedFirst) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  AppendEntries(log.get(), 5);
  FlushAll(log.get());
  EXPECT_EQ(log->writer()->RequestRotation(), 1u);
  AppendEntries(log.get(), 5);
  EXPECT_TRUE(log->writer()->Step());
  EXPECT_EQ(log->durable_lsn(), 10u);
  EXPECT_EQ(Inspect(&world).report.segments[0].last_lsn, 10u);
  EXPECT_EQ(log->writer()->complete_through(), 1u);
}

TEST(RotateOnRequest, WaitsForSpace) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  AppendEntries(log.get(), 5);
  FlushAll(log.get());
  world.SetFault([](Call call, const std::string&) {
    return call == Call::kAllocate ? Status(ErrorCode::kNoSpace, "the disk is full", ENOSPC) : Status();
  });
  log->writer()->RequestRotation();
  EXPECT_FALSE(log->writer()->Step());
  EXPECT_TRUE(log->writer()->state() == LogState::kDegraded);
  world.SetFault(nullptr);
  EXPECT_TRUE(log->writer()->Step());
  EXPECT_TRUE(log->writer()->state() == LogState::kOk);
  EXPECT_EQ(log->writer()->complete_through(), 2u);  // a number whose creation failed is not used again
  AppendEntries(log.get(), 5);
  CloseLog(std::move(log));
  EXPECT_EQ(OpenedOutcome(&world), std::string("1-10 | "));
}

// The request may come at any moment of the writer's thread, a deep sleep among them.
TEST(RotateOnRequest, IsDoneByARunningWriterAndTold) {
  class Listener : public WriterListener {
   public:
    void Wake() override {
      const std::lock_guard<std::mutex> lock(mutex);
      changed.notify_all();
    }
    std::mutex mutex;
    std::condition_variable changed;
  };
  MemoryWorld world;
  LogOptions options = SmallLogOptions();
  options.writer.batch_interval_ns = 1'000'000;
  std::unique_ptr<Log> log = OpenLog(&world, options);
  Writer* writer = log->writer();
  Listener listener;
  writer->SetListener(&listener);
  std::thread thread([writer] { writer->Run(); });
  for (uint64_t round = 1; round <= 50; round++) {
    AppendEntries(log.get(), 3);
    const uint64_t lsn = log->last_lsn();
    writer->RequestDurable(lsn);
    std::unique_lock<std::mutex> lock(listener.mutex);
    listener.changed.wait(lock, [&] { return writer->durable_lsn() >= lsn; });
    lock.unlock();
    const uint64_t through = writer->RequestRotation();
    EXPECT_EQ(through, round);
    lock.lock();
    listener.changed.wait(lock, [&] { return writer->complete_through() >= through; });
  }
  writer->Stop();
  thread.join();
  EXPECT_OK(log->Close());
  EXPECT_EQ(OpenedOutcome(&world), std::string("1-150 | "));
}

TEST(Retire, IsRefusedWithoutABackupThatCoversTheSegment) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_EQ(log->Retire(1).code(), ErrorCode::kInvalidArgument);
  EXPECT_OK(WriteCheckpoint(&world, KeepAll(2)));
  EXPECT_EQ(log->Retire(1).message(), std::string("segment 1 cannot be retired; allowed: none, without two checkpoints"));
  EXPECT_OK(WriteCheckpoint(&world, KeepAll(3)));
  EXPECT_OK(log->Retire(1));
  EXPECT_OK(log->Retire(2));
  EXPECT_EQ(log->Retire(3).message(),
            std::string("segment 3 cannot be retired; allowed: up to 2, which the second newest checkpoint covers"));
  while (log->spare()->PrepareSome()) {
  }
  // The last one waits for the next segment's need, or the end.
  EXPECT_EQ(SegmentsOf(&world), std::string("2 3 4"));
  EXPECT_EQ(ReadAll(log.get(), Live()).lsns, std::string("1-60"));
  CloseLog(std::move(log));
  EXPECT_EQ(SegmentsOf(&world), std::string("3"));
  EXPECT_EQ(OpenedOutcome(&world), std::string("1-60 | "));
}

TEST(Retire, CountsNoCheckpointThatWasCut) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  EXPECT_OK(WriteCheckpoint(&world, KeepAll(2)));
  EXPECT_OK(WriteCheckpoint(&world, KeepAll(2)));
  Change(&world, CheckpointName(1), [](std::vector<uint8_t>* bytes) { bytes->pop_back(); });
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_EQ(log->Retire(1).code(), ErrorCode::kInvalidArgument);
}

TEST(WriteCheckpoint, OfALogWithABaseGoesOnFromIt) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  CheckpointPlan plan = KeepAll(1);
  plan.users = {"user-1", "user-2"};
  plan.keep_from_lsn = {kMaxLsn, 16};
  EXPECT_OK(WriteCheckpoint(&world, plan));
  EXPECT_EQ(ReadAll(&world, "wal", Live(1)).lsns, std::string("3-7 10-14 16-20"));
  world.Remove(SegmentName(1));
  plan = KeepAll(2);
  plan.users = {"user-3"};
  plan.keep_from_lsn = {30};
  EXPECT_OK(WriteCheckpoint(&world, plan));
  world.Remove(SegmentName(2));
  EXPECT_EQ(ReadAll(&world, "wal", Live(2)).lsns, std::string("4-7 11-14 16 18-23 25-40"));
  // Of the same once more, though its segments are gone.
  EXPECT_OK(WriteCheckpoint(&world, plan));
  EXPECT_EQ(WriteCheckpoint(&world, KeepAll(1)).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(OpenedOutcome(&world), std::string("4-7 11-14 16 18-23 25-60 | "));
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
