// Where things go in a file of records: batches one behind the other, user records once more where their copies lie close
// together, the seal at the end. The rules that segments and checkpoints are written by; does no I/O.
#pragma once

#include <cstdint>
#include <vector>

#include "batch.h"
#include "segment_header.h"

namespace ingest_wal {

class SegmentLayout {
 public:
  // Everything, the seal included, lies before `limit`.
  SegmentLayout(const SegmentHeader& header, uint64_t limit)
      : header_(header), seed_(SegmentSeed(header.salt, header.number)), limit_(limit) {}

  // Begins a batch for where the records end now, with the user records that are due to be repeated. They leave room for
  // the first entry, which needs `first_entry_bytes` at most.
  void BeginBatch(NumberedUsers* users, uint64_t first_entry_bytes, Batch* batch) const;
  // The batch that was begun last stands there now, with `bytes` bytes.
  void Advance(const Batch& batch, uint64_t bytes);
  // An idle mark for where the records end now: writes mark::kBytes bytes.
  void EncodeIdleMark(uint64_t next_lsn, int64_t now_ms, uint8_t* to) const;
  void AdvanceBehindIdleMark() { position_ += mark::kBytes; }
  // What ends the file: user records that are still to be repeated, as far as there is room, and the seal.
  std::vector<uint8_t> End(uint64_t next_lsn, int64_t now_ms) const;

  // Where the records end.
  uint64_t position() const { return position_; }
  // Bytes of records that one more batch may have.
  uint64_t room() const;
  bool RoomForIdleMark() const { return position_ + kTailReserveBytes <= limit_; }
  const SegmentHeader& header() const { return header_; }

 private:
  const SegmentHeader header_;
  const uint32_t seed_;
  const uint64_t limit_;
  uint64_t position_ = kSegmentDataAt;
  std::vector<RepeatLater> repeat_later_;  // oldest first
};

// Both marks of a seal, to lie at `offset`: writes kSealBytes bytes.
void EncodeSeal(uint32_t segment_seed, uint64_t offset, uint64_t next_lsn, int64_t now_ms, uint8_t* to);

// Both copies of a header: writes kSegmentDataAt bytes.
void EncodeHeaderCopies(const SegmentHeader& header, uint8_t* to);

}  // namespace ingest_wal
