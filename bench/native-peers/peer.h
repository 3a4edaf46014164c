// A key-value store used as a log, in C++ and without Node: the jobs, for any store behind `Store`.
//   PROGRAM bulk|awaited|fill|read DIRECTORY ENTRIES WAITERS
// A batch is a WriteBatch with one sync, of 1 MB in `bulk` (100 ms never pass before that) and of one entry a waiter in
// `awaited`, as if waiting and being woken cost nothing. Keys are LSNs, big-endian; a value is
//   0         8    10         16
//   | timestamp | idBytes | operation | user id | payload |
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../raw/program.h"

namespace bench {

/// The store of one program. Whatever goes wrong ends the program.
class Store {
 public:
  virtual ~Store() = default;
  /// Adds to the batch.
  virtual void Put(std::string_view key, std::string_view value) = 0;
  /// Writes the batch and syncs it.
  virtual void Commit() = 0;
  /// Hands every value to `visit(context, value)`, in the order of keys.
  virtual void ReadAll(void (*visit)(void*, std::string_view), void* context) = 0;
};

/// The entries of harness/entries.mjs: the same bytes in the same order.
class Entries {
 public:
  static constexpr size_t kUserIdBytes = 16;
  static constexpr size_t kPayloadBytes = 100;
  static constexpr size_t kHeaderBytes = 16;
  static constexpr size_t kEntryBytes = kUserIdBytes + kPayloadBytes;

  Entries() {
    uint32_t state = 0x2545f491;
    for (std::string& payload : payloads_) {
      for (size_t at = 0; at < kPayloadBytes; at += 4) {
        state = state * 1664525 + 1013904223;
        for (int byte = 0; byte < 4; byte++) payload.push_back(static_cast<char>(state >> (8 * byte)));
      }
    }
    for (size_t i = 0; i < kUsers; i++) {
      const std::string digits = std::to_string(i);
      user_ids_.push_back("user-" + std::string(kUserIdBytes - 5 - digits.size(), '0') + digits);
    }
  }

  /// Puts entry number `i`, whose LSN is i + 1.
  void Put(Store& store, size_t i) {
    const uint64_t lsn = __builtin_bswap64(i + 1);
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    const double timestamp = std::chrono::duration<double, std::milli>(since_epoch).count();
    constexpr uint16_t kIdBytes = kUserIdBytes;
    constexpr uint16_t kAddMeasurement = 2;
    char value[kHeaderBytes + kEntryBytes] = {};
    std::memcpy(value, &timestamp, sizeof timestamp);
    std::memcpy(value + 8, &kIdBytes, sizeof kIdBytes);
    std::memcpy(value + 10, &kAddMeasurement, sizeof kAddMeasurement);
    std::memcpy(value + kHeaderBytes, user_ids_[i % kUsers].data(), kUserIdBytes);
    std::memcpy(value + kHeaderBytes + kUserIdBytes, payloads_[i % kPayloads].data(), kPayloadBytes);
    store.Put({reinterpret_cast<const char*>(&lsn), sizeof lsn}, {value, sizeof value});
  }

  /// What a reader that skips neither an entry nor its bytes comes to.
  uint64_t ExpectedSum(size_t count) const {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) sum += SumOf(payloads_[i % kPayloads], kUserIdBytes);
    return sum;
  }

  static uint64_t SumOf(std::string_view payload, size_t id_bytes) {
    return static_cast<uint8_t>(payload.front()) + static_cast<uint8_t>(payload.back()) + id_bytes;
  }

 private:
  static constexpr size_t kUsers = 1000;
  static constexpr size_t kPayloads = 256;
  std::vector<std::string> payloads_ = std::vector<std::string>(kPayloads);
  std::vector<std::string> user_ids_;
};

inline size_t Fill(Store& store, Entries& entries, size_t count) {
  size_t syncs = 0;
  size_t staged = 0;
  for (size_t i = 0; i < count; i++) {
    entries.Put(store, i);
    staged += Entries::kEntryBytes;
    if (staged < kBatchBytes && i + 1 < count) continue;
    store.Commit();
    syncs++;
    staged = 0;
  }
  return syncs;
}

inline void Acknowledge(std::unique_ptr<Store> store, size_t count, size_t waiters) {
  constexpr size_t kWarmUpRounds = 10;
  Entries entries;
  size_t next = 0;
  const auto round = [&] {
    const double begun = NowSeconds();
    for (size_t i = 0; i < waiters; i++) entries.Put(*store, next++);
    store->Commit();
    return (NowSeconds() - begun) * 1e6;
  };
  for (size_t i = 0; i < kWarmUpRounds; i++) round();
  const size_t rounds = std::max<size_t>(1, count / waiters);
  std::vector<double> latencies;
  latencies.reserve(rounds);
  const Measurement measurement;
  for (size_t i = 0; i < rounds; i++) latencies.push_back(round());
  Json json;
  json.Add("entries", rounds * waiters);
  json.Add("syncs", rounds);
  AddDistribution(json, latencies);
  measurement.Print(json);
}

inline void Read(std::unique_ptr<Store> store, size_t count) {
  struct Seen {
    size_t entries = 0;
    uint64_t sum = 0;
  } seen;
  const uint64_t expected = Entries().ExpectedSum(count);
  const Measurement measurement;
  store->ReadAll(
      [](void* context, std::string_view value) {
        uint16_t id_bytes;
        std::memcpy(&id_bytes, value.data() + 8, sizeof id_bytes);
        auto* into = static_cast<Seen*>(context);
        into->entries++;
        into->sum += Entries::SumOf(value.substr(Entries::kHeaderBytes + id_bytes), id_bytes);
      },
      &seen);
  if (seen.entries != count || seen.sum != expected) Fail("entries did not come back as they were written");
  Json json;
  json.Add("entries", seen.entries);
  measurement.Print(json);
}

/// The program's main: `open` opens or creates the store in a directory.
inline int Run(int argc, char** argv, std::unique_ptr<Store> (*open)(const std::string& directory)) {
  if (argc != 5) Fail("usage: bulk|awaited|fill|read DIRECTORY ENTRIES WAITERS");
  const std::string mode = argv[1];
  const size_t count = std::strtoull(argv[3], nullptr, 10);
  const size_t waiters = std::strtoull(argv[4], nullptr, 10);
  std::unique_ptr<Store> store = open(argv[2]);
  if (mode == "awaited") {
    Acknowledge(std::move(store), count, waiters);
  } else if (mode == "read") {
    Read(std::move(store), count);
  } else {
    Entries entries;
    const Measurement measurement;
    Json json;
    json.Add("syncs", Fill(*store, entries, count));
    store.reset();
    measurement.Print(json);
  }
  return 0;
}

}  // namespace bench
