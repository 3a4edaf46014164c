#include "chunk_memory.h"

namespace ingest_wal {

template <typename Value>
void ChunkMemory::KeepIn(std::vector<Block<Value>>* blocks, std::unique_ptr<Value[]> values, size_t capacity) {
  const size_t bytes = capacity * sizeof(Value);
  const std::lock_guard<std::mutex> guard(mutex_);
  if (bytes == 0 || kept_bytes_ + bytes > kMostBytes) return;
  kept_bytes_ += bytes;
  blocks->push_back(Block<Value>{std::move(values), capacity});
}

template <typename Value>
void ChunkMemory::GiveFrom(std::vector<Block<Value>>* blocks, PlainArray<Value>* array) {
  if (blocks->empty()) return;
  Block<Value> block = std::move(blocks->back());
  blocks->pop_back();
  kept_bytes_ -= block.capacity * sizeof(Value);
  array->Adopt(std::move(block.values), block.capacity);
}

void ChunkMemory::GiveTo(Chunk* chunk) {
  const std::lock_guard<std::mutex> guard(mutex_);
  GiveFrom(&bytes_, &chunk->bytes);
  GiveFrom(&entries_, &chunk->entries);
}

void ChunkMemory::TakeFrom(Chunk* chunk) {
  const size_t bytes = chunk->bytes.capacity();
  Keep(chunk->bytes.Release(), bytes);
  const size_t entries = chunk->entries.capacity();
  Keep(chunk->entries.Release(), entries);
}

}  // namespace ingest_wal
