// Inflate as RFC 1951 tells it, bit by bit and with no thought of speed: what the core's is compared with.
#pragma once

#include "fuzz_target.h"

namespace ingest_wal {
namespace fuzz {

struct Inflated {
  bool sound = false;
  Input bytes;
  size_t consumed = 0;
};

// Gives up, as not sound, beyond `max_bytes`.
Inflated PlainInflate(Bytes from, size_t max_bytes);

// `content` as one fixed block of literals and of repetitions of the byte before.
Input DeflateRuns(Bytes content);

}  // namespace fuzz
}  // namespace ingest_wal
