// Compiled with -msse4.2.
#include "crc32c_internal.h"

#if defined(INGEST_WAL_CRC32C_SSE42)
#include <nmmintrin.h>

#include "crc32c_streams.h"

namespace ingest_wal {

namespace {

struct Step {
  uint64_t operator()(uint64_t state, uint64_t word) const { return _mm_crc32_u64(state, word); }
  uint64_t operator()(uint64_t state, uint32_t half) const { return _mm_crc32_u32(static_cast<uint32_t>(state), half); }
  uint64_t operator()(uint64_t state, uint8_t byte) const { return _mm_crc32_u8(static_cast<uint32_t>(state), byte); }
};

}  // namespace

uint32_t Crc32cSse42(uint32_t seed, const uint8_t* data, size_t count) {
  return crc32c_streams::Run(seed, data, count, Step());
}

Crc32cPair Crc32cTwoSse42(const Crc32cFramed& first, const uint8_t* second, size_t second_bytes) {
  return crc32c_streams::RunTwo(first, second, second_bytes, Step());
}

}  // namespace ingest_wal
#endif
