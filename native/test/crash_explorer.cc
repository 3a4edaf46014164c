#include "crash_explorer.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <thread>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "checkpoint_writer.h"
#include "segment_name.h"
#include "test_log.h"

namespace ingest_wal {
namespace testing {
namespace {

constexpr uint64_t kStatesPerCut = 12;
constexpr uint64_t kMaxOperations = 60;
constexpr uint64_t kShards = 16;
constexpr uint64_t kUsers = 17;

std::string UserOf(uint64_t user) { return "user-" + std::to_string(user); }

uint64_t Mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

// Payloads are stretches of this: made once, because a check regenerates every entry.
const std::vector<uint8_t>& Noise() {
  static const std::vector<uint8_t> noise = [] {
    std::vector<uint8_t> bytes(size_t{1} << 16);
    for (size_t i = 0; i < bytes.size(); i++) bytes[i] = static_cast<uint8_t>(Mix(i));
    return bytes;
  }();
  return noise;
}

// What the outside world knows.
struct Oracle {
  std::vector<uint64_t> generation_of;  // of entry lsn, at lsn - 1; grows with each append
  uint64_t acknowledged = 0;            // durable LSN last seen while the power was on
  uint64_t retired = 0;                 // entries up to here were in segments that were retired: they may be gone
  uint64_t compacted = 0;               // entries up to here may be in checkpoints only, if these keep them
  uint64_t generation = 1;
};

// What checkpoints of a life are to keep.
bool IsKept(uint64_t lsn) { return lsn % 3 == 0; }

// The entry that must come next behind `lsn`, at the latest.
uint64_t NextNeeded(uint64_t lsn, const Oracle& oracle) {
  uint64_t next = lsn + 1;
  while (next <= oracle.compacted && !IsKept(next)) next++;
  return next;
}

// A fault that lasts for a number of calls of one kind, or of any kind that takes space.
class FaultPlan {
 public:
  FaultPlan(std::mt19937_64* random, Coverage* coverage) : random_(random), coverage_(coverage) {}

  // Decides for the calls to come: mostly no fault.
  void Draw() {
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
  void Clear() { left_ = 0; }

  Status operator()(Call call) {
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

  uint64_t hard_errors() const { return hard_errors_; }

 private:
  static constexpr Call kFailing[] = {Call::kSync,   Call::kSync,     Call::kWrite, Call::kRename,
                                      Call::kUnlink, Call::kAllocate, Call::kOpen,  Call::kDirectorySync,
                                      Call::kTruncate};
  static bool TakesSpace(Call call) {
    return call == Call::kWrite || call == Call::kAllocate || call == Call::kSync || call == Call::kRename ||
           call == Call::kDirectorySync;
  }

  std::mt19937_64* const random_;
  Coverage* const coverage_;
  ErrorCode code_ = ErrorCode::kOk;
  Call only_ = Call::kSync;
  uint64_t left_ = 0;
  uint64_t skip_ = 0;
  uint64_t hard_errors_ = 0;
};

constexpr Call FaultPlan::kFailing[];

bool Same(Bytes left, Bytes right) {
  return left.size == right.size && std::equal(left.data, left.data + left.size, right.data);
}

std::string DescribeDamage(const Damage& damage) {
  return damage.kind + " in " + damage.file + " at " + std::to_string(damage.offset) + " lsn " +
         std::to_string(damage.first_lsn) + "-" + std::to_string(damage.last_lsn) + " " + damage.detail;
}

// Retired segments are gone from the beginning on, and nothing else is.
bool IsOfRetired(const Damage& damage, const Oracle& oracle) {
  return damage.kind == damage_kind::kMissingSegment && damage.first_lsn == 1 && damage.last_lsn <= oracle.retired;
}

// Reads everything, or what is live, and holds it against the oracle. Empty: all is well.
std::string CheckEntries(Log* log, const ReadOptions& options, const Oracle& oracle, uint64_t* checked) {
  std::unique_ptr<Reader> reader;
  const Status opened = log->Read(options, &reader);
  if (!opened.ok()) return "read: " + opened.message();
  uint64_t next = 1;
  for (;;) {
    Chunk chunk;
    const Status status = reader->Next(&chunk);
    if (!status.ok()) return "next: " + status.message();
    if (chunk.entries.empty() && chunk.damage.empty()) break;
    for (const Damage& damage : chunk.damage) {
      if (next != 1 || !IsOfRetired(damage, oracle)) return "the reader met damage: " + DescribeDamage(damage);
      next = damage.last_lsn + 1;
    }
    for (size_t i = 0; i < chunk.entries.size(); i++) {
      const Entry entry = reader->EntryOf(chunk, i);
      if (entry.lsn < next || entry.lsn > NextNeeded(next - 1, oracle)) {
        return "expected LSN " + std::to_string(next) + ", got " + std::to_string(entry.lsn);
      }
      next = entry.lsn;
      if (next > oracle.generation_of.size()) return "LSN " + std::to_string(next) + " was never appended";
      const Expected expected = ExpectedEntry(next, oracle.generation_of[static_cast<size_t>(next - 1)]);
      if (!Same(entry.user_id, Bytes(expected.user_id.data(), expected.user_id.size())) ||
          !Same(entry.payload, expected.payload)) {
        return "LSN " + std::to_string(next) + " came back with other content";
      }
      next++;
      (*checked)++;
    }
  }
  const uint64_t last = log->last_lsn();
  return NextNeeded(next - 1, oracle) > last ? "" : "read up to " + std::to_string(next - 1) + " of " + std::to_string(last);
}

// What must hold of a log that was just opened.
std::string Check(Log* log, const Oracle& oracle, const ExplorerOptions& options, uint64_t* checked) {
  const RecoveryReport& recovery = log->recovery();
  for (const Damage& damage : recovery.found.damage) {
    if (!IsOfRetired(damage, oracle)) return "a crash was taken for damage: " + DescribeDamage(damage);
  }
  const uint64_t last = log->last_lsn();
  if (last < oracle.acknowledged) {
    return "acknowledged up to " + std::to_string(oracle.acknowledged) + ", recovered up to " + std::to_string(last);
  }
  if (last > oracle.generation_of.size()) return "more came back than was appended";
  if (options.process_death && last != oracle.generation_of.size()) {
    return "appended " + std::to_string(oracle.generation_of.size()) + ", recovered " + std::to_string(last);
  }
  // No write is torn by a process that dies; what a former segment left of its last mark is the most that looks like it.
  const uint64_t torn_bytes = recovery.found.torn_tail.bytes;
  if (options.process_death && !options.faults && torn_bytes >= mark::kBytes) {
    return std::to_string(torn_bytes) + " bytes that nobody wrote were taken for a torn tail";
  }
  const std::string wrong = CheckEntries(log, ReadOptions(), oracle, checked);
  return wrong.empty() && options.checkpoints ? CheckEntries(log, Live(), oracle, checked) : wrong;
}

// One log, living in one world until the power goes or it has done enough.
class Life {
 public:
  Life(MemoryWorld* world, Log* log, Oracle* oracle, std::mt19937_64* random, bool compacts, FaultPlan* faults,
       Coverage* coverage)
      : world_(world), log_(log), oracle_(oracle), random_(random), compacts_(compacts), faults_(faults),
        coverage_(coverage) {}

  // Appends, flushes and prepares spares at random. Says what went wrong, or nothing.
  std::string Run() {
    const uint64_t operations = 5 + (*random_)() % kMaxOperations;
    for (uint64_t i = 0; i < operations && world_->powered() && wrong_.empty(); i++) {
      if (faults_ != nullptr && i % 4 == 0) faults_->Draw();
      const uint64_t choice = (*random_)() % 10;
      if (compacts_ && (choice == 4 || choice == 5 || choice == 8)) {
        Compact();
      } else if (choice < 6) {
        for (uint64_t n = 1 + (*random_)() % 8; n > 0; n--) AppendOne();
      } else if (choice < 8) {
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

  std::string Close() {
    while (world_->powered() && log_->writer()->Step()) {
    }
    if (world_->powered()) oracle_->acknowledged = log_->durable_lsn();
    const bool failed = log_->writer()->state() == LogState::kFailed;
    const Status closed = log_->Close();
    if (closed.ok()) coverage_->clean_closes++;
    return closed.ok() || failed || !world_->powered() ? "" : "close: " + closed.message();
  }

 private:
  void AppendOne() {
    const uint64_t lsn = log_->last_lsn() + 1;
    const Expected entry = ExpectedEntry(lsn, oracle_->generation);
    const bool failed_before = log_->writer()->state() == LogState::kFailed;
    uint64_t got = 0;
    const ErrorCode code = log_->Append(static_cast<uint8_t>(1 + lsn % 6),
                                        Bytes(entry.user_id.data(), entry.user_id.size()), entry.payload, 0, &got);
    if (failed_before != (code == ErrorCode::kFailed)) wrong_ = "an append to a failed log must fail, and only there";
    if (code != ErrorCode::kOk) {
      if (log_->last_lsn() + 1 != lsn) wrong_ = "an append that was refused took a number";
      return;
    }
    if (got != lsn) wrong_ = "LSN " + std::to_string(got) + " instead of " + std::to_string(lsn);
    oracle_->generation_of.resize(static_cast<size_t>(got));
    oracle_->generation_of[static_cast<size_t>(got - 1)] = oracle_->generation;
  }

  // One of the things that compaction does, at random.
  void Compact() {
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

  void WriteCheckpoint() {
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
    const bool is_of_nothing = status.code() == ErrorCode::kInvalidArgument;
    if (!status.ok() && !is_of_nothing && world_->powered() && faults_ == nullptr) {
      wrong_ = "checkpoint: " + status.message();
    }
  }

  // Whatever segments may go.
  void RetireCovered() {
    const MemoryNames names = world_->names();
    for (const auto& name : names) {
      uint64_t number = 0;
      if (!ParseSegmentName(name.first, &number) || number <= last_retired_) continue;
      if (!log_->Retire(number).ok()) return;
      last_retired_ = number;
      coverage_->retired++;
    }
  }

  // Two newer ones are there.
  void RemoveOldCheckpoint() {
    std::vector<std::string> found;
    for (const auto& name : world_->names()) {
      uint64_t number = 0;
      if (ParseCheckpointName(name.first, &number)) found.push_back(name.first);
    }
    if (found.size() < 3) return;
    std::unique_ptr<Directory> directory;
    if (!world_->environment().files->OpenDirectory("wal", false, &directory).ok()) return;
    const Status removed = directory->Unlink(found.front());
    if (!removed.ok() && world_->powered() && faults_ == nullptr) wrong_ = "unlink: " + removed.message();
  }

  // The segment with the lowest number, but for the two newest.
  void RetireLowest() {
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
    if (!log_->writer()->Retire(numbers[0]).ok()) return;  // its seal is still to come
    oracle_->retired = std::max(oracle_->retired, next.first_lsn - 1);
    last_retired_ = numbers[0];
    coverage_->retired++;
  }

  bool IsWrittenAgain(uint64_t number) const {
    SegmentHeader header;
    uint32_t version = 0;
    return world_->Exists(SegmentName(number)) &&
           CheckSegmentHeader(world_->Contents(SegmentName(number)).data(), 0, &header, &version) == HeaderState::kValid &&
           header.former_number != 0;
  }

  void Flush() {
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

  // With the faults gone, a log that has not failed takes everything and is well again.
  void Settle() {
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

  void Count() {
    coverage_->rotations += log_->writer()->counters().rotations.load();
    coverage_->ring_laps += log_->ring()->head() / log_->ring()->capacity();
    coverage_->backpressure += log_->backpressure();
    coverage_->recycled += log_->spare()->recycled();
    if (world_->uses_after_failed_sync() != 0) wrong_ = "a file was used again after a sync of it had failed";
  }

  MemoryWorld* const world_;
  Log* const log_;
  Oracle* const oracle_;
  std::mt19937_64* const random_;
  const bool compacts_;
  FaultPlan* const faults_;
  Coverage* const coverage_;
  uint64_t slices_ = 0;
  uint64_t last_retired_ = 0;
  std::string wrong_;
};

class Explorer {
 public:
  explicit Explorer(const ExplorerOptions& options) : options_(options), random_(options.seed) {}

  ExplorerResult Run() {
    while (result_.states < options_.states) OneCrash();
    return result_;
  }

 private:
  void Fail(const std::string& what) {
    result_.failures++;
    if (result_.first_failure.empty()) {
      result_.first_failure = what + " (seed " + std::to_string(options_.seed) + ", state " +
                              std::to_string(result_.states) + ")";
    }
  }

  std::unique_ptr<MemoryWorld> After(const MemoryWorld& world) {
    std::unique_ptr<MemoryWorld> next =
        options_.process_death ? world.AfterProcessDeath() : world.AfterPowerCut(&random_);
    if (options_.prepare) options_.prepare(next.get());
    return next;
  }

  // Lets `log` live in `world`, with faults when they are asked for. False when something went wrong.
  bool Live(MemoryWorld* world, Log* log, Oracle* oracle, bool close) {
    FaultPlan plan(&random_, &result_.coverage);
    if (options_.faults) world->SetFault([&plan](Call call, const std::string&) { return plan(call); });
    Life life(world, log, oracle, &random_, options_.checkpoints, options_.faults ? &plan : nullptr, &result_.coverage);
    std::string wrong = life.Run();
    world->SetFault(nullptr);
    if (wrong.empty() && close && world->powered()) wrong = life.Close();
    if (!wrong.empty()) Fail(wrong);
    return wrong.empty();
  }

  // One log from its creation to a crash, and what may come of that.
  void OneCrash() {
    MemoryWorld world;
    world.random.seed(random_());
    if (options_.prepare) options_.prepare(&world);
    world.CutAtCall(1 + random_() % (options_.checkpoints ? 600 : 220));
    Oracle oracle;
    std::unique_ptr<Log> log;
    const Status opened = Log::Open(world.environment(), SmallLogOptions(), &log);
    if (!opened.ok() && world.powered()) Fail("open: " + opened.message());
    if (opened.ok() && !Live(&world, log.get(), &oracle, random_() % 4 == 0)) {
      result_.states++;
      return;
    }
    for (uint64_t i = 0; i < kStatesPerCut && result_.states < options_.states; i++) {
      result_.states++;
      Relive(world, oracle);
    }
  }

  void Relive(const MemoryWorld& crashed, Oracle oracle) {
    std::unique_ptr<MemoryWorld> world = After(crashed);
    if (random_() % 3 == 0 && !CutInRecovery(&world)) return;
    if (options_.faults && random_() % 2 == 0 && !FailInRecovery(&world)) return;
    if (!OpenAndCheck(world.get(), &oracle, true)) return;
    world = After(*world);
    OpenAndCheck(world.get(), &oracle, false);
  }

  bool CutInRecovery(std::unique_ptr<MemoryWorld>* world) {
    (*world)->CutAtCall(1 + random_() % 40);
    std::unique_ptr<Log> log;
    const Status opened = Log::Open((*world)->environment(), SmallLogOptions(), &log);
    if (!opened.ok() && (*world)->powered()) {
      Fail("open while cut: " + opened.message());
      return false;
    }
    result_.coverage.cuts_in_recovery += opened.ok() ? 0 : 1;
    log.reset();
    *world = After(**world);
    return true;
  }

  // A fault in recovery may make it fail, clearly; it must not cost anything.
  bool FailInRecovery(std::unique_ptr<MemoryWorld>* world) {
    FaultPlan plan(&random_, &result_.coverage);
    plan.Draw();
    (*world)->SetFault([&plan](Call call, const std::string&) { return plan(call); });
    std::unique_ptr<Log> log;
    const Status opened = Log::Open((*world)->environment(), SmallLogOptions(), &log);
    log.reset();
    *world = (*world)->AfterProcessDeath();
    if (options_.prepare) options_.prepare(world->get());
    if (opened.ok()) return true;
    result_.coverage.failed_opens++;
    if (opened.code() == ErrorCode::kNoSpace || opened.code() == ErrorCode::kIo) return true;
    Fail("open with a fault: " + opened.message());
    return false;
  }

  bool OpenAndCheck(MemoryWorld* world, Oracle* oracle, bool go_on) {
    std::unique_ptr<Log> log;
    const Status opened = Log::Open(world->environment(), SmallLogOptions(), &log);
    if (!opened.ok()) {
      Fail("open: " + opened.message());
      return false;
    }
    const std::string wrong = Check(log.get(), *oracle, options_, &result_.entries_checked);
    if (!wrong.empty()) {
      Fail(wrong);
      return false;
    }
    CountRecovery(*log, *oracle);
    // What open gives back is durable from then on.
    oracle->generation_of.resize(static_cast<size_t>(log->last_lsn()));
    oracle->acknowledged = log->last_lsn();
    oracle->generation++;
    if (!go_on) return true;
    world->CutAtCall(1 + random_() % (options_.checkpoints ? 200 : 60));
    return Live(world, log.get(), oracle, false);
  }

  void CountRecovery(Log& log, const Oracle& oracle) {
    const RecoveryReport& recovery = log.recovery();
    Coverage& coverage = result_.coverage;
    coverage.clean_opens += recovery.found.clean && !recovery.created ? 1 : 0;
    const std::vector<CheckpointReport>& checkpoints = recovery.found.checkpoints;
    const bool is_based = !checkpoints.empty() && checkpoints.back().state == CheckpointState::kBase;
    coverage.based_opens += is_based ? 1 : 0;
    const std::vector<SegmentReport>& segments = recovery.found.segments;
    coverage.opens_without_history += is_based && (segments.empty() || segments.front().number != 1) ? 1 : 0;
    coverage.torn_tails += recovery.found.torn_tail.found ? 1 : 0;
    coverage.entries_carried += recovery.carried_entries;
    coverage.retired_and_gone += oracle.retired != 0 && !recovery.found.damage.empty() ? 1 : 0;
    coverage.retired_and_back += oracle.retired != 0 && recovery.found.damage.empty() ? 1 : 0;
    coverage.rings_gone_on_with += log.ring()->tail() != 0 ? 1 : 0;
    coverage.rings_taken_over += recovery.ring_taken_over && recovery.found.ring.entries > 0 ? 1 : 0;
    coverage.entries_dropped += oracle.generation_of.size() - log.last_lsn();
    for (const SegmentReport& segment : recovery.found.segments) {
      coverage.sealed_by_recovery += segment.state == SegmentState::kUnsealed ? 1 : 0;
    }
  }

  const ExplorerOptions options_;
  std::mt19937_64 random_;
  ExplorerResult result_;
};

}  // namespace

void Coverage::Add(const Coverage& other) {
  rotations += other.rotations;
  spares_used += other.spares_used;
  retired += other.retired;
  recycled += other.recycled;
  written_again += other.written_again;
  retired_and_gone += other.retired_and_gone;
  retired_and_back += other.retired_and_back;
  checkpoints += other.checkpoints;
  based_opens += other.based_opens;
  opens_without_history += other.opens_without_history;
  ring_laps += other.ring_laps;
  clean_closes += other.clean_closes;
  clean_opens += other.clean_opens;
  cuts_in_recovery += other.cuts_in_recovery;
  torn_tails += other.torn_tails;
  entries_carried += other.entries_carried;
  rings_taken_over += other.rings_taken_over;
  rings_gone_on_with += other.rings_gone_on_with;
  entries_dropped += other.entries_dropped;
  sealed_by_recovery += other.sealed_by_recovery;
  no_space += other.no_space;
  failed_syncs += other.failed_syncs;
  other_errors += other.other_errors;
  degraded += other.degraded;
  resumed += other.resumed;
  failed += other.failed;
  failed_opens += other.failed_opens;
  backpressure += other.backpressure;
}

Expected ExpectedEntry(uint64_t lsn, uint64_t generation) {
  const uint64_t mixed = Mix(lsn * 0x9e3779b97f4a7c15 ^ generation * 0xbf58476d1ce4e5b9);
  // Sizes from nothing to several sectors; now and then a large one, so that segments fill.
  size_t bytes = static_cast<size_t>((mixed >> 8) % 180);
  if ((mixed >> 20) % 6 == 0) bytes *= 30;
  const std::vector<uint8_t>& noise = Noise();
  Expected entry;
  entry.user_id = UserOf(mixed % kUsers);
  entry.payload = Bytes(noise.data() + (mixed >> 32) % (noise.size() - bytes), bytes);
  return entry;
}

ExplorerResult Explore(const ExplorerOptions& options) {
#ifdef __GLIBC__
  // Each state takes and frees a few files of 64 KiB and more: memory that goes back to the system in between has to be cleared
  // anew each time.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 64 << 20);
#endif
  // Always as many shards, each with a seed of its own, however many threads there are to run them.
  ExplorerResult results[kShards];
  std::atomic<uint64_t> next{0};
  const auto work = [&] {
    for (uint64_t shard = next++; shard < kShards; shard = next++) {
      ExplorerOptions own = options;
      own.seed = options.seed * kShards + shard;
      own.states = (options.states + kShards - 1) / kShards;
      results[shard] = Explorer(own).Run();
    }
  };
  std::vector<std::thread> threads(std::max(1u, std::min(8u, std::thread::hardware_concurrency())));
  for (std::thread& thread : threads) thread = std::thread(work);
  for (std::thread& thread : threads) thread.join();
  ExplorerResult all;
  for (const ExplorerResult& result : results) {
    all.states += result.states;
    all.failures += result.failures;
    all.entries_checked += result.entries_checked;
    if (all.first_failure.empty()) all.first_failure = result.first_failure;
    all.coverage.Add(result.coverage);
  }
  return all;
}

}  // namespace testing
}  // namespace ingest_wal
