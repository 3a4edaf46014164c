// A fixed workload whose instructions scripts/count-instructions.mjs counts with callgrind: what one entry costs on its way
// into the ring, into a segment, and back. Each measured_* function is counted by itself; everything around it is not.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "batch.h"
#include "platform/clock.h"
#include "scan.h"
#include "staged_entry.h"
#include "staging_ring.h"

namespace ingest_wal {
namespace {

constexpr uint64_t kEntries = 20000;
constexpr uint64_t kUsers = 100;
constexpr uint64_t kEntriesPerBatch = 1000;
constexpr uint64_t kRingBytes = uint64_t{1} << 20;

std::string UserId(uint64_t number) { return "user-" + std::to_string(10'000'000'000 + number); }

// Entries as an appender makes them, every second a measurement of 24 bytes, the others of 100 bytes.
std::vector<Entry> MakeEntries(std::vector<std::string>* user_ids, std::vector<uint8_t>* payload) {
  for (uint64_t user = 1; user <= kUsers; user++) user_ids->push_back(UserId(user));
  payload->assign(100, 0x5a);
  std::vector<Entry> entries(kEntries);
  for (uint64_t i = 0; i < kEntries; i++) {
    Entry& entry = entries[i];
    const uint64_t user = i * 7 % kUsers;
    entry.lsn = i + 1;
    entry.timestamp_ms = 1'700'000'000'000 + static_cast<int64_t>(i / 10);
    entry.sequence = static_cast<uint32_t>(i);
    entry.operation = static_cast<uint8_t>(Operation::kAddMeasurement);
    entry.user_number = static_cast<uint32_t>(user + 1);
    entry.user_id = Bytes((*user_ids)[user].data(), (*user_ids)[user].size());
    entry.payload = Bytes(payload->data(), i % 2 == 0 ? 24 : 100);
  }
  return entries;
}

void Require(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "the workload went wrong: %s\n", what);
  std::exit(1);
}

}  // namespace

extern "C" {

__attribute__((noinline)) void measured_append(StagingRing* ring, const std::vector<Entry>* entries) {
  for (const Entry& entry : *entries) {
    const size_t bytes = StagedEntryBytes(entry.user_id.size, entry.payload.size);
    uint8_t* place = ring->Reserve(bytes);
    if (place == nullptr) {
      ring->Release(ring->head(), entry.lsn - 1);
      place = ring->Reserve(bytes);
    }
    StageEntry(entry, place);
    ring->Publish(bytes, entry.lsn);
  }
}

// From staged bytes to the bytes of a segment.
__attribute__((noinline)) void measured_frame(const std::vector<uint8_t>* staged, Batch* batch, const SegmentHeader* header,
                                              NumberedUsers* users, std::vector<uint8_t>* segment) {
  size_t at = 0;
  while (at < staged->size()) {
    batch->Begin(*header, kSegmentDataAt + segment->size(), users);
    for (uint64_t n = 0; n < kEntriesPerBatch && at < staged->size(); n++) {
      Entry entry;
      size_t bytes = 0;
      Require(ReadStaged(Bytes(staged->data() + at, staged->size() - at), &entry, &bytes), "an entry is not staged");
      batch->Add(entry, UINT64_MAX);
      at += bytes;
    }
    const Bytes framed = batch->Finish(0, 0);
    segment->insert(segment->end(), framed.data, framed.data + framed.size);
  }
}

// As a log is opened: entry by entry only where there is something to tell.
__attribute__((noinline)) uint64_t measured_scan(const std::vector<uint8_t>* segment, const SegmentHeader* header) {
  Scanner scanner(SegmentSeed(header->salt, header->number), header->first_lsn, kSegmentDataAt);
  uint64_t entries = 0;
  const Bytes window(segment->data(), segment->size());
  for (ScanStep step;;) {
    scanner.Pass(window, kSegmentDataAt, [&entries](const Record& record, uint64_t) {
      if (record.state == RecordState::kEntry) entries++;
      return record.state != RecordState::kMark;
    });
    scanner.Next(window, kSegmentDataAt, true, &step);
    if (step.kind == ScanKind::kEnd) return entries;
    if (step.kind == ScanKind::kEntry) entries++;
  }
}

// As a log is read: every entry by itself.
__attribute__((noinline)) uint64_t measured_steps(const std::vector<uint8_t>* segment, const SegmentHeader* header) {
  Scanner scanner(SegmentSeed(header->salt, header->number), header->first_lsn, kSegmentDataAt);
  uint64_t entries = 0;
  for (ScanStep step;;) {
    scanner.Next(Bytes(segment->data(), segment->size()), kSegmentDataAt, true, &step);
    if (step.kind == ScanKind::kEnd) return entries;
    if (step.kind == ScanKind::kEntry) entries++;
  }
}

}  // extern "C"

namespace {

int Main() {
  std::vector<std::string> user_ids;
  std::vector<uint8_t> payload;
  const std::vector<Entry> entries = MakeEntries(&user_ids, &payload);

  std::unique_ptr<StagingRing> ring;
  Require(StagingRing::Create(nullptr, "", kRingBytes, LogId{}, DirectoryIdentity{}, 0, &ring).ok(), "no ring");
  measured_append(ring.get(), &entries);
  Require(ring->last_lsn() == kEntries, "the ring took fewer entries");

  std::vector<uint8_t> staged;
  for (const Entry& entry : entries) {
    const size_t at = staged.size();
    staged.resize(at + StagedEntryBytes(entry.user_id.size, entry.payload.size));
    StageEntry(entry, staged.data() + at);
  }
  SegmentHeader header;
  header.number = 1;
  header.salt = 0x5a17;
  header.first_lsn = 1;
  Batch batch;
  NumberedUsers users;
  std::vector<uint8_t> segment;
  segment.reserve(8 << 20);
  measured_frame(&staged, &batch, &header, &users, &segment);
  Require(measured_scan(&segment, &header) == kEntries, "the scan found another number of entries");
  Require(measured_steps(&segment, &header) == kEntries, "the steps found another number of entries");
  std::printf("%llu\n", static_cast<unsigned long long>(kEntries));
  return 0;
}

}  // namespace
}  // namespace ingest_wal

int main() { return ingest_wal::Main(); }
