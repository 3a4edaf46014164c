// Proves the order of steps that makes a segment safe: nothing under its name before it is synced, a seal that counts
// only after it was synced, and no half-written batch left behind a failed write.
#include <cerrno>

#include "directory_scan.h"
#include "segment_name.h"
#include "segment_writer.h"
#include "test_log.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

class Fixture {
 public:
  explicit Fixture(uint64_t planned_bytes = kMinSegmentBytes) {
    EXPECT_OK(world.environment().files->OpenDirectory("", true, &directory));
    spare = std::make_unique<SpareSegment>(directory.get(), planned_bytes);
    header = HeaderOf(1, 1);
    header.planned_bytes = planned_bytes;
    EXPECT_OK(SegmentWriter::Prepare(directory.get(), spare.get(), header, &writer));
  }

  Status WriteEntries(uint64_t first_lsn, uint64_t count, size_t payload_bytes = 10) {
    Batch batch;
    writer->BeginBatch(&users, 0, &batch);
    for (uint64_t lsn = first_lsn; lsn < first_lsn + count; lsn++) {
      TestEntry entry = EntryOf(lsn);
      entry.payload = std::string(payload_bytes, 'p');
      EXPECT_TRUE(batch.Add(Borrowed(entry), UINT64_MAX));
    }
    return writer->WriteBatch(&batch, first_lsn - 1, 5);
  }

  SegmentScan Scan() { return Scan(&world); }

  static SegmentScan Scan(MemoryWorld* world) {
    std::unique_ptr<Directory> directory;
    EXPECT_OK(world->environment().files->OpenDirectory("", false, &directory));
    DirectoryScan scan;
    EXPECT_OK(ScanOneFile(directory.get(), SegmentName(1), &scan));
    return scan.segments[0];
  }

  MemoryWorld world;
  std::unique_ptr<Directory> directory;
  std::unique_ptr<SpareSegment> spare;
  SegmentHeader header;
  NumberedUsers users;
  std::unique_ptr<SegmentWriter> writer;
};

TEST(SegmentWriter, HasItsNameOnlyWhenItsHeaderIsDurable) {
  Fixture fixture;
  std::vector<Call> calls;
  fixture.world.SetFault([&](Call call, const std::string&) {
    calls.push_back(call);
    return Status();
  });
  ASSERT_OK(fixture.writer->Publish());
  ASSERT_EQ(calls.size(), 4u);
  EXPECT_EQ(calls[0], Call::kSync);
  EXPECT_EQ(calls[1], Call::kRename);
  EXPECT_EQ(calls[2], Call::kDirectorySync);
  EXPECT_EQ(calls[3], Call::kOpen);  // to write ahead in what was not written before
}

TEST(SegmentWriter, WhatWasPublishedInVainCanBeWithdrawn) {
  for (const Call failing : {Call::kSync, Call::kRename, Call::kDirectorySync}) {
    Fixture fixture;
    fixture.world.SetFault([failing](Call call, const std::string&) {
      return call == failing ? Status(ErrorCode::kIo, "failed", EIO) : Status();
    });
    EXPECT_EQ(fixture.writer->Publish().code(), ErrorCode::kIo);
    fixture.writer->Withdraw();
    EXPECT_TRUE(fixture.world.names().empty());
  }
}

TEST(SegmentWriter, BatchesAndMarksReadBack) {
  Fixture fixture;
  ASSERT_OK(fixture.writer->Publish());
  ASSERT_OK(fixture.WriteEntries(1, 10));
  ASSERT_OK(fixture.WriteEntries(11, 5));
  ASSERT_OK(fixture.writer->WriteIdleMark(16, 5));
  const SegmentScan scan = fixture.Scan();
  EXPECT_EQ(scan.entries, 15u);
  EXPECT_EQ(scan.batches, 2u);
  EXPECT_EQ(scan.durable_claim, 15u);
  EXPECT_EQ(scan.end_offset, fixture.writer->position());
  EXPECT_FALSE(scan.sealed);
}

TEST(SegmentWriter, ASealedSegmentEndsBehindItsSeal) {
  Fixture fixture;
  ASSERT_OK(fixture.writer->Publish());
  ASSERT_OK(fixture.WriteEntries(1, 10));
  const uint64_t position = fixture.writer->position();
  ASSERT_OK(fixture.writer->Seal(11, 5));
  EXPECT_EQ(fixture.world.Contents(SegmentName(1)).size(), position + kSealBytes);
  const SegmentScan scan = fixture.Scan();
  EXPECT_TRUE(scan.sealed);
  EXPECT_EQ(scan.durable_claim, 10u);
  EXPECT_EQ(scan.entries, 10u);
}

// Writes batches of one entry until nothing more fits, so that the last one fills the segment to the last word.
void Fill(Fixture* fixture) {
  uint64_t lsn = 1;
  while (fixture->writer->room() >= 4096) ASSERT_OK(fixture->WriteEntries(lsn++, 1, 1000));
  const uint64_t room = fixture->writer->room();
  ASSERT_TRUE(room > 200);
  ASSERT_OK(fixture->WriteEntries(lsn, 1, static_cast<size_t>(room - EntryRecordBytes(6, 0))));
  EXPECT_LE(fixture->writer->room(), kRecordAlignment);
}

TEST(SegmentWriter, ASealThatWasNotSyncedDoesNotCountHoweverFullTheSegment) {
  // A file that ends exactly behind its seal says that the seal, and all before it, was synced. So no seal may come to
  // lie at the end of a file that was not cut: not in a full segment, not behind an idle mark, not after lost space.
  for (const bool idle_mark : {false, true}) {
    for (const bool space_was_lost : {false, true}) {
      Fixture fixture;
      ASSERT_OK(fixture.writer->Publish());
      if (space_was_lost) ASSERT_OK(fixture.writer->CutToPosition());
      Fill(&fixture);
      const uint64_t last_lsn = fixture.Scan().entries;
      if (idle_mark && fixture.writer->RoomForIdleMark()) ASSERT_OK(fixture.writer->WriteIdleMark(last_lsn + 1, 5));
      fixture.world.SetFault([](Call call, const std::string&) {
        return call == Call::kSync ? Status(ErrorCode::kIo, "failed", EIO) : Status();
      });
      EXPECT_FALSE(fixture.writer->Seal(last_lsn + 1, 5).ok());
      EXPECT_FALSE(fixture.Scan().sealed);
      EXPECT_EQ(fixture.Scan().entries, last_lsn);
    }
  }
}

TEST(SegmentWriter, AFullSegmentStillHasRoomForItsSeal) {
  Fixture fixture;
  ASSERT_OK(fixture.writer->Publish());
  Fill(&fixture);
  const uint64_t last_lsn = fixture.Scan().entries;
  if (fixture.writer->RoomForIdleMark()) ASSERT_OK(fixture.writer->WriteIdleMark(last_lsn + 1, 5));
  ASSERT_OK(fixture.writer->Seal(last_lsn + 1, 5));
  EXPECT_LE(fixture.world.Contents(SegmentName(1)).size(), kMinSegmentBytes);
  EXPECT_TRUE(fixture.Scan().sealed);
}

TEST(SegmentWriter, AFailedWriteLeavesNothingHalfWrittenAndPositionWhereItWas) {
  Fixture fixture;
  ASSERT_OK(fixture.writer->Publish());
  ASSERT_OK(fixture.WriteEntries(1, 10));
  const uint64_t position = fixture.writer->position();
  fixture.world.SetFault([](Call call, const std::string&) {
    return call == Call::kWrite ? Status(ErrorCode::kNoSpace, "full", ENOSPC) : Status();
  });
  EXPECT_EQ(fixture.WriteEntries(11, 10).code(), ErrorCode::kNoSpace);
  EXPECT_EQ(fixture.writer->position(), position);
  EXPECT_EQ(fixture.Scan().entries, 14u);  // half of the batch did get there
  fixture.world.SetFault(nullptr);
  ASSERT_OK(fixture.writer->CutToPosition());
  EXPECT_FALSE(fixture.writer->reserved());
  EXPECT_EQ(fixture.Scan().entries, 10u);
  EXPECT_EQ(fixture.world.Contents(SegmentName(1)).size(), kMinSegmentBytes);
  ASSERT_OK(fixture.WriteEntries(11, 3));
  EXPECT_EQ(fixture.Scan().entries, 13u);
  EXPECT_TRUE(fixture.Scan().findings.size() <= 1);
}

TEST(SegmentWriter, AFileThatIsCutForLackOfSpaceEndsBehindItsLastRecordWhereverThePowerGoes) {
  // Anything else that is shorter than planned would be told as a file that lost its seal.
  Dice dice(1);
  uint64_t shorter = 0;
  for (uint64_t call = 1; call <= 4; call++) {
    for (int relived = 0; relived < 50; relived++) {
      Fixture fixture;
      ASSERT_OK(fixture.writer->Publish());
      ASSERT_OK(fixture.WriteEntries(1, 3));
      ASSERT_OK(fixture.writer->Sync());
      ASSERT_OK(fixture.writer->WriteIdleMark(4, 5));
      fixture.world.CutAtCall(call);
      const Status cut = fixture.writer->CutToPosition();
      EXPECT_EQ(cut.ok(), fixture.world.powered());
      const std::unique_ptr<MemoryWorld> after = fixture.world.AfterPowerCut(&dice);
      const SegmentScan scan = Fixture::Scan(after.get());
      EXPECT_EQ(scan.entries, 3u);
      if (scan.file_bytes == kMinSegmentBytes) continue;
      shorter++;
      EXPECT_EQ(scan.file_bytes, scan.end_offset);
    }
  }
  EXPECT_NE(shorter, 0u);
}

TEST(SealLeftSegment, CutsAtTheOffsetAndSaysUpToWhere) {
  Fixture fixture;
  ASSERT_OK(fixture.writer->Publish());
  ASSERT_OK(fixture.WriteEntries(1, 10));
  const uint64_t offset = fixture.writer->position();
  ASSERT_OK(fixture.WriteEntries(11, 10));
  ASSERT_OK(SealLeftSegment(fixture.directory.get(), SegmentName(1), fixture.header, offset, 10, 5));
  const SegmentScan scan = fixture.Scan();
  EXPECT_TRUE(scan.sealed);
  EXPECT_EQ(scan.entries, 10u);
  EXPECT_EQ(scan.file_bytes, offset + kSealBytes);
  EXPECT_EQ(scan.durable_claim, 10u);
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
