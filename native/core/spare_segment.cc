#include "spare_segment.h"

#include <algorithm>

#include "record.h"
#include "segment_header.h"
#include "segment_name.h"

namespace ingest_wal {
namespace {

constexpr uint64_t kSliceBytes = uint64_t{1} << 20;
// Batches of a service that gets what it can take are larger, those of waiters smaller.
constexpr uint64_t kLargeWriteBytes = uint64_t{512} << 10;
// A segment that ended earlier is not worth keeping: what it lacks has to be written with zeros.
constexpr uint64_t kLeastRecycledShare = 2;

Status NotToBeRecycled(const char* why) { return Status(ErrorCode::kInvalidArgument, why); }

// The header of a file that ends behind its seal. Only of such a file is it known what it holds: its own records up to
// its end, and nothing older.
Status ReadSealedHeader(File* file, uint64_t size, SegmentHeader* header) {
  if (size < kSegmentDataAt + kSealBytes) return NotToBeRecycled("too short");
  std::vector<uint8_t> blocks(kSegmentDataAt);
  size_t got = 0;
  INGEST_WAL_RETURN_IF_ERROR(file->ReadAt(0, blocks.data(), blocks.size(), &got));
  bool sound = got == blocks.size();
  for (uint32_t copy = 0; copy < header::kCopies && sound; copy++) {
    uint32_t version = 0;
    sound = CheckSegmentHeader(blocks.data() + copy * header::kCopyBytes, copy, header, &version) == HeaderState::kValid;
  }
  if (!sound) return NotToBeRecycled("its header is damaged");
  uint8_t seal[mark::kBytes];
  const uint64_t seal_at = size - sizeof(seal);
  INGEST_WAL_RETURN_IF_ERROR(file->ReadAt(seal_at, seal, sizeof(seal), &got));
  Record record;
  CheckRecord(Bytes(seal, got), SegmentSeed(header->salt, header->number), header->first_lsn, seal_at, &record);
  const bool sealed = record.state == RecordState::kMark && record.mark.kind == MarkKind::kSealSecond;
  return sealed ? Status() : NotToBeRecycled("not sealed");
}

}  // namespace

Status SpareSegment::Make(uint64_t bytes, ReadyFile* ready) {
  const Status removed = directory_->Unlink(kSpareName);
  if (!removed.ok() && removed.code() != ErrorCode::kNotFound) return removed;
  *ready = ReadyFile();
  INGEST_WAL_RETURN_IF_ERROR(directory_->Open(kSpareName, OpenMode::kCreateNew, &ready->file));
  const Status allocated = ready->file->Allocate(bytes, &ready->reserved);
  if (allocated.ok()) return allocated;
  // A failed allocation leaves a part of the space taken on some file systems: give it back.
  ready->file.reset();
  const Status cleaned = directory_->Unlink(kSpareName);
  (void)cleaned;  // the allocation's error is the one to tell
  return allocated;
}

Status SpareSegment::Take(uint64_t bytes, ReadyFile* ready) {
  std::unique_lock<std::mutex> lock(mutex_);
  phase_ = Phase::kNone;  // no further slice
  changed_.wait(lock, [this] { return !busy_; });
  const bool usable = ready_.file != nullptr && bytes == bytes_;
  *ready = std::move(ready_);
  ready_ = ReadyFile();
  if (usable) return Status();
  ready->file.reset();
  return Make(bytes, ready);
}

void SpareSegment::Request() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (phase_ != Phase::kNone) return;
  phase_ = Phase::kWanted;
  stuck_ = false;
  changed_.notify_all();
}

std::shared_ptr<WriteAhead> SpareSegment::StartAhead(std::unique_ptr<File> file, uint64_t from, uint64_t end) {
  // An empty critical section, so that the wake-up cannot come between the thread's look and its sleep.
  const auto wake = [this] {
    { const std::lock_guard<std::mutex> lock(mutex_); }
    changed_.notify_all();
  };
  auto ahead = std::make_shared<WriteAhead>(std::move(file), from, end, wake);
  const std::lock_guard<std::mutex> lock(mutex_);
  ahead_ = ahead;
  changed_.notify_all();
  return ahead;
}

void SpareSegment::Writes(uint64_t bytes) {
  const bool is_busy = bytes >= kLargeWriteBytes;
  if (is_busy == writer_is_busy_) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  writer_is_busy_ = is_busy;
  if (!is_busy) changed_.notify_all();
}

void SpareSegment::Retire(uint64_t number) { Add({number, false}); }

void SpareSegment::RetireUncompressed(uint64_t number) { Add({number, true}); }

void SpareSegment::Add(const Retired& retired) {
  const std::lock_guard<std::mutex> lock(mutex_);
  retired_.push_back(retired);
  stuck_ = false;
  changed_.notify_all();
}

void SpareSegment::NeverFillAgain(uint64_t number) {
  const std::lock_guard<std::mutex> lock(mutex_);
  never_again_.insert(number);
}

SpareSegment::Work SpareSegment::NextWork() const {
  if (stopping_) return Work::kNone;
  if (ahead_ != nullptr && ahead_->HasWork()) return Work::kAhead;
  const bool has_spare = phase_ == Phase::kFilling || phase_ == Phase::kReady;
  const bool some_may_go = !retired_.empty() && !stuck_;
  const bool first_is_bad = some_may_go && (first_is_to_go_ || never_again_.count(retired_.front().number) != 0);
  if (some_may_go && (first_is_bad || has_spare || retired_.size() > 1)) return Work::kRemove;
  switch (phase_) {
    case Phase::kWanted:
      return some_may_go ? Work::kRecycle : Work::kMake;
    case Phase::kFilling:
      return writer_is_busy_ ? Work::kNone : Work::kFill;
    case Phase::kNone:
    case Phase::kReady:
      break;
  }
  return Work::kNone;
}

SpareSegment::Work SpareSegment::Begin(Retired* first, std::shared_ptr<WriteAhead>* ahead) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const Work work = NextWork();
  busy_ = work == Work::kMake || work == Work::kFill || work == Work::kRecycle;
  if (work == Work::kAhead) *ahead = ahead_;
  if (work == Work::kRecycle || work == Work::kRemove) *first = retired_.front();
  return work;
}

// A segment goes because checkpoints have names. Who wrote these may have died, or failed, before the names were durable:
// then a power cut could take them and this segment with them.
Status SpareSegment::SyncWhatReplacesIt() { return directory_->Sync(); }

// Where both are there, compression was cut short.
Status SpareSegment::RemoveCompressed(uint64_t number) {
  const Status unlinked = directory_->Unlink(CompressedSegmentName(number));
  if (unlinked.ok()) removed_.fetch_add(1, std::memory_order_relaxed);
  return unlinked.code() == ErrorCode::kNotFound ? Status() : unlinked;
}

// Steps in this order, because a file must have lost its old name for good before anything in it changes: until then a
// power cut may bring the name back.
Status SpareSegment::Recycle(const Retired& retired, ReadyFile* ready) {
  const std::string name = SegmentName(retired.number);
  uint64_t size = 0;
  SegmentHeader header;
  INGEST_WAL_RETURN_IF_ERROR(SyncWhatReplacesIt());
  *ready = ReadyFile();
  INGEST_WAL_RETURN_IF_ERROR(directory_->Open(name, OpenMode::kReadWrite, &ready->file));
  INGEST_WAL_RETURN_IF_ERROR(ready->file->Size(&size));
  if (size > bytes_ || size < bytes_ / kLeastRecycledShare) return NotToBeRecycled("of another size");
  INGEST_WAL_RETURN_IF_ERROR(ReadSealedHeader(ready->file.get(), size, &header));
  if (!retired.stays_compressed) INGEST_WAL_RETURN_IF_ERROR(RemoveCompressed(retired.number));
  INGEST_WAL_RETURN_IF_ERROR(directory_->Rename(name, kSpareName));
#ifndef INGEST_WAL_SEED_BUG_RECYCLED_TOO_EARLY  // planted by native/test/seeded_bug_test.cc, which must see it
  INGEST_WAL_RETURN_IF_ERROR(directory_->Sync());
#endif
  // Who has it open still reads what it was. Who opens it now does not find it.
  bool locked = false;
  INGEST_WAL_RETURN_IF_ERROR(ready->file->TryLock(true, &locked));
  if (!locked) return NotToBeRecycled("being read");
  INGEST_WAL_RETURN_IF_ERROR(ready->file->Allocate(bytes_, &ready->reserved));
  ready->former_salt = header.salt;
  ready->former_number = header.number;
  ready->written_bytes = size;
  return Status();
}

Status SpareSegment::Remove(const Retired& retired) {
  INGEST_WAL_RETURN_IF_ERROR(SyncWhatReplacesIt());
  if (!retired.stays_compressed) INGEST_WAL_RETURN_IF_ERROR(RemoveCompressed(retired.number));
  const Status unlinked = directory_->Unlink(SegmentName(retired.number));
  if (!unlinked.ok() && unlinked.code() != ErrorCode::kNotFound) return unlinked;
  removed_.fetch_add(unlinked.ok() ? 1 : 0, std::memory_order_relaxed);
  return directory_->Sync();
}

Status SpareSegment::Fill() {
  const uint64_t count = std::min(kSliceBytes, bytes_ - ready_.written_bytes);
  zeros_.resize(static_cast<size_t>(count));
  const Bytes part(zeros_.data(), zeros_.size());
  INGEST_WAL_RETURN_IF_ERROR(ready_.file->WriteAt(ready_.written_bytes, &part, 1));
  INGEST_WAL_RETURN_IF_ERROR(ready_.file->Sync());
  ready_.written_bytes += count;
  written_ahead_bytes_.fetch_add(count, std::memory_order_relaxed);
  return Status();
}

Status SpareSegment::Do(Work work, const Retired& first, WriteAhead* ahead) {
  switch (work) {
    case Work::kAhead: {
      uint64_t bytes = 0;
      ahead->WriteSome(&bytes);
      written_ahead_bytes_.fetch_add(bytes, std::memory_order_relaxed);
      break;
    }
    case Work::kMake:
      return Make(bytes_, &ready_);
    case Work::kFill:
      return Fill();
    case Work::kRecycle:
      return Recycle(first, &ready_);
    case Work::kRemove:
      return Remove(first);
    case Work::kNone:
      break;
  }
  return Status();
}

void SpareSegment::End(Work work, const Status& status) {
  const std::lock_guard<std::mutex> lock(mutex_);
  busy_ = false;
  switch (work) {
    case Work::kRemove:
      stuck_ = !status.ok();
      if (stuck_) break;
      first_is_to_go_ = false;
      never_again_.erase(retired_.front().number);
      retired_.pop_front();
      break;
    case Work::kRecycle:
      // One that cannot be filled again is unlinked, under whichever name it has by now.
      first_is_to_go_ = !status.ok();
      if (status.ok()) retired_.pop_front();
      recycled_.fetch_add(status.ok() ? 1 : 0, std::memory_order_relaxed);
      break;
    case Work::kAhead:
    case Work::kMake:
    case Work::kFill:
    case Work::kNone:
      // Not an error of the log: the writer will try itself when it needs the segment, and say what is wrong then.
      if (!status.ok()) phase_ = Phase::kNone;
      break;
  }
  if (!status.ok() && work != Work::kRemove) ready_ = ReadyFile();
  if (phase_ == Phase::kWanted && ready_.file != nullptr) phase_ = Phase::kFilling;
  if (phase_ == Phase::kFilling && ready_.written_bytes == bytes_) phase_ = Phase::kReady;
  changed_.notify_all();
}

bool SpareSegment::PrepareSome() {
  Retired first;
  std::shared_ptr<WriteAhead> ahead;
  const Work work = Begin(&first, &ahead);
  if (work == Work::kNone) return false;
  // busy_ keeps the writer away from ready_ until End().
  const Status status = Do(work, first, ahead.get());
  End(work, status);
  return true;
}

void SpareSegment::Run() {
  for (;;) {
    while (PrepareSome()) {
    }
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return stopping_ || NextWork() != Work::kNone; });
    if (stopping_) return;
  }
}

Status SpareSegment::Discard() {
  std::deque<Retired> retired;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    retired.swap(retired_);
  }
  for (const Retired& segment : retired) {
    if (!Remove(segment).ok()) break;
  }
  const Status removed = directory_->Unlink(kSpareName);
  const std::lock_guard<std::mutex> lock(mutex_);
  // Its space is given back when nobody has it open any more: here.
  ready_ = ReadyFile();
  phase_ = Phase::kNone;
  return removed;
}

void SpareSegment::Stop() {
  const std::lock_guard<std::mutex> lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

}  // namespace ingest_wal
