// Proves what Log::Open makes of what it finds: a clean end, a dead process, a torn tail, damage of every kind, files
// that are missing, doubled, swapped or foreign. Nothing that is sound is lost, nothing unsound is delivered, no LSN is
// used twice, and opening again changes nothing more.
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
const std::string kThird = SegmentName(3);

LogOptions With(OnCorruption on_corruption) {
  LogOptions options = SmallLogOptions();
  options.on_corruption = on_corruption;
  return options;
}

// Opens, and says what was found and what can be read: "1-9 11-20 | entry 10-10 in 1".
std::string Outcome(Log* log) {
  const ReadBack read = ReadAll(log);
  EXPECT_OK(read.status);
  EXPECT_EQ(read.wrong, 0u);
  return read.lsns + " | " + Describe(log->recovery().found.damage);
}
std::string OpenedOutcome(MemoryWorld* world, const LogOptions& options = SmallLogOptions()) {
  std::unique_ptr<Log> log = OpenLog(world, options);
  return log == nullptr ? "" : Outcome(log.get());
}

// --- Without damage

TEST(Open, AnEmptyDirectoryBecomesALog) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_TRUE(log->recovery().created);
  EXPECT_EQ(log->last_lsn(), 0u);
  EXPECT_TRUE(log->ring().shared());
  CloseLog(std::move(log));
  // Nothing was written, so nothing is left but the log's name.
  EXPECT_EQ(SegmentsOf(&world), std::string(""));
  EXPECT_TRUE(world.Exists(kIdentityName));
  EXPECT_TRUE(world.memory().empty());
}

TEST(Open, BehindACleanCloseFindsEverythingAndNoRing) {
  MemoryWorld world;
  WriteLog(&world, 100);
  EXPECT_TRUE(world.memory().empty());
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_TRUE(log->recovery().found.clean);
  EXPECT_FALSE(log->recovery().created);
  EXPECT_EQ(log->recovery().carried_entries, 0u);
  EXPECT_EQ(Outcome(log.get()), std::string("1-100 | "));
  EXPECT_EQ(AppendEntries(log.get(), 5), 105u);
  EXPECT_EQ(Outcome(log.get()), std::string("1-105 | "));
}

TEST(Open, BehindADeadProcessTakesOverWhatWasOnlyStaged) {
  MemoryWorld world;
  {
    std::unique_ptr<Log> log = OpenLog(&world);
    AppendEntries(log.get(), 50);
    FlushAll(log.get());
    AppendEntries(log.get(), 25);
  }
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_TRUE(log->recovery().ring_taken_over);
  EXPECT_EQ(log->recovery().carried_entries, 25u);
  EXPECT_EQ(log->durable_lsn(), 75u);
  EXPECT_EQ(world.memory().size(), 1u);
  EXPECT_EQ(Outcome(log.get()), std::string("1-75 | "));
}

TEST(Open, AfterThePowerWentFindsAPrefixAndSaysWhatWasTorn) {
  MemoryWorld world;
  WriteAndDie(&world, 50);
  ForgetSharedMemory(&world);
  // A batch of which the disk has only the beginning: half an entry, then old zeros.
  const uint64_t end = Inspect(&world).report.segments[0].end_offset;
  Change(&world, kFirst, [&](std::vector<uint8_t>* bytes) {
    const SegmentBytes torn = SmallSegment(1);
    std::copy(torn.bytes().begin() + kSegmentDataAt + 3, torn.bytes().end(),
              bytes->begin() + static_cast<std::ptrdiff_t>(end));
  });
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_TRUE(log->recovery().found.torn_tail.found);
  EXPECT_EQ(log->recovery().found.torn_tail.segment, 1u);
  EXPECT_EQ(log->recovery().found.torn_tail.offset, end);
  EXPECT_EQ(Outcome(log.get()), std::string("1-50 | "));
  EXPECT_EQ(world.Contents(kFirst).size(), end + kSealBytes);  // cut
  CloseLog(std::move(log));
  EXPECT_FALSE(Inspect(&world).report.torn_tail.found);
}

TEST(Open, AgainAndAgainChangesNothingMore) {
  MemoryWorld world;
  WriteAndDie(&world, 50);
  DamageEntry(&world, 10);
  std::string first;
  for (int times = 0; times < 5; times++) {
    std::unique_ptr<Log> log = OpenLog(&world);
    if (times == 0) first = Outcome(log.get());
    EXPECT_EQ(Outcome(log.get()), first);
    EXPECT_EQ(log->last_lsn(), 50u);
  }
  EXPECT_EQ(first, std::string("1-9 11-50 | entry 10-10 in 1"));
  // An unused segment of the last opener beside the one that holds everything.
  EXPECT_EQ(SegmentsOf(&world), std::string("1 6"));
}

TEST(Open, CutAtAnyCallAndDoneAgainComesToTheSame) {
  MemoryWorld world;
  {
    std::unique_ptr<Log> log = OpenLog(&world);
    for (int i = 0; i < 30; i++) {
      AppendEntries(log.get(), 20);
      FlushAll(log.get());
    }
    AppendEntries(log.get(), 30);
  }
  DamageEntry(&world, 40);
  const std::string expected = "1-39 41-630 | entry 40-40 in 1";
  bool done = false;
  for (uint64_t call = 1; !done; call++) {
    std::unique_ptr<MemoryWorld> cut = world.AfterProcessDeath();
    cut->CutAtCall(call);
    std::unique_ptr<Log> log;
    done = Log::Open(cut->environment(), SmallLogOptions(), &log).ok();
    log.reset();
    std::unique_ptr<MemoryWorld> again = cut->AfterProcessDeath();
    ASSERT_EQ(OpenedOutcome(again.get()), expected);
    ASSERT_EQ(OpenedOutcome(again.get()), expected);
    ASSERT_TRUE(call < 1000);
  }
}

TEST(Open, ASecondTimeIsRefusedWhileTheFirstLives) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_EQ(TryOpen(&world).code(), ErrorCode::kLocked);
  log.reset();
  EXPECT_OK(TryOpen(&world));
}

TEST(Open, RefusesSizesThatCannotBeAndNamesThem) {
  for (const uint64_t bytes : {uint64_t{0}, kMinSegmentBytes - 1, kMaxSegmentBytes + 1, UINT64_MAX}) {
    MemoryWorld world;
    LogOptions options = SmallLogOptions();
    options.writer.segment_bytes = bytes;
    const Status status = TryOpen(&world, options);
    EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
    EXPECT_TRUE(status.message().find("segmentBytes is " + std::to_string(bytes)) != std::string::npos);
  }
  for (const uint64_t bytes : {uint64_t{0}, kMinRingBytes - 4096, kMaxRingBytes + 1}) {
    MemoryWorld world;
    LogOptions options = SmallLogOptions();
    options.queue_bytes = bytes;
    EXPECT_TRUE(TryOpen(&world, options).message().find("queueBytes is") != std::string::npos);
  }
}

// --- Appending

TEST(Append, RefusesWhatCannotBeHavingChangedNothing) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  uint64_t lsn = 77;
  const std::string long_user(kMaxUserIdBytes + 1, 'u');
  const std::string long_payload(static_cast<size_t>(log->max_record_bytes()), 'p');
  EXPECT_EQ(log->Append(0, Bytes("u", 1), Bytes(), 0, &lsn), ErrorCode::kInvalidArgument);
  EXPECT_EQ(log->Append(kLastOperation + 1, Bytes("u", 1), Bytes(), 0, &lsn), ErrorCode::kInvalidArgument);
  EXPECT_EQ(log->Append(1, Bytes(long_user.data(), long_user.size()), Bytes(), 0, &lsn), ErrorCode::kTooLarge);
  EXPECT_EQ(log->Append(1, Bytes(), Bytes(long_payload.data(), long_payload.size()), 0, &lsn), ErrorCode::kTooLarge);
  EXPECT_EQ(lsn, 77u);
  EXPECT_EQ(log->last_lsn(), 0u);
  EXPECT_EQ(log->ring().used_bytes(), 0u);
  const size_t largest = static_cast<size_t>(log->max_record_bytes()) - EntryRecordBytes(0, 0);
  EXPECT_EQ(log->Append(1, Bytes(), Bytes(long_payload.data(), largest), 0, &lsn), ErrorCode::kOk);
  EXPECT_EQ(lsn, 1u);
  FlushAll(log.get());
  EXPECT_OK(log->Close());
  EXPECT_EQ(log->Append(1, Bytes(), Bytes(), 0, &lsn), ErrorCode::kClosed);
}

// --- The ring

TEST(KillSafety, IsSaidWhenThereIsNoSharedMemoryAndCanBeRequired) {
  MemoryWorld world;
  Environment environment = world.environment();
  environment.memory = nullptr;
  LogOptions options = SmallLogOptions();
  std::unique_ptr<Log> log;
  ASSERT_OK(Log::Open(environment, options, &log));
  EXPECT_FALSE(log->ring().shared());
  AppendEntries(log.get(), 10);
  CloseLog(std::move(log));
  options.require_kill_safe = true;
  EXPECT_EQ(Log::Open(environment, options, &log).code(), ErrorCode::kNotKillSafe);
  EXPECT_EQ(OpenedOutcome(&world), std::string("1-10 | "));
}

TEST(KillSafety, SurvivesAnyNumberOfDeathsWhileTheRingIsMade) {
  MemoryWorld world;
  WriteLog(&world, 10);
  LogOptions options = SmallLogOptions();
  options.require_kill_safe = true;
  const LogId id = Inspect(&world).report.log_id;
  for (int death = 0; death < 3 * kRingNames; death++) {
    std::unique_ptr<SharedRegion> region;
    const Status made = world.environment().memory->Create(RingName(id, 0), 4096 + kMinRingBytes, &region);
    EXPECT_TRUE(made.ok() || made.code() == ErrorCode::kInvalidArgument);
    ASSERT_OK(TryOpen(&world, options));
    EXPECT_EQ(world.memory().size(), 1u);
    ForgetSharedMemory(&world);
  }
}

TEST(KillSafety, ACopyOfTheDirectoryHasARingOfItsOwn) {
  MemoryWorld world;
  WriteLog(&world, 10);
  const LogId id = Inspect(&world).report.log_id;
  std::unique_ptr<StagingRing> of_the_copy;
  ASSERT_OK(StagingRing::Create(world.environment().memory, RingName(id, 0), kMinRingBytes, id,
                                DirectoryIdentity{7, 4711}, 0, &of_the_copy));
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_TRUE(log->ring().shared());
  AppendEntries(log.get(), 5);
  log.reset();
  EXPECT_EQ(world.memory().size(), 2u);
  log = OpenLog(&world);
  EXPECT_EQ(Outcome(log.get()), std::string("1-15 | "));
  CloseLog(std::move(log));
  EXPECT_EQ(world.memory().size(), 1u);  // the other's is still there
}

TEST(KillSafety, ADurableLsnThatCannotBeLosesNothing) {
  MemoryWorld world;
  {
    std::unique_ptr<Log> log = OpenLog(&world);
    AppendEntries(log.get(), 20);
    FlushAll(log.get());
    AppendEntries(log.get(), 5);
  }
  constexpr size_t kDurableLsnAt = 200;
  Store(world.memory().begin()->second->data() + kDurableLsnAt, uint64_t{1} << 60);
  std::unique_ptr<Log> log = OpenLog(&world);
  ASSERT_TRUE(log != nullptr);
  EXPECT_EQ(Outcome(log.get()), std::string("1-25 | ring"));
  EXPECT_EQ(AppendEntries(log.get(), 1), 26u);
}

// --- Damage

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

// Three segments of one log: 1-20, 21-40, 41-60.
void WriteThreeSegments(MemoryWorld* world) {
  for (int i = 0; i < 3; i++) {
    std::unique_ptr<Log> log = OpenLog(world);
    AppendEntries(log.get(), 20);
    CloseLog(std::move(log));
  }
  ASSERT_EQ(SegmentsOf(world), std::string("1 2 3"));
}

TEST(Damage, OfBothHeaderCopiesCostsTheSegmentAndSaysWhichEntries) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  Change(&world, kSecond, [](std::vector<uint8_t>* bytes) {
    ZeroSector(bytes, 0);
    ZeroSector(bytes, 8);
  });
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

// --- What was durable and is gone

TEST(Gone, WhatTheRingKnowsToHaveBeenDurableIsReported) {
  MemoryWorld world;
  WriteAndDie(&world, 50);
  world.Remove(kFirst);
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_EQ(Outcome(log.get()), std::string(" | missing_segment 1-50 in 1"));
  EXPECT_EQ(log->last_lsn(), 50u);
}

TEST(Gone, TheNumbersAreNotUsedAgainThoughTheLogWasClosedWithoutAnEntry) {
  MemoryWorld world;
  WriteAndDie(&world, 50);
  world.Remove(kFirst);
  CloseLog(OpenLog(&world));
  CloseLog(OpenLog(&world));
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_EQ(AppendEntries(log.get(), 1), 51u);
}

TEST(Gone, ALastSegmentCutToItsHeaderIsReportedWhenTheRingKnowsBetter) {
  MemoryWorld world;
  WriteAndDie(&world, 50);
  Change(&world, kFirst, [](std::vector<uint8_t>* bytes) { Truncate(bytes, 100); });
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_EQ(Describe(log->recovery().found.damage), std::string("cut_short 1-50 in 1"));
  EXPECT_EQ(AppendEntries(log.get(), 1), 51u);
}

// --- Errors that are not damage

TEST(TransientError, OfOpeningASegmentFailsTheOpenAndCostsNothing) {
  for (const int error : {EMFILE, ENFILE, ENOMEM, EACCES, EIO}) {
    for (const std::string& file : {kFirst, kSecond, kThird, std::string(kIdentityName)}) {
      MemoryWorld world;
      WriteThreeSegments(&world);
      const ErrorCode code = error == EACCES ? ErrorCode::kPermission : ErrorCode::kIo;
      world.SetFault([&](Call call, const std::string& name) {
        return call == Call::kOpen && name == file ? Status(code, "cannot be opened now", error) : Status();
      });
      EXPECT_EQ(TryOpen(&world).code(), code);
      world.SetFault(nullptr);
      EXPECT_EQ(OpenedOutcome(&world), std::string("1-60 | "));
    }
  }
}

TEST(TransientError, AtAnyCallOfOpenCostsNothing) {
  MemoryWorld world;
  WriteAndDie(&world, 50);
  bool fired = true;
  for (uint64_t failing = 1; fired; failing++) {
    for (const ErrorCode code : {ErrorCode::kIo, ErrorCode::kNoSpace}) {
      std::unique_ptr<MemoryWorld> tried = world.AfterProcessDeath();
      uint64_t calls = 0;
      fired = false;
      tried->SetFault([&](Call call, const std::string&) {
        // What cannot be read counts as damage, and has tests of its own.
        if (call == Call::kRead || ++calls != failing) return Status();
        fired = true;
        return Status(code, "failed", code == ErrorCode::kIo ? EIO : ENOSPC);
      });
      const Status opened = TryOpen(tried.get());
      EXPECT_TRUE(opened.ok() || opened.code() == code);
      tried->SetFault(nullptr);
      ASSERT_EQ(OpenedOutcome(tried.get()), std::string("1-50 | "));
    }
  }
}

// --- log.id

TEST(Identity, LostOrDamagedIsMadeAgainFromTheSegments) {
  for (const bool lost : {true, false}) {
    MemoryWorld world;
    WriteThreeSegments(&world);
    const std::vector<uint8_t> identity = world.Contents(kIdentityName);
    if (lost) world.Remove(kIdentityName);
    if (!lost) Change(&world, kIdentityName, [](std::vector<uint8_t>* bytes) { FlipBit(bytes, 8 * 20); });
    EXPECT_EQ(OpenedOutcome(&world), std::string("1-60 | identity"));
    EXPECT_TRUE(world.Contents(kIdentityName) == identity);
    EXPECT_EQ(OpenedOutcome(&world), std::string("1-60 | "));
  }
}

TEST(Identity, LostBesideAForeignSegmentIsThatOfTheMany) {
  MemoryWorld other;
  other.random.seed(99);
  WriteThreeSegments(&other);
  MemoryWorld world;
  WriteThreeSegments(&world);
  world.Put(kFirst, other.Contents(kFirst));
  world.Remove(kIdentityName);
  EXPECT_EQ(OpenedOutcome(&world), std::string("21-60 | identity, foreign_segment 1-20 in 1"));
}

// --- Versions and limits

TEST(NewerVersion, IsRefusedByNameAndNothingIsChanged) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  Change(&world, kSecond, [](std::vector<uint8_t>* bytes) {
    for (size_t copy = 0; copy < header::kCopies; copy++) {
      Store(bytes->data() + copy * header::kCopyBytes + header::kVersionAt, kFormatVersion + 1);
    }
  });
  const std::unique_ptr<MemoryWorld> before = world.AfterProcessDeath();
  const Status status = TryOpen(&world);
  EXPECT_EQ(status.code(), ErrorCode::kNewerFormat);
  EXPECT_TRUE(status.message().find(kSecond + " is of format version 2") != std::string::npos);
  ASSERT_EQ(world.names().size(), before->names().size());
  for (const auto& name : before->names()) EXPECT_TRUE(world.Contents(name.first) == name.second->current.get());
}

TEST(NewerVersion, InOneDamagedHeaderCopyIsDamage) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  Change(&world, kSecond, [](std::vector<uint8_t>* bytes) { FlipBit(bytes, 8 * header::kVersionAt + 5); });
  EXPECT_EQ(OpenedOutcome(&world), std::string("1-60 | header_copy in 2"));
}

TEST(Limits, AFileWithTheLastNumberIsAClearError) {
  MemoryWorld world;
  WriteLog(&world, 10);
  world.Put(SegmentName(kMaxSegmentNumber), {});
  const Status status = TryOpen(&world);
  EXPECT_EQ(status.code(), ErrorCode::kCorrupt);
  EXPECT_TRUE(status.message().find("9999999999999999.wal") != std::string::npos);
  world.Remove(SegmentName(kMaxSegmentNumber));
  EXPECT_EQ(OpenedOutcome(&world), std::string("1-10 | "));
}

TEST(Limits, AHundredThousandFilesThatHoldNothingAreCountedNotChoked) {
  MemoryWorld world;
  WriteLog(&world, 10);
  RenameFile(&world, kFirst, SegmentName(200'000));  // rejected, and behind all of them
  for (uint64_t number = 2; number <= 100'000; number++) world.Put(SegmentName(number), {});
  const Inspection inspection = Inspect(&world);
  EXPECT_EQ(inspection.report.segments.size(), 100'000u);
  EXPECT_EQ(inspection.report.highest_number, 200'000u);
}

TEST(Leftovers, OfUnfinishedWorkAreRemoved) {
  MemoryWorld world;
  WriteLog(&world, 10);
  world.Put(kSpareName, std::vector<uint8_t>(1000));
  world.Put("log.id.tmp", std::vector<uint8_t>(10));
  world.Put("notes.txt", std::vector<uint8_t>(10));
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_FALSE(world.Exists("log.id.tmp"));
  EXPECT_TRUE(world.Exists("notes.txt"));  // not ours
  EXPECT_EQ(Outcome(log.get()), std::string("1-10 | "));
  CloseLog(std::move(log));
  EXPECT_FALSE(world.Exists(kSpareName));
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
