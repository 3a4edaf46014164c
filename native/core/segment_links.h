// Whether the segments of a log follow one another, looked up at their ends alone: what a pass over all of it would find,
// where nothing is wrong.
#pragma once

#include "directory_scan.h"

namespace ingest_wal {

// `certain`: every segment of `headers` can be used, and the last entry of each is the one that the next one's header names
// (behind the base, whose own header names it, there is nothing to look up).
// Then a pass over their entries would reject none of them. False says nothing: only that pass tells.
Status LinksAreCertain(Directory* directory, const DirectoryScan& headers, bool* certain);

}  // namespace ingest_wal
