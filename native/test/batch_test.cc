// Proves how a batch writes entries: each in the shortest form that says all of it, every number defined before its first use
// and again at the end, nothing beyond the limit, and what lies too close together said, so that it is repeated.
#include <cstddef>
#include <string>
#include <vector>

#include "batch.h"
#include "segment_bytes.h"
#include "segment_users.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

constexpr uint64_t kOffset = kSegmentDataAt;

Bytes Borrowed(const std::string& text) { return Bytes(text.data(), text.size()); }

// What the batch of one test has.
class Fixture {
 public:
  explicit Fixture(uint64_t first_lsn = 1, uint64_t offset = kOffset) : offset_(offset), header_(HeaderOf(1, first_lsn)) { Begin(); }

  void Begin() { batch.Begin(header_, offset_, &users); }

  Entry EntryOf(uint64_t lsn, uint32_t number, const std::string& id, size_t payload_bytes = 8) {
    payload_.assign(payload_bytes, 'p');
    Entry entry;
    entry.lsn = lsn;
    entry.timestamp_ms = 1'700'000'000'000;
    entry.operation = 2;
    entry.user_number = number;
    entry.user_id = Borrowed(id);
    entry.payload = Borrowed(payload_);
    return entry;
  }

  // "mark user(1) short(1,u1) entry(2)": what a scan finds in the finished batch.
  std::string Outline(uint64_t durable_lsn = 0) {
    const Bytes bytes = batch.Finish(durable_lsn, 7);
    std::vector<uint8_t> copy(bytes.data, bytes.data + bytes.size);
    Scanner scanner(SegmentSeed(header_.salt, header_.number), header_.first_lsn, offset_);
    std::string text;
    steps.clear();
    for (ScanStep step;;) {
      scanner.Next(Bytes(copy.data(), copy.size()), offset_, true, &step);
      if (step.kind == ScanKind::kEnd) break;
      steps.push_back(step);
      text += text.empty() ? "" : " ";
      const Entry& entry = step.record.entry;
      switch (step.kind) {
        case ScanKind::kMark:
          text += "mark";
          EXPECT_EQ(step.record.mark.batch_entries, batch.entries());
          EXPECT_EQ(step.record.mark.batch_bytes, bytes.size - mark::kBytes);
          EXPECT_EQ(step.record.mark.next_lsn, batch.first_lsn());
          EXPECT_EQ(step.record.mark.durable_lsn, durable_lsn);
          break;
        case ScanKind::kUser:
          text += "user(" + std::to_string(entry.user_number) + ")";
          break;
        case ScanKind::kEntry:
          text += step.record.is_short ? "short(" + std::to_string(entry.lsn) + ",u" + std::to_string(entry.user_number) + ")"
                                       : "entry(" + std::to_string(entry.lsn) + ")";
          break;
        default:
          text += "no record";
      }
    }
    return text;
  }

  NumberedUsers users;
  Batch batch;
  std::vector<ScanStep> steps;

 private:
  const uint64_t offset_;
  const SegmentHeader header_;
  std::string payload_;
};

TEST(Batch, DefinesAUserBeforeItsFirstEntryAndAgainAtTheEnd) {
  Fixture fixture;
  EXPECT_TRUE(fixture.batch.Add(fixture.EntryOf(1, 1, "a"), UINT64_MAX));
  EXPECT_TRUE(fixture.batch.Add(fixture.EntryOf(2, 2, "b"), UINT64_MAX));
  EXPECT_TRUE(fixture.batch.Add(fixture.EntryOf(3, 1, "a"), UINT64_MAX));
  EXPECT_EQ(fixture.Outline(), std::string("mark user(1) short(1,u1) user(2) short(2,u2) short(3,u1) user(1) user(2)"));
  EXPECT_EQ(fixture.batch.first_lsn(), 1u);
  EXPECT_EQ(fixture.batch.last_lsn(), 3u);
  EXPECT_EQ(fixture.batch.entries(), 3u);
  EXPECT_EQ(fixture.batch.last_checksum(), fixture.steps[5].record.body_checksum);
}

TEST(Batch, OfUsersThatAreDefinedHasNoUserRecord) {
  Fixture fixture;
  EXPECT_TRUE(fixture.batch.Add(fixture.EntryOf(1, 1, "a"), UINT64_MAX));
  fixture.batch.Finish(0, 7);
  fixture.Begin();
  EXPECT_TRUE(fixture.batch.Add(fixture.EntryOf(2, 1, "a"), UINT64_MAX));
  EXPECT_EQ(fixture.Outline(1), std::string("mark short(2,u1)"));
}

TEST(Batch, DefinesAgainWhatWasForgotten) {
  Fixture fixture;
  EXPECT_TRUE(fixture.batch.Add(fixture.EntryOf(1, 1, "a"), UINT64_MAX));
  fixture.batch.Finish(0, 7);
  fixture.users.Forget();
  fixture.Begin();
  EXPECT_TRUE(fixture.batch.Add(fixture.EntryOf(1, 1, "a"), UINT64_MAX));
  EXPECT_EQ(fixture.Outline(), std::string("mark user(1) short(1,u1) user(1)"));
}

TEST(Batch, WritesInFullWhateverDoesNotFit) {
  const std::string short_id(256, 'i');
  const std::string long_id(257, 'i');
  const auto form = [](auto change, const std::string& id, size_t payload_bytes, uint64_t first_lsn = 1) {
    Fixture fixture(first_lsn);
    Entry entry = fixture.EntryOf(first_lsn, 1, id, payload_bytes);
    change(&entry);
    EXPECT_TRUE(fixture.batch.Add(entry, UINT64_MAX));
    const std::string outline = fixture.Outline();
    // What was written says all of it.
    for (const ScanStep& step : fixture.steps) {
      if (step.kind != ScanKind::kEntry) continue;
      EXPECT_EQ(step.record.entry.timestamp_ms, entry.timestamp_ms);
      EXPECT_EQ(step.record.entry.payload.size, entry.payload.size);
      EXPECT_EQ(step.record.entry.lsn, entry.lsn);
      EXPECT_EQ(step.record.entry.user_id.size, step.record.is_short ? 0u : entry.user_id.size);
    }
    return outline.find("short") != std::string::npos ? "short" : outline == "mark entry(" + std::to_string(entry.lsn) + ")" ? "full" : outline;
  };
  const auto as_it_is = [](Entry*) {};
  EXPECT_EQ(form(as_it_is, short_id, 65535), std::string("short"));
  EXPECT_EQ(form(as_it_is, short_id, 65536), std::string("full"));
  EXPECT_EQ(form(as_it_is, long_id, 8), std::string("full"));
  EXPECT_EQ(form([](Entry* entry) { entry->timestamp_ms = -1; }, "a", 8), std::string("full"));
  EXPECT_EQ(form([](Entry* entry) { entry->timestamp_ms = 0; }, "a", 8), std::string("short"));
  EXPECT_EQ(form([](Entry* entry) { entry->timestamp_ms = (int64_t{1} << 44) - 1; }, "a", 8), std::string("short"));
  EXPECT_EQ(form([](Entry* entry) { entry->timestamp_ms = int64_t{1} << 44; }, "a", 8), std::string("full"));
  EXPECT_EQ(form([](Entry* entry) { entry->user_number = 0; }, "a", 8), std::string("full"));
  EXPECT_EQ(form([](Entry* entry) { entry->user_number = user_record::kMaxNumber; }, "a", 8), std::string("short"));
  EXPECT_EQ(form([](Entry* entry) { entry->user_number = user_record::kMaxNumber + 1; }, "a", 8), std::string("full"));
  EXPECT_EQ(form([](Entry* entry) { entry->user_number = UINT32_MAX; }, "a", 8), std::string("full"));
  EXPECT_EQ(form([](Entry* entry) { entry->lsn += UINT32_MAX; }, "a", 8, 5), std::string("short"));
  EXPECT_EQ(form([](Entry* entry) { entry->lsn += uint64_t{UINT32_MAX} + 1; }, "a", 8, 5), std::string("full"));
}

// An appender that calls two users by one number would else have one's entries delivered as the other's.
TEST(Batch, ANumberThatMeansAnotherUserThanBeforeIsNotUsed) {
  Fixture fixture;
  EXPECT_TRUE(fixture.batch.Add(fixture.EntryOf(1, 1, "a"), UINT64_MAX));
  EXPECT_TRUE(fixture.batch.Add(fixture.EntryOf(2, 1, "b"), UINT64_MAX));
  EXPECT_TRUE(fixture.batch.Add(fixture.EntryOf(3, 1, ""), UINT64_MAX));
  EXPECT_TRUE(fixture.batch.Add(fixture.EntryOf(4, 1, "a"), UINT64_MAX));
  EXPECT_EQ(fixture.Outline(), std::string("mark user(1) short(1,u1) entry(2) entry(3) short(4,u1) user(1)"));
  // Nor later, when nothing is defined any more.
  fixture.users.Forget();
  fixture.Begin();
  EXPECT_TRUE(fixture.batch.Add(fixture.EntryOf(5, 1, "b"), UINT64_MAX));
  EXPECT_EQ(fixture.Outline(), std::string("mark entry(5)"));
}

TEST(Batch, TakesNoEntryBeyondItsLimitAndCountsTheUserRecordsAtItsEnd) {
  Fixture fixture;
  const uint64_t of_first = ShortEntryRecordBytes(8) + 2 * UserRecordBytes(1);
  EXPECT_TRUE(fixture.batch.Add(fixture.EntryOf(1, 1, "a"), of_first));
  EXPECT_FALSE(fixture.batch.Add(fixture.EntryOf(2, 1, "a"), of_first + ShortEntryRecordBytes(8) - 1));
  EXPECT_TRUE(fixture.batch.Add(fixture.EntryOf(2, 1, "a"), of_first + ShortEntryRecordBytes(8)));
  const uint64_t of_two = of_first + ShortEntryRecordBytes(8);
  EXPECT_FALSE(fixture.batch.Add(fixture.EntryOf(3, 2, "b"), of_two + of_first - 1));
  EXPECT_TRUE(fixture.batch.Add(fixture.EntryOf(3, 2, "b"), of_two + of_first));
  // A refused entry has defined nobody.
  EXPECT_EQ(fixture.Outline(), std::string("mark user(1) short(1,u1) short(2,u1) user(2) short(3,u2) user(1) user(2)"));
  EXPECT_EQ(fixture.batch.bytes(), mark::kBytes + of_two + of_first);
}

TEST(Batch, TakesItsFirstEntryWhateverTheLimit) {
  Fixture fixture;
  EXPECT_TRUE(fixture.batch.Add(fixture.EntryOf(1, 1, "a", 1000), 0));
  EXPECT_FALSE(fixture.batch.Add(fixture.EntryOf(2, 1, "a", 0), 0));
}

TEST(Batch, NoEntryNeedsMoreThanIsSaidBefore) {
  for (const size_t id_bytes : {0u, 1u, 8u, 200u, 256u, 257u}) {
    for (const size_t payload_bytes : {0u, 1u, 24u, 65535u, 65536u}) {
      for (const uint32_t number : {0u, 1u}) {
        Fixture fixture;
        const Entry entry = fixture.EntryOf(1, number, std::string(id_bytes, 'i'), payload_bytes);
        const std::string id(id_bytes, 'i');
        Entry borrowed = entry;
        borrowed.user_id = Borrowed(id);
        EXPECT_TRUE(fixture.batch.Add(borrowed, UINT64_MAX));
        EXPECT_LE(fixture.batch.Finish(0, 7).size - mark::kBytes, Batch::MostBytesOf(borrowed));
      }
    }
  }
}

// The name of every close user, and whether both of its copies touch one block.
TEST(Batch, CopiesThatADamagedBlockCouldTakeTogetherAreSaidToLieClose) {
  const std::string id(256, 'i');
  for (uint64_t offset = kOffset; offset < kOffset + 4096; offset += 8) {
    for (const size_t between : {3600u, 3800u, 3960u, 4000u, 4040u, 4080u, 4200u, 4400u}) {
      Fixture fixture(1, offset);
      EXPECT_TRUE(fixture.batch.Add(fixture.EntryOf(1, 1, id, between), UINT64_MAX));
      fixture.Outline();
      ASSERT_EQ(fixture.steps.size(), 4u);
      const ScanStep& first = fixture.steps[1];
      const ScanStep& second = fixture.steps[3];
      const bool share_a_block = (first.end - 1) / user_record::kApartBytes >= second.offset / user_record::kApartBytes;
      const bool is_said = !fixture.batch.close_together().empty();
      EXPECT_TRUE(is_said || !share_a_block);
      EXPECT_EQ(is_said, second.offset - first.end < user_record::kApartBytes);
      if (!is_said) continue;
      const RepeatLater& close = fixture.batch.close_together()[0];
      EXPECT_EQ(close.number, 1u);
      EXPECT_EQ(close.id.size(), id.size());
      EXPECT_EQ(close.written_end, second.end);
    }
  }
}

TEST(Batch, RepeatsWhatItIsToldToDirectlyBehindTheMark) {
  Fixture fixture;
  RepeatLater user;
  user.number = 5;
  user.id = {'e'};
  fixture.batch.Repeat(user);
  EXPECT_TRUE(fixture.batch.empty());
  EXPECT_TRUE(fixture.batch.Add(fixture.EntryOf(1, 0, "a"), UINT64_MAX));
  EXPECT_EQ(fixture.Outline(), std::string("mark user(5) entry(1)"));
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
