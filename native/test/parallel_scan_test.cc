// Proves that a log that is scanned on several threads is judged exactly as on one, whatever is wrong with it; that the
// error told is the one that comes first in the order of segments; and that a segment which goes meanwhile is no error.
#include <cerrno>

#include "segment_name.h"
#include "test_log.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

constexpr unsigned kThreads = 4;

// Twelve lives of a log, some of which died.
void WriteManySegments(MemoryWorld* world) {
  for (int life = 0; life < 12; life++) {
    if (life % 3 == 2) WriteAndDie(world, 30);
    else WriteLog(world, 30);
  }
}

std::unique_ptr<Directory> DirectoryOf(MemoryWorld* world) {
  std::unique_ptr<Directory> directory;
  EXPECT_OK(world->environment().files->OpenDirectory("", false, &directory));
  return directory;
}

// Everything that a report says, as text.
std::string Text(const DirectoryReport& report) {
  std::string text = "last " + std::to_string(report.last_lsn) + ", proven " + std::to_string(report.proven_lsn) + ", " +
                     std::to_string(report.entries) + " entries, checksum " + std::to_string(report.last_checksum);
  for (const SegmentReport& segment : report.segments) {
    text += "\n" + segment.file + " " + std::to_string(static_cast<int>(segment.state)) + " " +
            std::to_string(segment.first_lsn) + "-" + std::to_string(segment.last_lsn) + " " +
            std::to_string(segment.entries) + " in " + std::to_string(segment.batches) + " to " +
            std::to_string(segment.end_offset) + " of " + std::to_string(segment.file_bytes);
  }
  for (const Damage& damage : report.damage) {
    text += "\n" + damage.kind + " " + damage.file + " " + std::to_string(damage.offset) + "-" +
            std::to_string(damage.end_offset) + " lsn " + std::to_string(damage.first_lsn) + "-" +
            std::to_string(damage.last_lsn) + " " + damage.detail;
    for (const std::string& user : damage.users) text += " " + user;
  }
  text += report.torn_tail.found ? "\ntorn at " + std::to_string(report.torn_tail.offset) : "";
  return text;
}

std::string Judged(MemoryWorld* world, unsigned threads) {
  DirectoryScan scan;
  const Status status = ScanDirectory(DirectoryOf(world).get(), Extent::kAll, &scan, threads);
  return status.ok() ? Text(AssembleReport(scan, RingContents())) : status.message();
}

TEST(ParallelScan, JudgesAsOneThreadDoesWhateverIsDamaged) {
  MemoryWorld sound;
  WriteManySegments(&sound);
  ForgetSharedMemory(&sound);
  Dice random(Seed());
  std::vector<std::string> names;
  for (const auto& name : sound.names()) names.push_back(name.first);
  uint64_t damaged = 0;
  for (int round = 0; round < 60; round++) {
    MemoryWorld world;
    for (const std::string& name : names) world.Put(name, sound.Contents(name));
    for (uint64_t hits = random() % 12; hits > 0; hits--) {
      const std::string& name = names[random() % names.size()];
      if (!world.Exists(name) || world.Contents(name).empty()) continue;
      switch (random() % 5) {
        case 0:
          world.Remove(name);
          break;
        case 1:
          Change(&world, name, [&](std::vector<uint8_t>* bytes) { Truncate(bytes, random() % bytes->size()); });
          break;
        default:
          Change(&world, name, [&](std::vector<uint8_t>* bytes) { FlipBit(bytes, random() % (bytes->size() * 8)); });
      }
    }
    const std::string alone = Judged(&world, 1);
    damaged += alone.find("lsn") != std::string::npos ? 1 : 0;
    EXPECT_EQ(Judged(&world, kThreads), alone);
  }
  EXPECT_NE(damaged, 0u);
}

TEST(ParallelScan, TellsTheErrorOfTheFirstSegmentThatHasOne) {
  for (const unsigned threads : {1u, kThreads}) {
    MemoryWorld world;
    WriteManySegments(&world);
    DirectoryScan scan;
    const std::unique_ptr<Directory> directory = DirectoryOf(&world);
    ASSERT_OK(ReadHeaders(directory.get(), Extent::kAll, &scan));
    ASSERT_EQ(scan.segments.size() > 6, true);
    const std::string first = scan.segments[2].file;
    const std::string later = scan.segments[4].file;
    world.SetFault([&](Call call, const std::string& name) {
      return call == Call::kOpen && (name == first || name == later)
                 ? Status(ErrorCode::kIo, name + ": too many open files", EMFILE)
                 : Status();
    });
    EXPECT_EQ(ScanSegments(directory.get(), &scan, threads).message(), first + ": too many open files");
  }
}

TEST(ParallelScan, ASegmentThatIsRetiredMeanwhileIsLeftOut) {
  for (const unsigned threads : {1u, kThreads}) {
    MemoryWorld world;
    WriteManySegments(&world);
    DirectoryScan scan;
    const std::unique_ptr<Directory> directory = DirectoryOf(&world);
    ASSERT_OK(ReadHeaders(directory.get(), Extent::kAll, &scan));
    const size_t before = scan.segments.size();
    world.Remove(scan.segments[0].file);
    ASSERT_OK(ScanSegments(directory.get(), &scan, threads));
    EXPECT_EQ(scan.segments.size(), before - 1);
  }
}

TEST(ParallelScan, OpensALogOnAsManyThreadsAsTheEnvironmentAllows) {
  MemoryWorld world;
  WriteManySegments(&world);
  Environment environment = world.environment();
  EXPECT_EQ(environment.scan_threads, 1u);
  environment.scan_threads = kThreads;
  std::unique_ptr<Log> log;
  ASSERT_OK(Log::Open(environment, SmallLogOptions(), &log));
  EXPECT_EQ(Outcome(log.get()), std::string("1-360 | "));
  EXPECT_LE(1u, SystemEnvironment().scan_threads);
  EXPECT_LE(SystemEnvironment().scan_threads, kMostScanThreads);
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
