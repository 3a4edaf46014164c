#include "read_ahead.h"

#include <utility>

namespace ingest_wal {

void ReadAhead::Fill() {
  for (bool go_on = has_room(); go_on;) {
    Pulled pulled;
    memory_->GiveTo(&pulled.chunk);
    pulled.status = reader_->Next(&pulled.chunk);
    const std::lock_guard<std::mutex> guard(mutex_);
    if (ended_) return;  // closed meanwhile
    ended_ = pulled.is_last();
    ready_.push_back(std::move(pulled));
    go_on = !ended_ && !waited_for_ && ready_.size() < kMostChunks;
  }
}

bool ReadAhead::Take(Pulled* pulled) {
  const std::lock_guard<std::mutex> guard(mutex_);
  waited_for_ = ready_.empty();
  if (waited_for_) return false;
  if (ready_.front().is_last()) {
    pulled->status = ready_.front().status;
    return true;
  }
  *pulled = std::move(ready_.front());
  ready_.pop_front();
  return true;
}

bool ReadAhead::has_room() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  return !ended_ && ready_.size() < kMostChunks;
}

void ReadAhead::Close() {
  const std::lock_guard<std::mutex> guard(mutex_);
  ended_ = true;
  ready_.clear();
}

}  // namespace ingest_wal
