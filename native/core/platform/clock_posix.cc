#include <time.h>
#include <unistd.h>

#include <cstdlib>

#if defined(__linux__)
#include <sys/random.h>
#endif

#include "platform/clock.h"

namespace ingest_wal {
namespace {

class PosixClock : public Clock {
 public:
  int64_t WallMs() override {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
  }
  uint64_t MonotonicNs() override {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
  }
};

class PosixRandom : public Random {
 public:
  void Fill(uint8_t* to, size_t count) override {
#if defined(__linux__)
    size_t filled = 0;
    while (filled < count) {
      const ssize_t got = getrandom(to + filled, count - filled, 0);
      if (got > 0) filled += static_cast<size_t>(got);
    }
#else
    arc4random_buf(to, count);
#endif
  }
};

}  // namespace

Clock* SystemClock() {
  static PosixClock* const clock = new PosixClock;  // never destroyed: see environment.h
  return clock;
}

Random* SystemRandom() {
  static PosixRandom* const random = new PosixRandom;  // never destroyed: see environment.h
  return random;
}

}  // namespace ingest_wal
