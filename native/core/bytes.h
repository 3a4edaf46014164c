// Borrowed bytes, and the order of bytes on disk (little endian, alignment never assumed).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ingest_wal {

// A view of bytes that somebody else owns.
struct Bytes {
  const uint8_t* data = nullptr;
  size_t size = 0;

  Bytes() = default;
  Bytes(const void* bytes, size_t count) : data(static_cast<const uint8_t*>(bytes)), size(count) {}
  Bytes Subspan(size_t offset, size_t count) const { return Bytes(data + offset, count); }
  Bytes From(size_t offset) const { return Bytes(data + offset, size - offset); }
};

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "ingest-wal reads and writes little-endian integers in place"
#endif

template <typename Integer>
inline Integer Load(const uint8_t* from) {
  Integer value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

template <typename Integer>
inline void Store(uint8_t* to, Integer value) {
  std::memcpy(to, &value, sizeof(value));
}

}  // namespace ingest_wal
