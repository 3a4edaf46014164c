// What is made once, for as long as the code is loaded: a process that ends by exit() destroys what is static while threads of its
// logs still run. Without the heap, so that a module that is loaded and unloaded again leaves nothing behind.
#pragma once

#include <new>

namespace ingest_wal {

template <typename Made>
Made* NeverDestroyed() {
  alignas(Made) static unsigned char memory[sizeof(Made)];
  static Made* const made = new (memory) Made;
  return made;
}

}  // namespace ingest_wal
