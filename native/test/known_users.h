// Whom a damage of a known log must name, and whom it must not, by what stands at each byte and by nothing that a reader does.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "known_log.h"

namespace ingest_wal {
namespace testing {

struct KnownUsers {
  // Whose the lost entries are: nobody else may be named, whosever bytes stand there now.
  std::set<std::string> losers;
  // Those of them of whom a lost entry still says that it was theirs.
  std::set<std::string> readable;
};

// Of the entries from `first_lsn` to `last_lsn` of a segment (0: none) that are lost because the bytes `changed` are others.
KnownUsers UsersOfLoss(const KnownLog& log, uint64_t segment, const std::vector<std::pair<uint64_t, uint64_t>>& changed,
                       uint64_t first_lsn, uint64_t last_lsn);

std::string Show(const std::set<std::string>& users);

}  // namespace testing
}  // namespace ingest_wal
