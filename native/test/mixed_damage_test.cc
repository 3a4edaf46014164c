// Proves the promise about damage on a log of every kind of file, against a list of what stands at each byte: each bit,
// lost, swapped and misdirected sectors, unreadable pages, lost blocks of a compressed segment. Nothing false is delivered;
// what does not come back was touched, and is told: file, range of bytes, LSNs, the one before them, users.
#include <algorithm>
#include <iterator>

#include "compressed_bytes.h"
#include "known_log.h"
#include "known_users.h"
#include "segment_name.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

using Ranges = std::vector<std::pair<uint64_t, uint64_t>>;

constexpr uint64_t kSectorBytes = 512;
constexpr uint64_t kPageBytes = 4096;

std::string FileOf(uint64_t segment) {
  return segment == KnownLog::kCompressed ? CompressedSegmentName(segment) : SegmentName(segment);
}

// Puts the bytes of a file, and what they were when it is gone.
class Altered {
 public:
  Altered(KnownLog* log, const std::string& file) : log_(log), file_(file), sound_(log->world()->Contents(file)) {}
  ~Altered() { log_->world()->Put(file_, sound_); }
  const std::vector<uint8_t>& sound() const { return sound_; }
  void Put(const std::vector<uint8_t>& bytes) { log_->world()->Put(file_, bytes); }

 private:
  KnownLog* const log_;
  const std::string file_;
  const std::vector<uint8_t> sound_;
};

// Where two contents differ.
Ranges Differences(const std::vector<uint8_t>& one, const std::vector<uint8_t>& other) {
  Ranges ranges;
  for (size_t at = 0; at < one.size(); at++) {
    if (one[at] == other[at]) continue;
    if (!ranges.empty() && ranges.back().second == at) {
      ranges.back().second++;
    } else {
      ranges.emplace_back(at, at + 1);
    }
  }
  return ranges;
}

// Of what is tried every so many-th is, under sanitizers.
uint64_t Every() {
  static const uint64_t every = std::max<uint64_t>(1, CountFromEnvironment("INGEST_WAL_DAMAGE_EVERY", 1));
  return every;
}

bool IsItsTurn() {
  static uint64_t asked = 0;
  return asked++ % Every() == 0;
}

// Which bits of a byte are tried: all where a field of a record may be, one in what only a checksum looks at as a whole.
bool IsTried(uint64_t segment, const Part& part, uint64_t offset, int bit) {
  static const bool all = CountFromEnvironment("INGEST_WAL_ALL_BITS", 0) != 0;
  if (all) return true;
  if (part.kind == Part::Kind::kHeaderCopy) {
    return offset % header::kCopyBytes < header::kUsedBytes || (offset % 61 == 0 && bit == 0);
  }
  // Covered, it is read by the same code as the others.
  if (segment == KnownLog::kCovered) return static_cast<uint64_t>(bit) == offset % 8;
  const bool inside = offset > part.begin + 400 && offset + 16 < part.end;
  return !inside || static_cast<uint64_t>(bit) == offset % 8;
}

// Whom a damage names: exactly those of whom what is left says that they have lost an entry with it.
size_t ExpectItsUsers(const KnownLog& log, uint64_t segment, const Ranges& changed, const Damage& damage) {
  const KnownUsers known = UsersOfLoss(log, segment, changed, damage.first_lsn, damage.last_lsn);
  const std::set<std::string> named(damage.users.begin(), damage.users.end());
  EXPECT_EQ(named.size(), damage.users.size());
  EXPECT_EQ(Show(Without(named, known.losers)), std::string());
  EXPECT_EQ(Show(named), Show(known.readable));
  return named.size();
}

void ExpectTold(const KnownLog& log, const Part& part, uint64_t segment, uint64_t offset, const Damage& damage) {
  EXPECT_EQ(damage.segment, segment);
  EXPECT_EQ(damage.file, FileOf(segment));
  EXPECT_TRUE(damage.offset <= offset && offset < damage.end_offset);
  const bool is_entry = part.kind == Part::Kind::kEntry;
  if (is_entry) {
    EXPECT_TRUE(damage.kind == damage_kind::kEntry || damage.kind == damage_kind::kBytes);
    EXPECT_EQ(damage.previous_lsn, part.lsn - 1);
  } else if (part.kind == Part::Kind::kHeaderCopy) {
    EXPECT_EQ(damage.kind, std::string(damage_kind::kHeaderCopy));
  }
  ExpectItsUsers(log, segment, {{offset, offset + 1}}, damage);
  EXPECT_EQ(damage.first_lsn, is_entry ? part.lsn : 0);
  EXPECT_EQ(damage.last_lsn, is_entry ? part.lsn : 0);
  if (part.kind == Part::Kind::kHeaderCopy || part.kind == Part::Kind::kSeal) return;
  EXPECT_EQ(damage.offset, part.begin);
  EXPECT_EQ(damage.end_offset, part.end);
}

void CheckBit(KnownLog* log, uint64_t segment, const Part& part, uint64_t offset) {
  const Answer answer = Ask(log);
  const std::set<uint64_t> lost = part.kind == Part::Kind::kEntry ? std::set<uint64_t>{part.lsn} : std::set<uint64_t>();
  const bool in_base = segment == KnownLog::kCovered && !lost.empty() && log->InBase(part.lsn);
  EXPECT_EQ(answer.wrong, std::string());
  EXPECT_EQ(Show(Without(log->held(), answer.delivered)), Show(in_base ? std::set<uint64_t>() : lost));
  EXPECT_EQ(Show(answer.reported), Show(lost));
  // The last mark of a writer that died may never have been whole.
  const bool is_last = segment == KnownLog::kLast && &part == &log->parts(segment).back();
  if (is_last && answer.report.torn_tail.found && answer.report.damage.empty()) return;
  EXPECT_EQ(answer.report.damage.size(), 1u);
  if (answer.report.damage.size() == 1) ExpectTold(*log, part, segment, offset, answer.report.damage[0]);
}

TEST(MixedDamage, EachBitOfEachRecordCostsAtMostTheEntryThatHoldsItAndIsToldFieldByField) {
  KnownLog log;
  EXPECT_EQ(Show(Ask(&log).delivered), Show(log.held()));
  uint64_t tried = 0;
  for (const uint64_t segment : {KnownLog::kCovered, KnownLog::kSealed, KnownLog::kLast}) {
    Altered file(&log, SegmentName(segment));
    std::vector<uint8_t> bytes = file.sound();
    for (const Part& part : log.parts(segment)) {
      for (uint64_t offset = part.begin; offset < part.end; offset++) {
        for (int bit = 0; bit < 8; bit++) {
          if (!IsTried(segment, part, offset, bit) || !IsItsTurn()) continue;
          FlipBit(&bytes, offset * 8 + static_cast<uint64_t>(bit));
          file.Put(bytes);
          CheckBit(&log, segment, part, offset);
          FlipBit(&bytes, offset * 8 + static_cast<uint64_t>(bit));
          tried++;
        }
      }
    }
  }
  EXPECT_LE(100'000u / Every(), tried);
}

// A byte of these costs nothing: the backup stands in for the base, the parities for a block, headers for log.id.
TEST(MixedDamage, ABitOfACheckpointACompressedSegmentOrTheIdentityCostsNothingAndIsTold) {
  KnownLog log;
  const std::string compressed = FileOf(KnownLog::kCompressed);
  for (const std::string& name : {CheckpointName(1), CheckpointName(2), compressed, std::string(kIdentityName)}) {
    Altered file(&log, name);
    std::vector<uint8_t> bytes = file.sound();
    for (size_t offset = 0; offset < bytes.size(); offset++) {
      // Of headers most is zeros, which are checked as a whole; a stored block is too.
      const bool sampled = name == compressed ? offset > 200 && offset + 200 < bytes.size()
                                              : offset >= header::kUsedBytes && offset < kSegmentDataAt;
      if ((name != kIdentityName && sampled && offset % 13 != 0) || !IsItsTurn()) continue;
      FlipBit(&bytes, offset * 8 + offset % 8);
      file.Put(bytes);
      const Answer answer = Ask(&log);
      FlipBit(&bytes, offset * 8 + offset % 8);
      EXPECT_EQ(answer.wrong, std::string());
      EXPECT_EQ(Show(answer.delivered), Show(log.held()));
      EXPECT_EQ(Show(answer.reported), std::string());
      ASSERT_EQ(answer.report.damage.size(), 1u);
      EXPECT_EQ(answer.report.damage[0].file, name);
      EXPECT_TRUE(answer.report.damage[0].users.empty());
    }
  }
}

bool Touches(const Ranges& changed, const Part& part) {
  return std::any_of(changed.begin(), changed.end(),
                     [&](const auto& range) { return range.first < part.end && part.begin < range.second; });
}

// How many entries the last segment held, its marks say, and nobody else; and which segment it is, its header.
bool NothingProves(const KnownLog& log, uint64_t segment, const Ranges& changed) {
  size_t headers = 0;
  size_t marks = 0;
  for (const Part& part : log.parts(segment)) {
    if (Touches(changed, part)) continue;
    headers += part.kind == Part::Kind::kHeaderCopy ? 1 : 0;
    marks += part.kind == Part::Kind::kMark ? 1 : 0;
  }
  return segment == KnownLog::kLast && (headers == 0 || marks == 0);
}

// What holds whatever is damaged in one segment. How many users were named.
size_t ExpectOnlyWhatWasTouched(KnownLog* log, uint64_t segment, const Ranges& changed) {
  const Answer answer = Ask(log);
  const std::set<uint64_t> missing = Without(log->held(), answer.delivered);
  const std::set<uint64_t> may_lose = log->MayLose(segment, changed);
  EXPECT_EQ(answer.wrong, std::string());
  EXPECT_EQ(Show(Without(missing, may_lose)), std::string());
  EXPECT_EQ(Show(Without(answer.delivered, log->held())), std::string());
  const bool is_unproven = answer.report.torn_tail.found || NothingProves(*log, segment, changed);
  if (!is_unproven) EXPECT_EQ(Show(Without(missing, answer.reported)), std::string());
  EXPECT_EQ(Show(Without(answer.reported, may_lose)), std::string());
  if (!is_unproven) EXPECT_EQ(Show(Without(missing, answer.reported_by_reader)), std::string());
  for (const Part& part : log->parts(segment)) {
    if (!Touches(changed, part)) continue;
    const bool told = std::any_of(answer.report.damage.begin(), answer.report.damage.end(), [&](const Damage& damage) {
      return damage.segment == segment && damage.offset < part.end && part.begin < damage.end_offset;
    });
    EXPECT_TRUE(told || (is_unproven && answer.report.torn_tail.offset < part.end));
  }
  size_t named = 0;
  for (const Damage& damage : answer.report.damage) named += ExpectItsUsers(*log, segment, changed, damage);
  for (const Damage& damage : answer.damage_of_reader) ExpectItsUsers(*log, segment, changed, damage);
  return named;
}

constexpr uint64_t kPlain[] = {KnownLog::kSealed, KnownLog::kLast};

uint64_t EndOf(const KnownLog& log, uint64_t segment) { return log.parts(segment).back().end; }

TEST(MixedDamage, LostSectorsCostWhatTheyTouch) {
  KnownLog log;
  size_t named = 0;
  for (const uint64_t segment : kPlain) {
    Altered file(&log, SegmentName(segment));
    const uint64_t sectors = EndOf(log, segment) / kSectorBytes;
    for (const uint64_t length : {1u, 2u, 8u}) {
      for (uint64_t sector = 0; sector + length <= sectors; sector++) {
        std::vector<uint8_t> bytes = file.sound();
        for (uint64_t i = 0; i < length; i++) ZeroSector(&bytes, sector + i);
        const Ranges changed = Differences(file.sound(), bytes);
        file.Put(bytes);
        named += ExpectOnlyWhatWasTouched(&log, segment, changed);
      }
    }
  }
  EXPECT_LE(1u, named);
}

TEST(MixedDamage, SwappedSectorsAndBlocksCostWhatTheyTouch) {
  KnownLog log;
  size_t named = 0;
  for (const uint64_t segment : kPlain) {
    Altered file(&log, SegmentName(segment));
    for (const uint64_t unit : {kSectorBytes, kPageBytes}) {
      const uint64_t units = EndOf(log, segment) / unit;
      for (uint64_t one = 0; one < units; one++) {
        for (uint64_t other = one + 1; other < units; other++) {
          std::vector<uint8_t> bytes = file.sound();
          const auto at = bytes.begin();
          std::swap_ranges(at + static_cast<std::ptrdiff_t>(one * unit), at + static_cast<std::ptrdiff_t>((one + 1) * unit),
                           at + static_cast<std::ptrdiff_t>(other * unit));
          const Ranges changed = Differences(file.sound(), bytes);
          file.Put(bytes);
          named += ExpectOnlyWhatWasTouched(&log, segment, changed);
        }
      }
    }
  }
  EXPECT_LE(1u, named);
}

// A write that went to the right offset of the wrong file, or to the wrong offset: sound records, at another place.
TEST(MixedDamage, MisdirectedBlocksCostWhatTheyTouch) {
  KnownLog log;
  size_t named = 0;
  for (const uint64_t segment : kPlain) {
    Altered file(&log, SegmentName(segment));
    for (const uint64_t from : {KnownLog::kCovered, KnownLog::kSealed, KnownLog::kLast}) {
      const std::vector<uint8_t> source = from == segment ? file.sound() : log.world()->Contents(SegmentName(from));
      for (const uint64_t unit : {kSectorBytes, kPageBytes}) {
        const uint64_t units = std::min(EndOf(log, segment), EndOf(log, from)) / unit;
        for (uint64_t to = 0; to < units; to++) {
          for (uint64_t shift = 0; shift < units; shift++) {
            std::vector<uint8_t> bytes = file.sound();
            std::copy_n(source.begin() + static_cast<std::ptrdiff_t>((to + shift) % units * unit), unit,
                        bytes.begin() + static_cast<std::ptrdiff_t>(to * unit));
            const Ranges changed = Differences(file.sound(), bytes);
            file.Put(bytes);
            named += ExpectOnlyWhatWasTouched(&log, segment, changed);
          }
        }
      }
    }
  }
  EXPECT_LE(1u, named);
}

TEST(MixedDamage, UnreadablePagesCostWhatTheyHoldAndAreCalledSo) {
  KnownLog log;
  size_t named = 0;
  for (const uint64_t segment : kPlain) {
    const std::string file = SegmentName(segment);
    const uint64_t pages = EndOf(log, segment) / kPageBytes;
    for (uint64_t page = 0; page < pages; page++) {
      for (const uint64_t length : {1u, 3u}) {
        const Ranges unreadable = {{page * kPageBytes, (page + length) * kPageBytes}};
        log.world()->unreadable[file] = unreadable;
        named += ExpectOnlyWhatWasTouched(&log, segment, unreadable);
        const DirectoryReport report = Inspect(log.world()).report;
        const bool in_header = page < kSegmentDataAt / kPageBytes;
        const bool called_so = std::any_of(report.damage.begin(), report.damage.end(), [](const Damage& damage) {
          return damage.kind == damage_kind::kUnreadable;
        });
        EXPECT_TRUE(in_header || called_so);
      }
    }
    log.world()->unreadable.clear();
  }
  EXPECT_LE(1u, named);
}

// A compressed segment of several blocks, of which more are damaged than the parities make good.
TEST(MixedDamage, BlocksOfACompressedSegmentBeyondRepairCostExactlyTheEntriesThatTheyHold) {
  KnownLog log(KnownLog::Size::kManyBlocks);
  const std::string name = FileOf(KnownLog::kCompressed);
  Altered file(&log, name);
  const std::vector<size_t> members = CompressStored(log.content(KnownLog::kCompressed)).members;
  // Without the two parities and the end mark; `members` ends with the size.
  const size_t blocks = members.size() - 4;
  EXPECT_LE(5u, blocks);
  for (size_t one = 0; one < blocks; one++) {
    for (size_t other = one + 2; other < blocks; other += 2) {
      for (const bool three : {false, true}) {
        std::vector<uint8_t> bytes = file.sound();
        Ranges changed;
        for (const size_t block : {one, other, one + 1}) {
          if (block == one + 1 && (!three || block == other)) continue;
          bytes[members[block] + 100] ^= 1;
          // Two of the same parity are beyond repair; the third alone is made good.
          if (block != one + 1) changed.emplace_back(block * compressed::kBlockBytes, (block + 1) * compressed::kBlockBytes);
        }
        file.Put(bytes);
        const Answer answer = Ask(&log);
        const std::set<uint64_t> lost = log.MayLose(KnownLog::kCompressed, changed);
        EXPECT_EQ(answer.wrong, std::string());
        EXPECT_EQ(Show(Without(log.held(), answer.delivered)), Show(lost));
        EXPECT_EQ(Show(answer.reported), Show(lost));
        EXPECT_EQ(Show(answer.reported_by_reader), Show(lost));
      }
    }
  }
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
