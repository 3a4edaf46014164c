#include <time.h>
#include <unistd.h>

#include <cstdlib>

#if defined(__linux__)
#include <sys/random.h>
#endif

#include "platform/clock.h"
#include "platform/never_destroyed.h"

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
  return NeverDestroyed<PosixClock>();
}

Random* SystemRandom() {
  return NeverDestroyed<PosixRandom>();
}

}  // namespace ingest_wal
