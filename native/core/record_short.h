// The checks of the records that version 2 added, for CheckRecord() of record.h.
#pragma once

#include "record.h"

namespace ingest_wal {

void CheckShortEntry(Bytes window, uint32_t segment_seed, uint64_t first_lsn, uint64_t offset, Record* record);
void CheckUserRecord(Bytes window, uint32_t segment_seed, uint64_t offset, Record* record);

}  // namespace ingest_wal
