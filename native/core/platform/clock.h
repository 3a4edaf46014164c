// Time and randomness, so that tests can decide both.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ingest_wal {

class Clock {
 public:
  virtual ~Clock() = default;
  // Milliseconds since the Unix epoch; may jump.
  virtual int64_t WallMs() = 0;
  // Nanoseconds of a clock that only goes forward.
  virtual uint64_t MonotonicNs() = 0;
};

class Random {
 public:
  virtual ~Random() = default;
  // Unpredictable bytes, for log ids and segment salts.
  virtual void Fill(uint8_t* to, size_t count) = 0;
};

Clock* SystemClock();
Random* SystemRandom();

}  // namespace ingest_wal
