#include "crash_explorer.h"

#include <algorithm>

namespace ingest_wal {
namespace testing {
namespace {

constexpr uint64_t kStatesPerCut = 12;
constexpr uint64_t kMaxOperations = 60;

LogOptions SmallLog() {
  LogOptions options;
  options.directory = "wal";
  options.queue_bytes = kMinRingBytes;
  options.writer.segment_bytes = kMinSegmentBytes;
  options.writer.batch_bytes = 4096;
  return options;
}

// What the outside world knows.
struct Oracle {
  std::vector<uint64_t> generation_of;  // of entry lsn, at lsn - 1; grows with each append
  uint64_t acknowledged = 0;            // durable LSN last seen while the power was on
  uint64_t generation = 1;
};

bool AppendOne(Log* log, Oracle* oracle) {
  const uint64_t lsn = log->last_lsn() + 1;
  const Expected entry = ExpectedEntry(lsn, oracle->generation);
  uint64_t got = 0;
  const ErrorCode code = log->Append(static_cast<uint8_t>(1 + lsn % 6), Bytes(entry.user_id.data(), entry.user_id.size()),
                                     Bytes(entry.payload.data(), entry.payload.size()), 0, &got);
  if (code != ErrorCode::kOk) return false;
  oracle->generation_of.resize(static_cast<size_t>(got));
  oracle->generation_of[static_cast<size_t>(got - 1)] = oracle->generation;
  return true;
}

// Appends, flushes and prepares spares at random until the power goes or the operations are used up.
void RunLife(MemoryWorld* world, Log* log, Oracle* oracle, std::mt19937_64* random) {
  const uint64_t operations = 5 + (*random)() % kMaxOperations;
  for (uint64_t i = 0; i < operations && world->powered(); i++) {
    const uint64_t choice = (*random)() % 10;
    if (choice < 6) {
      for (uint64_t n = 1 + (*random)() % 8; n > 0; n--) AppendOne(log, oracle);
    } else if (choice < 9) {
      log->writer()->Step();
    } else {
      log->spare()->PrepareSome();
    }
    if (world->powered()) oracle->acknowledged = log->durable_lsn();
  }
}

// Reads everything back and holds it against the oracle. Empty: all is well.
std::string Check(Log* log, const Oracle& oracle, bool process_death, uint64_t* checked) {
  const RecoveryReport& recovery = log->recovery();
  if (!recovery.found.damage.empty()) {
    const Damage& damage = recovery.found.damage.front();
    return "a crash was taken for damage: " + damage.kind + " in " + damage.file + " at " + std::to_string(damage.offset) +
           " lsn " + std::to_string(damage.first_lsn) + "-" + std::to_string(damage.last_lsn) + " " + damage.detail;
  }
  const uint64_t last = log->last_lsn();
  if (last < oracle.acknowledged) {
    return "acknowledged up to " + std::to_string(oracle.acknowledged) + ", recovered up to " + std::to_string(last);
  }
  if (last > oracle.generation_of.size()) return "more came back than was appended";
  if (process_death && last != oracle.generation_of.size()) {
    return "appended " + std::to_string(oracle.generation_of.size()) + ", recovered " + std::to_string(last);
  }
  std::unique_ptr<Reader> reader;
  const Status opened = log->Read(ReadOptions(), &reader);
  if (!opened.ok()) return "read: " + opened.message();
  uint64_t next = 1;
  for (;;) {
    Chunk chunk;
    const Status status = reader->Next(&chunk);
    if (!status.ok()) return "next: " + status.message();
    if (chunk.entries.empty() && chunk.damage.empty()) break;
    if (!chunk.damage.empty()) return "the reader met damage: " + chunk.damage.front().kind;
    for (const ChunkEntry& entry : chunk.entries) {
      if (entry.lsn != next) return "expected LSN " + std::to_string(next) + ", got " + std::to_string(entry.lsn);
      const Expected expected = ExpectedEntry(next, oracle.generation_of[static_cast<size_t>(next - 1)]);
      const char* bytes = reinterpret_cast<const char*>(chunk.bytes.data());
      if (std::string(bytes + entry.user_id_at, entry.user_id_bytes) != expected.user_id ||
          std::string(bytes + entry.payload_at, entry.payload_bytes) != expected.payload) {
        return "LSN " + std::to_string(next) + " came back with other content";
      }
      next++;
      (*checked)++;
    }
  }
  return next == last + 1 ? "" : "read up to " + std::to_string(next - 1) + " of " + std::to_string(last);
}

class Explorer {
 public:
  explicit Explorer(const ExplorerOptions& options) : options_(options), random_(options.seed) {}

  ExplorerResult Run() {
    while (result_.states < options_.states) OneLife();
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

  void OneLife() {
    MemoryWorld world;
    world.random.seed(random_());
    if (options_.prepare) options_.prepare(&world);
    world.CutAtCall(1 + random_() % 220);
    Oracle oracle;
    std::unique_ptr<Log> log;
    const Status opened = Log::Open(world.environment(), SmallLog(), &log);
    if (opened.ok()) {
      RunLife(&world, log.get(), &oracle, &random_);
      if (world.powered() && random_() % 4 == 0) CloseCleanly(&world, log.get(), &oracle);
    } else if (world.powered()) {
      Fail("open: " + opened.message());
    }
    for (uint64_t i = 0; i < kStatesPerCut && result_.states < options_.states; i++) {
      result_.states++;
      Relive(world, oracle);
    }
  }

  void CloseCleanly(MemoryWorld* world, Log* log, Oracle* oracle) {
    while (world->powered() && log->writer()->Step()) {
    }
    if (world->powered()) oracle->acknowledged = log->durable_lsn();
    const Status closed = log->Close();
    if (!closed.ok() && world->powered()) Fail("close: " + closed.message());
  }

  // The machine comes up, is cut again during recovery now and then, recovers, goes on, and is cut once more.
  void Relive(const MemoryWorld& crashed, Oracle oracle) {
    std::unique_ptr<MemoryWorld> world = After(crashed);
    if (random_() % 3 == 0) {
      world->CutAtCall(1 + random_() % 40);
      std::unique_ptr<Log> log;
      const Status opened = Log::Open(world->environment(), SmallLog(), &log);
      if (!opened.ok() && world->powered()) return Fail("open while cut: " + opened.message());
      log.reset();
      world = After(*world);
    }
    if (!OpenAndCheck(world.get(), &oracle, true)) return;
    world = After(*world);
    OpenAndCheck(world.get(), &oracle, false);
  }

  bool OpenAndCheck(MemoryWorld* world, Oracle* oracle, bool go_on) {
    std::unique_ptr<Log> log;
    const Status opened = Log::Open(world->environment(), SmallLog(), &log);
    if (!opened.ok()) {
      Fail("open: " + opened.message());
      return false;
    }
    const std::string wrong = Check(log.get(), *oracle, options_.process_death, &result_.entries_checked);
    if (!wrong.empty()) {
      Fail(wrong);
      return false;
    }
    // What open gives back is durable from then on.
    oracle->generation_of.resize(static_cast<size_t>(log->last_lsn()));
    oracle->acknowledged = log->last_lsn();
    oracle->generation++;
    if (go_on) {
      world->CutAtCall(1 + random_() % 60);
      RunLife(world, log.get(), oracle, &random_);
    }
    return true;
  }

  const ExplorerOptions options_;
  std::mt19937_64 random_;
  ExplorerResult result_;
};

}  // namespace

Expected ExpectedEntry(uint64_t lsn, uint64_t generation) {
  uint64_t mixed = (lsn * 0x9e3779b97f4a7c15) ^ (generation * 0xbf58476d1ce4e5b9);
  Expected entry;
  entry.user_id = "user-" + std::to_string(mixed % 17);
  // Sizes from nothing to several sectors; now and then a large one, so that segments fill.
  size_t bytes = static_cast<size_t>((mixed >> 8) % 180);
  if ((mixed >> 20) % 6 == 0) bytes *= 30;
  entry.payload.resize(bytes);
  for (char& byte : entry.payload) {
    mixed = mixed * 6364136223846793005 + 1442695040888963407;
    byte = static_cast<char>(mixed >> 56);
  }
  return entry;
}

ExplorerResult Explore(const ExplorerOptions& options) { return Explorer(options).Run(); }

}  // namespace testing
}  // namespace ingest_wal
