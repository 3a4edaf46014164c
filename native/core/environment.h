// Everything outside the core that a log touches, in one bundle of borrowed pointers.
#pragma once

#include <algorithm>
#include <thread>

#include "platform/clock.h"
#include "platform/file_system.h"
#include "platform/process_fence.h"
#include "platform/shared_memory.h"

namespace ingest_wal {

struct Environment {
  FileSystem* files = nullptr;
  SharedMemory* memory = nullptr;  // null: stage in the heap
  Clock* clock = nullptr;
  Random* random = nullptr;
  // How many threads may walk segments at a time. One where the order of calls has to be the same each time.
  unsigned scan_threads = 1;
  ProcessFence* fence = nullptr;  // null: the appender orders its stores itself
};

// More gain little: the memory's bandwidth is the limit, and the service has other work for its cores.
constexpr unsigned kMostScanThreads = 4;

// What it points to is never destroyed: platform/never_destroyed.h.
inline Environment SystemEnvironment() {
  const unsigned scan_threads = std::max(1u, std::min(kMostScanThreads, std::thread::hardware_concurrency()));
  return Environment{SystemFileSystem(), SystemSharedMemory(), SystemClock(), SystemRandom(), scan_threads,
                     SystemProcessFence()};
}

}  // namespace ingest_wal
