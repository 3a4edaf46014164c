// How much is looked at: the bytes that were summed. What is linked with counted_crc32c.cc gets its Crc32c() from there,
// not from the core, and counts. A bound on this is a bound on time that no other program on the machine can disturb.
#pragma once

#include <cstdint>

namespace ingest_wal {
namespace fuzz {

// Since the program began, by this thread.
uint64_t SummedBytes();

}  // namespace fuzz
}  // namespace ingest_wal
