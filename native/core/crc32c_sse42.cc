// Compiled with -msse4.2.
#include "crc32c_internal.h"

#if defined(INGEST_WAL_CRC32C_SSE42)
#include <nmmintrin.h>

#include "crc32c_streams.h"

namespace ingest_wal {

uint32_t Crc32cSse42(uint32_t seed, const uint8_t* data, size_t count) {
  return crc32c_streams::Run(
      seed, data, count,
      [](uint32_t state, uint64_t word) { return static_cast<uint32_t>(_mm_crc32_u64(state, word)); },
      [](uint32_t state, uint32_t half) { return _mm_crc32_u32(state, half); },
      [](uint32_t state, uint8_t byte) { return _mm_crc32_u8(state, byte); });
}

}  // namespace ingest_wal
#endif
