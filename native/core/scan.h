// Bytes -> records: walks one segment, passes over what is not a record, and finds the next one that is.
// A pure state machine: the caller supplies windows of the file, the scanner does no I/O.
//
// It never trusts a length before the checksum of the header that holds it, so each byte is looked at a bounded
// number of times whatever the bytes say: time is linear.
#pragma once

#include <cstdint>

#include "bytes.h"
#include "record.h"

namespace ingest_wal {

enum class ScanKind {
  kEntry,
  kUser,
  kMark,
  kDamagedEntry,  // its header is sound: exactly one entry, of known LSN, is gone
  kUnknown,       // bytes [offset, end) are no records
  kNeedMore,      // supply a window from `offset` of at least `bytes`, or say that the file ends
  kEnd,
};

// What `kind` does not name, in the record too, means nothing.
struct ScanStep {
  ScanKind kind = ScanKind::kEnd;
  uint64_t offset = 0;
  uint64_t end = 0;
  size_t bytes = 0;  // kNeedMore: how many from `offset`
  // kUnknown: there is a byte that is not zero. kUnknown behind the last record: offset after the last such byte.
  bool nonzero = false;
  uint64_t nonzero_end = 0;
  // kUnknown: a record with a sound beginning runs over the end of the file.
  bool truncated = false;
  Record record;
};

class Scanner {
 public:
  // Starts at `offset`, which is where a record may begin, of a segment whose first LSN is `first_lsn`.
  Scanner(uint32_t segment_seed, uint64_t first_lsn, uint64_t offset)
      : seed_(segment_seed), first_lsn_(first_lsn), position_(offset) {}

  // The next step. `window` holds the file's bytes from `window_offset` on (not behind position()); `at_end`:
  // the file ends where the window ends.
  void Next(Bytes window, uint64_t window_offset, bool at_end, ScanStep* step);

  // Walks the whole records from position() on, all of them in `window`, for as long as `take(record, offset)` is true:
  // what Next() would say of each, without a step for it. The first that it is not true for is left to Next(), and so is
  // whatever is not a whole record.
  template <typename Take>
  void Pass(Bytes window, uint64_t window_offset, const Take& take) {
    if (in_unknown_) return;
    Record record;
    for (const uint64_t window_end = window_offset + window.size; position_ < window_end; position_ += record.bytes) {
      CheckRecord(window.From(position_ - window_offset), seed_, first_lsn_, position_, &record);
      const bool is_whole = record.state == RecordState::kEntry || record.state == RecordState::kUser ||
                            record.state == RecordState::kMark;
      if (!is_whole || !take(record, position_)) return;
    }
  }

  // Where the next step looks first.
  uint64_t position() const { return position_; }

  // The bytes from position() to `end` are zeros, and nobody needs to look at them: no record begins there. `end` is a
  // multiple of the records' alignment, or the end of the file.
  void PassHole(uint64_t end);

 private:
  void BeginUnknown();
  void FlushUnknown(ScanStep* step);
  void Finish(uint64_t file_end, ScanStep* step);
  void AskForMore(size_t bytes, ScanStep* step) const;
  // Notes the 8 bytes (or fewer at the end of the file) at position_ as no record and steps over them.
  void PassOver(const uint8_t* at, size_t count);
  // The same for whole words of zeros, which no record begins with: most of a preallocated segment.
  void PassOverZeros(Bytes rest);

  uint32_t seed_;
  uint64_t first_lsn_;
  uint64_t position_;
  bool in_unknown_ = false;
  uint64_t unknown_start_ = 0;
  uint64_t unknown_nonzero_end_ = 0;
  bool truncated_ = false;
};

}  // namespace ingest_wal
