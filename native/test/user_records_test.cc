// Proves where the writer puts user records: again after a batch that failed, a third time further on when two lie close
// together, and never where the entries and the seal of a segment need the room.
#include <cerrno>
#include <string>
#include <vector>

#include "segment_name.h"
#include "test_log.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

void Append(Log* log, const std::string& user, size_t payload_bytes = 8) {
  const std::string payload(payload_bytes, 'p');
  uint64_t lsn = 0;
  EXPECT_EQ(log->Append(2, Bytes(user.data(), user.size()), Bytes(payload.data(), payload.size()), 0, &lsn), ErrorCode::kOk);
}

// Where the user records of `user` are in a segment.
std::vector<ScanStep> RecordsOf(MemoryWorld* world, uint64_t number, const std::string& user) {
  std::vector<ScanStep> records;
  const std::vector<uint8_t> bytes = world->Contents(SegmentName(number));
  SegmentHeader header;
  uint32_t version = 0;
  EXPECT_EQ(CheckSegmentHeader(bytes.data(), 0, &header, &version), HeaderState::kValid);
  for (ScanStep& step : ScanAll(Bytes(bytes.data(), bytes.size()), SegmentSeed(header.salt, header.number))) {
    if (step.kind == ScanKind::kUser && TextOf(step.record.entry.user_id) == user) records.push_back(step);
  }
  return records;
}

uint64_t OffsetOfEntry(Log* log, uint64_t lsn) { return ReadAll(log).places[lsn].offset; }

TEST(UserRecords, OfABatchThatFailedAreWrittenAgain) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  Append(log.get(), "first");
  FlushAll(log.get());
  bool is_full = true;
  world.SetFault([&](Call call, const std::string&) {
    return call == Call::kWrite && is_full ? Status(ErrorCode::kNoSpace, "the disk is full", ENOSPC) : Status();
  });
  Append(log.get(), "second");
  EXPECT_FALSE(log->writer()->Step());
  is_full = false;
  FlushAll(log.get());
  Append(log.get(), "first");
  Append(log.get(), "second");
  FlushAll(log.get());
  ForgetSharedMemory(&world);
  EXPECT_EQ(ReadAll(log.get()).lsns, std::string("1-4"));
  EXPECT_EQ(RecordsOf(&world, 1, "second").size(), 2u);
}

TEST(UserRecords, OfAFailedSyncAreWrittenToTheNextSegment) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  Append(log.get(), "user");
  FlushAll(log.get());
  int failures = 1;
  world.SetFault([&](Call call, const std::string&) {
    return call == Call::kSync && failures-- > 0 ? Status(ErrorCode::kIo, "the device failed", EIO) : Status();
  });
  Append(log.get(), "user");
  EXPECT_FALSE(log->writer()->Step());
  FlushAll(log.get());
  const uint64_t next = log->writer()->counters().segment.load();
  ASSERT_NE(next, 1u);
  EXPECT_EQ(RecordsOf(&world, next, "user").size(), 2u);
  EXPECT_EQ(ReadAll(log.get()).lsns, std::string("1-2"));
}

TEST(UserRecords, ThatLieCloseAreWrittenAThirdTimeABlockFurtherOn) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  Append(log.get(), "close");
  FlushAll(log.get());
  std::vector<ScanStep> records = RecordsOf(&world, 1, "close");
  ASSERT_EQ(records.size(), 2u);
  const uint64_t second_end = records[1].end;
  for (uint64_t lsn = 2; records.size() == 2 && lsn < 100; lsn++) {
    Append(log.get(), "other", 200);
    FlushAll(log.get());
    records = RecordsOf(&world, 1, "close");
    // In the first batch that begins far enough behind.
    const uint64_t repeated_bytes = records.size() == 3 ? records[2].bytes : 0;
    const uint64_t batch_at = OffsetOfEntry(log.get(), lsn) - mark::kBytes - repeated_bytes;
    if (lsn > 2) EXPECT_EQ(records.size() == 3, batch_at - second_end >= user_record::kApartBytes);
  }
  ASSERT_EQ(records.size(), 3u);
  EXPECT_GE(records[2].offset - records[1].end, user_record::kApartBytes);
  // And no fourth time.
  for (int i = 0; i < 50; i++) {
    Append(log.get(), "other", 200);
    FlushAll(log.get());
  }
  EXPECT_EQ(RecordsOf(&world, 1, "close").size(), 3u);
}

TEST(UserRecords, ThatLieCloseAtTheEndAreWrittenAThirdTimeBeforeTheSeal) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  Append(log.get(), "close");
  FlushAll(log.get());
  CloseLog(std::move(log));
  EXPECT_EQ(RecordsOf(&world, 1, "close").size(), 3u);
  EXPECT_EQ(Describe(Inspect(&world).report.damage), std::string());
}

TEST(UserRecords, OfABatchThatIsLongerThanABlockAreTwo) {
  MemoryWorld world;
  LogOptions options = SmallLogOptions();
  options.writer.batch_bytes = 32768;
  std::unique_ptr<Log> log = OpenLog(&world, options);
  for (int i = 0; i < 3; i++) Append(log.get(), "apart", 2000);
  FlushAll(log.get());
  CloseLog(std::move(log));
  EXPECT_EQ(RecordsOf(&world, 1, "apart").size(), 2u);
}

// What is repeated must not take the room of the first entry of its batch: the batch would reach into the bytes that are kept
// for the seal, or beyond the file's planned end.
TEST(UserRecords, NeverTakeTheRoomThatTheSealNeeds) {
  uint64_t state = Seed() * 0x9e3779b97f4a7c15u + 1;
  const auto below = [&state](uint64_t limit) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % limit;
  };
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  uint64_t users = 0;
  for (int step = 0; step < 4000; step++) {
    if (below(2) == 0) users++;
    std::string user = "user-" + std::to_string(users - below(users + 1));
    user.resize(user.size() + below(200), 'u');
    Append(log.get(), user, below(20) == 0 ? 4000 + below(8000) : below(300));
    FlushAll(log.get());
    ASSERT_TRUE(log->writer()->counters().segment_offset.load() + kTailReserveBytes <= kMinSegmentBytes);
  }
  CloseLog(std::move(log));
  EXPECT_EQ(Describe(Inspect(&world).report.damage), std::string());
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
