#include "fuzz_target.h"

#include <algorithm>

namespace ingest_wal {
namespace fuzz {
namespace {

constexpr size_t kWord = 8;

// Numbers at which lengths and counts turn.
constexpr uint64_t kTurningPoints[] = {
    0,      1,      2,      3,      7,          8,          15,         16,         27,         28,        255,
    256,    257,    4095,   4096,   8192,       32767,      32768,      59999,      60000,      60001,     65534,
    65535,  65536,  1u << 20, (1u << 20) + 1, 64u << 20, (64u << 20) + 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
    uint64_t{1} << 32, (uint64_t{1} << 44) - 1, (uint64_t{1} << 53) - 2, (uint64_t{1} << 53) - 1, uint64_t{1} << 53,
    UINT64_MAX / 2, UINT64_MAX - 1, UINT64_MAX,
};

// A place in the input, mostly one where a word begins.
size_t PlaceIn(Dice* dice, size_t size) {
  const size_t at = dice->Below(size);
  return dice->Once(4) ? at : at / kWord * kWord;
}

size_t LengthAt(Dice* dice, size_t at, size_t size) {
  const size_t most = std::min<size_t>(size - at, dice->Once(4) ? size : 96);
  const size_t length = 1 + dice->Below(most);
  return dice->Once(4) ? length : std::min(size - at, (length + kWord - 1) / kWord * kWord);
}

void StoreNumber(Dice* dice, size_t at, uint64_t number, Input* input) {
  const size_t width = std::min<size_t>(size_t{1} << dice->Below(4), input->size() - at);
  for (size_t i = 0; i < width; i++) (*input)[at + i] = static_cast<uint8_t>(number >> (8 * i));
}

void ChangeNumber(Dice* dice, Input* input) {
  const size_t at = dice->Below(input->size());
  uint64_t number = 0;
  for (size_t i = 0; i < kWord && at + i < input->size(); i++) number |= uint64_t{(*input)[at + i]} << (8 * i);
  switch (dice->Below(3)) {
    case 0:
      number = kTurningPoints[dice->Below(sizeof(kTurningPoints) / sizeof(kTurningPoints[0]))];
      break;
    case 1:
      number += dice->Below(33) - 16;
      break;
    default:
      number = dice->Next() >> dice->Below(64);
  }
  StoreNumber(dice, at, number, input);
}

// A copy of one stretch, put before or over what stands elsewhere.
void CopyStretch(Dice* dice, size_t max_bytes, Input* input) {
  const size_t from = PlaceIn(dice, input->size());
  const size_t length = LengthAt(dice, from, input->size());
  const Input copy(input->begin() + static_cast<std::ptrdiff_t>(from),
                   input->begin() + static_cast<std::ptrdiff_t>(from + length));
  const size_t to = PlaceIn(dice, input->size());
  if (dice->Once(2) && input->size() + length <= max_bytes) {
    input->insert(input->begin() + static_cast<std::ptrdiff_t>(to), copy.begin(), copy.end());
    return;
  }
  std::copy_n(copy.begin(), std::min(length, input->size() - to), input->begin() + static_cast<std::ptrdiff_t>(to));
}

void DropStretch(Dice* dice, Input* input) {
  const size_t at = PlaceIn(dice, input->size());
  const size_t length = LengthAt(dice, at, input->size());
  input->erase(input->begin() + static_cast<std::ptrdiff_t>(at),
               input->begin() + static_cast<std::ptrdiff_t>(at + length));
}

void FillStretch(Dice* dice, Input* input) {
  const size_t at = PlaceIn(dice, input->size());
  const size_t length = LengthAt(dice, at, input->size());
  const bool zeros = dice->Once(2);
  for (size_t i = 0; i < length; i++) (*input)[at + i] = zeros ? uint8_t{0} : static_cast<uint8_t>(dice->Next() >> 24);
}

}  // namespace

void Mutate(Dice* dice, size_t max_bytes, Input* input) {
  if (input->empty()) input->resize(1 + dice->Below(std::min<size_t>(max_bytes, 64)));
  switch (dice->Below(8)) {
    case 0:
    case 1: {
      const size_t bit = dice->Below(input->size() * 8);
      (*input)[bit / 8] = static_cast<uint8_t>((*input)[bit / 8] ^ (1u << (bit % 8)));
      break;
    }
    case 2:
    case 3:
      ChangeNumber(dice, input);
      break;
    case 4:
    case 5:
      CopyStretch(dice, max_bytes, input);
      break;
    case 6:
      DropStretch(dice, input);
      break;
    default:
      if (dice->Once(3)) {
        input->resize(dice->Below(input->size() + 1));
      } else {
        FillStretch(dice, input);
      }
  }
}

void MutateAndMend(const FuzzTarget& target, Dice* dice, Input* input) {
  for (size_t times = 1 + dice->Below(4); times > 0; times--) Mutate(dice, target.max_bytes, input);
  if (!dice->Once(8)) target.mend(dice, input);
}

const std::vector<FuzzTarget>& FuzzTargets() {
  static const std::vector<FuzzTarget> targets = {kScanTarget,       kRecordTarget,  kHeaderTarget,    kRingTarget,
                                                  kCompressedTarget, kInflateTarget, kCheckpointTarget};
  return targets;
}

const FuzzTarget* FindFuzzTarget(const std::string& name) {
  const auto& targets = FuzzTargets();
  const auto found = std::find_if(targets.begin(), targets.end(), [&](const FuzzTarget& target) { return name == target.name; });
  return found == targets.end() ? nullptr : &*found;
}

void Append(Bytes bytes, Input* to) {
  const size_t at = to->size();
  to->resize(at + bytes.size);
  if (bytes.size != 0) std::memcpy(to->data() + at, bytes.data, bytes.size);
}

Dials DialsOf(Bytes input) {
  uint8_t numbers[Dials::kBytes] = {};
  const size_t count = std::min(input.size, Dials::kBytes);
  if (count != 0) std::memcpy(numbers, input.data, count);
  Dials dials;
  dials.first = Load<uint32_t>(numbers);
  dials.second = Load<uint32_t>(numbers + 4);
  dials.rest = input.From(count);
  return dials;
}

Input WithDials(uint32_t first, uint32_t second, const Input& rest) {
  Input input(Dials::kBytes);
  Store(input.data(), first);
  Store(input.data() + 4, second);
  Append(rest, &input);
  return input;
}

}  // namespace fuzz
}  // namespace ingest_wal
