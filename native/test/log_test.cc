// Proves what Log::Open makes of what it finds: a clean end, a dead process, a torn tail, what was durable and is gone, an
// error that says nothing of the log. Nothing is lost, no LSN is used twice, and opening again changes nothing more. What
// damage costs is in log_damage_test.cc.
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

// --- Without damage

TEST(Log, IsNotMadeWhereThatIsNotAskedFor) {
  LogOptions options = SmallLogOptions();
  options.create = false;
  MemoryWorld empty;
  EXPECT_EQ(TryOpen(&empty, options).code(), ErrorCode::kNotALog);
  EXPECT_TRUE(empty.names().empty());
  MemoryWorld world;
  WriteLog(&world, 20);
  std::unique_ptr<Log> log = OpenLog(&world, options);
  EXPECT_EQ(AppendEntries(log.get(), 1), 21u);
  CloseLog(std::move(log));
}

TEST(Open, AnEmptyDirectoryBecomesALog) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_TRUE(log->recovery().created);
  EXPECT_EQ(log->last_lsn(), 0u);
  EXPECT_TRUE(log->ring()->shared());
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
  const std::string long_payload(static_cast<size_t>(log->max_staged_bytes()), 'p');
  EXPECT_EQ(log->Append(0, Bytes("u", 1), Bytes(), 0, &lsn), ErrorCode::kInvalidArgument);
  EXPECT_EQ(log->Append(kLastOperation + 1, Bytes("u", 1), Bytes(), 0, &lsn), ErrorCode::kInvalidArgument);
  EXPECT_EQ(log->Append(1, Bytes(long_user.data(), long_user.size()), Bytes(), 0, &lsn), ErrorCode::kTooLarge);
  EXPECT_EQ(log->Append(1, Bytes(), Bytes(long_payload.data(), long_payload.size()), 0, &lsn), ErrorCode::kTooLarge);
  EXPECT_EQ(lsn, 77u);
  EXPECT_EQ(log->last_lsn(), 0u);
  EXPECT_EQ(log->ring()->used_bytes(), 0u);
  const size_t largest = static_cast<size_t>(log->max_staged_bytes()) - StagedEntryBytes(0, 0);
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
  EXPECT_FALSE(log->ring()->shared());
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
  EXPECT_TRUE(log->ring()->shared());
  AppendEntries(log.get(), 5);
  log.reset();
  EXPECT_EQ(world.memory().size(), 2u);
  log = OpenLog(&world);
  EXPECT_EQ(Outcome(log.get()), std::string("1-15 | "));
  CloseLog(std::move(log));
  EXPECT_EQ(world.memory().size(), 1u);  // the other's is still there
}

TEST(KillSafety, TheRingOfADeadProcessIsGoneOnWithAndNotMadeAnew) {
  MemoryWorld world;
  OpenLog(&world);
  const auto ring = world.memory().begin()->second;
  uint64_t last = 0;
  for (int life = 0; life < 20; life++) {
    std::unique_ptr<Log> log = OpenLog(&world);
    EXPECT_EQ(Outcome(log.get()), last == 0 ? " | " : "1-" + std::to_string(last) + " | ");
    EXPECT_TRUE(world.memory().begin()->second == ring);
    last = AppendEntries(log.get(), 100);
    if (life % 2 == 0) FlushAll(log.get());
  }
  EXPECT_EQ(world.memory().size(), 1u);
}

TEST(KillSafety, ARingOfAnotherSizeThanAskedForIsReplaced) {
  MemoryWorld world;
  AppendEntries(OpenLog(&world).get(), 10);
  LogOptions options = SmallLogOptions();
  options.queue_bytes = 2 * kMinRingBytes;
  std::unique_ptr<Log> log = OpenLog(&world, options);
  EXPECT_EQ(Outcome(log.get()), std::string("1-10 | "));
  EXPECT_EQ(log->ring()->capacity(), 2 * kMinRingBytes);
  EXPECT_EQ(world.memory().size(), 1u);
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
  EXPECT_TRUE(status.message().find(kSecond + " is of format version " + std::to_string(kFormatVersion + 1)) != std::string::npos);
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
