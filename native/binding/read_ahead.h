// A reader and the chunks that it has read before anybody asked for them, so that it reads on while the event loop is busy
// with a chunk. One thread at a time calls Fill(); the event loop calls the rest.
#pragma once

#include <deque>
#include <memory>
#include <mutex>

#include "chunk_memory.h"
#include "reader.h"

namespace ingest_wal {

class ReadAhead {
 public:
  // Together with the chunk that is looked at, and the one that is being read, this is the memory of a reader.
  static constexpr size_t kMostChunks = 2;

  struct Pulled {
    Status status;
    Chunk chunk;
    bool is_last() const { return !status.ok() || (chunk.entries.empty() && chunk.damage.empty()); }
  };

  explicit ReadAhead(std::unique_ptr<Reader> reader) : reader_(std::move(reader)) {}

  // Reads until enough lies ready, or one does that somebody waits for.
  void Fill();

  // Takes the next chunk that lies ready; false: none does, and Fill() returns when it has one. The end is given again and
  // again.
  bool Take(Pulled* pulled);
  // Whether Fill() has something to do.
  bool has_room() const;
  // Fill() returns at the next chunk. What lies ready is given up.
  void Close();

  const std::shared_ptr<ChunkMemory>& memory() const { return memory_; }

 private:
  const std::unique_ptr<Reader> reader_;
  const std::shared_ptr<ChunkMemory> memory_ = std::make_shared<ChunkMemory>();
  mutable std::mutex mutex_;  // of what follows
  std::deque<Pulled> ready_;
  bool waited_for_ = false;
  bool ended_ = false;  // nothing comes behind what is ready
};

}  // namespace ingest_wal
