// What is left of the header of an entry that is lost: whose it was.
#pragma once

#include <cstdint>

#include "bytes.h"

namespace ingest_wal {

struct LostHeader {
  uint64_t lsn = 0;
  bool is_short = false;
  // Of a short entry.
  uint32_t user_number = 0;
  uint16_t user_check = 0;
  // Of a full one; in the bytes that were read.
  Bytes user_id;
};

// Reads what stands at `at`, which lies at `offset` of a segment whose first LSN is `first_lsn`. True where it is the header of
// an entry of this very place in which at most one byte is damaged: the checksum tells which one, and what it was. So what was
// written for another place names nobody here, however whole it is. Of a full entry the user id has to be whole as well.
bool ReadLostHeader(Bytes at, uint32_t segment_seed, uint64_t first_lsn, uint64_t offset, LostHeader* header);

}  // namespace ingest_wal
