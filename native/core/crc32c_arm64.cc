// Compiled with -march=armv8-a+crc.
#include "crc32c_internal.h"

#if defined(INGEST_WAL_CRC32C_ARM64)
#include <arm_acle.h>

#include "crc32c_streams.h"

namespace ingest_wal {

uint32_t Crc32cArm64(uint32_t seed, const uint8_t* data, size_t count) {
  return crc32c_streams::Run(
      seed, data, count, [](uint32_t state, uint64_t word) { return __crc32cd(state, word); },
      [](uint32_t state, uint32_t half) { return __crc32cw(state, half); },
      [](uint32_t state, uint8_t byte) { return __crc32cb(state, byte); });
}

}  // namespace ingest_wal
#endif
