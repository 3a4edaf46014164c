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
#include <vector>

#include "damage.h"
#include "platform/file_system.h"
#include "segment_header.h"
#include "segment_scan.h"
#include "staging_ring.h"

namespace ingest_wal {

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

}  // namespace ingest_wal
