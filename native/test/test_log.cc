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
      back.places[entry.lsn] = {static_cast<uint64_t>(chunk.entries[i].segment),
                                static_cast<uint64_t>(chunk.entries[i].offset)};
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
  return {0, 0};
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
