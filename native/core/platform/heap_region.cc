#include <new>

#include "platform/shared_memory.h"

namespace ingest_wal {
namespace {

// Aligned like a page: the ring keeps atomics in it.
constexpr std::align_val_t kAlignment{4096};

class HeapRegion : public SharedRegion {
 public:
  HeapRegion(uint8_t* data, uint64_t size) : data_(data), size_(size) {}
  ~HeapRegion() override { ::operator delete[](data_, kAlignment); }
  uint8_t* data() override { return data_; }
  uint64_t size() const override { return size_; }

 private:
  uint8_t* const data_;
  const uint64_t size_;
};

}  // namespace

std::unique_ptr<SharedRegion> AllocateHeapRegion(uint64_t size) {
  auto* data = static_cast<uint8_t*>(::operator new[](static_cast<size_t>(size), kAlignment, std::nothrow));
  if (data == nullptr) return nullptr;
  // Touched now, so that an append never waits for the kernel to find a page.
  for (uint64_t i = 0; i < size; i++) data[i] = 0;
  return std::make_unique<HeapRegion>(data, size);
}

}  // namespace ingest_wal
