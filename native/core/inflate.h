// Decompression of one raw deflate stream (RFC 1951), and the checksum of gzip (RFC 1952). Pure functions over bytes: no
// length of the input is believed, nothing is written behind `to_bytes`, and time is linear in input and output.
//
// Ours, because nothing that can be linked everywhere offers it: Node has zlib inside under names of its own, and the core
// builds and is tested without Node. Compression is Node's.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bytes.h"

namespace ingest_wal {

// Fills `to` with what the stream at the beginning of `from` says, which must be exactly `to_bytes` bytes. `*consumed` gets
// the stream's size; `*is_exact` becomes false when bits that say nothing are not zero, as every compressor leaves them. False: it is no deflate stream, is cut off, or says another number of bytes; what `to` holds then means
// nothing.
bool Inflate(Bytes from, uint8_t* to, size_t to_bytes, size_t* consumed, bool* is_exact);

// CRC-32 as gzip has it (polynomial 0x04C11DB7, reflected), continued from `seed`.
uint32_t GzipCrc32(uint32_t seed, const uint8_t* data, size_t count);

}  // namespace ingest_wal
