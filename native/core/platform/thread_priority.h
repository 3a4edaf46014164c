// How much of the processor a thread asks for.
#pragma once

namespace ingest_wal {

// The calling thread stands back behind the other threads of the process from now on. Does nothing where the system has no
// such thing for one thread.
void LowerThreadPriority();

}  // namespace ingest_wal
