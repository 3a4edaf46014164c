#include "segment_cursor.h"

#include <algorithm>

#include "lost_header.h"

namespace ingest_wal {
namespace {

constexpr size_t kMaxUsersPerFinding = 64;

}  // namespace

SegmentCursor::SegmentCursor(SegmentSource* source, const SegmentHeader& header, uint64_t bound)
    : source_(source),
      seed_(SegmentSeed(header.salt, header.number)),
      first_lsn_(header.first_lsn),
      scanner_(seed_, first_lsn_, kSegmentDataAt),
      bound_(bound),
      may_have_gaps_(header.kind == FileKind::kCheckpoint),
      last_lsn_(header.first_lsn - 1) {}

Status SegmentCursor::Step(ScanStep* step) {
  size_t want = kRecordAlignment;
  for (;;) {
    const uint64_t position = scanner_.position();
    const bool inside = window_valid_ && position >= window_offset_ &&
                        position + want <= window_offset_ + window_.size;
    const bool window_ends_file = window_valid_ && window_offset_ + window_.size >= source_->size();
    if (!inside && !(window_ends_file && position >= window_offset_)) {
      INGEST_WAL_RETURN_IF_ERROR(source_->Window(position, want, &window_));
      window_offset_ = position;
      window_valid_ = true;
      const uint64_t hole_end = source_->HoleBehind(position + window_.size, source_->size());
      if (want == kRecordAlignment && hole_end != 0) {
        scanner_.PassHole(hole_end);
        continue;
      }
    }
    const bool at_end = window_offset_ + window_.size >= source_->size();
    scanner_.Next(window_, window_offset_, at_end, step);
    if (step->kind != ScanKind::kNeedMore) return Status();
    want = std::max(want, step->bytes);
    if (step->offset + want > window_offset_ + window_.size) window_valid_ = false;
  }
}

bool SegmentCursor::IsOfUnknownUser(const Record& record) const {
  return record.is_short && !users_.Knows(record.entry.user_number);
}

Status SegmentCursor::FindUsers(const ScanStep& step) {
  all_users_known_ = true;
  SegmentCursor all(source_, seed_, first_lsn_, step.offset);
  for (ScanStep found;;) {
    INGEST_WAL_RETURN_IF_ERROR(all.Step(&found));
    if (found.kind == ScanKind::kEnd) break;
    if (found.kind == ScanKind::kUser) users_.Define(found.record.entry.user_number, found.record.entry.user_id);
  }
  // The source has moved its window.
  window_valid_ = false;
  scanner_ = Scanner(seed_, first_lsn_, step.offset);
  return Status();
}

std::vector<std::string> Finding::UsersUpTo(uint64_t last_lsn) const {
  std::vector<std::string> users;
  for (const Named& each : named) {
    if (each.lsn <= last_lsn) users.push_back(each.user);
  }
  return users;
}

void SegmentCursor::NameUser(Bytes at, uint64_t offset, Finding* finding) const {
  LostHeader header;
  if (!ReadLostHeader(at, seed_, first_lsn_, offset, &header)) return;
  if (header.is_short) {
    if (!users_.Knows(header.user_number)) return;
    header.user_id = users_.IdOf(header.user_number);
    if (UserCheck(header.user_id) != header.user_check) return;
  }
  // It stands a second time, and is not lost.
  if (header.lsn <= finding->lsn_before) return;
  std::string user(reinterpret_cast<const char*>(header.user_id.data), header.user_id.size);
  std::vector<Finding::Named>& named = finding->named;
  const auto known = std::find_if(named.begin(), named.end(), [&](const Finding::Named& each) { return each.user == user; });
  if (known != named.end()) {
    known->lsn = std::min(known->lsn, header.lsn);
  } else if (named.size() < kMaxUsersPerFinding) {
    named.push_back({std::move(user), header.lsn});
  }
}

void SegmentCursor::Note(Finding::Kind kind, const ScanStep& step) {
  const bool unreadable = source_->TouchesUnreadable(step.offset, step.end);
  if (unreadable) kind = Finding::Kind::kUnreadable;
  const bool adjacent = findings_.size() > open_findings_ && findings_.back().end == step.offset;
  if (!adjacent) {
    const bool shares_loss = findings_.size() > open_findings_;
    findings_.emplace_back();
    findings_.back().kind = kind;
    findings_.back().shares_loss = shares_loss;
    findings_.back().offset = step.offset;
    findings_.back().lsn_before = last_lsn_;
  } else if (findings_.back().kind != kind) {
    const bool was_unreadable = findings_.back().kind == Finding::Kind::kUnreadable;
    findings_.back().kind = unreadable || was_unreadable ? Finding::Kind::kUnreadable : Finding::Kind::kBytes;
  }
  Finding& finding = findings_.back();
  finding.end = step.end;
  if (step.kind == ScanKind::kDamagedEntry) {
    finding.nonzero_end = step.end;
  } else if (step.nonzero_end != 0) {
    finding.nonzero_end = step.nonzero_end;
  }
  finding.truncated = finding.truncated || step.truncated;
  // Of a stretch that a window does not hold whole, the bytes are asked for once more: who reads in other windows must not know
  // of other users.
  const size_t count = static_cast<size_t>(std::min<uint64_t>(step.end - step.offset, entry::kUserIdAt + kMaxUserIdBytes));
  if (step.offset >= window_offset_ && step.offset + count <= window_offset_ + window_.size) {
    NameUser(window_.Subspan(static_cast<size_t>(step.offset - window_offset_), count), step.offset, &findings_[open_findings_]);
    return;
  }
  std::vector<uint8_t> bytes(count);
  NameUser(Bytes(bytes.data(), source_->Peek(step.offset, bytes.data(), count)), step.offset, &findings_[open_findings_]);
}

void SegmentCursor::NoteMark(const ScanStep& step) {
  const Mark& mark = step.record.mark;
  durable_claim_ = std::max(durable_claim_, mark.durable_lsn);
  // A mark says which LSN comes next: what is not whole before it costs no entry behind it.
  const bool within_bound = mark.next_lsn - 1 <= bound_;
  if (within_bound && mark.next_lsn > last_lsn_ + 1 && findings_.size() > open_findings_) {
    CloseFindings(mark.next_lsn);
    last_lsn_ = mark.next_lsn - 1;
  }
  switch (mark.kind) {
    case MarkKind::kBatch:
      batches_++;
      end_offset_ = step.end;
      break;
    case MarkKind::kIdle:
      end_offset_ = step.end;
      break;
    // A file is cut to end behind its seal only after the seal was synced, so only then does the seal prove that
    // everything before it was synced too.
    case MarkKind::kSealFirst:
      if (step.end + mark::kBytes == source_->size()) sealed_ = true;
      break;
    case MarkKind::kSealSecond:
      if (step.end == source_->size()) sealed_ = true;
      // Behind a seal there is at most space that was reserved and not yet given back.
      ended_ = true;
      break;
  }
}

void SegmentCursor::CloseFindings(uint64_t lsn_after) {
  for (; open_findings_ < findings_.size(); open_findings_++) findings_[open_findings_].lsn_after = lsn_after;
}

Status SegmentCursor::Next(Located* located, bool* found) {
  *found = false;
  ScanStep& step = step_;
  while (!ended_) {
    INGEST_WAL_RETURN_IF_ERROR(Step(&step));
    switch (step.kind) {
      case ScanKind::kEnd:
        return Status();
      case ScanKind::kNeedMore:
        break;  // Step() does not return it
      case ScanKind::kUnknown:
        Note(Finding::Kind::kBytes, step);
        break;
      case ScanKind::kDamagedEntry:
        if (IsOfUnknownUser(step.record) && !all_users_known_) {
          INGEST_WAL_RETURN_IF_ERROR(FindUsers(step));
          break;
        }
        Note(Finding::Kind::kEntry, step);
        break;
      case ScanKind::kMark:
        NoteMark(step);
        break;
      case ScanKind::kUser:
        users_.Define(step.record.entry.user_number, step.record.entry.user_id);
        end_offset_ = step.end;
        break;
      case ScanKind::kEntry: {
        if (IsOfUnknownUser(step.record)) {
          if (!all_users_known_) {
            INGEST_WAL_RETURN_IF_ERROR(FindUsers(step));
            break;
          }
          // Sound, and nobody's: all records that say whose it is are gone.
          step.kind = ScanKind::kDamagedEntry;
          Note(Finding::Kind::kEntry, step);
          break;
        }
        if (step.record.is_short) step.record.entry.user_id = users_.IdOf(step.record.entry.user_number);
        const uint64_t lsn = step.record.entry.lsn;
        if (lsn > bound_) {
          CloseFindings(lsn);
          superseded_at_ = step.offset;
          return Status();
        }
        const bool gap_explained = may_have_gaps_ || findings_.size() > open_findings_;
        if (lsn <= last_lsn_ || (lsn != last_lsn_ + 1 && !gap_explained)) {
          step.end = lsn <= last_lsn_ ? step.end : step.offset;
          Note(Finding::Kind::kMissing, step);
          if (lsn <= last_lsn_) break;
        }
        CloseFindings(lsn);
        last_lsn_ = lsn;
        end_offset_ = step.offset + step.bytes;
        located->entry = step.record.entry;
        located->offset = step.offset;
        located->end = end_offset_;
        located->body_checksum = step.record.body_checksum;
        *found = true;
        return Status();
      }
    }
  }
  return Status();
}

uint64_t SegmentCursor::PassEntries(Located* last) {
  uint64_t passed = 0;
  scanner_.Pass(window_, window_offset_, [&](const Record& record, uint64_t offset) {
    if (record.state == RecordState::kMark) return false;
    if (record.state == RecordState::kUser) {
      users_.Define(record.entry.user_number, record.entry.user_id);
    } else {
      if (record.entry.lsn != last_lsn_ + 1 || record.entry.lsn > bound_ || IsOfUnknownUser(record)) return false;
      passed++;
      last_lsn_ = record.entry.lsn;
      last->entry.timestamp_ms = record.entry.timestamp_ms;
      last->offset = offset;
      last->end = offset + record.bytes;
      last->body_checksum = record.body_checksum;
    }
    end_offset_ = offset + record.bytes;
    return true;
  });
  last->entry.lsn = last_lsn_;
  return passed;
}

}  // namespace ingest_wal
