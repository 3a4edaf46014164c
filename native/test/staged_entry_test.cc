// Proves that a staged entry says what was put into it, and that a structure that no appender makes is taken for none,
// without a look behind the bytes that were given.
#include <cmath>
#include <limits>
#include <vector>

#include "segment_bytes.h"
#include "staged_entry.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

TestEntry Sized(size_t user_id_bytes, size_t payload_bytes) {
  TestEntry entry;
  entry.lsn = kMaxLsn;
  entry.user_id = std::string(user_id_bytes, 'u');
  entry.payload = std::string(payload_bytes, 'p');
  entry.sequence = UINT32_MAX;
  entry.operation = kLastOperation;
  entry.timestamp_ms = -1;
  return entry;
}

bool Read(const std::vector<uint8_t>& bytes, Entry* entry, size_t* size) {
  return ReadStaged(Bytes(bytes.data(), bytes.size()), entry, size);
}

bool IsStaged(const std::vector<uint8_t>& bytes) {
  Entry entry;
  size_t size = 0;
  return Read(bytes, &entry, &size);
}

std::string TextOf(Bytes bytes) { return std::string(reinterpret_cast<const char*>(bytes.data), bytes.size); }

TEST(StagedEntry, OfAnySizeReadsAsItWasStaged) {
  for (const size_t user_id_bytes : {0u, 1u, 7u, 8u, 9u, 300u, 65535u}) {
    for (const size_t payload_bytes : {0u, 1u, 8u, 9u, 100000u}) {
      const TestEntry from = Sized(user_id_bytes, payload_bytes);
      Entry staged = Borrowed(from);
      staged.user_number = 77;
      std::vector<uint8_t> bytes(StagedEntryBytes(user_id_bytes, payload_bytes));
      StageEntry(staged, bytes.data());
      EXPECT_LE(bytes.size(), user_id_bytes + payload_bytes + kStagedOverheadBytes);
      Entry entry;
      size_t size = 0;
      ASSERT_TRUE(Read(bytes, &entry, &size));
      EXPECT_EQ(size, bytes.size());
      EXPECT_EQ(entry.lsn, from.lsn);
      EXPECT_EQ(entry.timestamp_ms, from.timestamp_ms);
      EXPECT_EQ(entry.sequence, from.sequence);
      EXPECT_EQ(entry.operation, from.operation);
      EXPECT_EQ(entry.user_number, 77u);
      EXPECT_TRUE(TextOf(entry.user_id) == from.user_id);
      EXPECT_TRUE(TextOf(entry.payload) == from.payload);
    }
  }
}

TEST(StagedEntry, PayloadsAreAlignedSoThatNumbersCanBeStoredThere) {
  for (size_t user_id_bytes = 0; user_id_bytes < 20; user_id_bytes++) {
    const std::vector<uint8_t> bytes = Staged(Sized(user_id_bytes, 8));
    Entry entry;
    size_t size = 0;
    ASSERT_TRUE(Read(bytes, &entry, &size));
    EXPECT_EQ(static_cast<size_t>(entry.payload.data - bytes.data()) % 8, 0u);
  }
}

TEST(StagedEntry, CutAnywhereIsNone) {
  const std::vector<uint8_t> whole = Staged(Sized(5, 11));
  for (size_t size = 0; size < whole.size(); size++) {
    EXPECT_FALSE(IsStaged(std::vector<uint8_t>(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))));
  }
  std::vector<uint8_t> followed = whole;
  followed.resize(whole.size() + 64);
  EXPECT_TRUE(IsStaged(followed));
}

// Where another number in a field is not what an appender stores.
TEST(StagedEntry, WithAFieldBeyondItsLimitIsNone) {
  const std::vector<uint8_t> whole = Staged(Sized(5, 11));
  const auto with = [&](size_t at, auto value) {
    std::vector<uint8_t> bytes = whole;
    Store(bytes.data() + at, value);
    return IsStaged(bytes);
  };
  EXPECT_TRUE(with(staged::kLsnAt, double{1}));
  EXPECT_FALSE(with(staged::kLsnAt, double{0}));
  EXPECT_FALSE(with(staged::kLsnAt, -1.0));
  EXPECT_FALSE(with(staged::kLsnAt, std::ldexp(1.0, 53)));
  EXPECT_FALSE(with(staged::kLsnAt, std::numeric_limits<double>::quiet_NaN()));
  EXPECT_TRUE(with(staged::kTimestampAt, -static_cast<double>(kMaxLsn)));
  EXPECT_FALSE(with(staged::kTimestampAt, std::ldexp(1.0, 53)));
  EXPECT_FALSE(with(staged::kTimestampAt, -std::ldexp(1.0, 53)));
  EXPECT_FALSE(with(staged::kTimestampAt, std::numeric_limits<double>::infinity()));
  EXPECT_FALSE(with(staged::kTimestampAt, std::numeric_limits<double>::quiet_NaN()));
  EXPECT_FALSE(with(staged::kOperationAt, uint16_t{0}));
  EXPECT_FALSE(with(staged::kOperationAt, static_cast<uint16_t>(kLastOperation + 1)));
  EXPECT_FALSE(with(staged::kMagicAt, staged::kPaddingMagic));
}

TEST(StagedEntry, WhoseLengthsContradictEachOtherIsNone) {
  const std::vector<uint8_t> whole = Staged(Sized(5, 11));
  for (const size_t at : {staged::kBytesAt, staged::kPayloadBytesAt}) {
    for (const uint32_t value : {0u, 8u, 40u, 100u, 1u << 30, UINT32_MAX}) {
      std::vector<uint8_t> bytes = whole;
      Store(bytes.data() + at, value);
      EXPECT_FALSE(IsStaged(bytes));
    }
  }
  for (const uint16_t value : {uint16_t{0}, uint16_t{9}, uint16_t{UINT16_MAX}}) {
    std::vector<uint8_t> bytes = whole;
    Store(bytes.data() + staged::kUserIdBytesAt, value);
    EXPECT_FALSE(IsStaged(bytes));
  }
  // The payload's own limit, with a size that goes with it.
  std::vector<uint8_t> bytes(StagedEntryBytes(0, 8));
  StageEntry(Borrowed(Sized(0, 8)), bytes.data());
  Store(bytes.data() + staged::kPayloadBytesAt, static_cast<uint32_t>(kMaxPayloadBytes + 8));
  Store(bytes.data() + staged::kBytesAt, static_cast<uint32_t>(StagedEntryBytes(0, kMaxPayloadBytes + 8)));
  Entry entry;
  size_t size = 0;
  EXPECT_FALSE(ReadStaged(Bytes(bytes.data(), StagedEntryBytes(0, kMaxPayloadBytes + 8)), &entry, &size));
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
