#include "stale_bytes.h"

#include <algorithm>

#include "scan.h"

namespace ingest_wal {
namespace {

bool BeginsLikeARecord(Bytes at) {
  if (at.size < sizeof(uint32_t)) return false;
  const uint32_t magic = Load<uint32_t>(at.data);
  return magic == mark::kMagic || magic == entry::kMagic || magic == user_record::kMagic ||
         Load<uint16_t>(at.data) == short_entry::kMagic;
}

// The walk over one finding with the former segment's seed.
class FormerWalk {
 public:
  FormerWalk(SegmentSource* source, const SegmentHeader& header, const Finding& finding)
      : source_(source),
        end_(finding.end),
        // Which LSNs it held does not matter here.
        scanner_(SegmentSeed(header.former_salt, header.former_number), 1, finding.offset) {}

  Status Next(ScanStep* step) {
    size_t want = kRecordAlignment;
    for (;;) {
      const bool at_end = window_offset_ + window_.size >= end_;
      const bool supplied = scanner_.position() >= window_offset_ && window_.size != 0 &&
                            (at_end || scanner_.position() + want <= window_offset_ + window_.size);
      if (!supplied) INGEST_WAL_RETURN_IF_ERROR(Supply(want));
      if (!supplied && PassHole(want)) continue;
      scanner_.Next(window_, window_offset_, window_offset_ + window_.size >= end_, step);
      if (step->kind != ScanKind::kNeedMore) return Status();
      want = std::max(want, step->bytes);
    }
  }

 private:
  bool PassHole(size_t want) {
    const uint64_t hole_end = source_->HoleBehind(window_offset_ + window_.size, end_);
    if (want != kRecordAlignment || hole_end == 0) return false;
    scanner_.PassHole(hole_end);
    return true;
  }

  Status Supply(size_t want) {
    window_offset_ = scanner_.position();
    // There may be many findings: of what lies behind this one, nothing is read.
    uint64_t left = end_ - std::min(end_, window_offset_);
    const size_t needed = static_cast<size_t>(std::min<uint64_t>(want, left));
    INGEST_WAL_RETURN_IF_ERROR(source_->Window(window_offset_, needed, &window_, left));
    if (window_.size == 0) end_ = std::min(end_, window_offset_);  // the file was cut meanwhile
    left = end_ - std::min(end_, window_offset_);
    if (window_.size > left) window_ = Bytes(window_.data, static_cast<size_t>(left));
    return Status();
  }

  SegmentSource* const source_;
  uint64_t end_;
  Scanner scanner_;
  Bytes window_;
  uint64_t window_offset_ = 0;
};

}  // namespace

Status TakeOutStaleBytes(SegmentSource* source, const SegmentHeader& header, Finding* finding) {
  if (header.former_number == 0 || finding->nonzero_end == 0) return Status();
  Bytes beginning;
  INGEST_WAL_RETURN_IF_ERROR(source->Window(finding->offset, sizeof(uint32_t), &beginning, sizeof(uint32_t)));
  bool may_be_a_rest = !BeginsLikeARecord(beginning);
  ScanStep rest;  // at the beginning: left by the former segment, if a record of it follows
  uint64_t nonzero_end = 0;
  bool truncated = false;
  FormerWalk walk(source, header, *finding);
  for (ScanStep step;;) {
    INGEST_WAL_RETURN_IF_ERROR(walk.Next(&step));
    const bool whole = step.kind == ScanKind::kEntry || step.kind == ScanKind::kUser || step.kind == ScanKind::kMark;
    if (!whole && rest.kind == ScanKind::kUnknown) {
      nonzero_end = std::max(nonzero_end, rest.nonzero_end);
      truncated = truncated || rest.truncated;
    }
    rest = ScanStep();
    if (step.kind == ScanKind::kEnd) break;
    if (step.kind == ScanKind::kUnknown && may_be_a_rest) {
      rest = step;
    } else if (step.kind == ScanKind::kUnknown) {
      nonzero_end = std::max(nonzero_end, step.nonzero_end);
      truncated = truncated || step.truncated;
    } else if (step.kind == ScanKind::kDamagedEntry) {
      nonzero_end = step.end;
    }
    may_be_a_rest = false;
  }
  finding->nonzero_end = nonzero_end;
  finding->truncated = truncated;
  return Status();
}

}  // namespace ingest_wal
