#include "inflate.h"

#include <array>
#include <cstring>

namespace ingest_wal {
namespace {

constexpr int kMaxCodeBits = 15;
constexpr int kFastBits = 10;
constexpr int kLiteralCodes = 288;
constexpr int kDistanceCodes = 30;
constexpr int kLengthCodes = 29;
constexpr int kCodeLengthCodes = 19;
constexpr int kEndOfBlock = 256;

constexpr uint16_t kLengthBase[kLengthCodes] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                                31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
constexpr uint8_t kLengthExtraBits[kLengthCodes] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                                    2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
constexpr uint16_t kDistanceBase[kDistanceCodes] = {1,   2,   3,   4,   5,   7,    9,    13,   17,   25,
                                                    33,  49,  65,  97,  129, 193,  257,  385,  513,  769,
                                                    1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
constexpr uint8_t kDistanceExtraBits[kDistanceCodes] = {0, 0, 0, 0, 1, 1, 2, 2,  3,  3,  4,  4,  5,  5,  6,
                                                        6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13};
// The order in which a dynamic block gives the lengths of the codes for code lengths.
constexpr uint8_t kCodeLengthOrder[kCodeLengthCodes] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};

// The bits of the input, from the lowest bit of the first byte on. Behind the end come zeros; `overrun` tells.
class BitReader {
 public:
  explicit BitReader(Bytes from) : from_(from) {}

  // At least 32 bits are in the buffer after it, zeros behind the end of the input.
  void Refill() {
    if (at_ + sizeof(uint64_t) <= from_.size) {
      bits_ |= Load<uint64_t>(from_.data + at_) << count_;
      const int taken = (63 - count_) >> 3;
      at_ += static_cast<size_t>(taken);
      count_ += taken * 8;
      return;
    }
    while (count_ <= 56) {
      if (at_ < from_.size) {
        bits_ |= uint64_t{from_.data[at_++]} << count_;
      } else {
        zeros_ += 8;
      }
      count_ += 8;
    }
  }

  uint32_t Peek(int count) const { return static_cast<uint32_t>(bits_ & ((uint64_t{1} << count) - 1)); }
  void Drop(int count) {
    bits_ >>= count;
    count_ -= count;
  }
  uint32_t Take(int count) {
    const uint32_t value = Peek(count);
    Drop(count);
    return value;
  }

  // More was taken than there is.
  bool overrun() const { return count_ < zeros_; }

  // Gives whole bytes back and drops the rest of the byte that was begun: where the next byte lies.
  size_t AlignToByte() {
    has_padding_ = has_padding_ || Peek(count_ & 7) != 0;
    Drop(count_ & 7);
    const int unread = count_ - zeros_;
    at_ -= static_cast<size_t>(unread > 0 ? unread / 8 : 0);
    bits_ = 0;
    count_ = 0;
    zeros_ = 0;
    return at_;
  }
  void SkipTo(size_t at) { at_ = at; }
  // Something else than zeros was dropped by AlignToByte().
  bool has_padding() const { return has_padding_; }

 private:
  const Bytes from_;
  size_t at_ = 0;
  uint64_t bits_ = 0;
  int count_ = 0;  // bits in bits_, zeros_ of them made up
  int zeros_ = 0;
  bool has_padding_ = false;
};

// A canonical Huffman code: codes up to kFastBits bits by table, longer ones by counting.
class HuffmanCode {
 public:
  // False when `lengths` are no code: more codes than there is room for, or fewer, but for a single code of one bit.
  bool Build(const uint8_t* lengths, int symbols) {
    count_.fill(0);
    fast_.fill(0);
    for (int symbol = 0; symbol < symbols; symbol++) count_[lengths[symbol]]++;
    const int used = symbols - count_[0];
    count_[0] = 0;
    int left = 1;
    for (int bits = 1; bits <= kMaxCodeBits; bits++) {
      left = (left << 1) - count_[static_cast<size_t>(bits)];
      if (left < 0) return false;
    }
    if (left != 0 && !(used == 0 || (used == 1 && count_[1] == 1))) return false;
    std::array<uint16_t, kMaxCodeBits + 2> next{};
    std::array<uint16_t, kMaxCodeBits + 2> code{};
    for (size_t bits = 1; bits <= kMaxCodeBits; bits++) {
      next[bits + 1] = static_cast<uint16_t>(next[bits] + count_[bits]);
      code[bits + 1] = static_cast<uint16_t>((code[bits] + count_[bits]) << 1);
    }
    for (int symbol = 0; symbol < symbols; symbol++) {
      const int bits = lengths[symbol];
      if (bits == 0) continue;
      symbols_[next[static_cast<size_t>(bits)]++] = static_cast<uint16_t>(symbol);
      FillFast(code[static_cast<size_t>(bits)]++, bits, symbol);
    }
    return true;
  }

  // The next symbol; -1 when the bits are no code. Needs kMaxCodeBits bits in the buffer.
  int Decode(BitReader* bits) const {
    const uint16_t entry = fast_[bits->Peek(kFastBits)];
    if (entry != 0) {
      bits->Drop(entry & 15);
      return entry >> 4;
    }
    return DecodeSlowly(bits);
  }

 private:
  void FillFast(uint32_t code, int bits, int symbol) {
    if (bits > kFastBits) return;
    // Codes stand in the stream with their highest bit first.
    uint32_t reversed = 0;
    for (int bit = 0; bit < bits; bit++) reversed |= (code >> bit & 1) << (bits - 1 - bit);
    for (uint32_t at = reversed; at < 1u << kFastBits; at += 1u << bits) {
      fast_[at] = static_cast<uint16_t>(symbol << 4 | bits);
    }
  }

  int DecodeSlowly(BitReader* bits) const {
    const uint32_t ahead = bits->Peek(kMaxCodeBits);
    int code = 0;
    int first = 0;
    int index = 0;
    for (int length = 1; length <= kMaxCodeBits; length++) {
      code |= static_cast<int>(ahead >> (length - 1) & 1);
      const int count = count_[static_cast<size_t>(length)];
      if (code - count < first) {
        bits->Drop(length);
        return symbols_[static_cast<size_t>(index + code - first)];
      }
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    return -1;
  }

  std::array<uint16_t, 1 << kFastBits> fast_;  // symbol << 4 | bits; 0: a longer code, or none
  std::array<uint16_t, kMaxCodeBits + 1> count_;
  std::array<uint16_t, kLiteralCodes> symbols_;  // by code
};

class Inflater {
 public:
  Inflater(Bytes from, uint8_t* to, size_t to_bytes) : bits_(from), from_(from), to_(to), to_bytes_(to_bytes) {}

  bool Run(size_t* consumed, bool* is_exact) {
    for (bool last = false; !last;) {
      bits_.Refill();
      last = bits_.Take(1) == 1;
      const uint32_t kind = bits_.Take(2);
      const bool sound = kind == 0   ? CopyStored()
                         : kind == 1 ? BuildFixed() && DecodeBlock()
                         : kind == 2 ? BuildDynamic() && DecodeBlock()
                                     : false;
      if (!sound || bits_.overrun()) return false;
    }
    *consumed = bits_.AlignToByte();
    *is_exact = !bits_.has_padding();
    return done_ == to_bytes_;
  }

 private:
  bool CopyStored() {
    if (bits_.overrun()) return false;
    const size_t at = bits_.AlignToByte();
    if (from_.size - at < 4) return false;
    const size_t count = Load<uint16_t>(from_.data + at);
    const uint16_t inverted = Load<uint16_t>(from_.data + at + 2);
    if (inverted != static_cast<uint16_t>(~count) || from_.size - at - 4 < count || to_bytes_ - done_ < count) return false;
    if (count != 0) std::memcpy(to_ + done_, from_.data + at + 4, count);
    done_ += count;
    bits_.SkipTo(at + 4 + count);
    return true;
  }

  bool BuildFixed() {
    uint8_t lengths[kLiteralCodes];
    for (int symbol = 0; symbol < kLiteralCodes; symbol++) {
      lengths[symbol] = symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8;
    }
    // Two more than are used, which makes the code complete; they are refused when met.
    uint8_t distances[kDistanceCodes + 2];
    std::memset(distances, 5, sizeof(distances));
    return literals_.Build(lengths, kLiteralCodes) && distances_.Build(distances, kDistanceCodes + 2);
  }

  bool BuildDynamic() {
    bits_.Refill();
    const int literals = static_cast<int>(bits_.Take(5)) + 257;
    const int distances = static_cast<int>(bits_.Take(5)) + 1;
    const int code_lengths = static_cast<int>(bits_.Take(4)) + 4;
    if (literals > 286 || distances > kDistanceCodes) return false;
    uint8_t lengths[kLiteralCodes + kDistanceCodes] = {0};
    for (int i = 0; i < code_lengths; i++) {
      bits_.Refill();
      lengths[kCodeLengthOrder[i]] = static_cast<uint8_t>(bits_.Take(3));
    }
    HuffmanCode code_length_code;
    if (!code_length_code.Build(lengths, kCodeLengthCodes)) return false;
    std::memset(lengths, 0, sizeof(lengths));
    if (!ReadLengths(code_length_code, lengths, literals + distances) || lengths[kEndOfBlock] == 0) return false;
    return literals_.Build(lengths, literals) && distances_.Build(lengths + literals, distances);
  }

  bool ReadLengths(const HuffmanCode& code, uint8_t* lengths, int count) {
    for (int at = 0; at < count;) {
      bits_.Refill();
      const int symbol = code.Decode(&bits_);
      if (symbol < 0 || bits_.overrun()) return false;
      if (symbol < 16) {
        lengths[at++] = static_cast<uint8_t>(symbol);
        continue;
      }
      if (symbol == 16 && at == 0) return false;
      const uint8_t repeated = symbol == 16 ? lengths[at - 1] : 0;
      const int times = symbol == 16   ? 3 + static_cast<int>(bits_.Take(2))
                        : symbol == 17 ? 3 + static_cast<int>(bits_.Take(3))
                                       : 11 + static_cast<int>(bits_.Take(7));
      if (times > count - at) return false;
      std::memset(lengths + at, repeated, static_cast<size_t>(times));
      at += times;
    }
    return true;
  }

  // Literals and copies up to the end of the block.
  bool DecodeBlock() {
    for (;;) {
      bits_.Refill();
      const int symbol = literals_.Decode(&bits_);
      if (symbol < 0 || bits_.overrun()) return false;
      if (symbol < kEndOfBlock) {
        if (done_ == to_bytes_) return false;
        to_[done_++] = static_cast<uint8_t>(symbol);
        continue;
      }
      if (symbol == kEndOfBlock) return true;
      if (!CopyEarlier(symbol - kEndOfBlock - 1)) return false;
    }
  }

  // A length and a distance: bytes that stood before.
  bool CopyEarlier(int length_code) {
    if (length_code >= kLengthCodes) return false;
    const size_t length = kLengthBase[length_code] + bits_.Take(kLengthExtraBits[length_code]);
    bits_.Refill();
    const int distance_code = distances_.Decode(&bits_);
    if (distance_code < 0 || distance_code >= kDistanceCodes) return false;
    const size_t distance = kDistanceBase[distance_code] + bits_.Take(kDistanceExtraBits[distance_code]);
    if (distance > done_ || length > to_bytes_ - done_) return false;
    uint8_t* const to = to_ + done_;
    const uint8_t* const earlier = to - distance;
    // They may overlap: what is copied can be what this very copy has written.
    for (size_t i = 0; i < length; i++) to[i] = earlier[i];
    done_ += length;
    return true;
  }

  BitReader bits_;
  const Bytes from_;
  uint8_t* const to_;
  const size_t to_bytes_;
  size_t done_ = 0;
  HuffmanCode literals_;
  HuffmanCode distances_;
};

constexpr size_t kSlices = 8;
using CrcTables = std::array<std::array<uint32_t, 256>, kSlices>;

CrcTables MakeCrcTables() {
  CrcTables tables{};
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320u : 0);
    tables[0][i] = value;
  }
  for (size_t slice = 1; slice < kSlices; slice++) {
    for (size_t i = 0; i < 256; i++) tables[slice][i] = (tables[slice - 1][i] >> 8) ^ tables[0][tables[slice - 1][i] & 255];
  }
  return tables;
}

}  // namespace

bool Inflate(Bytes from, uint8_t* to, size_t to_bytes, size_t* consumed, bool* is_exact) {
  return Inflater(from, to, to_bytes).Run(consumed, is_exact);
}

uint32_t GzipCrc32(uint32_t seed, const uint8_t* data, size_t count) {
  static const CrcTables tables = MakeCrcTables();
  uint32_t state = ~seed;
  for (; count >= kSlices; data += kSlices, count -= kSlices) {
    const uint64_t word = Load<uint64_t>(data) ^ state;
    state = 0;
    for (size_t i = 0; i < kSlices; i++) state ^= tables[kSlices - 1 - i][word >> (8 * i) & 255];
  }
  for (; count != 0; data++, count--) state = (state >> 8) ^ tables[0][(state ^ *data) & 255];
  return ~state;
}

}  // namespace ingest_wal
