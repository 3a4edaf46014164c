// A small log in a MemoryWorld, and verbs on it, for tests of what a log does from the outside.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "inspect.h"
#include "log.h"
#include "memory_file_system.h"
#include "segment_bytes.h"

namespace ingest_wal {
namespace testing {

inline std::string TextOf(Bytes bytes) { return std::string(reinterpret_cast<const char*>(bytes.data), bytes.size); }

// Segments and ring as small as they may be, so that a few hundred entries fill them.
LogOptions SmallLogOptions();
LogOptions With(OnCorruption on_corruption);

// A log that is open; fails the running test, and gives null, when it cannot be opened.
std::unique_ptr<Log> OpenLog(MemoryWorld* world, const LogOptions& options = SmallLogOptions());
Status TryOpen(MemoryWorld* world, const LogOptions& options = SmallLogOptions());

// Appends `count` entries whose content follows from their LSN; returns the LSN of the last.
uint64_t AppendEntries(Log* log, uint64_t count);
// Flushes until nothing is staged.
void FlushAll(Log* log);
// Flushes, closes.
void CloseLog(std::unique_ptr<Log> log);
// A log of `count` entries, written in batches of `batch`, closed.
void WriteLog(MemoryWorld* world, uint64_t count, uint64_t batch = 10);
// Three lives of a log with twenty entries each: segments 1, 2 and 3, sealed.
void WriteThreeSegments(MemoryWorld* world);
// As WriteLog, but the process dies instead of closing: segments unsealed, the ring left.
void WriteAndDie(MemoryWorld* world, uint64_t count, uint64_t batch = 10);
// The machine went down since: nothing is in shared memory.
void ForgetSharedMemory(MemoryWorld* world);

// What a reader gave.
struct ReadBack {
  Status status;
  std::string lsns;           // "1-4 6-10"
  std::vector<Damage> damage;
  uint64_t entries = 0;
  uint64_t wrong = 0;         // entries whose content is not what was appended
  struct Place {
    uint64_t segment;     // 0 in the ring or a checkpoint
    uint64_t offset;
    uint64_t checkpoint;  // 0 elsewhere
  };
  std::map<uint64_t, Place> places;
};
ReadBack ReadAll(Log* log, const ReadOptions& options = ReadOptions());
ReadBack ReadAll(MemoryWorld* world, const std::string& path, const ReadOptions& options = ReadOptions());
ReadBack Drain(Reader* reader);

// What was found at open and what can be read: "1-9 11-20 | entry 10-10 in 1". Fails the test on entries with other content
// than AppendEntries made.
std::string Outcome(Log* log);
std::string OpenedOutcome(MemoryWorld* world, const LogOptions& options = SmallLogOptions());

Inspection Inspect(MemoryWorld* world, const std::string& path = "wal");

// "entry 5-5 in 2, header_copy in 3", in the order in which it was found.
std::string Describe(const std::vector<Damage>& damage);

// Options of reading what is live.
ReadOptions Live(uint64_t through_segment = 0);
// Writes checkpoint `number`: of the live entries up to the end of segment `through`, those of which `keeps` says so.
void PutCheckpoint(MemoryWorld* world, uint64_t number, uint64_t through,
                   const std::function<bool(const Entry& entry)>& keeps);
// What a reader gives, entry by entry: LSN, time, operation, sequence, user and payload, as one text each.
std::vector<std::string> ContentOf(MemoryWorld* world, const ReadOptions& options);

// Changes the bytes of a file, durably.
void Change(MemoryWorld* world, const std::string& name, const std::function<void(std::vector<uint8_t>*)>& change);
// The offset of entry `lsn`, and in which segment it is.
ReadBack::Place PlaceOf(MemoryWorld* world, uint64_t lsn);
// Damages the payload of entry `lsn`, so that exactly this entry is lost.
void DamageEntry(MemoryWorld* world, uint64_t lsn);
// Both copies of a segment's header.
void MakeHeadersUnsound(MemoryWorld* world, const std::string& name);
void RenameFile(MemoryWorld* world, const std::string& from, const std::string& to);
void CopyFile(MemoryWorld* world, const std::string& from, const std::string& to);
void SwapFiles(MemoryWorld* world, const std::string& one, const std::string& other);
// Names of segments, in order, without ".wal" and zeros: "1 2 5".
std::string SegmentsOf(MemoryWorld* world);

}  // namespace testing
}  // namespace ingest_wal
