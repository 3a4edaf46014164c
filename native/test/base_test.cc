// Proves what a log with checkpoints is: recovery begins with the newest whole one, whatever has become of the segments that
// it covers; with the one before it, when it is damaged, and says so; no number is ever used again; and who reads history
// gets everything that is there, each entry once.
#include <algorithm>
#include <iterator>

#include "properties.h"
#include "segment_name.h"
#include "test_log.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

bool KeepsFives(const Entry& entry) { return entry.lsn % 5 == 0; }
bool KeepsNothing(const Entry&) { return false; }

void RemoveSegments(MemoryWorld* world, uint64_t first, uint64_t last) {
  for (uint64_t number = first; number <= last; number++) world->Remove(SegmentName(number));
}

// Segments 1 to 3 with twenty entries each, and a checkpoint of the first two.
void WriteCompacted(MemoryWorld* world) {
  WriteThreeSegments(world);
  PutCheckpoint(world, 1, 2, KeepsFives);
}

std::string Read(MemoryWorld* world, const ReadOptions& options) {
  const ReadBack read = ReadAll(world, "wal", options);
  EXPECT_OK(read.status);
  EXPECT_EQ(read.wrong, 0u);
  return read.lsns + " | " + Describe(read.damage);
}

std::string LiveOf(Log* log) {
  const ReadBack read = ReadAll(log, Live());
  EXPECT_OK(read.status);
  EXPECT_EQ(read.wrong, 0u);
  return read.lsns + " | " + Describe(read.damage);
}

TEST(Base, RecoveryReadsItAndTheSegmentsBehindIt) {
  MemoryWorld world;
  WriteCompacted(&world);
  EXPECT_EQ(Read(&world, Live()), std::string("5 10 15 20 25 30 35 40-60 | "));
  RemoveSegments(&world, 1, 2);
  EXPECT_EQ(Read(&world, Live()), std::string("5 10 15 20 25 30 35 40-60 | "));
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_EQ(Describe(log->recovery().found.damage), std::string());
  EXPECT_EQ(log->recovery().found.entries, 28u);
  EXPECT_EQ(LiveOf(log.get()), std::string("5 10 15 20 25 30 35 40-60 | "));
  EXPECT_EQ(AppendEntries(log.get(), 1), 61u);
  CloseLog(std::move(log));
}

TEST(Base, CoveredSegmentsAreNotEvenOpenedByRecovery) {
  MemoryWorld world;
  WriteCompacted(&world);
  uint64_t opened = 0;
  world.SetFault([&](Call call, const std::string& name) {
    opened += call == Call::kOpen && (name == SegmentName(1) || name == SegmentName(2)) ? 1 : 0;
    return Status();
  });
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_EQ(LiveOf(log.get()), std::string("5 10 15 20 25 30 35 40-60 | "));
  EXPECT_EQ(opened, 0u);
  const DirectoryReport& found = log->recovery().found;
  ASSERT_EQ(found.segments.size(), 3u);
  EXPECT_EQ(found.segments[0].state, SegmentState::kUnread);
  EXPECT_TRUE(found.segments[1].covered);
  EXPECT_FALSE(found.segments[2].covered);
  EXPECT_EQ(ReadAll(log.get()).lsns, std::string("1-60"));
  EXPECT_NE(opened, 0u);
}

TEST(Base, HistoryIsEverythingThatIsThereAndEachEntryOnce) {
  MemoryWorld world;
  WriteCompacted(&world);
  ReadBack read = ReadAll(&world, "wal");
  EXPECT_EQ(read.lsns, std::string("1-60"));
  EXPECT_EQ(read.places[5].segment, 1u);
  world.Remove(SegmentName(1));
  read = ReadAll(&world, "wal");
  EXPECT_EQ(read.lsns + Describe(read.damage), std::string("5 10 15 20-60"));
  EXPECT_EQ(read.places[5].checkpoint, 1u);
  EXPECT_EQ(read.places[25].segment, 2u);
  // Between covered segments, too.
  MemoryWorld other;
  WriteCompacted(&other);
  other.Remove(SegmentName(2));
  read = ReadAll(&other, "wal");
  EXPECT_EQ(read.lsns + Describe(read.damage), std::string("1-20 25 30 35 40-60"));
  EXPECT_EQ(read.places[25].checkpoint, 1u);
  ReadOptions from;
  from.from_lsn = 22;
  EXPECT_EQ(ReadAll(&other, "wal", from).lsns, std::string("25 30 35 40-60"));
}

TEST(Base, WhoReadsFromBehindItLooksNeitherIntoItNorAtWhatItCovers) {
  MemoryWorld world;
  WriteCompacted(&world);
  Change(&world, CheckpointName(1), [](std::vector<uint8_t>* bytes) { (*bytes)[kSegmentDataAt + 60] ^= 1; });
  DamageEntry(&world, 7);
  uint64_t opened = 0;
  world.SetFault([&](Call call, const std::string& name) {
    opened += call == Call::kOpen && (name == SegmentName(1) || name == SegmentName(2)) ? 1 : 0;
    return Status();
  });
  ReadOptions from;
  from.from_lsn = 41;
  EXPECT_EQ(Read(&world, from), std::string("41-60 | "));
  from.from_lsn = 55;
  EXPECT_EQ(Read(&world, from), std::string("55-60 | "));
  EXPECT_EQ(opened, 0u);
  // One entry that it stands for is asked for.
  from.from_lsn = 40;
  EXPECT_EQ(Read(&world, from), std::string("40-60 | checkpoint"));
  EXPECT_NE(opened, 0u);
}

TEST(Base, ReadFromBehindItWhatFollowsAnotherHistoryIsRejectedAllTheSame) {
  MemoryWorld world;
  WriteCompacted(&world);
  Change(&world, CheckpointName(1), [](std::vector<uint8_t>* bytes) {
    SegmentHeader header;
    uint32_t version = 0;
    CheckSegmentHeader(bytes->data(), 0, &header, &version);
    header.covered_checksum ^= 1;
    EncodeHeaderCopies(header, bytes->data());
  });
  ReadOptions from;
  from.from_lsn = 41;
  EXPECT_EQ(Read(&world, from), std::string(" | missing_segment 41-60 in 2"));
}

TEST(Base, EverySegmentMayBeGoneAndNoNumberIsUsedAgain) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  PutCheckpoint(&world, 1, 3, KeepsNothing);
  RemoveSegments(&world, 1, 3);
  EXPECT_EQ(Inspect(&world).report.last_lsn, 60u);
  // Nothing appended, as often as it is opened.
  for (int i = 0; i < 3; i++) {
    std::unique_ptr<Log> log = OpenLog(&world);
    EXPECT_EQ(log->last_lsn(), 60u);
    EXPECT_EQ(LiveOf(log.get()), std::string(" | "));
    CloseLog(std::move(log));
    EXPECT_EQ(SegmentsOf(&world), std::string());
  }
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_EQ(AppendEntries(log.get(), 2), 62u);
  CloseLog(std::move(log));
  EXPECT_EQ(SegmentsOf(&world), std::string("4"));
  EXPECT_EQ(OpenedOutcome(&world), std::string("61-62 | "));
}

TEST(Base, TheFirstSegmentBehindItFollowsTheEntryThatItCoversLast) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  PutCheckpoint(&world, 1, 3, KeepsFives);
  RemoveSegments(&world, 1, 3);
  CloseLog(OpenLog(&world));
  {
    std::unique_ptr<Log> log = OpenLog(&world);
    AppendEntries(log.get(), 10);
    CloseLog(std::move(log));
  }
  EXPECT_EQ(Describe(Inspect(&world).report.damage), std::string());
  // A segment with the right numbers that follows another entry 60.
  Change(&world, SegmentName(4), [](std::vector<uint8_t>* bytes) {
    SegmentHeader header;
    uint32_t version = 0;
    EXPECT_TRUE(CheckSegmentHeader(bytes->data(), 0, &header, &version) == HeaderState::kValid);
    header.previous_checksum ^= 1;
    for (uint32_t copy = 0; copy < header::kCopies; copy++) {
      EncodeSegmentHeader(header, copy, bytes->data() + copy * header::kCopyBytes);
    }
  });
  EXPECT_EQ(Describe(Inspect(&world).report.damage), std::string("broken_chain 61-70 in 4"));
  EXPECT_EQ(OpenLog(&world)->last_lsn(), 70u);
}

TEST(Base, ASegmentMissingBehindItIsMissed) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  PutCheckpoint(&world, 1, 1, KeepsFives);
  RemoveSegments(&world, 1, 2);
  EXPECT_EQ(Read(&world, Live()), std::string("5 10 15 20 41-60 | missing_segment 21-40 in 2"));
  EXPECT_EQ(OpenedOutcome(&world), std::string("5 10 15 20 41-60 | missing_segment 21-40 in 2"));
}

TEST(Base, ADamagedOneIsReplacedByTheOneBeforeIt) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  PutCheckpoint(&world, 1, 1, KeepsFives);
  PutCheckpoint(&world, 2, 2, KeepsFives);
  RemoveSegments(&world, 1, 1);
  Change(&world, CheckpointName(2), [](std::vector<uint8_t>* bytes) { FlipBit(bytes, (kSegmentDataAt + 100) * 8); });
  std::unique_ptr<Log> log = OpenLog(&world);
  const DirectoryReport& found = log->recovery().found;
  EXPECT_EQ(Describe(found.damage), std::string("checkpoint"));
  EXPECT_EQ(found.damage[0].file, CheckpointName(2));
  EXPECT_EQ(found.damage[0].detail,
            std::string("it is not whole: bytes 8240 to 8384 are no whole records; recovery begins with checkpoint 1"));
  ASSERT_EQ(found.checkpoints.size(), 2u);
  EXPECT_TRUE(found.checkpoints[0].state == CheckpointState::kBase);
  EXPECT_TRUE(found.checkpoints[1].state == CheckpointState::kDamaged);
  EXPECT_EQ(LiveOf(log.get()), std::string("5 10 15 20-60 | checkpoint"));
  EXPECT_EQ(TryOpen(&world, With(OnCorruption::kFail)).code(), ErrorCode::kLocked);
  log.reset();
  EXPECT_EQ(TryOpen(&world, With(OnCorruption::kFail)).code(), ErrorCode::kCorrupt);
  log = OpenLog(&world, With(OnCorruption::kStop));
  EXPECT_EQ(ReadAll(log.get(), Live()).lsns, std::string("5 10 15 20-60"));
}

TEST(Base, WhateverByteOfItIsDamagedWhatIsLiveComesBack) {
  EXPECT_EQ(CheckTheNewestCheckpointDamagedAtEveryByte(), std::string());
}

TEST(Base, WithoutAWholeOneTheSegmentsServeWhenTheyReachBackToTheBeginning) {
  MemoryWorld world;
  WriteCompacted(&world);
  Change(&world, CheckpointName(1), [](std::vector<uint8_t>* bytes) { bytes->erase(bytes->end() - 1, bytes->end()); });
  EXPECT_EQ(Read(&world, Live()), std::string("1-60 | checkpoint"));
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_EQ(log->recovery().found.damage[0].detail,
            std::string("it is not whole: bytes 9856 to 9903 are no whole records; recovery begins with the first segment"));
  EXPECT_EQ(LiveOf(log.get()), std::string("1-60 | checkpoint"));
}

TEST(Base, WithoutAnythingWholeWhatIsSoundInTheNewestIsTaken) {
  MemoryWorld world;
  WriteCompacted(&world);
  RemoveSegments(&world, 1, 2);
  // Entry 20's payload.
  const ReadBack::Place place = ReadAll(&world, "wal", Live()).places[20];
  EXPECT_EQ(place.checkpoint, 1u);
  Change(&world, CheckpointName(1), [&](std::vector<uint8_t>* bytes) {
    FlipBit(bytes, (place.offset + entry::kUserIdAt + 10) * 8);
  });
  EXPECT_EQ(Read(&world, Live()), std::string("5 10 15 25 30 35 40-60 | checkpoint 16-24"));
  std::unique_ptr<Log> log = OpenLog(&world);
  const std::vector<Damage>& damage = log->recovery().found.damage;
  EXPECT_EQ(Describe(damage), std::string("checkpoint 16-24"));
  ASSERT_EQ(damage[0].users.size(), 1u);
  EXPECT_EQ(damage[0].users[0], std::string("user-6"));
  EXPECT_EQ(LiveOf(log.get()), std::string("5 10 15 25 30 35 40-60 | checkpoint 16-24"));
  EXPECT_EQ(AppendEntries(log.get(), 1), 61u);
  log.reset();
  // Cut in the middle: the rest of what it covers is lost.
  Change(&world, CheckpointName(1), [&](std::vector<uint8_t>* bytes) { bytes->resize(place.offset); });
  EXPECT_EQ(Read(&world, Live()), std::string("5 10 15 41-61 | checkpoint 16-40"));
}

TEST(Base, WithOnCorruptionStopTheLogEndsBeforeALossInIt) {
  MemoryWorld world;
  WriteCompacted(&world);
  RemoveSegments(&world, 1, 2);
  const ReadBack::Place place = ReadAll(&world, "wal", Live()).places[20];
  Change(&world, CheckpointName(1), [&](std::vector<uint8_t>* bytes) {
    FlipBit(bytes, (place.offset + entry::kUserIdAt + 10) * 8);
  });
  for (int i = 0; i < 2; i++) {
    std::unique_ptr<Log> log = OpenLog(&world, With(OnCorruption::kStop));
    EXPECT_EQ(ReadAll(log.get(), Live()).lsns, i == 0 ? std::string("5 10 15") : std::string("5 10 15 61"));
    if (i == 0) EXPECT_EQ(AppendEntries(log.get(), 1), 61u);
    CloseLog(std::move(log));
  }
}

TEST(Base, DamageInACoveredSegmentIsOfHistoryOnly) {
  MemoryWorld world;
  WriteCompacted(&world);
  DamageEntry(&world, 10);
  DamageEntry(&world, 12);
  EXPECT_EQ(Read(&world, Live()), std::string("5 10 15 20 25 30 35 40-60 | "));
  EXPECT_EQ(Describe(OpenLog(&world)->recovery().found.damage), std::string());
  // What the checkpoint has fills in.
  EXPECT_EQ(Read(&world, ReadOptions()), std::string("1-11 13-60 | entry 10-10 in 1, entry 12-12 in 1"));
  const DirectoryReport report = Inspect(&world).report;
  EXPECT_EQ(Describe(report.damage), std::string("entry 10-10 in 1, entry 12-12 in 1"));
  EXPECT_EQ(report.damage[0].detail, std::string("recovery does not need it: checkpoint 1 covers it"));
  Change(&world, SegmentName(1), [](std::vector<uint8_t>* bytes) { bytes->resize(100); });
  EXPECT_EQ(Read(&world, ReadOptions()), std::string("5 10 15 20-60 | cut_short in 1"));
  EXPECT_EQ(Describe(Inspect(&world).report.damage), std::string("cut_short in 1"));
  EXPECT_EQ(Describe(OpenLog(&world)->recovery().found.damage), std::string());
}

TEST(Base, NamesItsLogWhenNothingElseDoes) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  PutCheckpoint(&world, 1, 3, KeepsFives);
  const LogId id = Inspect(&world).report.log_id;
  RemoveSegments(&world, 1, 3);
  world.Remove(kIdentityName);
  const Inspection inspection = Inspect(&world);
  EXPECT_TRUE(inspection.report.log_id == id);
  EXPECT_EQ(Describe(inspection.report.damage), std::string("identity"));
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_TRUE(log->log_id() == id);
  EXPECT_EQ(log->last_lsn(), 60u);
}

TEST(Base, OfAnotherLogIsNone) {
  MemoryWorld world;
  WriteCompacted(&world);
  MemoryWorld other;
  other.random.seed(77);
  WriteThreeSegments(&other);
  other.Put(CheckpointName(1), world.Contents(CheckpointName(1)));
  EXPECT_EQ(Read(&other, Live()), std::string("1-60 | checkpoint"));
  // Nor is one under another number.
  RenameFile(&world, CheckpointName(1), CheckpointName(2));
  EXPECT_EQ(Read(&world, Live()), std::string("1-60 | checkpoint"));
}

TEST(Base, IsReportedWithItsBackup) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  for (uint64_t number = 1; number <= 3; number++) PutCheckpoint(&world, number, number, KeepsFives);
  for (const bool in_full : {true, false}) {
    const DirectoryReport report = in_full ? Inspect(&world).report : OpenLog(&world)->recovery().found;
    ASSERT_EQ(report.checkpoints.size(), 3u);
    EXPECT_TRUE(report.checkpoints[0].state == CheckpointState::kSuperseded);
    EXPECT_TRUE(report.checkpoints[1].state == CheckpointState::kBackup);
    const CheckpointReport& base = report.checkpoints[2];
    EXPECT_TRUE(base.state == CheckpointState::kBase);
    EXPECT_EQ(base.covered_segment, 3u);
    EXPECT_EQ(base.covered_lsn, 60u);
    EXPECT_EQ(base.entries, 12u);
    EXPECT_EQ(base.first_lsn, 5u);
    EXPECT_EQ(base.last_lsn, 60u);
    EXPECT_EQ(report.checkpoints[1].entries, 8u);
    // What an open has no need of, it does not read.
    EXPECT_EQ(report.checkpoints[1].last_lsn, in_full ? 40u : 0u);
  }
}

TEST(Base, ADamagedBackupIsFoundByACheckOfEverything) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  PutCheckpoint(&world, 1, 1, KeepsFives);
  PutCheckpoint(&world, 2, 2, KeepsFives);
  Change(&world, CheckpointName(1), [](std::vector<uint8_t>* bytes) { FlipBit(bytes, (kSegmentDataAt + 60) * 8); });
  EXPECT_EQ(Describe(Inspect(&world).report.damage), std::string("checkpoint"));
  EXPECT_EQ(Describe(OpenLog(&world)->recovery().found.damage), std::string());
}

TEST(Base, CanBeReadOnItsOwn) {
  MemoryWorld world;
  WriteCompacted(&world);
  const std::string path = "wal/" + CheckpointName(1);
  ReadBack read = ReadAll(&world, path);
  EXPECT_EQ(read.lsns + Describe(read.damage), std::string("5 10 15 20 25 30 35 40"));
  EXPECT_EQ(read.places[5].checkpoint, 1u);
  Inspection inspection = Inspect(&world, path);
  EXPECT_FALSE(inspection.whole);
  EXPECT_EQ(Describe(inspection.report.damage), std::string());
  EXPECT_EQ(inspection.report.entries, 8u);
  EXPECT_EQ(inspection.report.checkpoints.size(), 1u);
  EXPECT_EQ(inspection.report.last_lsn, 40u);
  Change(&world, CheckpointName(1), [&](std::vector<uint8_t>* bytes) {
    FlipBit(bytes, (read.places[25].offset + entry::kUserIdAt + 10) * 8);
  });
  read = ReadAll(&world, path);
  EXPECT_EQ(read.lsns + " | " + Describe(read.damage), std::string("5 10 15 20 30 35 40 | checkpoint 21-29"));
  EXPECT_EQ(Describe(Inspect(&world, path).report.damage), std::string("checkpoint 21-29"));
}

TEST(ThroughSegment, EndsThereAndMissesWhatIsLostBeforeTheNext) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  EXPECT_EQ(Read(&world, Live(2)), std::string("1-40 | "));
  EXPECT_EQ(Read(&world, Live(1)), std::string("1-20 | "));
  PutCheckpoint(&world, 1, 1, KeepsFives);
  EXPECT_EQ(Read(&world, Live(2)), std::string("5 10 15 20-40 | "));
  EXPECT_EQ(Read(&world, Live(1)), std::string("5 10 15 20 | "));
  world.Remove(SegmentName(2));
  EXPECT_EQ(Read(&world, Live(2)), std::string("5 10 15 20 | missing_segment 21-40 in 2"));
  std::unique_ptr<Log> log = OpenLog(&world);
  AppendEntries(log.get(), 5);
  EXPECT_EQ(ReadAll(log.get(), Live(1)).lsns, std::string("5 10 15 20"));
}

// Compaction goes on beside a reader that is slow.
TEST(Reader, GoesOnWithTheCheckpointThatHasTakenTheirPlaceWhenSegmentsAreGone) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  for (const bool live : {true, false}) {
    const std::unique_ptr<MemoryWorld> now = world.AfterProcessDeath();
    std::unique_ptr<Reader> reader;
    ReadOptions options;
    options.live = live;
    ASSERT_OK(ReadPath(now->environment(), "wal", options, &reader));
    Chunk chunk;
    ASSERT_OK(reader->Next(&chunk));
    EXPECT_EQ(chunk.entries.size(), 20u);
    PutCheckpoint(now.get(), 1, 2, KeepsFives);
    RemoveSegments(now.get(), 1, 2);
    const ReadBack rest = Drain(reader.get());
    EXPECT_OK(rest.status);
    EXPECT_EQ(rest.lsns + Describe(rest.damage), std::string("25 30 35 40-60"));
  }
}

// LSNs that a text of ContentOf() begins with.
uint64_t LsnOf(const std::string& content) { return std::stoull(content); }
bool ByLsn(const std::string& one, const std::string& other) { return LsnOf(one) < LsnOf(other); }

// A random log, compacted by random plans any number of times, its files removed at random as far as they may be.
TEST(Base, WhatIsLiveAfterACheckpointIsWhatTheCheckpointKeepsOfIt) {
  Dice dice(Seed());
  for (int round = 0; round < 40; round++) {
    MemoryWorld world;
    uint64_t checkpoint = 0;
    uint64_t base_through = 0;
    for (int life = 0; life < 6; life++) {
      WriteLog(&world, 1 + dice() % 40, 1 + dice() % 15);
      const std::vector<SegmentReport> segments = Inspect(&world).report.segments;
      if (dice() % 3 == 0 || segments.size() < 2) continue;
      const uint64_t through = segments[segments.size() - 1 - dice() % 2].number;
      if (through < base_through) continue;
      const uint64_t salt = dice();
      const auto keeps = [salt](const Entry& entry) { return (entry.lsn * 0x9e3779b97f4a7c15 ^ salt) % 3 != 0; };
      const std::vector<std::string> live_before = ContentOf(&world, Live());
      const std::vector<std::string> history_before = ContentOf(&world, ReadOptions());
      const std::vector<std::string> covered = ContentOf(&world, Live(through));
      const uint64_t last_covered = covered.empty() ? 0 : LsnOf(covered.back());
      PutCheckpoint(&world, ++checkpoint, through, keeps);
      std::vector<std::string> expected;
      std::copy_if(live_before.begin(), live_before.end(), std::back_inserter(expected), [&](const std::string& text) {
        Entry entry;
        entry.lsn = LsnOf(text);
        return entry.lsn > last_covered || keeps(entry);
      });
      EXPECT_TRUE(ContentOf(&world, Live()) == expected);
      // What the former base had and no segment has any more, the plan decides.
      std::vector<std::string> history = ContentOf(&world, ReadOptions());
      EXPECT_TRUE(std::includes(history_before.begin(), history_before.end(), history.begin(), history.end(), ByLsn));
      for (const SegmentReport& segment : segments) {
        if (segment.number <= base_through && dice() % 2 == 0) world.Remove(segment.file);
      }
      base_through = through;
      EXPECT_TRUE(ContentOf(&world, Live()) == expected);
      // History is what is left of segments, and of the rest what the base has.
      history = ContentOf(&world, ReadOptions());
      EXPECT_TRUE(std::includes(history_before.begin(), history_before.end(), history.begin(), history.end(), ByLsn));
      EXPECT_TRUE(std::includes(history.begin(), history.end(), expected.begin(), expected.end(), ByLsn));
      const std::string opened_once = OpenedOutcome(&world);
      EXPECT_EQ(OpenedOutcome(&world), opened_once);
      EXPECT_EQ(Describe(Inspect(&world).report.damage), std::string());
    }
  }
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
