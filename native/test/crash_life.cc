#include "crash_life.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include "checkpoint_writer.h"
#include "segment_name.h"

namespace ingest_wal {
namespace testing {
namespace {

constexpr uint64_t kMaxOperations = 60;
constexpr uint64_t kMaxAppends = 8;  // between two other operations
constexpr Call kFailing[] = {Call::kSync,     Call::kSync, Call::kWrite,         Call::kRename,  Call::kUnlink,
                             Call::kAllocate, Call::kOpen, Call::kDirectorySync, Call::kTruncate};

bool TakesSpace(Call call) {
  return call == Call::kWrite || call == Call::kAllocate || call == Call::kSync || call == Call::kRename ||
         call == Call::kDirectorySync;
}

}  // namespace

void FaultPlan::Draw() {
  left_ = 0;
  switch ((*random_)() % 8) {
    case 0:
      code_ = ErrorCode::kNoSpace;
      left_ = 1 + (*random_)() % 12;
      break;
    case 1:
      code_ = ErrorCode::kIo;
      only_ = kFailing[(*random_)() % (sizeof(kFailing) / sizeof(kFailing[0]))];
      left_ = 1 + (*random_)() % 2;
      break;
    default:
      break;
  }
  skip_ = (*random_)() % 4;
}

Status FaultPlan::operator()(Call call) {
  if (left_ == 0) return Status();
  const bool hit = code_ == ErrorCode::kNoSpace ? TakesSpace(call) : call == only_;
  if (!hit) return Status();
  if (skip_ > 0) {
    skip_--;
    return Status();
  }
  left_--;
  if (call == Call::kSync) coverage_->failed_syncs++;
  if (code_ == ErrorCode::kNoSpace) {
    coverage_->no_space++;
    return Status(code_, "the disk is full", ENOSPC);
  }
  hard_errors_++;
  if (call != Call::kSync) coverage_->other_errors++;
  return Status(code_, "the device failed", EIO);
}

std::string Life::Run() {
  const uint64_t operations = 5 + (*random_)() % kMaxOperations;
  // Lives that fill ring and segments, and lives that see many calls and segments with little in them.
  const bool is_thin = (*random_)() % 4 == 0;
  const uint64_t max_appends = is_thin ? kMaxAppends / 4 : kMaxAppends;
  for (uint64_t i = 0; i < operations && world_->powered() && wrong_.empty(); i++) {
    if (faults_ != nullptr && i % 4 == 0) faults_->Draw();
    const uint64_t choice = (*random_)() % 10;
    if (compacts_ && (choice == 4 || choice == 5 || choice == 8)) {
      Compact();
    } else if (choice < 6) {
      for (uint64_t n = 1 + (*random_)() % max_appends; n > 0; n--) AppendOne();
    } else if (choice < 8) {
      if (is_thin && (*random_)() % 4 == 0) log_->writer()->RequestRotation();
      Flush();
    } else if (choice == 8 && (*random_)() % 2 == 0) {
      RetireLowest();
    } else if (log_->spare()->PrepareSome()) {
      slices_++;
    }
    if (world_->powered()) oracle_->acknowledged = log_->durable_lsn();
  }
  if (faults_ != nullptr && wrong_.empty()) Settle();
  Count();
  return wrong_;
}

std::string Life::Close() {
  while (world_->powered() && log_->writer()->Step()) {
  }
  if (world_->powered()) oracle_->acknowledged = log_->durable_lsn();
  const bool failed = log_->writer()->state() == LogState::kFailed;
  const Status closed = log_->Close();
  if (closed.ok()) coverage_->clean_closes++;
  return closed.ok() || failed || !world_->powered() ? "" : "close: " + closed.message();
}

void Life::AppendOne() {
  const uint64_t lsn = log_->last_lsn() + 1;
  const Expected entry = ExpectedEntry(lsn, oracle_->generation);
  const bool failed_before = log_->writer()->state() == LogState::kFailed;
  uint64_t got = 0;
  const ErrorCode code =
      log_->Append(static_cast<uint8_t>(1 + lsn % 6), entry.user_id, entry.payload, 0, &got);
  if (failed_before != (code == ErrorCode::kFailed)) wrong_ = "an append to a failed log must fail, and only there";
  if (code != ErrorCode::kOk) {
    if (log_->last_lsn() + 1 != lsn) wrong_ = "an append that was refused took a number";
    return;
  }
  if (got != lsn) wrong_ = "LSN " + std::to_string(got) + " instead of " + std::to_string(lsn);
  oracle_->generation_of.resize(static_cast<size_t>(got));
  oracle_->generation_of[static_cast<size_t>(got - 1)] = oracle_->generation;
}

void Life::Compact() {
  switch ((*random_)() % 6) {
    case 0:
      Flush();
      log_->writer()->RequestRotation();
      Flush();
      break;
    case 1:
    case 2:
      WriteCheckpoint();
      break;
    case 3:
    case 4:
      RetireCovered();
      log_->spare()->PrepareSome();
      break;
    default:
      RemoveOldCheckpoint();
      break;
  }
}

void Life::WriteCheckpoint() {
  CheckpointPlan plan;
  plan.directory = "wal";
  plan.through_segment = log_->writer()->complete_through();
  for (uint64_t user = 0; user < kUsers; user++) {
    plan.users.push_back(UserOf(user));
    plan.keep_from_lsn.push_back(kMaxLsn);
  }
  for (uint64_t lsn = 1; lsn <= log_->last_lsn(); lsn++) {
    if (IsKept(lsn)) plan.also_lsns.push_back(lsn);
  }
  // Whether it will be there after a crash is not known before it was said to be written, nor is what it covers.
  oracle_->compacted = std::max(oracle_->compacted, log_->durable_lsn());
  CheckpointScan written;
  const Status status = ingest_wal::WriteCheckpoint(world_->environment(), plan, &written);
  coverage_->checkpoints += status.ok() ? 1 : 0;
  if (status.ok()) oracle_->checkpoint = written.file.number;
  const bool is_of_nothing = status.code() == ErrorCode::kInvalidArgument;
  if (!status.ok() && !is_of_nothing && world_->powered() && faults_ == nullptr) {
    wrong_ = "checkpoint: " + status.message();
  }
}

void Life::RetireCovered() {
  const MemoryNames names = world_->names();
  for (const auto& name : names) {
    uint64_t number = 0;
    if (!ParseSegmentName(name.first, &number) || number <= last_retired_) continue;
    if (!log_->Retire(number).ok()) return;
    last_retired_ = number;
    coverage_->retired++;
  }
}

void Life::RemoveOldCheckpoint() {
  std::vector<std::string> found;
  for (const auto& name : world_->names()) {
    uint64_t number = 0;
    if (ParseCheckpointName(name.first, &number)) found.push_back(name.first);
  }
  if (found.size() < 3) return;
  std::unique_ptr<Directory> directory;
  if (!world_->environment().files->OpenDirectory("wal", false, &directory).ok()) return;
  // What it leaves to newer ones must have their names to stay.
  Status removed = directory->Sync();
  if (removed.ok()) removed = directory->Unlink(found.front());
  if (removed.ok() && found.front() == CheckpointName(oracle_->checkpoint)) oracle_->checkpoint = 0;
  if (!removed.ok() && world_->powered() && faults_ == nullptr) wrong_ = "unlink: " + removed.message();
}

void Life::RetireLowest() {
  std::vector<uint64_t> numbers;
  for (const auto& name : world_->names()) {
    uint64_t number = 0;
    if (ParseSegmentName(name.first, &number) && number > last_retired_) numbers.push_back(number);
  }
  if (numbers.size() < 2 || numbers[1] > log_->writer()->counters().segment.load()) return;
  SegmentHeader next;
  uint32_t version = 0;
  const std::vector<uint8_t>& bytes = world_->Contents(SegmentName(numbers[1]));
  if (CheckSegmentHeader(bytes.data(), 0, &next, &version) != HeaderState::kValid) {
    wrong_ = "a segment without a sound header";
    return;
  }
  // Without checkpoints, entries behind it are what says which LSN comes next.
  if (next.first_lsn > log_->durable_lsn()) return;
  if (!log_->writer()->Retire(numbers[0]).ok()) return;  // its seal is still to come
  oracle_->retired = std::max(oracle_->retired, next.first_lsn - 1);
  last_retired_ = numbers[0];
  coverage_->retired++;
}

bool Life::IsWrittenAgain(uint64_t number) const {
  SegmentHeader header;
  uint32_t version = 0;
  return world_->Exists(SegmentName(number)) &&
         CheckSegmentHeader(world_->Contents(SegmentName(number)).data(), 0, &header, &version) == HeaderState::kValid &&
         header.former_number != 0;
}

void Life::Flush() {
  Writer* writer = log_->writer();
  const uint64_t rotations = writer->counters().rotations.load();
  const LogState before = writer->state();
  writer->Step();
  if (writer->counters().rotations.load() != rotations) {
    // A spare of this size is ready after two slices: one makes the file, one fills it.
    if (slices_ >= 2) coverage_->spares_used++;
    slices_ = 0;
    coverage_->written_again += IsWrittenAgain(writer->counters().segment.load()) ? 1 : 0;
  }
  const LogState after = writer->state();
  coverage_->degraded += before == LogState::kOk && after == LogState::kDegraded ? 1 : 0;
  coverage_->resumed += before == LogState::kDegraded && after == LogState::kOk ? 1 : 0;
  coverage_->failed += before != LogState::kFailed && after == LogState::kFailed ? 1 : 0;
  if (world_->powered() && after == LogState::kFailed && (faults_ == nullptr || faults_->hard_errors() < 2)) {
    wrong_ = "the log failed without two errors in a row: " + writer->problem().message();
  }
}

void Life::Settle() {
  faults_->Clear();
  if (!world_->powered()) return;
  Writer* writer = log_->writer();
  for (int round = 0; round < 1000 && world_->powered() && writer->durable_lsn() < log_->last_lsn() &&
                      writer->state() != LogState::kFailed; round++) {
    Flush();
  }
  if (!world_->powered() || writer->state() == LogState::kFailed) return;
  oracle_->acknowledged = log_->durable_lsn();
  if (writer->durable_lsn() != log_->last_lsn()) wrong_ = "the log did not resume when the faults were gone";
  // Degraded with nothing staged, it finds out with the next entry.
  AppendOne();
  if (wrong_.empty()) Flush();
  if (world_->powered() && writer->state() != LogState::kOk) wrong_ = "the log is not well when the faults are gone";
  if (world_->powered()) oracle_->acknowledged = log_->durable_lsn();
}

void Life::Count() {
  coverage_->rotations += log_->writer()->counters().rotations.load();
  coverage_->ring_laps += log_->ring()->head() / log_->ring()->capacity();
  coverage_->backpressure += log_->backpressure();
  coverage_->recycled += log_->spare()->recycled();
  if (world_->uses_after_failed_sync() != 0) wrong_ = "a file was used again after a sync of it had failed";
}

}  // namespace testing
}  // namespace ingest_wal
