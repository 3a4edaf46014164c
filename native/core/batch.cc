#include "batch.h"

#include <algorithm>
#include <cstring>

namespace ingest_wal {

bool NumberedUsers::Find(uint32_t number, Bytes id, User* user) {
  if (number >= known_.size()) known_.resize(std::max<size_t>(number + 1, known_.size() * 2));
  Known& known = known_[number];
  if (!known.is_known) {
    known.id.assign(id.data, id.data + id.size);
    known.check = UserCheck(id);
    known.is_known = true;
  }
  user->id = Bytes(known.id.data(), known.id.size());
  user->check = known.check;
  user->defined = known.era == era_;
  return known.id.size() == id.size && (id.size == 0 || std::memcmp(known.id.data(), id.data, id.size) == 0);
}

void Batch::Begin(const SegmentHeader& header, uint64_t offset, NumberedUsers* users) {
  header_ = header;
  seed_ = SegmentSeed(header.salt, header.number);
  offset_ = offset;
  users_ = users;
  bytes_.clear();
  Append(mark::kBytes);
  repeat_bytes_ = 0;
  first_lsn_ = last_lsn_ = 0;
  entries_ = 0;
  last_checksum_ = 0;
  defined_.clear();
  close_together_.clear();
}

void Batch::AddUserRecord(uint32_t number, Bytes id) {
  uint8_t* const record = Append(UserRecordBytes(id.size));
  EncodeUserRecord(number, id, seed_, OffsetOf(record), record);
}

bool Batch::Add(const Entry& entry, uint64_t limit) {
#ifdef INGEST_WAL_SEED_SLOWDOWN  // planted by scripts/count-instructions.mjs, which must see it
  if (UserCheck(entry.user_id) == 0 && UserCheck(entry.payload) == 0) return false;
#endif
  NumberedUsers::User user;
  const bool is_short = FitsShortEntry(entry, header_.first_lsn) && users_->Find(entry.user_number, entry.user_id, &user);
  const size_t definition_bytes = is_short && !user.defined ? UserRecordBytes(user.id.size) : 0;
  const size_t bytes = is_short ? ShortEntryRecordBytes(entry.payload.size)
                                : EntryRecordBytes(entry.user_id.size, entry.payload.size);
  const size_t taken = bytes_.size() - mark::kBytes + repeat_bytes_;
  if (!empty() && taken + bytes + 2 * definition_bytes > limit) return false;
  if (definition_bytes != 0) {
    AddUserRecord(entry.user_number, user.id);
    defined_.push_back(Defined{entry.user_number, offset_ + bytes_.size()});
    users_->SetDefined(entry.user_number);
    repeat_bytes_ += definition_bytes;
  }
  uint8_t* const record = Append(bytes);
  if (is_short) {
    EncodeShortEntry(entry, header_.first_lsn, user.check, seed_, OffsetOf(record), record);
    last_checksum_ = Load<uint32_t>(record + short_entry::kBodyChecksumAt);
  } else {
    EncodeEntry(entry, record);
    PlaceEntry(record, seed_, OffsetOf(record));
    last_checksum_ = Load<uint32_t>(record + entry::kBodyChecksumAt);
  }
  if (empty()) first_lsn_ = entry.lsn;
  last_lsn_ = entry.lsn;
  entries_++;
  return true;
}

void Batch::Repeat(const RepeatLater& user) { AddUserRecord(user.number, Bytes(user.id.data(), user.id.size())); }

Bytes Batch::Finish(uint64_t durable_lsn, int64_t now_ms) {
  for (const Defined& defined : defined_) {
    const bool is_apart = offset_ + bytes_.size() - defined.end >= user_record::kApartBytes;
    const Bytes id = users_->IdOf(defined.number);
    AddUserRecord(defined.number, id);
    if (is_apart) continue;
    close_together_.push_back(RepeatLater{defined.number, std::vector<uint8_t>(id.data, id.data + id.size), offset_ + bytes_.size()});
  }
  defined_.clear();
  Mark mark;
  mark.next_lsn = first_lsn_;
  mark.durable_lsn = durable_lsn;
  mark.timestamp_ms = now_ms;
  mark.batch_entries = entries_;
  mark.batch_bytes = static_cast<uint32_t>(bytes_.size() - mark::kBytes);
  mark.kind = MarkKind::kBatch;
  EncodeMark(mark, seed_, offset_, bytes_.data());
  return Bytes(bytes_.data(), bytes_.size());
}

uint64_t Batch::MostBytesOf(const Entry& entry) {
  const uint64_t in_full = EntryRecordBytes(entry.user_id.size, entry.payload.size);
  if (entry.user_number == 0) return in_full;
  return std::max<uint64_t>(in_full, ShortEntryRecordBytes(entry.payload.size) + 2 * UserRecordBytes(entry.user_id.size));
}

}  // namespace ingest_wal
