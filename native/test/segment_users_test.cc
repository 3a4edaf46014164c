// Proves whom the user numbers of a segment stand for, and what damage to the records that say so costs: nothing while a copy
// is left, exactly that user's entries when none is, and never more than one more walk over the segment.
#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "batch.h"
#include "directory_scan.h"
#include "memory_file_system.h"
#include "segment_cursor.h"
#include "segment_name.h"
#include "segment_users.h"
#include "test_log.h"
#include "testing.h"
#include "user_numbers.h"

namespace ingest_wal {
namespace testing {
namespace {

Bytes Borrowed(const std::string& text) { return Bytes(text.data(), text.size()); }

TEST(SegmentUsers, ANumberKeepsTheFirstIdThatItWasGiven) {
  SegmentUsers users;
  EXPECT_FALSE(users.Knows(1));
  EXPECT_FALSE(users.Knows(0));
  users.Define(1, Borrowed("one"));
  users.Define(1, Borrowed("another"));
  users.Define(3, Borrowed(""));
  EXPECT_EQ(TextOf(users.IdOf(1)), std::string("one"));
  EXPECT_FALSE(users.Knows(2));
  EXPECT_TRUE(users.Knows(3));
  EXPECT_EQ(users.IdOf(3).size, 0u);
}

TEST(SegmentUsers, NumbersBeyondTheLimitAreNotDefined) {
  SegmentUsers users;
  for (const uint32_t number : {0u, user_record::kMaxNumber + 1, UINT32_MAX}) {
    users.Define(number, Borrowed("x"));
    EXPECT_FALSE(users.Knows(number));
  }
  users.Define(user_record::kMaxNumber, Borrowed("last"));
  EXPECT_EQ(TextOf(users.IdOf(user_record::kMaxNumber)), std::string("last"));
}

TEST(SegmentUsers, AnIdStaysWhereItIsWhenOthersCome) {
  SegmentUsers users;
  users.Define(1, Borrowed("one"));
  const Bytes one = users.IdOf(1);
  for (uint32_t number = 2; number < 50000; number++) users.Define(number, Borrowed("user-" + std::to_string(number)));
  EXPECT_TRUE(users.IdOf(1).data == one.data);
  EXPECT_EQ(TextOf(one), std::string("one"));
  EXPECT_EQ(TextOf(users.IdOf(49999)), std::string("user-49999"));
}

TEST(UserNumbers, AreTheSameForTheSameIdAndBeginAtOne) {
  UserNumbers numbers;
  EXPECT_EQ(numbers.Of(Borrowed("a")), 1u);
  EXPECT_EQ(numbers.Of(Borrowed("b")), 2u);
  EXPECT_EQ(numbers.Of(Borrowed("a")), 1u);
  EXPECT_EQ(numbers.Of(Borrowed(std::string(256, 'x'))), 3u);
  EXPECT_EQ(numbers.Of(Borrowed(std::string(257, 'x'))), 0u);
  EXPECT_EQ(numbers.Of(Borrowed("")), 4u);
}

// A segment as a batch makes it, in a file, and a cursor's walk over it.
class Walked {
 public:
  Walked() : header_(HeaderOf(1, 1)), segment_(header_) {}

  // One batch of an entry for each of `numbers`.
  void AddBatch(const std::vector<uint32_t>& numbers) {
    Batch batch;
    batch.Begin(header_, segment_.bytes().size(), &users_);
    for (const uint32_t number : numbers) {
      const std::string id = IdOf(number);
      Entry entry;
      entry.lsn = ++last_lsn_;
      entry.timestamp_ms = 1;
      entry.operation = 2;
      entry.user_number = number;
      entry.user_id = Borrowed(id);
      EXPECT_TRUE(batch.Add(entry, UINT64_MAX));
    }
    const Bytes bytes = batch.Finish(last_lsn_ - numbers.size(), 5);
    segment_.bytes().insert(segment_.bytes().end(), bytes.data, bytes.data + bytes.size);
  }

  // The next batch begins so many LSNs further on, or back.
  void StepBy(int64_t lsns) { last_lsn_ += static_cast<uint64_t>(lsns); }

  // Damages a byte of the header of a short entry.
  void DamageHeader(uint64_t lsn) {
    const Bytes all(segment_.bytes().data(), segment_.bytes().size());
    for (const ScanStep& step : ScanAll(all, segment_.seed())) {
      if (step.kind != ScanKind::kEntry || step.record.entry.lsn != lsn) continue;
      segment_.bytes()[step.offset + short_entry::kLsnOffsetAt] ^= 1;
    }
  }

  static std::string IdOf(uint32_t number) { return "user-" + std::to_string(number); }

  // Damages `count` user records of `number`, in the order of their places, `skip` left out.
  void DamageNames(uint32_t number, size_t count, size_t skip = 0) {
    const Bytes all(segment_.bytes().data(), segment_.bytes().size());
    for (const ScanStep& step : ScanAll(all, segment_.seed())) {
      if (count == 0 || step.kind != ScanKind::kUser || step.record.entry.user_number != number) continue;
      if (skip > 0) {
        skip--;
        continue;
      }
      count--;
      segment_.bytes()[step.offset + user_record::kUserIdAt] ^= 1;
    }
    EXPECT_EQ(count, 0u);
  }

  // "1:user-1 2:user-2 | 3-3 user-1": entries and losses, users as far as they are known.
  std::string Walk() {
    MemoryWorld world;
    std::unique_ptr<Directory> directory;
    EXPECT_OK(world.environment().files->OpenDirectory("", true, &directory));
    std::unique_ptr<File> file;
    EXPECT_OK(directory->Open(SegmentName(1), OpenMode::kCreateNew, &file));
    const Bytes part(segment_.bytes().data(), segment_.bytes().size());
    EXPECT_OK(file->WriteAt(0, &part, 1));
    std::unique_ptr<SegmentSource> source;
    EXPECT_OK(SegmentSource::Open(directory.get(), SegmentName(1), &source));
    reads_ = 0;
    world.SetFault([this](Call call, const std::string&) {
      if (call == Call::kRead) reads_++;
      return Status();
    });
    SegmentCursor cursor(source.get(), header_, UINT64_MAX);
    std::string text;
    for (;;) {
      SegmentCursor::Located located;
      bool found = false;
      EXPECT_OK(cursor.Next(&located, &found));
      if (!found) break;
      text += (text.empty() ? "" : " ") + std::to_string(located.entry.lsn) + ":" + TextOf(located.entry.user_id);
    }
    findings_ = cursor.findings();
    for (const Finding& finding : findings_) {
      if (finding.shares_loss || finding.lsn_after <= finding.lsn_before + 1) continue;
      text += " | " + std::to_string(finding.lsn_before + 1) + "-" + std::to_string(finding.lsn_after - 1);
      for (const std::string& user : finding.UsersUpTo(finding.lsn_after - 1)) text += " " + user;
    }
    return text;
  }

  const std::vector<Finding>& findings() const { return findings_; }
  // Of the file, in the last walk.
  uint64_t reads() const { return reads_; }
  SegmentBytes* segment() { return &segment_; }

 private:
  const SegmentHeader header_;
  SegmentBytes segment_;
  NumberedUsers users_;
  uint64_t last_lsn_ = 0;
  std::vector<Finding> findings_;
  uint64_t reads_ = 0;
};

TEST(UserRecords, AreReadBeforeTheEntriesThatNeedThem) {
  Walked log;
  log.AddBatch({1, 2, 1});
  log.AddBatch({2, 3});
  EXPECT_EQ(log.Walk(), std::string("1:user-1 2:user-2 3:user-1 4:user-2 5:user-3"));
  EXPECT_EQ(log.findings().size(), 0u);
}

TEST(UserRecords, WhenTheFirstIsDamagedItsCopyIsLookedForAndNothingIsLost) {
  Walked log;
  log.AddBatch({1, 2, 1});
  log.AddBatch({2, 1});
  log.DamageNames(1, 1);
  EXPECT_EQ(log.Walk(), std::string("1:user-1 2:user-2 3:user-1 4:user-2 5:user-1"));
  EXPECT_EQ(log.findings().size(), 1u);
}

TEST(UserRecords, WhenTheCopyIsDamagedNothingIsLost) {
  Walked log;
  log.AddBatch({1, 2, 1});
  log.AddBatch({2, 1});
  log.DamageNames(1, 1, 1);
  EXPECT_EQ(log.Walk(), std::string("1:user-1 2:user-2 3:user-1 4:user-2 5:user-1"));
  EXPECT_EQ(log.findings().size(), 1u);
}

TEST(UserRecords, WhenAllAreDamagedExactlyThatUsersEntriesAreLostAndTold) {
  Walked log;
  log.AddBatch({1, 2, 1});
  log.AddBatch({2, 1, 2});
  log.DamageNames(1, 2);
  EXPECT_EQ(log.Walk(), std::string("2:user-2 4:user-2 6:user-2 | 1-1 | 3-3 | 5-5"));
}

TEST(UserRecords, ADamagedShortEntryIsToldWithItsUser) {
  Walked log;
  log.AddBatch({1, 2, 1});
  // No length is believed, but the header's checksum tells which byte it was, and so whose the entry is.
  log.DamageHeader(3);
  log.AddBatch({2});
  log.Walk();
  ASSERT_EQ(log.findings().size(), 1u);
  EXPECT_EQ(log.findings()[0].lsn_before, 2u);
  EXPECT_EQ(log.findings()[0].lsn_after, 4u);
  ASSERT_EQ(log.findings()[0].UsersUpTo(3).size(), 1u);
  EXPECT_EQ(log.findings()[0].UsersUpTo(3)[0], std::string("user-1"));
}

TEST(UserRecords, AnEntryThatStandsASecondTimeNamesNobodyForWhatIsLostBehindIt) {
  Walked log;
  log.AddBatch({1, 2});
  log.StepBy(-1);
  log.AddBatch({3});
  log.StepBy(1);
  log.AddBatch({1});
  EXPECT_EQ(log.Walk(), std::string("1:user-1 2:user-2 4:user-1 | 3-3"));
}

TEST(UserRecords, WhoseEntriesAreNotLostIsNotToldWithThoseThatAre) {
  Walked log;
  log.AddBatch({1, 2, 3});
  log.DamageHeader(2);
  log.DamageHeader(3);
  log.Walk();
  ASSERT_EQ(log.findings().size(), 2u);
  SegmentScan segment;
  segment.bound = UINT64_MAX;
  Damage damage;
  ASSERT_TRUE(JudgeFinding(log.findings()[0], segment, 3, &damage));
  EXPECT_EQ(damage.last_lsn, 3u);
  EXPECT_EQ(damage.users.size(), 2u);
  // The third was never durable, or superseded.
  damage = Damage();
  ASSERT_TRUE(JudgeFinding(log.findings()[0], segment, 2, &damage));
  EXPECT_EQ(damage.last_lsn, 2u);
  ASSERT_EQ(damage.users.size(), 1u);
  EXPECT_EQ(damage.users[0], std::string("user-2"));
}

// What is lost between two entries is told once, however many whole user records stand between the pieces.
TEST(UserRecords, ThatStandBetweenTwoHolesDoNotDoubleTheLoss) {
  Walked log;
  log.AddBatch({2, 1});
  log.AddBatch({2});
  log.DamageNames(1, 2);
  EXPECT_EQ(log.Walk(), std::string("1:user-2 3:user-2 | 2-2"));
  ASSERT_EQ(log.findings().size(), 2u);
  SegmentScan segment;
  segment.bound = UINT64_MAX;
  Damage first;
  Damage second;
  ASSERT_TRUE(JudgeFinding(log.findings()[0], segment, 3, &first));
  ASSERT_TRUE(JudgeFinding(log.findings()[1], segment, 3, &second));
  EXPECT_EQ(first.first_lsn, 2u);
  EXPECT_EQ(first.last_lsn, 2u);
  EXPECT_EQ(second.first_lsn, 0u);
  EXPECT_EQ(second.last_lsn, 0u);
}

// A segment whose every user is unknown: looking ahead for each of them would be quadratic. Counted in reads of the file,
// because a time would depend on the machine.
TEST(UserRecords, AreLookedForOnceHoweverManyUsersAreUnknown) {
  Walked log;
  std::vector<uint32_t> numbers;
  for (uint32_t number = 1; number <= 3000; number++) numbers.push_back(number);
  log.AddBatch(numbers);
  log.Walk();
  const uint64_t reads_of_a_walk = log.reads();
  std::vector<uint8_t>& bytes = log.segment()->bytes();
  for (const ScanStep& step : ScanAll(Bytes(bytes.data(), bytes.size()), log.segment()->seed())) {
    if (step.kind == ScanKind::kUser) bytes[step.offset + user_record::kUserIdAt] ^= 1;
  }
  const std::string lost = log.Walk();
  EXPECT_TRUE(lost.find(':') == std::string::npos);
  EXPECT_LE(log.reads(), 3 * reads_of_a_walk + 3);
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
