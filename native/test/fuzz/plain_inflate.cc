#include "plain_inflate.h"

#include <stdexcept>

namespace ingest_wal {
namespace fuzz {
namespace {

constexpr int kMaxBits = 15;

struct Unsound {};  // thrown by what follows, caught in PlainInflate

class Bits {
 public:
  explicit Bits(Bytes from) : from_(from) {}
  unsigned One() {
    if (at_ / 8 >= from_.size) throw Unsound();
    const unsigned bit = from_.data[at_ / 8] >> (at_ % 8) & 1u;
    at_++;
    return bit;
  }
  unsigned Take(int count) {
    unsigned value = 0;
    for (int i = 0; i < count; i++) value |= One() << i;
    return value;
  }
  void ToByte() { at_ = (at_ + 7) / 8 * 8; }
  size_t bytes() const { return (at_ + 7) / 8; }

 private:
  const Bytes from_;
  size_t at_ = 0;
};

// Codes by their length, then by their symbol.
class Code {
 public:
  Code(const std::vector<int>& lengths, bool may_be_incomplete) : lengths_(lengths) {
    for (const int length : lengths) count_[length]++;
    const int used = static_cast<int>(lengths.size()) - count_[0];
    int left = 1;
    for (int bits = 1; bits <= kMaxBits; bits++) {
      left = 2 * left - count_[bits];
      if (left < 0) throw Unsound();
    }
    // None at all, or one of one bit.
    const bool is_tiny = used == 0 || (used == 1 && count_[1] == 1);
    if (left > 0 && !is_tiny && !may_be_incomplete) throw Unsound();
  }

  size_t Decode(Bits* bits) const {
    int code = 0;
    int first = 0;
    for (int length = 1; length <= kMaxBits; length++) {
      code |= static_cast<int>(bits->One());
      if (code - first < count_[length]) return Symbol(length, code - first);
      first = (first + count_[length]) << 1;
      code <<= 1;
    }
    throw Unsound();
  }

 private:
  size_t Symbol(int length, int index) const {
    for (size_t symbol = 0;; symbol++) {
      if (lengths_[symbol] == length && index-- == 0) return symbol;
    }
  }

  const std::vector<int> lengths_;
  int count_[kMaxBits + 1] = {};
};

void Stored(Bits* bits, size_t max_bytes, Input* to) {
  bits->ToByte();
  const unsigned count = bits->Take(16);
  if ((bits->Take(16) ^ count) != 0xffff) throw Unsound();
  for (unsigned i = 0; i < count; i++) to->push_back(static_cast<uint8_t>(bits->Take(8)));
  if (to->size() > max_bytes) throw Unsound();
}

void Compressed(const Code& literals, const Code& distances, Bits* bits, size_t max_bytes, Input* to) {
  for (;;) {
    const size_t symbol = literals.Decode(bits);
    if (symbol == 256) return;
    if (symbol < 256) {
      to->push_back(static_cast<uint8_t>(symbol));
    } else {
      // RFC 1951, 3.2.5, as the formula behind its tables.
      const size_t code = symbol - 257;
      if (code > 28) throw Unsound();
      const int length_bits = code < 8 || code == 28 ? 0 : static_cast<int>(code / 4) - 1;
      const size_t base = code < 8 ? code + 3 : code == 28 ? 258 : ((4 + code % 4) << length_bits) + 3;
      const size_t length = base + bits->Take(length_bits);
      const size_t distance_code = distances.Decode(bits);
      if (distance_code > 29) throw Unsound();
      const int distance_bits = distance_code < 4 ? 0 : static_cast<int>(distance_code / 2) - 1;
      const size_t distance_base = distance_code < 4 ? distance_code + 1 : ((2 + distance_code % 2) << distance_bits) + 1;
      const size_t distance = distance_base + bits->Take(distance_bits);
      if (distance > to->size()) throw Unsound();
      for (size_t i = 0; i < length; i++) to->push_back((*to)[to->size() - distance]);
    }
    if (to->size() > max_bytes) throw Unsound();
  }
}

void Fixed(Bits* bits, size_t max_bytes, Input* to) {
  std::vector<int> lengths(288, 8);
  for (size_t symbol = 144; symbol < 280; symbol++) lengths[symbol] = symbol < 256 ? 9 : 7;
  Compressed(Code(lengths, false), Code(std::vector<int>(32, 5), false), bits, max_bytes, to);
}

void Dynamic(Bits* bits, size_t max_bytes, Input* to) {
  static constexpr size_t kOrder[] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
  const size_t literals = bits->Take(5) + 257;
  const size_t distances = bits->Take(5) + 1;
  const size_t given = bits->Take(4) + 4;
  if (literals > 286 || distances > 30) throw Unsound();
  std::vector<int> of_lengths(19, 0);
  for (size_t i = 0; i < given; i++) of_lengths[kOrder[i]] = static_cast<int>(bits->Take(3));
  const Code lengths_code(of_lengths, false);
  std::vector<int> lengths;
  while (lengths.size() < literals + distances) {
    const size_t symbol = lengths_code.Decode(bits);
    if (symbol < 16) {
      lengths.push_back(static_cast<int>(symbol));
      continue;
    }
    if (symbol == 16 && lengths.empty()) throw Unsound();
    const int repeated = symbol == 16 ? lengths.back() : 0;
    const size_t times = symbol == 16 ? 3 + bits->Take(2) : symbol == 17 ? 3 + bits->Take(3) : 11 + bits->Take(7);
    lengths.insert(lengths.end(), times, repeated);
  }
  if (lengths.size() > literals + distances || lengths[256] == 0) throw Unsound();
  const auto middle = lengths.begin() + static_cast<std::ptrdiff_t>(literals);
  Compressed(Code({lengths.begin(), middle}, false), Code({middle, lengths.end()}, false), bits, max_bytes, to);
}

// Codes go out with their highest bit first.
void PutCode(unsigned code, int bits, size_t* at, Input* to) {
  for (int bit = bits - 1; bit >= 0; bit--, ++*at) {
    if (*at % 8 == 0) to->push_back(0);
    to->back() = static_cast<uint8_t>(to->back() | (code >> bit & 1u) << (*at % 8));
  }
}

}  // namespace

Inflated PlainInflate(Bytes from, size_t max_bytes) {
  Inflated inflated;
  Bits bits(from);
  try {
    for (bool last = false; !last;) {
      last = bits.One() != 0;
      const unsigned kind = bits.Take(2);
      if (kind == 3) throw Unsound();
      if (kind == 0) Stored(&bits, max_bytes, &inflated.bytes);
      if (kind == 1) Fixed(&bits, max_bytes, &inflated.bytes);
      if (kind == 2) Dynamic(&bits, max_bytes, &inflated.bytes);
    }
  } catch (const Unsound&) {
    return inflated;
  }
  inflated.sound = true;
  inflated.consumed = bits.bytes();
  return inflated;
}

Input DeflateRuns(Bytes content) {
  constexpr size_t kLongest = 258;
  Input to;
  size_t at = 0;
  PutCode(1, 1, &at, &to);  // the last block
  PutCode(2, 2, &at, &to);  // fixed codes, of which 01 goes out with its lowest bit first
  for (size_t i = 0; i < content.size;) {
    size_t run = 0;
    while (i > 0 && run < kLongest && i + run < content.size && content.data[i + run] == content.data[i - 1]) run++;
    if (run == kLongest) {
      PutCode(0xc5, 8, &at, &to);
      PutCode(0, 5, &at, &to);
      i += run;
      continue;
    }
    const unsigned byte = content.data[i++];
    PutCode(byte < 144 ? 0x30 + byte : 0x190 + byte - 144, byte < 144 ? 8 : 9, &at, &to);
  }
  PutCode(0, 7, &at, &to);
  return to;
}

}  // namespace fuzz
}  // namespace ingest_wal
