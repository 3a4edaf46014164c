#include "write_ahead.h"

#include <algorithm>

namespace ingest_wal {
namespace {

constexpr uint64_t kPageBytes = 4096;
constexpr uint64_t kMostSliceBytes = uint64_t{256} << 10;
constexpr uint64_t kWindowBytes = uint64_t{8} << 20;
// In a small segment a slice is a part of it.
constexpr uint64_t kSlicesPerSegment = 16;
// The first slice begins so many slices ahead of the writer, which then rarely meets it.
constexpr uint64_t kMarginSlices = 2;
// Slices written before anything is known of the writer.
constexpr uint64_t kSlicesAtOnce = 4;
constexpr uint64_t kMostAllowed = 8;
// What is no more than this part of a slice is a small write: 64 KiB in a large segment. From about 128 KiB on, what the
// zeros take from the disk is more than what they save.
constexpr uint64_t kSmallWritesPerSlice = 4;

uint64_t RoundUp(uint64_t bytes) { return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes; }

}  // namespace

WriteAhead::WriteAhead(std::unique_ptr<File> file, uint64_t from, uint64_t end, std::function<void()> wake)
    : file_(std::move(file)),
      end_(end),
      slice_bytes_(std::max(kPageBytes, std::min(kMostSliceBytes, end / kSlicesPerSegment / kPageBytes * kPageBytes))),
      wake_(std::move(wake)),
      reached_(from),
      next_(RoundUp(from)),
      slices_allowed_(kSlicesAtOnce) {}

// Where the next slice would begin.
uint64_t WriteAhead::NextSlice() const {
  const uint64_t clear = RoundUp(reached_ + kMarginSlices * slice_bytes_);
  // Right behind the last one, unless the writer has come too near.
  return next_ >= reached_ + slice_bytes_ ? next_ : clear;
}

bool WriteAhead::MayWrite() const {
  const uint64_t at = NextSlice();
  if (ended_ || !status_.ok() || at >= end_) return false;
  return resting_ || (slices_allowed_ != 0 && at < reached_ + kWindowBytes);
}

bool WriteAhead::HasWork() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return MayWrite();
}

void WriteAhead::Reach(uint64_t bytes, uint64_t end) {
  bool wake = false;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    const bool had_work = MayWrite();
    reached_ = std::max(reached_, end);
    resting_ = false;
    const bool small = bytes <= slice_bytes_ / kSmallWritesPerSlice;
    slices_allowed_ = small ? std::min(kMostAllowed, slices_allowed_ + 1) : 0;
    wake = !had_work && MayWrite();
    changed_.wait(lock, [&] { return !busy_ || next_ >= end; });
  }
  if (wake) wake_();
}

void WriteAhead::Rest() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    resting_ = true;
    if (!MayWrite()) return;
  }
  wake_();
}

void WriteAhead::End() {
  std::unique_lock<std::mutex> lock(mutex_);
  ended_ = true;
  changed_.wait(lock, [this] { return !busy_; });
}

Status WriteAhead::status() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return status_;
}

void WriteAhead::WriteSome(uint64_t* bytes) {
  uint64_t at = 0;
  *bytes = 0;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!MayWrite()) return;
    at = NextSlice();
    if (slices_allowed_ != 0) slices_allowed_--;
    next_ = at;
    busy_ = true;
  }
  const uint64_t count = std::min(slice_bytes_, end_ - at);
  zeros_.resize(static_cast<size_t>(count));
  const Bytes part(zeros_.data(), zeros_.size());
  const Status written = file_->WriteAt(at, &part, 1);
  const Status synced = written.ok() ? file_->Sync() : Status();
  const std::lock_guard<std::mutex> lock(mutex_);
  busy_ = false;
  // Zeros that are not written are no loss; a failed sync is final for the file, whoever asked for it.
  ended_ = ended_ || !written.ok();
  if (!synced.ok()) status_ = Status(ErrorCode::kIo, synced.message(), synced.system_errno());
  if (written.ok() && synced.ok()) {
    next_ = at + count;
    *bytes = count;
  }
  changed_.notify_all();
}

}  // namespace ingest_wal
