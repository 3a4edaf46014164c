// Whom the user numbers of one segment stand for.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "bytes.h"

namespace ingest_wal {

class SegmentUsers {
 public:
  // A number keeps the first id that it was given: what a writer puts into one segment never contradicts itself.
  void Define(uint32_t number, Bytes user_id);

  bool Knows(uint32_t number) const { return number < places_.size() && places_[number] != nullptr; }

  // The id of a known number, in memory that lives as long as this.
  Bytes IdOf(uint32_t number) const {
    const uint8_t* const place = places_[number];
    return Bytes(place + sizeof(uint16_t), Load<uint16_t>(place));
  }

 private:
  std::vector<std::unique_ptr<uint8_t[]>> blocks_;  // of ids, each behind its length
  size_t block_used_ = 0;                           // of the last of them, in bytes
  std::vector<const uint8_t*> places_;              // in blocks_, by number; null: not known
};

}  // namespace ingest_wal
