// Proves that zeros are written ahead of the writer only where it has not been and will not be soon, only as far and as
// often as it pays, and that what goes wrong with them costs no entry.
#include <algorithm>
#include <cerrno>
#include <thread>

#include "memory_file_system.h"
#include "segment_name.h"
#include "test_log.h"
#include "testing.h"
#include "write_ahead.h"

namespace ingest_wal {
namespace testing {
namespace {

constexpr uint64_t kEnd = uint64_t{32} << 20;
constexpr uint64_t kSlice = uint64_t{256} << 10;

// A segment file full of ones, so that zeros are seen.
class Fixture {
 public:
  Fixture() {
    world.Put("segment", std::vector<uint8_t>(static_cast<size_t>(kEnd), uint8_t{1}));
    std::unique_ptr<Directory> directory;
    EXPECT_OK(world.environment().files->OpenDirectory("", false, &directory));
    std::unique_ptr<File> file;
    EXPECT_OK(directory->Open("segment", OpenMode::kReadWrite, &file));
    ahead = std::make_unique<WriteAhead>(std::move(file), kSegmentDataAt, kEnd, [this] { wakes++; });
  }

  // All that may be written now.
  void WriteAll() {
    uint64_t bytes = 0;
    while (ahead->HasWork()) ahead->WriteSome(&bytes);
  }
  // [first, second): where the zeros are; fails when they are not one stretch.
  std::pair<uint64_t, uint64_t> Zeros() {
    const std::vector<uint8_t>& bytes = world.Contents("segment");
    const auto from = std::find(bytes.begin(), bytes.end(), uint8_t{0});
    const auto end = std::find(from, bytes.end(), uint8_t{1});
    EXPECT_TRUE(std::find(end, bytes.end(), uint8_t{0}) == bytes.end());
    return {static_cast<uint64_t>(from - bytes.begin()), static_cast<uint64_t>(end - bytes.begin())};
  }

  MemoryWorld world;
  std::unique_ptr<WriteAhead> ahead;
  int wakes = 0;
};

TEST(WriteAhead, BeginsAheadOfTheWriterAndStopsUntilTheWriterIsKnown) {
  Fixture fixture;
  fixture.WriteAll();
  EXPECT_LT(kSegmentDataAt + kSlice, fixture.Zeros().first);
  EXPECT_EQ(fixture.Zeros().second - fixture.Zeros().first, 4 * kSlice);
}

TEST(WriteAhead, GoesOnWithEachSmallWriteAndNoFurtherThanItsWindow) {
  Fixture fixture;
  uint64_t position = kSegmentDataAt;
  for (int i = 0; i < 100; i++) {
    fixture.ahead->Reach(1000, position += 1000);
    fixture.WriteAll();
  }
  EXPECT_LE(fixture.Zeros().second, position + (uint64_t{8} << 20) + kSlice);
  EXPECT_LE(position + (uint64_t{7} << 20), fixture.Zeros().second);
  EXPECT_LT(0, fixture.wakes);
}

TEST(WriteAhead, LeavesTheDiskToAWriterOfLargeBatches) {
  Fixture fixture;
  fixture.ahead->Reach(kSlice * 4, kSegmentDataAt + kSlice * 4);
  EXPECT_FALSE(fixture.ahead->HasWork());
}

TEST(WriteAhead, WhileTheWriterRestsAllOfTheSegmentIsWritten) {
  Fixture fixture;
  fixture.ahead->Reach(kSlice * 4, kSegmentDataAt + kSlice * 4);
  ASSERT_FALSE(fixture.ahead->HasWork());
  fixture.ahead->Rest();
  EXPECT_EQ(fixture.wakes, 1);
  fixture.WriteAll();
  EXPECT_LT(kSegmentDataAt + kSlice * 4, fixture.Zeros().first);
  EXPECT_EQ(fixture.Zeros().second, kEnd);
}

TEST(WriteAhead, TheFirstLargeBatchEndsTheRest) {
  Fixture fixture;
  fixture.ahead->Rest();
  uint64_t bytes = 0;
  fixture.ahead->WriteSome(&bytes);
  EXPECT_EQ(bytes, kSlice);
  fixture.ahead->Reach(kSlice * 4, kSegmentDataAt + kSlice * 4);
  EXPECT_FALSE(fixture.ahead->HasWork());
}

TEST(WriteAhead, NeverWritesBehindTheWriterHoweverItMoves) {
  Dice random(Seed());
  for (int round = 0; round < 20; round++) {
    uint64_t position = kSegmentDataAt;
    MemoryWorld world;
    world.Put("segment", std::vector<uint8_t>(static_cast<size_t>(kEnd), uint8_t{1}));
    std::unique_ptr<Directory> directory;
    ASSERT_OK(world.environment().files->OpenDirectory("", false, &directory));
    std::unique_ptr<File> own;
    ASSERT_OK(directory->Open("segment", OpenMode::kReadWrite, &own));
    WriteAhead ahead(std::move(own), position, kEnd, [] {});
    std::unique_ptr<File> file;
    ASSERT_OK(directory->Open("segment", OpenMode::kReadWrite, &file));
    std::thread helper([&] {
      uint64_t bytes = 0;
      for (int i = 0; i < 40; i++) ahead.WriteSome(&bytes);
    });
    std::vector<uint8_t> written;
    for (int i = 0; i < 40; i++) {
      const std::vector<uint8_t> part(1 + random() % (random() % 4 == 0 ? 600'000 : 60'000), static_cast<uint8_t>(2 + i));
      if (position + part.size() > kEnd) break;
      ahead.Reach(part.size(), position + part.size());
      const Bytes bytes(part.data(), part.size());
      ASSERT_OK(file->WriteAt(position, &bytes, 1));
      written.insert(written.end(), part.begin(), part.end());
      position += part.size();
    }
    helper.join();
    const std::vector<uint8_t>& found = world.Contents("segment");
    EXPECT_TRUE(std::equal(written.begin(), written.end(), found.begin() + static_cast<std::ptrdiff_t>(kSegmentDataAt)));
  }
}

TEST(WriteAhead, AfterItsEndNothingIsWritten) {
  Fixture fixture;
  fixture.ahead->End();
  EXPECT_FALSE(fixture.ahead->HasWork());
}

TEST(WriteAhead, AFailedWriteEndsItAndHarmsNothing) {
  Fixture fixture;
  fixture.world.SetFault([](Call call, const std::string&) {
    return call == Call::kWrite ? Status(ErrorCode::kNoSpace, "full", ENOSPC) : Status();
  });
  fixture.WriteAll();
  EXPECT_OK(fixture.ahead->status());
  EXPECT_FALSE(fixture.ahead->HasWork());
}

TEST(WriteAhead, AFailedSyncIsFinalForTheSegmentAndCostsNoEntry) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  AppendEntries(log.get(), 5);
  FlushAll(log.get());
  AppendEntries(log.get(), 5);
  world.SetFault([](Call call, const std::string&) {
    return call == Call::kSync ? Status(ErrorCode::kIo, "failed", EIO) : Status();
  });
  EXPECT_TRUE(log->spare()->PrepareSome());
  world.SetFault(nullptr);
  FlushAll(log.get());
  EXPECT_EQ(log->writer()->counters().segment.load(), 2u);
  EXPECT_EQ(world.uses_after_failed_sync(), 0u);
  EXPECT_EQ(Outcome(log.get()), std::string("1-10 | "));
  CloseLog(std::move(log));
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
