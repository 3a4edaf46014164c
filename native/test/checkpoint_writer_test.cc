// Proves that a checkpoint holds exactly the entries that its plan keeps, as they were; that it has its name only when it
// is whole on stable storage and was read back; and that, whatever goes wrong on the way, at any call, the log is as it
// was: an error, a full disk, a power cut, a device that stores other bytes, damage in what would be covered.
#include <cerrno>

#include "checkpoint_files.h"
#include "properties.h"
#include "segment_name.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

// Entries of every form: users with and without a number in the file, payloads and times that fit a short entry and that
// do not; some batches of a checkpoint.
std::vector<TestEntry> EntriesOfEveryForm() {
  std::vector<TestEntry> entries;
  for (uint64_t lsn = 1; lsn <= 120; lsn++) {
    TestEntry entry;
    entry.lsn = lsn;
    entry.operation = static_cast<uint8_t>(1 + lsn % kLastOperation);
    entry.sequence = static_cast<uint32_t>(lsn * 3);
    entry.timestamp_ms = lsn % 11 == 5 ? -5 : 1'700'000'000'000 + static_cast<int64_t>(lsn);
    entry.user_id = "user-" + std::to_string(lsn % 5);
    if (lsn % 5 == 0) entry.user_id = "";
    if (lsn % 5 == 1) entry.user_id = std::string(user_record::kMaxUserIdBytes + 1, 'L');
    entry.payload = std::string(static_cast<size_t>(lsn % 9), static_cast<char>('a' + lsn % 26));
    if (lsn % 4 == 3) entry.payload = std::string(short_entry::kMaxPayloadBytes + lsn % 4, static_cast<char>(lsn));
    entries.push_back(entry);
  }
  return entries;
}

// Logs the entries, in segments of a few each, closed.
void WriteEntries(MemoryWorld* world, const std::vector<TestEntry>& entries) {
  LogOptions options = SmallLogOptions();
  options.queue_bytes = uint64_t{1} << 20;
  std::unique_ptr<Log> log = OpenLog(world, options);
  for (const TestEntry& entry : entries) {
    world->now_ms = entry.timestamp_ms;
    uint64_t lsn = 0;
    ASSERT_EQ(log->Append(entry.operation, Bytes(entry.user_id.data(), entry.user_id.size()),
                          Bytes(entry.payload.data(), entry.payload.size()), entry.sequence, &lsn),
              ErrorCode::kOk);
    FlushAll(log.get());
  }
  CloseLog(std::move(log));
}

uint64_t LastSegmentOf(MemoryWorld* world) { return Inspect(world).report.segments.back().number; }

void ExpectEntries(const std::vector<TestEntry>& read, const std::vector<TestEntry>& expected) {
  ASSERT_EQ(read.size(), expected.size());
  for (size_t i = 0; i < read.size(); i++) {
    if (read[i] == expected[i]) continue;
    Fail(__FILE__, __LINE__, "entry " + std::to_string(expected[i].lsn) + " is another");
  }
}

// Nothing is there that was not: neither a checkpoint nor a file that was to become one.
void ExpectUnchanged(MemoryWorld* world, MemoryWorld* before) {
  ASSERT_EQ(world->names().size(), before->names().size());
  for (const auto& name : before->names()) EXPECT_TRUE(world->Contents(name.first) == name.second->current.get());
}

// --- What it holds

TEST(CheckpointWriter, KeepsEveryEntryOfEveryFormWithoutAPlan) {
  MemoryWorld world;
  const std::vector<TestEntry> entries = EntriesOfEveryForm();
  WriteEntries(&world, entries);
  const uint64_t last = LastSegmentOf(&world);
  EXPECT_LE(10u, last);
  CheckpointScan written;
  ASSERT_OK(WriteCheckpoint(&world, KeepAll(last), &written));
  ExpectEntries(EntriesOfCheckpoint(&world, 1), entries);
  EXPECT_EQ(written.file.file, CheckpointName(1));
  EXPECT_EQ(written.file.header.covered_segment, last);
  EXPECT_EQ(written.file.header.covered_lsn, 120u);
  EXPECT_EQ(written.file.header.first_lsn, 1u);
  EXPECT_EQ(written.file.header.previous_lsn, 0u);
  EXPECT_EQ(written.file.header.entries, 120u);
  EXPECT_EQ(written.file.header.planned_bytes, uint64_t{world.Contents(CheckpointName(1)).size()});
  EXPECT_LE(2u, written.file.batches);
}

TEST(CheckpointWriter, KeepsOfUsersInThePlanWhatThePlanSays) {
  MemoryWorld world;
  const std::vector<TestEntry> entries = EntriesOfEveryForm();
  WriteEntries(&world, entries);
  CheckpointPlan plan = KeepAll(LastSegmentOf(&world));
  plan.users = {"user-2", std::string(user_record::kMaxUserIdBytes + 1, 'L'), "", "nobody"};
  plan.keep_from_lsn = {60, UINT64_MAX, 0, 1};
  plan.also_lsns = {1, 2, 3, 42, 116, 9000};
  ASSERT_OK(WriteCheckpoint(&world, plan));
  std::vector<TestEntry> expected;
  for (const TestEntry& entry : entries) {
    const bool is_named = entry.lsn <= 3 || entry.lsn == 42 || entry.lsn == 116;
    const bool is_kept_by_user = entry.user_id == "user-2" ? entry.lsn >= 60 : entry.user_id != plan.users[1];
    if (is_named || is_kept_by_user) expected.push_back(entry);
  }
  EXPECT_LT(expected.size(), entries.size());
  ExpectEntries(EntriesOfCheckpoint(&world, 1), expected);
}

TEST(CheckpointWriter, WithNothingToKeepWritesAWholeEmptyCheckpoint) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  CheckpointPlan plan = KeepAll(2);
  for (int user = 0; user < 7; user++) plan.users.push_back("user-" + std::to_string(user));
  plan.keep_from_lsn.assign(7, 41);
  CheckpointScan written;
  ASSERT_OK(WriteCheckpoint(&world, plan, &written));
  EXPECT_TRUE(CheckpointOf(&world, 1).whole());
  EXPECT_EQ(written.file.entries, 0u);
  EXPECT_EQ(written.file.header.first_lsn, 41u);
  EXPECT_EQ(written.file.header.covered_lsn, 40u);
}

TEST(CheckpointWriter, CoversWhatTheNextSegmentSaysComesBeforeIt) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  for (uint64_t segment = 1; segment <= 3; segment++) ASSERT_OK(WriteCheckpoint(&world, KeepAll(segment)));
  EXPECT_EQ(CheckpointsOf(&world), std::string("1 2 3"));
  std::unique_ptr<Directory> directory;
  ASSERT_OK(world.environment().files->OpenDirectory("wal", false, &directory));
  DirectoryScan scan;
  ASSERT_OK(ReadHeaders(directory.get(), Extent::kAll, &scan));
  for (uint64_t number = 1; number <= 2; number++) {
    const SegmentHeader covers = CheckpointOf(&world, number).file.header;
    EXPECT_EQ(covers.covered_lsn, number * 20);
    EXPECT_EQ(covers.covered_lsn, scan.segments[number].header.previous_lsn);
    EXPECT_EQ(covers.covered_checksum, scan.segments[number].header.previous_checksum);
  }
  // Nothing follows the last one yet; what will, says the same.
  const SegmentHeader covers = CheckpointOf(&world, 3).file.header;
  EXPECT_EQ(covers.covered_lsn, 60u);
  CloseLog(OpenLog(&world));
  std::unique_ptr<Log> log = OpenLog(&world);
  AppendEntries(log.get(), 1);
  CloseLog(std::move(log));
  DirectoryScan later;
  ASSERT_OK(ReadHeaders(directory.get(), Extent::kAll, &later));
  EXPECT_EQ(covers.covered_lsn, later.segments.back().header.previous_lsn);
  EXPECT_EQ(covers.covered_checksum, later.segments.back().header.previous_checksum);
  EXPECT_NE(covers.covered_checksum, 0u);
}

TEST(CheckpointWriter, WritesBesideAWriterWhoGoesOn) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  const std::unique_ptr<Log> log = OpenLog(&world);
  AppendEntries(log.get(), 20);
  FlushAll(log.get());
  AppendEntries(log.get(), 5);
  ASSERT_OK(WriteCheckpoint(&world, KeepAll(3)));
  EXPECT_EQ(CheckpointOf(&world, 1).file.header.covered_lsn, 60u);
  EXPECT_EQ(WriteCheckpoint(&world, KeepAll(4)).code(), ErrorCode::kInvalidArgument);
}

// --- With a base

// Of all users, what is at `lsn` and behind it.
CheckpointPlan KeepFrom(uint64_t lsn, uint64_t through_segment) {
  CheckpointPlan plan = KeepAll(through_segment);
  for (int user = 0; user < 7; user++) plan.users.push_back("user-" + std::to_string(user));
  plan.keep_from_lsn.assign(7, lsn);
  return plan;
}

std::string LsnsOfCheckpoint(MemoryWorld* world, uint64_t number) {
  std::string text;
  for (const TestEntry& entry : EntriesOfCheckpoint(world, number)) text += (text.empty() ? "" : " ") + std::to_string(entry.lsn);
  return text;
}

TEST(CheckpointWriter, GoesOnFromTheBaseWhateverHasBecomeOfWhatItCovers) {
  for (const bool are_segments_gone : {false, true}) {
    MemoryWorld world;
    WriteThreeSegments(&world);
    CheckpointPlan first = KeepFrom(38, 2);
    first.also_lsns = {5, 30};
    ASSERT_OK(WriteCheckpoint(&world, first));
    EXPECT_EQ(LsnsOfCheckpoint(&world, 1), std::string("5 30 38 39 40"));
    if (are_segments_gone) {
      world.Remove(SegmentName(1));
      world.Remove(SegmentName(2));
    }
    // Entry 6 is not there any more: the base does not have it.
    CheckpointPlan second = KeepFrom(59, 3);
    second.also_lsns = {5, 6, 39, 45};
    CheckpointScan written;
    ASSERT_OK(WriteCheckpoint(&world, second, &written));
    EXPECT_EQ(LsnsOfCheckpoint(&world, 2), std::string("5 39 45 59 60"));
    EXPECT_EQ(written.file.header.covered_segment, 3u);
    EXPECT_EQ(written.file.header.covered_lsn, 60u);
  }
}

TEST(CheckpointWriter, WritesOnceMoreWhatTheBaseCovers) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  ASSERT_OK(WriteCheckpoint(&world, KeepFrom(35, 3)));
  ASSERT_OK(WriteCheckpoint(&world, KeepFrom(55, 3)));
  const SegmentHeader first = CheckpointOf(&world, 1).file.header;
  const SegmentHeader second = CheckpointOf(&world, 2).file.header;
  EXPECT_EQ(second.covered_lsn, first.covered_lsn);
  EXPECT_EQ(second.covered_checksum, first.covered_checksum);
  EXPECT_NE(second.salt, first.salt);
  EXPECT_EQ(LsnsOfCheckpoint(&world, 2), std::string("55 56 57 58 59 60"));
  for (const uint64_t covered_already : {uint64_t{1}, uint64_t{2}}) {
    EXPECT_EQ(WriteCheckpoint(&world, KeepAll(covered_already)).code(), ErrorCode::kInvalidArgument);
  }
}

TEST(CheckpointWriter, GoesOnFromTheOneBeforeWhenTheNewestIsDamaged) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  ASSERT_OK(WriteCheckpoint(&world, KeepFrom(18, 1)));
  ASSERT_OK(WriteCheckpoint(&world, KeepFrom(38, 2)));
  Change(&world, CheckpointName(2), [](std::vector<uint8_t>* bytes) { FlipBit(bytes, 8 * (kSegmentDataAt + 60)); });
  ASSERT_OK(WriteCheckpoint(&world, KeepFrom(19, 3)));
  EXPECT_EQ(CheckpointsOf(&world), std::string("1 2 3"));
  EXPECT_EQ(CheckpointOf(&world, 3).file.entries, 42u);
}

TEST(CheckpointWriter, RefusesWhatADamagedBaseHasLost) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  ASSERT_OK(WriteCheckpoint(&world, KeepFrom(18, 2)));
  world.Remove(SegmentName(1));
  world.Remove(SegmentName(2));
  Change(&world, CheckpointName(1), [](std::vector<uint8_t>* bytes) { FlipBit(bytes, 8 * (kSegmentDataAt + 110)); });
  const std::unique_ptr<MemoryWorld> before = world.AfterProcessDeath();
  EXPECT_EQ(WriteCheckpoint(&world, KeepAll(3)).code(), ErrorCode::kCorrupt);
  ExpectUnchanged(&world, before.get());
}

// --- What it refuses

TEST(CheckpointWriter, RefusesWhatIsNotCompleteOrNotThere) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  WriteAndDie(&world, 5);
  const std::unique_ptr<MemoryWorld> before = world.AfterProcessDeath();
  for (const uint64_t segment : {uint64_t{0}, uint64_t{4}, uint64_t{5}, UINT64_MAX}) {
    EXPECT_EQ(WriteCheckpoint(&world, KeepAll(segment)).code(), ErrorCode::kInvalidArgument);
  }
  ExpectUnchanged(&world, before.get());
}

TEST(CheckpointWriter, RefusesToGoOnWithoutEntriesThatAreDamaged) {
  for (const uint64_t lost : {uint64_t{1}, uint64_t{25}, uint64_t{40}}) {
    MemoryWorld world;
    WriteThreeSegments(&world);
    DamageEntry(&world, lost);
    const std::unique_ptr<MemoryWorld> before = world.AfterProcessDeath();
    EXPECT_EQ(WriteCheckpoint(&world, KeepAll(2)).code(), ErrorCode::kCorrupt);
    ExpectUnchanged(&world, before.get());
  }
}

TEST(CheckpointWriter, DamageBehindWhatIsCoveredIsNoReason) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  DamageEntry(&world, 50);
  EXPECT_OK(WriteCheckpoint(&world, KeepAll(2)));
}

TEST(CheckpointWriter, RefusesWhenASegmentIsMissingOrCannotBeRead) {
  for (const uint64_t segment : {uint64_t{1}, uint64_t{2}, uint64_t{3}}) {
    for (const bool is_missing : {true, false}) {
      if (is_missing && segment == 3) continue;  // the second is the last then
      MemoryWorld world;
      WriteThreeSegments(&world);
      if (is_missing) {
        world.Remove(SegmentName(segment));
      } else {
        MakeHeadersUnsound(&world, SegmentName(segment));
      }
      const std::unique_ptr<MemoryWorld> before = world.AfterProcessDeath();
      EXPECT_EQ(WriteCheckpoint(&world, KeepAll(2)).code(), ErrorCode::kCorrupt);
      ExpectUnchanged(&world, before.get());
    }
  }
}

// A segment that is sealed without an entry says that its LSNs begin behind those that nobody will have.
TEST(CheckpointWriter, CoversNumbersThatWereGivenUp) {
  for (const bool appends : {false, true}) {
    MemoryWorld world;
    WriteThreeSegments(&world);
    MakeHeadersUnsound(&world, SegmentName(3));
    std::unique_ptr<Log> log = OpenLog(&world);
    if (appends) AppendEntries(log.get(), 1);
    const uint64_t last = log->last_lsn();
    EXPECT_GE(last, 60u);
    CloseLog(std::move(log));
    EXPECT_OK(WriteCheckpoint(&world, KeepAll(LastSegmentOf(&world))));
    log = OpenLog(&world);
    EXPECT_EQ(log->last_lsn(), last);
    EXPECT_EQ(ReadAll(log.get()).lsns, std::string("1-40") + (appends ? " " + std::to_string(last) : std::string()));
    CloseLog(std::move(log));
  }
}

// --- Losses that are accepted

CheckpointPlan AcceptLosses(uint64_t through_segment) {
  CheckpointPlan plan = KeepAll(through_segment);
  plan.accepts_losses = true;
  return plan;
}

std::string LiveOf(MemoryWorld* world) {
  const ReadBack read = ReadAll(world, "wal", Live());
  EXPECT_OK(read.status);
  EXPECT_EQ(read.wrong, 0u);
  return read.lsns + " | " + Describe(read.damage);
}

TEST(CheckpointWriter, GoesOnWithoutWhatIsLostWhereThatIsAccepted) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  DamageEntry(&world, 1);
  DamageEntry(&world, 25);
  DamageEntry(&world, 40);
  ASSERT_OK(WriteCheckpoint(&world, AcceptLosses(2)));
  EXPECT_EQ(LiveOf(&world), std::string("2-24 26-39 41-60 | "));
  // No number is used again.
  world.Remove(SegmentName(3));
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_EQ(AppendEntries(log.get(), 1), 41u);
  CloseLog(std::move(log));
}

TEST(CheckpointWriter, StandsForSegmentsThatCannotBeReadWhereThatIsAccepted) {
  for (uint64_t segment = 1; segment <= 3; segment++) {
    for (const bool is_missing : {true, false}) {
      MemoryWorld world;
      WriteThreeSegments(&world);
      if (is_missing) {
        world.Remove(SegmentName(segment));
      } else {
        MakeHeadersUnsound(&world, SegmentName(segment));
      }
      // As a writer leaves it that has the log open: the next segment says what was durable before it.
      std::unique_ptr<Log> log = OpenLog(&world);
      const uint64_t through = segment == 3 && is_missing ? 2 : 3;
      ASSERT_OK(WriteCheckpoint(&world, AcceptLosses(through)));
      const std::string left = segment == 1 ? "21-60" : segment == 2 ? "1-20 41-60" : "1-40";
      EXPECT_EQ(LiveOf(&world), left + " | ");
      // Without the last file nobody knows that there was one.
      const uint64_t next = AppendEntries(log.get(), 1);
      if (segment == 3 && is_missing) EXPECT_EQ(next, 41u);
      if (segment == 3 && !is_missing) EXPECT_GE(next, 61u);
      if (segment != 3) EXPECT_EQ(next, 61u);
      CloseLog(std::move(log));
    }
  }
}

TEST(CheckpointWriter, StandsForASegmentThatIsAllThereIsAndCannotBeRead) {
  MemoryWorld world;
  WriteLog(&world, 20);
  MakeHeadersUnsound(&world, SegmentName(1));
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_EQ(WriteCheckpoint(&world, KeepAll(1)).code(), ErrorCode::kInvalidArgument);
  ASSERT_OK(WriteCheckpoint(&world, AcceptLosses(1)));
  EXPECT_EQ(LiveOf(&world), std::string(" | "));
  CloseLog(std::move(log));
}

TEST(CheckpointWriter, KeepsTheHistoryWhereThatIsAskedFor) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  CheckpointPlan plan = KeepAll(2);
  for (int user = 0; user < 7; user++) plan.users.push_back("user-" + std::to_string(user));
  plan.keep_from_lsn.assign(plan.users.size(), UINT64_MAX);
  ASSERT_OK(WriteCheckpoint(&world, plan));
  EXPECT_EQ(LiveOf(&world), std::string("41-60 | "));
  DamageEntry(&world, 7);
  CheckpointPlan history = AcceptLosses(3);
  history.history = true;
  ASSERT_OK(WriteCheckpoint(&world, history));
  EXPECT_EQ(LiveOf(&world), std::string("1-6 8-60 | "));
}

TEST(CheckpointWriter, StopsWhenAskedAndLeavesNothing) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  const std::unique_ptr<MemoryWorld> before = world.AfterProcessDeath();
  for (int answers = 0;; answers++) {
    CheckpointPlan plan = KeepAll(3);
    int asked = 0;
    plan.is_stopped = [&] { return asked++ == answers; };
    const Status status = WriteCheckpoint(&world, plan);
    if (status.ok()) break;
    EXPECT_EQ(status.code(), ErrorCode::kClosed);
    ExpectUnchanged(&world, before.get());
  }
  EXPECT_EQ(CheckpointsOf(&world), std::string("1"));
}

// --- What goes wrong

// Lets the `n`-th call from now fail; 0: counts only.
struct NthFails {
  uint64_t n = 0;
  Status with;
  uint64_t calls = 0;
  Call failed = Call::kOpen;
};
void Install(NthFails* fault, MemoryWorld* world) {
  world->SetFault([fault](Call call, const std::string&) {
    if (++fault->calls != fault->n) return Status();
    fault->failed = call;
    return fault->with;
  });
}

TEST(CheckpointWriter, AnErrorOfAnyCallLeavesTheLogAsItWasOrAWholeCheckpointMore) {
  for (const Status& error : {Status(ErrorCode::kIo, "failed", EIO), Status(ErrorCode::kNoSpace, "full", ENOSPC)}) {
    MemoryWorld world;
    WriteThreeSegments(&world);
    const std::unique_ptr<MemoryWorld> before = world.AfterProcessDeath();
    for (uint64_t n = 1;; n++) {
      const std::unique_ptr<MemoryWorld> tried = world.AfterProcessDeath();
      NthFails fault{n, error};
      Install(&fault, tried.get());
      const Status status = WriteCheckpoint(tried.get(), KeepAll(2));
      tried->SetFault(nullptr);
      if (fault.calls < n) {
        ASSERT_OK(status);
        break;
      }
      const bool has_its_name = fault.failed == Call::kDirectorySync;
      if (status.ok()) {
        // What could not be had is done without: log.id beside sound headers, a lock that keeps others from a file.
        EXPECT_TRUE(fault.failed == Call::kRead || fault.failed == Call::kLock);
        continue;
      }
      if (!has_its_name) ExpectUnchanged(tried.get(), before.get());
      EXPECT_EQ(ReadAll(tried.get(), "wal").lsns, std::string("1-60"));
      if (has_its_name) EXPECT_TRUE(CheckpointOf(tried.get(), 1).whole());
      EXPECT_OK(WriteCheckpoint(tried.get(), KeepAll(2)));
    }
  }
}

TEST(CheckpointWriter, ADeviceThatReadsNothingIsCalledSoAndNotAWrongArgument) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  const std::unique_ptr<MemoryWorld> before = world.AfterProcessDeath();
  world.SetFault([](Call call, const std::string&) {
    return call == Call::kRead ? Status(ErrorCode::kIo, "failed", EIO) : Status();
  });
  EXPECT_EQ(WriteCheckpoint(&world, KeepAll(2)).code(), ErrorCode::kIo);
  world.SetFault(nullptr);
  ExpectUnchanged(&world, before.get());
}

TEST(CheckpointWriter, ADiskThatStaysFullLeavesTheLogAsItWas) {
  MemoryWorld world;
  WriteEntries(&world, EntriesOfEveryForm());
  const uint64_t last = LastSegmentOf(&world);
  const std::unique_ptr<MemoryWorld> before = world.AfterProcessDeath();
  for (int room = 0; room < 4; room++) {
    int writes = 0;
    world.SetFault([&](Call call, const std::string&) {
      return call == Call::kWrite && writes++ >= room ? Status(ErrorCode::kNoSpace, "full", ENOSPC) : Status();
    });
    EXPECT_EQ(WriteCheckpoint(&world, KeepAll(last)).code(), ErrorCode::kNoSpace);
    ExpectUnchanged(&world, before.get());
  }
}

TEST(CheckpointWriter, WhatAnEarlierProcessLeftIsReplaced) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  world.Put(CheckpointName(1) + kTemporarySuffix, std::vector<uint8_t>(100'000, 0xee));
  ASSERT_OK(WriteCheckpoint(&world, KeepAll(3)));
  EXPECT_TRUE(CheckpointOf(&world, 1).whole());
  EXPECT_FALSE(world.Exists(CheckpointName(1) + kTemporarySuffix));
}

TEST(CheckpointWriter, HasItsNameOnlyWhenItIsWholeOnStableStorage) {
  EXPECT_EQ(CheckPowerCutsInACheckpoint(), std::string());
}

TEST(CheckpointWriter, WhatTheDeviceStoredOtherwiseGetsNoName) {
  EXPECT_EQ(CheckBytesStoredOtherwiseInACheckpoint(), std::string());
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
