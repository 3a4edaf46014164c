// A file that was a segment before still holds that segment's records where the new one has not written yet. They are no
// records of the new one, and no torn bytes of it either: the place was never written. The header names the former
// segment, with whose salt and number the old records still check out.
#pragma once

#include "segment_cursor.h"
#include "segment_header.h"
#include "segment_source.h"

namespace ingest_wal {

// Takes out of `finding` what the former segment left: `nonzero_end` and `truncated` then speak of other bytes only.
//
// Left by the former segment are its whole records, and what is left of one whose beginning was written over: bytes at the
// beginning of the finding that do not begin like a record and end where a whole record of the former segment begins.
Status TakeOutStaleBytes(SegmentSource* source, const SegmentHeader& header, Finding* finding);

}  // namespace ingest_wal
