// Proves that a segment header and a log.id read as they were written, that any damage to them is seen, and that a
// newer version is told from damage.
#include "crc32c.h"
#include "segment_bytes.h"
#include "segment_header.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

std::vector<uint8_t> Encoded(const SegmentHeader& header, uint32_t copy) {
  std::vector<uint8_t> block(header::kCopyBytes);
  EncodeSegmentHeader(header, copy, block.data());
  return block;
}

HeaderState Check(const std::vector<uint8_t>& block, uint32_t copy, SegmentHeader* header, uint32_t* version) {
  return CheckSegmentHeader(block.data(), copy, header, version);
}

HeaderState Check(const std::vector<uint8_t>& block, uint32_t copy = 0) {
  SegmentHeader header;
  uint32_t version = 0;
  return Check(block, copy, &header, &version);
}

// Makes the checksum fit what the block says now.
void FixChecksum(std::vector<uint8_t>* block, size_t checksum_at) {
  const size_t behind = checksum_at + sizeof(uint32_t);
  const uint32_t head = Crc32c(0, block->data(), checksum_at);
  Store(block->data() + checksum_at, Crc32c(head, block->data() + behind, block->size() - behind));
}

TEST(SegmentHeader, ReadsAsItWasWritten) {
  SegmentHeader written = HeaderOf(9, 100);
  written.previous_lsn = 80;
  written.previous_checksum = 0xdeadbeef;
  written.created_ms = -3;
  written.planned_bytes = 12345;
  written.kind = FileKind::kCheckpoint;
  written.covered_segment = 7;
  written.covered_lsn = 300;
  written.covered_checksum = 0xcafe;
  written.entries = 33;
  SegmentHeader read;
  uint32_t version = 0;
  ASSERT_EQ(Check(Encoded(written, 1), 1, &read, &version), HeaderState::kValid);
  EXPECT_EQ(version, kFormatVersion);
  EXPECT_TRUE(read.log_id == written.log_id);
  EXPECT_EQ(read.number, 9u);
  EXPECT_EQ(read.salt, written.salt);
  EXPECT_EQ(read.first_lsn, 100u);
  EXPECT_EQ(read.previous_lsn, 80u);
  EXPECT_EQ(read.previous_checksum, 0xdeadbeefu);
  EXPECT_EQ(read.created_ms, -3);
  EXPECT_EQ(read.planned_bytes, 12345u);
  EXPECT_EQ(read.kind, FileKind::kCheckpoint);
  EXPECT_EQ(read.covered_segment, 7u);
  EXPECT_EQ(read.covered_lsn, 300u);
  EXPECT_EQ(read.covered_checksum, 0xcafeu);
  EXPECT_EQ(read.entries, 33u);
}

TEST(SegmentHeader, AnyFlippedBitIsSeen) {
  const std::vector<uint8_t> sound = Encoded(HeaderOf(1, 1), 0);
  for (size_t bit = 0; bit < sound.size() * 8; bit++) {
    std::vector<uint8_t> block = sound;
    FlipBit(&block, bit);
    ASSERT_NE(Check(block), HeaderState::kValid);
  }
}

TEST(SegmentHeader, OneCopyIsNotTakenForTheOther) {
  EXPECT_EQ(Check(Encoded(HeaderOf(1, 1), 0), 1), HeaderState::kDamaged);
  EXPECT_EQ(Check(Encoded(HeaderOf(1, 1), 1), 0), HeaderState::kDamaged);
}

TEST(SegmentHeader, ZerosAreNoHeader) { EXPECT_EQ(Check(std::vector<uint8_t>(4096)), HeaderState::kNotAHeader); }

TEST(SegmentHeader, ANewerVersionIsNamedBeforeItsChecksumIsTried) {
  std::vector<uint8_t> block = Encoded(HeaderOf(1, 1), 0);
  Store(block.data() + header::kVersionAt, kFormatVersion + 6);
  SegmentHeader header;
  uint32_t version = 0;
  EXPECT_EQ(Check(block, 0, &header, &version), HeaderState::kNewerVersion);
  EXPECT_EQ(version, kFormatVersion + 6);
}

TEST(SegmentHeader, LsnsThatCannotBeAreRefusedBehindASoundChecksum) {
  for (const uint64_t first_lsn : {uint64_t{0}, uint64_t{5}, kMaxLsn + 1, UINT64_MAX}) {
    std::vector<uint8_t> block = Encoded(HeaderOf(1, 6), 0);  // previous LSN 5
    Store(block.data() + header::kFirstLsnAt, first_lsn);
    FixChecksum(&block, header::kChecksumAt);
    EXPECT_EQ(Check(block), HeaderState::kDamaged);
  }
  std::vector<uint8_t> version_zero = Encoded(HeaderOf(1, 1), 0);
  Store(version_zero.data() + header::kVersionAt, uint32_t{0});
  FixChecksum(&version_zero, header::kChecksumAt);
  EXPECT_EQ(Check(version_zero), HeaderState::kDamaged);
}

TEST(SegmentHeader, AKindThatThereIsNotIsRefusedBehindASoundChecksum) {
  std::vector<uint8_t> block = Encoded(HeaderOf(1, 1), 0);
  Store(block.data() + header::kKindAt, kLastFileKind + 1);
  FixChecksum(&block, header::kChecksumAt);
  EXPECT_EQ(Check(block), HeaderState::kDamaged);
}

TEST(Identity, ReadsAsItWasWrittenAndAnyFlippedBitIsSeen) {
  const LogId id = HeaderOf(1, 1).log_id;
  std::vector<uint8_t> sound(identity::kBytes);
  EncodeIdentity(id, sound.data());
  LogId read{};
  uint32_t version = 0;
  ASSERT_EQ(CheckIdentity(sound.data(), &read, &version), HeaderState::kValid);
  EXPECT_TRUE(read == id);
  for (size_t bit = 0; bit < sound.size() * 8; bit++) {
    std::vector<uint8_t> bytes = sound;
    FlipBit(&bytes, bit);
    ASSERT_NE(CheckIdentity(bytes.data(), &read, &version), HeaderState::kValid);
  }
}

TEST(Identity, IsShownAsHexadecimalDigits) {
  EXPECT_EQ(LogIdText(HeaderOf(1, 1).log_id), std::string("000102030405060708090a0b0c0d0e0f"));
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
