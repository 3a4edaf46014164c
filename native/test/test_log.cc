#include "test_log.h"

#include <algorithm>

#include "segment_name.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

std::string UserOf(uint64_t lsn) { return "user-" + std::to_string(lsn % 7); }
std::string PayloadOf(uint64_t lsn) {
  return std::string(20 + static_cast<size_t>(lsn * 13 % 200), static_cast<char>('A' + lsn % 26));
}

void AddToRanges(uint64_t lsn, uint64_t previous, std::string* ranges) {
  if (previous != 0 && lsn == previous + 1) {
    const size_t dash = ranges->find_last_of("- ");
    const bool open_range = dash != std::string::npos && (*ranges)[dash] == '-';
    if (open_range) ranges->resize(dash);
    *ranges += "-" + std::to_string(lsn);
    return;
  }
  if (!ranges->empty()) *ranges += " ";
  *ranges += std::to_string(lsn);
}

}  // namespace

LogOptions SmallLogOptions() {
  LogOptions options;
  options.directory = "wal";
  options.queue_bytes = kMinRingBytes;
  options.writer.segment_bytes = kMinSegmentBytes;
  options.writer.batch_bytes = 4096;
  return options;
}

LogOptions With(OnCorruption on_corruption) {
  LogOptions options = SmallLogOptions();
  options.on_corruption = on_corruption;
  return options;
}

std::unique_ptr<Log> OpenLog(MemoryWorld* world, const LogOptions& options) {
  std::unique_ptr<Log> log;
  const Status opened = Log::Open(world->environment(), options, &log);
  if (!opened.ok()) Fail(__FILE__, __LINE__, "open: " + opened.message());
  return log;
}

Status TryOpen(MemoryWorld* world, const LogOptions& options) {
  std::unique_ptr<Log> log;
  return Log::Open(world->environment(), options, &log);
}

uint64_t AppendEntries(Log* log, uint64_t count) {
  uint64_t lsn = 0;
  for (uint64_t i = 0; i < count; i++) {
    const uint64_t next = log->last_lsn() + 1;
    const std::string user = UserOf(next);
    const std::string payload = PayloadOf(next);
    const ErrorCode code = log->Append(static_cast<uint8_t>(1 + next % kLastOperation), Bytes(user.data(), user.size()),
                                       Bytes(payload.data(), payload.size()), static_cast<uint32_t>(next), &lsn);
    if (code != ErrorCode::kOk) {
      Fail(__FILE__, __LINE__, "append of LSN " + std::to_string(next) + ": " + kErrorCodeNames[static_cast<int>(code)]);
      return lsn;
    }
  }
  return lsn;
}

void FlushAll(Log* log) {
  while (log->writer()->Step()) {
  }
  if (log->durable_lsn() != log->last_lsn()) Fail(__FILE__, __LINE__, "not all could be flushed");
}

void CloseLog(std::unique_ptr<Log> log) {
  FlushAll(log.get());
  EXPECT_OK(log->Close());
}

void WriteLog(MemoryWorld* world, uint64_t count, uint64_t batch) {
  std::unique_ptr<Log> log = OpenLog(world);
  if (log == nullptr) return;
  for (uint64_t done = 0; done < count; done += batch) {
    AppendEntries(log.get(), std::min(batch, count - done));
    FlushAll(log.get());
  }
  CloseLog(std::move(log));
}

void WriteThreeSegments(MemoryWorld* world) {
  for (int i = 0; i < 3; i++) {
    std::unique_ptr<Log> log = OpenLog(world);
    AppendEntries(log.get(), 20);
    CloseLog(std::move(log));
  }
  ASSERT_EQ(SegmentsOf(world), std::string("1 2 3"));
}

void WriteAndDie(MemoryWorld* world, uint64_t count, uint64_t batch) {
  std::unique_ptr<Log> log = OpenLog(world);
  if (log == nullptr) return;
  for (uint64_t done = 0; done < count; done += batch) {
    AppendEntries(log.get(), std::min(batch, count - done));
    FlushAll(log.get());
  }
}

void ForgetSharedMemory(MemoryWorld* world) { world->memory().clear(); }

ReadBack Drain(Reader* reader) {
  ReadBack back;
  uint64_t previous = 0;
  for (;;) {
    Chunk chunk;
    back.status = reader->Next(&chunk);
    if (!back.status.ok() || (chunk.entries.empty() && chunk.damage.empty())) return back;
    back.damage.insert(back.damage.end(), chunk.damage.begin(), chunk.damage.end());
    for (size_t i = 0; i < chunk.entries.size(); i++) {
      const Entry entry = reader->EntryOf(chunk, i);
      if (TextOf(entry.user_id) != UserOf(entry.lsn) || TextOf(entry.payload) != PayloadOf(entry.lsn)) back.wrong++;
      AddToRanges(entry.lsn, previous, &back.lsns);
      previous = entry.lsn;
      const double segment = chunk.entries[i].segment;
      back.places[entry.lsn] = {static_cast<uint64_t>(std::max(segment, 0.0)),
                                static_cast<uint64_t>(chunk.entries[i].offset),
                                static_cast<uint64_t>(std::max(-segment, 0.0))};
      back.entries++;
    }
  }
}

ReadBack ReadAll(Log* log, const ReadOptions& options) {
  std::unique_ptr<Reader> reader;
  const Status opened = log->Read(options, &reader);
  if (opened.ok()) return Drain(reader.get());
  ReadBack back;
  back.status = opened;
  return back;
}

ReadBack ReadAll(MemoryWorld* world, const std::string& path, const ReadOptions& options) {
  std::unique_ptr<Reader> reader;
  const Status opened = ReadPath(world->environment(), path, options, &reader);
  if (opened.ok()) return Drain(reader.get());
  ReadBack back;
  back.status = opened;
  return back;
}

std::string Outcome(Log* log) {
  const ReadBack read = ReadAll(log);
  EXPECT_OK(read.status);
  EXPECT_EQ(read.wrong, 0u);
  return read.lsns + " | " + Describe(log->recovery().found.damage);
}

std::string OpenedOutcome(MemoryWorld* world, const LogOptions& options) {
  std::unique_ptr<Log> log = OpenLog(world, options);
  return log == nullptr ? "" : Outcome(log.get());
}

Inspection Inspect(MemoryWorld* world, const std::string& path) {
  Inspection inspection;
  const Status status = InspectPath(world->environment(), path, &inspection);
  if (!status.ok()) Fail(__FILE__, __LINE__, "inspect: " + status.message());
  return inspection;
}

std::string Describe(const std::vector<Damage>& damage) {
  std::string text;
  for (const Damage& one : damage) {
    if (!text.empty()) text += ", ";
    text += one.kind;
    if (one.last_lsn != 0) text += " " + std::to_string(one.first_lsn) + "-" + std::to_string(one.last_lsn);
    if (one.segment != 0) text += " in " + std::to_string(one.segment);
  }
  return text;
}

ReadOptions Live(uint64_t through_segment) {
  ReadOptions options;
  options.live = true;
  options.through_segment = through_segment;
  return options;
}

void PutCheckpoint(MemoryWorld* world, uint64_t number, uint64_t through,
                   const std::function<bool(const Entry& entry)>& keeps) {
  SegmentHeader header;
  header.kind = FileKind::kCheckpoint;
  header.number = number;
  header.salt = 0xc4ec'c4ec'c4ec'c4ec + number;
  header.covered_segment = through;
  header.created_ms = world->now_ms;
  const DirectoryReport report = Inspect(world).report;
  header.log_id = report.log_id;
  SegmentHeader next;
  uint32_t version = 0;
  if (world->Exists(SegmentName(through + 1)) &&
      CheckSegmentHeader(world->Contents(SegmentName(through + 1)).data(), 0, &next, &version) == HeaderState::kValid) {
    header.covered_lsn = next.previous_lsn;
    header.covered_checksum = next.previous_checksum;
  } else {
    header.covered_lsn = report.last_lsn;
    header.covered_checksum = report.last_checksum;
  }
  std::vector<TestEntry> kept;
  std::unique_ptr<Reader> reader;
  ASSERT_OK(ReadPath(world->environment(), "wal", Live(through), &reader));
  for (Chunk chunk;;) {
    ASSERT_OK(reader->Next(&chunk));
    EXPECT_EQ(Describe(chunk.damage), std::string());
    if (chunk.entries.empty()) break;
    for (size_t i = 0; i < chunk.entries.size(); i++) {
      const Entry entry = reader->EntryOf(chunk, i);
      if (!keeps(entry)) continue;
      kept.push_back({entry.lsn, TextOf(entry.user_id), TextOf(entry.payload), entry.operation, entry.sequence,
                      entry.timestamp_ms});
    }
  }
  header.entries = kept.size();
  header.first_lsn = kept.empty() ? header.covered_lsn + 1 : kept.front().lsn;
  SegmentBytes file(header);
  for (size_t i = 0; i < kept.size(); i++) {
    if (i % 8 == 0) file.AddMark(MarkKind::kBatch, kept[i].lsn, kept[i].lsn - 1);
    file.Add(kept[i]);
  }
  file.AddMark(MarkKind::kSealFirst, header.covered_lsn + 1, header.covered_lsn);
  file.AddMark(MarkKind::kSealSecond, header.covered_lsn + 1, header.covered_lsn);
  world->Put(CheckpointName(number), file.bytes());
}

std::vector<std::string> ContentOf(MemoryWorld* world, const ReadOptions& options) {
  std::vector<std::string> content;
  std::unique_ptr<Reader> reader;
  const Status opened = ReadPath(world->environment(), "wal", options, &reader);
  if (!opened.ok()) return {"open: " + opened.message()};
  for (Chunk chunk;;) {
    const Status status = reader->Next(&chunk);
    if (!status.ok()) return {"next: " + status.message()};
    if (chunk.entries.empty() && chunk.damage.empty()) return content;
    for (size_t i = 0; i < chunk.entries.size(); i++) {
      const Entry entry = reader->EntryOf(chunk, i);
      content.push_back(std::to_string(entry.lsn) + " " + std::to_string(entry.timestamp_ms) + " " +
                        std::to_string(entry.operation) + " " + std::to_string(entry.sequence) + " " +
                        TextOf(entry.user_id) + " " + TextOf(entry.payload));
    }
  }
}

void Change(MemoryWorld* world, const std::string& name, const std::function<void(std::vector<uint8_t>*)>& change) {
  std::vector<uint8_t> bytes = world->Contents(name);
  change(&bytes);
  world->Put(name, std::move(bytes));
}

ReadBack::Place PlaceOf(MemoryWorld* world, uint64_t lsn) {
  const ReadBack read = ReadAll(world, "wal");
  const auto found = read.places.find(lsn);
  if (found != read.places.end()) return found->second;
  Fail(__FILE__, __LINE__, "LSN " + std::to_string(lsn) + " is not in the log");
  return {0, 0, 0};
}

void DamageEntry(MemoryWorld* world, uint64_t lsn) {
  const ReadBack::Place place = PlaceOf(world, lsn);
  if (place.segment == 0) return;
  // Behind the user id: the header stays sound, and says whose entry it was.
  Change(world, SegmentName(place.segment), [&](std::vector<uint8_t>* bytes) {
    FlipBit(bytes, (place.offset + entry::kUserIdAt + UserOf(lsn).size() + 3) * 8);
  });
}

void CopyFile(MemoryWorld* world, const std::string& from, const std::string& to) {
  world->Put(to, world->Contents(from));
}

void MakeHeadersUnsound(MemoryWorld* world, const std::string& name) {
  Change(world, name, [](std::vector<uint8_t>* bytes) {
    ZeroSector(bytes, 0);
    ZeroSector(bytes, 8);
  });
}

void RenameFile(MemoryWorld* world, const std::string& from, const std::string& to) {
  CopyFile(world, from, to);
  world->Remove(from);
}

void SwapFiles(MemoryWorld* world, const std::string& one, const std::string& other) {
  const std::vector<uint8_t> bytes = world->Contents(one);
  CopyFile(world, other, one);
  world->Put(other, bytes);
}

std::string SegmentsOf(MemoryWorld* world) {
  std::string text;
  for (const auto& name : world->names()) {
    uint64_t number = 0;
    if (ParseSegmentName(name.first, &number)) text += (text.empty() ? "" : " ") + std::to_string(number);
  }
  return text;
}

}  // namespace testing
}  // namespace ingest_wal
