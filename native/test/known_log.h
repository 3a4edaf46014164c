// A log of every kind of file, of which it is known what stands at each byte; and what comes back of it when some of them
// are others.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "test_log.h"

namespace ingest_wal {
namespace testing {

struct KnownEntry {
  uint8_t operation;
  uint32_t sequence;
  std::string user;
  std::string payload;
};

// What stands in a file of records from `begin` to `end`.
struct Part {
  enum class Kind { kHeaderCopy, kEntry, kUserRecord, kMark, kSeal };
  Kind kind;
  uint64_t begin;
  uint64_t end;
  uint64_t lsn = 0;       // of an entry
  uint64_t body_at = 0;   // of an entry: what is behind does not say whose it is
  bool is_short = false;  // of an entry: its user is a number
  std::string user = {};  // of an entry and a user record
};

// Segment 1 is gone, and a base and a backup hold every fifth entry of it; segment 2 is covered and plain, segment 3 compressed,
// segment 4 plain and sealed, segment 5 as a writer left it that died. Entries of both forms and of all sizes, user records.
class KnownLog {
 public:
  static constexpr uint64_t kGone = 1, kCovered = 2, kCompressed = 3, kSealed = 4, kLast = 5;

  // kManyBlocks: segment 3 has 400,000 bytes, and so several blocks.
  enum class Size { kSmall, kManyBlocks };
  explicit KnownLog(Size size = Size::kSmall);

  MemoryWorld* world() { return &world_; }
  const std::map<uint64_t, KnownEntry>& appended() const { return appended_; }
  // Everything that comes back of the log as it is.
  const std::set<uint64_t>& held() const { return held_; }
  bool InBase(uint64_t lsn) const { return lsn % kKept == 0; }
  // Of a plain segment as it was written, of the compressed one too; in order.
  const std::vector<Part>& parts(uint64_t segment) const { return parts_.at(segment); }
  // Of a segment as it was written.
  const std::vector<uint8_t>& content(uint64_t segment) const { return contents_.at(segment); }
  // What may be lost when these bytes of a segment are others: its entries there, those of users of whom no record is left,
  // and all of it when both copies of the header are.
  std::set<uint64_t> MayLose(uint64_t segment, const std::vector<std::pair<uint64_t, uint64_t>>& changed) const;

 private:
  static constexpr uint64_t kKept = 5;

  void WriteSegment(uint64_t number, uint64_t entries, uint64_t segment_bytes);
  void Append(Log* log);
  void NoteParts(uint64_t number);

  MemoryWorld world_;
  std::map<uint64_t, KnownEntry> appended_;
  std::set<uint64_t> held_;
  std::map<uint64_t, std::vector<Part>> parts_;
  std::map<uint64_t, std::vector<uint8_t>> contents_;
};

// What a log answers.
struct Answer {
  std::set<uint64_t> delivered;
  std::string wrong;  // the first thing that is: an entry that was never appended, is another, or comes out of order
  DirectoryReport report;
  // LSNs that `report` and the reader say are lost.
  std::set<uint64_t> reported;
  std::set<uint64_t> reported_by_reader;
  std::vector<Damage> damage_of_reader;
};
Answer Ask(KnownLog* log);

// `from` without what is in `without`.
template <typename Value>
std::set<Value> Without(const std::set<Value>& from, const std::set<Value>& without) {
  std::set<Value> left;
  std::set_difference(from.begin(), from.end(), without.begin(), without.end(), std::inserter(left, left.end()));
  return left;
}
std::string Show(const std::set<uint64_t>& lsns);

}  // namespace testing
}  // namespace ingest_wal
