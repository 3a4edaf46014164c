#include "segment_users.h"

#include "record.h"

namespace ingest_wal {

void SegmentUsers::Define(uint32_t number, Bytes user_id) {
  if (number == 0 || number > user_record::kMaxNumber || Find(number) != nullptr) return;
  if (number >= places_.size()) places_.resize(number + 1, 0);
  users_.emplace_back();
  User& user = users_.back();
  user.bytes.assign(user_id.data, user_id.data + user_id.size);
  user.id = Bytes(user.bytes.data(), user.bytes.size());
  user.check = UserCheck(user_id);
  places_[number] = static_cast<uint32_t>(users_.size());
}

}  // namespace ingest_wal
