#include "base_walk.h"

namespace ingest_wal {

Status BaseWalk::Open(Directory* directory, const CheckpointScan& base, std::unique_ptr<BaseWalk>* walk) {
  std::unique_ptr<BaseWalk> made(new BaseWalk(base));
  INGEST_WAL_RETURN_IF_ERROR(OpenSegmentSource(directory, base.file.file, base.file.header, &made->source_));
  made->cursor_ = std::make_unique<SegmentCursor>(made->source_.get(), base.file.header, base.file.bound);
  INGEST_WAL_RETURN_IF_ERROR(made->Take());
  *walk = std::move(made);
  return Status();
}

Status BaseWalk::Take() { return cursor_->Next(&next_, &found_); }

void BaseWalk::TellLossesBefore(uint64_t lsn, std::vector<Damage>* damage) {
  for (; losses_told_ < losses_.size() && losses_[losses_told_].previous_lsn < lsn; losses_told_++) {
    damage->push_back(losses_[losses_told_]);
  }
}

}  // namespace ingest_wal
