// CRC32C (Castagnoli, polynomial 0x1EDC6F41, reflected), as in RFC 3720, by the fastest implementation that this
// processor has.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ingest_wal {

// The checksum of `count` bytes, continued from `seed`: Crc32c(Crc32c(0, a), b) is the checksum of a followed by b.
uint32_t Crc32c(uint32_t seed, const uint8_t* data, size_t count);

// "sse42", "arm64" or "portable".
const char* Crc32cImplementation();

}  // namespace ingest_wal
