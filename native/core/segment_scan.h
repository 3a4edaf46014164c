// One file of a log by itself: opened, its header read, and all that a walk over its records finds. How files stand to each
// other is a matter of directory_scan.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "damage.h"
#include "platform/file_system.h"
#include "segment_cursor.h"
#include "segment_header.h"
#include "segment_source.h"

namespace ingest_wal {

// Entries of one segment with consecutive LSNs.
struct Run {
  uint64_t first_lsn = 0;
  uint64_t last_lsn = 0;
  uint64_t offset = 0;
  uint64_t end = 0;
  uint32_t last_checksum = 0;
};

// One file whose name is a segment's, and everything a pass over it found.
struct SegmentScan {
  uint64_t number = 0;
  std::string file;
  uint64_t file_bytes = 0;    // of a compressed one: of its content
  uint64_t stored_bytes = 0;  // on the disk
  bool compressed = false;
  std::vector<std::pair<uint64_t, uint64_t>> made_good;  // ranges of the compressed file: damaged, and nothing is lost
  uint64_t parity_lost_at = 0;  // where in the compressed file; 0: nothing of it is lost
  SegmentHeader header;
  bool header_copy_damaged[2] = {false, false};
  bool too_short = false;       // ends inside its header: its creation was never finished
  std::string rejected_kind;    // a damage_kind when it cannot be used: Reject()
  std::string rejected_detail;
  uint64_t bound = UINT64_MAX;  // entries above it are superseded by later segments
  std::vector<Run> runs;
  std::vector<Finding> findings;
  uint64_t durable_claim = 0;
  uint64_t end_offset = 0;
  uint64_t superseded_at = 0;
  bool sealed = false;
  uint64_t entries = 0;
  uint64_t batches = 0;
  int64_t first_timestamp_ms = 0;
  int64_t last_timestamp_ms = 0;
  bool covered = false;         // by the base
  bool unread = false;          // covered, and not even opened

  void Reject(const char* kind, std::string detail);
  bool accepted() const { return !unread && rejected_kind.empty() && !too_short; }
};

// Whether what a name stands for will never be a file of the log. Any other error of opening it says nothing about what
// it holds (too many open files, no memory, no permission, a device that is away): to go on without it would give its
// LSNs to other entries.
bool IsDamage(const Status& opened);

// Whether a name is a segment's, plain or compressed, and its number.
bool IsSegmentFile(const std::string& name, uint64_t* number);

// Reads the header of `segment->file`, and says in `segment` what it says, or why the file cannot be used. When the file was
// compressed meanwhile, `segment->file` is that one.
Status ReadSegmentHeader(Directory* directory, SegmentScan* segment);

// Opens a segment for reading. When it was compressed since its header was read, that file is opened instead.
Status OpenSegmentSource(Directory* directory, const std::string& file, const SegmentHeader& header,
                         std::unique_ptr<SegmentSource>* source);

// Whether the file ends with its second seal mark: then it was sealed, and is neither written nor cut any more.
Status EndsWithSeal(SegmentSource* source, const SegmentHeader& header, bool* sealed);

// Walks the entries of a segment whose header was read; `segment->bound` says which of them are superseded. What an earlier walk
// found is forgotten.
Status ScanSegment(Directory* directory, SegmentScan* segment);

// What a finding means in a segment that is `sealed` or not, when LSNs up to `proven` were durable and entries above
// `bound` are superseded. False: it is no damage (never durable, or never written).
bool JudgeFinding(const Finding& finding, const SegmentScan& segment, uint64_t proven, Damage* damage);

}  // namespace ingest_wal
