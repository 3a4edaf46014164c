// Proves that passing over entries says of a segment what a walk from entry to entry says, wherever it is damaged, out of
// order, superseded or cut: the same entries, findings, places and proofs.
#include <string>
#include <vector>

#include "batch.h"
#include "memory_file_system.h"
#include "segment_bytes.h"
#include "segment_cursor.h"
#include "segment_name.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

// Batches of entries of both forms, sealed, as a writer leaves them; what each batch is, is in Batches().
class Sample {
 public:
  Sample() : segment_(HeaderOf(1, 1)) {
    for (const size_t entries : {5u, 1u, 9u, 4u, 6u}) AddBatch(entries);
    segment_.AddMark(MarkKind::kSealFirst, last_lsn_ + 1, last_lsn_);
    segment_.AddMark(MarkKind::kSealSecond, last_lsn_ + 1, last_lsn_);
  }

  const SegmentHeader& header() const { return segment_.header(); }
  const std::vector<uint8_t>& bytes() const { return segment_.bytes(); }
  uint64_t last_lsn() const { return last_lsn_; }
  // All records, by a scan of their own.
  std::vector<ScanStep> Records() const { return ScanAll(Bytes(bytes().data(), bytes().size()), segment_.seed()); }

 private:
  void AddBatch(size_t entries) {
    Batch batch;
    batch.Begin(header(), bytes().size(), &users_);
    for (size_t i = 0; i < entries; i++) {
      const uint64_t lsn = ++last_lsn_;
      const std::string id = "user-" + std::to_string(lsn % 3);
      const std::string payload(lsn % 4 == 0 ? 300 : lsn % 11, 'p');
      Entry entry;
      entry.lsn = lsn;
      entry.timestamp_ms = static_cast<int64_t>(1000 + lsn);
      entry.operation = 2;
      // Every seventh has no number, and so takes the full form.
      entry.user_number = lsn % 7 == 0 ? 0 : static_cast<uint32_t>(1 + lsn % 3);
      entry.user_id = Bytes(id.data(), id.size());
      entry.payload = Bytes(payload.data(), payload.size());
      EXPECT_TRUE(batch.Add(entry, UINT64_MAX));
    }
    const Bytes framed = batch.Finish(last_lsn_ - entries, 5);
    segment_.bytes().insert(segment_.bytes().end(), framed.data, framed.data + framed.size);
  }

  SegmentBytes segment_;
  NumberedUsers users_;
  uint64_t last_lsn_ = 0;
};

std::string Text(const Finding& finding) {
  std::string text = " [" + std::to_string(static_cast<int>(finding.kind));
  for (const uint64_t value : {finding.offset, finding.end, finding.lsn_before, finding.lsn_after, finding.nonzero_end}) {
    text += " " + std::to_string(value);
  }
  text += std::string(finding.truncated ? " truncated" : "") + (finding.shares_loss ? " shares" : "");
  for (const Finding::Named& each : finding.named) text += " " + each.user;
  return text + "]";
}

std::string Text(const SegmentCursor::Located& located) {
  return std::to_string(located.entry.lsn) + "@" + std::to_string(located.end) + "/" +
         std::to_string(located.entry.timestamp_ms) + "/" + std::to_string(located.body_checksum);
}

// Everything that a walk says, once passing over what it can and once not.
std::string Walk(const SegmentHeader& header, const std::vector<uint8_t>& bytes, uint64_t bound, bool pass,
                 uint64_t* passed = nullptr) {
  MemoryWorld world;
  std::unique_ptr<Directory> directory;
  EXPECT_OK(world.environment().files->OpenDirectory("", true, &directory));
  std::unique_ptr<File> file;
  EXPECT_OK(directory->Open(SegmentName(1), OpenMode::kCreateNew, &file));
  const Bytes part(bytes.data(), bytes.size());
  EXPECT_OK(file->WriteAt(0, &part, 1));
  std::unique_ptr<SegmentSource> source;
  EXPECT_OK(SegmentSource::Open(directory.get(), SegmentName(1), &source));
  SegmentCursor cursor(source.get(), header, bound);
  uint64_t entries = 0;
  SegmentCursor::Located located;
  for (bool found = true; found;) {
    EXPECT_OK(cursor.Next(&located, &found));
    if (!found) break;
    const uint64_t more = pass ? cursor.PassEntries(&located) : 0;
    entries += 1 + more;
    if (passed != nullptr) *passed += more;
  }
  std::string text = std::to_string(entries) + " entries, last " + (entries == 0 ? "none" : Text(located));
  for (const uint64_t value : {cursor.last_lsn(), cursor.end_offset(), cursor.durable_claim(), cursor.batches(),
                               cursor.superseded_at()}) {
    text += " " + std::to_string(value);
  }
  text += cursor.sealed() ? " sealed" : "";
  for (const Finding& finding : cursor.findings()) text += Text(finding);
  return text;
}

void ExpectSame(const SegmentHeader& header, const std::vector<uint8_t>& bytes, uint64_t bound = UINT64_MAX) {
  ASSERT_EQ(Walk(header, bytes, bound, true), Walk(header, bytes, bound, false));
}

TEST(SegmentCursor, PassesOverAllEntriesOfABatchButTheFirst) {
  const Sample sample;
  uint64_t passed = 0;
  const std::string walk = Walk(sample.header(), sample.bytes(), UINT64_MAX, true, &passed);
  EXPECT_EQ(passed, sample.last_lsn() - 5);
  EXPECT_EQ(walk, Walk(sample.header(), sample.bytes(), UINT64_MAX, false));
}

TEST(SegmentCursor, PassingFindsTheSameWhateverByteIsDamaged) {
  const Sample sample;
  for (size_t byte = kSegmentDataAt; byte < sample.bytes().size(); byte++) {
    std::vector<uint8_t> bytes = sample.bytes();
    FlipBit(&bytes, byte * 8 + byte % 8);
    ExpectSame(sample.header(), bytes);
  }
}

TEST(SegmentCursor, PassingFindsTheSameWhateverStretchIsZeroOrCutOff) {
  const Sample sample;
  for (size_t from = kSegmentDataAt; from < sample.bytes().size(); from += 8) {
    std::vector<uint8_t> bytes = sample.bytes();
    for (size_t at = from; at < std::min(bytes.size(), from + 136); at++) bytes[at] = 0;
    ExpectSame(sample.header(), bytes);
    bytes = sample.bytes();
    bytes.resize(from + from % 7);
    ExpectSame(sample.header(), bytes);
  }
}

TEST(SegmentCursor, PassingEndsAtTheBoundAsSteppingDoes) {
  const Sample sample;
  for (uint64_t bound = 0; bound <= sample.last_lsn() + 1; bound++) ExpectSame(sample.header(), sample.bytes(), bound);
}

// A record is bound to its place, so only a writer at fault can leave LSNs out of order: each entry in turn is made again
// with another LSN, its checksums sound.
TEST(SegmentCursor, PassingFindsTheSameWhereLsnsAreOutOfOrder) {
  const Sample sample;
  const uint32_t seed = SegmentSeed(sample.header().salt, sample.header().number);
  for (const ScanStep& step : sample.Records()) {
    if (step.kind != ScanKind::kEntry || !step.record.is_short) continue;
    for (const uint64_t lsn : {uint64_t{1}, step.record.entry.lsn - 1, step.record.entry.lsn + 1, uint64_t{999}}) {
      if (lsn == 0) continue;
      std::vector<uint8_t> bytes = sample.bytes();
      Entry entry = step.record.entry;
      const std::vector<uint8_t> payload(entry.payload.data, entry.payload.data + entry.payload.size);
      entry.lsn = lsn;
      entry.payload = Bytes(payload.data(), payload.size());
      EncodeShortEntry(entry, sample.header().first_lsn, step.record.user_check, seed, step.offset,
                       bytes.data() + step.offset);
      ExpectSame(sample.header(), bytes);
    }
  }
}

// A number that no user record names, with checksums that are sound.
TEST(SegmentCursor, PassingLeavesEntriesOfUnknownUsersToTheStep) {
  const Sample sample;
  const uint32_t seed = SegmentSeed(sample.header().salt, sample.header().number);
  for (const ScanStep& step : sample.Records()) {
    if (step.kind != ScanKind::kEntry || !step.record.is_short) continue;
    std::vector<uint8_t> bytes = sample.bytes();
    Entry entry = step.record.entry;
    entry.user_number = 77;
    EncodeShortEntry(entry, sample.header().first_lsn, step.record.user_check, seed, step.offset,
                     bytes.data() + step.offset);
    ExpectSame(sample.header(), bytes);
  }
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
