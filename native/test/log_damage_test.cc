// Proves what damage costs: it is noticed, said with its place and its entries, and skipped, stopped at or refused as asked;
// everything else is delivered, nothing unsound is, and no LSN is used twice. Files that are missing, doubled, swapped,
// of another log or of another history of this one are damage like any other.
#include <algorithm>
#include <cerrno>

#include "segment_name.h"
#include "test_log.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

const std::string kFirst = SegmentName(1);
const std::string kSecond = SegmentName(2);

TEST(Damage, ToOneEntryIsSkippedAndReportedForGood) {
  MemoryWorld world;
  WriteLog(&world, 50);
  DamageEntry(&world, 23);
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_EQ(Outcome(log.get()), std::string("1-22 24-50 | entry 23-23 in 1"));
  const Damage& damage = log->recovery().found.damage[0];
  EXPECT_EQ(damage.file, kFirst);
  EXPECT_EQ(damage.users.size(), 1u);
  EXPECT_EQ(damage.users[0], std::string("user-2"));
  EXPECT_EQ(AppendEntries(log.get(), 1), 51u);
  CloseLog(std::move(log));
  EXPECT_EQ(OpenedOutcome(&world), std::string("1-22 24-51 | entry 23-23 in 1"));
}

TEST(Damage, ToTheLastEntryOfADeadWriterIsToldFromATornTailByTheMarkBehindIt) {
  MemoryWorld world;
  WriteAndDie(&world, 50);
  ForgetSharedMemory(&world);
  DamageEntry(&world, 50);
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_EQ(Outcome(log.get()), std::string("1-49 | entry 50-50 in 1"));
  EXPECT_FALSE(log->recovery().found.torn_tail.found);
  EXPECT_EQ(AppendEntries(log.get(), 1), 51u);  // the number of what was lost is not used again
}

TEST(Damage, IsWhereTheLogEndsWithStopAndItsNumbersAreNotUsedAgain) {
  MemoryWorld world;
  WriteLog(&world, 50);
  DamageEntry(&world, 23);
  std::unique_ptr<Log> log = OpenLog(&world, With(OnCorruption::kStop));
  EXPECT_EQ(ReadAll(log.get()).lsns, std::string("1-22"));
  EXPECT_EQ(AppendEntries(log.get(), 3), 53u);
  EXPECT_EQ(ReadAll(log.get()).lsns, std::string("1-22 51-53"));
  CloseLog(std::move(log));
  log = OpenLog(&world, With(OnCorruption::kStop));
  EXPECT_EQ(ReadAll(log.get()).lsns, std::string("1-22 51-53"));
}

TEST(Damage, WithFailNothingIsOpenedAndNothingChanged) {
  MemoryWorld world;
  WriteLog(&world, 50);
  DamageEntry(&world, 23);
  const std::unique_ptr<MemoryWorld> before = world.AfterProcessDeath();
  const Status status = TryOpen(&world, With(OnCorruption::kFail));
  EXPECT_EQ(status.code(), ErrorCode::kCorrupt);
  EXPECT_TRUE(status.message().find(kFirst) != std::string::npos);
  ASSERT_EQ(world.names().size(), before->names().size());
  for (const auto& name : before->names()) EXPECT_TRUE(world.Contents(name.first) == name.second->current.get());
}

TEST(Damage, OfOneHeaderCopyCostsNothing) {
  for (size_t copy = 0; copy < header::kCopies; copy++) {
    MemoryWorld world;
    WriteLog(&world, 50);
    Change(&world, kFirst, [&](std::vector<uint8_t>* bytes) { ZeroSector(bytes, copy * 8); });
    EXPECT_EQ(OpenedOutcome(&world), std::string("1-50 | header_copy in 1"));
  }
}

TEST(Damage, OfBothHeaderCopiesCostsTheSegmentAndSaysWhichEntries) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  MakeHeadersUnsound(&world, kSecond);
  EXPECT_EQ(OpenedOutcome(&world), std::string("1-20 41-60 | segment_header 21-40 in 2"));
}

TEST(Damage, AMissingSegmentIsNoticedWithItsEntries) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  world.Remove(kSecond);
  EXPECT_EQ(OpenedOutcome(&world), std::string("1-20 41-60 | missing_segment 21-40 in 2"));
}

TEST(Damage, ADoubledSegmentIsDeliveredOnce) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  CopyFile(&world, kSecond, SegmentName(7));
  EXPECT_EQ(OpenedOutcome(&world), std::string("1-60 | misplaced_segment in 7"));
}

TEST(Damage, ARenamedSegmentIsNotDelivered) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  RenameFile(&world, kSecond, SegmentName(9));
  EXPECT_EQ(OpenedOutcome(&world), std::string("1-20 41-60 | missing_segment 21-40 in 2, misplaced_segment in 9"));
}

TEST(Damage, SwappedSegmentsAreNotDelivered) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  SwapFiles(&world, kFirst, kSecond);
  EXPECT_EQ(OpenedOutcome(&world), std::string("41-60 | misplaced_segment 1-40 in 1, misplaced_segment in 2"));
}

TEST(Damage, AForeignSegmentIsNotDelivered) {
  MemoryWorld other;
  other.random.seed(99);
  WriteThreeSegments(&other);
  MemoryWorld world;
  WriteThreeSegments(&world);
  world.Put(kSecond, other.Contents(kSecond));
  EXPECT_EQ(OpenedOutcome(&world), std::string("1-20 41-60 | foreign_segment 21-40 in 2"));
}

TEST(Damage, ASegmentCutShortIsNoticedBecauseOfWhatWasSealed) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  const ReadBack::Place place = PlaceOf(&world, 30);
  Change(&world, kSecond, [&](std::vector<uint8_t>* bytes) { Truncate(bytes, place.offset); });
  EXPECT_EQ(OpenedOutcome(&world), std::string("1-29 41-60 | cut_short 30-40 in 2"));
}

TEST(Damage, ASegmentCutInsideItsHeaderIsNoticedBecauseOfTheNext) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  Change(&world, kSecond, [](std::vector<uint8_t>* bytes) { Truncate(bytes, 5000); });
  EXPECT_EQ(OpenedOutcome(&world), std::string("1-20 41-60 | cut_short 21-40 in 2"));
}

TEST(Damage, ALostSealIsNoticedCostsNothingAndIsMadeAgain) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  Change(&world, kFirst, [&](std::vector<uint8_t>* bytes) {
    std::fill(bytes->end() - static_cast<std::ptrdiff_t>(kSealBytes), bytes->end(), uint8_t{0});
  });
  EXPECT_EQ(OpenedOutcome(&world), std::string("1-60 | cut_short in 1"));
  EXPECT_EQ(OpenedOutcome(&world), std::string("1-60 | "));
}

TEST(Damage, AFileGivenUpAfterAFullDiskIsNotTakenForOneThatLostItsSeal) {
  // It was cut behind its last record and could not be made as long again: it ends there, without a byte of a seal.
  MemoryWorld world;
  WriteThreeSegments(&world);
  Change(&world, kFirst, [](std::vector<uint8_t>* bytes) { Truncate(bytes, bytes->size() - kSealBytes); });
  EXPECT_EQ(OpenedOutcome(&world), std::string("1-60 | "));
  EXPECT_EQ(OpenedOutcome(&world), std::string("1-60 | "));
}

// The entry behind the last mark is carried on, and the seal takes its place.
TEST(Damage, AFileGivenUpAfterAFullDiskIsSealedAndNeverLooksAsIfItHadLostThatWhereverThePowerGoes) {
  MemoryWorld world;
  {
    const std::string user = "user";
    const std::string payload(500, 'x');
    const std::unique_ptr<Log> log = OpenLog(&world);
    AppendEntries(log.get(), 20);
    FlushAll(log.get());
    uint64_t lsn = 0;
    ASSERT_EQ(log->Append(2, Bytes(user.data(), user.size()), Bytes(payload.data(), payload.size()), 0, &lsn), ErrorCode::kOk);
    FlushAll(log.get());
  }
  ForgetSharedMemory(&world);
  Change(&world, kFirst, [](std::vector<uint8_t>* bytes) {
    size_t end = bytes->size();
    while ((*bytes)[end - 1] == 0) end--;
    const size_t idle_mark_at = (end + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment - mark::kBytes;
    Truncate(bytes, idle_mark_at);
  });
  const std::unique_ptr<MemoryWorld> whole = world.AfterProcessDeath();
  EXPECT_EQ(OpenLog(whole.get())->recovery().carried_entries, 1u);
  Dice dice(Seed());
  for (uint64_t cut = 1; cut <= whole->calls(); cut++) {
    for (int i = 0; i < 24; i++) {
      const std::unique_ptr<MemoryWorld> first = world.AfterProcessDeath();
      first->CutAtCall(cut);
      // A seal that fails is no reason not to open.
      const Status opened = TryOpen(first.get());
      (void)opened;
      const std::unique_ptr<MemoryWorld> after = first->AfterPowerCut(&dice);
      const std::unique_ptr<Log> log = OpenLog(after.get());
      EXPECT_EQ(Describe(log->recovery().found.damage), std::string());
      EXPECT_EQ(log->last_lsn(), 21u);
    }
  }
}

TEST(Damage, WhatIsNoFileIsPassedOver) {
  for (const EntryKind kind : {EntryKind::kDirectory, EntryKind::kOther}) {
    MemoryWorld world;
    WriteThreeSegments(&world);
    world.Remove(kSecond);
    world.not_files[kSecond] = kind;
    EXPECT_EQ(OpenedOutcome(&world), std::string("1-20 41-60 | not_a_file 21-40 in 2"));
  }
}

TEST(Damage, ASegmentOfACopyThatWentItsOwnWayIsNotDelivered) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  AppendEntries(log.get(), 20);
  FlushAll(log.get());
  // The copy's entries are others, so that its second segment fits neither the first nor the third.
  std::unique_ptr<MemoryWorld> copy = std::make_unique<MemoryWorld>();
  copy->Put(kIdentityName, world.Contents(kIdentityName));
  for (int segment = 0; segment < 2; segment++) {
    std::unique_ptr<Log> own_way = OpenLog(copy.get());
    uint64_t lsn = 0;
    for (int i = 0; i < 20; i++) {
      EXPECT_EQ(own_way->Append(2, Bytes("x", 1), Bytes("other", 5), 0, &lsn), ErrorCode::kOk);
    }
    CloseLog(std::move(own_way));
  }
  CloseLog(std::move(log));
  WriteLog(&world, 20);
  WriteLog(&world, 20);
  world.Put(kSecond, copy->Contents(kSecond));
  log = OpenLog(&world);
  EXPECT_EQ(Outcome(log.get()), std::string("1-20 41-60 | broken_chain 21-40 in 2"));
  CloseLog(std::move(log));
  EXPECT_EQ(ReadAll(&world, "wal").lsns, std::string("1-20 41-60"));
}

// One more life of the log in `world`: `count` entries that say `text`.
void WriteText(MemoryWorld* world, const std::string& text, int count) {
  std::unique_ptr<Log> log = OpenLog(world);
  uint64_t lsn = 0;
  for (int i = 0; i < count; i++) {
    EXPECT_EQ(log->Append(2, Bytes("x", 1), Bytes(text.data(), text.size()), 0, &lsn), ErrorCode::kOk);
  }
  CloseLog(std::move(log));
}

// A log of `lives` segments with ten entries each, and a copy of it that went its own way behind segment `common`.
struct Fork {
  MemoryWorld world;
  MemoryWorld copy;

  Fork(int lives, int common) {
    for (int life = 1; life <= lives; life++) {
      WriteText(&world, "own " + std::to_string(life), 10);
      if (life > common) continue;
      copy.names().clear();
      for (const auto& name : world.names()) copy.Put(name.first, world.Contents(name.first));
    }
    for (int life = common + 1; life <= lives; life++) WriteText(&copy, "other " + std::to_string(life), 10);
  }

  // Puts the copy's segment in place of the log's own.
  std::string With(uint64_t number) {
    world.Put(SegmentName(number), copy.Contents(SegmentName(number)));
    std::unique_ptr<Log> log = OpenLog(&world);
    const std::string delivered = ReadAll(log.get()).lsns;
    EXPECT_EQ(ReadAll(&world, "wal").lsns, delivered);
    return delivered + " | " + Describe(log->recovery().found.damage);
  }
};

TEST(Damage, ASegmentOfAnotherHistoryIsToldByWhatComesBeforeAndBehind) {
  EXPECT_EQ(Fork(4, 1).With(2), std::string("1-10 21-40 | broken_chain 11-20 in 2"));
  EXPECT_EQ(Fork(4, 1).With(3), std::string("1-20 31-40 | broken_chain 21-30 in 3"));
}

TEST(Damage, LsnsOfASegmentThatDoesNotFitAreNotUsedAgain) {
  Fork fork(3, 1);
  EXPECT_EQ(fork.With(3), std::string("1-20 | broken_chain 21-30 in 3"));
  std::unique_ptr<Log> log = OpenLog(&fork.world);
  EXPECT_EQ(log->last_lsn(), 30u);
}

TEST(Damage, StopLeavesEveryByteBehindTheDamageWhereItIs) {
  MemoryWorld world;
  WriteLog(&world, 40);
  DamageEntry(&world, 20);
  const std::vector<uint8_t> before = world.Contents(kFirst);
  EXPECT_EQ(OpenedOutcome(&world, With(OnCorruption::kStop)), std::string("1-19 | entry 20-20 in 1"));
  CloseLog(OpenLog(&world, With(OnCorruption::kStop)));
  EXPECT_TRUE(world.Contents(kFirst) == before);
}

TEST(Damage, ADamagedIdentityIsCopiedBeforeItIsWrittenAgain) {
  MemoryWorld world;
  WriteLog(&world, 10);
  Change(&world, kIdentityName, [](std::vector<uint8_t>* bytes) { (*bytes)[20] ^= 1; });
  const std::vector<uint8_t> damaged = world.Contents(kIdentityName);
  CloseLog(OpenLog(&world));
  ASSERT_EQ(world.names().count("quarantine/log.id.0-64.bytes"), 1u);
  EXPECT_TRUE(world.Contents("quarantine/log.id.0-64.bytes") == damaged);
  EXPECT_TRUE(world.Contents(kIdentityName) != damaged);
}

TEST(Damage, TwoDamagedHeaderCopiesAreNoNewerFormat) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  Change(&world, kSecond, [](std::vector<uint8_t>* bytes) {
    (*bytes)[header::kVersionAt + 1] ^= 1;
    (*bytes)[header::kCopyBytes + header::kLogIdAt] ^= 1;
  });
  EXPECT_EQ(OpenedOutcome(&world), std::string("1-20 41-60 | segment_header 21-40 in 2"));
}

TEST(Damage, AnEarlierStateOfASegmentDoesNotBringBackWhatWasGivenUp) {
  // The first segment as it was while it was still written to, with entries that nobody was promised.
  MemoryWorld world;
  {
    std::unique_ptr<Log> log = OpenLog(&world);
    AppendEntries(log.get(), 20);
    FlushAll(log.get());
  }
  const std::vector<uint8_t> unsealed = world.Contents(kFirst);
  std::unique_ptr<Log> log = OpenLog(&world);
  AppendEntries(log.get(), 10);
  CloseLog(std::move(log));
  world.Put(kFirst, unsealed);
  EXPECT_EQ(OpenedOutcome(&world), std::string("1-30 | "));
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
