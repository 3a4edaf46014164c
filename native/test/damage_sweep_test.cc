// Proves the promise about damage on a whole log, file by file, through everything that reads it: whatever single bit
// is flipped and whatever sector is lost, in any file of the log, nothing false is delivered, no more is lost than was
// touched, and the loss is reported; and that a file cut at any length gives a prefix.
#include "segment_name.h"
#include "test_log.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

constexpr uint64_t kEntries = 100;

// The last segment is as its writer left it when it died, the one before it sealed; the ring is gone.
void MakeLog(MemoryWorld* world) {
  std::unique_ptr<Log> log = OpenLog(world);
  for (int i = 0; i < 5; i++) {
    AppendEntries(log.get(), 10);
    FlushAll(log.get());
  }
  CloseLog(std::move(log));
  WriteAndDie(world, 50, 10);
  ForgetSharedMemory(world);
}

// What is whole, lost and reported when `file` reads `bytes`.
struct Verdict {
  uint64_t delivered = 0;
  uint64_t reported = 0;
  uint64_t wrong = 0;
  size_t damage = 0;
  bool torn = false;
};
Verdict Judge(MemoryWorld* world) {
  const Inspection inspection = Inspect(world);
  const ReadBack read = ReadAll(world, "wal");
  Verdict verdict;
  verdict.delivered = read.entries;
  verdict.wrong = read.wrong;
  verdict.damage = inspection.report.damage.size();
  verdict.torn = inspection.report.torn_tail.found;
  for (const Damage& damage : inspection.report.damage) {
    verdict.reported += damage.last_lsn == 0 ? 0 : damage.last_lsn - damage.first_lsn + 1;
  }
  return verdict;
}

// One bit of every byte in turn, a different one each time; INGEST_WAL_ALL_BITS=1 tries all eight.
TEST(DamageSweep, AnyFlippedBitLosesAtMostOneEntryAndIsReported) {
  MemoryWorld world;
  MakeLog(&world);
  const size_t bits = CountFromEnvironment("INGEST_WAL_ALL_BITS", 0) != 0 ? 8 : 1;
  for (const std::string& file : {SegmentName(1), SegmentName(2), std::string("log.id")}) {
    const std::vector<uint8_t> sound = world.Contents(file);
    // Behind the last record lies space that was never written: a bit there is no entry's.
    const bool last = file == SegmentName(2);
    const size_t end = last ? Inspect(&world).report.segments[1].end_offset : sound.size();
    for (size_t byte = 0; byte < end; byte++) {
      // The headers are checked as wholes (segment_header_test.cc); here a sample of them is enough.
      if (byte < kSegmentDataAt && byte % 61 != 0 && file != "log.id") continue;
      for (size_t n = 0; n < bits; n++) {
        std::vector<uint8_t> bytes = sound;
        FlipBit(&bytes, byte * 8 + (byte + n) % 8);
        world.Put(file, bytes);
        const Verdict verdict = Judge(&world);
        ASSERT_EQ(verdict.wrong, 0u);
        ASSERT_TRUE(verdict.delivered >= kEntries - 1);
        ASSERT_EQ(verdict.delivered + verdict.reported, kEntries);
        // Damage to the last mark of a dead writer looks like a mark that was not wholly written.
        ASSERT_EQ(verdict.damage + (verdict.torn ? 1 : 0), 1u);
      }
    }
    world.Put(file, sound);
  }
}

TEST(DamageSweep, AnyLostSectorLosesOnlyWhatItTouchesAndIsReported) {
  MemoryWorld world;
  MakeLog(&world);
  std::map<uint64_t, ReadBack::Place> places = ReadAll(&world, "wal").places;
  for (uint64_t number = 1; number <= 2; number++) {
    const std::string file = SegmentName(number);
    const std::vector<uint8_t> sound = world.Contents(file);
    const size_t end = Inspect(&world).report.segments[static_cast<size_t>(number - 1)].end_offset;
    for (size_t sector = 0; sector * 512 < end; sector++) {
      std::vector<uint8_t> bytes = sound;
      ZeroSector(&bytes, sector);
      if (bytes == sound) continue;
      world.Put(file, bytes);
      uint64_t touched = 0;
      for (const auto& place : places) {
        const auto next = places.find(place.first + 1);
        const uint64_t entry_end = next != places.end() && next->second.segment == number ? next->second.offset : end;
        const bool apart = place.second.segment != number || entry_end <= sector * 512 ||
                           place.second.offset >= (sector + 1) * 512;
        touched += apart ? 0 : 1;
      }
      const Verdict verdict = Judge(&world);
      ASSERT_EQ(verdict.wrong, 0u);
      ASSERT_TRUE(verdict.delivered + touched >= kEntries);
      // The very last sectors hold the mark that proves the last batch: without it, that batch is a torn tail.
      ASSERT_TRUE(verdict.damage != 0 || verdict.torn);
    }
    world.Put(file, sound);
  }
}

TEST(DamageSweep, ALastSegmentCutAtAnyLengthGivesAPrefixAndIsNoCorruption) {
  MemoryWorld world;
  {
    std::unique_ptr<Log> log = OpenLog(&world);
    AppendEntries(log.get(), 100);
    world.SetFault([](Call call, const std::string&) {
      // Dies before any mark proves a batch: everything in the file is a tail that may be torn.
      return call == Call::kSync ? Status(ErrorCode::kIo, "died", 5) : Status();
    });
    EXPECT_FALSE(log->writer()->Step());
    world.SetFault(nullptr);
  }
  ForgetSharedMemory(&world);
  const std::string file = SegmentName(1);
  const std::vector<uint8_t> whole = world.Contents(file);
  SegmentHeader header;
  uint32_t version = 0;
  ASSERT_EQ(CheckSegmentHeader(whole.data(), 0, &header, &version), HeaderState::kValid);
  std::vector<size_t> ends;
  for (const ScanStep& step : ScanAll(Bytes(whole.data(), whole.size()), SegmentSeed(header.salt, header.number))) {
    if (step.kind == ScanKind::kEntry) ends.push_back(static_cast<size_t>(step.end));
  }
  const size_t end = Inspect(&world).report.segments[0].end_offset;
  ASSERT_NE(ends.size(), 0u);
  for (size_t size = 0; size < end; size++) {
    world.Put(file, std::vector<uint8_t>(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
    const Inspection inspection = Inspect(&world);
    const ReadBack read = ReadAll(&world, "wal");
    uint64_t complete = 0;
    for (const size_t entry_end : ends) complete += entry_end <= size ? 1 : 0;
    ASSERT_EQ(read.entries, complete);
    ASSERT_EQ(read.wrong, 0u);
    ASSERT_TRUE(read.entries == 0 || read.lsns.substr(0, 1) == "1");
    ASSERT_EQ(Describe(inspection.report.damage), std::string());
    ASSERT_TRUE(inspection.report.torn_tail.found);
  }
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
