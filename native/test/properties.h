// Checks that are run twice: on the core as it is, where they must find nothing, and on the core with a bug planted in
// it, where they must find that. Each says what is wrong first, or nothing.
#pragma once

#include <string>

namespace ingest_wal {
namespace testing {

// A segment cut at every length: what is whole before the cut is read, nothing of what lies behind it, although its
// bytes still stand in memory.
std::string CheckTruncationAtEveryLength();

}  // namespace testing
}  // namespace ingest_wal
