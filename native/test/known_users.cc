#include "known_users.h"

#include <algorithm>

namespace ingest_wal {
namespace testing {
namespace {

class Loss {
 public:
  Loss(const KnownLog& log, uint64_t segment, const std::vector<std::pair<uint64_t, uint64_t>>& changed)
      : parts_(log.parts(segment)), changed_(changed) {
    for (const Part& part : parts_) {
      if (part.kind == Part::Kind::kHeaderCopy && IsSound(part.begin, part.end)) has_header_ = true;
      if (part.kind == Part::Kind::kUserRecord && IsSound(part.begin, part.end)) all_.insert(part.user);
    }
  }

  KnownUsers Between(uint64_t first_lsn, uint64_t last_lsn) {
    KnownUsers users;
    for (size_t i = 0; i < parts_.size(); i++) {
      const Part& part = parts_[i];
      if (part.kind == Part::Kind::kUserRecord && IsSound(part.begin, part.end)) defined_.insert(part.user);
      if (part.kind != Part::Kind::kEntry) continue;
      // Who meets a number of nobody looks ahead for it, and knows all that are to be found from then on.
      if (part.is_short && DamagedBytesOfHeader(part) == 0 && defined_.count(part.user) == 0) defined_ = all_;
      if (part.lsn < first_lsn || part.lsn > last_lsn) continue;
      users.losers.insert(part.user);
      if (has_header_ && (!part.is_short || defined_.count(part.user) != 0) && SaysItsUser(i)) users.readable.insert(part.user);
    }
    return users;
  }

 private:
  bool IsSound(uint64_t begin, uint64_t end) const {
    return std::none_of(changed_.begin(), changed_.end(),
                        [&](const auto& range) { return range.first < end && begin < range.second; });
  }

  // How many bytes of what an entry's header checksum vouches for are others, itself and the magic among them.
  size_t DamagedBytesOfHeader(const Part& part) const {
    const uint64_t end = part.begin + (part.is_short ? short_entry::kPayloadAt : entry::kTimestampAt);
    uint64_t count = 0;
    for (const auto& [from, to] : changed_) {
      if (from < end && part.begin < to) count += std::min(to, end) - std::max(from, part.begin);
    }
    return count;
  }

  bool SaysItsUser(size_t index) const {
    const Part& part = parts_[index];
    if (!part.is_short && !IsSound(part.begin + entry::kUserIdAt, part.body_at)) return false;
    const size_t damaged_bytes = DamagedBytesOfHeader(part);
    if (damaged_bytes == 0) return true;
    // A header that is not sound is found only where what stands before it ends.
    const Part& before = parts_[index - 1];
    const bool is_found =
        IsSound(before.begin, before.end) || (before.kind == Part::Kind::kEntry && DamagedBytesOfHeader(before) == 0);
    return is_found && damaged_bytes == 1;
  }

  const std::vector<Part>& parts_;
  const std::vector<std::pair<uint64_t, uint64_t>>& changed_;
  bool has_header_ = false;
  std::set<std::string> all_;      // of whom a sound record says the number
  std::set<std::string> defined_;  // those of them that are known at this place of the walk
};

}  // namespace

KnownUsers UsersOfLoss(const KnownLog& log, uint64_t segment, const std::vector<std::pair<uint64_t, uint64_t>>& changed,
                       uint64_t first_lsn, uint64_t last_lsn) {
  if (last_lsn == 0) return {};
  return Loss(log, segment, changed).Between(first_lsn, last_lsn);
}

std::string Show(const std::set<std::string>& users) {
  std::string text;
  for (const std::string& user : users) text += (text.empty() ? "'" : ", '") + user + "'";
  return text;
}

}  // namespace testing
}  // namespace ingest_wal
