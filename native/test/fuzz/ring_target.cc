// Take-over of a staging ring. Whatever is in it: what is copied out of it are whole entries with consecutive LSNs and no more
// than it can hold, and a log that finds it opens, keeps what was copied, and gives none of these numbers to other entries.
#include <algorithm>
#include <memory>
#include <string>

#include "fuzz_target.h"
#include "mend_records.h"
#include "segment_layout.h"
#include "segment_name.h"
#include "staged_entry.h"
#include "staging_ring.h"
#include "test_log.h"

namespace ingest_wal {
namespace fuzz {
namespace {

// The input, behind the dials: the words of the ring's header that say what it is, those of the appender, those of the
// writer, then what lies from tail on. The segment before it has entries 1 to 3.
constexpr size_t kWhatItIsBytes = 64;
constexpr size_t kHeadAt = kWhatItIsBytes;
constexpr size_t kTailAt = kHeadAt + 8;
constexpr size_t kDurableLsnAt = kTailAt + 8;
constexpr size_t kStagedAt = kTailAt + 32;
constexpr uint64_t kLoggedEntries = 3;
constexpr DirectoryIdentity kMemoryDirectory = {7, 42};  // what a MemoryWorld says

class VectorRegion : public SharedRegion {
 public:
  explicit VectorRegion(Input* bytes) : bytes_(bytes) {}
  uint8_t* data() override { return bytes_->data(); }
  uint64_t size() const override { return bytes_->size(); }

 private:
  Input* const bytes_;
};

Input RegionOf(const Dials& dials) {
  Input words(kStagedAt);
  std::copy_n(dials.rest.data, std::min(dials.rest.size, kStagedAt), words.begin());
  // Mostly a whole region; some are smaller or larger than they say.
  const size_t off = dials.first % 16 == 1 ? dials.first / 16 % (2 * kMinRingBytes) : kMinRingBytes;
  Input region(ring::kDataAt + off);
  std::copy_n(words.begin(), kWhatItIsBytes, region.begin());
  std::copy_n(words.begin() + kHeadAt, 8, region.begin() + ring::kHeadAt);
  std::copy_n(words.begin() + kTailAt, 32, region.begin() + ring::kTailAt);
  const uint64_t tail = Load<uint64_t>(words.data() + kTailAt);
  const size_t capacity = region.size() - ring::kDataAt;
  for (size_t i = kStagedAt; capacity != 0 && i < dials.rest.size; i++) {
    region[ring::kDataAt + static_cast<size_t>((tail + (i - kStagedAt)) % capacity)] = dials.rest.data[i];
  }
  return region;
}

std::string CheckCopy(const RingContents& copy) {
  if (!copy.found) return copy.entries == 0 && copy.staged.empty() ? "" : "no ring has entries";
  if (copy.staged.size() > kMaxRingBytes) return "more was copied than a ring holds";
  if (copy.durable_lsn >= kMaxLsn) return "a durable LSN that there is not";
  uint64_t count = 0;
  for (size_t at = 0; at < copy.staged.size(); count++) {
    Entry entry;
    size_t bytes = 0;
    if (!ReadStaged(Bytes(copy.staged.data() + at, copy.staged.size() - at), &entry, &bytes)) return "half an entry was copied";
    if (entry.lsn != copy.first_lsn + count) return "LSNs are not consecutive";
    at += bytes;
  }
  if (count != copy.entries) return "another number of entries than it says";
  if (count != 0 && copy.last_lsn != copy.first_lsn + count - 1) return "another last LSN than it says";
  if (count != 0 && copy.durable_lsn + 1 < copy.first_lsn) return "entries left the ring before they were durable";
  return "";
}

std::string KeyOf(const Entry& entry) {
  return std::to_string(entry.lsn) + " " + std::to_string(entry.timestamp_ms) + " " + std::to_string(entry.operation) + " " +
         std::to_string(entry.sequence) + " " + testing::TextOf(entry.user_id) + " " + testing::TextOf(entry.payload);
}

std::unique_ptr<testing::MemoryWorld> WorldWith(Input region) {
  auto world = std::make_unique<testing::MemoryWorld>();
  const SegmentHeader header = PlainHeader();
  Input segment(kSegmentDataAt);
  EncodeHeaderCopies(header, segment.data());
  const Input batch = BatchOf(header, segment.size(), 1, kLoggedEntries);
  Append(batch, &segment);
  const Input seal = SealBehind(header, segment.size(), kLoggedEntries + 1);
  Append(seal, &segment);
  Input identity(identity::kBytes);
  EncodeIdentity(header.log_id, identity.data());
  world->Put(SegmentName(1), std::move(segment));
  world->Put(kIdentityName, std::move(identity));
  world->memory()[RingName(header.log_id, 0)] = std::make_shared<Input>(std::move(region));
  return world;
}

// Every entry of the copy that the log cannot have had before is in the log.
std::string CheckKept(Log* log, const RingContents& copy) {
  std::vector<std::string> missing;
  for (size_t at = 0; at < copy.staged.size();) {
    Entry entry;
    size_t bytes = 0;
    if (!ReadStaged(Bytes(copy.staged.data() + at, copy.staged.size() - at), &entry, &bytes)) return "half an entry";
    if (entry.lsn > kLoggedEntries && entry.lsn > copy.durable_lsn) missing.push_back(KeyOf(entry));
    at += bytes;
  }
  std::reverse(missing.begin(), missing.end());
  std::unique_ptr<Reader> reader;
  const Status opened = log->Read(ReadOptions(), &reader);
  if (!opened.ok()) return "read: " + opened.message();
  for (uint64_t previous = 0;;) {
    Chunk chunk;
    const Status read = reader->Next(&chunk);
    if (!read.ok()) return "read: " + read.message();
    if (chunk.entries.empty() && chunk.damage.empty()) break;
    for (size_t i = 0; i < chunk.entries.size(); i++) {
      const Entry entry = reader->EntryOf(chunk, i);
      if (entry.lsn <= previous) return "LSNs do not ascend";
      previous = entry.lsn;
      if (!missing.empty() && KeyOf(entry) == missing.back()) missing.pop_back();
    }
  }
  return missing.empty() ? "" : "lost: " + missing.back().substr(0, 60);
}

std::string CheckTakeOver(const Input& region, const RingContents& copy) {
  const auto world = WorldWith(region);
  RingFigures figures;
  const Status looked = LookAtRing(world->environment().memory, PlainHeader().log_id, kMemoryDirectory, &figures);
  if (!looked.ok() && looked.code() != ErrorCode::kNewerFormat) return "figures: " + looked.message();
  if (figures.found && figures.used_bytes > figures.capacity) return "more in use than there is";
  std::unique_ptr<Log> log;
  const Status opened = Log::Open(world->environment(), testing::SmallLogOptions(), &log);
  if (opened.code() == ErrorCode::kCorrupt || opened.code() == ErrorCode::kNewerFormat) return "";
  if (!opened.ok()) return "open: " + opened.message();
  const std::string kept = CheckKept(log.get(), copy);
  if (!kept.empty()) return kept;
  uint64_t lsn = 0;
  const ErrorCode appended = log->Append(1, Bytes("u", 1), Bytes("p", 1), 1, &lsn);
  if (appended != ErrorCode::kOk) return log->last_lsn() >= kMaxLsn - 1 ? "" : kErrorCodeNames[static_cast<int>(appended)];
  if (lsn <= kLoggedEntries || (copy.entries != 0 && lsn <= copy.last_lsn) || lsn <= copy.durable_lsn) {
    return "LSN " + std::to_string(lsn) + " is given a second time";
  }
  while (log->writer()->Step()) {
  }
  return log->durable_lsn() == lsn ? "" : "what was appended is not durable";
}

Verdict Check(Bytes input) {
  Verdict verdict;
  Input region = RegionOf(DialsOf(input));
  VectorRegion shared(&region);
  RingContents copy = CopyRing(&shared);
  verdict.deep = copy.entries != 0;
  verdict.wrong = CheckCopy(copy);
  if (!verdict.wrong.empty()) return verdict;
  const bool ours = IsRingOf(&shared, PlainHeader().log_id, kMemoryDirectory);
  if (ours && !copy.found) verdict.wrong = "it is a ring and none at once";
  if (!ours) copy = RingContents();
  if (verdict.wrong.empty()) verdict.wrong = CheckTakeOver(region, copy);
  return verdict;
}

// The words of a ring that was made for the directory, behind which `staged_bytes` bytes are staged.
void MakeWords(uint64_t tail, uint64_t durable_lsn, uint64_t last_lsn, size_t staged_bytes, Input* words) {
  testing::MemoryWorld world;
  std::unique_ptr<StagingRing> made;
  const Status created = StagingRing::Create(world.environment().memory, "/ring", kMinRingBytes, PlainHeader().log_id,
                                             kMemoryDirectory, 0, &made);
  if (!created.ok()) return;
  std::copy_n(made->region()->data(), kWhatItIsBytes, words->begin());
  Store(words->data() + kHeadAt, static_cast<uint32_t>(tail + staged_bytes));
  Store(words->data() + kHeadAt + 4, static_cast<uint32_t>(last_lsn));
  Store(words->data() + kTailAt, tail);
  Store(words->data() + kDurableLsnAt, durable_lsn);
}

// Lengths that fit, LSNs that go on from `lsn`; gives the last.
uint64_t MendStaged(Dice* dice, uint64_t lsn, uint8_t* bytes, size_t count) {
  for (size_t at = 0; at + staged::kUserIdAt <= count;) {
    uint8_t* const entry = bytes + at;
    if (Load<uint32_t>(entry) != staged::kMagic) {
      at += kRecordAlignment;
      continue;
    }
    const size_t room = (count - at - staged::kUserIdAt) / kRecordAlignment * kRecordAlignment;
    size_t user_id_bytes = Load<uint16_t>(entry + staged::kUserIdBytesAt);
    size_t payload_bytes = Load<uint32_t>(entry + staged::kPayloadBytesAt);
    if (PaddedBytes(user_id_bytes) + PaddedBytes(payload_bytes) > room) {
      user_id_bytes %= room + 1;
      payload_bytes %= room - PaddedBytes(user_id_bytes) + 1;
      Store(entry + staged::kUserIdBytesAt, static_cast<uint16_t>(user_id_bytes));
      Store(entry + staged::kPayloadBytesAt, static_cast<uint32_t>(payload_bytes));
    }
    const size_t staged_bytes = StagedEntryBytes(user_id_bytes, payload_bytes);
    Store(entry + staged::kBytesAt, static_cast<uint32_t>(staged_bytes));
    if (!dice->Once(32)) Store(entry + staged::kLsnAt, static_cast<double>(++lsn));
    if (!dice->Once(4)) Store(entry + staged::kTimestampAt, 1.7e12 + static_cast<double>(dice->Below(1000)));
    const auto operation = static_cast<uint16_t>(Load<uint16_t>(entry + staged::kOperationAt) % kLastOperation + 1);
    if (!dice->Once(16)) Store(entry + staged::kOperationAt, operation);
    at += staged_bytes;
  }
  return lsn;
}

void Mend(Dice* dice, Input* input) {
  const Dials dials = DialsOf(Bytes(input->data(), input->size()));
  Input rest(dials.rest.data, dials.rest.data + dials.rest.size);
  rest.resize(std::max(rest.size(), kStagedAt) / kRecordAlignment * kRecordAlignment);
  uint64_t tail = Load<uint64_t>(rest.data() + kTailAt);
  if (!dice->Once(8)) tail &= (uint64_t{1} << 40) - 8;
  uint64_t durable_lsn = Load<uint64_t>(rest.data() + kDurableLsnAt);
  if (!dice->Once(4)) durable_lsn = dice->Once(2) ? kLoggedEntries : durable_lsn % (2 * kLoggedEntries);
  const uint64_t last = MendStaged(dice, durable_lsn, rest.data() + kStagedAt, rest.size() - kStagedAt);
  Input words(rest.begin(), rest.begin() + kStagedAt);
  MakeWords(tail, durable_lsn, last, rest.size() - kStagedAt, &words);
  const size_t kept = dice->Once(8) ? kHeadAt : kStagedAt;
  std::copy_n(words.begin(), kept, rest.begin());
  *input = WithDials(dials.first, dials.second, rest);
}

std::vector<Input> Seeds() {
  std::vector<Input> seeds;
  for (const uint64_t tail : {uint64_t{0}, kMinRingBytes - 256, (uint64_t{1} << 32) - 128}) {
    Input rest(kStagedAt);
    for (uint64_t lsn = kLoggedEntries + 1; lsn < kLoggedEntries + 6; lsn++) {
      const Input staged = testing::Staged(testing::EntryOf(lsn));
      const uint64_t at = (tail + rest.size() - kStagedAt) % kMinRingBytes;
      if (at + staged.size() > kMinRingBytes) {  // the lap ends with padding
        const size_t begin = rest.size();
        rest.resize(begin + static_cast<size_t>(kMinRingBytes - at));
        Store(rest.data() + begin, staged::kPaddingMagic);
      }
      Append(staged, &rest);
    }
    MakeWords(tail, kLoggedEntries, kLoggedEntries + 5, rest.size() - kStagedAt, &rest);
    seeds.push_back(WithDials(0, 0, rest));
  }
  return seeds;
}

}  // namespace

const FuzzTarget kRingTarget = {"ring", 2048, Check, Mend, Seeds};

}  // namespace fuzz
}  // namespace ingest_wal
