#include "spare_segment.h"

#include <algorithm>

#include "segment_name.h"

namespace ingest_wal {
namespace {
constexpr uint64_t kSliceBytes = uint64_t{1} << 20;
}  // namespace

Status SpareSegment::Make(uint64_t bytes, std::unique_ptr<File>* file, bool* reserved) {
  const Status removed = directory_->Unlink(kSpareName);
  if (!removed.ok() && removed.code() != ErrorCode::kNotFound) return removed;
  INGEST_WAL_RETURN_IF_ERROR(directory_->Open(kSpareName, OpenMode::kCreateNew, file));
  const Status allocated = (*file)->Allocate(bytes, reserved);
  if (allocated.ok()) return allocated;
  // A failed allocation leaves a part of the space taken on some file systems: give it back.
  file->reset();
  const Status cleaned = directory_->Unlink(kSpareName);
  (void)cleaned;  // the allocation's error is the one to tell
  return allocated;
}

Status SpareSegment::Take(uint64_t bytes, std::unique_ptr<File>* file, bool* reserved) {
  std::unique_lock<std::mutex> lock(mutex_);
  phase_ = phase_ == Phase::kFilling ? Phase::kReady : phase_;  // no further slice
  changed_.wait(lock, [this] { return !busy_; });
  const bool usable = file_ != nullptr && bytes == bytes_;
  phase_ = Phase::kNone;
  filled_bytes_ = 0;
  if (usable) {
    *file = std::move(file_);
    *reserved = reserved_;
    return Status();
  }
  file_.reset();
  return Make(bytes, file, reserved);
}

void SpareSegment::Request() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (phase_ != Phase::kNone) return;
  phase_ = Phase::kWanted;
  changed_.notify_all();
}

bool SpareSegment::BeginSlice() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (stopping_ || (phase_ != Phase::kWanted && phase_ != Phase::kFilling)) return false;
  busy_ = true;
  return true;
}

bool SpareSegment::PrepareSome() {
  if (!BeginSlice()) return false;
  // busy_ keeps the writer away from file_ until it is given back below.
  Status status;
  if (file_ == nullptr) {
    filled_bytes_ = 0;
    status = Make(bytes_, &file_, &reserved_);
  } else {
    const uint64_t count = std::min(kSliceBytes, bytes_ - filled_bytes_);
    zeros_.resize(static_cast<size_t>(count));
    const Bytes part(zeros_.data(), zeros_.size());
    status = file_->WriteAt(filled_bytes_, &part, 1);
    if (status.ok()) status = file_->Sync();
    if (status.ok()) filled_bytes_ += count;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  busy_ = false;
  if (!status.ok()) {
    // Not an error of the log: the writer will try itself when it needs the segment, and say what is wrong then.
    file_.reset();
    phase_ = Phase::kNone;
  } else if (phase_ == Phase::kWanted) {
    phase_ = Phase::kFilling;
  } else if (filled_bytes_ == bytes_) {
    phase_ = Phase::kReady;
  }
  changed_.notify_all();
  return true;
}

void SpareSegment::Run() {
  for (;;) {
    while (PrepareSome()) {
    }
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] {
      return stopping_ || phase_ == Phase::kWanted || phase_ == Phase::kFilling;
    });
    if (stopping_) return;
  }
}

void SpareSegment::Stop() {
  const std::lock_guard<std::mutex> lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

}  // namespace ingest_wal
