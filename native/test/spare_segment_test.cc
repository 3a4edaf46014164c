// Proves that a spare is made ready a slice at a time, that what is taken always has the size that was asked for and
// reads as zeros, and that what goes wrong while preparing costs nothing but the preparation.
#include <cerrno>
#include <thread>

#include "memory_file_system.h"
#include "segment_name.h"
#include "spare_segment.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

constexpr uint64_t kBytes = (uint64_t{5} << 20) / 2;  // two slices and a half

class Fixture {
 public:
  Fixture() { EXPECT_OK(world.environment().files->OpenDirectory("", true, &directory)); }

  MemoryWorld world;
  std::unique_ptr<Directory> directory;
};

void ExpectZeros(File* file, uint64_t bytes) {
  uint64_t size = 0;
  EXPECT_OK(file->Size(&size));
  EXPECT_EQ(size, bytes);
  std::vector<uint8_t> read(static_cast<size_t>(bytes), uint8_t{1});
  size_t got = 0;
  EXPECT_OK(file->ReadAt(0, read.data(), read.size(), &got));
  EXPECT_EQ(got, read.size());
  EXPECT_TRUE(read == std::vector<uint8_t>(read.size()));
}

TEST(SpareSegment, NothingIsDoneUntilOneIsAskedFor) {
  Fixture fixture;
  SpareSegment spare(fixture.directory.get(), kBytes);
  EXPECT_FALSE(spare.PrepareSome());
  EXPECT_FALSE(fixture.world.Exists(kSpareName));
}

TEST(SpareSegment, IsFilledASliceAtATimeEachSynced) {
  Fixture fixture;
  uint64_t writes = 0;
  uint64_t syncs = 0;
  fixture.world.SetFault([&](Call call, const std::string&) {
    writes += call == Call::kWrite ? 1 : 0;
    syncs += call == Call::kSync ? 1 : 0;
    return Status();
  });
  SpareSegment spare(fixture.directory.get(), kBytes);
  spare.Request();
  spare.Request();
  int slices = 0;
  while (spare.PrepareSome()) slices++;
  EXPECT_EQ(slices, 4);  // one to make the file, three to fill it
  EXPECT_EQ(writes, 3u);
  EXPECT_EQ(syncs, 3u);
  spare.Request();
  EXPECT_FALSE(spare.PrepareSome());  // there is one
  ReadyFile ready;
  const uint64_t calls = fixture.world.calls();
  ASSERT_OK(spare.Take(kBytes, &ready));
  EXPECT_EQ(fixture.world.calls(), calls);  // it was ready
  EXPECT_TRUE(ready.reserved);
  ExpectZeros(ready.file.get(), kBytes);
}

TEST(SpareSegment, IsFilledOnlyWhileTheWriterWritesLittleAtATime) {
  Fixture fixture;
  SpareSegment spare(fixture.directory.get(), kBytes);
  spare.Writes(uint64_t{1} << 20);
  spare.Request();
  EXPECT_TRUE(spare.PrepareSome());   // the file is made, its space reserved
  EXPECT_FALSE(spare.PrepareSome());
  spare.Writes(uint64_t{64} << 10);
  EXPECT_TRUE(spare.PrepareSome());
  spare.Writes(uint64_t{1} << 20);
  EXPECT_FALSE(spare.PrepareSome());
  spare.Writes(0);
  int slices = 0;
  while (spare.PrepareSome()) slices++;
  EXPECT_EQ(slices, 2);
  EXPECT_EQ(spare.written_ahead_bytes(), kBytes);
}

TEST(SpareSegment, OneThatIsHalfFilledIsTakenAsItIs) {
  Fixture fixture;
  SpareSegment spare(fixture.directory.get(), kBytes);
  spare.Request();
  EXPECT_TRUE(spare.PrepareSome());
  EXPECT_TRUE(spare.PrepareSome());
  ReadyFile ready;
  ASSERT_OK(spare.Take(kBytes, &ready));
  ExpectZeros(ready.file.get(), kBytes);
  EXPECT_FALSE(spare.PrepareSome());
}

TEST(SpareSegment, WithoutOneAFileIsMadeAtOnce) {
  Fixture fixture;
  SpareSegment spare(fixture.directory.get(), kBytes);
  ReadyFile ready;
  ASSERT_OK(spare.Take(kBytes, &ready));
  EXPECT_TRUE(ready.reserved);
  ExpectZeros(ready.file.get(), kBytes);
  EXPECT_TRUE(fixture.world.Exists(kSpareName));
}

TEST(SpareSegment, OneOfAnotherSizeIsReplaced) {
  Fixture fixture;
  SpareSegment spare(fixture.directory.get(), kBytes);
  spare.Request();
  while (spare.PrepareSome()) {
  }
  ReadyFile ready;
  ASSERT_OK(spare.Take(kBytes + 4096, &ready));
  ExpectZeros(ready.file.get(), kBytes + 4096);
}

// What a segment goes for may have been written by somebody who died before its name was durable.
TEST(SpareSegment, ARetiredSegmentIsThereAsLongAsWhatReplacesItMayNotBeWhereverThePowerGoes) {
  for (uint64_t cut = 1; cut <= 8; cut++) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
      Fixture fixture;
      MemoryWorld& world = fixture.world;
      world.Put(SegmentName(1), std::vector<uint8_t>(100, uint8_t{9}));
      std::unique_ptr<File> file;
      ASSERT_OK(fixture.directory->Open("checkpoint.tmp", OpenMode::kCreateNew, &file));
      ASSERT_OK(file->Sync());
      ASSERT_OK(fixture.directory->Rename("checkpoint.tmp", CheckpointName(1)));
      SpareSegment spare(fixture.directory.get(), kBytes);
      if (seed % 2 == 0) spare.Request();  // then it is to be filled again, if it fits
      spare.Retire(1);
      spare.Retire(2);
      world.CutAtCall(cut);
      for (int i = 0; i < 4; i++) spare.PrepareSome();
      Dice dice(seed);
      const std::unique_ptr<MemoryWorld> after = world.AfterPowerCut(&dice);
      EXPECT_TRUE(after->Exists(SegmentName(1)) || after->Exists(CheckpointName(1)));
    }
  }
}

TEST(SpareSegment, WhatAnEarlierProcessLeftIsNotUsed) {
  Fixture fixture;
  fixture.world.Put(kSpareName, std::vector<uint8_t>(100, uint8_t{9}));
  SpareSegment spare(fixture.directory.get(), kBytes);
  ReadyFile ready;
  ASSERT_OK(spare.Take(kBytes, &ready));
  ExpectZeros(ready.file.get(), kBytes);
}

TEST(SpareSegment, AFailedAllocationGivesBackWhatItTook) {
  Fixture fixture;
  fixture.world.SetFault([](Call call, const std::string&) {
    return call == Call::kAllocate ? Status(ErrorCode::kNoSpace, "full", ENOSPC) : Status();
  });
  SpareSegment spare(fixture.directory.get(), kBytes);
  ReadyFile ready;
  EXPECT_EQ(spare.Take(kBytes, &ready).code(), ErrorCode::kNoSpace);
  EXPECT_FALSE(fixture.world.Exists(kSpareName));
}

TEST(SpareSegment, AFailureWhilePreparingIsForgottenAndTheFileNeverUsed) {
  for (const Call failing : {Call::kOpen, Call::kAllocate, Call::kWrite, Call::kSync}) {
    Fixture fixture;
    SpareSegment spare(fixture.directory.get(), kBytes);
    spare.Request();
    fixture.world.SetFault([failing](Call call, const std::string&) {
      return call == failing ? Status(ErrorCode::kIo, "failed", EIO) : Status();
    });
    while (spare.PrepareSome()) {
    }
    fixture.world.SetFault(nullptr);
    ReadyFile ready;
    ASSERT_OK(spare.Take(kBytes, &ready));
    ExpectZeros(ready.file.get(), kBytes);
    ASSERT_OK(ready.file->Sync());
    EXPECT_EQ(fixture.world.uses_after_failed_sync(), 0u);
    spare.Request();
    EXPECT_TRUE(spare.PrepareSome());
  }
}

TEST(SpareSegment, RunPreparesOnItsOwnThreadUntilStopped) {
  Fixture fixture;
  SpareSegment spare(fixture.directory.get(), kBytes);
  std::thread preparing([&] { spare.Run(); });
  for (int i = 0; i < 50; i++) {
    spare.Request();
    ReadyFile ready;
    EXPECT_OK(spare.Take(kBytes, &ready));
    uint64_t size = 0;
    EXPECT_OK(ready.file->Size(&size));
    EXPECT_EQ(size, kBytes);
    EXPECT_OK(fixture.directory->Rename(kSpareName, SegmentName(1)));
  }
  spare.Stop();
  preparing.join();
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
