#include "segment_bytes.h"

#include <algorithm>

namespace ingest_wal {
namespace testing {
namespace {

constexpr size_t kSectorBytes = 512;

std::string Text(Bytes bytes) { return std::string(reinterpret_cast<const char*>(bytes.data), bytes.size); }

}  // namespace

bool TestEntry::operator==(const TestEntry& other) const {
  return lsn == other.lsn && user_id == other.user_id && payload == other.payload && operation == other.operation &&
         sequence == other.sequence && timestamp_ms == other.timestamp_ms;
}

Entry Borrowed(const TestEntry& from) {
  Entry entry;
  entry.lsn = from.lsn;
  entry.timestamp_ms = from.timestamp_ms;
  entry.sequence = from.sequence;
  entry.operation = from.operation;
  entry.user_id = Bytes(from.user_id.data(), from.user_id.size());
  entry.payload = Bytes(from.payload.data(), from.payload.size());
  return entry;
}

std::vector<uint8_t> Encoded(const TestEntry& entry) {
  std::vector<uint8_t> record(EntryRecordBytes(entry.user_id.size(), entry.payload.size()));
  EncodeEntry(Borrowed(entry), record.data());
  return record;
}

std::vector<uint8_t> Staged(const TestEntry& entry) {
  std::vector<uint8_t> bytes(StagedEntryBytes(entry.user_id.size(), entry.payload.size()));
  StageEntry(Borrowed(entry), bytes.data());
  return bytes;
}

SegmentBytes::SegmentBytes(const SegmentHeader& header)
    : header_(header), seed_(SegmentSeed(header.salt, header.number)), bytes_(kSegmentDataAt) {
  for (uint32_t copy = 0; copy < header::kCopies; copy++) {
    EncodeSegmentHeader(header, copy, bytes_.data() + copy * header::kCopyBytes);
  }
}

uint64_t SegmentBytes::Add(const TestEntry& entry) {
  const uint64_t offset = bytes_.size();
  std::vector<uint8_t> record = Encoded(entry);
  PlaceEntry(record.data(), seed_, offset);
  bytes_.insert(bytes_.end(), record.begin(), record.end());
  return offset;
}

uint64_t SegmentBytes::AddMark(MarkKind kind, uint64_t next_lsn, uint64_t durable_lsn) {
  const uint64_t offset = bytes_.size();
  Mark mark;
  mark.kind = kind;
  mark.next_lsn = next_lsn;
  mark.durable_lsn = durable_lsn;
  bytes_.resize(bytes_.size() + mark::kBytes);
  EncodeMark(mark, seed_, offset, bytes_.data() + offset);
  return offset;
}

SegmentHeader HeaderOf(uint64_t number, uint64_t first_lsn) {
  SegmentHeader header;
  for (size_t i = 0; i < kLogIdBytes; i++) header.log_id[i] = static_cast<uint8_t>(i);
  header.number = number;
  header.salt = 0x5a17'5a17'5a17'5a17 + number;
  header.first_lsn = first_lsn;
  header.previous_lsn = first_lsn - 1;
  header.planned_bytes = kMinSegmentBytes;
  return header;
}

TestEntry EntryOf(uint64_t lsn) {
  TestEntry entry;
  entry.lsn = lsn;
  entry.user_id = "user-" + std::to_string(lsn % 3);
  entry.payload = std::string(static_cast<size_t>(lsn * 7 % 40), static_cast<char>('a' + lsn % 26));
  entry.operation = static_cast<uint8_t>(1 + lsn % kLastOperation);
  entry.sequence = static_cast<uint32_t>(lsn * 10);
  return entry;
}

SegmentBytes SmallSegment(uint64_t count) {
  SegmentBytes segment(HeaderOf(1, 1));
  for (uint64_t lsn = 1; lsn <= count; lsn++) {
    if (lsn % 5 == 1) segment.AddMark(MarkKind::kBatch, lsn, lsn - 1);
    segment.Add(EntryOf(lsn));
  }
  return segment;
}

std::vector<ScanStep> ScanAll(Bytes bytes, uint32_t seed) {
  std::vector<ScanStep> steps;
  Scanner scanner(seed, 1, kSegmentDataAt);
  for (;;) {
    steps.emplace_back();
    scanner.Next(bytes, 0, true, &steps.back());
    if (steps.back().kind == ScanKind::kEnd || steps.back().kind == ScanKind::kNeedMore) return steps;
  }
}

std::vector<TestEntry> EntriesOf(Bytes bytes, uint32_t seed) {
  std::vector<TestEntry> entries;
  for (const ScanStep& step : ScanAll(bytes, seed)) {
    if (step.kind != ScanKind::kEntry) continue;
    const Entry& from = step.record.entry;
    TestEntry entry;
    entry.lsn = from.lsn;
    entry.user_id = Text(from.user_id);
    entry.payload = Text(from.payload);
    entry.operation = from.operation;
    entry.sequence = from.sequence;
    entry.timestamp_ms = from.timestamp_ms;
    entries.push_back(entry);
  }
  return entries;
}

void FlipBit(std::vector<uint8_t>* bytes, size_t bit) {
  (*bytes)[bit / 8] = static_cast<uint8_t>((*bytes)[bit / 8] ^ (1u << (bit % 8)));
}

void ZeroSector(std::vector<uint8_t>* bytes, size_t sector) {
  const size_t from = std::min(bytes->size(), sector * kSectorBytes);
  const size_t end = std::min(bytes->size(), from + kSectorBytes);
  std::fill(bytes->begin() + static_cast<std::ptrdiff_t>(from), bytes->begin() + static_cast<std::ptrdiff_t>(end),
            uint8_t{0});
}

void Truncate(std::vector<uint8_t>* bytes, size_t size) { bytes->resize(size); }

}  // namespace testing
}  // namespace ingest_wal
