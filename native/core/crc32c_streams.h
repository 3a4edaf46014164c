// Three streams at once hide the latency of the CRC instruction (3 cycles, one can start each cycle). Shared by the
// hardware implementations, which supply the step over one word. Included by exactly those files.
#pragma once

#include <array>
#include <cstring>

#include "crc32c_internal.h"

namespace ingest_wal {
namespace crc32c_streams {

// Below this, joining the streams costs more than it saves.
constexpr size_t kStreamBytes = 1024;
constexpr size_t kBlockBytes = 3 * kStreamBytes;

// Moves a state over kStreamBytes zero bytes, a byte of the state at a time.
using ShiftTable = std::array<std::array<uint32_t, 256>, 4>;

inline ShiftTable MakeShiftTable() {
  ShiftTable table{};
  for (uint32_t byte = 0; byte < 256; byte++) {
    for (uint32_t at = 0; at < 4; at++) table[at][byte] = Crc32cShift(byte << (8 * at), kStreamBytes);
  }
  return table;
}

inline uint32_t Shift(const ShiftTable& table, uint32_t state) {
  return table[0][state & 0xff] ^ table[1][(state >> 8) & 0xff] ^ table[2][(state >> 16) & 0xff] ^ table[3][state >> 24];
}

inline uint64_t Word(const uint8_t* at) {
  uint64_t word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

inline uint32_t HalfWord(const uint8_t* at) {
  uint32_t word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

// `step8(state, word)`, `step4(state, half)` and `step1(state, byte)` advance a state by eight bytes, four or one.
template <typename Step8, typename Step4, typename Step1>
inline uint32_t Run(uint32_t seed, const uint8_t* data, size_t count, Step8 step8, Step4 step4, Step1 step1) {
  uint32_t state = ~seed;
  if (count >= kBlockBytes) {
    static const ShiftTable table = MakeShiftTable();
    while (count >= kBlockBytes) {
      uint32_t second = 0;
      uint32_t third = 0;
      for (size_t at = 0; at < kStreamBytes; at += 8) {
        state = step8(state, Word(data + at));
        second = step8(second, Word(data + kStreamBytes + at));
        third = step8(third, Word(data + 2 * kStreamBytes + at));
      }
      state = Shift(table, state) ^ second;
      state = Shift(table, state) ^ third;
      data += kBlockBytes;
      count -= kBlockBytes;
    }
  }
  for (; count >= 8; data += 8, count -= 8) state = step8(state, Word(data));
  if (count >= 4) {
    state = step4(state, HalfWord(data));
    data += 4;
    count -= 4;
  }
  for (; count > 0; data++, count--) state = step1(state, *data);
  return ~state;
}

}  // namespace crc32c_streams
}  // namespace ingest_wal
