// Supplies the bytes of one segment file in windows, those of a compressed one as they were before. They are copied into
// memory of its own: pages of a mapped file can go, by a device that fails or a file that is cut, between any look and the
// next, and touching one that is gone kills the process. A page that the device cannot read becomes zeros and is remembered,
// so that it is damage like any other. While it is open, the file is not filled again for another segment.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bytes.h"
#include "compressed_file.h"
#include "format.h"
#include "platform/file_system.h"
#include "read_pages.h"

namespace ingest_wal {

class SegmentSource {
 public:
  // kNotFound too when the file is being made another segment.
  static Status Open(Directory* directory, const std::string& name, std::unique_ptr<SegmentSource>* source);

  // What the header says that the file was made for. A compressed segment holds no more: what is beyond is not looked at. A
  // plain one that is still as long was not sealed, and most of it may be space that was reserved and never written.
  void SetPlannedBytes(uint64_t bytes);

  uint64_t size() const { return size_; }
  // Null when the file is not compressed.
  const CompressedFile* compressed() const { return compressed_; }
  // What the file takes.
  uint64_t stored_bytes() const { return compressed_ != nullptr ? compressed_->stored_bytes() : size_; }

  // Points `window` at bytes from `offset`: at least `want` of them unless the file ends before. Valid until the
  // next call. Fails only for want of memory: what cannot be read is supplied as zeros. Who has no use for more than `most`
  // bytes, and may ask many times, says so: what is read ahead is read for each.
  Status Window(uint64_t offset, size_t want, Bytes* window, uint64_t most = UINT64_MAX);

  // How far a walk that ends at `end` need not look, when the file system says that the last window, which ends at
  // `window_end`, is the beginning of a hole that goes on behind it; else 0. A hole can be as long as a file can be said to
  // be, whatever is on the disk. Where something follows it, that may begin at any record's place.
  uint64_t HoleBehind(uint64_t window_end, uint64_t end) const {
    const uint64_t hole_end = hole_end_ < end ? hole_end_ / kRecordAlignment * kRecordAlignment : end;
    return hole_end_ > window_end && end > window_end ? hole_end : 0;
  }

  // Fills `to` with up to `count` bytes from `offset`, and leaves the window as it is; how many. 0 where they cannot be read.
  size_t Peek(uint64_t offset, uint8_t* to, size_t count);

  // [first, second) ranges that could not be read, in the order of their places.
  const std::vector<std::pair<uint64_t, uint64_t>>& unreadable() const { return unreadable_; }
  bool TouchesUnreadable(uint64_t offset, uint64_t end) const;

 private:
  // Each window is twice the one before, up to kWindowBytes: most of them are short, and
  // whoever follows a log that grows asks for its last bytes again and again.
  static constexpr size_t kFirstWindowBytes = size_t{16} << 10;
  static constexpr size_t kWindowBytes = size_t{1} << 20;

  SegmentSource() = default;
  bool WindowFromHole(uint64_t offset, size_t want, Bytes* window);
  void NoteUnreadable(uint64_t offset, uint64_t end);

  std::unique_ptr<File> file_;
  const CompressedFile* compressed_ = nullptr;  // file_, if it is one
  // What is lost together when the device cannot read something.
  uint64_t unit_bytes_ = kReadPageBytes;
  uint64_t size_ = 0;
  uint64_t hole_end_ = 0;
  bool may_have_holes_ = false;
  // Not a vector, which would clear what the file is about to fill.
  std::unique_ptr<uint8_t[]> buffer_;
  size_t buffer_bytes_ = 0;
  size_t ahead_bytes_ = kFirstWindowBytes;
  std::vector<std::pair<uint64_t, uint64_t>> unreadable_;
};

}  // namespace ingest_wal
