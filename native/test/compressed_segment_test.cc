// Proves that a log with compressed segments is the log that it was: read, verified and recovered like the plain one,
// whichever of its segments are compressed and whenever that happens; that damage costs what it touches beyond repair and is
// told; and that a file which only looks like a compressed segment is neither believed nor touched.
#include <algorithm>
#include <set>

#include "compressed_bytes.h"
#include "segment_name.h"
#include "test_log.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

constexpr uint64_t kLargeSegmentBytes = 1'000'000;
constexpr uint64_t kLargeEntries = 4000;

void Compress(MemoryWorld* world, uint64_t number, bool keep_plain = false) {
  world->Put(CompressedSegmentName(number), CompressStored(world->Contents(SegmentName(number))).bytes);
  if (!keep_plain) world->Remove(SegmentName(number));
}

// A log of one sealed segment that has several blocks.
void WriteLarge(MemoryWorld* world) {
  LogOptions options = SmallLogOptions();
  options.writer.segment_bytes = kLargeSegmentBytes;
  std::unique_ptr<Log> log = OpenLog(world, options);
  for (uint64_t i = 0; i < kLargeEntries; i += 50) {
    AppendEntries(log.get(), 50);
    FlushAll(log.get());
  }
  CloseLog(std::move(log));
  ASSERT_EQ(SegmentsOf(world), std::string("1"));
  ASSERT_TRUE(world->Contents(SegmentName(1)).size() > 4 * compressed::kBlockBytes);
}

std::string Read(MemoryWorld* world) {
  const ReadBack read = ReadAll(world, "wal");
  EXPECT_OK(read.status);
  EXPECT_EQ(read.wrong, 0u);
  return read.lsns + " | " + Describe(read.damage);
}

TEST(CompressedSegment, AnyOfThemCompressedReadsAsThePlainLog) {
  for (int which = 1; which < 8; which++) {
    MemoryWorld world;
    WriteThreeSegments(&world);
    for (uint64_t number = 1; number <= 3; number++) {
      if ((which >> (number - 1) & 1) != 0) Compress(&world, number);
    }
    const DirectoryReport report = Inspect(&world).report;
    EXPECT_EQ(Describe(report.damage), std::string());
    for (const SegmentReport& segment : report.segments) {
      const bool compressed = (which >> (segment.number - 1) & 1) != 0;
      EXPECT_EQ(segment.state, compressed ? SegmentState::kCompressed : SegmentState::kSealed);
      EXPECT_EQ(segment.file, compressed ? CompressedSegmentName(segment.number) : SegmentName(segment.number));
      EXPECT_EQ(segment.file_bytes, world.Contents(segment.file).size());
      EXPECT_EQ(segment.entries, 20u);
    }
    EXPECT_EQ(Read(&world), std::string("1-60 | "));
    EXPECT_EQ(OpenedOutcome(&world), std::string("1-60 | "));
  }
}

TEST(CompressedSegment, ThereTwiceItIsReadOnceAndThePlainFileCounts) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  Compress(&world, 2, true);
  EXPECT_EQ(Inspect(&world).report.segments.size(), 3u);
  EXPECT_EQ(Inspect(&world).report.segments[1].file, SegmentName(2));
  EXPECT_EQ(Read(&world), std::string("1-60 | "));
  world.Put(CompressedSegmentName(2) + kTemporarySuffix, std::vector<uint8_t>(100));
  EXPECT_EQ(OpenedOutcome(&world), std::string("1-60 | "));
  EXPECT_FALSE(world.Exists(CompressedSegmentName(2) + kTemporarySuffix));
}

// Between any two looks at it of a pass, of a reader, and of what opens a log beside nobody.
TEST(CompressedSegment, CompressedWhileItIsReadItIsReadAllTheSame) {
  for (uint64_t look = 1; look < 12; look++) {
    MemoryWorld world;
    WriteThreeSegments(&world);
    uint64_t looks = 0;
    const auto compress_at_look = [&](Call call, const std::string& name) {
      if (call == Call::kOpen && name == SegmentName(2) && ++looks == look) Compress(&world, 2);
      return Status();
    };
    world.SetFault(compress_at_look);
    if (look % 2 == 0) {
      EXPECT_EQ(Describe(Inspect(&world).report.damage), std::string());
      looks = look;
    }
    EXPECT_EQ(Read(&world), std::string("1-60 | "));
    world.SetFault(nullptr);
  }
}

TEST(CompressedSegment, ADamagedByteAnywhereCostsNothingAndIsTold) {
  MemoryWorld world;
  WriteLarge(&world);
  const CompressedBytes parts = CompressStored(world.Contents(SegmentName(1)));
  const std::vector<uint8_t>& sound = parts.bytes;
  world.Remove(SegmentName(1));
  // The headers and trailers, and some of the rest.
  std::set<size_t> places;
  for (const size_t member : parts.members) {
    for (size_t at = member < 8 ? 0 : member - 8; at < std::min(sound.size(), member + 46); at += 3) places.insert(at);
  }
  for (size_t at = 0; at < sound.size(); at += 9973) places.insert(at);
  for (const size_t at : places) {
    std::vector<uint8_t> damaged = sound;
    damaged[at] ^= 0x40;
    world.Put(CompressedSegmentName(1), damaged);
    const DirectoryReport report = Inspect(&world).report;
    EXPECT_EQ(report.entries, kLargeEntries);
    ASSERT_EQ(report.damage.size(), 1u);
    const Damage& damage = report.damage[0];
    EXPECT_TRUE(damage.kind == damage_kind::kCompressedBlock || damage.kind == damage_kind::kCompressedParity);
    EXPECT_TRUE(damage.offset <= at && at < damage.end_offset);
    EXPECT_EQ(damage.last_lsn, 0u);
  }
  EXPECT_EQ(OpenedOutcome(&world).substr(0, 8), std::string("1-4000 |"));
}

TEST(CompressedSegment, TwoDamagedBlocksUnderOneParityCostTheirEntriesAndNoOthers) {
  MemoryWorld world;
  WriteLarge(&world);
  const ReadBack before = ReadAll(&world, "wal");
  const CompressedBytes parts = CompressStored(world.Contents(SegmentName(1)));
  std::vector<uint8_t> damaged = parts.bytes;
  damaged[parts.members[1] + 5000] ^= 1;
  damaged[parts.members[3] + 5000] ^= 1;
  world.Put(CompressedSegmentName(1), damaged);
  world.Remove(SegmentName(1));
  const ReadBack after = ReadAll(&world, "wal");
  EXPECT_OK(after.status);
  EXPECT_EQ(after.wrong, 0u);
  EXPECT_EQ(after.damage.size(), 2u);
  for (const Damage& damage : after.damage) EXPECT_EQ(damage.kind, std::string(damage_kind::kUnreadable));
  const auto is_hit = [](uint64_t offset) {
    const uint64_t block = offset / compressed::kBlockBytes;
    return block == 1 || block == 3;
  };
  for (auto place = before.places.begin(); place != before.places.end(); ++place) {
    const auto next = std::next(place);
    const uint64_t end = next == before.places.end() ? place->second.offset + 1 : next->second.offset;
    const bool is_lost = after.places.count(place->first) == 0;
    // A mark or a user record may stand between the entry and the block.
    const bool touches = is_hit(place->second.offset) || is_hit(end - 1);
    if (is_lost) EXPECT_TRUE(touches);
    if (is_hit(place->second.offset)) EXPECT_TRUE(is_lost);
  }
  // What is copied out before anything is passed over: the compressed bytes of both.
  const std::string outcome = OpenedOutcome(&world);
  // Entries lie across both ends of the block.
  EXPECT_TRUE(world.Exists("quarantine/" + CompressedSegmentName(1) + "." + std::to_string(parts.members[0]) + "-" +
                           std::to_string(parts.members[3]) + ".bytes"));
  EXPECT_TRUE(world.Contents(CompressedSegmentName(1)) == damaged);
}

TEST(CompressedSegment, ItsEndIsNeverCutAndNeverTakenForATornTail) {
  MemoryWorld world;
  WriteLarge(&world);
  const CompressedBytes parts = CompressStored(world.Contents(SegmentName(1)));
  const size_t blocks = parts.members.size() - 4;
  std::vector<uint8_t> damaged = parts.bytes;
  damaged[parts.members[blocks - 1] + 100] ^= 1;
  damaged[parts.members[blocks - 3] + 100] ^= 1;
  world.Put(CompressedSegmentName(1), damaged);
  world.Remove(SegmentName(1));
  const DirectoryReport report = Inspect(&world).report;
  EXPECT_FALSE(report.torn_tail.found);
  EXPECT_EQ(report.segments[0].state, SegmentState::kCompressed);
  EXPECT_NE(report.damage.size(), 0u);
  CloseLog(OpenLog(&world));
  EXPECT_TRUE(world.Contents(CompressedSegmentName(1)) == damaged);
}

TEST(CompressedSegment, NoMoreIsReadThanItsHeaderSays) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  std::vector<uint8_t> content = world.Contents(SegmentName(2));
  content.resize(content.size() + 3'000'000, 0x55);
  world.Put(CompressedSegmentName(2), CompressStored(content).bytes);
  world.Remove(SegmentName(2));
  EXPECT_EQ(Read(&world), std::string("1-60 | "));
  EXPECT_LT(Inspect(&world).report.segments[1].end_offset, kMinSegmentBytes);
  EXPECT_EQ(OpenedOutcome(&world), std::string("1-60 | "));
}

TEST(CompressedSegment, OneThatClaimsMoreThanItHoldsLosesWhatIsMissing) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  CompressedBytes made = CompressStored(world.Contents(SegmentName(2)));
  // The block says four GiB.
  Store(made.bytes.data() + made.members[1] - 4, UINT32_MAX);
  made.bytes.resize(made.members[1]);
  world.Put(CompressedSegmentName(2), made.bytes);
  world.Remove(SegmentName(2));
  const ReadBack back = ReadAll(&world, "wal");
  EXPECT_OK(back.status);
  EXPECT_EQ(back.lsns, std::string("1-20 41-60"));
}

TEST(CompressedSegment, WhatIsNotOneIsDamageAndStaysWhereItIs) {
  MemoryWorld same;
  WriteThreeSegments(&same);
  struct Case {
    std::string expected;
    std::vector<uint8_t> bytes;
  };
  MemoryWorld other;
  other.random.seed(7);
  WriteThreeSegments(&other);
  const Case cases[] = {
      {"not_a_file in 4", std::vector<uint8_t>(300'000, 0x1f)},
      {"not_a_file in 4", {}},
      {"segment_header in 4", CompressStored(std::vector<uint8_t>(100)).bytes},
      {"segment_header in 4", CompressStored(std::vector<uint8_t>(100'000)).bytes},
      {"misplaced_segment in 4", CompressStored(same.Contents(SegmentName(3))).bytes},
      {"foreign_segment in 4", CompressStored(other.Contents(SegmentName(3))).bytes},
  };
  for (const Case& each : cases) {
    MemoryWorld world;
    WriteThreeSegments(&world);
    world.Put(CompressedSegmentName(4), each.bytes);
    EXPECT_EQ(Describe(Inspect(&world).report.damage), each.expected);
    CloseLog(OpenLog(&world));
    EXPECT_TRUE(world.Contents(CompressedSegmentName(4)) == each.bytes);
    EXPECT_EQ(Read(&world).substr(0, 4), std::string("1-60"));
  }
}

TEST(CompressedSegment, ReadsOnItsOwnUnderAnyCompressedName) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  for (const std::string& name : {CompressedSegmentName(2), CompressedSegmentName(2) + ".tmp", std::string("copy.gz")}) {
    world.Put(name, CompressStored(world.Contents(SegmentName(2))).bytes);
    const ReadBack read = ReadAll(&world, "wal/" + name);
    EXPECT_OK(read.status);
    EXPECT_EQ(read.lsns, std::string("21-40"));
  }
}

TEST(CompressedSegment, ThePlainFileGoesWhenTheCompressedOneIsWholeAndNotBefore) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  while (log->writer()->complete_through() < 2) {
    AppendEntries(log.get(), 10);
    FlushAll(log.get());
  }
  const uint64_t last = log->last_lsn();
  EXPECT_EQ(log->RetireUncompressed(1).code(), ErrorCode::kInvalidArgument);
  const CompressedBytes whole = CompressStored(world.Contents(SegmentName(1)));
  // Without its last member; with a damaged parity; with the content of another segment.
  const size_t ends[] = {whole.members[whole.members.size() - 2], whole.bytes.size()};
  for (const size_t end : ends) {
    std::vector<uint8_t> flawed(whole.bytes.begin(), whole.bytes.begin() + static_cast<std::ptrdiff_t>(end));
    flawed[whole.members[whole.members.size() - 4] + 60] ^= 1;
    world.Put(CompressedSegmentName(1), flawed);
    EXPECT_EQ(log->RetireUncompressed(1).code(), ErrorCode::kInvalidArgument);
  }
  world.Put(CompressedSegmentName(1), CompressStored(world.Contents(SegmentName(2))).bytes);
  EXPECT_EQ(log->RetireUncompressed(1).code(), ErrorCode::kInvalidArgument);
  world.Put(CompressedSegmentName(1), whole.bytes);
  ASSERT_OK(log->RetireUncompressed(1));
  log->spare()->Request();
  while (log->spare()->PrepareSome()) {
  }
  EXPECT_FALSE(world.Exists(SegmentName(1)));
  EXPECT_TRUE(world.Exists(CompressedSegmentName(1)));
  EXPECT_EQ(ReadAll(log.get()).lsns, "1-" + std::to_string(last));
  // The active one never goes.
  EXPECT_EQ(log->RetireUncompressed(log->writer()->complete_through() + 1).code(), ErrorCode::kInvalidArgument);
  // Given up as a whole, it goes as a whole.
  Compress(&world, 2, true);
  ASSERT_OK(log->writer()->Retire(1));
  ASSERT_OK(log->writer()->Retire(2));
  for (int i = 0; i < 3; i++) {
    log->spare()->Request();
    while (log->spare()->PrepareSome()) {
    }
  }
  EXPECT_FALSE(world.Exists(CompressedSegmentName(1)));
  EXPECT_FALSE(world.Exists(SegmentName(2)) && world.Exists(CompressedSegmentName(2)));
  log.reset();
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
