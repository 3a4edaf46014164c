// Encodes, places and checks single records (entries, user records and marks). Pure functions over bytes.
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
  // What the appender calls the user; 0: it has no number.
  uint32_t user_number = 0;
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
void EncodeEntry(const Entry& entry, uint8_t* record);

// Makes the header checksum of an encoded entry for its place in a segment. The rest is left as it is.
void PlaceEntry(uint8_t* record, uint32_t segment_seed, uint64_t offset);

// Whether the entry can be written in the short form, in a segment whose first LSN is `first_lsn`.
bool FitsShortEntry(const Entry& entry, uint64_t first_lsn);

// The low half of the CRC32C of a user id: what short entries carry of it.
uint16_t UserCheck(Bytes user_id);

// Writes ShortEntryRecordBytes(...) bytes. `user_check` is UserCheck() of the user's id, which is not looked at.
void EncodeShortEntry(const Entry& entry, uint64_t first_lsn, uint16_t user_check, uint32_t segment_seed, uint64_t offset,
                      uint8_t* record);

// Writes UserRecordBytes(...) bytes.
void EncodeUserRecord(uint32_t number, Bytes user_id, uint32_t segment_seed, uint64_t offset, uint8_t* record);

void EncodeMark(const Mark& mark, uint32_t segment_seed, uint64_t offset, uint8_t* record);

enum class RecordState {
  kEntry,         // a whole entry
  kUser,          // a whole user record
  kMark,          // a whole mark
  kDamagedEntry,  // the header is sound (LSN, size and what it says of the user can be trusted), the body is not
  kNeedMore,      // `bytes` bytes from here on are needed to decide
  kNothing,       // no record starts here
};

// What `state` does not name is left as it was, so that nothing is cleared for each of many records.
struct Record {
  RecordState state = RecordState::kNothing;
  // kEntry, kDamagedEntry: in the short form, its user is entry.user_number, and entry.user_id is left for who knows it.
  bool is_short = false;
  size_t bytes = 0;
  uint32_t body_checksum = 0;
  // kEntry: everything it says. kDamagedEntry: only `lsn`, and in the short form `user_number`. kUser: the number and id.
  Entry entry;
  uint16_t user_check = 0;
  Mark mark;
};

// Checks what starts at `window`, which lies at `offset` of a segment whose first LSN is `first_lsn`. A record is valid if
// and only if, in this order: (1) its magic is known; (2) the checksum of its header (or of the whole mark or user
// record) fits salt, number and offset; (3) lengths, operation or kind are within limits and reserved bytes are zero;
// then for entries (4) the body checksum fits, (5) a full entry's footer repeats the size.
void CheckRecord(Bytes window, uint32_t segment_seed, uint64_t first_lsn, uint64_t offset, Record* record);

}  // namespace ingest_wal
