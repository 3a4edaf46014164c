#include "writer_sleep.h"

#include <algorithm>
#include <chrono>

namespace ingest_wal {

WriterSleep::WriterSleep(const Environment& environment, StagingRing* ring, WriterCounters* counters)
    : clock_(environment.clock), fence_(environment.fence), ring_(ring), counters_(counters) {}

void WriterSleep::Wake() {
  if (ring_->ExchangeWakeAt(ring::kNeverWake) == ring::kNeverWake) return;
  counters_->wakeups.fetch_add(1, std::memory_order_relaxed);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    woken_ = true;
  }
  changed_.notify_one();
}

void WriterSleep::Notice() {
  // Ordered after the ring's store of head, and against Sleep(), which stores "wake at" and then looks at head.
  const uint32_t wake_at = ring_->wake_at();
  if (wake_at != ring::kNeverWake && ring_->used_bytes() >= wake_at) Wake();
}

void WriterSleep::PrepareFence() {
  if (fence_ == nullptr || !fence_->Prepare()) return;
  fence_is_ready_.store(true, std::memory_order_release);
  // It begins to fence when it goes to sleep again.
  Wake();
}

// From now on, if it can: the appender learns of it when this thread relies on the fence already.
void WriterSleep::BeginToFence() {
  if (fences_ || !fence_is_ready_.load(std::memory_order_acquire)) return;
  fences_ = true;
  ring_->SetWriterFences();
}

// Against an appender that stores head, which takes its time to be visible, and loads "wake at" meanwhile: when it loaded
// the old one, the fence finds its store of head before it, and makes it visible.
bool WriterSleep::SeesWhatWokeNobody() { return !fences_ || fence_->Pass(); }

void WriterSleep::Sleep(uint32_t wake_at, uint64_t deadline_ns, const std::function<bool()>& has_work) {
  BeginToFence();
  ring_->ExchangeWakeAt(wake_at);
  const bool until_woken = deadline_ns == kUntilWoken;
  // With a deadline it looks again by itself.
  const bool is_blind = until_woken && !SeesWhatWokeNobody();
  if (is_blind || has_work()) {
    ring_->ExchangeWakeAt(ring::kNeverWake);
    return;
  }
  std::unique_lock<std::mutex> lock(mutex_);
  const auto woken = [this] { return woken_; };
  if (until_woken) {
    changed_.wait(lock, woken);
  } else {
    const uint64_t now_ns = clock_->MonotonicNs();
    const std::chrono::nanoseconds wait(deadline_ns > now_ns ? deadline_ns - now_ns : 0);
    changed_.wait_for(lock, std::min<std::chrono::nanoseconds>(wait, std::chrono::hours(24)), woken);
  }
  woken_ = false;
  lock.unlock();
  ring_->ExchangeWakeAt(ring::kNeverWake);
}

}  // namespace ingest_wal
