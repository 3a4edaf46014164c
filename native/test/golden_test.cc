// Proves that segments written by earlier versions stay readable for ever, byte for byte as they were, and that today's
// code still writes the same bytes. The files in golden/ are never changed; a new format version adds files of its own.
//
//   golden/vN-sealed.wal     segment 1 of a log that was closed
//   golden/vN-unsealed.wal   segment 2, as its writer left it when it died
//   golden/vN-log.id
//   golden/vN-checkpoint.ckpt  checkpoint 1, from version 3 on: of segment 1, without some entries of two users
//
// INGEST_WAL_WRITE_GOLDEN=1 writes those of today's version anew.
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>

#include "checkpoint_files.h"
#include "segment_name.h"
#include "test_log.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

struct GoldenFile {
  std::string golden;
  std::string name;
};
std::vector<GoldenFile> FilesOf(uint32_t version) {
  const std::string prefix = "v" + std::to_string(version);
  return {{prefix + "-sealed.wal", SegmentName(1)}, {prefix + "-unsealed.wal", SegmentName(2)},
          {prefix + "-log.id", kIdentityName}};
}

// Not among FilesOf(): they are a log by themselves.
std::string CheckpointFileOf(uint32_t version) { return "v" + std::to_string(version) + "-checkpoint.ckpt"; }
constexpr uint32_t kFirstVersionWithCheckpoints = 3;

std::string PathOf(const std::string& golden) { return std::string(INGEST_WAL_GOLDEN_DIR) + "/" + golden; }

std::vector<uint8_t> ReadGolden(const std::string& golden) {
  std::ifstream file(PathOf(golden), std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return std::vector<uint8_t>(bytes.begin(), bytes.end());
}

// Every operation, sizes at the borders of the alignment, an empty user, an empty payload, every value of a byte; from
// version 2 on also a user who gets no number and a time that does not fit a short entry.
std::vector<TestEntry> GoldenEntries(uint32_t version) {
  std::vector<TestEntry> entries;
  std::string every_byte;
  for (int byte = 0; byte < 256; byte++) every_byte.push_back(static_cast<char>(byte));
  for (uint64_t lsn = 1; lsn <= 20; lsn++) {
    TestEntry entry;
    entry.lsn = lsn;
    entry.operation = static_cast<uint8_t>(1 + (lsn - 1) % kLastOperation);
    entry.user_id = lsn == 3 ? "" : "user-" + std::to_string(lsn % 4);
    entry.payload = lsn == 5 ? every_byte : std::string(static_cast<size_t>(lsn % 9), static_cast<char>('a' + lsn));
    if (version >= 2 && lsn == 7) entry.user_id = std::string(user_record::kMaxUserIdBytes + 1, 'L');
    entry.sequence = static_cast<uint32_t>(lsn * 1000);
    entry.timestamp_ms = version >= 2 && lsn == 9 ? -5 : 1'700'000'000'000 + static_cast<int64_t>(lsn);
    entries.push_back(entry);
  }
  return entries;
}

CheckpointPlan GoldenPlan() {
  CheckpointPlan plan = KeepAll(1);
  plan.users = {"user-1", "user-2"};
  plan.keep_from_lsn = {6, UINT64_MAX};
  plan.also_lsns = {2};
  return plan;
}

std::vector<TestEntry> GoldenCheckpointEntries(uint32_t version) {
  std::vector<TestEntry> kept;
  for (const TestEntry& entry : GoldenEntries(version)) {
    const bool is_dropped = (entry.user_id == "user-1" && entry.lsn < 6) || (entry.user_id == "user-2" && entry.lsn != 2);
    if (entry.lsn <= 12 && !is_dropped) kept.push_back(entry);
  }
  return kept;
}

void Append(MemoryWorld* world, Log* log, const TestEntry& entry) {
  world->now_ms = entry.timestamp_ms;
  uint64_t lsn = 0;
  EXPECT_EQ(log->Append(entry.operation, Bytes(entry.user_id.data(), entry.user_id.size()),
                        Bytes(entry.payload.data(), entry.payload.size()), entry.sequence, &lsn),
            ErrorCode::kOk);
  EXPECT_EQ(lsn, entry.lsn);
}

// The log that the golden files are of: entries 1 to 12 in batches of four, closed; 13 to 20, and the process died.
void WriteGoldenLog(MemoryWorld* world) {
  // What the salts in the files were drawn with.
  world->salts = std::mt19937_64(1);
  const std::vector<TestEntry> entries = GoldenEntries(kFormatVersion);
  std::unique_ptr<Log> log = OpenLog(world);
  for (size_t i = 0; i < 12; i++) {
    Append(world, log.get(), entries[i]);
    if (i % 4 == 3) FlushAll(log.get());
  }
  CloseLog(std::move(log));
  log = OpenLog(world);
  for (size_t i = 12; i < 20; i++) Append(world, log.get(), entries[i]);
  FlushAll(log.get());
  log.reset();
  ForgetSharedMemory(world);
}

void ExpectGoldenEntries(MemoryWorld* world, uint32_t version) {
  std::unique_ptr<Reader> reader;
  ASSERT_OK(ReadPath(world->environment(), "wal", ReadOptions(), &reader));
  const std::vector<TestEntry> expected = GoldenEntries(version);
  std::vector<TestEntry> read;
  for (;;) {
    Chunk chunk;
    ASSERT_OK(reader->Next(&chunk));
    EXPECT_EQ(Describe(chunk.damage), std::string());
    if (chunk.entries.empty()) break;
    for (size_t i = 0; i < chunk.entries.size(); i++) {
      const Entry from = reader->EntryOf(chunk, i);
      TestEntry entry;
      entry.lsn = from.lsn;
      entry.operation = from.operation;
      entry.sequence = from.sequence;
      entry.timestamp_ms = from.timestamp_ms;
      entry.user_id = TextOf(from.user_id);
      entry.payload = TextOf(from.payload);
      read.push_back(entry);
    }
  }
  ASSERT_EQ(read.size(), expected.size());
  for (size_t i = 0; i < read.size(); i++) EXPECT_TRUE(read[i] == expected[i]);
}

void ExpectReadable(uint32_t version) {
  MemoryWorld world;
  for (const GoldenFile& file : FilesOf(version)) world.Put(file.name, ReadGolden(file.golden));
  ExpectGoldenEntries(&world, version);
  const DirectoryReport report = Inspect(&world).report;
  EXPECT_EQ(Describe(report.damage), std::string());
  EXPECT_FALSE(report.torn_tail.found);
  ASSERT_EQ(report.segments.size(), 2u);
  EXPECT_EQ(report.segments[0].state, SegmentState::kSealed);
  EXPECT_EQ(report.segments[0].batches, 3u);
  EXPECT_EQ(report.segments[1].state, SegmentState::kUnsealed);
  EXPECT_EQ(report.last_lsn, 20u);
  EXPECT_OK(TryOpen(&world));
  ExpectGoldenEntries(&world, version);
}

TEST(Golden, FilesOfEveryVersionAreReadable) {
  for (uint32_t version = 1; version <= kFormatVersion; version++) ExpectReadable(version);
}

TEST(Golden, CheckpointsOfEveryVersionAreReadable) {
  for (uint32_t version = kFirstVersionWithCheckpoints; version <= kFormatVersion; version++) {
    MemoryWorld world;
    for (const GoldenFile& file : FilesOf(version)) world.Put(file.name, ReadGolden(file.golden));
    world.Put(CheckpointName(1), ReadGolden(CheckpointFileOf(version)));
    EXPECT_EQ(CheckpointOf(&world, 1).flaw, std::string());
    EXPECT_TRUE(EntriesOfCheckpoint(&world, 1) == GoldenCheckpointEntries(version));
  }
}

// Made of the sealed segment by lib/maintenance/compression.ts, so by zlib.
TEST(Golden, ACompressedSegmentMadeByNodeIsReadable) {
  MemoryWorld world;
  for (const GoldenFile& file : FilesOf(kFormatVersion)) world.Put(file.name, ReadGolden(file.golden));
  world.Remove(SegmentName(1));
  world.Put(CompressedSegmentName(1), ReadGolden("v" + std::to_string(kFormatVersion) + "-sealed.wal.gz"));
  ExpectGoldenEntries(&world, kFormatVersion);
  const DirectoryReport report = Inspect(&world).report;
  EXPECT_EQ(Describe(report.damage), std::string());
  EXPECT_EQ(report.segments[0].state, SegmentState::kCompressed);
}

void ExpectSameBytes(const std::string& golden, const std::vector<uint8_t>& written) {
  if (std::getenv("INGEST_WAL_WRITE_GOLDEN") != nullptr) {
    std::ofstream(PathOf(golden), std::ios::binary)
        .write(reinterpret_cast<const char*>(written.data()), static_cast<std::streamsize>(written.size()));
  }
  if (ReadGolden(golden) != written) Fail(__FILE__, __LINE__, golden + " is written otherwise");
}

TEST(Golden, TodaysCodeWritesTheSameBytes) {
  MemoryWorld world;
  WriteGoldenLog(&world);
  ExpectGoldenEntries(&world, kFormatVersion);
  for (const GoldenFile& file : FilesOf(kFormatVersion)) ExpectSameBytes(file.golden, world.Contents(file.name));
  ASSERT_OK(WriteCheckpoint(&world, GoldenPlan()));
  ExpectSameBytes(CheckpointFileOf(kFormatVersion), world.Contents(CheckpointName(1)));
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
