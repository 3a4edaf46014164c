#include "counted_crc32c.h"

#include "crc32c.h"
#include "crc32c_internal.h"

namespace ingest_wal {
namespace {

thread_local uint64_t summed_bytes = 0;

}  // namespace

// In place of those of crc32c.cc, which the linker then leaves out.
uint32_t Crc32c(uint32_t seed, const uint8_t* data, size_t count) {
  summed_bytes += count;
  return Crc32cPortable(seed, data, count);
}

Crc32cPair Crc32cTwo(const Crc32cFramed& first, const uint8_t* second, size_t second_bytes) {
  summed_bytes += first.words * sizeof(uint64_t) + sizeof(first.behind) + second_bytes;
  return Crc32cTwoPortable(first, second, second_bytes);
}

const char* Crc32cImplementation() { return "portable"; }

namespace fuzz {

uint64_t SummedBytes() { return summed_bytes; }

}  // namespace fuzz
}  // namespace ingest_wal
