// Whether this processor can run the hardware implementations. Compiled without their flags.
#pragma once

#include "crc32c_internal.h"

#if defined(INGEST_WAL_CRC32C_ARM64) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace ingest_wal {

inline bool CanUseSse42() {
#if defined(INGEST_WAL_CRC32C_SSE42)
  return __builtin_cpu_supports("sse4.2") != 0;
#else
  return false;
#endif
}

inline bool CanUseArm64Crc() {
#if defined(INGEST_WAL_CRC32C_ARM64) && defined(__linux__)
  return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
#elif defined(INGEST_WAL_CRC32C_ARM64) && defined(__APPLE__)
  return true;  // every 64-bit Apple processor
#else
  return false;
#endif
}

}  // namespace ingest_wal
