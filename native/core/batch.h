// A batch on its way to a segment: the mark, then the records of its entries, framed for the place where they will lie.
#pragma once

#include <cstdint>
#include <vector>

#include "plain_array.h"
#include "record.h"
#include "segment_header.h"

namespace ingest_wal {

// What the writer knows of the users that have numbers: their ids, and in which segment each is defined.
class NumberedUsers {
 public:
  // Nothing is defined any more: another segment begins, or what a batch has written may be gone.
  void Forget() { era_++; }

  struct User {
    Bytes id;
    uint16_t check = 0;
    bool defined = false;
  };
  // Whom `number` stands for, `id` being what the appender says. False when it was said otherwise before: then the
  // number is not to be used.
  bool Find(uint32_t number, Bytes id, User* user);
  void SetDefined(uint32_t number) { known_[number].era = era_; }
  Bytes IdOf(uint32_t number) const { return Bytes(known_[number].id.data(), known_[number].id.size()); }

 private:
  struct Known {
    std::vector<uint8_t> id;
    uint16_t check = 0;
    bool is_known = false;
    uint64_t era = 0;
  };
  std::vector<Known> known_;  // by number
  uint64_t era_ = 1;
};

// User records whose copies lie so close together that one damaged block would take them all; to be repeated.
struct RepeatLater {
  uint32_t number = 0;
  std::vector<uint8_t> id;
  uint64_t written_end = 0;  // behind the last copy
};

class Batch {
 public:
  // Begins a batch that will lie at `offset` of the segment. `users` outlives the batch.
  void Begin(const SegmentHeader& header, uint64_t offset, NumberedUsers* users);

  bool empty() const { return entries_ == 0; }
  uint32_t entries() const { return entries_; }
  uint64_t first_lsn() const { return first_lsn_; }
  uint64_t last_lsn() const { return last_lsn_; }
  // Body checksum of the last entry.
  uint32_t last_checksum() const { return last_checksum_; }

  // Adds an entry in the shortest form that takes it, unless the records would then have more than `limit` bytes; the
  // first entry is taken whatever the limit.
  bool Add(const Entry& entry, uint64_t limit);
  // Repeats a user record that earlier batches wrote.
  void Repeat(const RepeatLater& user);
  // Everything in its place: the mark, the entries, and once more the user records among them.
  Bytes Finish(uint64_t durable_lsn, int64_t now_ms);

  // Bytes of the batch so far, the mark included.
  size_t bytes() const { return bytes_.size(); }
  // After Finish(): users whose copies in this batch lie close together.
  const std::vector<RepeatLater>& close_together() const { return close_together_; }

  // The most bytes of records that an entry can need, whatever is defined already.
  static uint64_t MostBytesOf(const Entry& entry);

 private:
  struct Defined {
    uint32_t number = 0;
    uint64_t end = 0;  // behind the record
  };

  // Room for a record at the end; its offset in the segment is OffsetOf() of it.
  uint8_t* Append(size_t bytes) { return bytes_.Add(bytes); }
  uint64_t OffsetOf(const uint8_t* record) const { return offset_ + static_cast<uint64_t>(record - bytes_.data()); }
  void AddUserRecord(uint32_t number, Bytes id);

  SegmentHeader header_;
  uint32_t seed_ = 0;
  uint64_t offset_ = 0;
  NumberedUsers* users_ = nullptr;
  PlainArray<uint8_t> bytes_;
  size_t repeat_bytes_ = 0;  // what Finish() will add
  uint64_t first_lsn_ = 0;
  uint64_t last_lsn_ = 0;
  uint32_t entries_ = 0;
  uint32_t last_checksum_ = 0;
  std::vector<Defined> defined_;
  std::vector<RepeatLater> close_together_;
};

}  // namespace ingest_wal
