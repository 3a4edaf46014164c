// A file system and shared memory that live in memory and promise no more than POSIX does. Each call is a point at
// which the power can be cut. What was not synced then survives or not, at random: each sector of a write, each size,
// each name; bytes that were never durable may come back as garbage. Bytes once durable keep their value.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dice.h"
#include "environment.h"

namespace ingest_wal {
namespace testing {

// The calls that can fail; see MemoryWorld::SetFault.
enum class Call {
  kOpen, kRead, kWrite, kSync, kAllocate, kTruncate, kRename, kUnlink, kDirectorySync, kList, kLock,
  kMemoryCreate, kMemoryOpen, kMemoryUnlink
};

// The bytes of a file. They are copied when they are changed, not when they are handed on: most files of a world are the same
// in the worlds that follow it. Of space that was reserved and never written, only the size is kept.
class SharedBytes {
 public:
  uint64_t size() const { return size_; }
  // From here to the end it is a hole.
  uint64_t data_end() const { return stored_->size(); }
  // All of it, hole included.
  const std::vector<uint8_t>& get() const {
    if (stored_->size() != size_) {
      auto whole = std::make_shared<std::vector<uint8_t>>(*stored_);
      whole->resize(static_cast<size_t>(size_));
      stored_ = std::move(whole);
    }
    return *stored_;
  }
  void Read(uint64_t offset, uint8_t* to, size_t count) const;  // inside size()

  void Assign(std::vector<uint8_t> bytes) {
    size_ = bytes.size();
    stored_ = std::make_shared<std::vector<uint8_t>>(std::move(bytes));
  }
  void Resize(uint64_t size) {
    if (size < data_end()) Own()->resize(static_cast<size_t>(size));
    size_ = size;
  }
  // Inside size().
  void Write(uint64_t offset, const uint8_t* from, size_t count);
  void CopyFrom(const SharedBytes& from, uint64_t begin, uint64_t end);  // inside both

 private:
  std::vector<uint8_t>* Own() {
    if (stored_.use_count() != 1) stored_ = std::make_shared<std::vector<uint8_t>>(*stored_);
    return stored_.get();
  }

  mutable std::shared_ptr<std::vector<uint8_t>> stored_ = std::make_shared<std::vector<uint8_t>>();
  uint64_t size_ = 0;
};

struct MemoryInode {
  SharedBytes current;
  SharedBytes durable;
  // Written since the last sync: [first, second) of `current`.
  std::vector<std::pair<uint64_t, uint64_t>> dirty;
  // Bytes below this were durable once, so they are never garbage.
  uint64_t settled_bytes = 0;
  // Shared holders of its lock; -1: one that holds it alone.
  std::shared_ptr<std::atomic<int>> holders = std::make_shared<std::atomic<int>>(0);
  // A sync failed. What was dirty then is clean now, on the disk or not: a second sync says OK and changes nothing.
  bool sync_failed = false;
};

using MemoryNames = std::map<std::string, std::shared_ptr<MemoryInode>>;

struct NameChange {
  std::string removed;  // empty: nothing
  std::string added;
  std::shared_ptr<MemoryInode> inode;
};

// One directory (and its subdirectories, by prefix "name/"), one lock, and shared memory. Any thread may call what is
// behind environment(); the rest is for one thread while no other is at work.
class MemoryWorld {
 public:
  MemoryWorld();
  ~MemoryWorld();

  Environment environment();

  // The power is cut at the `number`-th call from now (1: the next one); 0: never.
  void CutAtCall(uint64_t number) { cut_at_ = number == 0 ? 0 : calls_ + number; }
  bool powered() const { return powered_; }
  // Told as the power goes: who looks then sees what others could have seen until then.
  void WhenCut(std::function<void()> look) { when_cut_ = std::move(look); }
  uint64_t calls() const { return calls_; }

  // Asked before each call; a Status that is not ok is what the call answers. A write that fails has written a part, a
  // sync that fails has synced some sectors and forgotten that the others were dirty; other calls have done nothing.
  using Fault = std::function<Status(Call, const std::string& name)>;
  void SetFault(Fault fault) {
    const std::lock_guard<std::recursive_mutex> guard(mutex_);
    fault_ = std::move(fault);
  }

  // What is there when the machine comes up again: a world of its own.
  std::unique_ptr<MemoryWorld> AfterPowerCut(Dice* dice) const;
  // What the next process finds when only this one dies: files as they are, shared memory too.
  std::unique_ptr<MemoryWorld> AfterProcessDeath() const;

  // Seeded bugs, as doubles of what the system does.
  bool sync_does_nothing = false;            // fsync forgotten
  bool directory_sync_does_nothing = false;  // directory fsync forgotten
  bool sync_happens_later = false;           // acknowledged before it is durable: done at the next call
  bool shared_memory_is_forgotten = false;   // no take-over

  // Writes and syncs of a file after a sync of it had failed, in this life: none of them means anything.
  uint64_t uses_after_failed_sync() const { return uses_after_failed_sync_; }

  // --- For tests that look at files, or damage them.

  MemoryNames& names() { return names_; }
  // `name` must exist.
  const std::vector<uint8_t>& Contents(const std::string& name) const { return names_.at(name)->current.get(); }
  bool Exists(const std::string& name) const { return names_.count(name) != 0; }
  // Makes `name` a file of these bytes, durably.
  void Put(const std::string& name, std::vector<uint8_t> bytes);
  void Remove(const std::string& name);
  // Names that List() calls something else than files, and that cannot be opened as one.
  std::map<std::string, EntryKind> not_files;
  // Parts of files, [first, second), that the device cannot read.
  std::map<std::string, std::vector<std::pair<uint64_t, uint64_t>>> unreadable;
  std::map<std::string, std::shared_ptr<std::vector<uint8_t>>>& memory() { return memory_; }
  int64_t now_ms = 1'700'000'000'000;
  Dice random{1};
  // Log ids and salts come from here, or, where it is not set, from `random`.
  std::function<uint64_t()> salts;

 private:
  friend class MemoryFile;
  friend class MemoryDirectory;
  friend class MemorySharedMemory;
  friend class MemoryFileSystem;
  friend class MemoryClock;
  friend class MemoryRandom;
  friend class MemoryLock;

  using Guard = std::lock_guard<std::recursive_mutex>;

  // Counts the call; an error when the power is off, goes off now, or a fault is set.
  Status Enter(Call call, const std::string& name);
  // The same of a call that leaves nothing on the disk: no point at which the power goes, but one that can fail.
  Status FailOf(Call call, const std::string& name) { return fault_ ? fault_(call, name) : Status(); }
  bool CannotRead(const std::string& name, uint64_t offset, uint64_t end) const;
  void SyncInode(MemoryInode* inode);
  void FailSync(MemoryInode* inode);
  void NoteUse(const MemoryInode& inode) { uses_after_failed_sync_ += inode.sync_failed ? 1 : 0; }

  std::recursive_mutex mutex_;  // held through each call; a fault may make calls of its own
  MemoryNames names_;
  MemoryNames durable_names_;
  std::vector<NameChange> pending_names_;
  std::map<std::string, std::shared_ptr<std::vector<uint8_t>>> memory_;
  bool locked_ = false;
  bool powered_ = true;
  std::function<void()> when_cut_;
  uint64_t calls_ = 0;
  uint64_t cut_at_ = 0;
  uint64_t uses_after_failed_sync_ = 0;
  Fault fault_;
  std::shared_ptr<MemoryInode> late_sync_;

  std::unique_ptr<FileSystem> files_;
  std::unique_ptr<SharedMemory> shared_memory_;
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<Random> random_source_;
};

}  // namespace testing
}  // namespace ingest_wal
