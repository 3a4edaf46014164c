// Proves of what is left of an entry's header that it says whose the entry was when any one byte of it is damaged, in either form;
// and that it says nothing when more is, when the bytes were written for another place, segment or LSN, or when they end.
#include <vector>

#include "lost_header.h"
#include "record.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

constexpr uint64_t kOffset = 8192;
constexpr uint64_t kFirstLsn = 1000;
constexpr uint64_t kLsn = 1005;
constexpr uint32_t kNumber = 9;
const uint32_t kSegment = SegmentSeed(77, 3);
const std::string kUser = "user-1";

uint16_t CheckOfUser() { return UserCheck(Bytes(kUser.data(), kUser.size())); }

// With a payload: the header alone has to do.
std::vector<uint8_t> Encode(bool is_short, const std::string& user = kUser) {
  const std::string payload = "thirteen char";
  Entry entry;
  entry.lsn = kLsn;
  entry.timestamp_ms = 1'700'000'000'000;
  entry.sequence = 0xfffffffe;
  entry.operation = 2;
  entry.user_number = kNumber;
  entry.user_id = Bytes(user.data(), user.size());
  entry.payload = Bytes(payload.data(), payload.size());
  std::vector<uint8_t> bytes;
  if (is_short) {
    bytes.resize(ShortEntryRecordBytes(payload.size()));
    EncodeShortEntry(entry, kFirstLsn, CheckOfUser(), kSegment, kOffset, bytes.data());
  } else {
    bytes.resize(EntryRecordBytes(user.size(), payload.size()));
    EncodeEntry(entry, bytes.data());
    PlaceEntry(bytes.data(), kSegment, kOffset);
  }
  return bytes;
}

size_t HeaderBytes(bool is_short) { return is_short ? short_entry::kPayloadAt : entry::kTimestampAt; }

bool Reads(const std::vector<uint8_t>& bytes, uint64_t offset = kOffset, uint32_t seed = kSegment) {
  LostHeader header;
  return ReadLostHeader(Bytes(bytes.data(), bytes.size()), seed, kFirstLsn, offset, &header);
}

// "" where what it says is what was written.
std::string WrongIn(const std::vector<uint8_t>& bytes, bool is_short, const std::string& user = kUser) {
  LostHeader header;
  if (!ReadLostHeader(Bytes(bytes.data(), bytes.size()), kSegment, kFirstLsn, kOffset, &header)) return "not read";
  if (header.lsn != kLsn) return "LSN " + std::to_string(header.lsn);
  if (header.is_short != is_short) return "the other form";
  if (is_short) return header.user_number == kNumber && header.user_check == CheckOfUser() ? "" : "the user's number or check";
  return std::string(reinterpret_cast<const char*>(header.user_id.data), header.user_id.size) == user ? "" : "the user";
}

TEST(LostHeader, SaysWhoseTheEntryWasWhicheverByteOfItIsDamagedAndHow) {
  for (const bool is_short : {true, false}) {
    std::vector<uint8_t> bytes = Encode(is_short);
    EXPECT_EQ(WrongIn(bytes, is_short), std::string());
    for (size_t at = 0; at < HeaderBytes(is_short); at++) {
      for (int bits = 1; bits < 256; bits++) {
        bytes[at] = static_cast<uint8_t>(bytes[at] ^ bits);
        EXPECT_EQ(WrongIn(bytes, is_short), std::string());
        bytes[at] = static_cast<uint8_t>(bytes[at] ^ bits);
      }
    }
  }
}

TEST(LostHeader, WithTwoDamagedBytesSaysNothing) {
  for (const bool is_short : {true, false}) {
    const std::vector<uint8_t> sound = Encode(is_short);
    for (size_t one = 0; one < HeaderBytes(is_short); one++) {
      for (size_t other = one + 1; other < HeaderBytes(is_short); other++) {
        for (const int bits : {0x01, 0x80, 0x5a}) {
          std::vector<uint8_t> bytes = sound;
          bytes[one] = static_cast<uint8_t>(bytes[one] ^ bits);
          bytes[other] = static_cast<uint8_t>(bytes[other] ^ 0x21);
          EXPECT_FALSE(Reads(bytes));
        }
      }
    }
  }
}

TEST(LostHeader, OfAnotherPlaceOrSegmentSaysNothingHoweverWholeItIs) {
  for (const bool is_short : {true, false}) {
    const std::vector<uint8_t> bytes = Encode(is_short);
    for (uint64_t offset = 0; offset < uint64_t{1} << 24; offset += 4096) EXPECT_EQ(Reads(bytes, offset), offset == kOffset);
    for (uint64_t offset = kOffset; offset < kOffset + 4096; offset += 8) EXPECT_EQ(Reads(bytes, offset), offset == kOffset);
    for (uint64_t number = 1; number < 1000; number++) EXPECT_EQ(Reads(bytes, kOffset, SegmentSeed(77, number)), number == 3);
    for (uint64_t salt = 1; salt < 1000; salt++) EXPECT_EQ(Reads(bytes, kOffset, SegmentSeed(salt, 3)), salt == 77);
  }
}

TEST(LostHeader, OfAFullEntrySaysNothingWhenTheUserIdIsDamagedOrNotWhole) {
  const std::vector<uint8_t> sound = Encode(false);
  for (size_t at = 0; at < kUser.size(); at++) {
    std::vector<uint8_t> bytes = sound;
    bytes[entry::kUserIdAt + at] ^= 4;
    EXPECT_FALSE(Reads(bytes));
    bytes = sound;
    bytes.resize(entry::kUserIdAt + at);
    bytes.shrink_to_fit();
    EXPECT_FALSE(Reads(bytes));
  }
  EXPECT_EQ(WrongIn(Encode(false, ""), false, ""), std::string());
}

TEST(LostHeader, OfWhichBytesAreMissingOrAreZerosSaysNothing) {
  for (size_t size = 0; size < 64; size++) EXPECT_FALSE(Reads(std::vector<uint8_t>(size)));
  for (size_t size = 0; size < short_entry::kPayloadAt; size++) {
    std::vector<uint8_t> bytes = Encode(true);
    bytes.resize(size);
    bytes.shrink_to_fit();
    EXPECT_FALSE(Reads(bytes));
  }
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
