// What is told to a person about a log: damage, torn tails, segments. Plain data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "record.h"

namespace ingest_wal {

// A damaged or missing stretch. Both LSNs 0: no entry is lost by it.
struct Damage {
  std::string kind;
  uint64_t segment = 0;
  std::string file;
  uint64_t offset = 0;
  uint64_t end_offset = 0;
  uint64_t first_lsn = 0;
  uint64_t last_lsn = 0;
  uint64_t previous_lsn = 0;
  std::vector<std::string> users;
  std::string detail;
};

// The kinds of damage; docs/format.md explains each.
namespace damage_kind {
constexpr const char* kEntry = "entry";                        // one entry or adjacent entries, headers sound
constexpr const char* kBytes = "bytes";                        // bytes that are no record
constexpr const char* kUnreadable = "unreadable";              // the device could not read them
constexpr const char* kMissingEntries = "missing_entries";     // sound bytes, but LSNs are missing between them
constexpr const char* kCutShort = "cut_short";                 // the file ends before what later segments prove
constexpr const char* kHeaderCopy = "header_copy";             // one of the two header copies; the other is sound
constexpr const char* kSegmentHeader = "segment_header";       // both: nothing in the segment can be checked
constexpr const char* kMissingSegment = "missing_segment";
constexpr const char* kMisplacedSegment = "misplaced_segment"; // its header names another number than the file
constexpr const char* kForeignSegment = "foreign_segment";     // of another log
constexpr const char* kBrokenChain = "broken_chain";           // does not follow the segment before it
constexpr const char* kNotAFile = "not_a_file";                // a FIFO, a link, a directory, or not to be opened
constexpr const char* kCompressedBlock = "compressed_block";    // of a compressed segment, and made good: nothing is lost
constexpr const char* kCompressedParity = "compressed_parity";  // what makes such a block good is damaged itself
constexpr const char* kCheckpoint = "checkpoint";              // a checkpoint that is not whole
constexpr const char* kIdentity = "identity";                  // log.id
constexpr const char* kRing = "ring";                          // the staging ring in shared memory

constexpr const char* kAll[] = {
    kEntry,          kBytes,            kUnreadable,       kMissingEntries, kCutShort,  kHeaderCopy,      kSegmentHeader,
    kMissingSegment, kMisplacedSegment, kForeignSegment,   kBrokenChain,    kNotAFile,  kCompressedBlock, kCompressedParity,
    kCheckpoint,     kIdentity,         kRing,
};
}  // namespace damage_kind

struct TornTail {
  bool found = false;
  uint64_t segment = 0;
  std::string file;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint64_t entries = 0;
};

// kCompressed: sealed, and compressed. kUnread: covered by the base, and not looked at.
enum class SegmentState { kSealed, kCompressed, kUnsealed, kRejected, kUnread };

struct SegmentReport {
  uint64_t number = 0;
  std::string file;
  SegmentState state = SegmentState::kUnsealed;
  uint64_t file_bytes = 0;  // on the disk
  uint64_t end_offset = 0;  // of a compressed one: in its content
  uint64_t first_lsn = 0;  // of the first entry in it that belongs to the log; 0 when there is none
  uint64_t last_lsn = 0;
  uint64_t entries = 0;
  uint64_t batches = 0;
  int64_t first_timestamp_ms = 0;
  int64_t last_timestamp_ms = 0;
  bool covered = false;    // by the base: recovery does not need it
};

// kBase: recovery begins with it. kBackup: it would, if the base were damaged.
enum class CheckpointState { kBase, kBackup, kSuperseded, kDamaged };

struct CheckpointReport {
  uint64_t number = 0;
  std::string file;
  CheckpointState state = CheckpointState::kSuperseded;
  uint64_t file_bytes = 0;
  uint64_t covered_segment = 0;
  uint64_t covered_lsn = 0;
  uint64_t entries = 0;
  uint64_t first_lsn = 0;  // of its entries; 0 when there are none, or when only its header was read
  uint64_t last_lsn = 0;
  int64_t created_ms = 0;
};

struct RingReport {
  bool found = false;
  uint64_t first_lsn = 0;
  uint64_t last_lsn = 0;
  uint64_t entries = 0;
};

struct DirectoryReport {
  LogId log_id{};
  bool has_log_id = false;
  std::vector<SegmentReport> segments;
  std::vector<CheckpointReport> checkpoints;
  std::vector<Damage> damage;
  TornTail torn_tail;
  uint64_t last_lsn = 0;
  uint64_t proven_lsn = 0;
  // Body checksum of entry last_lsn as it stands in a segment; 0 when it is lost, only staged, or there is none.
  uint32_t last_checksum = 0;
  // That recovery reads: of the base, of the segments behind it, and of the ring.
  uint64_t entries = 0;
  uint64_t bytes = 0;
  uint64_t highest_number = 0;
  bool clean = false;  // the last segment is sealed (or there is none) and no ring was left
  RingReport ring;
};

}  // namespace ingest_wal
