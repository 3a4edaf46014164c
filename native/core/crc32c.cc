#include "crc32c.h"

#include <atomic>

#include "crc32c_check.h"
#include "crc32c_internal.h"

namespace ingest_wal {
namespace {

struct Choice {
  Crc32cFunction function;
  Crc32cTwoFunction two;
  const char* name;
};

Choice Choose() {
#if defined(INGEST_WAL_CRC32C_SSE42)
  if (CanUseSse42()) return {Crc32cSse42, Crc32cTwoSse42, "sse42"};
#elif defined(INGEST_WAL_CRC32C_ARM64)
  if (CanUseArm64Crc()) return {Crc32cArm64, Crc32cTwoArm64, "arm64"};
#endif
  return {Crc32cPortable, Crc32cTwoPortable, "portable"};
}

uint32_t ResolveAndRun(uint32_t seed, const uint8_t* data, size_t count);
Crc32cPair ResolveAndRunTwo(const Crc32cFramed& first, const uint8_t* second, size_t second_bytes);

// Constant-initialised, so it works before any constructor has run; every thread that resolves it finds the same.
std::atomic<Crc32cFunction> chosen{ResolveAndRun};
std::atomic<Crc32cTwoFunction> chosen_two{ResolveAndRunTwo};

uint32_t ResolveAndRun(uint32_t seed, const uint8_t* data, size_t count) {
  const Crc32cFunction function = Choose().function;
  chosen.store(function, std::memory_order_relaxed);
  return function(seed, data, count);
}

Crc32cPair ResolveAndRunTwo(const Crc32cFramed& first, const uint8_t* second, size_t second_bytes) {
  const Crc32cTwoFunction function = Choose().two;
  chosen_two.store(function, std::memory_order_relaxed);
  return function(first, second, second_bytes);
}

}  // namespace

uint32_t Crc32c(uint32_t seed, const uint8_t* data, size_t count) {
  return chosen.load(std::memory_order_relaxed)(seed, data, count);
}

Crc32cPair Crc32cTwo(const Crc32cFramed& first, const uint8_t* second, size_t second_bytes) {
  return chosen_two.load(std::memory_order_relaxed)(first, second, second_bytes);
}

const char* Crc32cImplementation() { return Choose().name; }

}  // namespace ingest_wal
