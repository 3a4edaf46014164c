#include "crash_oracle.h"

#include <array>
#include <cstring>
#include <memory>

#include "dice.h"
#include "segment_name.h"
#include "test_log.h"

namespace ingest_wal {
namespace testing {
namespace {

// Payloads are stretches of this: made once, because a check regenerates every entry.
const std::vector<uint8_t>& Noise() {
  static const std::vector<uint8_t> noise = [] {
    std::vector<uint8_t> bytes(size_t{1} << 16);
    for (size_t i = 0; i < bytes.size(); i++) bytes[i] = static_cast<uint8_t>(Mix(i));
    return bytes;
  }();
  return noise;
}

// The entry that must come next behind `lsn`, at the latest.
uint64_t NextNeeded(uint64_t lsn, const Oracle& oracle) {
  uint64_t next = lsn + 1;
  while (next <= oracle.compacted && !IsKept(next)) next++;
  return next;
}

bool Same(Bytes left, Bytes right) {
  return left.size == right.size && (left.size == 0 || std::memcmp(left.data, right.data, left.size) == 0);
}

std::string DescribeDamage(const Damage& damage) {
  return damage.kind + " in " + damage.file + " at " + std::to_string(damage.offset) + " lsn " +
         std::to_string(damage.first_lsn) + "-" + std::to_string(damage.last_lsn) + " " + damage.detail;
}

// Retired segments are gone from the beginning on, and nothing else is.
bool IsOfRetired(const Damage& damage, const Oracle& oracle) {
  return damage.kind == damage_kind::kMissingSegment && damage.first_lsn == 1 && damage.last_lsn <= oracle.retired;
}

// Reads everything, or what is live, and holds it against the oracle. Empty: all is well.
std::string CheckEntries(Log* log, const ReadOptions& options, const Oracle& oracle, uint64_t* checked) {
  std::unique_ptr<Reader> reader;
  const Status opened = log->Read(options, &reader);
  if (!opened.ok()) return "read: " + opened.message();
  uint64_t next = 1;
  for (Chunk chunk;;) {
    const Status status = reader->Next(&chunk);
    if (!status.ok()) return "next: " + status.message();
    if (chunk.entries.empty() && chunk.damage.empty()) break;
    for (const Damage& damage : chunk.damage) {
      if (next != 1 || !IsOfRetired(damage, oracle)) return "the reader met damage: " + DescribeDamage(damage);
      next = damage.last_lsn + 1;
    }
    for (size_t i = 0; i < chunk.entries.size(); i++) {
      const Entry entry = reader->EntryOf(chunk, i);
      if (entry.lsn < next || entry.lsn > NextNeeded(next - 1, oracle)) {
        return "expected LSN " + std::to_string(next) + ", got " + std::to_string(entry.lsn);
      }
      next = entry.lsn;
      if (next > oracle.generation_of.size()) return "LSN " + std::to_string(next) + " was never appended";
      const Expected expected = ExpectedEntry(next, oracle.generation_of[static_cast<size_t>(next - 1)]);
      if (!Same(entry.user_id, expected.user_id) ||
          !Same(entry.payload, expected.payload)) {
        return "LSN " + std::to_string(next) + " came back with other content";
      }
      next++;
      (*checked)++;
    }
  }
  const uint64_t last = log->last_lsn();
  return NextNeeded(next - 1, oracle) > last ? "" : "read up to " + std::to_string(next - 1) + " of " + std::to_string(last);
}

// One rest of a former segment in 65,536 begins with the two bytes that a short entry begins with. As nobody can tell then
// whose it is, it is taken for torn.
bool BeginsLikeAShortEntry(const MemoryWorld& world, const TornTail& tail) {
  const std::string copy =
      std::string(kQuarantineName) + "/" + QuarantinedName(tail.file, tail.offset, tail.offset + tail.bytes);
  return world.Exists(copy) && Load<uint16_t>(world.Contents(copy).data()) == short_entry::kMagic;
}

}  // namespace

const std::string& UserOf(uint64_t user) {
  static const std::array<std::string, kUsers> names = [] {
    std::array<std::string, kUsers> made;
    for (uint64_t i = 0; i < kUsers; i++) made[i] = "user-" + std::to_string(i);
    return made;
  }();
  return names[static_cast<size_t>(user)];
}

Expected ExpectedEntry(uint64_t lsn, uint64_t generation) {
  const uint64_t mixed = Mix(lsn * 0x9e3779b97f4a7c15 ^ generation * 0xbf58476d1ce4e5b9);
  // Sizes from nothing to several sectors; now and then a large one, so that segments fill.
  size_t bytes = static_cast<size_t>((mixed >> 8) % 180);
  if ((mixed >> 20) % 6 == 0) bytes *= 30;
  const std::vector<uint8_t>& noise = Noise();
  Expected entry;
  const std::string& user_id = UserOf(mixed % kUsers);
  entry.user_id = Bytes(user_id.data(), user_id.size());
  entry.payload = Bytes(noise.data() + (mixed >> 32) % (noise.size() - bytes), bytes);
  return entry;
}

std::string Check(Log* log, const MemoryWorld& world, const Oracle& oracle, const Circumstances& circumstances,
                  uint64_t* checked) {
  const RecoveryReport& recovery = log->recovery();
  for (const Damage& damage : recovery.found.damage) {
    if (!IsOfRetired(damage, oracle)) return "a crash was taken for damage: " + DescribeDamage(damage);
  }
  if (oracle.checkpoint != 0 && !world.Exists(CheckpointName(oracle.checkpoint))) {
    return "checkpoint " + std::to_string(oracle.checkpoint) + " was said to be written, and is not there";
  }
  const uint64_t last = log->last_lsn();
  if (last < oracle.acknowledged) {
    return "acknowledged up to " + std::to_string(oracle.acknowledged) + ", recovered up to " + std::to_string(last);
  }
  if (last > oracle.generation_of.size()) return "more came back than was appended";
  if (circumstances.process_death && last != oracle.generation_of.size()) {
    return "appended " + std::to_string(oracle.generation_of.size()) + ", recovered " + std::to_string(last);
  }
  // No write is torn by a process that dies; what a former segment left of its last mark is the most that looks like it.
  const TornTail& torn = recovery.found.torn_tail;
  if (circumstances.process_death && !circumstances.faults && torn.bytes >= mark::kBytes &&
      !BeginsLikeAShortEntry(world, torn)) {
    return std::to_string(torn.bytes) + " bytes that nobody wrote were taken for a torn tail";
  }
  const std::string wrong = CheckEntries(log, ReadOptions(), oracle, checked);
  return wrong.empty() && circumstances.checkpoints ? CheckEntries(log, Live(), oracle, checked) : wrong;
}

}  // namespace testing
}  // namespace ingest_wal
