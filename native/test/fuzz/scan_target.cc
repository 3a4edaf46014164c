// Scan of a segment. The input is what lies behind a sound header. Whatever it is: the steps cover each byte once, the same in
// one window as in small ones and as the segment cursor walks them, and what is summed on the way is bounded by the size.
#include <algorithm>
#include <string>

#include "counted_crc32c.h"
#include "directory_scan.h"
#include "fuzz_target.h"
#include "memory_file_system.h"
#include "mend_records.h"
#include "segment_layout.h"
#include "segment_name.h"

namespace ingest_wal {
namespace fuzz {
namespace {

// At each place where a record could begin, 8 bytes apart, no more is summed than a user record of the largest size, which is
// not vouched for, or a short entry and its header; and each body that a sound header vouches for once, because what is
// behind such a header is passed over with it.
constexpr uint64_t kSummedPerByte = (UserRecordBytes(user_record::kMaxUserIdBytes) + 48) / kRecordAlignment + 2;
constexpr uint64_t kSummedAnyway = 4096;
// The cursor looks for users a second time when one is not known, guesses whose a damaged entry is, and reads headers.
constexpr uint64_t kMostWalks = 3;
constexpr uint64_t kSummedOfHeaders = 16 * header::kCopyBytes * header::kCopies;

// What a step says, in numbers that can be compared.
std::string TextOf(const ScanStep& step) {
  std::string text = std::to_string(static_cast<int>(step.kind)) + " " + std::to_string(step.offset) + "-" + std::to_string(step.end);
  if (step.kind == ScanKind::kUnknown) {
    return text + (step.nonzero ? " to " + std::to_string(step.nonzero_end) : "") + (step.truncated ? " cut" : "");
  }
  const Record& record = step.record;
  if (step.kind == ScanKind::kMark) return text + " " + std::to_string(record.mark.next_lsn);
  if (step.kind == ScanKind::kUser) return text + " " + std::to_string(record.entry.user_number);
  if (step.kind == ScanKind::kEntry || step.kind == ScanKind::kDamagedEntry) return text + " " + std::to_string(record.entry.lsn);
  return text;
}

bool IsWithin(Bytes part, const Input& area) {
  return part.size == 0 || (part.data >= area.data() && part.data + part.size <= area.data() + area.size());
}

// Why a step cannot be; empty when it can.
std::string FlawOf(const ScanStep& step, uint64_t expected_offset, uint64_t file_end, const Input& area) {
  if (step.offset != expected_offset) return "begins at another place than the one before ended";
  if (step.kind == ScanKind::kEnd) return step.end == file_end ? "" : "ends before the file does";
  if (step.end <= step.offset || step.end > file_end) return "has no end within the file";
  const Entry& entry = step.record.entry;
  switch (step.kind) {
    case ScanKind::kNeedMore:
      return "asks for more than there is";
    case ScanKind::kEntry:
      if (entry.lsn == 0 || entry.lsn > kMaxLsn) return "has an LSN that there is not";
      if (entry.operation == 0 || entry.operation > kLastOperation) return "has an operation that there is not";
      return IsWithin(entry.payload, area) && IsWithin(entry.user_id, area) ? "" : "reaches beyond the file";
    case ScanKind::kUser:
      return IsWithin(entry.user_id, area) ? "" : "reaches beyond the file";
    case ScanKind::kMark:
      return step.record.mark.durable_lsn < step.record.mark.next_lsn ? "" : "says that entries to come are durable";
    default:
      return "";
  }
}

struct Steps {
  std::vector<std::string> texts;
  uint64_t entries = 0;
  uint64_t records = 0;
  std::string wrong;
};

Steps InOneWindow(uint32_t seed, const Input& area) {
  Steps steps;
  Scanner scanner(seed, 1, kSegmentDataAt);
  const uint64_t end = kSegmentDataAt + area.size();
  for (uint64_t expected = kSegmentDataAt;;) {
    ScanStep step;
    scanner.Next(Bytes(area.data(), area.size()), kSegmentDataAt, true, &step);
    steps.wrong = FlawOf(step, expected, end, area);
    if (!steps.wrong.empty()) steps.wrong = "step " + TextOf(step) + " " + steps.wrong;
    if (step.kind == ScanKind::kEnd || !steps.wrong.empty()) return steps;
    expected = step.end;
    steps.texts.push_back(TextOf(step));
    steps.entries += step.kind == ScanKind::kEntry ? 1 : 0;
    steps.records += step.kind != ScanKind::kUnknown ? 1 : 0;
    if (steps.texts.size() > area.size()) steps.wrong = "more steps than bytes";
  }
}

// As the segment cursor feeds it, but with windows of `window_bytes` bytes, each in memory of its own.
std::vector<std::string> InWindows(uint32_t seed, const Input& area, size_t window_bytes) {
  std::vector<std::string> texts;
  Scanner scanner(seed, 1, kSegmentDataAt);
  size_t want = window_bytes;
  while (texts.size() <= area.size()) {
    const size_t from = std::min<size_t>(static_cast<size_t>(scanner.position() - kSegmentDataAt), area.size());
    const size_t count = std::min(want, area.size() - from);
    const Input window(area.begin() + static_cast<std::ptrdiff_t>(from),
                       area.begin() + static_cast<std::ptrdiff_t>(from + count));
    ScanStep step;
    scanner.Next(Bytes(window.data(), window.size()), kSegmentDataAt + from, from + count == area.size(), &step);
    if (step.kind == ScanKind::kEnd) break;
    want = window_bytes;
    if (step.kind == ScanKind::kNeedMore) {
      want = std::max(want, step.bytes);
      continue;
    }
    texts.push_back(TextOf(step));
  }
  return texts;
}

// Six records are passed in one go, the next one is stepped over.
uint64_t RecordsPassed(uint32_t seed, const Input& area) {
  const Bytes window(area.data(), area.size());
  Scanner scanner(seed, 1, kSegmentDataAt);
  uint64_t records = 0;
  for (;;) {
    size_t passed = 0;
    scanner.Pass(window, kSegmentDataAt, [&](const Record&, uint64_t) { return passed < 6 && ++passed != 0; });
    records += passed;
    ScanStep step;
    scanner.Next(window, kSegmentDataAt, true, &step);
    if (step.kind == ScanKind::kEnd) return records;
    records += step.kind != ScanKind::kUnknown ? 1 : 0;
  }
}

// The file with this area, as verifying reads it.
std::string CheckFile(const SegmentHeader& header, const Input& area) {
  Input file(kSegmentDataAt);
  EncodeHeaderCopies(header, file.data());
  Append(area, &file);
  const uint64_t end = file.size();
  testing::MemoryWorld world;
  world.Put(SegmentName(header.number), std::move(file));
  std::unique_ptr<Directory> directory;
  DirectoryScan scan;
  if (!world.environment().files->OpenDirectory("wal", false, &directory).ok()) return "no directory";
  const Status scanned = ScanOneFile(directory.get(), SegmentName(header.number), &scan);
  if (!scanned.ok()) return "scan: " + scanned.message();
  if (scan.segments.size() != 1 || !scan.segments[0].accepted()) return "the segment is not accepted";
  const SegmentScan& segment = scan.segments[0];
  uint64_t before = kSegmentDataAt;
  for (const Finding& finding : segment.findings) {
    if (finding.offset < before || finding.end < finding.offset || finding.end > end) return "findings out of order";
    before = finding.end;
  }
  uint64_t lsn = 0;
  uint64_t entries = 0;
  for (const Run& run : segment.runs) {
    if (run.first_lsn <= lsn || run.last_lsn < run.first_lsn || run.end > end) return "LSNs do not ascend";
    entries += run.last_lsn - run.first_lsn + 1;
    lsn = run.last_lsn;
  }
  if (entries != segment.entries) return "runs and counts differ";
  const DirectoryReport report = AssembleReport(scan, RingContents());
  for (const Damage& damage : report.damage) {
    if (damage.end_offset < damage.offset || damage.last_lsn < damage.first_lsn) return "damage without a place";
  }
  return "";
}

Verdict Check(Bytes input) {
  Verdict verdict;
  const Dials dials = DialsOf(input);
  const Input area(dials.rest.data, dials.rest.data + dials.rest.size);
  const SegmentHeader header = PlainHeader();
  const uint32_t seed = SegmentSeed(header.salt, header.number);

  const uint64_t summed_before = SummedBytes();
  const Steps steps = InOneWindow(seed, area);
  const uint64_t summed = SummedBytes() - summed_before;
  verdict.deep = steps.entries != 0;
  verdict.wrong = steps.wrong;
  if (!verdict.wrong.empty()) return verdict;
  if (summed > kSummedAnyway + kSummedPerByte * area.size()) {
    verdict.wrong = "summed " + std::to_string(summed) + " bytes of " + std::to_string(area.size());
    return verdict;
  }
  if (InWindows(seed, area, kRecordAlignment + dials.first % 512) != steps.texts) {
    verdict.wrong = "other steps in windows of " + std::to_string(kRecordAlignment + dials.first % 512) + " bytes";
    return verdict;
  }
  if (RecordsPassed(seed, area) != steps.records) {
    verdict.wrong = "other records when they are passed";
    return verdict;
  }
  const uint64_t summed_before_file = SummedBytes();
  verdict.wrong = CheckFile(header, area);
  const uint64_t summed_of_file = SummedBytes() - summed_before_file;
  if (verdict.wrong.empty() && summed_of_file > kSummedOfHeaders + kMostWalks * kSummedPerByte * area.size()) {
    verdict.wrong = "the cursor summed " + std::to_string(summed_of_file) + " bytes of " + std::to_string(area.size());
  }
  return verdict;
}

void Mend(Dice* dice, Input* input) {
  if (input->size() <= Dials::kBytes) return;
  MendRecords(PlainHeader(), kSegmentDataAt, dice, input->data() + Dials::kBytes, input->size() - Dials::kBytes);
}

std::vector<Input> Seeds() {
  const SegmentHeader header = PlainHeader();
  Input records = BatchOf(header, kSegmentDataAt, 1, 6);
  std::vector<Input> seeds = {WithDials(8, 0, records)};
  const Input more = BatchOf(header, kSegmentDataAt + records.size(), 7, 4);
  Append(more, &records);
  Input unwritten = records;
  unwritten.resize(records.size() + 512);
  seeds.push_back(WithDials(100, 0, unwritten));
  const Input seal = SealBehind(header, kSegmentDataAt + records.size(), 11);
  Append(seal, &records);
  seeds.push_back(WithDials(500, 0, records));
  // What looks like a large record at each place where one could begin.
  const uint64_t large_short = short_entry::kMagic | uint64_t{512} << 16;
  const uint64_t large_user = user_record::kMagic | uint64_t{user_record::kMaxUserIdBytes} << 32;
  for (const uint64_t word : {large_short, large_user, uint64_t{entry::kMagic}, uint64_t{mark::kMagic}}) {
    Input words(2048);
    for (size_t at = 0; at < words.size(); at += sizeof(word)) Store(words.data() + at, word);
    seeds.push_back(WithDials(64, 0, words));
  }
  return seeds;
}

}  // namespace

const FuzzTarget kScanTarget = {"scan", 4096, Check, Mend, Seeds};

}  // namespace fuzz
}  // namespace ingest_wal
