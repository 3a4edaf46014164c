// Encodes, places and checks single records (entries and marks). Pure functions over bytes.
#pragma once

#include <array>
#include <cstdint>

#include "bytes.h"
#include "format.h"

namespace ingest_wal {

using LogId = std::array<uint8_t, kLogIdBytes>;

// Everything an entry says. `user_id` and `payload` are borrowed.
struct Entry {
  uint64_t lsn = 0;
  int64_t timestamp_ms = 0;
  uint32_t sequence = 0;
  uint8_t operation = 0;
  Bytes user_id;
  Bytes payload;
};

struct Mark {
  uint64_t next_lsn = 0;
  uint64_t durable_lsn = 0;
  int64_t timestamp_ms = 0;
  uint32_t batch_entries = 0;
  uint32_t batch_bytes = 0;
  MarkKind kind = MarkKind::kBatch;
};

// What ties records to one segment: CRC32C of its salt and number, continued by each record's offset.
uint32_t SegmentSeed(uint64_t salt, uint64_t number);

// Writes EntryRecordBytes(...) bytes; all of the record but the header checksum, which PlaceEntry makes.
void StageEntry(const Entry& entry, uint8_t* record);

// Makes the header checksum of a staged record for its place in a segment. The rest is left as it is.
void PlaceEntry(uint8_t* record, uint32_t segment_seed, uint64_t offset);

void EncodeMark(const Mark& mark, uint32_t segment_seed, uint64_t offset, uint8_t* record);

enum class RecordState {
  kEntry,         // a whole entry
  kMark,          // a whole mark
  kDamagedEntry,  // the header is sound (LSN, size and user checksum can be trusted), the body is not
  kNeedMore,      // `bytes` bytes from here on are needed to decide
  kNothing,       // no record starts here
};

struct Record {
  RecordState state = RecordState::kNothing;
  size_t bytes = 0;
  uint32_t body_checksum = 0;
  uint32_t user_id_checksum = 0;
  Entry entry;  // kDamagedEntry: only `lsn`
  Mark mark;
};

// Checks what starts at `window`, which lies at `offset` of the segment. A record is valid if and only if, in
// this order: (1) its magic is known; (2) the checksum of its header (or of the whole mark) fits salt, number and
// offset; (3) lengths, operation or kind are within limits and reserved bytes are zero; then for entries
// (4) the body checksum fits, (5) the footer repeats the size.
Record CheckRecord(Bytes window, uint32_t segment_seed, uint64_t offset);

// The same for an entry that was staged but not placed: the body checksum alone vouches for it.
Record CheckStagedEntry(Bytes window);

uint32_t BodyChecksumOf(const uint8_t* record);

}  // namespace ingest_wal
