// Proves that what recovery cuts off or passes over is kept, byte for byte, under a name that says where it stood; that
// doing it twice is doing it once; and that a file that cannot be read stands in nobody's way.
#include <cerrno>

#include "quarantine.h"
#include "segment_name.h"
#include "test_log.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

std::string Kept(uint64_t segment, uint64_t from, uint64_t end) {
  return std::string(kQuarantineName) + "/" + SegmentName(segment) + "." + std::to_string(from) + "-" +
         std::to_string(end) + ".bytes";
}

size_t FilesIn(MemoryWorld* world, const std::string& directory) {
  size_t count = 0;
  for (const auto& name : world->names()) count += name.first.compare(0, directory.size() + 1, directory + "/") == 0;
  return count;
}

std::unique_ptr<Directory> DirectoryOf(MemoryWorld* world) {
  std::unique_ptr<Directory> directory;
  EXPECT_OK(world->environment().files->OpenDirectory("", false, &directory));
  return directory;
}

Damage Stretch(uint64_t segment, uint64_t from, uint64_t end) {
  Damage damage;
  damage.segment = segment;
  damage.file = SegmentName(segment);
  damage.offset = from;
  damage.end_offset = end;
  return damage;
}

TEST(Quarantine, KeepsTheDamagedBytesAndNothingElse) {
  MemoryWorld world;
  WriteLog(&world, 50);
  const ReadBack::Place place = PlaceOf(&world, 23);
  const ReadBack::Place next = PlaceOf(&world, 24);
  DamageEntry(&world, 23);
  const std::vector<uint8_t> segment = world.Contents(SegmentName(1));
  EXPECT_OK(TryOpen(&world));
  const std::string kept = Kept(1, place.offset, next.offset);
  ASSERT_TRUE(world.Exists(kept));
  EXPECT_TRUE(world.Contents(kept) == std::vector<uint8_t>(segment.begin() + static_cast<std::ptrdiff_t>(place.offset),
                                                           segment.begin() + static_cast<std::ptrdiff_t>(next.offset)));
  EXPECT_EQ(FilesIn(&world, kQuarantineName), 1u);
}

TEST(Quarantine, OfADamagedLastEntryLeavesOutTheSpaceBehindIt) {
  MemoryWorld world;
  WriteAndDie(&world, 50);
  ForgetSharedMemory(&world);
  DamageEntry(&world, 50);
  EXPECT_OK(TryOpen(&world));
  uint64_t bytes = 0;
  for (const auto& name : world.names()) {
    if (name.first.compare(0, 10, kQuarantineName) == 0) bytes += name.second->current.size();
  }
  EXPECT_NE(bytes, 0u);
  EXPECT_LE(bytes, 1000u);
}

TEST(Quarantine, KeepsATornTailBeforeItIsCut) {
  MemoryWorld world;
  WriteAndDie(&world, 50);
  ForgetSharedMemory(&world);
  const uint64_t end = Inspect(&world).report.segments[0].end_offset;
  Change(&world, SegmentName(1), [&](std::vector<uint8_t>* bytes) {
    for (size_t i = 0; i < 100; i++) (*bytes)[static_cast<size_t>(end) + i] = static_cast<uint8_t>(0x80 + i % 8);
  });
  EXPECT_OK(TryOpen(&world));
  const std::string kept = Kept(1, end, end + 100);
  ASSERT_TRUE(world.Exists(kept));
  EXPECT_EQ(world.Contents(kept)[99], 0x80 + 99 % 8);
}

TEST(Quarantine, TwiceIsOnce) {
  MemoryWorld world;
  world.Put(SegmentName(1), std::vector<uint8_t>(1000, uint8_t{7}));
  DirectoryReport report;
  report.damage.push_back(Stretch(1, 100, 200));
  const std::unique_ptr<Directory> directory = DirectoryOf(&world);
  ASSERT_OK(Quarantine(directory.get(), report));
  world.Put(SegmentName(1), std::vector<uint8_t>(1000, uint8_t{9}));
  ASSERT_OK(Quarantine(directory.get(), report));
  EXPECT_TRUE(world.Contents(Kept(1, 100, 200)) == std::vector<uint8_t>(100, uint8_t{7}));
  EXPECT_EQ(FilesIn(&world, kQuarantineName), 1u);
}

TEST(Quarantine, ACopyThatWasCutIsMadeAgain) {
  MemoryWorld world;
  world.Put(SegmentName(1), std::vector<uint8_t>(1000, uint8_t{7}));
  world.Put(Kept(1, 100, 200) + kTemporarySuffix, std::vector<uint8_t>(30, uint8_t{1}));
  DirectoryReport report;
  report.damage.push_back(Stretch(1, 100, 200));
  ASSERT_OK(Quarantine(DirectoryOf(&world).get(), report));
  EXPECT_TRUE(world.Contents(Kept(1, 100, 200)) == std::vector<uint8_t>(100, uint8_t{7}));
  EXPECT_FALSE(world.Exists(Kept(1, 100, 200) + kTemporarySuffix));
}

TEST(Quarantine, WhatCannotBeReadBecomesZerosAndWhatIsNotThereIsShort) {
  MemoryWorld world;
  world.Put(SegmentName(1), std::vector<uint8_t>(150, uint8_t{7}));
  DirectoryReport report;
  report.damage.push_back(Stretch(1, 100, 200));   // the file ends at 150
  report.damage.push_back(Stretch(2, 100, 200));   // there is no such file
  ASSERT_OK(Quarantine(DirectoryOf(&world).get(), report));
  EXPECT_EQ(world.Contents(Kept(1, 100, 200)).size(), 50u);
  world.Remove(Kept(1, 100, 200));
  world.SetFault([](Call call, const std::string&) {
    return call == Call::kRead ? Status(ErrorCode::kIo, "bad page", EIO) : Status();
  });
  ASSERT_OK(Quarantine(DirectoryOf(&world).get(), report));
  EXPECT_TRUE(world.Contents(Kept(1, 100, 200)) == std::vector<uint8_t>(100));
}

TEST(Quarantine, HasALimit) {
  MemoryWorld world;
  world.Put(SegmentName(1), std::vector<uint8_t>(100'000, uint8_t{7}));
  DirectoryReport report;
  for (uint64_t i = 0; i < kMaxQuarantineFiles + 500; i++) report.damage.push_back(Stretch(1, i * 16, i * 16 + 8));
  ASSERT_OK(Quarantine(DirectoryOf(&world).get(), report));
  EXPECT_EQ(FilesIn(&world, kQuarantineName), kMaxQuarantineFiles);
}

TEST(Quarantine, WithoutSpaceForItNothingIsCut) {
  MemoryWorld world;
  WriteAndDie(&world, 50);
  DamageEntry(&world, 23);
  const std::vector<uint8_t> segment = world.Contents(SegmentName(1));
  world.SetFault([](Call call, const std::string& name) {
    const bool keeping = name.find(".bytes") != std::string::npos;
    return keeping && call == Call::kWrite ? Status(ErrorCode::kNoSpace, "full", ENOSPC) : Status();
  });
  EXPECT_EQ(TryOpen(&world).code(), ErrorCode::kNoSpace);
  EXPECT_TRUE(world.Contents(SegmentName(1)) == segment);
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
