// A checkpoint. Whatever the file is: only what is exactly as its header says counts as whole, all of a whole one comes back
// in order, before and after the log is opened on it, and one that is not whole is told.
#include <algorithm>
#include <string>

#include "checkpoint.h"
#include "counted_crc32c.h"
#include "fuzz_target.h"
#include "mend_records.h"
#include "segment_layout.h"
#include "segment_name.h"
#include "test_log.h"

namespace ingest_wal {
namespace fuzz {
namespace {

// The input, behind the dials: the used bytes of the header, then the records.
constexpr uint64_t kSummedPerByte = 3 * ((UserRecordBytes(user_record::kMaxUserIdBytes) + 48) / kRecordAlignment + 2);
constexpr uint64_t kSummedAnyway = 64 * header::kCopyBytes;

Input FileOf(const Dials& dials) {
  Input file(kSegmentDataAt);
  const size_t in_header = std::min(dials.rest.size, header::kUsedBytes);
  for (uint32_t copy = 0; copy < header::kCopies; copy++) {
    uint8_t* const block = file.data() + copy * header::kCopyBytes;
    std::copy_n(dials.rest.data, in_header, block);
    // A header that is sound as the first copy is also made the second.
    SegmentHeader unused;
    uint32_t version = 0;
    if (copy == 0 || CheckSegmentHeader(file.data(), 0, &unused, &version) != HeaderState::kValid) continue;
    Store(block + header::kCopyAt, copy);
    MendHeaderCopy(block);
  }
  Append(dials.rest.From(in_header), &file);
  return file;
}

std::string CheckWhole(const CheckpointScan& checkpoint) {
  const SegmentScan& file = checkpoint.file;
  if (!file.findings.empty()) return "whole, with bytes that are no records";
  if (!file.sealed) return "whole, without its seal";
  if (file.entries != file.header.entries) return "whole, with another number of entries";
  if (checkpoint.last_lsn > file.header.covered_lsn) return "whole, with entries beyond what it covers";
  if (file.header.kind != FileKind::kCheckpoint || file.header.number != 1) return "whole, and another file";
  return "";
}

// Reads what is live; how many entries, or what is wrong.
std::string CountLive(Reader* reader, uint64_t* entries) {
  uint64_t previous = 0;
  *entries = 0;
  for (;;) {
    Chunk chunk;
    const Status read = reader->Next(&chunk);
    if (!read.ok()) return "read: " + read.message();
    if (chunk.entries.empty() && chunk.damage.empty()) return "";
    for (size_t i = 0; i < chunk.entries.size(); i++) {
      const Entry entry = reader->EntryOf(chunk, i);
      if (entry.lsn <= previous) return "LSNs do not ascend";
      previous = entry.lsn;
      ++*entries;
    }
  }
}

std::string CheckLog(testing::MemoryWorld* world, const CheckpointScan& checkpoint) {
  const bool whole = checkpoint.whole();
  Inspection inspection;
  const Status inspected = InspectPath(world->environment(), "wal", &inspection);
  if (inspected.code() == ErrorCode::kNewerFormat) return whole ? "a whole one is called newer" : "";
  if (!inspected.ok()) return "inspect: " + inspected.message();
  if (!whole && inspection.report.damage.empty()) return "it is not whole, and nobody says so";
  uint64_t live = 0;
  std::unique_ptr<Reader> reader;
  ReadOptions options;
  options.live = true;
  const Status opened_reader = ReadPath(world->environment(), "wal", options, &reader);
  if (!opened_reader.ok()) return "read: " + opened_reader.message();
  std::string wrong = CountLive(reader.get(), &live);
  if (!wrong.empty()) return wrong;
  if (whole && live != checkpoint.file.entries) return "of a whole one, " + std::to_string(live) + " entries come back";
  std::unique_ptr<Log> log;
  const Status opened = Log::Open(world->environment(), testing::SmallLogOptions(), &log);
  if (opened.code() == ErrorCode::kCorrupt) return "";
  if (!opened.ok()) return "open: " + opened.message();
  uint64_t live_after = 0;
  const Status read = log->Read(options, &reader);
  if (!read.ok()) return "read: " + read.message();
  wrong = CountLive(reader.get(), &live_after);
  if (!wrong.empty()) return "behind open: " + wrong;
  if (live_after != live) return std::to_string(live_after) + " entries after open instead of " + std::to_string(live);
  uint64_t lsn = 0;
  const ErrorCode appended = log->Append(1, Bytes("u", 1), Bytes("p", 1), 1, &lsn);
  if (appended != ErrorCode::kOk) return log->last_lsn() >= kMaxLsn - 1 ? "" : kErrorCodeNames[static_cast<int>(appended)];
  return whole && lsn <= checkpoint.file.header.covered_lsn ? "an LSN that it covers is given a second time" : "";
}

Verdict Check(Bytes input) {
  Verdict verdict;
  const Input file = FileOf(DialsOf(input));
  testing::MemoryWorld world;
  Input identity(identity::kBytes);
  const LogId log_id = PlainHeader().log_id;
  EncodeIdentity(log_id, identity.data());
  world.Put(CheckpointName(1), file);
  world.Put(kIdentityName, identity);
  std::unique_ptr<Directory> directory;
  if (!world.environment().files->OpenDirectory("wal", false, &directory).ok()) verdict.wrong = "no directory";
  CheckpointScan checkpoint;
  const uint64_t summed_before = SummedBytes();
  const Status checked = CheckCheckpoint(directory.get(), CheckpointName(1), 1, log_id, &checkpoint);
  const uint64_t summed = SummedBytes() - summed_before;
  if (!checked.ok()) {
    if (checked.code() != ErrorCode::kNewerFormat) verdict.wrong = "check: " + checked.message();
    return verdict;
  }
  verdict.deep = checkpoint.whole();
  if (verdict.deep) verdict.wrong = CheckWhole(checkpoint);
  if (verdict.wrong.empty() && summed > kSummedAnyway + kSummedPerByte * file.size()) {
    verdict.wrong = "summed " + std::to_string(summed) + " bytes of " + std::to_string(file.size());
  }
  if (verdict.wrong.empty()) verdict.wrong = CheckLog(&world, checkpoint);
  return verdict;
}

// Seals the records, and counts them for the header.
void MendArea(SegmentHeader* header, Dice* dice, Input* area) {
  area->resize(area->size() / kRecordAlignment * kRecordAlignment);
  MendRecords(*header, kSegmentDataAt, dice, area->data(), area->size());
  uint64_t entries = 0;
  uint64_t last = 0;
  size_t end = 0;
  Scanner scanner(SegmentSeed(header->salt, header->number), header->first_lsn, kSegmentDataAt);
  for (ScanStep step;;) {
    scanner.Next(Bytes(area->data(), area->size()), kSegmentDataAt, true, &step);
    const bool is_seal = step.kind == ScanKind::kMark && step.record.mark.kind >= MarkKind::kSealFirst;
    if (step.kind == ScanKind::kEnd || is_seal) break;
    end = static_cast<size_t>(step.end - kSegmentDataAt);
    if (step.kind != ScanKind::kEntry) continue;
    entries++;
    last = std::max(last, step.record.entry.lsn);
  }
  if (!dice->Once(8)) {
    const Input seal = SealBehind(*header, kSegmentDataAt + end, std::min(last + 1, kMaxLsn));
    area->resize(end);
    Append(seal, area);
  }
  if (!dice->Once(8)) header->entries = entries;
  if (!dice->Once(4)) header->covered_lsn = std::max(header->covered_lsn % (2 * kMaxLsn), last);
}

void Mend(Dice* dice, Input* input) {
  const Dials dials = DialsOf(Bytes(input->data(), input->size()));
  Input block(header::kCopyBytes);
  const size_t in_header = std::min(dials.rest.size, header::kUsedBytes);
  std::copy_n(dials.rest.data, in_header, block.begin());
  Input area(dials.rest.data + in_header, dials.rest.data + dials.rest.size);
  const SegmentHeader plain = PlainHeader();
  Store(block.data() + header::kMagicAt, header::kMagic);
  if (!dice->Once(16)) Store(block.data() + header::kVersionAt, kFormatVersion);
  if (!dice->Once(16)) Store(block.data() + header::kKindAt, static_cast<uint32_t>(FileKind::kCheckpoint));
  Store(block.data() + header::kCopyAt, uint32_t{0});
  MendHeaderCopy(block.data());
  SegmentHeader header;
  uint32_t version = 0;
  if (CheckSegmentHeader(block.data(), 0, &header, &version) != HeaderState::kValid) header = plain;
  if (!dice->Once(16)) header.log_id = plain.log_id;
  if (!dice->Once(16)) header.number = 1;
  if (!dice->Once(16)) header.planned_bytes = kMinSegmentBytes;
  header.kind = FileKind::kCheckpoint;
  MendArea(&header, dice, &area);
  EncodeSegmentHeader(header, 0, block.data());
  block.resize(header::kUsedBytes);
  Append(area, &block);
  *input = WithDials(dials.first, dials.second, block);
}

std::vector<Input> Seeds() {
  SegmentHeader header = PlainHeader();
  header.kind = FileKind::kCheckpoint;
  header.covered_segment = 1;
  header.covered_lsn = 20;
  std::vector<Input> seeds;
  for (const size_t entries : {size_t{0}, size_t{1}, size_t{6}}) {
    header.entries = entries;
    Input block(header::kCopyBytes);
    EncodeSegmentHeader(header, 0, block.data());
    block.resize(header::kUsedBytes);
    Input area;
    if (entries != 0) area = BatchOf(header, kSegmentDataAt, 1, entries);
    const Input seal = SealBehind(header, kSegmentDataAt + area.size(), 21);
    Append(area, &block);
    Append(seal, &block);
    seeds.push_back(WithDials(0, 0, block));
  }
  return seeds;
}

}  // namespace

const FuzzTarget kCheckpointTarget = {"checkpoint", 4096, Check, Mend, Seeds};

}  // namespace fuzz
}  // namespace ingest_wal
