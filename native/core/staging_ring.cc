#include "staging_ring.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "crc32c.h"
#include "segment_header.h"

namespace ingest_wal {
namespace {

constexpr uint64_t kRingMagic = 0x31474e5257534749;  // "IGSWRNG1"
constexpr uint32_t kRingVersion = 3;
constexpr size_t kMagicAt = 0;
constexpr size_t kVersionAt = 8;
constexpr size_t kChecksumAt = 12;
constexpr size_t kLogIdAt = 16;
constexpr size_t kDeviceAt = 32;
constexpr size_t kInodeAt = 40;
constexpr size_t kCapacityAt = 48;
constexpr size_t kStaticBytes = 64;
constexpr int kMostLooks = 100;

static_assert(std::atomic<uint64_t>::is_always_lock_free, "positions are shared between processes");
static_assert(sizeof(std::atomic<uint64_t>) == sizeof(uint64_t));
static_assert(std::atomic<uint32_t>::is_always_lock_free && sizeof(std::atomic<uint32_t>) == sizeof(uint32_t));
static_assert(kMaxRingBytes < UINT32_MAX, "the low half of a position tells it from tail on");

uint32_t StaticChecksum(const uint8_t* header) {
  return Crc32c(Crc32c(0, header, kChecksumAt), header + kLogIdAt, kStaticBytes - kLogIdAt);
}

std::atomic<uint64_t>* SharedAtomic(uint8_t* region, size_t offset) {
  return reinterpret_cast<std::atomic<uint64_t>*>(region + offset);
}

std::atomic<uint32_t>* SharedWord(uint8_t* region, size_t offset) {
  return reinterpret_cast<std::atomic<uint32_t>*>(region + offset);
}

// The number at or behind `base` whose low half is `low`.
uint64_t Complete(uint64_t base, uint32_t low) { return base + static_cast<uint32_t>(low - static_cast<uint32_t>(base)); }

// The capacity that the region's header names; 0 when it is not a sound ring header.
uint64_t CapacityOf(SharedRegion* region) {
  if (region->size() < ring::kDataAt + kMinRingBytes) return 0;
  const uint8_t* at = region->data();
  if (Load<uint64_t>(at + kMagicAt) != kRingMagic || Load<uint32_t>(at + kVersionAt) != kRingVersion) return 0;
  if (Load<uint32_t>(at + kChecksumAt) != StaticChecksum(at)) return 0;
  const uint64_t capacity = Load<uint64_t>(at + kCapacityAt);
  const bool sane = capacity >= kMinRingBytes && capacity <= kMaxRingBytes && capacity % kRecordAlignment == 0 &&
                    capacity == region->size() - ring::kDataAt;
  return sane ? capacity : 0;
}

}  // namespace

std::atomic<uint64_t>* StagingRing::AtomicAt(size_t offset) const { return SharedAtomic(region_->data(), offset); }
std::atomic<uint32_t>* StagingRing::WordAt(size_t offset) const { return SharedWord(region_->data(), offset); }

Status StagingRing::Create(SharedMemory* memory, const std::string& name, uint64_t capacity, const LogId& log_id,
                           const DirectoryIdentity& directory, uint64_t durable_lsn,
                           std::unique_ptr<StagingRing>* ring) {
  std::unique_ptr<StagingRing> made(new StagingRing());
  if (memory != nullptr && !name.empty()) {
    std::unique_ptr<SharedRegion> region;
    INGEST_WAL_RETURN_IF_ERROR(memory->Create(name, ring::kDataAt + capacity, &region));
    made->Attach(std::move(region), capacity);
    made->shared_ = true;
  } else {
    made->Attach(AllocateHeapRegion(ring::kDataAt + capacity), capacity);
    if (made->region_ == nullptr) return Status(ErrorCode::kIo, "no memory for the staging ring");
  }
  uint8_t* at = made->region_->data();
  made->WordAt(ring::kHeadAt)->store(0, std::memory_order_relaxed);
  made->BeginAfter(durable_lsn);
  made->AtomicAt(ring::kTailAt)->store(0, std::memory_order_relaxed);
  made->AtomicAt(ring::kDurableLsnAt)->store(durable_lsn, std::memory_order_release);
  uint8_t header[kStaticBytes] = {};
  Store(header + kMagicAt, kRingMagic);
  Store(header + kVersionAt, kRingVersion);
  std::memcpy(header + kLogIdAt, log_id.data(), kLogIdBytes);
  Store(header + kDeviceAt, directory.device);
  Store(header + kInodeAt, directory.inode);
  Store(header + kCapacityAt, capacity);
  Store(header + kChecksumAt, StaticChecksum(header));
  std::memcpy(at + kVersionAt, header + kVersionAt, kStaticBytes - kVersionAt);
  // The magic number last: without it, the making of the ring was cut (IsUnfinishedRing).
  made->AtomicAt(kMagicAt)->store(kRingMagic, std::memory_order_release);
  *ring = std::move(made);
  return Status();
}

Status StagingRing::Reuse(SharedMemory* memory, const std::string& name, uint64_t capacity, const LogId& log_id,
                          const DirectoryIdentity& directory, uint64_t durable_lsn,
                          std::unique_ptr<StagingRing>* ring) {
  std::unique_ptr<SharedRegion> region;
  INGEST_WAL_RETURN_IF_ERROR(memory->Open(name, true, &region));
  std::unique_ptr<StagingRing> made(new StagingRing());
  const bool fits = IsRingOf(region.get(), log_id, directory) && CapacityOf(region.get()) == capacity;
  if (fits) made->Attach(std::move(region), capacity);
  if (!fits || made->used_bytes() > capacity || made->tail() > kMaxLsn) {
    return Status(ErrorCode::kInvalidArgument, name + " is no ring to go on with");
  }
  made->shared_ = true;
  // As the writer releases what it has synced: durable LSN, then tail. Positions go on, so that whoever copies the ring
  // meanwhile sees that entries have left it.
  made->Release(made->head(), durable_lsn);
  made->BeginAfter(durable_lsn);
  *ring = std::move(made);
  return Status();
}

void StagingRing::Attach(std::shared_ptr<SharedRegion> region, uint64_t capacity) {
  region_ = std::move(region);
  capacity_ = capacity;
  if (region_ != nullptr) data_ = region_->data() + ring::kDataAt;
}

void StagingRing::BeginAfter(uint64_t durable_lsn) {
  WordAt(ring::kLastLsnAt)->store(static_cast<uint32_t>(durable_lsn), std::memory_order_relaxed);
  WordAt(ring::kWakeAtAt)->store(ring::kNeverWake, std::memory_order_relaxed);
  WordAt(ring::kWriterFencesAt)->store(0, std::memory_order_relaxed);
  SetState(0);
  new (region_->data() + ring::kFiguresAt) WriterFigures();
}

WriterFigures* StagingRing::figures() const {
  return reinterpret_cast<WriterFigures*>(region_->data() + ring::kFiguresAt);
}

uint8_t* StagingRing::Reserve(size_t bytes) {
  next_ = head();
  const uint64_t at = next_ % capacity_;
  const uint64_t lap_left = capacity_ - at;
  const uint64_t padding = bytes <= lap_left ? 0 : lap_left;
  if (next_ + bytes + padding - tail() > capacity_) return nullptr;
  if (padding == 0) return data_ + at;
  Store(data_ + at, staged::kPaddingMagic);
  next_ += padding;
  return data_;
}

void StagingRing::Publish(size_t bytes, uint64_t lsn) {
  WordAt(ring::kLastLsnAt)->store(static_cast<uint32_t>(lsn), std::memory_order_relaxed);
  // Sequentially consistent: ordered against the writer's "I am going to sleep" (writer.cc).
  WordAt(ring::kHeadAt)->store(static_cast<uint32_t>(next_ + bytes), std::memory_order_seq_cst);
}

bool StagingRing::HasRoom(uint64_t bytes) const {
  const uint64_t next = head();
  const uint64_t lap_left = capacity_ - next % capacity_;
  const uint64_t needed = bytes <= lap_left ? bytes : bytes + lap_left;
  return next + needed - tail() <= capacity_;
}

uint64_t StagingRing::head() const {
  const uint64_t behind = tail();
  return Complete(behind, WordAt(ring::kHeadAt)->load(std::memory_order_seq_cst));
}
uint64_t StagingRing::last_lsn() const {
  const uint64_t behind = durable_lsn();
  return Complete(behind, WordAt(ring::kLastLsnAt)->load(std::memory_order_acquire));
}
uint64_t StagingRing::tail() const { return AtomicAt(ring::kTailAt)->load(std::memory_order_acquire); }
uint64_t StagingRing::durable_lsn() const { return AtomicAt(ring::kDurableLsnAt)->load(std::memory_order_acquire); }

StagingRing::Slice StagingRing::SliceAt(uint64_t position, uint64_t head) const {
  Slice slice;
  while (position < head) {
    const uint64_t at = position % capacity_;
    const uint64_t lap_left = capacity_ - at;
    if (Load<uint32_t>(data_ + at) == staged::kPaddingMagic) {
      position += lap_left;
      continue;
    }
    slice.data = data_ + at;
    slice.bytes = static_cast<size_t>(std::min(lap_left, head - position));
    slice.end_position = position + slice.bytes;
    return slice;
  }
  slice.end_position = position;
  return slice;
}

void StagingRing::Release(uint64_t position, uint64_t durable_lsn) {
  AtomicAt(ring::kDurableLsnAt)->store(durable_lsn, std::memory_order_release);
  AtomicAt(ring::kTailAt)->store(position, std::memory_order_release);
}

bool IsRingOf(SharedRegion* region, const LogId& log_id, const DirectoryIdentity& directory) {
  if (CapacityOf(region) == 0) return false;
  const uint8_t* at = region->data();
  return std::memcmp(at + kLogIdAt, log_id.data(), kLogIdBytes) == 0 &&
         Load<uint64_t>(at + kDeviceAt) == directory.device && Load<uint64_t>(at + kInodeAt) == directory.inode;
}

namespace {

struct CopiedLap {
  uint64_t first_position = 0;
  std::vector<uint8_t> bytes;
};

struct Positions {
  uint64_t tail = 0;
  uint64_t head = 0;
  uint64_t durable_lsn = 0;
};

// As they were at one moment. In a ring that is damaged, head may be more than `capacity` ahead of tail.
Positions LookAtPositions(uint8_t* base, uint64_t capacity) {
  Positions seen;
  // A head that was moved after tail was read may lie further ahead of it than the ring is large.
  for (int look = 0; look < kMostLooks; look++) {
    seen.tail = SharedAtomic(base, ring::kTailAt)->load(std::memory_order_seq_cst);
    seen.durable_lsn = SharedAtomic(base, ring::kDurableLsnAt)->load(std::memory_order_acquire);
    seen.head = Complete(seen.tail, SharedWord(base, ring::kHeadAt)->load(std::memory_order_seq_cst));
    if (seen.head - seen.tail <= capacity) break;
  }
  return seen;
}

// Takes the whole entries out of what was copied from [from, head), stopping at the first thing that is none.
void TakeEntries(const CopiedLap& lap, uint64_t from, uint64_t head, uint64_t capacity, RingContents* contents) {
  uint64_t position = from;
  while (position < head) {
    const uint64_t lap_left = capacity - position % capacity;
    const size_t skip = static_cast<size_t>(position - lap.first_position);
    const Bytes rest(lap.bytes.data() + skip, lap.bytes.size() - skip);
    if (rest.size >= sizeof(uint32_t) && Load<uint32_t>(rest.data) == staged::kPaddingMagic && lap_left <= rest.size) {
      position += lap_left;
      continue;
    }
    Entry entry;
    size_t bytes = 0;
    const bool whole = ReadStaged(rest, &entry, &bytes) && bytes <= lap_left;
    if (!whole || (contents->entries != 0 && entry.lsn != contents->last_lsn + 1)) {
      contents->damaged = true;
      return;
    }
    if (contents->entries == 0) contents->first_lsn = entry.lsn;
    contents->last_lsn = entry.lsn;
    contents->entries++;
    contents->staged.insert(contents->staged.end(), rest.data, rest.data + bytes);
    position += bytes;
  }
}

// The durable LSN decides what is lost and which numbers come next, so it is held against the entries.
void CheckDurableLsn(RingContents* contents) {
  const bool behind_entries = contents->entries != 0 && !contents->damaged && contents->durable_lsn > contents->last_lsn;
  if (behind_entries || contents->durable_lsn >= kMaxLsn) {
    contents->damaged = true;
    contents->durable_lsn = 0;
  }
  // Entries leave the ring when they are durable.
  if (contents->entries != 0) contents->durable_lsn = std::max(contents->durable_lsn, contents->first_lsn - 1);
}

}  // namespace

RingContents CopyRing(SharedRegion* region) {
  RingContents contents;
  const uint64_t capacity = CapacityOf(region);
  if (capacity == 0) return contents;
  contents.found = true;
  uint8_t* base = region->data();
  const auto [tail, head, durable_lsn] = LookAtPositions(base, capacity);
  contents.durable_lsn = durable_lsn;
  if (head - tail > capacity || tail > kMaxLsn || tail % kRecordAlignment != 0 || head % kRecordAlignment != 0) {
    contents.damaged = true;
    CheckDurableLsn(&contents);
    return contents;
  }
  CopiedLap lap;
  lap.first_position = tail;
  lap.bytes.resize(static_cast<size_t>(head - tail));
  for (uint64_t position = tail; position < head;) {
    const uint64_t at = position % capacity;
    const uint64_t count = std::min(capacity - at, head - position);
    std::memcpy(lap.bytes.data() + (position - tail), base + ring::kDataAt + at, static_cast<size_t>(count));
    position += count;
  }
  // What was drained while it was copied may have been overwritten. The fence keeps the copy before the look at tail.
  std::atomic_thread_fence(std::memory_order_acquire);
  const uint64_t later_tail = SharedAtomic(base, ring::kTailAt)->load(std::memory_order_acquire);
  TakeEntries(lap, std::min(std::max(tail, later_tail), head), head, capacity, &contents);
  CheckDurableLsn(&contents);
  return contents;
}

namespace {

// A ring of this log that another build left may hold entries that are nowhere else.
Status CheckVersion(SharedRegion* region, const LogId& log_id, const std::string& name) {
  if (region->size() < kStaticBytes) return Status();
  const uint8_t* at = region->data();
  const uint32_t version = Load<uint32_t>(at + kVersionAt);
  const bool ours = Load<uint64_t>(at + kMagicAt) == kRingMagic &&
                    std::memcmp(at + kLogIdAt, log_id.data(), kLogIdBytes) == 0 &&
                    Load<uint32_t>(at + kChecksumAt) == StaticChecksum(at);
  if (!ours || version == kRingVersion) return Status();
  return Status(ErrorCode::kNewerFormat, "the staging ring " + name + " is of version " + std::to_string(version) +
                                             ", this build takes over version " + std::to_string(kRingVersion) +
                                             "; open the log once with the build that wrote it");
}

// Something is there that cannot be looked at by this process, or at this moment: it may hold entries of this log. A log that
// went on without them would give their numbers to others.
bool MayHoldEntries(const Status& opened) {
  if (opened.code() == ErrorCode::kPermission) return true;
  switch (opened.system_errno()) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
    case EINTR:
    case EIO:
    case ENOSPC:
    case EDQUOT:
      return true;
    default:
      return false;
  }
}

// Null, with an empty name, when this directory has no ring.
Status FindRegion(SharedMemory* memory, const LogId& log_id, const DirectoryIdentity& directory,
                  std::unique_ptr<SharedRegion>* region, std::string* name) {
  for (int index = 0; memory != nullptr && index < kRingNames; index++) {
    *name = RingName(log_id, index);
    std::unique_ptr<SharedRegion> opened;
    const Status status = memory->Open(*name, false, &opened);
    if (status.code() == ErrorCode::kNotFound) continue;
    if (MayHoldEntries(status)) return status;
    // What is no ring of this directory is left alone.
    if (!status.ok()) continue;
    INGEST_WAL_RETURN_IF_ERROR(CheckVersion(opened.get(), log_id, *name));
    if (!IsRingOf(opened.get(), log_id, directory)) continue;
    *region = std::move(opened);
    return Status();
  }
  name->clear();
  return Status();
}

}  // namespace

Status FindRing(SharedMemory* memory, const LogId& log_id, const DirectoryIdentity& directory, RingContents* contents,
                std::string* name) {
  std::unique_ptr<SharedRegion> region;
  INGEST_WAL_RETURN_IF_ERROR(FindRegion(memory, log_id, directory, &region, name));
  if (region != nullptr) *contents = CopyRing(region.get());
  return Status();
}

const WriterFigures& RingFigures::writer() const {
  return *reinterpret_cast<const WriterFigures*>(region->data() + ring::kFiguresAt);
}

Status LookAtRing(SharedMemory* memory, const LogId& log_id, const DirectoryIdentity& directory, RingFigures* figures) {
  std::string name;
  std::unique_ptr<SharedRegion> region;
  INGEST_WAL_RETURN_IF_ERROR(FindRegion(memory, log_id, directory, &region, &name));
  if (region == nullptr) return Status();
  uint8_t* base = region->data();
  figures->found = true;
  figures->capacity = CapacityOf(region.get());
  figures->state = SharedWord(base, ring::kStateAt)->load(std::memory_order_acquire);
  figures->durable_lsn = SharedAtomic(base, ring::kDurableLsnAt)->load(std::memory_order_acquire);
  figures->last_lsn = Complete(figures->durable_lsn, SharedWord(base, ring::kLastLsnAt)->load(std::memory_order_acquire));
  const Positions positions = LookAtPositions(base, figures->capacity);
  figures->used_bytes = std::min(positions.head - positions.tail, figures->capacity);
  figures->region = std::move(region);
  return Status();
}

bool IsUnfinishedRing(SharedMemory* memory, const std::string& name) {
  std::unique_ptr<SharedRegion> region;
  const Status opened = memory->Open(name, false, &region);
  if (opened.code() == ErrorCode::kCorrupt) return true;
  if (!opened.ok() || region->size() < kStaticBytes) return false;
  return SharedAtomic(region->data(), kMagicAt)->load(std::memory_order_acquire) == 0;
}

std::string RingName(const LogId& log_id, int index) {
  // 30 characters at most: macOS allows 31.
  return "/ingest-wal-" + LogIdText(log_id).substr(0, 16) + "-" + std::to_string(index);
}

}  // namespace ingest_wal
