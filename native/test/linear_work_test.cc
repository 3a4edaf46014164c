// Proves that the work of looking at a segment grows with its size and no faster, whatever stands in it: what is summed and what
// is read of each byte of the file is bounded by one number, which is the same for 64 KiB, 1 MiB and 8 MiB. The segments are the
// worst that there are: at each place where a record can begin, something that looks like one. Work is counted, not timed: this
// is linked with fuzz/counted_crc32c.cc, and reads through a file that counts.
#include <algorithm>
#include <functional>
#include <string>

#include "crc32c.h"
#include "directory_scan.h"
#include "fuzz/counted_crc32c.h"
#include "reader.h"
#include "segment_bytes.h"
#include "segment_layout.h"
#include "segment_name.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

constexpr size_t kAreaBytes[] = {size_t{64} << 10, size_t{1} << 20, size_t{8} << 20};
// At each place, 8 bytes apart, at most a user record of the largest size and a header are summed without a checksum that vouches
// for it: 39 bytes a byte. A body that a sound header vouches for is summed once. A look is a scan, or one by a reader; it may walk
// twice (users, what marks prove), and once more over what a former segment may have left.
constexpr uint64_t kMostSummedPerByteAndWalk = (UserRecordBytes(user_record::kMaxUserIdBytes) + 48) / kRecordAlignment + 2;
constexpr uint64_t kMostWalks = 3;
// Each walk reads a byte once, but for the records at the ends of windows.
constexpr uint64_t kMostReadPerByte = 8;
// Headers, first windows.
constexpr uint64_t kAnyway = 256 << 10;

struct Work {
  uint64_t read = 0;
  uint64_t summed = 0;
};

Status Unsupported() { return Status(ErrorCode::kInvalidArgument, "only read"); }

class CountedFile : public File {
 public:
  CountedFile(const std::vector<uint8_t>* bytes, uint64_t* read) : bytes_(bytes), read_(read) {}
  Status ReadAt(uint64_t offset, uint8_t* to, size_t count, size_t* got) override {
    const uint64_t left = bytes_->size() - std::min<uint64_t>(offset, bytes_->size());
    *got = static_cast<size_t>(std::min<uint64_t>(count, left));
    std::copy_n(bytes_->begin() + static_cast<std::ptrdiff_t>(offset), *got, to);
    *read_ += *got;
    return Status();
  }
  Status Size(uint64_t* size) override {
    *size = bytes_->size();
    return Status();
  }
  Status TryLock(bool, bool* locked) override {
    *locked = true;
    return Status();
  }
  void Unlock() override {}
  Status WriteAt(uint64_t, const Bytes*, size_t) override { return Unsupported(); }
  Status Sync() override { return Unsupported(); }
  Status Allocate(uint64_t, bool*) override { return Unsupported(); }
  Status Truncate(uint64_t) override { return Unsupported(); }

 private:
  const std::vector<uint8_t>* const bytes_;
  uint64_t* const read_;
};

// Of one segment.
class CountedDirectory : public Directory {
 public:
  CountedDirectory(const std::vector<uint8_t>* bytes, uint64_t* read) : bytes_(bytes), read_(read) {}
  Status Open(const std::string& name, OpenMode, std::unique_ptr<File>* file) override {
    if (name != SegmentName(1)) return Status(ErrorCode::kNotFound, name);
    *file = std::make_unique<CountedFile>(bytes_, read_);
    return Status();
  }
  Status List(std::vector<DirectoryEntry>* entries) override {
    entries->push_back({SegmentName(1), EntryKind::kFile});
    return Status();
  }
  Status Rename(const std::string&, const std::string&) override { return Unsupported(); }
  Status Unlink(const std::string&) override { return Unsupported(); }
  Status Sync() override { return Unsupported(); }
  Status Subdirectory(const std::string&, bool, std::unique_ptr<Directory>*) override { return Unsupported(); }
  Status Identity(DirectoryIdentity*) override { return Unsupported(); }
  Status Lock(const std::string&, std::unique_ptr<DirectoryLock>*) override { return Unsupported(); }
  Status IsLocked(const std::string&, bool*) override { return Unsupported(); }

 private:
  const std::vector<uint8_t>* const bytes_;
  uint64_t* const read_;
};

Work CountedWhile(uint64_t* read, const std::function<void()>& look) {
  const uint64_t summed_before = fuzz::SummedBytes();
  *read = 0;
  look();
  return {*read, fuzz::SummedBytes() - summed_before};
}

Work WorkOfScan(const std::vector<uint8_t>& bytes) {
  uint64_t read = 0;
  return CountedWhile(&read, [&] {
    CountedDirectory directory(&bytes, &read);
    DirectoryScan scan;
    ASSERT_OK(ScanOneFile(&directory, SegmentName(1), &scan));
    ASSERT_TRUE(scan.segments.size() == 1 && scan.segments[0].accepted());
    AssembleReport(scan, RingContents());
  });
}

// The scan that comes first is not counted.
Work WorkOfReader(const std::vector<uint8_t>& bytes) {
  uint64_t read = 0;
  std::unique_ptr<Reader> reader;
  const Status opened = Reader::OpenFile(std::make_unique<CountedDirectory>(&bytes, &read), SegmentName(1), ReadOptions(), &reader);
  if (!opened.ok()) return {UINT64_MAX, UINT64_MAX};
  return CountedWhile(&read, [&] {
    for (bool more = true; more;) {
      Chunk chunk;
      ASSERT_OK(reader->Next(&chunk));
      more = !chunk.entries.empty() || !chunk.damage.empty();
    }
  });
}

// What stands at `offset`, in up to `left` bytes: written to `at`; how many bytes further on the next one begins.
using Place = std::function<size_t(uint32_t seed, uint64_t offset, uint8_t* at, size_t left)>;

SegmentHeader WorstHeader(size_t file_bytes) {
  SegmentHeader header = HeaderOf(1, 1);
  // Not cut, and filled again: what is no record is looked at with the former segment's seed as well.
  header.planned_bytes = file_bytes;
  header.former_number = 7;
  header.former_salt = 0x1234;
  return header;
}

std::vector<uint8_t> SegmentOf(size_t area_bytes, const Place& place) {
  const SegmentHeader header = WorstHeader(kSegmentDataAt + area_bytes);
  std::vector<uint8_t> bytes(kSegmentDataAt + area_bytes);
  EncodeHeaderCopies(header, bytes.data());
  const uint32_t seed = SegmentSeed(header.salt, header.number);
  for (size_t at = kSegmentDataAt; at < bytes.size();) at += place(seed, at, bytes.data() + at, bytes.size() - at);
  return bytes;
}

Place Words(uint64_t word) {
  return [word](uint32_t, uint64_t, uint8_t* at, size_t) {
    Store(at, word);
    return kRecordAlignment;
  };
}

// A sound header of a short entry whose body, `body(left)` bytes, is damaged: what follows stands in it.
size_t ShortHeader(uint32_t seed, uint64_t offset, uint8_t* at, size_t left, uint64_t payload_bytes) {
  if (left < short_entry::kPayloadAt) return left;
  Entry entry;
  entry.lsn = offset / kRecordAlignment;
  entry.user_number = 1 + static_cast<uint32_t>(offset % 977);
  entry.operation = 2;
  EncodeShortEntry(entry, 1, 0, seed, offset, at);
  if (payload_bytes == 0) return short_entry::kPayloadAt;
  Store(at + short_entry::kPayloadBytesAt, static_cast<uint16_t>(std::min<uint64_t>(payload_bytes, short_entry::kMaxPayloadBytes)));
  uint8_t place[sizeof(uint64_t)];
  Store(place, offset);
  const uint32_t fields = Crc32c(Crc32c(seed, place, sizeof(place)), at + short_entry::kBodyChecksumAt,
                                 short_entry::kPayloadAt - short_entry::kBodyChecksumAt);
  Store(at + short_entry::kHeaderChecksumAt, Crc32c(fields, at, short_entry::kHeaderChecksumAt));
  return short_entry::kPayloadAt;
}

Place ShortHeaders(const std::function<uint64_t(size_t left)>& payload_bytes) {
  return [payload_bytes](uint32_t seed, uint64_t offset, uint8_t* at, size_t left) {
    return ShortHeader(seed, offset, at, left, payload_bytes(left));
  };
}

Place LongHeaders(const std::function<uint64_t(size_t left)>& payload_bytes) {
  return [payload_bytes](uint32_t seed, uint64_t offset, uint8_t* at, size_t left) {
    std::vector<uint8_t> record = Encoded(EntryOf(offset));
    const size_t bytes = entry::kUserIdAt + EntryOf(offset).user_id.size() + 7;
    const size_t stride = bytes / kRecordAlignment * kRecordAlignment;
    if (left < stride) return left;
    Store(record.data() + entry::kPayloadBytesAt, static_cast<uint32_t>(std::min<uint64_t>(payload_bytes(left), kMaxPayloadBytes)));
    PlaceEntry(record.data(), seed, offset);
    std::copy_n(record.begin(), stride, at);
    return stride;
  };
}

size_t MarkAt(MarkKind kind, uint32_t seed, uint64_t offset, uint8_t* at, size_t left) {
  if (left < mark::kBytes) return left;
  EncodeMark(Mark{offset, offset - 1, 0, 0, 0, kind}, seed, offset, at);
  return mark::kBytes;
}

Place Marks(MarkKind kind) {
  return [kind](uint32_t seed, uint64_t offset, uint8_t* at, size_t left) { return MarkAt(kind, seed, offset, at, left); };
}

// Findings without end: a mark, then a record of the former segment, which is none here.
Place MarksAndFormerRecords() {
  return [](uint32_t seed, uint64_t offset, uint8_t* at, size_t left) {
    const SegmentHeader header = WorstHeader(0);
    const uint32_t former = SegmentSeed(header.former_salt, header.former_number);
    if (offset % 80 < mark::kBytes) return MarkAt(MarkKind::kIdle, seed, offset, at, left);
    return ShortHeader(former, offset, at, left, 0);
  };
}

// Everything in turn, a sound record of one user among it.
Place AllInTurn() {
  const std::vector<Place> places = {
      ShortHeaders([](size_t) { return 200; }), Words(user_record::kMagic | uint64_t{user_record::kMaxUserIdBytes} << 32),
      Marks(MarkKind::kSealFirst), LongHeaders([](size_t left) { return left + 1; }), ShortHeaders([](size_t) { return 0; }),
      MarksAndFormerRecords()};
  return [places](uint32_t seed, uint64_t offset, uint8_t* at, size_t left) {
    return places[(offset / 8 * 2654435761u >> 7) % places.size()](seed, offset, at, left);
  };
}

// No more of each byte than the bound, at every size.
void ExpectLinear(const std::string& what, const Place& place) {
  for (const size_t area : kAreaBytes) {
    const std::vector<uint8_t> bytes = SegmentOf(area, place);
    for (const auto& [by, work] : {std::make_pair("scan", WorkOfScan(bytes)), std::make_pair("reader", WorkOfReader(bytes))}) {
      const std::string of = what + ", " + by + " of " + std::to_string(area) + " bytes: ";
      if (work.summed > kAnyway + kMostWalks * kMostSummedPerByteAndWalk * area) Fail(__FILE__, __LINE__, of + "summed " + std::to_string(work.summed));
      if (work.read > kAnyway + kMostReadPerByte * area) Fail(__FILE__, __LINE__, of + "read " + std::to_string(work.read));
    }
  }
}

TEST(LinearWork, WordsThatBeginLikeRecordsOfTheLargestSize) {
  ExpectLinear("short entries", Words(short_entry::kMagic | uint64_t{short_entry::kMaxPayloadBytes} << 16));
  ExpectLinear("entries", Words(entry::kMagic | uint64_t{UINT32_MAX} << 32));
  ExpectLinear("user records", Words(user_record::kMagic | uint64_t{user_record::kMaxUserIdBytes} << 32));
  ExpectLinear("marks", Words(mark::kMagic | uint64_t{UINT32_MAX} << 32));
}

TEST(LinearWork, SoundHeadersWhoseBodiesOverlap) {
  ExpectLinear("short entries as large as fit", ShortHeaders([](size_t left) { return left - short_entry::kPayloadAt; }));
  ExpectLinear("short entries of 1,000 bytes", ShortHeaders([](size_t) { return 1000; }));
  ExpectLinear("entries as large as fit", LongHeaders([](size_t left) { return left - std::min<size_t>(left, 64); }));
  ExpectLinear("entries of half of what is left", LongHeaders([](size_t left) { return left / 2; }));
  ExpectLinear("entries of 1,000 bytes", LongHeaders([](size_t) { return 1000; }));
}

TEST(LinearWork, SoundHeadersOfEntriesThatDoNotFit) {
  ExpectLinear("short entries", ShortHeaders([](size_t left) { return left; }));
  ExpectLinear("entries", LongHeaders([](size_t left) { return left; }));
  ExpectLinear("entries of the largest size", LongHeaders([](size_t) { return kMaxPayloadBytes; }));
}

TEST(LinearWork, SealsAndMarksAtEveryPlace) {
  for (const MarkKind kind : {MarkKind::kBatch, MarkKind::kIdle, MarkKind::kSealFirst, MarkKind::kSealSecond}) {
    ExpectLinear("marks of kind " + std::to_string(static_cast<int>(kind)), Marks(kind));
  }
}

TEST(LinearWork, EntriesOfUsersThatNoRecordNames) { ExpectLinear("short entries", ShortHeaders([](size_t) { return 0; })); }

TEST(LinearWork, FindingsWithoutEndInAFileThatWasFilledAgain) { ExpectLinear("marks and former records", MarksAndFormerRecords()); }

TEST(LinearWork, AllOfThemInTurn) { ExpectLinear("all", AllInTurn()); }

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
