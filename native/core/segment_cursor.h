// One segment, entry by entry: joins the scanner, the file's windows and the order of LSNs, and keeps an account of
// everything that is not a whole entry. The scan of a directory and the reader both walk segments through it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "record.h"
#include "scan.h"
#include "segment_header.h"
#include "segment_source.h"
#include "segment_users.h"

namespace ingest_wal {

// A stretch that is not whole. What it means (damage, or a tail that was never durable) is judged later, when it
// is known what was proven durable.
struct Finding {
  enum class Kind { kEntry, kBytes, kUnreadable, kMissing };
  Kind kind = Kind::kBytes;
  uint64_t offset = 0;
  uint64_t end = 0;
  uint64_t lsn_before = 0;  // last whole entry before it, at least the LSN before the segment's first
  uint64_t lsn_after = 0;   // LSN of what comes next in the segment, by an entry or a mark; 0 when there is nothing
  uint64_t nonzero_end = 0; // offset after the last byte that is not zero; 0 when all are
  bool truncated = false;   // a record begins here and the file ends before it does
  // Another finding stands before it with the same LSNs around: what is lost between them is lost with that one.
  bool shares_loss = false;
  // Users whose entries are proven to have stood here, by what is left of their headers, with the least LSN of each.
  struct Named {
    std::string user;
    uint64_t lsn = 0;
  };
  std::vector<Named> named;

  // Those of them whose entries are lost, when the entries up to `last_lsn` are.
  std::vector<std::string> UsersUpTo(uint64_t last_lsn) const;
};

class SegmentCursor {
 public:
  // Entries above `bound` are superseded by later segments: the walk ends before the first of them. Between the LSNs of
  // a checkpoint there may be gaps; in a segment each is a finding.
  SegmentCursor(SegmentSource* source, const SegmentHeader& header, uint64_t bound);

  struct Located {
    // The payload, and the user id of a full entry, point into the source's window: valid until the next call.
    Entry entry;
    uint64_t offset = 0;
    uint64_t end = 0;
    uint32_t body_checksum = 0;
  };

  // The next entry; false at the end of the segment. What was found before it is in findings() then.
  Status Next(Located* located, bool* found);

  // Directly behind an entry that Next() gave: passes over those that follow it for as long as there is nothing to tell of
  // them but that they are whole and in order; how many. Of the last of them, `last` says LSN, time, place and checksum.
  // Reads nothing: it ends with the window at the latest, and Next() goes on wherever it ended.
  uint64_t PassEntries(Located* last);

  // All findings up to here, oldest first. Take the new ones by index.
  const std::vector<Finding>& findings() const { return findings_; }

  uint64_t last_lsn() const { return last_lsn_; }
  // Offset after the last whole record, the seal left out.
  uint64_t end_offset() const { return end_offset_; }
  // Highest durable LSN that a mark claims.
  uint64_t durable_claim() const { return durable_claim_; }
  uint64_t batches() const { return batches_; }
  // A seal mark stands where the size of the file says that the seal must be; or it stood there, because only sealed segments
  // are compressed.
  bool sealed() const { return sealed_ || source_->compressed() != nullptr; }
  // Offset of the first superseded entry, 0 when there is none.
  uint64_t superseded_at() const { return superseded_at_; }

 private:
  SegmentCursor(SegmentSource* source, uint32_t seed, uint64_t first_lsn, uint64_t offset)
      : source_(source), seed_(seed), first_lsn_(first_lsn), scanner_(seed, first_lsn, offset), bound_(UINT64_MAX),
        last_lsn_(first_lsn - 1) {}

  Status Step(ScanStep* step);
  void Note(Finding::Kind kind, const ScanStep& step);
  void NoteMark(const ScanStep& step);
  // Names in `finding` whose entry stood at `offset`, if the bytes there, or what is left of them, prove it.
  void NameUser(Bytes at, uint64_t offset, Finding* finding) const;
  bool IsOfUnknownUser(const Record& record) const;
  // Reads all of the segment for user records, once: the one before `step` may be damaged, and it is repeated behind.
  // Then goes back to `step`.
  Status FindUsers(const ScanStep& step);
  void CloseFindings(uint64_t lsn_after);

  SegmentSource* source_;
  const uint32_t seed_;
  const uint64_t first_lsn_;
  Scanner scanner_;
  SegmentUsers users_;
  bool all_users_known_ = false;
  uint64_t bound_;
  bool may_have_gaps_ = false;
  uint64_t last_lsn_;
  Bytes window_;
  uint64_t window_offset_ = 0;
  bool window_valid_ = false;
  ScanStep step_;  // the one that Next() is at: kept, so that it is filled in place
  uint64_t end_offset_ = kSegmentDataAt;
  uint64_t durable_claim_ = 0;
  uint64_t batches_ = 0;
  bool sealed_ = false;
  bool ended_ = false;
  uint64_t superseded_at_ = 0;
  std::vector<Finding> findings_;
  size_t open_findings_ = 0;  // findings_ from here on wait for their lsn_after
};

}  // namespace ingest_wal
