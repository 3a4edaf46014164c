// Proves that a checkpoint counts as whole exactly when it is: gaps between its LSNs are nothing, and every damaged byte,
// every cut, and every header that says something else is noticed.
#include "checkpoint.h"
#include "segment_name.h"
#include "test_log.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

constexpr uint64_t kNumber = 7;

SegmentHeader CheckpointHeader() {
  SegmentHeader header = HeaderOf(kNumber, 3);
  header.kind = FileKind::kCheckpoint;
  header.covered_segment = 4;
  header.covered_lsn = 60;
  header.entries = 3;
  return header;
}

// A whole file of `lsns`, with whatever header.
std::vector<uint8_t> CheckpointOf(const SegmentHeader& header, const std::vector<uint64_t>& lsns = {3, 9, 50}) {
  SegmentBytes file(header);
  file.AddMark(MarkKind::kBatch, header.first_lsn, header.first_lsn - 1);
  for (const uint64_t lsn : lsns) file.Add(EntryOf(lsn));
  file.AddMark(MarkKind::kSealFirst, header.covered_lsn + 1, header.covered_lsn);
  file.AddMark(MarkKind::kSealSecond, header.covered_lsn + 1, header.covered_lsn);
  return file.bytes();
}

CheckpointScan Check(const std::vector<uint8_t>& bytes) {
  MemoryWorld world;
  world.Put(CheckpointName(kNumber), bytes);
  std::unique_ptr<Directory> directory;
  EXPECT_OK(world.environment().files->OpenDirectory("wal", false, &directory));
  CheckpointScan checkpoint;
  EXPECT_OK(CheckCheckpoint(directory.get(), CheckpointName(kNumber), kNumber, CheckpointHeader().log_id, &checkpoint));
  return checkpoint;
}

void ExpectFlaw(const std::vector<uint8_t>& bytes, const std::string& flaw) { EXPECT_EQ(Check(bytes).flaw, flaw); }

TEST(Checkpoint, WithGapsBetweenItsLsnsIsWhole) {
  const CheckpointScan checkpoint = Check(CheckpointOf(CheckpointHeader()));
  EXPECT_EQ(checkpoint.flaw, std::string());
  EXPECT_EQ(checkpoint.first_lsn, 3u);
  EXPECT_EQ(checkpoint.last_lsn, 50u);
  EXPECT_EQ(checkpoint.file.entries, 3u);
  EXPECT_EQ(checkpoint.file.header.covered_lsn, 60u);
  uint32_t content = 0;
  for (const uint64_t lsn : {3, 9, 50}) {
    const TestEntry entry = EntryOf(lsn);
    content = ContentChecksum(content, Borrowed(entry));
  }
  EXPECT_EQ(checkpoint.content_checksum, content);
}

TEST(Checkpoint, WithoutEntriesIsWhole) {
  SegmentHeader header = CheckpointHeader();
  header.first_lsn = header.covered_lsn + 1;
  header.entries = 0;
  SegmentBytes file(header);
  file.AddMark(MarkKind::kSealFirst, 61, 60);
  file.AddMark(MarkKind::kSealSecond, 61, 60);
  EXPECT_EQ(Check(file.bytes()).flaw, std::string());
}

TEST(Checkpoint, ThatSaysItIsSomethingElseIsNotWhole) {
  SegmentHeader header = CheckpointHeader();
  header.kind = FileKind::kSegment;
  ExpectFlaw(CheckpointOf(header), "its header says that it is segment 7");
  header = CheckpointHeader();
  header.number = 8;
  ExpectFlaw(CheckpointOf(header), "its header says that it is checkpoint 8");
  header = CheckpointHeader();
  header.log_id[0] ^= 1;
  ExpectFlaw(CheckpointOf(header), "belongs to log " + LogIdText(header.log_id));
}

TEST(Checkpoint, WithOtherEntriesThanItsHeaderSaysIsNotWhole) {
  ExpectFlaw(CheckpointOf(CheckpointHeader(), {3, 9}), "has 2 entries instead of 3");
  ExpectFlaw(CheckpointOf(CheckpointHeader(), {3, 9, 61}), "has entry 61, beyond what it covers, 60");
  EXPECT_FALSE(Check(CheckpointOf(CheckpointHeader(), {3, 50, 9})).whole());
  EXPECT_FALSE(Check(CheckpointOf(CheckpointHeader(), {3, 9, 9})).whole());
}

TEST(Checkpoint, OfANewerVersionIsNamedSo) {
  std::vector<uint8_t> bytes = CheckpointOf(CheckpointHeader());
  for (const size_t copy : {size_t{0}, header::kCopyBytes}) Store(&bytes[copy + header::kVersionAt], kFormatVersion + 1);
  MemoryWorld world;
  world.Put(CheckpointName(kNumber), bytes);
  std::unique_ptr<Directory> directory;
  ASSERT_OK(world.environment().files->OpenDirectory("wal", false, &directory));
  CheckpointScan checkpoint;
  EXPECT_EQ(CheckCheckpoint(directory.get(), CheckpointName(kNumber), kNumber, HeaderOf(1, 1).log_id, &checkpoint).code(),
            ErrorCode::kNewerFormat);
}

TEST(Checkpoint, EveryDamagedByteIsNoticed) {
  const std::vector<uint8_t> sound = CheckpointOf(CheckpointHeader());
  const uint32_t content = Check(sound).content_checksum;
  for (size_t at = 0; at < sound.size(); at++) {
    std::vector<uint8_t> bytes = sound;
    bytes[at] ^= static_cast<uint8_t>(1 << at % 8);
    const CheckpointScan checkpoint = Check(bytes);
    const size_t copy = at / header::kCopyBytes;
    // One copy of the header suffices: the file is whole, and the damage is known.
    const bool noticed = at < kSegmentDataAt ? checkpoint.whole() && checkpoint.file.header_copy_damaged[copy] &&
                                                   checkpoint.content_checksum == content
                                             : !checkpoint.whole();
    if (!noticed) Fail(__FILE__, __LINE__, "byte " + std::to_string(at) + " is damaged, and it counts as whole");
  }
}

TEST(Checkpoint, WithoutASoundHeaderIsNotWhole) {
  std::vector<uint8_t> bytes = CheckpointOf(CheckpointHeader());
  bytes[header::kSaltAt] ^= 1;
  bytes[header::kCopyBytes + header::kSaltAt] ^= 1;
  EXPECT_EQ(Check(bytes).file.rejected_kind, std::string(damage_kind::kSegmentHeader));
  EXPECT_FALSE(Check(bytes).whole());
}

TEST(Checkpoint, CutAnywhereIsNotWhole) {
  const std::vector<uint8_t> sound = CheckpointOf(CheckpointHeader());
  for (size_t size = 0; size < sound.size(); size += size < kSegmentDataAt ? 512 : 1) {
    std::vector<uint8_t> bytes = sound;
    Truncate(&bytes, size);
    if (Check(bytes).whole()) Fail(__FILE__, __LINE__, "cut to " + std::to_string(size) + " bytes, and it counts as whole");
  }
  std::vector<uint8_t> longer = sound;
  longer.resize(longer.size() + 8);
  EXPECT_EQ(Check(longer).flaw, std::string("does not end with its seal"));
}

TEST(Checkpoint, UnderASegmentsNameIsNoSegment) {
  MemoryWorld world;
  world.Put(SegmentName(kNumber), CheckpointOf(CheckpointHeader()));
  const DirectoryReport report = Inspect(&world).report;
  ASSERT_EQ(report.segments.size(), 1u);
  EXPECT_EQ(report.segments[0].state, SegmentState::kRejected);
  EXPECT_EQ(Describe(report.damage), std::string("identity, misplaced_segment in 7"));
}

TEST(Checkpoint, ThatIsNoFileIsNotWhole) {
  MemoryWorld world;
  world.not_files[CheckpointName(kNumber)] = EntryKind::kOther;
  std::unique_ptr<Directory> directory;
  ASSERT_OK(world.environment().files->OpenDirectory("wal", false, &directory));
  CheckpointScan checkpoint;
  ASSERT_OK(CheckCheckpoint(directory.get(), CheckpointName(kNumber), kNumber, CheckpointHeader().log_id, &checkpoint));
  EXPECT_EQ(checkpoint.file.rejected_kind, std::string(damage_kind::kNotAFile));
  EXPECT_FALSE(checkpoint.whole());
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
