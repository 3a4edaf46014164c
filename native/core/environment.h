// Everything outside the core that a log touches, in one bundle of borrowed pointers.
#pragma once

#include "platform/clock.h"
#include "platform/file_system.h"
#include "platform/shared_memory.h"

namespace ingest_wal {

struct Environment {
  FileSystem* files = nullptr;
  SharedMemory* memory = nullptr;  // null: stage in the heap
  Clock* clock = nullptr;
  Random* random = nullptr;
};

inline Environment SystemEnvironment() {
  return Environment{SystemFileSystem(), SystemSharedMemory(), SystemClock(), SystemRandom()};
}

}  // namespace ingest_wal
