// Looks at all of a log: which files are segments of it, what each holds, what is proven, torn, or damaged. Reads
// only. Opening, verifying and reading a log all begin here.
//
// The judgement itself (AssembleReport) is a pure function of what was found:
//   - Proven is the highest LSN that any mark, any later segment's header, or the ring says was durable.
//   - A hole in what is proven is damage, and what lies behind it still comes back.
//   - A hole in what is not proven is a torn tail: it and what lies behind it do not come back.
//   - Recovery begins with the base, the newest whole checkpoint. Segments up to the one that it covers are not needed.
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
#include "staging_ring.h"

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
  std::string rejected_kind;    // a damage_kind when it cannot be used
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

  bool accepted() const { return !unread && rejected_kind.empty() && !too_short; }
};

// One checkpoint file, and everything a pass over it found.
struct CheckpointScan {
  // The file as a segment: its header, findings, counts and times. Without runs: its LSNs have gaps.
  SegmentScan file;
  // Of its entries; 0 when there are none.
  uint64_t first_lsn = 0;
  uint64_t last_lsn = 0;
  // ContentChecksum() of all entries, one after the other.
  uint32_t content_checksum = 0;
  // Why it is not whole; empty when it is. A whole one may have one damaged copy of its header.
  std::string flaw;
  bool unchecked = false;  // nothing but its header was read: it is older than the base, or nothing of it is asked for

  bool whole() const { return flaw.empty() && !unchecked; }
};

// log.id as found.
struct IdentityScan {
  bool present = false;
  bool valid = false;
  // Why its bytes could not be had; kOk where they could, or where it is not there.
  Status readable;
  LogId id{};
};

struct DirectoryScan {
  IdentityScan identity;
  LogId log_id{};
  bool has_log_id = false;
  std::vector<SegmentScan> segments;        // by number: those that are covered, then the others
  std::vector<CheckpointScan> checkpoints;  // by number
  size_t base_index = SIZE_MAX;             // in checkpoints
  bool whole = true;                        // false: one file on its own, nothing is known of the others

  // The checkpoint that recovery begins with; null when it begins with segments.
  const CheckpointScan* base() const { return base_index < checkpoints.size() ? &checkpoints[base_index] : nullptr; }
};

// How much of a log is looked at: what recovery needs, which does not grow with the log's history, or everything.
enum class Extent { kLive, kAll };

// Finds which log this is: reads log.id, lists the directory, and asks headers where log.id does not tell.
Status FindLog(Directory* directory, DirectoryScan* scan);

// kNotALog, when what was found at `path` is nothing of a log.
Status LooksLikeALog(const DirectoryScan& scan, const std::string& path);

// FindLog(), then chooses the base and reads all headers, those of covered segments with Extent::kAll only. kNewerFormat
// when something is of a newer version. `from_lsn`: nothing before that entry is asked for; where a checkpoint stands for all
// of it, neither what that one holds nor what it covers is looked at.
Status ReadHeaders(Directory* directory, Extent extent, DirectoryScan* scan, uint64_t from_lsn = 1);

// Reads the header of `segment->file`, and says in `segment` what it says, or why the file cannot be used. When the file was
// compressed meanwhile, `segment->file` is that one.
Status ReadSegmentHeader(Directory* directory, SegmentScan* segment);

// Opens a segment for reading. When it was compressed since its header was read, that file is opened instead.
Status OpenSegmentSource(Directory* directory, const std::string& file, const SegmentHeader& header,
                         std::unique_ptr<SegmentSource>* source);

// Whether the file ends with its second seal mark: then it was sealed, and is neither written nor cut any more.
Status EndsWithSeal(SegmentSource* source, const SegmentHeader& header, bool* sealed);

// Walks the entries of every usable segment, and rejects segments that do not continue the ones before them. Segments are
// walked on up to `threads` threads at a time, each with a window of its own; what is found does not depend on how many.
Status ScanSegments(Directory* directory, DirectoryScan* scan, unsigned threads = 1);

// The damages of a report that are segments which cannot be used as a whole.
std::vector<Damage> RejectionsOf(const DirectoryReport& report);

// Rejects segments that an earlier pass over the same directory rejected, those too that headers alone do not give away.
void RejectAlso(const std::vector<Damage>& rejected, DirectoryScan* scan);

// The verdict. `ring` holds what was copied out of the staging ring, `found` false when there is none.
DirectoryReport AssembleReport(const DirectoryScan& scan, const RingContents& ring);

// ReadHeaders, then ScanSegments.
Status ScanDirectory(Directory* directory, Extent extent, DirectoryScan* scan, unsigned threads = 1);

// A single segment or checkpoint on its own.
Status ScanOneFile(Directory* directory, const std::string& file, DirectoryScan* scan);

// What a finding means in a segment that is `sealed` or not, when LSNs up to `proven` were durable and entries above
// `bound` are superseded. False: it is no damage (never durable, or never written).
bool JudgeFinding(const Finding& finding, const SegmentScan& segment, uint64_t proven, Damage* damage);

}  // namespace ingest_wal
