// Three streams at once hide the latency of the CRC instruction (3 cycles, one can start each cycle). Shared by the
// hardware implementations, which supply the step over one word. Included by exactly those files.
#pragma once

#include <array>
#include <cstring>

#include "crc32c_internal.h"

namespace ingest_wal {
namespace crc32c_streams {

// Lengths of a stream: where even the shorter ones do not fit, joining them costs more than it saves.
constexpr size_t kLongStreamBytes = 1024;
constexpr size_t kShortStreamBytes = 128;

// Moves a state over the zero bytes of a stream, a byte of the state at a time.
using ShiftTable = std::array<std::array<uint32_t, 256>, 4>;

inline ShiftTable MakeShiftTable(size_t stream_bytes) {
  ShiftTable table{};
  for (uint32_t byte = 0; byte < 256; byte++) {
    for (uint32_t at = 0; at < 4; at++) table[at][byte] = Crc32cShift(byte << (8 * at), stream_bytes);
  }
  return table;
}

inline uint64_t Shift(const ShiftTable& table, uint64_t state) {
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

// States are held in 64 bits, of which the upper half is zero: that is what the instruction takes and gives, and no step
// between two of it makes the chain longer. `step(state, bytes)` advances a state by the 8, 4 or 1 bytes of an integer.

inline uint64_t Begin(uint32_t seed) { return uint32_t{~seed}; }
inline uint32_t End(uint64_t state) { return ~static_cast<uint32_t>(state); }

// The end of a run: fewer bytes than are worth three streams.
template <typename Step>
inline uint64_t RunShort(uint64_t state, const uint8_t* data, size_t count, Step step) {
  for (; count >= 32; data += 32, count -= 32) {
    state = step(step(state, Word(data)), Word(data + 8));
    state = step(step(state, Word(data + 16)), Word(data + 24));
  }
  for (; count >= 8; data += 8, count -= 8) state = step(state, Word(data));
  if (count >= 4) {
    state = step(state, HalfWord(data));
    data += 4;
    count -= 4;
  }
  for (; count > 0; data++, count--) state = step(state, *data);
  return state;
}

// As many blocks of three streams as fit.
template <size_t kStreamBytes, typename Step>
inline uint64_t RunStreams(uint64_t state, const uint8_t** data, size_t* count, Step step) {
  static const ShiftTable table = MakeShiftTable(kStreamBytes);
  for (; *count >= 3 * kStreamBytes; *data += 3 * kStreamBytes, *count -= 3 * kStreamBytes) {
    const uint8_t* const first = *data;
    uint64_t second = 0;
    uint64_t third = 0;
    for (size_t at = 0; at < kStreamBytes; at += 8) {
      state = step(state, Word(first + at));
      second = step(second, Word(first + kStreamBytes + at));
      third = step(third, Word(first + 2 * kStreamBytes + at));
    }
    state = Shift(table, state) ^ second;
    state = Shift(table, state) ^ third;
  }
  return state;
}

template <typename Step>
inline uint32_t Run(uint32_t seed, const uint8_t* data, size_t count, Step step) {
  uint64_t state = Begin(seed);
  if (count >= 3 * kLongStreamBytes) state = RunStreams<kLongStreamBytes>(state, &data, &count, step);
  if (count >= 3 * kShortStreamBytes) state = RunStreams<kShortStreamBytes>(state, &data, &count, step);
  return End(RunShort(state, data, count, step));
}

// The two do not wait for each other, so the processor overlaps them.
template <typename Step>
inline Crc32cPair RunTwo(const Crc32cFramed& first, const uint8_t* second, size_t second_bytes, Step step) {
  uint64_t state = step(Begin(first.seed), first.before);
  for (size_t word = 0; word < first.words; word++) state = step(state, Word(first.data + 8 * word));
  return {End(step(state, first.behind)), End(RunShort(Begin(0), second, second_bytes, step))};
}

}  // namespace crc32c_streams
}  // namespace ingest_wal
