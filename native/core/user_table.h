// Gives the users that a reader meets numbers, from 0, so that each id is handed on once and not with every entry.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bytes.h"

namespace ingest_wal {

class UserTable {
 public:
  // Beyond either the table is full: its owner begins anew when it can.
  static constexpr size_t kMaxUsers = 100'000;
  static constexpr size_t kMaxIdBytes = size_t{16} << 20;

  // The number of the user. Users have one number as a rule; where ids were made to collide, a user may get more than one,
  // so that the time for each stays bounded.
  uint32_t NumberOf(Bytes id);
  // The same, faster, where the user has a number, not 0, in the segment that is being read.
  uint32_t NumberOf(uint32_t segment_number, Bytes id);
  // Numbers of the segment before mean nothing any more.
  void BeginSegment() { by_segment_number_.clear(); }

  // Valid until the next call of NumberOf() or Clear().
  Bytes IdOf(uint32_t number) const {
    const size_t from = number == 0 ? 0 : ends_[number - 1];
    return Bytes(ids_.data() + from, ends_[number] - from);
  }

  size_t size() const { return ends_.size(); }
  size_t id_bytes() const { return ids_.size(); }
  bool full() const { return size() > kMaxUsers || id_bytes() > kMaxIdBytes; }
  void Clear();

 private:
  struct Slot {
    uint32_t hash = 0;
    uint32_t taken_by = 0;  // 1 + the number, 0: free
  };
  bool Is(uint32_t number, Bytes id) const;
  void Grow();

  std::vector<uint8_t> ids_;
  std::vector<size_t> ends_;  // in ids_, by number
  std::vector<Slot> slots_;   // open addressing, a power of two, at most half taken
  uint32_t last_ = 0;         // the number given last
  std::vector<uint32_t> by_segment_number_;  // 1 + the number, 0: not known
};

}  // namespace ingest_wal
