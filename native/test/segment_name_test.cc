// Proves that names of segments and checkpoints sort like their numbers and that no other name is taken for one.
#include "segment_name.h"
#include "testing.h"

namespace ingest_wal {
namespace {

TEST(SegmentName, HasSixteenDigits) {
  EXPECT_EQ(SegmentName(1), std::string("0000000000000001.wal"));
  EXPECT_EQ(SegmentName(kMaxSegmentNumber), std::string("9999999999999999.wal"));
}

TEST(SegmentName, ReadsAsItWasMade) {
  for (const uint64_t number : {uint64_t{1}, uint64_t{42}, uint64_t{1} << 40, kMaxSegmentNumber}) {
    uint64_t read = 0;
    ASSERT_TRUE(ParseSegmentName(SegmentName(number), &read));
    EXPECT_EQ(read, number);
  }
}

TEST(SegmentName, NothingElseIsOne) {
  for (const char* name : {"", "0000000000000000.wal", "1.wal", "000000000000001.wal", "00000000000000001.wal",
                           "000000000000000a.wal", "+000000000000001.wal", " 000000000000001.wal",
                           "0000000000000001.WAL", "0000000000000001.wal.gz", "0000000000000001.wal.tmp",
                           "0000000000000001wal", "log.id", "LOCK", "spare.tmp"}) {
    uint64_t number = 0;
    if (!ParseSegmentName(name, &number)) continue;
    testing::Fail(__FILE__, __LINE__, std::string(name) + " was taken for a segment");
  }
  uint64_t number = 0;
  EXPECT_FALSE(ParseSegmentName(std::string("0000000000000001.wal\0", 21), &number));
}

TEST(CheckpointName, ReadsAsItWasMadeAndIsNoSegments) {
  EXPECT_EQ(CheckpointName(42), std::string("0000000000000042.ckpt"));
  for (const uint64_t number : {uint64_t{1}, uint64_t{42}, kMaxSegmentNumber}) {
    uint64_t read = 0;
    ASSERT_TRUE(ParseCheckpointName(CheckpointName(number), &read));
    EXPECT_EQ(read, number);
    EXPECT_FALSE(ParseSegmentName(CheckpointName(number), &read));
    EXPECT_FALSE(ParseCheckpointName(SegmentName(number), &read));
    EXPECT_FALSE(ParseCheckpointName(CheckpointName(number) + kTemporarySuffix, &read));
    EXPECT_TRUE(IsTemporaryName(CheckpointName(number) + kTemporarySuffix));
  }
  uint64_t read = 0;
  EXPECT_FALSE(ParseCheckpointName("0000000000000000.ckpt", &read));
}

TEST(CompressedSegmentName, ReadsAsItWasMadeAndIsNoPlainSegments) {
  EXPECT_EQ(CompressedSegmentName(42), std::string("0000000000000042.wal.gz"));
  uint64_t read = 0;
  ASSERT_TRUE(ParseCompressedSegmentName(CompressedSegmentName(kMaxSegmentNumber), &read));
  EXPECT_EQ(read, kMaxSegmentNumber);
  EXPECT_FALSE(ParseSegmentName(CompressedSegmentName(42), &read));
  EXPECT_FALSE(ParseCompressedSegmentName(SegmentName(42), &read));
  EXPECT_FALSE(ParseCompressedSegmentName(CompressedSegmentName(42) + kTemporarySuffix, &read));
  EXPECT_TRUE(IsCompressedName(CompressedSegmentName(42)));
  EXPECT_TRUE(IsCompressedName(CompressedSegmentName(42) + kTemporarySuffix));
  EXPECT_FALSE(IsCompressedName(SegmentName(42)));
  EXPECT_FALSE(IsCompressedName("gz"));
}

TEST(TemporaryName, EndsInTmp) {
  EXPECT_TRUE(IsTemporaryName(kSpareName));
  EXPECT_TRUE(IsTemporaryName("log.id.tmp"));
  EXPECT_TRUE(IsTemporaryName(".tmp"));
  EXPECT_FALSE(IsTemporaryName("tmp"));
  EXPECT_FALSE(IsTemporaryName("0000000000000001.wal"));
}

}  // namespace
}  // namespace ingest_wal
