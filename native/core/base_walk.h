// The entries of the checkpoint that recovery begins with, one after the other, each looked at before it is taken: what is
// read with it may come first.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "damage.h"
#include "directory_scan.h"
#include "log_base.h"

namespace ingest_wal {

class BaseWalk {
 public:
  // Stands before the first entry. `base` is copied; entries above its bound are left out.
  static Status Open(Directory* directory, const CheckpointScan& base, std::unique_ptr<BaseWalk>* walk);

  // The next entry, until Take(); null at the end.
  const SegmentCursor::Located* next() const { return found_ ? &next_ : nullptr; }
  Status Take();

  // What is lost before entry `lsn`, as far as it was not told yet. Nothing where the base is whole.
  void TellLossesBefore(uint64_t lsn, std::vector<Damage>* damage);

  uint64_t number() const { return base_.file.number; }
  // The last LSN for which it stands.
  uint64_t covered_lsn() const { return std::min(base_.file.header.covered_lsn, base_.file.bound); }

 private:
  explicit BaseWalk(const CheckpointScan& base) : base_(base), losses_(LossesOf(base)) {}

  const CheckpointScan base_;
  const std::vector<Damage> losses_;
  size_t losses_told_ = 0;
  std::unique_ptr<SegmentSource> source_;
  std::unique_ptr<SegmentCursor> cursor_;
  SegmentCursor::Located next_;
  bool found_ = false;
};

}  // namespace ingest_wal
