#include "memory_file_system.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

namespace ingest_wal {
namespace testing {
namespace {

constexpr uint64_t kSectorBytes = 512;

Status PowerIsOff() { return Status(ErrorCode::kIo, "the power is off", EIO); }

class BorrowedRegion : public SharedRegion {
 public:
  explicit BorrowedRegion(std::shared_ptr<std::vector<uint8_t>> bytes) : bytes_(std::move(bytes)) {}
  uint8_t* data() override { return bytes_->data(); }
  uint64_t size() const override { return bytes_->size(); }

 private:
  std::shared_ptr<std::vector<uint8_t>> bytes_;
};

}  // namespace

class MemoryFile : public File {
 public:
  MemoryFile(MemoryWorld* world, std::shared_ptr<MemoryInode> inode, std::string name)
      : world_(world), inode_(std::move(inode)), name_(std::move(name)), holders_(inode_->holders) {}
  ~MemoryFile() override { Unlock(); }

  Status ReadAt(uint64_t offset, uint8_t* to, size_t count, size_t* got) override {
    const MemoryWorld::Guard guard(world_->mutex_);
    *got = 0;
    INGEST_WAL_RETURN_IF_ERROR(world_->Enter(Call::kRead, name_));
    const SharedBytes& bytes = inode_->current;
    if (offset >= bytes.size()) return Status();
    *got = static_cast<size_t>(std::min<uint64_t>(count, bytes.size() - offset));
    if (world_->CannotRead(name_, offset, offset + *got)) {
      *got = 0;
      return Status(ErrorCode::kIo, "read " + name_ + ": the device cannot", EIO);
    }
    bytes.Read(offset, to, *got);
    return Status();
  }

  uint64_t NextData(uint64_t offset, uint64_t size) override {
    const MemoryWorld::Guard guard(world_->mutex_);
    return offset < inode_->current.data_end() ? offset : size;
  }

  Status WriteAt(uint64_t offset, const Bytes* parts, size_t count) override {
    const MemoryWorld::Guard guard(world_->mutex_);
    const bool was_powered = world_->powered();
    world_->NoteUse(*inode_);
    const Status entered = world_->Enter(Call::kWrite, name_);
    const bool cut_now = was_powered && !world_->powered();
    if (!entered.ok() && !was_powered) return entered;
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) total += parts[i].size;
    // A write that the cut falls into has reached the cache: which of its sectors the disk has is decided later. One
    // that fails has got half its way.
    Put(offset, parts, count, entered.ok() || cut_now ? total : total / 2);
    return entered;
  }

  Status Sync() override {
    const MemoryWorld::Guard guard(world_->mutex_);
    world_->NoteUse(*inode_);
    const bool was_powered = world_->powered();
    const Status entered = world_->Enter(Call::kSync, name_);
    if (!entered.ok()) {
      if (was_powered && world_->powered()) world_->FailSync(inode_.get());
      return entered;
    }
    if (world_->sync_does_nothing) return Status();
    if (world_->sync_happens_later) {
      world_->late_sync_ = inode_;
      return Status();
    }
    world_->SyncInode(inode_.get());
    return Status();
  }

  Status Allocate(uint64_t size, bool* reserved) override {
    const MemoryWorld::Guard guard(world_->mutex_);
    *reserved = true;
    INGEST_WAL_RETURN_IF_ERROR(world_->Enter(Call::kAllocate, name_));
    if (inode_->current.size() < size) inode_->current.Resize(size);
    return Status();
  }

  Status Truncate(uint64_t size) override {
    const MemoryWorld::Guard guard(world_->mutex_);
    INGEST_WAL_RETURN_IF_ERROR(world_->Enter(Call::kTruncate, name_));
    inode_->current.Resize(size);
    for (auto& range : inode_->dirty) range.second = std::min(range.second, std::max(range.first, size));
    return Status();
  }

  Status Size(uint64_t* size) override {
    const MemoryWorld::Guard guard(world_->mutex_);
    *size = inode_->current.size();
    return Status();
  }

  Status TryLock(bool exclusive, bool* locked) override {
    Unlock();
    *locked = false;
    {
      const MemoryWorld::Guard guard(world_->mutex_);
      INGEST_WAL_RETURN_IF_ERROR(world_->FailOf(Call::kLock, name_));
    }
    int holders = holders_->load();
    do {
      *locked = exclusive ? holders == 0 : holders >= 0;
    } while (*locked && !holders_->compare_exchange_weak(holders, exclusive ? -1 : holders + 1));
    held_ = !*locked ? 0 : exclusive ? -1 : 1;
    return Status();
  }

  void Unlock() override {
    *holders_ -= held_;
    held_ = 0;
  }

 private:
  // The first `total` bytes of `parts`.
  void Put(uint64_t offset, const Bytes* parts, size_t count, uint64_t total) {
    SharedBytes& bytes = inode_->current;
    const uint64_t end = offset + total;
    if (bytes.size() < end) bytes.Resize(end);
    uint64_t at = offset;
    for (size_t i = 0; i < count && at < end; i++) {
      const size_t taken = static_cast<size_t>(std::min<uint64_t>(parts[i].size, end - at));
      bytes.Write(at, parts[i].data, taken);
      at += taken;
    }
    inode_->dirty.emplace_back(offset, end);
  }

  MemoryWorld* const world_;
  const std::shared_ptr<MemoryInode> inode_;
  const std::string name_;
  const std::shared_ptr<std::atomic<int>> holders_;
  int held_ = 0;  // this object's part of *holders_
};

class MemoryLock : public DirectoryLock {
 public:
  explicit MemoryLock(MemoryWorld* world) : world_(world) { world_->locked_ = true; }
  ~MemoryLock() override { world_->locked_ = false; }

 private:
  MemoryWorld* const world_;
};

class MemoryDirectory : public Directory {
 public:
  MemoryDirectory(MemoryWorld* world, std::string prefix) : world_(world), prefix_(std::move(prefix)) {}

  Status Open(const std::string& name, OpenMode mode, std::unique_ptr<File>* file) override {
    const MemoryWorld::Guard guard(world_->mutex_);
    INGEST_WAL_RETURN_IF_ERROR(world_->Enter(Call::kOpen, name));
    const std::string full = prefix_ + name;
    auto found = world_->names_.find(full);
    if (world_->not_files.count(full) != 0) return Status(ErrorCode::kInvalidArgument, name + " is not a regular file");
    if (mode == OpenMode::kCreateNew) {
      if (found != world_->names_.end()) return Status(ErrorCode::kInvalidArgument, name + " exists", EEXIST);
      auto inode = std::make_shared<MemoryInode>();
      world_->names_[full] = inode;
      world_->pending_names_.push_back({"", full, inode});
      found = world_->names_.find(full);
    }
    if (found == world_->names_.end()) return Status(ErrorCode::kNotFound, name + " does not exist", ENOENT);
    *file = std::make_unique<MemoryFile>(world_, found->second, name);
    return Status();
  }

  Status List(std::vector<DirectoryEntry>* entries) override {
    const MemoryWorld::Guard guard(world_->mutex_);
    INGEST_WAL_RETURN_IF_ERROR(world_->Enter(Call::kList, ""));
    entries->clear();
    for (const auto& name : world_->names_) {
      if (name.first.compare(0, prefix_.size(), prefix_) != 0) continue;
      const std::string rest = name.first.substr(prefix_.size());
      if (rest.find('/') == std::string::npos) entries->push_back({rest, EntryKind::kFile});
    }
    for (const auto& name : world_->not_files) entries->push_back({name.first, name.second});
    return Status();
  }

  Status Rename(const std::string& from, const std::string& to) override {
    const MemoryWorld::Guard guard(world_->mutex_);
    INGEST_WAL_RETURN_IF_ERROR(world_->Enter(Call::kRename, from));
    const auto found = world_->names_.find(prefix_ + from);
    if (found == world_->names_.end()) return Status(ErrorCode::kNotFound, from + " does not exist", ENOENT);
    const std::shared_ptr<MemoryInode> inode = found->second;
    world_->names_.erase(found);
    world_->names_[prefix_ + to] = inode;
    world_->pending_names_.push_back({prefix_ + from, prefix_ + to, inode});
    return Status();
  }

  Status Unlink(const std::string& name) override {
    const MemoryWorld::Guard guard(world_->mutex_);
    INGEST_WAL_RETURN_IF_ERROR(world_->Enter(Call::kUnlink, name));
    if (world_->names_.erase(prefix_ + name) == 0) {
      return Status(ErrorCode::kNotFound, name + " does not exist", ENOENT);
    }
    world_->pending_names_.push_back({prefix_ + name, "", nullptr});
    return Status();
  }

  Status Sync() override {
    const MemoryWorld::Guard guard(world_->mutex_);
    INGEST_WAL_RETURN_IF_ERROR(world_->Enter(Call::kDirectorySync, ""));
    if (world_->directory_sync_does_nothing) return Status();
    world_->durable_names_ = world_->names_;
    world_->pending_names_.clear();
    return Status();
  }

  Status Subdirectory(const std::string& name, bool, std::unique_ptr<Directory>* directory) override {
    const MemoryWorld::Guard guard(world_->mutex_);
    INGEST_WAL_RETURN_IF_ERROR(world_->Enter(Call::kOpen, name));
    *directory = std::make_unique<MemoryDirectory>(world_, prefix_ + name + "/");
    return Status();
  }

  Status Identity(DirectoryIdentity* identity) override {
    const MemoryWorld::Guard guard(world_->mutex_);
    identity->device = 7;
    identity->inode = 42;
    return Status();
  }

  Status Lock(const std::string&, std::unique_ptr<DirectoryLock>* lock) override {
    const MemoryWorld::Guard guard(world_->mutex_);
    INGEST_WAL_RETURN_IF_ERROR(world_->Enter(Call::kLock, "LOCK"));
    if (world_->locked_) return Status(ErrorCode::kLocked, "locked");
    *lock = std::make_unique<MemoryLock>(world_);
    return Status();
  }

  Status IsLocked(const std::string&, bool* locked) override {
    const MemoryWorld::Guard guard(world_->mutex_);
    *locked = world_->locked_;
    return Status();
  }

 private:
  MemoryWorld* const world_;
  const std::string prefix_;
};

class MemoryFileSystem : public FileSystem {
 public:
  explicit MemoryFileSystem(MemoryWorld* world) : world_(world) {}
  // Every path is the one directory, unless it names a file in it.
  Status OpenDirectory(const std::string& path, bool, std::unique_ptr<Directory>* directory) override {
    const MemoryWorld::Guard guard(world_->mutex_);
    const std::string name = path.substr(path.find_last_of('/') + 1);
    if (world_->names_.count(name) != 0 || world_->not_files.count(name) != 0) {
      return Status(ErrorCode::kIo, path + " is not a directory", ENOTDIR);
    }
    *directory = std::make_unique<MemoryDirectory>(world_, "");
    return Status();
  }

 private:
  MemoryWorld* const world_;
};

class MemorySharedMemory : public SharedMemory {
 public:
  explicit MemorySharedMemory(MemoryWorld* world) : world_(world) {}

  Status Create(const std::string& name, uint64_t size, std::unique_ptr<SharedRegion>* region) override {
    const MemoryWorld::Guard guard(world_->mutex_);
    if (!world_->powered()) return PowerIsOff();
    INGEST_WAL_RETURN_IF_ERROR(world_->FailOf(Call::kMemoryCreate, name));
    if (world_->memory_.count(name) != 0) return Status(ErrorCode::kInvalidArgument, name + " exists", EEXIST);
    auto bytes = std::make_shared<std::vector<uint8_t>>(static_cast<size_t>(size));
    world_->memory_[name] = bytes;
    *region = std::make_unique<BorrowedRegion>(bytes);
    return Status();
  }

  Status Open(const std::string& name, bool, std::unique_ptr<SharedRegion>* region) override {
    const MemoryWorld::Guard guard(world_->mutex_);
    INGEST_WAL_RETURN_IF_ERROR(world_->FailOf(Call::kMemoryOpen, name));
    const auto found = world_->memory_.find(name);
    if (found == world_->memory_.end() || world_->shared_memory_is_forgotten) {
      return Status(ErrorCode::kNotFound, name + " does not exist", ENOENT);
    }
    *region = std::make_unique<BorrowedRegion>(found->second);
    return Status();
  }

  Status Unlink(const std::string& name) override {
    const MemoryWorld::Guard guard(world_->mutex_);
    if (!world_->powered()) return PowerIsOff();
    INGEST_WAL_RETURN_IF_ERROR(world_->FailOf(Call::kMemoryUnlink, name));
    return world_->memory_.erase(name) != 0 ? Status() : Status(ErrorCode::kNotFound, name, ENOENT);
  }

 private:
  MemoryWorld* const world_;
};

// A clock on which every look takes a microsecond.
class MemoryClock : public Clock {
 public:
  explicit MemoryClock(MemoryWorld* world) : world_(world) {}
  int64_t WallMs() override {
    const MemoryWorld::Guard guard(world_->mutex_);
    return world_->now_ms;
  }
  uint64_t MonotonicNs() override { return monotonic_ns_ += 1000; }

 private:
  MemoryWorld* const world_;
  std::atomic<uint64_t> monotonic_ns_{0};
};

class MemoryRandom : public Random {
 public:
  explicit MemoryRandom(MemoryWorld* world) : world_(world) {}
  void Fill(uint8_t* to, size_t count) override {
    const MemoryWorld::Guard guard(world_->mutex_);
    for (size_t i = 0; i < count; i++) to[i] = static_cast<uint8_t>(world_->salts ? world_->salts() : world_->random());
  }

 private:
  MemoryWorld* const world_;
};

MemoryWorld::MemoryWorld()
    : files_(std::make_unique<MemoryFileSystem>(this)),
      shared_memory_(std::make_unique<MemorySharedMemory>(this)),
      clock_(std::make_unique<MemoryClock>(this)),
      random_source_(std::make_unique<MemoryRandom>(this)) {}

MemoryWorld::~MemoryWorld() = default;

Environment MemoryWorld::environment() {
  return Environment{files_.get(), shared_memory_.get(), clock_.get(), random_source_.get()};
}

Status MemoryWorld::Enter(Call call, const std::string& name) {
  if (!powered_) return PowerIsOff();
  if (late_sync_ != nullptr) {
    const std::shared_ptr<MemoryInode> inode = std::move(late_sync_);
    late_sync_.reset();
    if (cut_at_ == 0 || calls_ + 1 < cut_at_) SyncInode(inode.get());
  }
  calls_++;
  if (cut_at_ != 0 && calls_ >= cut_at_) {
    if (when_cut_) when_cut_();
    powered_ = false;
    return PowerIsOff();
  }
  return fault_ ? fault_(call, name) : Status();
}

void SharedBytes::Read(uint64_t offset, uint8_t* to, size_t count) const {
  const size_t stored = offset < data_end() ? static_cast<size_t>(std::min<uint64_t>(count, data_end() - offset)) : 0;
  if (stored != 0) std::memcpy(to, stored_->data() + offset, stored);
  if (stored != count) std::memset(to + stored, 0, count - stored);
}

void SharedBytes::Write(uint64_t offset, const uint8_t* from, size_t count) {
  if (count == 0) return;
  std::vector<uint8_t>* stored = Own();
  if (stored->size() < offset + count) stored->resize(static_cast<size_t>(offset) + count);
  std::memcpy(stored->data() + offset, from, count);
}

void SharedBytes::CopyFrom(const SharedBytes& from, uint64_t begin, uint64_t end) {
  const uint64_t stored_end = std::min(end, std::max(begin, from.data_end()));
  if (begin < stored_end) Write(begin, from.stored_->data() + begin, static_cast<size_t>(stored_end - begin));
  // What was cut and reserved anew since it was written.
  if (stored_end < std::min(end, data_end())) {
    std::vector<uint8_t>* stored = Own();
    std::memset(stored->data() + stored_end, 0, static_cast<size_t>(std::min<uint64_t>(end, stored->size()) - stored_end));
  }
}

bool MemoryWorld::CannotRead(const std::string& name, uint64_t offset, uint64_t end) const {
  const auto ranges = unreadable.find(name);
  if (ranges == unreadable.end()) return false;
  return std::any_of(ranges->second.begin(), ranges->second.end(),
                     [&](const auto& range) { return range.first < end && offset < range.second; });
}

void MemoryWorld::SyncInode(MemoryInode* inode) {
  if (inode->dirty.empty() && inode->durable.size() == inode->current.size()) return;
  SharedBytes& durable = inode->durable;
  durable.Resize(inode->current.size());
  for (const auto& range : inode->dirty) {
    const uint64_t end = std::min(range.second, durable.size());
    if (range.first >= end) continue;
    durable.CopyFrom(inode->current, range.first, end);
    inode->settled_bytes = std::max(inode->settled_bytes, end);
  }
  inode->dirty.clear();
}

namespace {

// Calls `visit(begin, end)` for each sector, or part of one, of an unsynced write, up to `limit`.
template <typename Visit>
void ForEachDirtySector(const MemoryInode& inode, uint64_t limit, Visit visit) {
  for (const auto& range : inode.dirty) {
    for (uint64_t at = range.first; at < range.second;) {
      const uint64_t sector_end = std::min(range.second, (at / kSectorBytes + 1) * kSectorBytes);
      const uint64_t end = std::min(sector_end, limit);
      if (at < end) visit(at, end);
      at = sector_end;
    }
  }
}

// One sector's worth of an unsynced write: the new bytes, the old ones, or, where nothing was durable, garbage.
void SurviveSector(const MemoryInode& from, uint64_t begin, uint64_t end, Dice* random, SharedBytes* bytes) {
  const uint64_t choice = (*random)() % 16;
  if (choice < 8) {
    bytes->CopyFrom(from.current, begin, end);
  } else if (choice == 8 && begin >= from.settled_bytes) {
    for (uint64_t at = begin; at < end; at += sizeof(uint64_t)) {
      const uint64_t word = (*random)();
      bytes->Write(at, reinterpret_cast<const uint8_t*>(&word),
                   static_cast<size_t>(std::min<uint64_t>(sizeof(word), end - at)));
    }
  }
}

std::shared_ptr<MemoryInode> Survive(const MemoryInode& from, Dice* random) {
  auto inode = std::make_shared<MemoryInode>();
  inode->current = from.durable;
  if (from.current.size() != from.durable.size() && ((*random)() & 1) != 0) inode->current.Resize(from.current.size());
  const uint64_t limit = std::min(inode->current.size(), from.current.size());
  ForEachDirtySector(from, limit, [&](uint64_t begin, uint64_t end) {
    SurviveSector(from, begin, end, random, &inode->current);
  });
  inode->durable = inode->current;
  inode->settled_bytes = inode->current.size();
  return inode;
}

}  // namespace

void MemoryWorld::FailSync(MemoryInode* inode) {
  SharedBytes& durable = inode->durable;
  const uint64_t limit = std::min(durable.size(), inode->current.size());
  ForEachDirtySector(*inode, limit, [&](uint64_t begin, uint64_t end) {
    if ((random() & 1) != 0) durable.CopyFrom(inode->current, begin, end);
  });
  inode->dirty.clear();
  inode->sync_failed = true;
}

void MemoryWorld::Put(const std::string& name, std::vector<uint8_t> bytes) {
  auto inode = std::make_shared<MemoryInode>();
  inode->current.Assign(std::move(bytes));
  inode->durable = inode->current;
  inode->settled_bytes = inode->current.size();
  names_[name] = inode;
  durable_names_[name] = inode;
}

void MemoryWorld::Remove(const std::string& name) {
  names_.erase(name);
  durable_names_.erase(name);
}

std::unique_ptr<MemoryWorld> MemoryWorld::AfterPowerCut(Dice* dice) const {
  auto world = std::make_unique<MemoryWorld>();
  MemoryNames names = durable_names_;
  for (const NameChange& change : pending_names_) {
    if (((*dice)() & 1) == 0) continue;
    if (!change.removed.empty()) names.erase(change.removed);
    if (!change.added.empty()) names[change.added] = change.inode;
  }
  for (const auto& name : names) world->names_[name.first] = Survive(*name.second, dice);
  world->durable_names_ = world->names_;
  world->random.seed((*dice)());
  return world;
}

std::unique_ptr<MemoryWorld> MemoryWorld::AfterProcessDeath() const {
  auto world = std::make_unique<MemoryWorld>();
  std::map<const MemoryInode*, std::shared_ptr<MemoryInode>> copies;
  const auto copy = [&](const std::shared_ptr<MemoryInode>& inode) {
    std::shared_ptr<MemoryInode>& made = copies[inode.get()];
    if (made == nullptr && inode != nullptr) {
      made = std::make_shared<MemoryInode>(*inode);
      made->sync_failed = false;
      made->holders = std::make_shared<std::atomic<int>>(0);
    }
    return made;
  };
  for (const auto& name : names_) world->names_[name.first] = copy(name.second);
  for (const auto& name : durable_names_) world->durable_names_[name.first] = copy(name.second);
  for (const NameChange& change : pending_names_) {
    world->pending_names_.push_back({change.removed, change.added, copy(change.inode)});
  }
  for (const auto& region : memory_) {
    world->memory_[region.first] = std::make_shared<std::vector<uint8_t>>(*region.second);
  }
  world->random = random;
  world->random();
  return world;
}

}  // namespace testing
}  // namespace ingest_wal
