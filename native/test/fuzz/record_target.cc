// One record. Whatever the bytes are: what is said of a record needs no byte beyond those that it asked for, a sound one is not
// sound at another place, with another seed, or with one bit changed, and encoding what it says makes a record that says it.
#include <algorithm>

#include "fuzz_target.h"
#include "mend_records.h"
#include "record.h"

namespace ingest_wal {
namespace fuzz {
namespace {

constexpr uint64_t kFirstLsn = 1;

bool IsSound(RecordState state) {
  return state == RecordState::kEntry || state == RecordState::kUser || state == RecordState::kMark;
}

bool SameBytes(Bytes a, Bytes b) { return a.size == b.size && (a.size == 0 || std::memcmp(a.data, b.data, a.size) == 0); }

bool SaysTheSame(const Record& a, const Record& b) {
  if (a.state != b.state) return false;
  const Entry& one = a.entry;
  const Entry& other = b.entry;
  switch (a.state) {
    case RecordState::kEntry:
      return a.is_short == b.is_short && one.lsn == other.lsn && one.timestamp_ms == other.timestamp_ms &&
             one.sequence == other.sequence && one.operation == other.operation && one.user_number == other.user_number &&
             SameBytes(one.user_id, other.user_id) && SameBytes(one.payload, other.payload);
    case RecordState::kUser:
      return one.user_number == other.user_number && SameBytes(one.user_id, other.user_id);
    case RecordState::kMark:
      return a.mark.next_lsn == b.mark.next_lsn && a.mark.durable_lsn == b.mark.durable_lsn &&
             a.mark.timestamp_ms == b.mark.timestamp_ms && a.mark.batch_entries == b.mark.batch_entries &&
             a.mark.batch_bytes == b.mark.batch_bytes && a.mark.kind == b.mark.kind;
    default:
      return a.state == RecordState::kNothing || (one.lsn == other.lsn && a.bytes == b.bytes);
  }
}

// The first `count` bytes, in memory that ends behind them; `before` is what is decided of them.
Record CheckFirst(const Bytes& bytes, size_t count, uint32_t seed, uint64_t offset, Input* memory) {
  memory->assign(bytes.data, bytes.data + count);
  Record record;
  CheckRecord(Bytes(memory->data(), memory->size()), seed, kFirstLsn, offset, &record);
  return record;
}

// Gives the check no more than it asks for, and one byte less than that.
std::string CheckPrefixes(Bytes bytes, uint32_t seed, uint64_t offset, const Record& whole) {
  Input memory;
  size_t count = 0;
  for (int asked = 0; asked < 8; asked++) {
    const Record record = CheckFirst(bytes, count, seed, offset, &memory);
    if (record.state != RecordState::kNeedMore) {
      if (!SaysTheSame(record, whole)) return "says something else when nothing lies behind it";
      const bool exact = !IsSound(record.state) || record.bytes == count;
      return exact ? "" : "has other bytes than it asked for";
    }
    if (record.bytes <= count) return "asks for bytes that it has";
    if (record.bytes > bytes.size) return whole.state == RecordState::kNeedMore ? "" : "is decided with fewer bytes than it asks for";
    if (record.bytes - 1 > count) {
      Input fewer;
      const Record early = CheckFirst(bytes, record.bytes - 1, seed, offset, &fewer);
      if (early.state != RecordState::kNeedMore) return "is decided without its last byte";
    }
    count = record.bytes;
  }
  return "asks again and again";
}

std::string CheckBinding(Bytes bytes, uint32_t seed, uint64_t offset, uint32_t bit, const Record& whole) {
  Record elsewhere;
  CheckRecord(bytes, seed, kFirstLsn, offset + kRecordAlignment, &elsewhere);
  if (IsSound(elsewhere.state) || elsewhere.state == RecordState::kDamagedEntry) return "is sound 8 bytes further on";
  CheckRecord(bytes, seed ^ 1, kFirstLsn, offset, &elsewhere);
  if (IsSound(elsewhere.state) || elsewhere.state == RecordState::kDamagedEntry) return "is sound in another segment";
  Input damaged(bytes.data, bytes.data + whole.bytes);
  bit = bit % static_cast<uint32_t>(damaged.size() * 8);
  damaged[bit / 8] = static_cast<uint8_t>(damaged[bit / 8] ^ (1u << (bit % 8)));
  Record changed;
  CheckRecord(Bytes(damaged.data(), damaged.size()), seed, kFirstLsn, offset, &changed);
  if (IsSound(changed.state)) return "is sound with bit " + std::to_string(bit) + " changed";
  return "";
}

std::string CheckEncoding(uint32_t seed, uint64_t offset, const Record& whole) {
  Input encoded(whole.bytes);
  const Entry& entry = whole.entry;
  switch (whole.state) {
    case RecordState::kMark:
      EncodeMark(whole.mark, seed, offset, encoded.data());
      break;
    case RecordState::kUser:
      EncodeUserRecord(entry.user_number, entry.user_id, seed, offset, encoded.data());
      break;
    default:
      if (whole.is_short) {
        EncodeShortEntry(entry, kFirstLsn, whole.user_check, seed, offset, encoded.data());
      } else {
        EncodeEntry(entry, encoded.data());
        PlaceEntry(encoded.data(), seed, offset);
      }
  }
  Record again;
  CheckRecord(Bytes(encoded.data(), encoded.size()), seed, kFirstLsn, offset, &again);
  return SaysTheSame(again, whole) ? "" : "says something else when it is encoded again";
}

// Offsets at multiples of 8, also beyond what 32 bits hold.
uint64_t OffsetOf(const Dials& dials) { return kSegmentDataAt + uint64_t{dials.first % (1u << 30)} * kRecordAlignment; }

Verdict Check(Bytes input) {
  Verdict verdict;
  const Dials dials = DialsOf(input);
  const SegmentHeader header = PlainHeader();
  const uint32_t seed = SegmentSeed(header.salt, header.number);
  const uint64_t offset = OffsetOf(dials);
  Record whole;
  CheckRecord(dials.rest, seed, kFirstLsn, offset, &whole);
  verdict.deep = IsSound(whole.state) || whole.state == RecordState::kDamagedEntry;
  if (whole.state == RecordState::kNeedMore) {
    if (whole.bytes <= dials.rest.size) verdict.wrong = "asks for bytes that it has";
    return verdict;
  }
  verdict.wrong = CheckPrefixes(dials.rest, seed, offset, whole);
  if (!verdict.wrong.empty() || !IsSound(whole.state)) return verdict;
  verdict.wrong = CheckBinding(dials.rest, seed, offset, dials.second, whole);
  if (verdict.wrong.empty()) verdict.wrong = CheckEncoding(seed, offset, whole);
  return verdict;
}

void Mend(Dice* dice, Input* input) {
  if (input->size() <= Dials::kBytes) return;
  MendRecords(PlainHeader(), OffsetOf(DialsOf(Bytes(input->data(), input->size()))), dice, input->data() + Dials::kBytes,
              input->size() - Dials::kBytes);
}

std::vector<Input> Seeds() {
  // Each record of a batch, on its own, where it lies.
  const SegmentHeader header = PlainHeader();
  const Input batch = BatchOf(header, kSegmentDataAt, 1, 5);
  std::vector<Input> seeds;
  for (size_t at = 0; at < batch.size();) {
    Record record;
    CheckRecord(Bytes(batch.data() + at, batch.size() - at), SegmentSeed(header.salt, header.number), kFirstLsn,
                kSegmentDataAt + at, &record);
    const Input bytes(batch.begin() + static_cast<std::ptrdiff_t>(at),
                      batch.begin() + static_cast<std::ptrdiff_t>(at + record.bytes));
    seeds.push_back(WithDials(static_cast<uint32_t>(at / kRecordAlignment), 77, bytes));
    at += record.bytes;
  }
  return seeds;
}

}  // namespace

const FuzzTarget kRecordTarget = {"record", 1024, Check, Mend, Seeds};

}  // namespace fuzz
}  // namespace ingest_wal
