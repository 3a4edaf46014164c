#include "mend_records.h"

#include <algorithm>

#include "batch.h"
#include "crc32c.h"
#include "segment_bytes.h"
#include "segment_layout.h"

namespace ingest_wal {
namespace fuzz {
namespace {

// One walk. What checksums cover is said in format.h.
class Mender {
 public:
  Mender(const SegmentHeader& header, Dice* dice)
      : seed_(SegmentSeed(header.salt, header.number)), first_lsn_(header.first_lsn), dice_(dice),
        renumbers_(dice->Once(2)), next_lsn_(header.first_lsn) {}

  // The bytes of what begins at `at`, which lies at `offset` and has `room` bytes; a word where it is no record.
  size_t Mend(uint8_t* at, uint64_t offset, size_t room) {
    if (room < mark::kBytes || dice_->Once(32)) return kRecordAlignment;
    if (Load<uint16_t>(at) == short_entry::kMagic) return MendShort(at, offset, room);
    switch (Load<uint32_t>(at)) {
      case entry::kMagic:
        return MendEntry(at, offset, room);
      case user_record::kMagic:
        return MendUser(at, offset, room);
      case mark::kMagic:
        return MendMark(at, offset);
      default:
        return kRecordAlignment;
    }
  }

 private:
  uint32_t PositionSeed(uint64_t offset) const {
    uint8_t place[sizeof(offset)];
    Store(place, offset);
    return Crc32c(seed_, place, sizeof(place));
  }
  // Lengths are left as they are sometimes: too long is a case of its own.
  bool Fits() { return !dice_->Once(16); }
  uint64_t NextLsn() {
    next_lsn_ += dice_->Once(32) ? 1 + dice_->Below(3) : 0;
    return next_lsn_++;
  }

  size_t MendShort(uint8_t* at, uint64_t offset, size_t room) {
    size_t payload_bytes = Load<uint16_t>(at + short_entry::kPayloadBytesAt);
    if (ShortEntryRecordBytes(payload_bytes) > room && Fits()) {
      payload_bytes %= room - short_entry::kPayloadAt + 1;
      while (ShortEntryRecordBytes(payload_bytes) > room) payload_bytes--;
      Store(at + short_entry::kPayloadBytesAt, static_cast<uint16_t>(payload_bytes));
    }
    if (renumbers_) Store(at + short_entry::kLsnOffsetAt, static_cast<uint32_t>(NextLsn() - first_lsn_));
    const size_t bytes = ShortEntryRecordBytes(payload_bytes);
    if (bytes <= room && !dice_->Once(16)) {
      Store(at + short_entry::kBodyChecksumAt,
            Crc32c(0, at + short_entry::kLsnOffsetAt, bytes - short_entry::kLsnOffsetAt));
    }
    const uint32_t sum = Crc32c(PositionSeed(offset), at + short_entry::kBodyChecksumAt,
                                short_entry::kPayloadAt - short_entry::kBodyChecksumAt);
    Store(at + short_entry::kHeaderChecksumAt, Crc32c(sum, at, short_entry::kHeaderChecksumAt));
    return bytes <= room ? bytes : kRecordAlignment;
  }

  size_t MendEntry(uint8_t* at, uint64_t offset, size_t room) {
    size_t user_id_bytes = Load<uint16_t>(at + entry::kUserIdBytesAt);
    size_t payload_bytes = Load<uint32_t>(at + entry::kPayloadBytesAt);
    const size_t around = EntryRecordBytes(0, 0);
    if (room < around) return kRecordAlignment;
    if (EntryRecordBytes(user_id_bytes, payload_bytes) > room && Fits()) {
      user_id_bytes %= room - around + 1;
      payload_bytes %= room - around - user_id_bytes + 1;
      Store(at + entry::kUserIdBytesAt, static_cast<uint16_t>(user_id_bytes));
      Store(at + entry::kPayloadBytesAt, static_cast<uint32_t>(payload_bytes));
    }
    if (renumbers_) Store(at + entry::kLsnAt, NextLsn());
    const size_t bytes = EntryRecordBytes(user_id_bytes, payload_bytes);
    if (bytes <= room && !dice_->Once(16)) {
      Store(at + entry::kUserIdChecksumAt, Crc32c(0, at + entry::kUserIdAt, user_id_bytes));
      Store(at + bytes - entry::kFooterBytes, static_cast<uint32_t>(bytes));
      const uint32_t head = Crc32c(0, at + entry::kLsnAt, entry::kBodyChecksumAt - entry::kLsnAt);
      Store(at + entry::kBodyChecksumAt, Crc32c(head, at + entry::kTimestampAt, bytes - entry::kTimestampAt));
    }
    PlaceEntry(at, seed_, offset);
    return bytes <= room ? bytes : kRecordAlignment;
  }

  size_t MendUser(uint8_t* at, uint64_t offset, size_t room) {
    size_t id_bytes = Load<uint16_t>(at + user_record::kUserIdBytesAt);
    if (UserRecordBytes(id_bytes) > room && Fits()) {
      id_bytes %= room - user_record::kUserIdAt + 1;
      while (UserRecordBytes(id_bytes) > room) id_bytes--;
      Store(at + user_record::kUserIdBytesAt, static_cast<uint16_t>(id_bytes));
    }
    const size_t bytes = UserRecordBytes(id_bytes);
    if (bytes > room) return kRecordAlignment;
    Store(at + user_record::kChecksumAt,
          Crc32c(PositionSeed(offset), at + user_record::kNumberAt, bytes - user_record::kNumberAt));
    return bytes;
  }

  size_t MendMark(uint8_t* at, uint64_t offset) {
    if (renumbers_) {
      Store(at + mark::kNextLsnAt, next_lsn_);
      Store(at + mark::kDurableLsnAt, next_lsn_ - 1 - std::min<uint64_t>(next_lsn_ - 1, dice_->Below(4)));
    }
    Store(at + mark::kChecksumAt, Crc32c(PositionSeed(offset), at + mark::kNextLsnAt, mark::kBytes - mark::kNextLsnAt));
    return mark::kBytes;
  }

  const uint32_t seed_;
  const uint64_t first_lsn_;
  Dice* const dice_;
  const bool renumbers_;
  uint64_t next_lsn_;
};

}  // namespace

void MendRecords(const SegmentHeader& header, uint64_t offset, Dice* dice, uint8_t* bytes, size_t count) {
  Mender mender(header, dice);
  for (size_t at = 0; at < count;) at += mender.Mend(bytes + at, offset + at, count - at);
}

void MendHeaderCopy(uint8_t* block) {
  const uint32_t sum = Crc32c(0, block, header::kChecksumAt);
  Store(block + header::kChecksumAt, Crc32c(sum, block + header::kLogIdAt, header::kCopyBytes - header::kLogIdAt));
}

void MendIdentity(uint8_t* bytes) {
  const uint32_t sum = Crc32c(0, bytes, identity::kChecksumAt);
  Store(bytes + identity::kChecksumAt, Crc32c(sum, bytes + identity::kLogIdAt, identity::kBytes - identity::kLogIdAt));
}

SegmentHeader PlainHeader() { return testing::HeaderOf(1, 1); }

Input BatchOf(const SegmentHeader& header, uint64_t offset, uint64_t first_lsn, size_t entries) {
  NumberedUsers users;
  Batch batch;
  batch.Begin(header, offset, &users);
  for (size_t i = 0; i < entries; i++) {
    const testing::TestEntry made = testing::EntryOf(first_lsn + i);
    Entry entry = testing::Borrowed(made);
    entry.user_number = i % 3 == 2 ? 0 : static_cast<uint32_t>(1 + made.lsn % 3);
    batch.Add(entry, UINT64_MAX);
  }
  const Bytes bytes = batch.Finish(first_lsn - 1, 1'700'000'000'000);
  return Input(bytes.data, bytes.data + bytes.size);
}

Input SealBehind(const SegmentHeader& header, uint64_t offset, uint64_t next_lsn) {
  Input seal(kSealBytes);
  EncodeSeal(SegmentSeed(header.salt, header.number), offset, next_lsn, 1'700'000'000'000, seal.data());
  return seal;
}

}  // namespace fuzz
}  // namespace ingest_wal
