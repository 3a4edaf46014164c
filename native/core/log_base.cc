#include "log_base.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "checkpoint.h"
#include "segment_source.h"

namespace ingest_wal {
namespace {

// Whether checkpoint `named` stands for nothing from entry `from_lsn` on, and was finished: its header and its seal are
// enough to know then where to go on behind it.
Status CheckPassedOver(Directory* directory, const SegmentScan& named, const LogId& log_id, uint64_t from_lsn,
                       CheckpointScan* checkpoint, bool* passed_over) {
  INGEST_WAL_RETURN_IF_ERROR(CheckCheckpointHeader(directory, named.file, named.number, log_id, checkpoint));
  if (!checkpoint->flaw.empty() || checkpoint->file.header.covered_lsn >= from_lsn) return Status();
  std::unique_ptr<SegmentSource> source;
  INGEST_WAL_RETURN_IF_ERROR(SegmentSource::Open(directory, named.file, &source));
  return EndsWithSeal(source.get(), checkpoint->file.header, passed_over);
}

}  // namespace

Status CheckCheckpoints(Directory* directory, Extent extent, uint64_t from_lsn, DirectoryScan* scan) {
  std::vector<CheckpointScan> found;  // the newest first
  size_t base_at = SIZE_MAX;
  bool passed_over = false;
  for (size_t i = scan->checkpoints.size(); i-- > 0;) {
    const SegmentScan& named = scan->checkpoints[i].file;
    CheckpointScan checkpoint;
    Status checked;
    if (base_at == SIZE_MAX && from_lsn > 1) {
      checked = CheckPassedOver(directory, named, scan->log_id, from_lsn, &checkpoint, &passed_over);
    }
    bool in_full = !passed_over && (extent == Extent::kAll || base_at == SIZE_MAX);
#ifdef INGEST_WAL_SEED_BUG_BASE_UNCHECKED  // planted by native/test/seeded_bug_test.cc, which must see it
    in_full = false;
#endif
    if (checked.ok()) {
      checkpoint = CheckpointScan();
      checked = in_full ? CheckCheckpoint(directory, named.file, named.number, scan->log_id, &checkpoint)
                        : CheckCheckpointHeader(directory, named.file, named.number, scan->log_id, &checkpoint);
    }
    if (checked.code() == ErrorCode::kNotFound) continue;  // removed since the directory was listed
    INGEST_WAL_RETURN_IF_ERROR(checked);
#ifdef INGEST_WAL_SEED_BUG_BASE_UNCHECKED
    checkpoint.unchecked = false;
#endif
    if (base_at == SIZE_MAX && (checkpoint.whole() || passed_over)) base_at = found.size();
    found.push_back(std::move(checkpoint));
  }
  if (base_at != SIZE_MAX) scan->base_index = found.size() - 1 - base_at;
  scan->checkpoints.assign(std::make_move_iterator(found.rbegin()), std::make_move_iterator(found.rend()));
  return Status();
}

void ChooseDamagedBase(DirectoryScan* scan) {
  for (const SegmentScan& segment : scan->segments) {
    if (!segment.accepted()) continue;
    if (segment.header.previous_lsn == 0) return;
    break;
  }
  for (size_t i = scan->checkpoints.size(); i-- > 0 && scan->base() == nullptr;) {
    if (scan->checkpoints[i].file.accepted()) scan->base_index = i;
  }
}

bool BreaksLinkToBase(const DirectoryScan& scan, const SegmentScan& segment) {
  const CheckpointScan* base = scan.base();
  if (base == nullptr || !base->flaw.empty() || segment.covered) return false;
  const SegmentHeader& covered = base->file.header;
  const bool comparable = segment.header.previous_lsn == covered.covered_lsn && segment.header.previous_checksum != 0 &&
                          covered.covered_checksum != 0;
  return comparable && segment.header.previous_checksum != covered.covered_checksum;
}

std::vector<Damage> LossesOf(const CheckpointScan& base) {
  std::vector<Damage> losses;
  if (base.whole() || base.unchecked) return losses;
  const uint64_t covered = std::min(base.file.header.covered_lsn, base.file.bound);
  const auto add = [&](uint64_t offset, uint64_t end, uint64_t before, uint64_t last) {
    losses.emplace_back();
    Damage& damage = losses.back();
    damage.kind = damage_kind::kCheckpoint;
    damage.file = base.file.file;
    damage.offset = offset;
    damage.end_offset = end;
    damage.previous_lsn = before;
    damage.detail = "checkpoint " + std::to_string(base.file.number) + " is not whole, and no other takes its place";
    if (before >= last) return;
    damage.first_lsn = before + 1;
    damage.last_lsn = last;
  };
  uint64_t accounted = base.last_lsn;
  const bool superseded = covered < base.file.header.covered_lsn;
  for (const Finding& finding : base.file.findings) {
    if (superseded && finding.lsn_before >= covered) break;
    const uint64_t last = std::min(finding.lsn_after != 0 ? finding.lsn_after - 1 : covered, covered);
    // Another finding between the same entries has taken the loss.
    add(finding.offset, finding.end, finding.lsn_before, finding.shares_loss ? 0 : last);
    if (!finding.shares_loss) losses.back().users = finding.UsersUpTo(last);
    accounted = std::max(accounted, last);
  }
  // Cut between two records, nothing but the seal is missed.
  if (!base.file.sealed && accounted < covered) add(base.file.end_offset, base.file.end_offset, accounted, covered);
  if (losses.empty() && !superseded) add(0, base.file.file_bytes, 0, 0);
  return losses;
}

std::vector<Damage> FlawsOf(const DirectoryScan& scan) {
  std::vector<Damage> flaws;
  for (const CheckpointScan& checkpoint : scan.checkpoints) {
    if (checkpoint.flaw.empty() || &checkpoint == scan.base()) continue;
    Damage damage;
    damage.kind = damage_kind::kCheckpoint;
    damage.file = checkpoint.file.file;
    const SegmentScan& file = checkpoint.file;
    if (!file.accepted()) {
      damage.end_offset = std::min<uint64_t>(file.file_bytes, kSegmentDataAt);
    } else if (!file.findings.empty()) {
      damage.offset = file.findings.front().offset;
      damage.end_offset = file.findings.front().end;
    } else {
      damage.offset = damage.end_offset = file.end_offset;
    }
    damage.detail = "it is not whole: " + checkpoint.flaw + "; recovery begins with " +
                    (scan.base() == nullptr ? "the first segment" : "checkpoint " + std::to_string(scan.base()->file.number));
    flaws.push_back(std::move(damage));
  }
  return flaws;
}

}  // namespace ingest_wal
