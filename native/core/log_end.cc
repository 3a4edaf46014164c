#include "log_end.h"

#include <algorithm>
#include <memory>
#include <string>

#include "segment_name.h"

namespace ingest_wal {
namespace {

// Carried entries go into one batch, which is held in memory, and whose mark counts bytes in 32 bits. No writer leaves more
// than its ring unproven.
constexpr size_t kMaxCarriedBatchBytes = size_t{1} << 30;

Status CheckNumbersAreLeft(const DirectoryReport& found) {
  if (found.highest_number >= kMaxSegmentNumber) {
    return Status(ErrorCode::kCorrupt, SegmentName(found.highest_number) + " has the last number that a segment can " +
                                           "have; move it out of the directory");
  }
  if (found.last_lsn >= kMaxLsn) {
    return Status(ErrorCode::kCorrupt, "the log says that LSN " + std::to_string(found.last_lsn) + " was used; allowed: 1 to " +
                                           std::to_string(kMaxLsn));
  }
  return Status();
}

// The checksum of the entry behind which the log goes on, and, when `carries`, the entries behind it, out of the segments.
Status CollectTail(Directory* directory, const DirectoryScan& scan, uint64_t last_lsn, bool carries, LogEnd* end) {
  const uint64_t from_lsn = end->previous_lsn;
  // The segment of entry `from_lsn` may be gone.
  const CheckpointScan* base = scan.base();
  if (base != nullptr && base->file.header.covered_lsn == from_lsn) {
    end->previous_checksum = base->file.header.covered_checksum;
  }
  for (const SegmentScan& segment : scan.segments) {
    if (!segment.accepted() || segment.runs.empty() || segment.runs.back().last_lsn < from_lsn) continue;
    std::unique_ptr<SegmentSource> source;
    INGEST_WAL_RETURN_IF_ERROR(OpenSegmentSource(directory, segment.file, segment.header, &source));
    SegmentCursor cursor(source.get(), segment.header, std::min(segment.bound, last_lsn));
    for (;;) {
      SegmentCursor::Located located;
      bool found = false;
      INGEST_WAL_RETURN_IF_ERROR(cursor.Next(&located, &found));
      if (!found) break;
      if (located.entry.lsn == from_lsn) end->previous_checksum = located.body_checksum;
      if (located.entry.lsn > from_lsn && carries) end->carried.Add(located.entry);
      // What is behind may be most of a file that was made ready and not used.
      if (located.entry.lsn >= segment.runs.back().last_lsn) break;
    }
  }
  return Status();
}

// The ring's entries behind the one where the log goes on.
void CarryRing(const std::vector<uint8_t>& staged, LogEnd* end) {
  Entry entry;
  size_t bytes = 0;
  for (size_t at = 0; at < staged.size(); at += bytes) {
    if (!ReadStaged(Bytes(staged.data() + at, staged.size() - at), &entry, &bytes)) break;
    if (entry.lsn > end->previous_lsn) end->carried.Add(entry);
  }
}

// As many as there is room for where the end of the log cannot be read: behind the last segment whose header can be, which says
// where all before it ended, and in what of that one the device does not give. Not when a ring says how many there are.
uint64_t LsnsThatMayStandUnread(const DirectoryScan& scan, const RingContents& ring) {
  if (ring.found && !ring.damaged) return 0;
  uint64_t bytes = 0;
  for (const SegmentScan& segment : scan.segments) {
    if (segment.covered) continue;
    if (segment.rejected_kind == damage_kind::kSegmentHeader) bytes += std::min(segment.file_bytes, kMaxSegmentBytes);
    if (!segment.accepted()) continue;
    bytes = 0;
    if (segment.sealed) continue;
    for (const Finding& finding : segment.findings) {
      if (finding.kind == Finding::Kind::kUnreadable && finding.lsn_after == 0) bytes += finding.end - finding.offset;
    }
  }
  return (bytes + short_entry::kPayloadAt - 1) / short_entry::kPayloadAt;
}

}  // namespace

void CarriedEntries::Add(const Entry& entry) {
  const size_t at = staged.size();
  staged.resize(at + StagedEntryBytes(entry.user_id.size, entry.payload.size));
  StageEntry(entry, staged.data() + at);
  last_lsn = entry.lsn;
  entries++;
  record_bytes += EntryRecordBytes(entry.user_id.size, entry.payload.size);
}

void CarriedEntries::Clear() { *this = CarriedEntries(); }

void LogEnd::GiveUpUnreadLsns() {
  if (used_lsn == durable_lsn) return;
  first_lsn = used_lsn + 1;
  durable_lsn = used_lsn;
  durable_checksum = 0;
}

Status DecideEnd(Directory* directory, const DirectoryScan& scan, const RingContents& ring, const DirectoryReport& found,
                 LogEnd* end) {
  INGEST_WAL_RETURN_IF_ERROR(CheckNumbersAreLeft(found));
  end->next_number = found.highest_number + 1;
  end->previous_lsn = found.proven_lsn;
  end->first_lsn = end->previous_lsn + 1;
  const bool ring_leads = ring.entries != 0 && ring.first_lsn <= end->first_lsn && ring.last_lsn >= found.last_lsn;
  INGEST_WAL_RETURN_IF_ERROR(CollectTail(directory, scan, found.last_lsn, !ring_leads, end));
  if (ring_leads) CarryRing(ring.staged, end);
  end->durable_lsn = end->carried.empty() ? end->previous_lsn : end->carried.last_lsn;
  end->durable_checksum = end->previous_checksum;
  const uint64_t unread = LsnsThatMayStandUnread(scan, ring);
  end->used_lsn = std::max(end->durable_lsn, std::min(end->durable_lsn + unread, kMaxLsn - 1));
  if (end->carried.empty()) end->GiveUpUnreadLsns();
  if (end->carried.record_bytes > kMaxCarriedBatchBytes) {
    return Status(ErrorCode::kIo, "more than 1 GiB of entries was never proven durable");
  }
  return Status();
}

}  // namespace ingest_wal
