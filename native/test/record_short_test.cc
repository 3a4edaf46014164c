// Proves of short entries and user records what record_test.cc proves of the others: they say what was put into them,
// nothing but exactly these bytes at exactly this place is taken for one, a header is believed only when it is sound, and no
// byte behind the given ones is looked at.
#include <vector>

#include "crc32c.h"
#include "record.h"
#include "record_short.h"
#include "segment_bytes.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

constexpr uint64_t kOffset = 8192;
constexpr uint64_t kFirstLsn = 1000;
const uint32_t kSegment = SegmentSeed(77, 3);
const std::string kUser = "user-1";

struct Short {
  uint64_t lsn = kFirstLsn + 5;
  uint32_t user_number = 9;
  uint32_t sequence = 0xfffffffe;
  uint8_t operation = 2;
  int64_t timestamp_ms = short_entry::kMaxTimestampMs;
  std::string payload = "thirteen char";
};

Entry Borrowed(const Short& from) {
  Entry entry;
  entry.lsn = from.lsn;
  entry.timestamp_ms = from.timestamp_ms;
  entry.sequence = from.sequence;
  entry.operation = from.operation;
  entry.user_number = from.user_number;
  entry.user_id = Bytes(kUser.data(), kUser.size());
  entry.payload = Bytes(from.payload.data(), from.payload.size());
  return entry;
}

uint16_t CheckOfUser() { return UserCheck(Bytes(kUser.data(), kUser.size())); }

std::vector<uint8_t> Encode(const Short& from, uint64_t offset = kOffset, uint32_t seed = kSegment) {
  std::vector<uint8_t> bytes(ShortEntryRecordBytes(from.payload.size()));
  EncodeShortEntry(Borrowed(from), kFirstLsn, CheckOfUser(), seed, offset, bytes.data());
  return bytes;
}

std::vector<uint8_t> EncodeUser(uint32_t number, const std::string& id, uint64_t offset = kOffset) {
  std::vector<uint8_t> bytes(UserRecordBytes(id.size()));
  EncodeUserRecord(number, Bytes(id.data(), id.size()), kSegment, offset, bytes.data());
  return bytes;
}

Record Check(const std::vector<uint8_t>& bytes, uint64_t offset = kOffset, uint32_t seed = kSegment,
             uint64_t first_lsn = kFirstLsn) {
  Record record;
  CheckRecord(Bytes(bytes.data(), bytes.size()), seed, first_lsn, offset, &record);
  return record;
}

// Makes the header checksum again, as somebody would who knows the salt; `bytes` are of a short entry.
void ForgeHeader(std::vector<uint8_t>* bytes) {
  uint8_t place[8];
  Store(place, kOffset);
  uint32_t checksum = Crc32c(kSegment, place, sizeof(place));
  checksum = Crc32c(checksum, bytes->data() + 8, 24);
  checksum = Crc32c(checksum, bytes->data(), 4);
  Store(bytes->data() + short_entry::kHeaderChecksumAt, checksum);
}

void ForgeAll(std::vector<uint8_t>* bytes) {
  Store(bytes->data() + short_entry::kBodyChecksumAt, Crc32c(0, bytes->data() + 12, bytes->size() - 12));
  ForgeHeader(bytes);
}

void ForgeUser(std::vector<uint8_t>* bytes) {
  uint8_t place[8];
  Store(place, kOffset);
  const uint32_t checksum = Crc32c(Crc32c(kSegment, place, sizeof(place)), bytes->data() + 8, bytes->size() - 8);
  Store(bytes->data() + user_record::kChecksumAt, checksum);
}

bool IsNearHeader(size_t byte) { return byte < short_entry::kPayloadAt; }

TEST(ShortEntry, ReadsAsItWasWrittenWhateverItsSize) {
  for (const size_t payload_bytes : {0u, 1u, 7u, 8u, 9u, 24u, 40u, 1000u, 65535u}) {
    Short from;
    from.payload = std::string(payload_bytes, 'p');
    const std::vector<uint8_t> bytes = Encode(from);
    EXPECT_EQ(bytes.size() % kRecordAlignment, 0u);
    const Record record = Check(bytes);
    ASSERT_EQ(record.state, RecordState::kEntry);
    EXPECT_TRUE(record.is_short);
    EXPECT_EQ(record.bytes, bytes.size());
    EXPECT_EQ(record.entry.lsn, from.lsn);
    EXPECT_EQ(record.entry.user_number, from.user_number);
    EXPECT_EQ(record.entry.sequence, from.sequence);
    EXPECT_EQ(record.entry.operation, from.operation);
    EXPECT_EQ(record.entry.timestamp_ms, from.timestamp_ms);
    EXPECT_EQ(record.user_check, CheckOfUser());
    EXPECT_EQ(record.body_checksum, Load<uint32_t>(bytes.data() + short_entry::kBodyChecksumAt));
    EXPECT_TRUE(std::string(reinterpret_cast<const char*>(record.entry.payload.data), record.entry.payload.size) ==
                from.payload);
  }
}

TEST(ShortEntry, EveryOperationAndBothEndsOfTimeFit) {
  for (uint8_t operation = 1; operation <= kLastOperation; operation++) {
    for (const int64_t timestamp_ms : {int64_t{0}, int64_t{1}, short_entry::kMaxTimestampMs}) {
      Short from;
      from.operation = operation;
      from.timestamp_ms = timestamp_ms;
      const Record record = Check(Encode(from));
      ASSERT_EQ(record.state, RecordState::kEntry);
      EXPECT_EQ(record.entry.operation, operation);
      EXPECT_EQ(record.entry.timestamp_ms, timestamp_ms);
    }
  }
}

TEST(ShortEntry, FitsExactlyWhatItsFieldsCanSay) {
  const auto fits = [](auto change) {
    Short from;
    Entry entry = Borrowed(from);
    change(&entry);
    return FitsShortEntry(entry, kFirstLsn);
  };
  const std::string bytes(70000, 'x');
  EXPECT_TRUE(fits([](Entry*) {}));
  EXPECT_TRUE(fits([](Entry* entry) { entry->user_number = user_record::kMaxNumber; }));
  EXPECT_FALSE(fits([](Entry* entry) { entry->user_number = user_record::kMaxNumber + 1; }));
  EXPECT_FALSE(fits([](Entry* entry) { entry->user_number = 0; }));
  EXPECT_TRUE(fits([&](Entry* entry) { entry->user_id = Bytes(bytes.data(), 256); }));
  EXPECT_FALSE(fits([&](Entry* entry) { entry->user_id = Bytes(bytes.data(), 257); }));
  EXPECT_TRUE(fits([&](Entry* entry) { entry->payload = Bytes(bytes.data(), 65535); }));
  EXPECT_FALSE(fits([&](Entry* entry) { entry->payload = Bytes(bytes.data(), 65536); }));
  EXPECT_TRUE(fits([](Entry* entry) { entry->timestamp_ms = 0; }));
  EXPECT_FALSE(fits([](Entry* entry) { entry->timestamp_ms = -1; }));
  EXPECT_TRUE(fits([](Entry* entry) { entry->timestamp_ms = (int64_t{1} << 44) - 1; }));
  EXPECT_FALSE(fits([](Entry* entry) { entry->timestamp_ms = int64_t{1} << 44; }));
  EXPECT_TRUE(fits([](Entry* entry) { entry->lsn = kFirstLsn + UINT32_MAX; }));
  EXPECT_FALSE(fits([](Entry* entry) { entry->lsn = kFirstLsn + UINT32_MAX + 1; }));
  EXPECT_FALSE(fits([](Entry* entry) { entry->lsn = kFirstLsn - 1; }));
}

TEST(ShortEntry, WithAnyBitFlippedIsNoEntryAndItsHeaderIsBelievedOnlyWhenItIsSound) {
  const Short from;
  const std::vector<uint8_t> whole = Encode(from);
  for (size_t bit = 0; bit < whole.size() * 8; bit++) {
    std::vector<uint8_t> bytes = whole;
    FlipBit(&bytes, bit);
    const Record record = Check(bytes);
    // All of the first 32 bytes are under the header's checksum.
    EXPECT_EQ(record.state, IsNearHeader(bit / 8) ? RecordState::kNothing : RecordState::kDamagedEntry);
    if (record.state != RecordState::kDamagedEntry) continue;
    EXPECT_EQ(record.entry.lsn, from.lsn);
    EXPECT_EQ(record.entry.user_number, from.user_number);
    EXPECT_EQ(record.bytes, whole.size());
    EXPECT_TRUE(record.is_short);
  }
}

TEST(ShortEntry, IsNoneAtAnotherPlaceInAnotherSegmentOrBehindAnotherLsn) {
  const std::vector<uint8_t> bytes = Encode(Short());
  EXPECT_EQ(Check(bytes, kOffset + 8).state, RecordState::kNothing);
  EXPECT_EQ(Check(bytes, kOffset, SegmentSeed(77, 4)).state, RecordState::kNothing);
  EXPECT_EQ(Check(bytes, kOffset, SegmentSeed(78, 3)).state, RecordState::kNothing);
  // The first LSN is in the segment's header, of which two copies are checked: here it decides the LSN alone.
  EXPECT_EQ(Check(bytes, kOffset, kSegment, kFirstLsn + 1).entry.lsn, kFirstLsn + 6);
}

TEST(ShortEntry, SaysHowManyBytesItNeedsAndLooksAtNoOthers) {
  const std::vector<uint8_t> whole = Encode(Short());
  for (size_t size = 0; size < whole.size(); size++) {
    // In memory of its own, so that a sanitizer sees a look behind the end.
    const std::vector<uint8_t> part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const Record record = Check(part);
    EXPECT_EQ(record.state, RecordState::kNeedMore);
    EXPECT_EQ(record.bytes, size < 4 ? 4u : size < short_entry::kPayloadAt ? short_entry::kPayloadAt : whole.size());
  }
}

TEST(ForgedShortEntry, WithANumberOrAnLsnBeyondTheLimitIsNothing) {
  for (const uint32_t number : {0u, user_record::kMaxNumber + 1, UINT32_MAX}) {
    std::vector<uint8_t> bytes = Encode(Short());
    Store(bytes.data() + short_entry::kUserNumberAt, number);
    ForgeAll(&bytes);
    EXPECT_EQ(Check(bytes).state, RecordState::kNothing);
  }
  std::vector<uint8_t> bytes = Encode(Short());
  Store(bytes.data() + short_entry::kLsnOffsetAt, uint32_t{1});
  ForgeAll(&bytes);
  EXPECT_EQ(Check(bytes, kOffset, kSegment, kMaxLsn - 1).state, RecordState::kEntry);
  EXPECT_EQ(Check(bytes, kOffset, kSegment, kMaxLsn).state, RecordState::kNothing);
}

TEST(ForgedShortEntry, WithAnOperationThatDoesNotExistIsDamaged) {
  for (unsigned operation = 0; operation < 16; operation++) {
    std::vector<uint8_t> bytes = Encode(Short());
    const uint64_t facts = Load<uint64_t>(bytes.data() + short_entry::kFactsAt) & ~(uint64_t{15} << 44);
    Store(bytes.data() + short_entry::kFactsAt, facts | static_cast<uint64_t>(operation) << 44);
    ForgeAll(&bytes);
    const bool exists = operation >= 1 && operation <= kLastOperation;
    EXPECT_EQ(Check(bytes).state, exists ? RecordState::kEntry : RecordState::kDamagedEntry);
  }
}

TEST(ForgedShortEntry, WithAnotherSizeIsHeldAgainstItsBody) {
  std::vector<uint8_t> bytes = Encode(Short());
  Store(bytes.data() + short_entry::kPayloadBytesAt, uint16_t{65535});
  ForgeHeader(&bytes);
  EXPECT_EQ(Check(bytes).state, RecordState::kNeedMore);
  EXPECT_EQ(Check(bytes).bytes, ShortEntryRecordBytes(65535));
  bytes.resize(ShortEntryRecordBytes(65535));
  EXPECT_EQ(Check(bytes).state, RecordState::kDamagedEntry);
}

TEST(UserRecord, ReadsAsItWasWrittenWhateverItsSize) {
  for (const size_t id_bytes : {0u, 1u, 7u, 8u, 9u, 255u, 256u}) {
    for (const uint32_t number : {1u, user_record::kMaxNumber}) {
      const std::string id(id_bytes, 'i');
      const std::vector<uint8_t> bytes = EncodeUser(number, id);
      EXPECT_EQ(bytes.size() % kRecordAlignment, 0u);
      const Record record = Check(bytes);
      ASSERT_EQ(record.state, RecordState::kUser);
      EXPECT_EQ(record.bytes, bytes.size());
      EXPECT_EQ(record.entry.user_number, number);
      EXPECT_TRUE(std::string(reinterpret_cast<const char*>(record.entry.user_id.data), record.entry.user_id.size) == id);
    }
  }
}

TEST(UserRecord, WithAnyBitFlippedIsNoRecord) {
  const std::vector<uint8_t> whole = EncodeUser(7, "user-of-17-bytes!");
  for (size_t bit = 0; bit < whole.size() * 8; bit++) {
    std::vector<uint8_t> bytes = whole;
    FlipBit(&bytes, bit);
    const Record record = Check(bytes);
    // A length that grew asks for more bytes, and never for many.
    if (record.state == RecordState::kNeedMore) {
      EXPECT_LE(record.bytes, UserRecordBytes(user_record::kMaxUserIdBytes));
      bytes.resize(record.bytes);
    }
    EXPECT_EQ(Check(bytes).state, RecordState::kNothing);
  }
}

TEST(UserRecord, IsNoneAtAnotherPlaceOrInAnotherSegment) {
  const std::vector<uint8_t> bytes = EncodeUser(7, "user");
  EXPECT_EQ(Check(bytes, kOffset + 8).state, RecordState::kNothing);
  EXPECT_EQ(Check(bytes, kOffset, SegmentSeed(77, 4)).state, RecordState::kNothing);
}

TEST(UserRecord, SaysHowManyBytesItNeedsAndLooksAtNoOthers) {
  const std::vector<uint8_t> whole = EncodeUser(7, "user-of-17-bytes!");
  for (size_t size = 0; size < whole.size(); size++) {
    const std::vector<uint8_t> part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const Record record = Check(part);
    EXPECT_EQ(record.state, RecordState::kNeedMore);
    EXPECT_EQ(record.bytes, size < 4 ? 4u : size < user_record::kUserIdAt ? user_record::kUserIdAt : whole.size());
  }
}

TEST(ForgedUserRecord, BeyondALimitIsNothing) {
  const std::vector<uint8_t> whole = EncodeUser(7, std::string(256, 'i'));
  const auto forged = [&](auto change) {
    std::vector<uint8_t> bytes = whole;
    change(bytes.data());
    ForgeUser(&bytes);
    bytes.resize(bytes.size() + 70000);
    return Check(bytes).state;
  };
  EXPECT_EQ(forged([](uint8_t*) {}), RecordState::kUser);
  EXPECT_EQ(forged([](uint8_t* at) { Store(at + user_record::kNumberAt, uint32_t{0}); }), RecordState::kNothing);
  EXPECT_EQ(forged([](uint8_t* at) { Store(at + user_record::kNumberAt, user_record::kMaxNumber + 1); }), RecordState::kNothing);
  EXPECT_EQ(forged([](uint8_t* at) { Store(at + user_record::kUserIdBytesAt, uint16_t{257}); }), RecordState::kNothing);
  EXPECT_EQ(forged([](uint8_t* at) { Store(at + user_record::kUserIdBytesAt, uint16_t{65535}); }), RecordState::kNothing);
  EXPECT_EQ(forged([](uint8_t* at) { Store(at + user_record::kZeroAt, uint16_t{1}); }), RecordState::kNothing);
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
