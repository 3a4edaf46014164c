#include "writer.h"

#include <algorithm>

#include "segment_name.h"

namespace ingest_wal {
namespace {

constexpr uint64_t kRetryNs = 100'000'000;
constexpr uint64_t kMostBatchesPerSync = 4;
// After so many intervals without an entry the writer stops looking by itself and must be woken.
constexpr int kIdleRounds = 10;
// A spare is asked for when this part of the active segment is used.
constexpr uint64_t kSpareAfter = 4;
constexpr int kMaxFailuresInARow = 2;
constexpr size_t kMaxEvents = 1000;
constexpr uint32_t kWakeAtOnce = 1;

Status RingIsDamaged() { return Status(ErrorCode::kCorrupt, "the staging ring holds bytes that are no entry"); }

}  // namespace

Writer::Writer(const Environment& environment, Directory* directory, StagingRing* ring, SpareSegment* spare,
               const WriterOptions& options, Start start)
    : environment_(environment),
      directory_(directory),
      ring_(ring),
      spare_(spare),
      options_(options),
      log_id_(start.log_id),
      active_(std::move(start.active)),
      next_number_(start.next_number),
      first_is_only_proof_(start.active_is_only_proof),
      drained_(ring->tail()),
      durable_checksum_(start.durable_checksum),
      complete_below_(active_ != nullptr ? active_->header().number : next_number_),
      counters_(ring->figures()->counters),
      histograms_(ring->figures()->histograms),
      sleep_(environment, ring, &ring->figures()->counters) {
  ring_->figures()->begun_ms.store(environment_.clock->WallMs(), std::memory_order_relaxed);
  if (active_ == nullptr) return;
  SetActive(active_->header().number, active_->header().first_lsn);
  counters_.segment = active_->header().number;
  counters_.segment_offset = active_->position();
  counters_.preallocated = active_->reserved();
}

// --- Sleeping and waking

bool Writer::Due(uint64_t now_ns, bool interval_passed) const {
  if (!Staged() && !RotationDue()) return false;
  if (state() == LogState::kFailed) return false;
  if (state() == LogState::kDegraded && now_ns < retry_at_ns_) return false;
  return interval_passed || RotationDue() || stopping_.load() || state() == LogState::kDegraded ||
         ring_->head() - drained_ >= options_.batch_bytes || requested_lsn_.load() > durable_lsn();
}

void Writer::RequestDurable(uint64_t lsn) {
  if (lsn > requested_lsn_.load(std::memory_order_relaxed)) requested_lsn_.store(lsn, std::memory_order_seq_cst);
  // Against Acknowledge(), which stores the durable LSN and then looks at the request: one of the two always sees the other.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (lsn <= durable_lsn()) {
    WakeListener();
    return;
  }
  WakeWriter();
}

void Writer::RequestDrained() {
  drain_requested_.store(true, std::memory_order_seq_cst);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (IsDrained()) {
    WakeListener();
    return;
  }
  WakeWriter();
}

uint64_t Writer::RequestRotation() {
  uint64_t through = 0;
  {
    const std::lock_guard<std::mutex> lock(active_mutex_);
    through = active_first_lsn_ <= durable_lsn() ? active_number_ : active_number_ - 1;
  }
  // Only ever more; the writer looks at it before it sleeps.
  if (through > rotate_through_.load()) rotate_through_.store(through);
  if (through > complete_through()) WakeWriter();
  return through;
}

void Writer::SetActive(uint64_t number, uint64_t first_lsn) {
  const std::lock_guard<std::mutex> lock(active_mutex_);
  active_number_ = number;
  active_first_lsn_ = first_lsn;
}

void Writer::Stop() {
  stopping_.store(true, std::memory_order_seq_cst);
  WakeWriter();
}

// What is there to do for a writer that is about to sleep until it is woken, or for a while.
bool Writer::HasWork(bool until_woken) const {
  const bool staged_meanwhile = until_woken && state() != LogState::kFailed && (Staged() || RotationDue());
  return staged_meanwhile || stopping_.load() || Due(environment_.clock->MonotonicNs(), false);
}

void Writer::Sleep(uint32_t wake_at, uint64_t deadline_ns) {
  const bool until_woken = deadline_ns == WriterSleep::kUntilWoken;
  sleep_.Sleep(wake_at, deadline_ns, [this, until_woken] { return HasWork(until_woken); });
}

void Writer::Run() {
  const auto wake_at_batch = static_cast<uint32_t>(std::min<uint64_t>(options_.batch_bytes, ring::kNeverWake - 1));
  int idle_rounds = 0;
  uint64_t deadline_ns = environment_.clock->MonotonicNs() + options_.batch_interval_ns;
  for (;;) {
    const uint64_t now_ns = environment_.clock->MonotonicNs();
    const bool interval_passed = now_ns >= deadline_ns;
    if (Due(now_ns, interval_passed)) {
      Step();
      idle_rounds = 0;
      deadline_ns = environment_.clock->MonotonicNs() + options_.batch_interval_ns;
      continue;
    }
    if (stopping_.load()) {
      // Drained, unless there was no space: one more try, then the rest stays in the ring.
      while (Step()) {
      }
      return;
    }
    if (state() == LogState::kDegraded) {
      Sleep(wake_at_batch, retry_at_ns_);
      continue;
    }
    if (interval_passed) {
      if (idle_rounds++ == 0) Rest();
      deadline_ns = now_ns + options_.batch_interval_ns;
    }
    if (idle_rounds >= kIdleRounds || state() == LogState::kFailed) {
      Sleep(kWakeAtOnce, WriterSleep::kUntilWoken);
      idle_rounds = 0;
      deadline_ns = environment_.clock->MonotonicNs() + options_.batch_interval_ns;
    } else {
      Sleep(wake_at_batch, deadline_ns);
    }
  }
}

Status Writer::CheckComplete(uint64_t number) const {
  const uint64_t complete_below = complete_below_.load(std::memory_order_acquire);
  if (number == 0 || number >= complete_below) {
    return Status(ErrorCode::kInvalidArgument, "segment " + std::to_string(number) + " cannot be retired; allowed: those " +
                                                   "before " + std::to_string(complete_below));
  }
  return Status();
}

Status Writer::Retire(uint64_t number) {
  INGEST_WAL_RETURN_IF_ERROR(CheckComplete(number));
  spare_->Retire(number);
  return Status();
}

Status Writer::RetireUncompressed(uint64_t number) {
  INGEST_WAL_RETURN_IF_ERROR(CheckComplete(number));
  spare_->RetireUncompressed(number);
  return Status();
}

// --- Writing

bool Writer::Step() {
  if ((!Staged() && !RotationDue()) || state() == LogState::kFailed) return false;
  const Status status = Flush();
  if (status.ok()) return true;
  HandleFailure(status);
  return false;
}

Status Writer::Flush() {
  writing_ = false;
  if (Staged()) INGEST_WAL_RETURN_IF_ERROR(WriteStaged());
  if (RotationDue()) INGEST_WAL_RETURN_IF_ERROR(Rotate());
  failures_in_a_row_ = 0;
  if (state() == LogState::kDegraded) SetState(LogState::kOk, LogEvent::Kind::kResumed, Status());
  AfterFlush();
  return Status();
}

Status Writer::NextRecordBytes(uint64_t position, uint64_t* bytes) {
  const StagingRing::Slice slice = ring_->SliceAt(position, ring_->head());
  Entry entry;
  size_t staged_bytes = 0;
  if (!ReadStaged(Bytes(slice.data, slice.bytes), &entry, &staged_bytes)) return RingIsDamaged();
  *bytes = Batch::MostBytesOf(entry);
  return Status();
}

Status Writer::CollectBatch(uint64_t limit, uint64_t last_lsn, uint64_t* end_position) {
  const uint64_t head = ring_->head();
  uint64_t lsn = last_lsn + 1;
  while (*end_position < head) {
    const StagingRing::Slice slice = ring_->SliceAt(*end_position, head);
    size_t taken = 0;
    Entry entry;
    size_t bytes = 0;
    while (taken < slice.bytes && ReadStaged(Bytes(slice.data + taken, slice.bytes - taken), &entry, &bytes)) {
      if (entry.lsn != lsn) return RingIsDamaged();
      if (!batch_.Add(entry, limit)) {
        *end_position = slice.end_position - (slice.bytes - taken);
        return Status();
      }
      lsn++;
      taken += bytes;
    }
    *end_position = slice.end_position - (slice.bytes - taken);
    // What is behind the entries of a lap is padding, which the next slice begins behind.
    const bool lap_ended = taken == slice.bytes || Load<uint32_t>(slice.data + taken) == staged::kPaddingMagic;
    if (!lap_ended || (taken == 0 && slice.bytes != 0)) return RingIsDamaged();
  }
  return Status();
}

Status Writer::OpenSegment(uint64_t first_record_bytes) {
  if (next_number_ > kMaxSegmentNumber) return Status(ErrorCode::kIo, "there are no more segment numbers");
  SegmentHeader header;
  header.log_id = log_id_;
  header.number = next_number_++;
  environment_.random->Fill(reinterpret_cast<uint8_t*>(&header.salt), sizeof(header.salt));
  header.previous_lsn = durable_lsn();
  header.first_lsn = header.previous_lsn + 1;
  header.previous_checksum = durable_checksum_;
  header.created_ms = environment_.clock->WallMs();
  const uint64_t needed = kSegmentDataAt + mark::kBytes + first_record_bytes + kTailReserveBytes + mark::kBytes;
  header.planned_bytes = std::max(options_.segment_bytes, needed);
  std::unique_ptr<SegmentWriter> made;
  INGEST_WAL_RETURN_IF_ERROR(SegmentWriter::Prepare(directory_, spare_, header, &made));
  const Status published = made->Publish();
  if (!published.ok()) {
    made->Withdraw();
    return published;
  }
  active_ = std::move(made);
  SetActive(header.number, header.first_lsn);
  users_.Forget();
  counters_.segment.store(header.number, std::memory_order_relaxed);
  counters_.preallocated.store(active_->reserved(), std::memory_order_relaxed);
  counters_.rotations.fetch_add(1, std::memory_order_relaxed);
  counters_.written_bytes.fetch_add(active_->written_bytes(), std::memory_order_relaxed);
  LogEvent event;
  event.kind = LogEvent::Kind::kRotate;
  event.segment = header.number;
  event.lsn = header.first_lsn;
  Post(std::move(event));
  return Status();
}

Status Writer::EnsureSegment(uint64_t first_record_bytes) {
  if (active_ != nullptr && !active_->Usable().ok()) AbandonActive();
  if (active_ != nullptr && active_->room() >= first_record_bytes) return Status();
  RetireActive();
  return OpenSegment(first_record_bytes);
}

void Writer::RetireActive() {
  if (active_ == nullptr) return;
  SealRetiring();
  retiring_ = std::move(active_);
  retiring_next_lsn_ = durable_lsn() + 1;
}

// Everything that the active segment holds is durable by now.
Status Writer::Rotate() {
  if (active_ != nullptr && !active_->Usable().ok()) AbandonActive();
  if (active_ == nullptr || active_->header().number <= rotate_through_.load()) {
    RetireActive();
    INGEST_WAL_RETURN_IF_ERROR(OpenSegment(0));
  }
  SealRetiring();
  WakeListener();
  return Status();
}

Status Writer::WriteStaged() {
  const uint64_t begun_ns = environment_.clock->MonotonicNs();
  uint64_t first_record_bytes = 0;
  INGEST_WAL_RETURN_IF_ERROR(NextRecordBytes(drained_, &first_record_bytes));
  INGEST_WAL_RETURN_IF_ERROR(EnsureSegment(first_record_bytes));
  const uint64_t head = ring_->head();
  Written written{drained_, durable_lsn(), durable_checksum_, 0};
  Status status = WriteBatch(first_record_bytes, &written);
  // What is staged now shares one sync, and so do whole batches that arrive meanwhile; the disk takes up each while the
  // next is framed.
  const uint64_t most_bytes = kMostBatchesPerSync * options_.batch_bytes;
  while (status.ok() && written.bytes < most_bytes &&
         (written.position < head || ring_->head() - written.position >= options_.batch_bytes)) {
    status = NextRecordBytes(written.position, &first_record_bytes);
    if (!status.ok() || active_->room() < first_record_bytes) break;
    active_->StartWriteback();
    status = WriteBatch(first_record_bytes, &written);
  }
  if (written.position == drained_) return status;
  const uint64_t sync_begun_ns = environment_.clock->MonotonicNs();
  const Status synced = active_->Sync();
  if (!synced.ok()) {
    // Final for this file whatever the reason, a full disk included: what of the batches reached it is unknown.
    AbandonActive();
    return synced;
  }
  counters_.syncs.fetch_add(1, std::memory_order_relaxed);
  const uint64_t synced_ns = environment_.clock->MonotonicNs();
  histograms_.sync_ns.Record(synced_ns - sync_begun_ns);
  histograms_.flush_ns.Record(synced_ns - begun_ns);
  Acknowledge(written);
  return status;
}

Status Writer::WriteBatch(uint64_t first_entry_bytes, Written* written) {
  active_->BeginBatch(&users_, first_entry_bytes, &batch_);
  uint64_t end_position = written->position;
  INGEST_WAL_RETURN_IF_ERROR(CollectBatch(std::min(active_->room(), options_.batch_bytes), written->lsn, &end_position));
  writing_ = true;
  INGEST_WAL_RETURN_IF_ERROR(active_->WriteBatch(&batch_, durable_lsn(), environment_.clock->WallMs()));
  writing_ = false;
  counters_.batches.fetch_add(1, std::memory_order_relaxed);
  counters_.written_bytes.fetch_add(batch_.bytes(), std::memory_order_relaxed);
  histograms_.batch_entries.Record(batch_.last_lsn() - written->lsn);
  histograms_.batch_bytes.Record(batch_.bytes());
  *written = Written{end_position, batch_.last_lsn(), batch_.last_checksum(), written->bytes + batch_.bytes()};
  return Status();
}

void Writer::Acknowledge(const Written& written) {
  const uint64_t before = durable_lsn();
  durable_checksum_ = written.checksum;
  drained_ = written.position;
  counters_.segment_offset.store(active_->position(), std::memory_order_relaxed);
  ring_->Release(written.position, written.lsn);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const bool waited_for = requested_lsn_.load() > before;
  const bool drained = drain_requested_.load() && IsDrained();
  if (drained) drain_requested_.store(false);
  if (waited_for || drained) WakeListener();
}

void Writer::AfterFlush() {
  const uint64_t used = active_->position();
  if (used >= options_.segment_bytes / kSpareAfter) spare_->Request();
  const bool idle = !Staged();
  if (idle && active_->RoomForIdleMark()) {
    const Status marked = active_->WriteIdleMark(durable_lsn() + 1, environment_.clock->WallMs());
    // Nothing is lost, but this file takes no more.
    if (!marked.ok()) AbandonActive();
  }
  if (idle || retiring_ == nullptr) SealRetiring();
}

// A log that is in use rests: now the next segment costs nobody anything, and what is left of this one neither.
void Writer::Rest() {
  spare_->Writes(0);
  if (active_ == nullptr || state() != LogState::kOk || active_->position() < kSegmentDataAt + options_.batch_bytes) return;
  active_->Rest();
  spare_->Request();
}

// The entries in it are durable without the seal; a seal that fails is made by the next recovery.
void Writer::SealRetiring() {
  if (retiring_ != nullptr) {
    const Status sealed = retiring_->Seal(retiring_next_lsn_, environment_.clock->WallMs());
    if (!sealed.ok()) spare_->NeverFillAgain(retiring_->header().number);
    retiring_.reset();
  }
  complete_below_.store(active_ != nullptr ? active_->header().number : next_number_, std::memory_order_release);
}

void Writer::AbandonActive() { active_.reset(); }

// --- Failing

void Writer::HandleFailure(const Status& status) {
  // The user records of the batch may not have reached the segment.
  users_.Forget();
  const bool no_space = status.code() == ErrorCode::kNoSpace;
  if (status.code() == ErrorCode::kCorrupt) {
    SetState(LogState::kFailed, LogEvent::Kind::kFailed, status);
    return;
  }
  if (no_space) {
    if (writing_ && active_ != nullptr && !active_->CutToPosition().ok()) AbandonActive();
    retry_at_ns_ = environment_.clock->MonotonicNs() + kRetryNs;
    if (state() != LogState::kDegraded) SetState(LogState::kDegraded, LogEvent::Kind::kDegraded, status);
    return;
  }
  AbandonActive();
  failures_in_a_row_++;
  if (failures_in_a_row_ >= kMaxFailuresInARow) SetState(LogState::kFailed, LogEvent::Kind::kFailed, status);
}

void Writer::SetState(LogState state, LogEvent::Kind kind, const Status& status) {
  {
    const std::lock_guard<std::mutex> lock(events_mutex_);
    problem_ = status;
  }
  state_.store(state, std::memory_order_release);
  ring_->SetState(static_cast<uint32_t>(state));
  LogEvent event;
  event.kind = kind;
  event.segment = counters_.segment.load(std::memory_order_relaxed);
  event.lsn = durable_lsn();
  event.status = status;
  Post(std::move(event));
}

void Writer::Post(LogEvent event) {
  {
    const std::lock_guard<std::mutex> lock(events_mutex_);
    if (events_.size() >= kMaxEvents) events_.erase(events_.begin());
    events_.push_back(std::move(event));
  }
  WakeListener();
}

void Writer::WakeListener() {
  if (listener_ != nullptr) listener_->Wake();
}

Status Writer::problem() {
  const std::lock_guard<std::mutex> lock(events_mutex_);
  return problem_;
}

std::vector<LogEvent> Writer::TakeEvents() {
  const std::lock_guard<std::mutex> lock(events_mutex_);
  std::vector<LogEvent> taken;
  taken.swap(events_);
  return taken;
}

Status Writer::Finish() {
  if (Staged() || state() == LogState::kFailed) {
    const Status why = problem();
    return Status(why.ok() ? ErrorCode::kFailed : why.code(),
                  "entries behind LSN " + std::to_string(durable_lsn()) + " could not be made durable; they wait in " +
                      (ring_->shared() ? "shared memory for the next writer" : "memory") +
                      (why.ok() ? "" : ": " + why.message()),
                  why.system_errno());
  }
  SealRetiring();
  if (active_ == nullptr) return Status();
  const bool holds_nothing = durable_lsn() < active_->header().first_lsn && !first_is_only_proof_;
  Status status;
  if (holds_nothing) {
    status = directory_->Unlink(SegmentName(active_->header().number));
    if (status.ok()) status = directory_->Sync();
  } else if (active_->Usable().ok()) {
    status = active_->Seal(durable_lsn() + 1, environment_.clock->WallMs());
  }
  active_.reset();
  state_.store(LogState::kClosed, std::memory_order_release);
  return status;
}

}  // namespace ingest_wal
