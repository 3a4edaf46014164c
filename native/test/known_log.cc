#include "known_log.h"

#include <algorithm>

#include "compressed_bytes.h"
#include "segment_name.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

// Payloads around the multiples of 8 that records take, none at all, and some that fill pages.
constexpr size_t kPayloadBytes[] = {0, 1, 7, 8, 9, 24, 40, 63, 64, 100, 300, 24, 24, 16};
constexpr uint64_t kLargeAt = 150;
// An entry may take a quarter of the ring, which is the smallest.
constexpr size_t kLargeBytes = 16'000;
constexpr uint64_t kManyEntries = 3000;
constexpr uint64_t kManySegmentBytes = 1'000'000;

std::string UserOf(uint64_t lsn) {
  if (lsn % 12 == 4) return std::string(user_record::kMaxUserIdBytes + 20, 'f');  // gets no number: its entries are in full
  switch (lsn % 6) {
    case 0:
      return "u";
    case 1:
      return std::string(200, 'l') + "ong";
    case 2:
      return "";
    case 3:
      return "\xc3\xa4\xe2\x82\xac";
    default:
      return "user-" + std::to_string(lsn % 6);
  }
}

std::string PayloadOf(uint64_t lsn) {
  const size_t bytes = lsn == kLargeAt ? kLargeBytes : kPayloadBytes[lsn % (sizeof(kPayloadBytes) / sizeof(size_t))];
  std::string payload(bytes, '\0');
  for (size_t i = 0; i < bytes; i++) payload[i] = static_cast<char>((lsn * 131 + i * 7) >> (i % 3));
  return payload;
}

void AddRange(uint64_t first, uint64_t last, std::set<uint64_t>* lsns) {
  for (uint64_t lsn = first; last != 0 && lsn <= last; lsn++) lsns->insert(lsn);
}

bool Overlaps(const Part& part, const std::vector<std::pair<uint64_t, uint64_t>>& changed) {
  return std::any_of(changed.begin(), changed.end(),
                     [&](const auto& range) { return range.first < part.end && part.begin < range.second; });
}

}  // namespace

KnownLog::KnownLog(Size size) {
  for (uint64_t number = kGone; number <= kLast; number++) {
    const bool is_long = number == kCompressed && size == Size::kManyBlocks;
    WriteSegment(number, is_long ? kManyEntries : number == kSealed ? 60 : 40, is_long ? kManySegmentBytes : kMinSegmentBytes);
  }
  ForgetSharedMemory(&world_);
  for (uint64_t number = kGone; number <= kLast; number++) NoteParts(number);
  const auto kept = [this](const Entry& entry) { return InBase(entry.lsn); };
  PutCheckpoint(&world_, 1, kGone, kept);
  PutCheckpoint(&world_, 2, kCovered, kept);
  world_.Remove(SegmentName(kGone));
  world_.Put(CompressedSegmentName(kCompressed), CompressStored(world_.Contents(SegmentName(kCompressed))).bytes);
  world_.Remove(SegmentName(kCompressed));
  for (const auto& entry : appended_) {
    if (entry.first > 40 || InBase(entry.first)) held_.insert(entry.first);
  }
}

void KnownLog::WriteSegment(uint64_t number, uint64_t entries, uint64_t segment_bytes) {
  LogOptions options = SmallLogOptions();
  options.writer.segment_bytes = segment_bytes;
  std::unique_ptr<Log> log = OpenLog(&world_, options);
  for (uint64_t i = 0; i < entries; i++) {
    Append(log.get());
    if (i % 10 == 9) FlushAll(log.get());
  }
  if (number != kLast) CloseLog(std::move(log));
  EXPECT_TRUE(world_.Exists(SegmentName(number)));
}

void KnownLog::Append(Log* log) {
  uint64_t lsn = log->last_lsn() + 1;
  const KnownEntry entry{static_cast<uint8_t>(1 + lsn % kLastOperation), static_cast<uint32_t>(lsn * 3), UserOf(lsn),
                         PayloadOf(lsn)};
  const Bytes user(entry.user.data(), entry.user.size());
  const Bytes payload(entry.payload.data(), entry.payload.size());
  EXPECT_EQ(log->Append(entry.operation, user, payload, entry.sequence, &lsn), ErrorCode::kOk);
  appended_[lsn] = entry;
}

void KnownLog::NoteParts(uint64_t number) {
  const std::vector<uint8_t>& bytes = world_.Contents(SegmentName(number));
  contents_[number] = bytes;
  std::vector<Part>& parts = parts_[number];
  for (size_t copy = 0; copy < header::kCopies; copy++) {
    parts.push_back({Part::Kind::kHeaderCopy, copy * header::kCopyBytes, (copy + 1) * header::kCopyBytes});
  }
  SegmentHeader header;
  uint32_t version = 0;
  ASSERT_EQ(CheckSegmentHeader(bytes.data(), 0, &header, &version), HeaderState::kValid);
  Scanner scanner(SegmentSeed(header.salt, header.number), header.first_lsn, kSegmentDataAt);
  for (ScanStep step;;) {
    scanner.Next(Bytes(bytes.data(), bytes.size()), 0, true, &step);
    if (step.kind == ScanKind::kEnd) break;
    Part part{Part::Kind::kMark, step.offset, step.end};
    if (step.kind == ScanKind::kUnknown) continue;  // space that was never written
    if (step.kind == ScanKind::kMark && step.record.mark.kind != MarkKind::kBatch && step.record.mark.kind != MarkKind::kIdle) {
      part.kind = Part::Kind::kSeal;
    } else if (step.kind == ScanKind::kUser) {
      part.kind = Part::Kind::kUserRecord;
      part.user = TextOf(step.record.entry.user_id);
    } else if (step.kind == ScanKind::kEntry) {
      part.kind = Part::Kind::kEntry;
      part.lsn = step.record.entry.lsn;
      part.user = appended_.at(part.lsn).user;
      part.is_short = step.record.is_short;
      part.body_at = part.is_short ? step.offset + short_entry::kPayloadAt : step.offset + entry::kUserIdAt + part.user.size();
    }
    parts.push_back(part);
  }
}

std::set<uint64_t> KnownLog::MayLose(uint64_t segment, const std::vector<std::pair<uint64_t, uint64_t>>& changed) const {
  std::set<uint64_t> lost;
  std::set<uint64_t> all;
  std::set<std::string> known_users;
  size_t headers = 0;
  for (const Part& part : parts(segment)) {
    const bool touched = Overlaps(part, changed);
    if (part.kind == Part::Kind::kHeaderCopy && !touched) headers++;
    if (part.kind == Part::Kind::kUserRecord && !touched) known_users.insert(part.user);
    if (part.kind == Part::Kind::kEntry) all.insert(part.lsn);
    if (part.kind == Part::Kind::kEntry && touched) lost.insert(part.lsn);
  }
  if (headers == 0) return all;
  for (const Part& part : parts(segment)) {
    if (part.kind == Part::Kind::kEntry && part.is_short && known_users.count(part.user) == 0) lost.insert(part.lsn);
  }
  return lost;
}

Answer Ask(KnownLog* log) {
  Answer answer;
  answer.report = Inspect(log->world()).report;
  for (const Damage& damage : answer.report.damage) AddRange(damage.first_lsn, damage.last_lsn, &answer.reported);
  std::unique_ptr<Reader> reader;
  const Status opened = ReadPath(log->world()->environment(), "wal", ReadOptions(), &reader);
  if (!opened.ok()) answer.wrong = opened.message();
  uint64_t last = 0;
  for (Chunk chunk; opened.ok();) {
    const Status status = reader->Next(&chunk);
    if (!status.ok()) answer.wrong = status.message();
    if (!status.ok() || (chunk.entries.empty() && chunk.damage.empty())) break;
    for (const Damage& damage : chunk.damage) AddRange(damage.first_lsn, damage.last_lsn, &answer.reported_by_reader);
    answer.damage_of_reader.insert(answer.damage_of_reader.end(), chunk.damage.begin(), chunk.damage.end());
    for (size_t i = 0; i < chunk.entries.size(); i++) {
      const Entry entry = reader->EntryOf(chunk, i);
      const auto known = log->appended().find(entry.lsn);
      const bool sound = known != log->appended().end() && entry.lsn > last && entry.operation == known->second.operation &&
                         entry.sequence == known->second.sequence && TextOf(entry.user_id) == known->second.user &&
                         TextOf(entry.payload) == known->second.payload;
      if (!sound && answer.wrong.empty()) answer.wrong = "LSN " + std::to_string(entry.lsn);
      last = entry.lsn;
      answer.delivered.insert(entry.lsn);
    }
  }
  return answer;
}

std::string Show(const std::set<uint64_t>& lsns) {
  std::string text;
  for (const uint64_t lsn : lsns) text += (text.empty() ? "" : " ") + std::to_string(lsn);
  return text;
}

}  // namespace testing
}  // namespace ingest_wal
