// Whom the user numbers of one segment stand for.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "bytes.h"

namespace ingest_wal {

class SegmentUsers {
 public:
  // A number keeps the first id that it was given: what a writer puts into one segment never contradicts itself.
  void Define(uint32_t number, Bytes user_id);

  // The id, in memory that lives as long as this; null when the number was not defined.
  const Bytes* Find(uint32_t number) const {
    return number < places_.size() && places_[number] != 0 ? &users_[places_[number] - 1].id : nullptr;
  }
  uint16_t CheckOf(uint32_t number) const { return users_[places_[number] - 1].check; }

 private:
  struct User {
    std::vector<uint8_t> bytes;
    Bytes id;
    uint16_t check = 0;
  };
  std::deque<User> users_;
  std::vector<uint32_t> places_;  // by number: 1 + index in users_, 0 for none
};

}  // namespace ingest_wal
