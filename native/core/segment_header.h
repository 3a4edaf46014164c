// The header of a segment or checkpoint, and the log.id file: encoding and checking. Pure functions over bytes.
#pragma once

#include <cstdint>
#include <string>

#include "bytes.h"
#include "format.h"
#include "record.h"

namespace ingest_wal {

struct SegmentHeader {
  LogId log_id{};
  uint64_t number = 0;
  uint64_t salt = 0;
  // LSN of the first entry that goes into this segment.
  uint64_t first_lsn = 0;
  // Everything up to this LSN was on stable storage in earlier segments when this one was made. What
  // earlier segments hold beyond it is superseded. first_lsn > previous_lsn + 1: the LSNs between were given up.
  uint64_t previous_lsn = 0;
  // Body checksum of entry previous_lsn; 0 when there is none or it was lost.
  uint32_t previous_checksum = 0;
  int64_t created_ms = 0;
  uint64_t planned_bytes = 0;
  // The segment that the file was before: its records stand where this one has not written yet. Number 0: none.
  uint64_t former_salt = 0;
  uint64_t former_number = 0;
  // Of a checkpoint, which is numbered on its own and follows nothing: previous_lsn is 0.
  FileKind kind = FileKind::kSegment;
  // The highest segment that it covers, the last LSN in it, and what the next segment names as previous_checksum.
  uint64_t covered_segment = 0;
  uint64_t covered_lsn = 0;
  uint32_t covered_checksum = 0;
  uint64_t entries = 0;
};

enum class HeaderState {
  kValid,
  kNotAHeader,     // no magic: never written, or damaged
  kNewerVersion,   // magic and a version that this code does not know
  kDamaged,        // magic and version, but the checksum or a field is wrong
};

// Writes header::kCopyBytes bytes.
void EncodeSegmentHeader(const SegmentHeader& from, uint32_t copy, uint8_t* to);

// Checks one copy, in this order: (1) magic, (2) version, (3) checksum, (4) its number of copy. `block` holds
// header::kCopyBytes bytes; `version` gets what it says.
HeaderState CheckSegmentHeader(const uint8_t* block, uint32_t copy, SegmentHeader* header, uint32_t* version);

// identity::kBytes bytes.
void EncodeIdentity(const LogId& id, uint8_t* to);
HeaderState CheckIdentity(const uint8_t* from, LogId* id, uint32_t* version);

std::string LogIdText(const LogId& id);

}  // namespace ingest_wal
