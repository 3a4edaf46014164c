// Supplies the bytes of one segment file in windows. A sealed segment no longer changes and is mapped, a
// stretch at a time after the kernel has said that it can be read; anything else is read with pread. A page that
// the device cannot read becomes zeros and is remembered, so that it is damage like any other. While it is open, the
// file is not filled again for another segment.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bytes.h"
#include "platform/file_system.h"

namespace ingest_wal {

class SegmentSource {
 public:
  // kNotFound too when the file is being made another segment.
  static Status Open(Directory* directory, const std::string& name, std::unique_ptr<SegmentSource>* source);

  // Goes on with a mapping of the file, if it can be had. Only for a file that nobody will cut while this lives.
  void Map();

  uint64_t size() const { return size_; }

  // Points `window` at bytes from `offset`: at least `want` of them unless the file ends before. Valid until the
  // next call. Fails only for want of memory: what cannot be read is supplied as zeros.
  Status Window(uint64_t offset, size_t want, Bytes* window);

  // [first, second) ranges that could not be read, in the order in which they were met.
  const std::vector<std::pair<uint64_t, uint64_t>>& unreadable() const { return unreadable_; }
  bool TouchesUnreadable(uint64_t offset, uint64_t end) const;

 private:
  SegmentSource() = default;
  bool WindowFromMapping(uint64_t offset, size_t want, Bytes* window);
  bool WindowFromHole(uint64_t offset, size_t want, Bytes* window);
  void ReadPageByPage(uint64_t offset, uint8_t* to, size_t count);

  std::unique_ptr<File> file_;
  std::unique_ptr<Mapping> mapping_;
  uint64_t size_ = 0;
  uint64_t populated_from_ = 0;
  uint64_t populated_end_ = 0;
  std::vector<uint8_t> buffer_;
  std::vector<std::pair<uint64_t, uint64_t>> unreadable_;
};

}  // namespace ingest_wal
