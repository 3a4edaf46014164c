// The implementations behind Crc32c(), each in a file (and an object library) of its own, because only that file is
// compiled for its instruction set. All take and give the plain checksum, pre- and post-inversion included.
#pragma once

#include <cstddef>
#include <cstdint>

#include "crc32c.h"

#if defined(__x86_64__) || defined(_M_X64)
#define INGEST_WAL_CRC32C_SSE42 1
#elif defined(__aarch64__)
#define INGEST_WAL_CRC32C_ARM64 1
#endif

namespace ingest_wal {

using Crc32cFunction = uint32_t (*)(uint32_t seed, const uint8_t* data, size_t count);
using Crc32cTwoFunction = Crc32cPair (*)(const Crc32cFramed& first, const uint8_t* second, size_t second_bytes);

uint32_t Crc32cPortable(uint32_t seed, const uint8_t* data, size_t count);
Crc32cPair Crc32cTwoPortable(const Crc32cFramed& first, const uint8_t* second, size_t second_bytes);

#if defined(INGEST_WAL_CRC32C_SSE42)
uint32_t Crc32cSse42(uint32_t seed, const uint8_t* data, size_t count);
Crc32cPair Crc32cTwoSse42(const Crc32cFramed& first, const uint8_t* second, size_t second_bytes);
#elif defined(INGEST_WAL_CRC32C_ARM64)
uint32_t Crc32cArm64(uint32_t seed, const uint8_t* data, size_t count);
Crc32cPair Crc32cTwoArm64(const Crc32cFramed& first, const uint8_t* second, size_t second_bytes);
#endif

// Appends `zeros` zero bytes to the message whose inner state is `state`: the state after them. Joins the
// streams of the hardware implementations.
uint32_t Crc32cShift(uint32_t state, size_t zeros);

}  // namespace ingest_wal
