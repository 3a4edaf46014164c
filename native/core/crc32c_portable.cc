// Table-driven, eight bytes a step ("slicing by 8", Kounavis and Berry 2005). Tables are made at compile time.
#include <array>
#include <cstring>

#include "crc32c_internal.h"

namespace ingest_wal {
namespace {

constexpr uint32_t kReflectedPolynomial = 0x82f63b78;

using Table = std::array<std::array<uint32_t, 256>, 8>;

constexpr Table MakeTable() {
  Table table{};
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kReflectedPolynomial : 0);
    table[0][byte] = crc;
  }
  for (size_t slice = 1; slice < 8; slice++) {
    for (size_t byte = 0; byte < 256; byte++) {
      const uint32_t before = table[slice - 1][byte];
      table[slice][byte] = (before >> 8) ^ table[0][before & 0xff];
    }
  }
  return table;
}

constexpr Table kTable = MakeTable();

// The product of two polynomials over GF(2), reflected, modulo the CRC's polynomial.
uint32_t Multiply(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (uint32_t bit = uint32_t{1} << 31; bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = (b >> 1) ^ ((b & 1) != 0 ? kReflectedPolynomial : 0);
  }
  return product;
}

}  // namespace

uint32_t Crc32cPortable(uint32_t seed, const uint8_t* data, size_t count) {
  uint32_t state = ~seed;
  while (count >= 8) {
    uint64_t word;
    std::memcpy(&word, data, sizeof(word));
    word ^= state;
    state = kTable[7][word & 0xff] ^ kTable[6][(word >> 8) & 0xff] ^ kTable[5][(word >> 16) & 0xff] ^
            kTable[4][(word >> 24) & 0xff] ^ kTable[3][(word >> 32) & 0xff] ^ kTable[2][(word >> 40) & 0xff] ^
            kTable[1][(word >> 48) & 0xff] ^ kTable[0][word >> 56];
    data += 8;
    count -= 8;
  }
  while (count-- > 0) state = (state >> 8) ^ kTable[0][(state ^ *data++) & 0xff];
  return ~state;
}

Crc32cPair Crc32cTwoPortable(const Crc32cFramed& first, const uint8_t* second, size_t second_bytes) {
  uint8_t before[sizeof(first.before)];
  uint8_t behind[sizeof(first.behind)];
  std::memcpy(before, &first.before, sizeof(before));
  std::memcpy(behind, &first.behind, sizeof(behind));
  uint32_t sum = Crc32cPortable(first.seed, before, sizeof(before));
  sum = Crc32cPortable(sum, first.data, 8 * first.words);
  sum = Crc32cPortable(sum, behind, sizeof(behind));
  return {sum, Crc32cPortable(0, second, second_bytes)};
}

uint32_t Crc32cShift(uint32_t state, size_t zeros) {
  // x^(8 * zeros) by squaring.
  uint32_t power = uint32_t{1} << 23;     // x^8, reflected
  uint32_t product = uint32_t{1} << 31;   // 1, reflected
  for (size_t left = zeros; left != 0; left >>= 1) {
    if ((left & 1) != 0) product = Multiply(product, power);
    power = Multiply(power, power);
  }
  return Multiply(product, state);
}

}  // namespace ingest_wal
