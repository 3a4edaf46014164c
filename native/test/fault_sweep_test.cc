// Proves, through the core's interface to files, locks and shared memory, that a call which fails costs nothing: the first, the
// second, … call of each kind fails, once or for ever after, with each kind of error, while the log is opened for the first time,
// appends, rotates, recovers and is closed. Whenever that was, what was appended is there when the process dies, what was
// acknowledged when the power goes, and nothing else; no failure is taken for damage; no file is used after a sync of it has
// failed; and a log that has not failed takes everything once the fault is gone.
//
// test/faults/call-fails.test.ts does the same to the built addon and real files.
#include <cerrno>
#include <cstdio>
#include <set>

#include "dice.h"
#include "test_log.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

constexpr Call kCalls[] = {Call::kOpen, Call::kRead, Call::kWrite, Call::kSync, Call::kAllocate, Call::kTruncate,
                           Call::kRename, Call::kUnlink, Call::kDirectorySync, Call::kList, Call::kLock,
                           Call::kMemoryCreate, Call::kMemoryOpen, Call::kMemoryUnlink};

const Status kErrors[] = {
    Status(ErrorCode::kIo, "failed", EIO),          Status(ErrorCode::kNoSpace, "full", ENOSPC),
    Status(ErrorCode::kNoSpace, "quota", EDQUOT),   Status(ErrorCode::kIo, "interrupted", EINTR),
    Status(ErrorCode::kIo, "no descriptors", EMFILE), Status(ErrorCode::kPermission, "read-only", EROFS),
};

// One call in one life: number `from` of its kind, and with `always` each behind it.
struct Fault {
  Call call = Call::kOpen;
  Status error;
  uint64_t from = 1;
  bool always = false;
};

struct Tally {
  uint64_t cases = 0;
  uint64_t failed_opens = 0;
  uint64_t failed_logs = 0;
  uint64_t degraded = 0;
  uint64_t failed_closes = 0;
  uint64_t costs = 0;  // opens that told damage
  std::set<Call> failed_calls;
};

// A life of a log with one fault in it.
class Life {
 public:
  Life(std::unique_ptr<MemoryWorld> world, Tally* tally) : world_(std::move(world)), tally_(tally) {}

  MemoryWorld* world() { return world_.get(); }
  uint64_t hits() const { return hits_; }
  // The log was opened, and said that some of it is damaged.
  bool tells_damage() const { return tells_damage_; }

  void Arm(const Fault& fault) {
    world_->SetFault([this, fault](Call call, const std::string&) {
      if (call != fault.call) return Status();
      const uint64_t number = ++calls_;
      if (number != fault.from && (number < fault.from || !fault.always)) return Status();
      hits_++;
      tally_->failed_calls.insert(call);
      return fault.error;
    });
  }
  void Disarm() { world_->SetFault(nullptr); }

  // `appended` entries are there already, `durable` of them in files.
  void Open(uint64_t appended = 0, uint64_t durable = 0) {
    appended_ = appended;
    durable_ = durable;
    const Status opened = Log::Open(world_->environment(), SmallLogOptions(), &log_);
    if (!opened.ok()) tally_->failed_opens++;
    if (!opened.ok()) return;
    tells_damage_ = !log_->recovery().found.damage.empty();
    // Where it has to do without what it could not read, it says so.
    if (!tells_damage_) EXPECT_EQ(log_->last_lsn(), appended);
    durable_ = log_->durable_lsn();
  }

  // Batches of entries, each flushed, beside the thread that prepares segments.
  void Write(int batches, uint64_t entries) {
    for (int batch = 0; batch < batches && log_ != nullptr; batch++) {
      if (log_->writer()->state() == LogState::kFailed || !log_->HasRoom(entries, entries * 300)) return;
      appended_ = AppendEntries(log_.get(), entries);
      log_->writer()->Step();
      while (log_->spare()->PrepareSome() && hits_ < kMostHits) {
      }
      durable_ = log_->durable_lsn();
    }
  }

  // The fault is gone: a log that has not failed makes everything durable.
  void Settle() {
    Disarm();
    if (log_ == nullptr) return;
    if (log_->writer()->state() == LogState::kDegraded) tally_->degraded++;
    log_->writer()->Step();
    if (log_->writer()->state() == LogState::kFailed) {
      tally_->failed_logs++;
    } else {
      while (log_->writer()->Step()) {
      }
      EXPECT_EQ(log_->durable_lsn(), appended_);
      EXPECT_EQ(log_->writer()->state(), LogState::kOk);
    }
    durable_ = log_->durable_lsn();
    EXPECT_EQ(world_->uses_after_failed_sync(), 0u);
  }

  void Close() {
    if (log_ == nullptr) return;
    while (log_->writer()->Step()) {
    }
    const Status closed = log_->Close();
    if (!closed.ok()) tally_->failed_closes++;
    if (closed.ok()) durable_ = appended_;
    log_.reset();
  }

  void CheckProcessDeath() { EXPECT_EQ(OpenedOutcome(world_->AfterProcessDeath().get()), Whole(appended_)); }

  // Everything that was acknowledged, and of the rest a prefix.
  void CheckPowerCut(Dice* dice) {
    const std::unique_ptr<MemoryWorld> after = world_->AfterPowerCut(dice);
    const std::string outcome = OpenedOutcome(after.get());
    bool is_prefix = false;
    for (uint64_t last = durable_; last <= appended_; last++) is_prefix = is_prefix || outcome == Whole(last);
    if (!is_prefix) Fail(__FILE__, __LINE__, "after a power cut: " + outcome + ", acknowledged: " + std::to_string(durable_));
  }

 private:
  // A thread that tries for ever would try for ever.
  static constexpr uint64_t kMostHits = 50;

  static std::string Whole(uint64_t last) {
    if (last < 2) return last == 0 ? " | " : "1 | ";
    return "1-" + std::to_string(last) + " | ";
  }

  std::unique_ptr<MemoryWorld> world_;
  Tally* const tally_;
  std::unique_ptr<Log> log_;
  uint64_t appended_ = 0;
  uint64_t durable_ = 0;
  uint64_t calls_ = 0;
  uint64_t hits_ = 0;
  bool tells_damage_ = false;
};

// Brings a log to where the fault comes, and then through it.
struct Phase {
  const char* name;
  void (*prepare)(Life* life);
  void (*run)(Life* life);
};

// Entries of the log that is recovered: some are only in the ring of the process that died.
constexpr uint64_t kLeft = 70;
constexpr uint64_t kStaged = 10;
constexpr uint64_t kSealed = 20;
static_assert((kLeft - kStaged - kSealed) % 10 == 0, "batches are of ten");

// A sealed segment, one that is not, and the ring.
void LeaveALog(Life* life) {
  WriteLog(life->world(), kSealed);
  const std::unique_ptr<Log> log = OpenLog(life->world());
  for (uint64_t lsn = kSealed; lsn < kLeft - kStaged; lsn += 10) {
    AppendEntries(log.get(), 10);
    FlushAll(log.get());
  }
  AppendEntries(log.get(), kStaged);
}

void Recover(Life* life) {
  life->Open(kLeft, kLeft - kStaged);
  life->Write(2, 5);
}

// The power went: the ring is gone, and only marks say what was durable.
void LeaveALogWithoutRing(Life* life) {
  LeaveALog(life);
  ForgetSharedMemory(life->world());
}

void RecoverWithoutRing(Life* life) {
  life->Open(kLeft - kStaged, kLeft - kStaged);
  life->Write(2, 5);
}

const Phase kPhases[] = {
    {"open", [](Life*) {}, [](Life* life) { life->Open(); }},
    {"append", [](Life* life) { life->Open(); }, [](Life* life) { life->Write(4, 6); }},
    {"rotation", [](Life* life) { life->Open(); }, [](Life* life) { life->Write(45, 20); }},
    {"recovery", LeaveALog, Recover},
    {"recovery behind a power cut", LeaveALogWithoutRing, RecoverWithoutRing},
    {"close",
     [](Life* life) {
       life->Open();
       life->Write(3, 10);
     },
     [](Life* life) { life->Close(); }},
};

// What recovery could not read counts as damage, which costs what it touches and is told: damage_sweep_test.cc.
bool MayCost(const Life& life, const Fault& fault) { return life.tells_damage() && fault.call == Call::kRead; }

// The number of calls that failed.
uint64_t Try(const Phase& phase, const Fault& fault, Dice* dice, Tally* tally) {
  Life life(std::make_unique<MemoryWorld>(), tally);
  phase.prepare(&life);
  life.Arm(fault);
  phase.run(&life);
  if (life.hits() == 0) return 0;
  tally->cases++;
  if (MayCost(life, fault)) {
    tally->costs++;
    return life.hits();
  }
  EXPECT_FALSE(life.tells_damage());
  life.CheckProcessDeath();
  life.CheckPowerCut(dice);
  life.Settle();
  life.CheckPowerCut(dice);
  life.Close();
  life.CheckProcessDeath();
  life.CheckPowerCut(dice);
  return life.hits();
}

TEST(FaultSweep, WhicheverCallFailsNothingThatWasAppendedIsLost) {
  Tally tally;
  Dice dice(Seed());
  // A part of the cases, where each takes long: every so many-th call of each kind, beginning with another one each time.
  const uint64_t every = CountFromEnvironment("INGEST_WAL_FAULT_EVERY", 1);
  uint64_t sweeps = 0;
  for (const Phase& phase : kPhases) {
    const uint64_t cases_before = tally.cases;
    for (const Call call : kCalls) {
      for (const Status& error : kErrors) {
        for (const bool always : {false, true}) {
          Fault fault{call, error, 1 + sweeps++ % every, always};
          while (Try(phase, fault, &dice, &tally) != 0) fault.from += every;
        }
      }
    }
    std::printf("  %s: %llu cases\n", phase.name, static_cast<unsigned long long>(tally.cases - cases_before));
  }
  std::printf("  %llu failed opens, %llu failed logs, %llu degraded, %llu failed closes, %llu with damage told\n",
              static_cast<unsigned long long>(tally.failed_opens), static_cast<unsigned long long>(tally.failed_logs),
              static_cast<unsigned long long>(tally.degraded), static_cast<unsigned long long>(tally.failed_closes),
              static_cast<unsigned long long>(tally.costs));
  for (const Call call : kCalls) {
    if (tally.failed_calls.count(call) == 0) Fail(__FILE__, __LINE__, "no call of kind " + Show(call) + " failed");
  }
  EXPECT_NE(tally.failed_opens, 0u);
  EXPECT_NE(tally.failed_logs, 0u);
  EXPECT_NE(tally.degraded, 0u);
  EXPECT_NE(tally.failed_closes, 0u);
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
