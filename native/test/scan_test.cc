// Proves that a scan of damaged bytes loses no more than the damage touches, delivers nothing that was not written at
// this very place, and needs a number of steps that is linear in the bytes, whatever they say.
#include <algorithm>

#include "properties.h"
#include "scan.h"
#include "segment_bytes.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

std::vector<TestEntry> EntriesOf(const SegmentBytes& segment) {
  return testing::EntriesOf(Bytes(segment.bytes().data(), segment.bytes().size()), segment.seed());
}

TEST(Scan, ASoundSegmentIsReadWhole) {
  const SegmentBytes segment = SmallSegment(30);
  const std::vector<TestEntry> entries = EntriesOf(segment);
  ASSERT_EQ(entries.size(), 30u);
  for (uint64_t lsn = 1; lsn <= 30; lsn++) EXPECT_TRUE(entries[static_cast<size_t>(lsn - 1)] == EntryOf(lsn));
}

TEST(Scan, AnyFlippedBitLosesAtMostOneEntryAndFalsifiesNone) {
  const SegmentBytes segment = SmallSegment(30);
  for (size_t bit = kSegmentDataAt * 8; bit < segment.bytes().size() * 8; bit++) {
    std::vector<uint8_t> bytes = segment.bytes();
    FlipBit(&bytes, bit);
    const std::vector<TestEntry> entries = testing::EntriesOf(Bytes(bytes.data(), bytes.size()), segment.seed());
    ASSERT_TRUE(entries.size() >= 29);
    for (const TestEntry& entry : entries) ASSERT_TRUE(entry == EntryOf(entry.lsn));
  }
}

TEST(Scan, AZeroedSectorLosesOnlyWhatItTouches) {
  const SegmentBytes segment = SmallSegment(60);
  for (size_t sector = kSegmentDataAt / 512; sector * 512 < segment.bytes().size(); sector++) {
    std::vector<uint8_t> bytes = segment.bytes();
    ZeroSector(&bytes, sector);
    const std::vector<ScanStep> sound = ScanAll(Bytes(segment.bytes().data(), bytes.size()), segment.seed());
    size_t untouched = 0;
    for (const ScanStep& step : sound) {
      const bool apart = step.end <= sector * 512 || step.offset >= (sector + 1) * 512;
      untouched += step.kind == ScanKind::kEntry && apart ? 1 : 0;
    }
    ASSERT_TRUE(testing::EntriesOf(Bytes(bytes.data(), bytes.size()), segment.seed()).size() >= untouched);
  }
}

TEST(Scan, ATruncationAtAnyLengthLeavesAPrefix) { EXPECT_EQ(CheckTruncationAtEveryLength(), std::string()); }

TEST(Scan, ADamagedBodyIsExactlyOneEntryOfKnownLsn) {
  SegmentBytes segment = SmallSegment(5);
  const std::vector<ScanStep> sound = ScanAll(Bytes(segment.bytes().data(), segment.bytes().size()), segment.seed());
  for (const ScanStep& step : sound) {
    if (step.kind != ScanKind::kEntry) continue;
    std::vector<uint8_t> bytes = segment.bytes();
    FlipBit(&bytes, (step.end - 1) * 8);
    const std::vector<ScanStep> steps = ScanAll(Bytes(bytes.data(), bytes.size()), segment.seed());
    const auto damaged = std::find_if(steps.begin(), steps.end(),
                                      [](const ScanStep& one) { return one.kind == ScanKind::kDamagedEntry; });
    ASSERT_TRUE(damaged != steps.end());
    EXPECT_EQ(damaged->record.entry.lsn, step.record.entry.lsn);
    EXPECT_EQ(damaged->offset, step.offset);
    EXPECT_EQ(damaged->end, step.end);
  }
}

TEST(Scan, ARecordInsideAPayloadIsNeverDelivered) {
  // A payload holds whole records of this very segment: as they were staged, as they stand at another offset, and, the
  // worst that can be written, with the checksum for the place where they will lie.
  for (size_t shift = 0; shift < 8; shift++) {
    SegmentBytes segment(HeaderOf(1, 1));
    segment.AddMark(MarkKind::kBatch, 1, 0);
    TestEntry carrier = EntryOf(1);
    carrier.payload = std::string(shift, 'x');
    for (int copy = 0; copy < 3; copy++) {
      std::vector<uint8_t> inner = Encoded(EntryOf(2));
      if (copy == 1) PlaceEntry(inner.data(), segment.seed(), 9000);
      const size_t at = segment.bytes().size() + entry::kUserIdAt + carrier.user_id.size() + 1 + carrier.payload.size();
      if (copy == 2) PlaceEntry(inner.data(), segment.seed(), at);
      carrier.payload.append(inner.begin(), inner.end());
    }
    const uint64_t offset = segment.Add(carrier);
    segment.Add(EntryOf(3));
    ASSERT_EQ(EntriesOf(segment).size(), 2u);
    // The header of the carrier is damaged, so that the scan looks for records among its bytes. Only the one that knows
    // the salt, the number and its own offset could be met, and no writer of payloads knows the salt.
    FlipBit(&segment.bytes(), (offset + entry::kPayloadBytesAt) * 8);
    for (const TestEntry& entry : EntriesOf(segment)) {
      const bool forged_with_salt = entry.lsn == 2;
      ASSERT_TRUE(entry.lsn == 3 || (forged_with_salt && (shift + carrier.user_id.size() + 1) % 8 == 4));
    }
  }
}

TEST(Scan, ARecordOfAnotherSegmentIsNotDelivered) {
  SegmentBytes other(HeaderOf(2, 1));
  SegmentBytes segment(HeaderOf(1, 1));
  other.Add(EntryOf(1));
  segment.Add(EntryOf(1));
  ASSERT_EQ(other.bytes().size(), segment.bytes().size());
  EXPECT_EQ(testing::EntriesOf(Bytes(other.bytes().data(), other.bytes().size()), segment.seed()).size(), 0u);
}

TEST(Scan, WhatIsNoRecordIsOneStepUpToTheNextRecord) {
  SegmentBytes segment(HeaderOf(1, 1));
  segment.Add(EntryOf(1));
  const uint64_t junk_at = segment.bytes().size();
  segment.AddZeros(4096);
  segment.bytes()[junk_at + 100] = 1;
  const uint64_t after = segment.Add(EntryOf(2));
  segment.AddZeros(1000);
  const std::vector<ScanStep> steps = ScanAll(Bytes(segment.bytes().data(), segment.bytes().size()), segment.seed());
  ASSERT_EQ(steps.size(), 5u);
  EXPECT_EQ(steps[1].kind, ScanKind::kUnknown);
  EXPECT_EQ(steps[1].offset, junk_at);
  EXPECT_EQ(steps[1].end, after);
  EXPECT_EQ(steps[1].nonzero_end, junk_at + 101);
  EXPECT_EQ(steps[3].kind, ScanKind::kUnknown);
  EXPECT_FALSE(steps[3].nonzero);
  EXPECT_EQ(steps[4].kind, ScanKind::kEnd);
}

// Drives a scanner through windows of `window_bytes` and counts its calls and the bytes that it asked for again. With
// `pass`, it passes over whole records before each step.
struct Work {
  uint64_t calls = 0;
  uint64_t bytes_supplied = 0;
  uint64_t entries = 0;
  std::string unknown;  // "4096-4160 ..."
};
Work ScanInWindows(const std::vector<uint8_t>& bytes, uint32_t seed, size_t window_bytes, bool pass = false) {
  Work work;
  Scanner scanner(seed, 1, kSegmentDataAt);
  size_t want = window_bytes;
  for (ScanStep step;;) {
    const size_t from = static_cast<size_t>(scanner.position());
    const size_t size = std::min(bytes.size() - from, std::max(want, window_bytes));
    work.calls++;
    work.bytes_supplied += size;
    const Bytes window(bytes.data() + from, size);
    if (pass) {
      scanner.Pass(window, from, [&work](const Record& record, uint64_t) {
        work.entries += record.state == RecordState::kEntry ? 1 : 0;
        return true;
      });
    }
    scanner.Next(window, from, from + size == bytes.size(), &step);
    want = step.kind == ScanKind::kNeedMore ? step.bytes : window_bytes;
    work.entries += step.kind == ScanKind::kEntry ? 1 : 0;
    if (step.kind == ScanKind::kUnknown) work.unknown += std::to_string(step.offset) + "-" + std::to_string(step.end) + " ";
    if (step.kind == ScanKind::kEnd) return work;
  }
}

TEST(Scan, WindowsOfAnySizeGiveTheSameEntries) {
  const SegmentBytes segment = SmallSegment(40);
  for (const size_t window_bytes : {8u, 16u, 40u, 48u, 100u, 512u, 4096u, 100000u}) {
    EXPECT_EQ(ScanInWindows(segment.bytes(), segment.seed(), window_bytes).entries, 40u);
    EXPECT_EQ(ScanInWindows(segment.bytes(), segment.seed(), window_bytes, true).entries, 40u);
  }
}

TEST(Scan, PassingLeavesStretchesThatAreNoRecordsAsTheyAreInWindowsOfAnySize) {
  SegmentBytes segment = SmallSegment(40);
  // Each hides the beginning of a record, and records follow it.
  for (const size_t from : {kSegmentDataAt + 400, kSegmentDataAt + 3000}) {
    std::fill_n(segment.bytes().begin() + static_cast<std::ptrdiff_t>(from), 400, uint8_t{0xee});
  }
  const Work whole = ScanInWindows(segment.bytes(), segment.seed(), segment.bytes().size());
  EXPECT_NE(whole.unknown, std::string());
  for (const size_t window_bytes : {8u, 16u, 40u, 48u, 100u, 512u, 4096u, 100000u}) {
    const Work passed = ScanInWindows(segment.bytes(), segment.seed(), window_bytes, true);
    EXPECT_EQ(passed.entries, whole.entries);
    EXPECT_EQ(passed.unknown, whole.unknown);
  }
}

TEST(Scan, BytesThatAllLookLikeHeadersTakeALinearNumberOfSteps) {
  // Every eighth byte begins with the magic of an entry of the greatest length, of a mark, or of both.
  for (const uint32_t magic : {entry::kMagic, mark::kMagic}) {
    SegmentBytes segment(HeaderOf(1, 1));
    segment.AddZeros(1 << 20);
    for (size_t at = kSegmentDataAt; at < segment.bytes().size(); at += 8) {
      Store(segment.bytes().data() + at, magic);
      Store(segment.bytes().data() + at + 4, UINT32_MAX);
    }
    constexpr size_t kWindow = 65536;
    const Work work = ScanInWindows(segment.bytes(), segment.seed(), kWindow);
    EXPECT_LE(work.calls, 2 * segment.bytes().size() / kWindow + 3);
    EXPECT_LE(work.bytes_supplied, 3 * segment.bytes().size());
    EXPECT_EQ(work.entries, 0u);
  }
}

TEST(Scan, SoundHeadersOfEntriesThatDoNotFitTakeALinearNumberOfSteps) {
  // Worse than any accident: each header is sound, and claims more bytes than the file has.
  SegmentBytes segment(HeaderOf(1, 1));
  segment.AddZeros(1 << 18);
  std::vector<uint8_t>& bytes = segment.bytes();
  for (size_t at = kSegmentDataAt; at + entry::kTimestampAt <= bytes.size(); at += 40) {
    std::vector<uint8_t> record = Encoded(EntryOf(at));
    Store(record.data() + entry::kPayloadBytesAt, static_cast<uint32_t>(kMaxPayloadBytes));
    PlaceEntry(record.data(), segment.seed(), at);
    std::copy(record.begin(), record.begin() + entry::kTimestampAt, bytes.begin() + static_cast<std::ptrdiff_t>(at));
  }
  const Work work = ScanInWindows(bytes, segment.seed(), 65536);
  EXPECT_LE(work.calls, 8u);
  EXPECT_EQ(work.entries, 0u);
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
