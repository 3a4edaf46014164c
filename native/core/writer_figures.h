// What the writer counts and measures. It lies in the header of the staging ring, so that another process sees it too: no
// lock, no call, whatever the writer does meanwhile. docs/format.md has the same table.
//
//   0 begun i64 | 8 counters, 64 bytes | 72 syncs | 256 flushes | 440 entries | 616 bytes | 768
//   counters    batches u64 | syncs u64 | written bytes u64 | rotations u64 | wakeups u64 | segment u64 |
//               segment offset u64 | preallocated u8 | zero
//   histogram   a count u64 for each bucket | sum u64
//
// The writer's thread stores, relaxed (wakeups: whoever wakes it). Whoever looks may see one number newer than another;
// while `begun` stays the same, each count only grows.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "histogram.h"

namespace ingest_wal {

struct WriterCounters {
  std::atomic<uint64_t> batches{0};
  std::atomic<uint64_t> syncs{0};
  std::atomic<uint64_t> written_bytes{0};
  std::atomic<uint64_t> rotations{0};
  std::atomic<uint64_t> wakeups{0};
  std::atomic<uint64_t> segment{0};
  std::atomic<uint64_t> segment_offset{0};
  std::atomic<bool> preallocated{true};
};

// Recorded by the writer's thread, once a batch or a flush.
struct WriterHistograms {
  Histogram<16'000, 21> sync_ns;    // 16 µs to 16.8 s: a sync
  Histogram<16'000, 21> flush_ns;   // from taking what is staged to its acknowledgement: writes and sync
  Histogram<1, 20> batch_entries;   // 1 to 524,288
  Histogram<1024, 17> batch_bytes;  // 1 KiB to 64 MiB
};

struct WriterFigures {
  // When this writer began, milliseconds since the Unix epoch; 0: no writer has begun. Tells writers apart.
  std::atomic<int64_t> begun_ms{0};
  WriterCounters counters;
  WriterHistograms histograms;
};

// Where they are in WriterFigures.
namespace figures {
constexpr size_t kBegunAt = 0;
constexpr size_t kBatchesAt = 8;
constexpr size_t kSyncsAt = 16;
constexpr size_t kWrittenBytesAt = 24;
constexpr size_t kRotationsAt = 32;
constexpr size_t kWakeupsAt = 40;
constexpr size_t kSegmentAt = 48;
constexpr size_t kSegmentOffsetAt = 56;
constexpr size_t kPreallocatedAt = 64;
constexpr size_t kSyncNsAt = 72;
constexpr size_t kFlushNsAt = 256;
constexpr size_t kBatchEntriesAt = 440;
constexpr size_t kBatchBytesAt = 616;
constexpr size_t kBytes = 768;
}  // namespace figures

static_assert(offsetof(WriterFigures, begun_ms) == figures::kBegunAt);
static_assert(offsetof(WriterFigures, counters) == figures::kBatchesAt);
static_assert(offsetof(WriterCounters, syncs) == figures::kSyncsAt - figures::kBatchesAt);
static_assert(offsetof(WriterCounters, written_bytes) == figures::kWrittenBytesAt - figures::kBatchesAt);
static_assert(offsetof(WriterCounters, rotations) == figures::kRotationsAt - figures::kBatchesAt);
static_assert(offsetof(WriterCounters, wakeups) == figures::kWakeupsAt - figures::kBatchesAt);
static_assert(offsetof(WriterCounters, segment) == figures::kSegmentAt - figures::kBatchesAt);
static_assert(offsetof(WriterCounters, segment_offset) == figures::kSegmentOffsetAt - figures::kBatchesAt);
static_assert(offsetof(WriterCounters, preallocated) == figures::kPreallocatedAt - figures::kBatchesAt);
static_assert(offsetof(WriterFigures, histograms) == figures::kSyncNsAt);
static_assert(offsetof(WriterHistograms, flush_ns) == figures::kFlushNsAt - figures::kSyncNsAt);
static_assert(offsetof(WriterHistograms, batch_entries) == figures::kBatchEntriesAt - figures::kSyncNsAt);
static_assert(offsetof(WriterHistograms, batch_bytes) == figures::kBatchBytesAt - figures::kSyncNsAt);
static_assert(sizeof(WriterFigures) == figures::kBytes);
static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<bool>::is_always_lock_free,
              "they are shared between processes");

}  // namespace ingest_wal
