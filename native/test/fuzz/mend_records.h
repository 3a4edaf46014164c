// Gives records that were mutated the checksums that they would need: for targets whose inputs hold records.
#pragma once

#include "fuzz_target.h"
#include "segment_header.h"

namespace ingest_wal {
namespace fuzz {

// Walks bytes that lie from `offset` on in a segment with this header. What begins like a record gets sound checksums; mostly
// also a length that fits, and in some walks LSNs that go on from the header's first. Now and then one is left as it is, or
// with a damaged body.
void MendRecords(const SegmentHeader& header, uint64_t offset, Dice* dice, uint8_t* bytes, size_t count);

// The checksum of a header copy, header::kCopyBytes bytes, and of log.id.
void MendHeaderCopy(uint8_t* block);
void MendIdentity(uint8_t* bytes);

// The header that targets use whose inputs are the records alone: number 1, first LSN 1.
SegmentHeader PlainHeader();

// A batch as a writer makes it: some entries of users with numbers, some in full, with their user records and its mark.
Input BatchOf(const SegmentHeader& header, uint64_t offset, uint64_t first_lsn, size_t entries);
// The seal that fits behind `records`.
Input SealBehind(const SegmentHeader& header, uint64_t offset, uint64_t next_lsn);

}  // namespace fuzz
}  // namespace ingest_wal
