// Memory of a reader's chunks that JavaScript has let go of, for its next chunks: memory that is new costs a page fault for
// every 4 KiB, as much as reading what goes into it. Any thread.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "reader.h"

namespace ingest_wal {

class ChunkMemory {
 public:
  // What is kept at most; beyond it memory goes back to the system.
  static constexpr size_t kMostBytes = size_t{16} << 20;

  // Gives an empty chunk what was kept, if there is any.
  void GiveTo(Chunk* chunk);
  // Takes what the chunk has left; it is empty afterwards.
  void TakeFrom(Chunk* chunk);

  void Keep(std::unique_ptr<uint8_t[]> values, size_t capacity) { KeepIn(&bytes_, std::move(values), capacity); }
  void Keep(std::unique_ptr<ChunkEntry[]> values, size_t capacity) { KeepIn(&entries_, std::move(values), capacity); }

 private:
  template <typename Value>
  struct Block {
    std::unique_ptr<Value[]> values;
    size_t capacity;
  };

  template <typename Value>
  void KeepIn(std::vector<Block<Value>>* blocks, std::unique_ptr<Value[]> values, size_t capacity);
  template <typename Value>
  void GiveFrom(std::vector<Block<Value>>* blocks, PlainArray<Value>* array);

  std::mutex mutex_;
  size_t kept_bytes_ = 0;
  std::vector<Block<uint8_t>> bytes_;
  std::vector<Block<ChunkEntry>> entries_;
};

}  // namespace ingest_wal
