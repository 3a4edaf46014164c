// The implementations behind Crc32c(), each in a file (and an object library) of its own, because only that file is
// compiled for its instruction set. All take and give the plain checksum, pre- and post-inversion included.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__) || defined(_M_X64)
#define INGEST_WAL_CRC32C_SSE42 1
#elif defined(__aarch64__)
#define INGEST_WAL_CRC32C_ARM64 1
#endif

namespace ingest_wal {

using Crc32cFunction = uint32_t (*)(uint32_t seed, const uint8_t* data, size_t count);

uint32_t Crc32cPortable(uint32_t seed, const uint8_t* data, size_t count);

#if defined(INGEST_WAL_CRC32C_SSE42)
uint32_t Crc32cSse42(uint32_t seed, const uint8_t* data, size_t count);
#elif defined(INGEST_WAL_CRC32C_ARM64)
uint32_t Crc32cArm64(uint32_t seed, const uint8_t* data, size_t count);
#endif

// Appends `zeros` zero bytes to the message whose inner state is `state`: the state after them. Joins the
// streams of the hardware implementations.
uint32_t Crc32cShift(uint32_t state, size_t zeros);

}  // namespace ingest_wal
