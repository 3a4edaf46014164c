// CRC32C (Castagnoli, polynomial 0x1EDC6F41, reflected), as in RFC 3720, by the fastest implementation that this
// processor has.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ingest_wal {

// The checksum of `count` bytes, continued from `seed`: Crc32c(Crc32c(0, a), b) is the checksum of a followed by b.
uint32_t Crc32c(uint32_t seed, const uint8_t* data, size_t count);

// What is checked of a small record: `words` times 8 bytes of `data`, with a number before them and one behind, both as
// they lie on disk (little endian), continued from `seed`.
struct Crc32cFramed {
  uint32_t seed;
  uint64_t before;
  const uint8_t* data;
  size_t words;
  uint32_t behind;
};

struct Crc32cPair {
  uint32_t first;
  uint32_t second;
};

// The checksum of `first`, and Crc32c(0, second, second_bytes), in one call: of so few bytes, a call is what costs most.
Crc32cPair Crc32cTwo(const Crc32cFramed& first, const uint8_t* second, size_t second_bytes);

// "sse42", "arm64" or "portable".
const char* Crc32cImplementation();

}  // namespace ingest_wal
