// Proves that a file that was a segment is safe as the next one: whatever of its former records stands behind the new
// ones is never read, never taken for torn or damaged bytes, and never copied to quarantine; that it is told from bytes
// that are torn; that a file is filled again only when it is known what it holds and nobody reads it; and that segments go
// in the order in which they were retired.
#include <cerrno>

#include "properties.h"
#include "segment_name.h"
#include "segment_source.h"
#include "test_log.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

void PrepareAll(Log* log) {
  while (log->spare()->PrepareSome()) {
  }
}

// Appends and flushes until the log is in segment `number`.
void WriteUpToSegment(Log* log, uint64_t number) {
  while (log->writer()->counters().segment.load() < number) {
    AppendEntries(log, 5);
    FlushAll(log);
  }
}

SegmentHeader HeaderOfFile(MemoryWorld* world, uint64_t number) {
  SegmentHeader header;
  uint32_t version = 0;
  EXPECT_TRUE(CheckSegmentHeader(world->Contents(SegmentName(number)).data(), 0, &header, &version) == HeaderState::kValid);
  return header;
}

// A log whose segment 3 is written over what segment 1 held; the three newest entries are in segment 3.
std::unique_ptr<Log> LogInARecycledFile(MemoryWorld* world) {
  std::unique_ptr<Log> log = OpenLog(world);
  WriteUpToSegment(log.get(), 2);
  EXPECT_OK(log->writer()->Retire(1));
  AppendEntries(log.get(), 80);
  FlushAll(log.get());
  PrepareAll(log.get());
  EXPECT_EQ(log->spare()->recycled(), 1u);
  WriteUpToSegment(log.get(), 3);
  EXPECT_EQ(HeaderOfFile(world, 3).former_number, 1u);
  return log;
}

bool HasQuarantine(MemoryWorld* world) {
  for (const auto& name : world->names()) {
    if (name.first.compare(0, 11, "quarantine/") == 0) return true;
  }
  return false;
}

TEST(RecycledSegment, CanBeReadFromTheMomentOfItsNameOn) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  WriteUpToSegment(log.get(), 2);
  ASSERT_OK(log->writer()->Retire(1));
  AppendEntries(log.get(), 80);
  FlushAll(log.get());
  PrepareAll(log.get());
  std::unique_ptr<Directory> directory;
  ASSERT_OK(world.environment().files->OpenDirectory("", false, &directory));
  int seen = 0;
  bool looking = false;
  // The directory is synced when the file has its name.
  world.SetFault([&](Call call, const std::string&) {
    if (looking || call != Call::kDirectorySync || world.names().count(SegmentName(3)) == 0) return Status();
    looking = true;
    std::unique_ptr<SegmentSource> source;
    EXPECT_OK(SegmentSource::Open(directory.get(), SegmentName(3), &source));
    looking = false;
    seen++;
    return Status();
  });
  WriteUpToSegment(log.get(), 3);
  world.SetFault(nullptr);
  EXPECT_EQ(HeaderOfFile(&world, 3).former_number, 1u);
  EXPECT_TRUE(seen > 0);
}

TEST(RecycledSegment, StaleRecordsWithTheNextLsnsStayUnread) {
  EXPECT_EQ(CheckStaleRecordsStayUnread(), std::string());
}

TEST(RecycledSegment, TakesTheFileOverAndNamesWhatItWas) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  WriteUpToSegment(log.get(), 2);
  const SegmentHeader first = HeaderOfFile(&world, 1);
  const std::shared_ptr<MemoryInode> inode = world.names().at(SegmentName(1));
  ASSERT_OK(log->writer()->Retire(1));
  PrepareAll(log.get());
  EXPECT_TRUE(world.Exists(SegmentName(1)));  // nothing asks for a spare yet
  AppendEntries(log.get(), 80);
  FlushAll(log.get());
  PrepareAll(log.get());
  EXPECT_EQ(SegmentsOf(&world), std::string("2"));
  EXPECT_TRUE(world.names().at(kSpareName) == inode);
  WriteUpToSegment(log.get(), 3);
  EXPECT_TRUE(world.names().at(SegmentName(3)) == inode);
  const SegmentHeader again = HeaderOfFile(&world, 3);
  EXPECT_EQ(again.former_number, 1u);
  EXPECT_EQ(again.former_salt, first.salt);
  EXPECT_NE(again.salt, first.salt);
  EXPECT_EQ(log->spare()->removed(), 0u);
}

TEST(RecycledSegment, LeavesNoTornTailAndNothingInQuarantineBehindADeadProcess) {
  MemoryWorld world;
  LogInARecycledFile(&world).reset();
  const uint64_t end = Inspect(&world).report.segments.back().end_offset;
  const std::vector<uint8_t>& bytes = world.Contents(SegmentName(3));
  EXPECT_TRUE(std::vector<uint8_t>(bytes.begin() + static_cast<std::ptrdiff_t>(end), bytes.end()) !=
              std::vector<uint8_t>(bytes.size() - end));  // the former records are there
  for (const bool machine_went_down : {false, true}) {
    if (machine_went_down) ForgetSharedMemory(&world);
    const DirectoryReport report = Inspect(&world).report;
    EXPECT_FALSE(report.torn_tail.found);
    EXPECT_EQ(Describe(report.damage).substr(0, 15), std::string("missing_segment"));  // segment 1, which was retired
    EXPECT_EQ(report.damage.size(), 1u);
  }
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_FALSE(HasQuarantine(&world));
  EXPECT_EQ(log->recovery().found.damage.size(), 1u);
}

TEST(RecycledSegment, TornBytesAreToldFromWhatTheFormerSegmentLeft) {
  MemoryWorld world;
  LogInARecycledFile(&world).reset();
  ForgetSharedMemory(&world);
  const uint64_t end = Inspect(&world).report.segments.back().end_offset;
  // A batch of which one sector in its middle reached the disk.
  Change(&world, SegmentName(3), [end](std::vector<uint8_t>* bytes) {
    const auto torn = bytes->begin() + static_cast<std::ptrdiff_t>((end / 512 + 2) * 512);
    std::fill(torn, torn + 512, uint8_t{0x77});
  });
  const DirectoryReport report = Inspect(&world).report;
  ASSERT_TRUE(report.torn_tail.found);
  EXPECT_EQ(report.torn_tail.offset, end);
  EXPECT_GE(report.torn_tail.bytes, (end / 512 + 3) * 512 - end);
  EXPECT_LT(report.torn_tail.bytes, (end / 512 + 3) * 512 - end + 512);
}

TEST(RecycledSegment, ATornMarkAtTheEndIsTornAlthoughFormerRecordsFollow) {
  MemoryWorld world;
  LogInARecycledFile(&world).reset();
  ForgetSharedMemory(&world);
  const uint64_t end = Inspect(&world).report.segments.back().end_offset;
  Change(&world, SegmentName(3), [end](std::vector<uint8_t>* bytes) { Store(bytes->data() + end, mark::kMagic); });
  const DirectoryReport report = Inspect(&world).report;
  ASSERT_TRUE(report.torn_tail.found);
  EXPECT_EQ(report.torn_tail.offset, end);
  EXPECT_LT(report.torn_tail.bytes, 512u);
}

TEST(RecycledSegment, SealedItEndsBehindItsSealAndMayBeFilledOnceMore) {
  MemoryWorld world;
  std::unique_ptr<Log> log = LogInARecycledFile(&world);
  WriteUpToSegment(log.get(), 4);
  const uint64_t last = log->last_lsn();
  ASSERT_OK(log->writer()->Retire(2));
  ASSERT_OK(log->writer()->Retire(3));
  AppendEntries(log.get(), 80);
  FlushAll(log.get());
  PrepareAll(log.get());
  WriteUpToSegment(log.get(), 5);
  EXPECT_EQ(HeaderOfFile(&world, 5).former_number, 3u);
  log.reset();
  const DirectoryReport report = Inspect(&world).report;
  EXPECT_FALSE(report.torn_tail.found);
  EXPECT_LT(last, report.last_lsn);
}

// Retires segment 1 of a log that is in segment 2 and wants a spare; what became of it.
struct Retired {
  uint64_t recycled = 0;
  uint64_t removed = 0;
  bool spare_reads_as_zeros = false;
};
Retired RetireFirst(MemoryWorld* world, Log* log) {
  EXPECT_OK(log->writer()->Retire(1));
  AppendEntries(log, 80);
  FlushAll(log);
  PrepareAll(log);
  EXPECT_FALSE(world->Exists(SegmentName(1)));
  const std::vector<uint8_t>& spare = world->Contents(kSpareName);
  EXPECT_EQ(spare.size(), kMinSegmentBytes);
  return {log->spare()->recycled(), log->spare()->removed(), spare == std::vector<uint8_t>(spare.size())};
}

TEST(RecycledSegment, AFileThatIsBeingReadIsLeftToItsReaderAndANewOneMade) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  WriteUpToSegment(log.get(), 2);
  const std::vector<uint8_t> held = world.Contents(SegmentName(1));
  std::unique_ptr<Directory> directory;
  ASSERT_OK(world.environment().files->OpenDirectory("", false, &directory));
  std::unique_ptr<SegmentSource> source;
  ASSERT_OK(OpenSegmentSource(directory.get(), SegmentName(1), HeaderOfFile(&world, 1), &source));
  const Retired retired = RetireFirst(&world, log.get());
  EXPECT_EQ(retired.recycled, 0u);
  EXPECT_TRUE(retired.spare_reads_as_zeros);
  Bytes window;
  ASSERT_OK(source->Window(0, held.size(), &window));
  EXPECT_TRUE(std::vector<uint8_t>(window.data, window.data + window.size) == held);
}

TEST(RecycledSegment, AReaderThatComesTooLateFindsTheSegmentGone) {
  MemoryWorld world;
  std::unique_ptr<Log> log = LogInARecycledFile(&world);
  std::unique_ptr<Directory> directory;
  ASSERT_OK(world.environment().files->OpenDirectory("", false, &directory));
  // It opened the name of segment 1; the file is segment 3 by the time it looks.
  SegmentHeader first = HeaderOfFile(&world, 3);
  first.salt = first.former_salt;
  first.number = 1;
  std::unique_ptr<SegmentSource> source;
  EXPECT_EQ(OpenSegmentSource(directory.get(), SegmentName(3), first, &source).code(), ErrorCode::kNotFound);
}

TEST(RecycledSegment, ALockThatSomebodyElseHoldsIsAnErrorAndNotAMissingSegment) {
  MemoryWorld world;
  WriteLog(&world, 10);
  std::unique_ptr<Directory> directory;
  ASSERT_OK(world.environment().files->OpenDirectory("", false, &directory));
  std::unique_ptr<File> file;
  ASSERT_OK(directory->Open(SegmentName(1), OpenMode::kReadWrite, &file));
  bool locked = false;
  ASSERT_OK(file->TryLock(true, &locked));
  EXPECT_EQ(TryOpen(&world).code(), ErrorCode::kIo);
  file.reset();
  EXPECT_OK(TryOpen(&world));
}

TEST(RecycledSegment, OnlyASealedFileOfSoundHeadersIsFilledAgain) {
  using Edit = std::function<void(std::vector<uint8_t>*)>;
  const Edit edits[] = {
      [](std::vector<uint8_t>* bytes) { FlipBit(bytes, bytes->size() * 8 - 10); },             // the seal is damaged
      [](std::vector<uint8_t>* bytes) { bytes->resize(bytes->size() + 8); },                   // not cut behind its seal
      [](std::vector<uint8_t>* bytes) { FlipBit(bytes, 100); },                                // a copy of the header
      [](std::vector<uint8_t>* bytes) { bytes->resize(kMinSegmentBytes / 2 - 8); },            // too short
  };
  for (const Edit& edit : edits) {
    MemoryWorld world;
    std::unique_ptr<Log> log = OpenLog(&world);
    WriteUpToSegment(log.get(), 2);
    Change(&world, SegmentName(1), edit);
    const Retired retired = RetireFirst(&world, log.get());
    EXPECT_EQ(retired.recycled, 0u);
    EXPECT_EQ(retired.removed, 1u);
    EXPECT_TRUE(retired.spare_reads_as_zeros);
  }
}

TEST(RecycledSegment, WithASpareReadySegmentsAreUnlinkedOneByOneInOrder) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  WriteUpToSegment(log.get(), 4);
  AppendEntries(log.get(), 80);
  FlushAll(log.get());
  PrepareAll(log.get());
  for (uint64_t number = 1; number <= 3; number++) ASSERT_OK(log->writer()->Retire(number));
  for (const char* left : {"2 3 4", "3 4", "4"}) {
    EXPECT_TRUE(log->spare()->PrepareSome());
    EXPECT_EQ(SegmentsOf(&world), std::string(left));
  }
  EXPECT_EQ(log->spare()->removed(), 3u);
  EXPECT_FALSE(log->spare()->PrepareSome());
}

TEST(RecycledSegment, OneThatCannotGoHoldsBackThoseBehindIt) {
  for (const Call failing : {Call::kUnlink, Call::kDirectorySync}) {
    MemoryWorld world;
    std::unique_ptr<Log> log = OpenLog(&world);
    WriteUpToSegment(log.get(), 4);
    AppendEntries(log.get(), 80);
    FlushAll(log.get());
    PrepareAll(log.get());
    world.SetFault([failing](Call call, const std::string&) {
      return call == failing ? Status(ErrorCode::kIo, "failed", EIO) : Status();
    });
    ASSERT_OK(log->writer()->Retire(1));
    ASSERT_OK(log->writer()->Retire(2));
    PrepareAll(log.get());
    EXPECT_TRUE(world.Exists(SegmentName(2)));
    world.SetFault(nullptr);
    ASSERT_OK(log->writer()->Retire(3));  // tried again
    PrepareAll(log.get());
    EXPECT_EQ(SegmentsOf(&world), std::string("4"));
  }
}

TEST(RecycledSegment, TheSegmentBeingWrittenCannotBeRetired) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_EQ(log->writer()->Retire(1).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(log->writer()->Retire(2).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(log->writer()->Retire(0).code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
