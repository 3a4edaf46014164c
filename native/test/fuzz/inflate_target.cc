// Decompression of one block. Whatever the bytes are: it says what a decoder that follows the RFC word for word says, writes
// nothing behind what it was given, and needs no byte behind the end of the stream.
#include <algorithm>

#include "fuzz_target.h"
#include "inflate.h"
#include "plain_inflate.h"

namespace ingest_wal {
namespace fuzz {
namespace {

constexpr size_t kMaxBytes = 65536;

std::string CheckAgainst(const Inflated& plain, Bytes from, size_t to_bytes) {
  // Memory of its own on both sides, so that a byte too many is seen; another filling each time, so that one too few is.
  const Input stream(from.data, from.data + from.size);
  const bool fits = plain.sound && plain.bytes.size() == to_bytes;
  for (const uint8_t filling : {uint8_t{0}, uint8_t{0xa5}}) {
    Input to(to_bytes, filling);
    size_t consumed = 0;
    bool is_exact = false;
    const bool sound = Inflate(Bytes(stream.data(), stream.size()), to.data(), to_bytes, &consumed, &is_exact);
    if (sound != fits) return sound ? "takes what is no stream of this size" : "refuses a sound stream";
    if (!sound) continue;
    if (to != plain.bytes) return "makes other bytes of it";
    if (consumed != plain.consumed) return "consumes " + std::to_string(consumed) + " bytes of " + std::to_string(plain.consumed);
  }
  return "";
}

Verdict Check(Bytes input) {
  Verdict verdict;
  const Dials dials = DialsOf(input);
  const Inflated plain = PlainInflate(dials.rest, kMaxBytes);
  verdict.deep = plain.sound;
  const size_t told = dials.first % (kMaxBytes + 1);
  verdict.wrong = CheckAgainst(plain, dials.rest, plain.sound ? plain.bytes.size() : told);
  if (verdict.wrong.empty()) verdict.wrong = CheckAgainst(plain, dials.rest, told);
  if (!verdict.wrong.empty() || !plain.sound) return verdict;
  // Cut behind the stream it is the same; cut within it, none.
  verdict.wrong = CheckAgainst(plain, dials.rest.Subspan(0, plain.consumed), plain.bytes.size());
  if (!verdict.wrong.empty()) return verdict;
  Input to(plain.bytes.size());
  const Input cut(dials.rest.data, dials.rest.data + plain.consumed - 1);
  size_t consumed = 0;
  bool is_exact = false;
  if (Inflate(Bytes(cut.data(), cut.size()), to.data(), to.size(), &consumed, &is_exact)) verdict.wrong = "takes a stream without its end";
  return verdict;
}

// The lengths of stored blocks; the rest of a stream has no checksum.
void Mend(Dice* dice, Input* input) {
  if (input->size() < Dials::kBytes + 5) return;
  uint8_t* const stream = input->data() + Dials::kBytes;
  if ((stream[0] & 6) == 0) {
    const size_t room = input->size() - Dials::kBytes - 5;
    const size_t count = dice->Once(2) ? room : Load<uint16_t>(stream + 1) % (room + 1);
    Store(stream + 1, static_cast<uint16_t>(count));
    Store(stream + 3, static_cast<uint16_t>(~count));
  }
}

std::vector<Input> Seeds() {
  std::vector<Input> seeds;
  Input content(700, 7);
  for (size_t i = 0; i < 200; i++) content[i] = static_cast<uint8_t>(i);
  seeds.push_back(WithDials(700, 0, DeflateRuns(Bytes(content.data(), content.size()))));
  seeds.push_back(WithDials(0, 0, {0x03, 0x00}));
  seeds.push_back(WithDials(3, 0, {0x01, 0x03, 0x00, 0xfc, 0xff, 'a', 'b', 'c'}));
  return seeds;
}

}  // namespace

const FuzzTarget kInflateTarget = {"inflate", 2048, Check, Mend, Seeds};

}  // namespace fuzz
}  // namespace ingest_wal
