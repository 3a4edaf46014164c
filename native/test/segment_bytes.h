// Segments as bytes, made without a file, and walks over them: for tests of what is read from damaged ones.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "record.h"
#include "scan.h"
#include "segment_header.h"
#include "staged_entry.h"

namespace ingest_wal {
namespace testing {

struct TestEntry {
  uint64_t lsn = 0;
  std::string user_id;
  std::string payload;
  uint8_t operation = static_cast<uint8_t>(Operation::kAddMeasurement);
  uint32_t sequence = 0;
  int64_t timestamp_ms = 1'700'000'000'000;

  bool operator==(const TestEntry& other) const;
};

Entry Borrowed(const TestEntry& entry);
// A record of `entry` that has no place yet.
std::vector<uint8_t> Encoded(const TestEntry& entry);
// `entry` as it is staged.
std::vector<uint8_t> Staged(const TestEntry& entry);

// Builds a segment record by record: header, entries, marks, as the writer would place them.
class SegmentBytes {
 public:
  explicit SegmentBytes(const SegmentHeader& header);

  // Each returns the offset of what it added.
  uint64_t Add(const TestEntry& entry);
  uint64_t AddMark(MarkKind kind, uint64_t next_lsn, uint64_t durable_lsn);
  void AddZeros(size_t count) { bytes_.resize(bytes_.size() + count); }

  const SegmentHeader& header() const { return header_; }
  uint32_t seed() const { return seed_; }
  std::vector<uint8_t>& bytes() { return bytes_; }
  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  const SegmentHeader header_;
  const uint32_t seed_;
  std::vector<uint8_t> bytes_;
};

SegmentHeader HeaderOf(uint64_t number, uint64_t first_lsn);
// A segment with entries 1 to `count` of several sizes, a batch mark before every fifth.
SegmentBytes SmallSegment(uint64_t count);
TestEntry EntryOf(uint64_t lsn);

// Everything a scan of `bytes` says, record area only, in one window.
std::vector<ScanStep> ScanAll(Bytes bytes, uint32_t seed);
// The entries among it.
std::vector<TestEntry> EntriesOf(Bytes bytes, uint32_t seed);

// Damage, named for what it does.
void FlipBit(std::vector<uint8_t>* bytes, size_t bit);
void ZeroSector(std::vector<uint8_t>* bytes, size_t sector);
void Truncate(std::vector<uint8_t>* bytes, size_t size);

}  // namespace testing
}  // namespace ingest_wal
