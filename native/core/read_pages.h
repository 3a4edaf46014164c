// Reading what the device cannot read all of.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "platform/file_system.h"

namespace ingest_wal {

// What is lost together when the device cannot read something.
constexpr uint64_t kReadPageBytes = 4096;

// Fills `to` with up to `count` bytes from `offset`, unit by unit; how many: fewer only at the end of the file. A unit that
// cannot be read becomes zeros, and `unreadable(begin, end)` is told.
template <typename Unreadable>
size_t ReadUnits(File* file, uint64_t offset, uint8_t* to, size_t count, uint64_t unit_bytes, Unreadable unreadable) {
  for (uint64_t at = offset; at < offset + count;) {
    const uint64_t unit_end = std::min<uint64_t>(offset + count, (at / unit_bytes + 1) * unit_bytes);
    const size_t bytes = static_cast<size_t>(unit_end - at);
    uint8_t* const target = to + (at - offset);
    size_t got = 0;
    if (!file->ReadAt(at, target, bytes, &got).ok()) {
      std::memset(target, 0, bytes);
      unreadable(at, unit_end);
    } else if (got < bytes) {
      return static_cast<size_t>(at - offset) + got;
    }
    at = unit_end;
  }
  return count;
}

// The same of pages, where nobody needs to know which could not be read.
inline size_t ReadPages(File* file, uint64_t offset, uint8_t* to, size_t count) {
  return ReadUnits(file, offset, to, count, kReadPageBytes, [](uint64_t, uint64_t) {});
}

}  // namespace ingest_wal
