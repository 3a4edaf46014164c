#include "checkpoint.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "crc32c.h"
#include "segment_name.h"

namespace ingest_wal {
namespace {

// Why the file cannot be read as checkpoint `number` of the log at all; rejects it then.
std::string CheckHeader(uint64_t number, const LogId& log_id, SegmentScan* file) {
  if (file->too_short) return "ends inside its header";
  if (!file->accepted()) return file->rejected_detail;
  const SegmentHeader& header = file->header;
  if (header.log_id != log_id) {
    file->rejected_kind = damage_kind::kForeignSegment;
    file->rejected_detail = "belongs to log " + LogIdText(header.log_id);
  } else if (header.kind != FileKind::kCheckpoint) {
    file->rejected_kind = damage_kind::kMisplacedSegment;
    file->rejected_detail = "its header says that it is segment " + std::to_string(header.number);
  } else if (header.number != number) {
    file->rejected_kind = damage_kind::kMisplacedSegment;
    file->rejected_detail = "its header says that it is checkpoint " + std::to_string(header.number);
  }
  return file->rejected_detail;
}

void Count(const Entry& entry, CheckpointScan* checkpoint) {
  SegmentScan& file = checkpoint->file;
  if (file.entries == 0) {
    checkpoint->first_lsn = entry.lsn;
    file.first_timestamp_ms = entry.timestamp_ms;
  }
  checkpoint->last_lsn = entry.lsn;
  file.last_timestamp_ms = entry.timestamp_ms;
  file.entries++;
  checkpoint->content_checksum = ContentChecksum(checkpoint->content_checksum, entry);
}

// What the walk shows.
std::string FlawOf(const CheckpointScan& checkpoint) {
  const SegmentScan& file = checkpoint.file;
  if (!file.findings.empty()) {
    const Finding& first = file.findings.front();
    return "bytes " + std::to_string(first.offset) + " to " + std::to_string(first.end) + " are no whole records";
  }
  if (!file.sealed) return "does not end with its seal";
  if (file.entries != file.header.entries) {
    return "has " + std::to_string(file.entries) + " entries instead of " + std::to_string(file.header.entries);
  }
  if (checkpoint.last_lsn > file.header.covered_lsn) {
    return "has entry " + std::to_string(checkpoint.last_lsn) + ", beyond what it covers, " +
           std::to_string(file.header.covered_lsn);
  }
  return std::string();
}

}  // namespace

Status CheckCheckpointHeader(Directory* directory, const std::string& file, uint64_t number, const LogId& log_id,
                             CheckpointScan* checkpoint) {
  SegmentScan& scan = checkpoint->file;
  scan.number = number;
  scan.file = file;
  checkpoint->unchecked = true;
  INGEST_WAL_RETURN_IF_ERROR(ReadSegmentHeader(directory, &scan));
  checkpoint->flaw = CheckHeader(number, log_id, &scan);
  return Status();
}

Status CheckCheckpoint(Directory* directory, const std::string& file, uint64_t number, const LogId& log_id,
                       CheckpointScan* checkpoint) {
  INGEST_WAL_RETURN_IF_ERROR(CheckCheckpointHeader(directory, file, number, log_id, checkpoint));
  checkpoint->unchecked = false;
  if (!checkpoint->whole()) return Status();
  SegmentScan& scan = checkpoint->file;
  std::unique_ptr<SegmentSource> source;
  INGEST_WAL_RETURN_IF_ERROR(OpenSegmentSource(directory, file, scan.header, &source));
  SegmentCursor cursor(source.get(), scan.header, UINT64_MAX);
  for (;;) {
    SegmentCursor::Located located;
    bool found = false;
    INGEST_WAL_RETURN_IF_ERROR(cursor.Next(&located, &found));
    if (!found) break;
    Count(located.entry, checkpoint);
  }
  scan.findings = cursor.findings();
  scan.durable_claim = cursor.durable_claim();
  scan.end_offset = cursor.end_offset();
  scan.sealed = cursor.sealed();
  scan.batches = cursor.batches();
  checkpoint->flaw = FlawOf(*checkpoint);
  return Status();
}

Status FindDispensable(Directory* directory, const LogId& log_id, uint64_t* through_segment) {
  *through_segment = 0;
  std::vector<DirectoryEntry> names;
  INGEST_WAL_RETURN_IF_ERROR(directory->List(&names));
  std::vector<std::pair<uint64_t, std::string>> files;
  for (const DirectoryEntry& name : names) {
    uint64_t number = 0;
    if (ParseCheckpointName(name.name, &number)) files.emplace_back(number, name.name);
  }
  std::sort(files.rbegin(), files.rend());
  int sound = 0;
  for (const auto& file : files) {
    CheckpointScan checkpoint;
    INGEST_WAL_RETURN_IF_ERROR(CheckCheckpointHeader(directory, file.second, file.first, log_id, &checkpoint));
    if (!checkpoint.flaw.empty()) continue;
    std::unique_ptr<SegmentSource> source;
    bool sealed = false;
    INGEST_WAL_RETURN_IF_ERROR(SegmentSource::Open(directory, file.second, &source));
    INGEST_WAL_RETURN_IF_ERROR(EndsWithSeal(source.get(), checkpoint.file.header, &sealed));
    if (!sealed || ++sound < 2) continue;
    *through_segment = checkpoint.file.header.covered_segment;
    return Status();
  }
  return Status();
}

uint32_t ContentChecksum(uint32_t before, const Entry& entry) {
  uint8_t numbers[36] = {};
  Store(numbers, entry.lsn);
  Store(numbers + 8, entry.timestamp_ms);
  Store(numbers + 16, entry.sequence);
  Store(numbers + 20, uint32_t{entry.operation});
  Store(numbers + 24, static_cast<uint32_t>(entry.user_id.size));
  Store(numbers + 28, static_cast<uint64_t>(entry.payload.size));
  uint32_t checksum = Crc32c(before, numbers, sizeof(numbers));
  checksum = Crc32c(checksum, entry.user_id.data, entry.user_id.size);
  return Crc32c(checksum, entry.payload.data, entry.payload.size);
}

}  // namespace ingest_wal
