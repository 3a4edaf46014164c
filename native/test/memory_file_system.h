// A file system and shared memory that live in memory and promise no more than POSIX does. Each call is a point at
// which the power can be cut. What was not synced then survives or not, at random: each sector of a write, each size,
// each name; bytes that were never durable may come back as garbage. Bytes once durable keep their value.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "environment.h"

namespace ingest_wal {
namespace testing {

// What happens to one call. Decides faults; see MemoryWorld::SetFault.
enum class Call { kOpen, kRead, kWrite, kSync, kAllocate, kTruncate, kMap, kRename, kUnlink, kDirectorySync, kList };

struct MemoryInode {
  std::vector<uint8_t> current;
  std::vector<uint8_t> durable;
  // Written since the last sync: [first, second) of `current`.
  std::vector<std::pair<uint64_t, uint64_t>> dirty;
  // Bytes below this were durable once, so they are never garbage.
  uint64_t settled_bytes = 0;
};

using MemoryNames = std::map<std::string, std::shared_ptr<MemoryInode>>;

struct NameChange {
  std::string removed;  // empty: nothing
  std::string added;
  std::shared_ptr<MemoryInode> inode;
};

// One directory (and its subdirectories, by prefix "name/"), one lock, and shared memory.
class MemoryWorld {
 public:
  MemoryWorld();
  ~MemoryWorld();

  Environment environment();

  // The power is cut at the `number`-th call from now (1: the next one); 0: never.
  void CutAtCall(uint64_t number) { cut_at_ = number == 0 ? 0 : calls_ + number; }
  bool powered() const { return powered_; }
  uint64_t calls() const { return calls_; }

  // Asked before each call; a Status that is not ok is what the call answers, with nothing done.
  using Fault = std::function<Status(Call, const std::string& name)>;
  void SetFault(Fault fault) { fault_ = std::move(fault); }

  // What is there when the machine comes up again: a world of its own.
  std::unique_ptr<MemoryWorld> AfterPowerCut(std::mt19937_64* dice) const;
  // What the next process finds when only this one dies: files as they are, shared memory too.
  std::unique_ptr<MemoryWorld> AfterProcessDeath() const;

  // Seeded bugs, as doubles of what the system does.
  bool sync_does_nothing = false;            // fsync forgotten
  bool directory_sync_does_nothing = false;  // directory fsync forgotten
  bool sync_happens_later = false;           // acknowledged before it is durable: done at the next call
  bool shared_memory_is_forgotten = false;   // no take-over

  // Direct access for tests that damage files.
  MemoryNames& names() { return names_; }
  std::map<std::string, std::shared_ptr<std::vector<uint8_t>>>& memory() { return memory_; }
  int64_t now_ms = 1'700'000'000'000;
  std::mt19937_64 random{1};

 private:
  friend class MemoryFile;
  friend class MemoryDirectory;
  friend class MemorySharedMemory;
  friend class MemoryFileSystem;
  friend class MemoryClock;
  friend class MemoryRandom;
  friend class MemoryLock;

  // Counts the call; an error when the power is off, goes off now, or a fault is set.
  Status Enter(Call call, const std::string& name);
  void SyncInode(MemoryInode* inode);

  MemoryNames names_;
  MemoryNames durable_names_;
  std::vector<NameChange> pending_names_;
  std::map<std::string, std::shared_ptr<std::vector<uint8_t>>> memory_;
  bool locked_ = false;
  bool powered_ = true;
  uint64_t calls_ = 0;
  uint64_t cut_at_ = 0;
  Fault fault_;
  std::shared_ptr<MemoryInode> late_sync_;

  std::unique_ptr<FileSystem> files_;
  std::unique_ptr<SharedMemory> shared_memory_;
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<Random> random_source_;
};

}  // namespace testing
}  // namespace ingest_wal
