// Named memory that outlives the process which made it: what was stored there before a SIGKILL is found
// by the next process (until the machine itself goes down). POSIX shared memory, mode 0600.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "status.h"

namespace ingest_wal {

// A mapped region. Destroying it unmaps; the name and the bytes stay until Unlink.
class SharedRegion {
 public:
  virtual ~SharedRegion() = default;
  virtual uint8_t* data() = 0;
  virtual uint64_t size() const = 0;
  // Enters every page into the tables of this process, which its first store would wait for otherwise: about 2 us each.
  // Beside threads that store there, from any thread. Does nothing where the system cannot.
  virtual void EnterPages() {}
};

class SharedMemory {
 public:
  virtual ~SharedMemory() = default;
  // Makes a new region of zeros with every page reserved (a store can never fault for want of memory).
  // kInvalidArgument with errno EEXIST when the name is taken.
  virtual Status Create(const std::string& name, uint64_t size, std::unique_ptr<SharedRegion>* region) = 0;
  // Maps an existing region, read-only unless `writable`. kNotFound when there is none; kPermission when
  // it belongs to another user (of whom root reads all the same) or others could have written to it; kCorrupt when it is
  // empty.
  virtual Status Open(const std::string& name, bool writable, std::unique_ptr<SharedRegion>* region) = 0;
  virtual Status Unlink(const std::string& name) = 0;
};

// POSIX shared memory.
SharedMemory* SystemSharedMemory();

// Memory of this process alone, behind the same interface: where shared memory is not to be had.
std::unique_ptr<SharedRegion> AllocateHeapRegion(uint64_t size);

}  // namespace ingest_wal
