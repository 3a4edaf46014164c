// The segment being written: creates it, places batches, syncs, seals. Knows the order of steps that makes a segment
// safe, nothing of when to do them. Used by one thread at a time.
//
// Creation: the file gets its header (and what is carried into it) under a temporary name, is synced, renamed, and
// the directory is synced. So a file with a segment's name always has a sound header, unless it was damaged.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "batch.h"
#include "platform/file_system.h"
#include "segment_header.h"
#include "segment_layout.h"
#include "spare_segment.h"

namespace ingest_wal {

class SegmentWriter {
 public:
  // Takes a file from `spare` and writes the header to it; not synced, not yet under its name.
  static Status Prepare(Directory* directory, SpareSegment* spare, const SegmentHeader& header,
                        std::unique_ptr<SegmentWriter>* writer);
  ~SegmentWriter();
  // Syncs, gives the file its name, syncs the directory. Nothing in the segment may be acknowledged before.
  Status Publish();
  // Removes what a Publish() that failed has left under either name.
  void Withdraw();

  // See SegmentLayout.
  void BeginBatch(NumberedUsers* users, uint64_t first_entry_bytes, Batch* batch) const {
    layout_.BeginBatch(users, first_entry_bytes, batch);
  }
  // Writes the batch that was begun last. Not durable before Sync().
  Status WriteBatch(Batch* batch, uint64_t durable_lsn, int64_t now_ms);
  // Says that everything before `next_lsn` is durable. Not synced: it is only proof for later.
  Status WriteIdleMark(uint64_t next_lsn, int64_t now_ms);
  // Nothing is to be written for now.
  void Rest() {
    if (ahead_ != nullptr) ahead_->Rest();
  }
  // Lets the device begin with what was written last; a hint.
  void StartWriteback() { file_->StartWriteback(last_batch_at_, position() - last_batch_at_); }
  Status Sync();
  // Ends the segment: seal, sync, cut to size.
  Status Seal(uint64_t next_lsn, int64_t now_ms);
  // After a failed write: gives back what of it may lie behind the last whole batch, and the space reserved.
  Status CutToPosition();

  // Bytes of records that one more batch may have.
  uint64_t room() const { return layout_.room(); }
  bool RoomForIdleMark() const { return layout_.RoomForIdleMark(); }
  uint64_t position() const { return layout_.position(); }
  uint64_t written_bytes() const { return written_bytes_; }
  const SegmentHeader& header() const { return layout_.header(); }
  bool reserved() const { return reserved_; }
  // Not ok: a sync that others made of the file has failed. It takes no more; what was acknowledged in it is safe.
  Status Usable() const { return ahead_ == nullptr ? Status() : ahead_->status(); }

 private:
  SegmentWriter(Directory* directory, SpareSegment* spare, const SegmentHeader& header)
      : directory_(directory), spare_(spare), layout_(header, header.planned_bytes) {}

  // Writes at position(), which stays where it is.
  Status Write(Bytes bytes);
  void EndAhead();

  Directory* const directory_;
  SpareSegment* const spare_;
  SegmentLayout layout_;
  std::unique_ptr<File> file_;
  bool reserved_ = false;
  uint64_t filled_bytes_ = 0;  // so much of the file was written before
  std::shared_ptr<WriteAhead> ahead_;
  uint64_t written_bytes_ = 0;
  uint64_t last_batch_at_ = kSegmentDataAt;
};

// Seals the file of a segment that an earlier writer left unsealed: cuts it at `offset` and says that everything up
// to `last_lsn` is in this or in earlier segments.
Status SealLeftSegment(Directory* directory, const std::string& file, const SegmentHeader& header, uint64_t offset,
                       uint64_t last_lsn, int64_t now_ms);

}  // namespace ingest_wal
