// AssembleReport of directory_scan.h: the verdict over what a pass found. Pure.
#include <algorithm>

#include "directory_scan.h"
#include "log_base.h"

namespace ingest_wal {
namespace {

class Assembly {
 public:
  Assembly(const DirectoryScan& scan, const RingContents& ring) : scan_(scan), ring_(ring) {}

  DirectoryReport Judge() {
    report_.log_id = scan_.log_id;
    report_.has_log_id = scan_.has_log_id;
    CheckIdentityFile();
    FindProven();
    JudgeCheckpoints();
    for (size_t i = 0; i < scan_.segments.size(); i++) JudgeSegment(i);
    JudgeEnd();
    FindLast();
    FindTornTail();
    AddRing();
    return std::move(report_);
  }

 private:
  void CheckIdentityFile() {
    const bool holds_nothing = scan_.segments.empty() && scan_.checkpoints.empty();
    if (!scan_.whole || scan_.identity.valid || (!scan_.identity.present && holds_nothing)) return;
    Damage damage;
    damage.kind = damage_kind::kIdentity;
    damage.file = "log.id";
    damage.end_offset = identity::kBytes;
    damage.detail = scan_.identity.present ? "log.id is damaged" : "log.id is missing";
    report_.damage.push_back(std::move(damage));
  }

  void FindProven() {
    uint64_t proven = ring_.found ? ring_.durable_lsn : 0;
    // Whole or not: with a sound header it says which numbers were used, and they are not used again.
    for (const CheckpointScan& checkpoint : scan_.checkpoints) {
      if (!checkpoint.file.accepted()) continue;
      proven = std::max(proven, checkpoint.file.header.covered_lsn);
      report_.highest_number = std::max(report_.highest_number, checkpoint.file.header.covered_segment);
    }
    for (const SegmentScan& segment : scan_.segments) {
      if (segment.covered) continue;
      last_live_ = &segment;
      // A segment that does not fit the others is still of this log: its LSNs were used, and are not used again.
      const bool of_this_log = segment.accepted() || segment.rejected_kind == damage_kind::kBrokenChain;
      if (!of_this_log) continue;
      proven = std::max({proven, segment.header.previous_lsn, segment.durable_claim});
      if (segment.accepted()) last_accepted_ = &segment;
    }
    report_.proven_lsn = proven;
    if (!scan_.whole && last_accepted_ != nullptr) accounted_ = last_accepted_->header.first_lsn - 1;
  }

  void JudgeCheckpoints() {
    const CheckpointScan* base = scan_.base();
    for (const CheckpointScan& checkpoint : scan_.checkpoints) Describe(checkpoint);
    for (Damage& flaw : FlawsOf(scan_)) report_.damage.push_back(std::move(flaw));
    for (const CheckpointScan& checkpoint : scan_.checkpoints) {
      if (!checkpoint.file.accepted() || !checkpoint.flaw.empty()) continue;
      const size_t reported_before = report_.damage.size();
      JudgeHeaderCopies(checkpoint.file);
      // The number is no segment's.
      for (size_t i = reported_before; i < report_.damage.size(); i++) report_.damage[i].segment = 0;
    }
    if (base == nullptr) return;
    for (Damage& loss : LossesOf(*base)) report_.damage.push_back(std::move(loss));
    covered_lsn_ = std::min(base->file.header.covered_lsn, base->file.bound);
    report_.entries += base->file.entries;
    accounted_ = covered_lsn_;
  }

  void Describe(const CheckpointScan& checkpoint) {
    const CheckpointScan* base = scan_.base();
    const SegmentScan& file = checkpoint.file;
    CheckpointReport described;
    described.number = file.number;
    described.file = file.file;
    described.file_bytes = file.file_bytes;
    described.covered_segment = file.header.covered_segment;
    described.covered_lsn = file.header.covered_lsn;
    described.entries = checkpoint.unchecked ? file.header.entries : file.entries;
    described.first_lsn = checkpoint.first_lsn;
    described.last_lsn = checkpoint.last_lsn;
    described.created_ms = file.header.created_ms;
    described.state = &checkpoint == base            ? CheckpointState::kBase
                      : !checkpoint.flaw.empty()     ? CheckpointState::kDamaged
                      : &checkpoint == FindBackup()  ? CheckpointState::kBackup
                                                     : CheckpointState::kSuperseded;
    report_.bytes += file.file_bytes;
    report_.checkpoints.push_back(std::move(described));
  }

  // The newest before the base that has no flaw.
  const CheckpointScan* FindBackup() const {
    for (size_t i = scan_.base() == nullptr ? 0 : scan_.base_index; i-- > 0;) {
      if (scan_.checkpoints[i].flaw.empty()) return &scan_.checkpoints[i];
    }
    return nullptr;
  }

  Damage DamageOf(const SegmentScan& segment, const char* kind) const {
    Damage damage;
    damage.kind = kind;
    damage.segment = segment.number;
    damage.file = segment.file;
    damage.end_offset = segment.stored_bytes;
    damage.previous_lsn = accounted_;
    return damage;
  }

  void Describe(const SegmentScan& segment) {
    SegmentReport described;
    described.number = segment.number;
    described.file = segment.file;
    described.covered = segment.covered;
    described.state = segment.unread        ? SegmentState::kUnread
                      : !segment.accepted() ? SegmentState::kRejected
                      : segment.compressed  ? SegmentState::kCompressed
                      : segment.sealed      ? SegmentState::kSealed
                                            : SegmentState::kUnsealed;
    described.file_bytes = segment.stored_bytes;
    described.end_offset = segment.end_offset;
    described.entries = segment.entries;
    described.batches = segment.batches;
    described.first_timestamp_ms = segment.first_timestamp_ms;
    described.last_timestamp_ms = segment.last_timestamp_ms;
    if (!segment.runs.empty()) {
      described.first_lsn = segment.runs.front().first_lsn;
      described.last_lsn = segment.runs.back().last_lsn;
    }
    report_.highest_number = std::max(report_.highest_number, segment.number);
    report_.bytes += segment.stored_bytes;
    report_.segments.push_back(std::move(described));
  }

  bool AcceptedBehind(size_t index) const {
    return last_accepted_ != nullptr && last_accepted_ > &scan_.segments[index];
  }

  void JudgeSegment(size_t index) {
    const SegmentScan& segment = scan_.segments[index];
    Describe(segment);
    if (segment.covered) return JudgeCovered(index);
    if (segment.too_short) {
      // Names are made durable behind their headers, so a later segment proves that this one was cut. Without one it
      // is a creation that never held anything.
      if (AcceptedBehind(index)) {
        Damage damage = DamageOf(segment, damage_kind::kCutShort);
        damage.detail = "the file ends inside its header";
        waiting_.push_back(report_.damage.size());
        report_.damage.push_back(std::move(damage));
      }
      return;
    }
    if (!segment.accepted()) {
      Damage damage = DamageOf(segment, segment.rejected_kind.c_str());
      damage.detail = segment.rejected_detail;
      waiting_.push_back(report_.damage.size());
      report_.damage.push_back(std::move(damage));
      return;
    }
    JudgeGapBefore(segment);
    JudgeHeaderCopies(segment);
    JudgeEntries(index);
  }

  // Nobody needs it any more, and what lies between it and the next one may be gone; but what is there has to be whole.
  void JudgeCovered(size_t index) {
    const SegmentScan& segment = scan_.segments[index];
    if (segment.unread) return;
    const size_t reported_before = report_.damage.size();
    if (!segment.accepted()) {
      report_.damage.push_back(
          DamageOf(segment, segment.too_short ? damage_kind::kCutShort : segment.rejected_kind.c_str()));
      report_.damage.back().detail = segment.too_short ? "the file ends inside its header" : segment.rejected_detail;
    } else {
      accounted_ = std::min(segment.header.first_lsn - 1, segment.bound);
      JudgeHeaderCopies(segment);
      JudgeEntries(index);
      accounted_ = covered_lsn_;
    }
    for (size_t i = reported_before; i < report_.damage.size(); i++) {
      std::string& detail = report_.damage[i].detail;
      detail += (detail.empty() ? "" : "; ") + ("recovery does not need it: checkpoint " +
                                                 std::to_string(scan_.base()->file.number) + " covers it");
    }
  }

  // LSNs between the segments before and this one: in a file that cannot be used, or that is gone.
  void JudgeGapBefore(const SegmentScan& segment) {
    // A segment that is superseded as a whole claims nothing.
    const uint64_t before = std::min(segment.header.previous_lsn, segment.bound);
    if (before > accounted_) {
      if (waiting_.empty()) {
        Damage damage = DamageOf(segment, damage_kind::kMissingSegment);
        damage.segment = segment.number - 1;
        damage.file.clear();
        damage.end_offset = 0;
        damage.detail = "nothing in the directory holds these entries";
        waiting_.push_back(report_.damage.size());
        report_.damage.push_back(std::move(damage));
      }
      Damage& damage = report_.damage[waiting_.front()];
      damage.first_lsn = accounted_ + 1;
      damage.last_lsn = before;
    }
    waiting_.clear();
    accounted_ = std::max(accounted_, std::min(segment.header.first_lsn - 1, segment.bound));
  }

  void JudgeHeaderCopies(const SegmentScan& segment) {
    for (size_t copy = 0; copy < header::kCopies; copy++) {
      if (!segment.header_copy_damaged[copy]) continue;
      Damage damage = DamageOf(segment, damage_kind::kHeaderCopy);
      damage.offset = copy * header::kCopyBytes;
      damage.end_offset = damage.offset + header::kCopyBytes;
      damage.detail = "the other copy of the header is sound";
      report_.damage.push_back(std::move(damage));
    }
  }

  // Offsets are those of the compressed file.
  void JudgeCompression(const SegmentScan& segment) {
    for (const auto& [from, end] : segment.made_good) {
      Damage damage = DamageOf(segment, damage_kind::kCompressedBlock);
      damage.offset = from;
      damage.end_offset = end;
      damage.detail = "a compressed block; its content is sound";
      report_.damage.push_back(std::move(damage));
    }
    if (segment.parity_lost_at == 0) return;
    Damage damage = DamageOf(segment, damage_kind::kCompressedParity);
    damage.offset = segment.parity_lost_at;
    damage.end_offset = segment.stored_bytes;
    damage.detail = "what a damaged block is made good with; the blocks themselves are not concerned";
    report_.damage.push_back(std::move(damage));
  }

  void JudgeEntries(size_t index) {
    const SegmentScan& segment = scan_.segments[index];
    JudgeCompression(segment);
    const size_t reported_before = report_.damage.size();
    for (const Finding& finding : segment.findings) {
      Damage damage;
      if (!JudgeFinding(finding, segment, report_.proven_lsn, &damage)) continue;
      accounted_ = std::max(accounted_, damage.last_lsn);
      report_.damage.push_back(std::move(damage));
    }
    if (!segment.runs.empty()) accounted_ = std::max(accounted_, segment.runs.back().last_lsn);
    // What the segment must hold: a seal says it; without one, what was proven while it was the newest.
    const uint64_t known = std::min(segment.bound, segment.sealed ? segment.durable_claim : report_.proven_lsn);
    if (known <= accounted_) {
      if (report_.damage.size() == reported_before) JudgeLostSeal(segment);
      return;
    }
    const bool next_is_adjacent = segment.sealed || NextAcceptedNumber(index) == segment.number + 1 ||
                                  &segment == last_accepted_;
    if (!next_is_adjacent) return;
    Damage damage = DamageOf(segment, damage_kind::kCutShort);
    damage.offset = damage.end_offset = segment.end_offset;
    damage.first_lsn = accounted_ + 1;
    damage.last_lsn = known;
    damage.detail = "the file ends before entries that were durable";
    accounted_ = known;
    report_.damage.push_back(std::move(damage));
  }

  // Only a file that was sealed is cut, but for one that was given up after a failed write: that ends exactly behind its
  // last record. Of the last file it is told as a torn tail.
  void JudgeLostSeal(const SegmentScan& segment) {
    const bool cut = segment.file_bytes < segment.header.planned_bytes && segment.file_bytes != segment.end_offset;
    if (segment.sealed || !cut || segment.superseded_at != 0 || &segment == last_accepted_) return;
    Damage damage = DamageOf(segment, damage_kind::kCutShort);
    damage.offset = segment.end_offset;
    damage.detail = "the seal at the end of the file is gone";
    report_.damage.push_back(std::move(damage));
  }

  uint64_t NextAcceptedNumber(size_t index) const {
    for (size_t i = index + 1; i < scan_.segments.size(); i++) {
      if (scan_.segments[i].accepted()) return scan_.segments[i].number;
    }
    return 0;
  }

  // LSNs behind the last usable segment that were durable all the same.
  void JudgeEnd() {
    if (report_.proven_lsn <= accounted_) return;
    if (waiting_.empty()) {
      // The ring knows of entries that were durable in a segment which is gone, or was cut down to its header.
      const bool cut = last_live_ != nullptr && last_live_->too_short;
      Damage damage = cut ? DamageOf(*last_live_, damage_kind::kCutShort) : Damage();
      if (!cut) {
        damage.kind = damage_kind::kMissingSegment;
        damage.segment = report_.highest_number + 1;
        damage.previous_lsn = accounted_;
      }
      damage.detail = cut ? "the file ends inside its header" : "nothing in the directory holds these entries";
      waiting_.push_back(report_.damage.size());
      report_.damage.push_back(std::move(damage));
    }
    Damage& damage = report_.damage[waiting_.front()];
    damage.first_lsn = accounted_ + 1;
    damage.last_lsn = report_.proven_lsn;
  }

  void FindLast() {
    uint64_t last = report_.proven_lsn;
    if (last == covered_lsn_ && scan_.base() != nullptr) report_.last_checksum = scan_.base()->file.header.covered_checksum;
    for (const SegmentScan& segment : scan_.segments) {
      if (!segment.accepted() || segment.covered) continue;
      for (const Run& run : segment.runs) {
        const uint64_t count = run.last_lsn - run.first_lsn + 1;
        if (run.first_lsn > last + 1) {
          if (dropped_ == nullptr) dropped_ = &run;
          dropped_entries_ += count;
          dropped_end_ = run.end;
          continue;
        }
        report_.entries += count;
        if (run.last_lsn >= last) {
          last = run.last_lsn;
          report_.last_checksum = run.last_checksum;
        }
      }
    }
    report_.last_lsn = last;
  }

  void FindTornTail() {
    if (last_live_ != nullptr && last_live_->too_short) {
      const SegmentScan& segment = *last_live_;
      report_.torn_tail = TornTail{true, segment.number, segment.file, 0, segment.file_bytes, 0};
      return;
    }
    if (last_accepted_ == nullptr || last_accepted_->sealed) return;
    const SegmentScan& segment = *last_accepted_;
    uint64_t cut = dropped_ != nullptr ? dropped_->offset : segment.end_offset;
    uint64_t nonzero_end = dropped_end_;
    bool truncated = false;
    for (const Finding& finding : segment.findings) {
      Damage ignored;
      if (JudgeFinding(finding, segment, report_.proven_lsn, &ignored)) continue;
      if (finding.lsn_after != 0 && finding.lsn_after <= report_.last_lsn) continue;
      if (finding.nonzero_end != 0) cut = std::min(cut, finding.offset);
      nonzero_end = std::max(nonzero_end, finding.nonzero_end);
      truncated = truncated || finding.truncated;
    }
    const bool cut_off = segment.file_bytes < segment.header.planned_bytes;
    if (nonzero_end <= cut && !truncated && !cut_off) return;
    report_.torn_tail = TornTail{true, segment.number, segment.file, cut,
                                 nonzero_end > cut ? nonzero_end - cut : 0, dropped_entries_};
  }

  void AddRing() {
    report_.ring.found = ring_.found;
    report_.ring.first_lsn = ring_.first_lsn;
    report_.ring.last_lsn = ring_.last_lsn;
    report_.ring.entries = ring_.entries;
    if (ring_.damaged) {
      Damage damage;
      damage.kind = damage_kind::kRing;
      damage.previous_lsn = std::max(report_.last_lsn, ring_.last_lsn);
      damage.detail = "the staging ring of the last writer holds bytes that are no entries";
      report_.damage.push_back(std::move(damage));
    }
    if (ring_.entries != 0 && ring_.first_lsn <= report_.last_lsn + 1 && ring_.last_lsn > report_.last_lsn) {
      report_.entries += ring_.last_lsn - report_.last_lsn;
      report_.last_lsn = ring_.last_lsn;
      report_.last_checksum = 0;
    }
    const bool sealed = last_accepted_ == nullptr || last_accepted_->sealed;
    report_.clean = sealed && !ring_.found && !report_.torn_tail.found;
  }

  const DirectoryScan& scan_;
  const RingContents& ring_;
  DirectoryReport report_;
  // Of the segments that are not covered.
  const SegmentScan* last_live_ = nullptr;
  const SegmentScan* last_accepted_ = nullptr;
  uint64_t covered_lsn_ = 0;  // by the base, 0 without one
  // Every LSN up to here is in a segment, given up, or in a damage that was reported.
  uint64_t accounted_ = 0;
  // Damages of unusable segments that still wait for the range of LSNs which their absence costs.
  std::vector<size_t> waiting_;
  const Run* dropped_ = nullptr;
  uint64_t dropped_entries_ = 0;
  uint64_t dropped_end_ = 0;
};

}  // namespace

DirectoryReport AssembleReport(const DirectoryScan& scan, const RingContents& ring) {
  return Assembly(scan, ring).Judge();
}

}  // namespace ingest_wal
