#include "lost_header.h"

#include <algorithm>
#include <array>

#include "crc32c.h"
#include "format.h"

namespace ingest_wal {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;

static_assert(short_entry::kHeaderChecksumAt == entry::kHeaderChecksumAt);
static_assert(short_entry::kBodyChecksumAt == entry::kLsnAt);

// Of one byte, as docs/format.md has it; and which byte has that highest byte in it.
struct ByteTable {
  std::array<uint32_t, 256> remainder{};
  std::array<uint8_t, 256> by_highest{};

  constexpr ByteTable() {
    for (uint32_t byte = 0; byte < 256; byte++) {
      uint32_t rest = byte;
      for (int bit = 0; bit < 8; bit++) rest = (rest & 1) != 0 ? rest >> 1 ^ kPolynomial : rest >> 1;
      remainder[byte] = rest;
      by_highest[rest >> 24] = static_cast<uint8_t>(byte);
    }
  }
};

constexpr ByteTable kTable;

// Two checksums of equally many bytes differ by `difference`: finds the one byte that makes them differ so, `from_end` bytes before
// the end, and in which bits. The checksum is taken back byte by byte; a difference of one byte has no other before it.
bool FindByte(uint32_t difference, size_t count, size_t* from_end, uint8_t* bits) {
  for (size_t behind = 0; behind < count; behind++) {
    const uint8_t byte = kTable.by_highest[difference >> 24];
    if (kTable.remainder[byte] == difference) {
      *from_end = behind;
      *bits = byte;
      return true;
    }
    difference = (difference ^ kTable.remainder[byte]) << 8 | byte;
  }
  return false;
}

bool IsInOneByte(uint32_t difference) {
  return (difference & 0xffffff00u) == 0 || (difference & 0xffff00ffu) == 0 || (difference & 0xff00ffffu) == 0 ||
         (difference & 0x00ffffffu) == 0;
}

// Of bytes whose checksum is `computed`, stored as `stored`: makes good the one byte of a header that may be damaged. The checksum
// covers what is behind it up to `end`, then the first `begin_bytes` of the header.
bool MakeGood(uint8_t* header, uint32_t stored, uint32_t computed, size_t end, size_t begin_bytes) {
  const uint32_t difference = stored ^ computed;
  // The checksum itself is damaged.
  if (IsInOneByte(difference)) return true;
  size_t from_end = 0;
  uint8_t bits = 0;
  if (!FindByte(difference, end - entry::kLsnAt + begin_bytes, &from_end, &bits)) return false;
  const size_t at = from_end < begin_bytes ? begin_bytes - 1 - from_end : end - 1 - (from_end - begin_bytes);
  header[at] = static_cast<uint8_t>(header[at] ^ bits);
  return true;
}

uint32_t PlaceSeed(uint32_t segment_seed, uint64_t offset) {
  uint8_t place[sizeof(offset)];
  Store(place, offset);
  return Crc32c(segment_seed, place, sizeof(place));
}

bool ReadShort(Bytes at, uint32_t place_seed, uint64_t first_lsn, LostHeader* found) {
  using namespace short_entry;
  if (at.size < kPayloadAt) return false;
  uint8_t header[kPayloadAt];
  std::copy_n(at.data, kPayloadAt, header);
  const uint32_t behind = Crc32c(place_seed, header + kBodyChecksumAt, kPayloadAt - kBodyChecksumAt);
  const uint32_t computed = Crc32c(behind, header, kHeaderChecksumAt);
  if (!MakeGood(header, Load<uint32_t>(header + kHeaderChecksumAt), computed, kPayloadAt, kHeaderChecksumAt)) return false;
  if (Load<uint16_t>(header + kMagicAt) != kMagic) return false;
  found->is_short = true;
  found->lsn = first_lsn + Load<uint32_t>(header + kLsnOffsetAt);
  found->user_number = Load<uint32_t>(header + kUserNumberAt);
  found->user_check = static_cast<uint16_t>(Load<uint64_t>(header + kFactsAt) >> kUserCheckShift);
  return true;
}

bool ReadFull(Bytes at, uint32_t place_seed, LostHeader* found) {
  using namespace entry;
  if (at.size < kUserIdAt) return false;
  uint8_t header[kTimestampAt];
  std::copy_n(at.data, kTimestampAt, header);
  const uint32_t stored = Load<uint32_t>(header + kHeaderChecksumAt);
  const uint32_t computed = Crc32c(place_seed, header + kLsnAt, kTimestampAt - kLsnAt);
  // The checksum does not cover the magic: where that is damaged, it is the one byte.
  const uint32_t in_magic = Load<uint32_t>(header + kMagicAt) ^ kMagic;
  if (in_magic != 0 && (stored != computed || !IsInOneByte(in_magic))) return false;
  if (!MakeGood(header, stored, computed, kTimestampAt, 0)) return false;
  const size_t user_id_bytes = Load<uint16_t>(header + kUserIdBytesAt);
  if (user_id_bytes > at.size - kUserIdAt) return false;
  const Bytes user_id = at.Subspan(kUserIdAt, user_id_bytes);
  if (Crc32c(0, user_id.data, user_id.size) != Load<uint32_t>(header + kUserIdChecksumAt)) return false;
  found->is_short = false;
  found->lsn = Load<uint64_t>(header + kLsnAt);
  found->user_id = user_id;
  return true;
}

}  // namespace

bool ReadLostHeader(Bytes at, uint32_t segment_seed, uint64_t first_lsn, uint64_t offset, LostHeader* header) {
  if (at.size < short_entry::kPayloadAt) return false;
  const uint32_t place_seed = PlaceSeed(segment_seed, offset);
  return ReadShort(at, place_seed, first_lsn, header) || ReadFull(at, place_seed, header);
}

}  // namespace ingest_wal
