// Proves that looking at a log changes nothing and takes no lock, works beside a live writer and on what a dead one
// left, and says clearly what is no log; and that figures are told at a glance, without a look at entries.
#include <algorithm>

#include "segment_name.h"
#include "test_log.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

// Fails on any call that could change something.
void AllowReadingOnly(MemoryWorld* world) {
  world->SetFault([](Call call, const std::string& name) {
    const bool is_shared = call == Call::kLock || call == Call::kMemoryOpen;
    const bool reads = is_shared || call == Call::kOpen || call == Call::kRead || call == Call::kList;
    if (!reads || name == kLockName) Fail(__FILE__, __LINE__, "inspecting changed " + name);
    return Status();
  });
}

std::string Seen(const Inspection& inspection) {
  return std::to_string(inspection.report.entries) + " entries up to " + std::to_string(inspection.report.last_lsn) +
         (inspection.live ? ", live" : "") + (inspection.report.clean ? ", clean" : "") +
         (inspection.report.ring.found ? ", ring " + std::to_string(inspection.report.ring.entries) : "") +
         (inspection.report.damage.empty() ? "" : ", " + Describe(inspection.report.damage));
}

TEST(Inspect, AClosedLogIsClean) {
  MemoryWorld world;
  WriteLog(&world, 500, 20);
  AllowReadingOnly(&world);
  EXPECT_EQ(Seen(Inspect(&world)), std::string("500 entries up to 500, clean"));
  EXPECT_EQ(ReadAll(&world, "wal").lsns, std::string("1-500"));
}

TEST(Inspect, SeesALiveWriterAndWhatItHasOnlyStaged) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  AppendEntries(log.get(), 50);
  FlushAll(log.get());
  AppendEntries(log.get(), 20);
  AllowReadingOnly(&world);
  EXPECT_EQ(Seen(Inspect(&world)), std::string("70 entries up to 70, live, ring 20"));
  EXPECT_EQ(ReadAll(&world, "wal").lsns, std::string("1-70"));
  world.SetFault(nullptr);
  EXPECT_EQ(AppendEntries(log.get(), 1), 71u);
}

TEST(Inspect, SeesWhatADeadWriterLeftWithoutTakingItOver) {
  MemoryWorld world;
  {
    std::unique_ptr<Log> log = OpenLog(&world);
    AppendEntries(log.get(), 50);
    FlushAll(log.get());
    AppendEntries(log.get(), 20);
  }
  AllowReadingOnly(&world);
  for (int times = 0; times < 3; times++) {
    EXPECT_EQ(Seen(Inspect(&world)), std::string("70 entries up to 70, ring 20"));
    EXPECT_EQ(ReadAll(&world, "wal").lsns, std::string("1-70"));
  }
  world.SetFault(nullptr);
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_EQ(log->last_lsn(), 70u);
}

TEST(Inspect, WhatALiveWriterAddsMeanwhileIsNoDamage) {
  // A segment is read in windows of a mebibyte. The writer has filled almost all of the first; just before one of the
  // reads it writes on, past the end of it. The space that a window read before still shows is no hole.
  for (int read_that_meets_the_writer = 1; read_that_meets_the_writer <= 8; read_that_meets_the_writer++) {
    MemoryWorld world;
    LogOptions options = SmallLogOptions();
    options.writer.segment_bytes = 16 << 20;
    options.queue_bytes = 4 << 20;
    options.writer.batch_bytes = 1 << 20;
    std::unique_ptr<Log> log = OpenLog(&world, options);
    while (log->writer()->counters().segment_offset.load() + 2000 < kSegmentDataAt + (size_t{1} << 20)) {
      AppendEntries(log.get(), 10);
      FlushAll(log.get());
    }
    int reads = 0;
    world.SetFault([&](Call call, const std::string& name) {
      if (call != Call::kRead || name != SegmentName(1) || ++reads != read_that_meets_the_writer) return Status();
      AppendEntries(log.get(), 500);
      FlushAll(log.get());
      return Status();
    });
    const Inspection inspection = Inspect(&world);
    EXPECT_TRUE(inspection.live);
    EXPECT_EQ(Describe(inspection.report.damage), std::string());
    EXPECT_FALSE(inspection.report.torn_tail.found);
    reads = 0;
    const ReadBack read = ReadAll(&world, "wal");
    EXPECT_EQ(Describe(read.damage), std::string());
    EXPECT_TRUE(read.lsns.substr(0, 2) == "1-" && read.lsns.find(' ') == std::string::npos);
  }
}

TEST(Inspect, ReportsDamageAndChangesNothing) {
  MemoryWorld world;
  WriteLog(&world, 50);
  DamageEntry(&world, 7);
  AllowReadingOnly(&world);
  EXPECT_EQ(Seen(Inspect(&world)), std::string("49 entries up to 50, clean, entry 7-7 in 1"));
}

TEST(Inspect, ASegmentThatIsRemovedBehindTheListingIsNoError) {
  MemoryWorld world;
  WriteLog(&world, 1000, 20);
  const uint64_t first_of_second = Inspect(&world).report.segments[1].first_lsn;
  world.SetFault([](Call call, const std::string& name) {
    const bool gone = call == Call::kOpen && name == SegmentName(1);
    return gone ? Status(ErrorCode::kNotFound, name + " does not exist") : Status();
  });
  EXPECT_EQ(Inspect(&world).report.segments.front().number, 2u);
  EXPECT_EQ(ReadAll(&world, "wal").lsns, std::to_string(first_of_second) + "-1000");
}

TEST(Inspect, AnEmptyDirectoryIsNoLog) {
  MemoryWorld world;
  Inspection inspection;
  const Status status = InspectPath(world.environment(), "wal", &inspection);
  EXPECT_EQ(status.code(), ErrorCode::kNotALog);
  EXPECT_TRUE(status.message().find("wal holds no log") != std::string::npos);
  EXPECT_EQ(ReadAll(&world, "wal").status.code(), ErrorCode::kNotALog);
}

TEST(Inspect, OneSegmentFileIsJudgedOnItsOwn) {
  MemoryWorld world;
  WriteLog(&world, 1000, 20);
  const SegmentReport second = Inspect(&world).report.segments[1];
  const Inspection alone = Inspect(&world, "wal/" + second.file);
  EXPECT_FALSE(alone.whole);
  ASSERT_EQ(alone.report.segments.size(), 1u);
  EXPECT_EQ(alone.report.segments[0].first_lsn, second.first_lsn);
  EXPECT_EQ(alone.report.segments[0].last_lsn, second.last_lsn);
  EXPECT_EQ(Describe(alone.report.damage), std::string());
  // Under a name of one's own, too.
  CopyFile(&world, second.file, "copy.bin");
  EXPECT_EQ(Inspect(&world, "wal/copy.bin").report.segments[0].number, second.number);
}

TEST(Inspect, AFileOfAnyOtherKindIsNoSegment) {
  MemoryWorld world;
  WriteLog(&world, 10);
  world.Put("notes.txt", std::vector<uint8_t>(20'000, uint8_t{'x'}));
  world.not_files["pipe"] = EntryKind::kOther;
  Inspection inspection;
  EXPECT_EQ(InspectPath(world.environment(), "wal/notes.txt", &inspection).code(), ErrorCode::kNotALog);
  EXPECT_EQ(InspectPath(world.environment(), "wal/pipe", &inspection).code(), ErrorCode::kNotALog);
}

LogFigures FiguresOf(MemoryWorld* world) {
  LogFigures figures;
  EXPECT_OK(LookAtFigures(world->environment(), "wal", &figures));
  return figures;
}

TEST(Figures, AreThoseOfALiveWriterAndNothingIsRead) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  AppendEntries(log.get(), 50);
  FlushAll(log.get());
  AppendEntries(log.get(), 20);
  uint64_t reads = 0;
  world.SetFault([&](Call call, const std::string& name) {
    if (call == Call::kMemoryOpen) return Status();  // the ring, which has the figures
    const bool looks = call == Call::kOpen || call == Call::kList || call == Call::kRead;
    if (!looks || (call != Call::kList && name != kIdentityName)) Fail(__FILE__, __LINE__, "looked at " + name);
    reads++;
    return Status();
  });
  const LogFigures figures = FiguresOf(&world);
  EXPECT_LE(reads, 10u);
  EXPECT_TRUE(figures.live);
  EXPECT_EQ(figures.log_id, LogIdText(log->log_id()));
  EXPECT_EQ(figures.segments, 1u);
  EXPECT_EQ(figures.checkpoint.number, 0u);
  ASSERT_TRUE(figures.ring.found);
  EXPECT_EQ(figures.ring.last_lsn, 70u);
  EXPECT_EQ(figures.ring.durable_lsn, 50u);
  EXPECT_EQ(figures.ring.used_bytes, log->ring()->used_bytes());
  EXPECT_NE(figures.ring.writer().begun_ms.load(), 0);
  EXPECT_EQ(figures.ring.writer().counters.syncs.load(), log->writer()->counters().syncs.load());
  EXPECT_EQ(figures.ring.writer().histograms.batch_entries.sum(), 50u);
  world.SetFault(nullptr);
}

TEST(Figures, OfADeadWriterStayUntilTheNextOneBegins) {
  MemoryWorld world;
  {
    std::unique_ptr<Log> log = OpenLog(&world);
    AppendEntries(log.get(), 50);
    FlushAll(log.get());
    AppendEntries(log.get(), 20);
  }
  const LogFigures dead = FiguresOf(&world);
  EXPECT_FALSE(dead.live);
  ASSERT_TRUE(dead.ring.found);
  EXPECT_EQ(dead.ring.last_lsn, 70u);
  EXPECT_EQ(dead.ring.writer().histograms.batch_entries.sum(), 50u);
  std::unique_ptr<Log> log = OpenLog(&world);
  const LogFigures next = FiguresOf(&world);
  EXPECT_TRUE(next.live);
  EXPECT_EQ(next.ring.last_lsn, 70u);
  EXPECT_EQ(next.ring.used_bytes, 0u);
  EXPECT_EQ(next.ring.writer().histograms.batch_entries.sum(), 0u);
  CloseLog(std::move(log));
  EXPECT_FALSE(FiguresOf(&world).ring.found);
}

TEST(Figures, NameTheNewestCheckpointWithASoundHeader) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  const auto everything = [](const Entry&) { return true; };
  PutCheckpoint(&world, 1, 1, everything);
  PutCheckpoint(&world, 2, 2, everything);
  LogFigures figures = FiguresOf(&world);
  EXPECT_EQ(figures.segments, 3u);
  EXPECT_EQ(figures.checkpoints, 2u);
  EXPECT_EQ(figures.checkpoint.number, 2u);
  EXPECT_EQ(figures.checkpoint.covered_lsn, 40u);
  Change(&world, CheckpointName(2), [](std::vector<uint8_t>* bytes) { std::fill_n(bytes->begin(), kSegmentDataAt, uint8_t{1}); });
  figures = FiguresOf(&world);
  EXPECT_EQ(figures.checkpoints, 2u);
  EXPECT_EQ(figures.checkpoint.number, 1u);
  EXPECT_EQ(figures.checkpoint.covered_lsn, 20u);
}

TEST(Figures, AFileAndAnEmptyDirectoryHaveNone) {
  MemoryWorld world;
  LogFigures figures;
  EXPECT_EQ(LookAtFigures(world.environment(), "wal", &figures).code(), ErrorCode::kNotALog);
  WriteLog(&world, 10);
  EXPECT_EQ(LookAtFigures(world.environment(), "wal/" + SegmentName(1), &figures).code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
