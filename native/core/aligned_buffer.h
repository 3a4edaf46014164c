// Memory that begins at a multiple of kBlockBytes, as transfers that pass by the page cache need it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#include "format.h"

namespace ingest_wal {

class AlignedBuffer {
 public:
  uint8_t* data() { return bytes_.get(); }
  const uint8_t* data() const { return bytes_.get(); }
  size_t size() const { return size_; }

  // At least `size` bytes, the first `keep` of them as they were.
  void Grow(size_t size, size_t keep) {
    if (size <= size_) return;
    const size_t larger = (std::max(size, 2 * size_) + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
    std::unique_ptr<uint8_t[], Free> grown(static_cast<uint8_t*>(::operator new[](larger, kAlignment)));
    if (keep != 0) std::memcpy(grown.get(), bytes_.get(), keep);
    bytes_ = std::move(grown);
    size_ = larger;
  }

 private:
  static constexpr std::align_val_t kAlignment{kBlockBytes};
  struct Free {
    void operator()(uint8_t* bytes) const { ::operator delete[](bytes, kAlignment); }
  };
  std::unique_ptr<uint8_t[], Free> bytes_;
  size_t size_ = 0;
};

}  // namespace ingest_wal
