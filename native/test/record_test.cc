// Proves that a record says what was put into it, that nothing but exactly this record at exactly its place is taken
// for one, and that no length is believed, and no byte behind the given ones looked at, before its check.
#include <vector>

#include "record.h"
#include "segment_bytes.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

constexpr uint64_t kOffset = 8192;
const uint32_t kSegment = SegmentSeed(77, 3);

std::vector<uint8_t> Placed(const TestEntry& entry, uint64_t offset = kOffset, uint32_t seed = kSegment) {
  std::vector<uint8_t> record = Encoded(entry);
  PlaceEntry(record.data(), seed, offset);
  return record;
}

Record Check(const std::vector<uint8_t>& bytes, uint64_t offset = kOffset, uint32_t seed = kSegment) {
  Record record;
  CheckRecord(Bytes(bytes.data(), bytes.size()), seed, 1, offset, &record);
  return record;
}

std::vector<uint8_t> EncodedMark(const Mark& mark) {
  std::vector<uint8_t> bytes(mark::kBytes);
  EncodeMark(mark, kSegment, kOffset, bytes.data());
  return bytes;
}

Mark SomeMark() {
  Mark mark;
  mark.kind = MarkKind::kBatch;
  mark.next_lsn = 10;
  mark.durable_lsn = 9;
  mark.timestamp_ms = -5;
  mark.batch_entries = 4;
  mark.batch_bytes = 400;
  return mark;
}

TestEntry Sized(size_t user_id_bytes, size_t payload_bytes) {
  TestEntry entry;
  entry.lsn = 5;
  entry.user_id = std::string(user_id_bytes, 'u');
  entry.payload = std::string(payload_bytes, 'p');
  entry.sequence = 0xffffffff;
  entry.timestamp_ms = -1;
  return entry;
}

TEST(Record, AnEntryOfAnySizeReadsAsItWasWritten) {
  for (const size_t user_id_bytes : {0u, 1u, 7u, 8u, 255u, 65535u}) {
    for (const size_t payload_bytes : {0u, 1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u, 1000u, 100000u}) {
      const TestEntry entry = Sized(user_id_bytes, payload_bytes);
      const std::vector<uint8_t> bytes = Placed(entry);
      EXPECT_EQ(bytes.size() % kRecordAlignment, 0u);
      const Record record = Check(bytes);
      ASSERT_EQ(record.state, RecordState::kEntry);
      EXPECT_EQ(record.bytes, bytes.size());
      EXPECT_EQ(record.entry.lsn, 5u);
      EXPECT_EQ(record.entry.sequence, 0xffffffffu);
      EXPECT_EQ(record.entry.timestamp_ms, -1);
      EXPECT_EQ(record.entry.user_id.size, user_id_bytes);
      EXPECT_EQ(record.entry.payload.size, payload_bytes);
      EXPECT_TRUE(std::string(record.entry.payload.data, record.entry.payload.data + payload_bytes) == entry.payload);
    }
  }
}

TEST(Record, AMarkReadsAsItWasWritten) {
  const Record record = Check(EncodedMark(SomeMark()));
  ASSERT_EQ(record.state, RecordState::kMark);
  EXPECT_EQ(record.bytes, mark::kBytes);
  EXPECT_EQ(record.mark.next_lsn, 10u);
  EXPECT_EQ(record.mark.durable_lsn, 9u);
  EXPECT_EQ(record.mark.timestamp_ms, -5);
  EXPECT_EQ(record.mark.batch_entries, 4u);
  EXPECT_EQ(record.mark.batch_bytes, 400u);
  EXPECT_EQ(record.mark.kind, MarkKind::kBatch);
}

TEST(Record, ZerosAreNoRecord) {
  EXPECT_EQ(Check(std::vector<uint8_t>(4096)).state, RecordState::kNothing);
}

TEST(Record, AnyFlippedBitIsSeen) {
  const std::vector<uint8_t> sound = Placed(Sized(5, 20));
  for (size_t bit = 0; bit < sound.size() * 8; bit++) {
    std::vector<uint8_t> bytes = sound;
    FlipBit(&bytes, bit);
    const RecordState state = Check(bytes).state;
    // In the header no length can be believed; behind it exactly this entry is known to be damaged.
    const size_t byte = bit / 8;
    const bool in_header = byte < entry::kTimestampAt;
    ASSERT_EQ(state, in_header ? RecordState::kNothing : RecordState::kDamagedEntry);
  }
  const std::vector<uint8_t> mark = EncodedMark(SomeMark());
  for (size_t bit = 0; bit < mark.size() * 8; bit++) {
    std::vector<uint8_t> bytes = mark;
    FlipBit(&bytes, bit);
    ASSERT_EQ(Check(bytes).state, RecordState::kNothing);
  }
}

TEST(Record, IsBoundToItsSaltItsSegmentAndItsOffset) {
  for (const std::vector<uint8_t>& bytes : {Placed(Sized(5, 20)), EncodedMark(SomeMark())}) {
    EXPECT_NE(Check(bytes).state, RecordState::kNothing);
    EXPECT_EQ(Check(bytes, kOffset + 8).state, RecordState::kNothing);
    EXPECT_EQ(Check(bytes, kOffset, SegmentSeed(77, 4)).state, RecordState::kNothing);
    EXPECT_EQ(Check(bytes, kOffset, SegmentSeed(78, 3)).state, RecordState::kNothing);
  }
}

TEST(Record, WhatIsCutOffNeedsMoreAndSaysHowMuch) {
  const std::vector<uint8_t> sound = Placed(Sized(5, 20));
  for (size_t size = 0; size < sound.size(); size++) {
    // All of the bytes are there, but only `size` of them are given.
    Record record;
    CheckRecord(Bytes(sound.data(), size), kSegment, 1, kOffset, &record);
    ASSERT_EQ(record.state, RecordState::kNeedMore);
    const size_t needed = size < sizeof(uint32_t) ? sizeof(uint32_t) : size < entry::kTimestampAt ? entry::kTimestampAt
                                                                                                  : sound.size();
    ASSERT_EQ(record.bytes, needed);
  }
  const std::vector<uint8_t> mark = EncodedMark(SomeMark());
  for (size_t size = sizeof(uint32_t); size < mark.size(); size++) {
    Record record;
    CheckRecord(Bytes(mark.data(), size), kSegment, 1, kOffset, &record);
    ASSERT_EQ(record.bytes, mark::kBytes);
  }
}

// Gives `record` a header whose checksum is sound, whatever it says.
void Forge(std::vector<uint8_t>* record) { PlaceEntry(record->data(), kSegment, kOffset); }

TEST(Record, ForgedFieldsBehindASoundChecksumAreRefused) {
  std::vector<uint8_t> too_long = Placed(Sized(5, 20));
  Store(too_long.data() + entry::kPayloadBytesAt, static_cast<uint32_t>(kMaxPayloadBytes + 1));
  Forge(&too_long);
  EXPECT_EQ(Check(too_long).state, RecordState::kNothing);

  std::vector<uint8_t> longest = Placed(Sized(5, 20));
  Store(longest.data() + entry::kPayloadBytesAt, static_cast<uint32_t>(kMaxPayloadBytes));
  Forge(&longest);
  EXPECT_EQ(Check(longest).state, RecordState::kNeedMore);
  EXPECT_EQ(Check(longest).bytes, EntryRecordBytes(5, kMaxPayloadBytes));

  for (const uint64_t lsn : {uint64_t{0}, kMaxLsn + 1, UINT64_MAX}) {
    std::vector<uint8_t> no_lsn = Placed(Sized(5, 20));
    Store(no_lsn.data() + entry::kLsnAt, lsn);
    Forge(&no_lsn);
    EXPECT_EQ(Check(no_lsn).state, RecordState::kNothing);
  }

  std::vector<uint8_t> reserved = Placed(Sized(5, 20));
  Store(reserved.data() + entry::kZeroAt, uint16_t{1});
  Forge(&reserved);
  EXPECT_EQ(Check(reserved).state, RecordState::kNothing);

  for (const uint8_t operation : {uint8_t{0}, static_cast<uint8_t>(kLastOperation + 1), uint8_t{255}}) {
    TestEntry unknown = Sized(5, 20);
    unknown.operation = operation;
    EXPECT_EQ(Check(Placed(unknown)).state, RecordState::kDamagedEntry);
  }
}

TEST(Record, AMarkThatSaysTheImpossibleIsRefused) {
  Mark ahead = SomeMark();
  ahead.durable_lsn = ahead.next_lsn;  // what is durable comes before what is next
  EXPECT_EQ(Check(EncodedMark(ahead)).state, RecordState::kNothing);
  Mark huge = SomeMark();
  huge.next_lsn = UINT64_MAX;
  EXPECT_EQ(Check(EncodedMark(huge)).state, RecordState::kNothing);
  Mark unknown = SomeMark();
  unknown.kind = static_cast<MarkKind>(kLastMarkKind + 1);
  EXPECT_EQ(Check(EncodedMark(unknown)).state, RecordState::kNothing);
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
