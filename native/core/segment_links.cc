#include "segment_links.h"

#include <algorithm>

#include "log_base.h"
#include "scan.h"

namespace ingest_wal {
namespace {

// How much of a segment's end is looked at: as a rule its last entry is in the first stretch.
constexpr uint64_t kEndBytes[] = {uint64_t{64} << 10, uint64_t{2} << 20};

struct LastEntry {
  uint64_t lsn = 0;  // 0: none was found
  uint32_t body_checksum = 0;
};

LastEntry LastEntryIn(Bytes end, uint64_t offset, const SegmentHeader& header) {
  LastEntry last;
  Scanner scanner(SegmentSeed(header.salt, header.number), header.first_lsn, offset);
  for (;;) {
    ScanStep step;
    scanner.Next(end, offset, true, &step);
    if (step.kind == ScanKind::kEnd || step.kind == ScanKind::kNeedMore) return last;
    if (step.kind == ScanKind::kEntry) last = LastEntry{step.record.entry.lsn, step.record.body_checksum};
  }
}

Status FindLastEntry(Directory* directory, const SegmentScan& segment, LastEntry* last) {
  std::unique_ptr<SegmentSource> source;
  const Status opened = OpenSegmentSource(directory, segment.file, segment.header, &source);
  if (!opened.ok()) return opened.code() == ErrorCode::kNotFound ? Status() : opened;
  for (const uint64_t bytes : kEndBytes) {
    const uint64_t size = source->size();
    if (size <= kSegmentDataAt) return Status();
    // Records begin at multiples of their alignment.
    const uint64_t from = (size - std::min(bytes, size - kSegmentDataAt)) / kRecordAlignment * kRecordAlignment;
    Bytes end;
    INGEST_WAL_RETURN_IF_ERROR(source->Window(from, static_cast<size_t>(size - from), &end));
    if (end.size != size - from) return Status();  // cut meanwhile
    *last = LastEntryIn(end, from, segment.header);
    if (last->lsn != 0) return Status();
  }
  return Status();
}

}  // namespace

Status LinksAreCertain(Directory* directory, const DirectoryScan& headers, bool* certain) {
  *certain = false;
  for (size_t i = 0; i < headers.segments.size(); i++) {
    const SegmentScan& segment = headers.segments[i];
    if (segment.unread) continue;
    if (!segment.accepted()) return Status();
    if (BreaksLinkToBase(headers, segment)) return Status();
    // Without a checksum nothing is said of the entry before.
    if (i == 0 || segment.header.previous_checksum == 0) continue;
    // The header of the base said what the first segment behind it follows.
    if (headers.segments[i - 1].covered != segment.covered) continue;
    LastEntry last;
    INGEST_WAL_RETURN_IF_ERROR(FindLastEntry(directory, headers.segments[i - 1], &last));
    if (last.lsn != segment.header.previous_lsn || last.body_checksum != segment.header.previous_checksum) return Status();
  }
  *certain = true;
  return Status();
}

}  // namespace ingest_wal
