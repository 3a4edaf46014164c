// Proves that a reader gives every entry that was appended before it was made, in order, from every file and from the
// ring, whatever the writer does meanwhile; that it passes over damage and says so; and that it holds one chunk at a
// time.
#include "segment_name.h"
#include "test_log.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

ReadOptions From(uint64_t lsn) {
  ReadOptions options;
  options.from_lsn = lsn;
  return options;
}

ReadOptions StopAtDamage() {
  ReadOptions options;
  options.stop_at_damage = true;
  return options;
}

// Appends `count` entries in batches of 20, over several segments.
void AppendInBatches(Log* log, uint64_t count) {
  for (uint64_t done = 0; done < count; done += 20) {
    AppendEntries(log, std::min<uint64_t>(20, count - done));
    FlushAll(log);
  }
}

TEST(Reader, ReadsSegmentsAndThenTheRing) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  AppendInBatches(log.get(), 600);
  AppendEntries(log.get(), 30);
  const ReadBack read = ReadAll(log.get());
  EXPECT_OK(read.status);
  EXPECT_EQ(read.lsns, std::string("1-630"));
  EXPECT_EQ(read.wrong, 0u);
  EXPECT_EQ(Describe(read.damage), std::string());
  EXPECT_NE(read.places.at(600).segment, 1u);
  EXPECT_EQ(read.places.at(630).segment, 0u);  // in no segment yet
}

TEST(Reader, ReadsNothingThatWasAppendedAfterIt) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  AppendInBatches(log.get(), 100);
  AppendEntries(log.get(), 10);
  std::unique_ptr<Reader> reader;
  ASSERT_OK(log->Read(ReadOptions(), &reader));
  AppendInBatches(log.get(), 500);
  EXPECT_EQ(Drain(reader.get()).lsns, std::string("1-110"));
}

TEST(Reader, IsNotDisturbedByRotationAndSealing) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  AppendInBatches(log.get(), 300);
  AppendEntries(log.get(), 10);
  // Opened before, between and behind each batch, read to the end after all of them.
  std::vector<std::unique_ptr<Reader>> readers;
  std::vector<uint64_t> last;
  for (int i = 0; i < 40; i++) {
    readers.emplace_back();
    ASSERT_OK(log->Read(ReadOptions(), &readers.back()));
    last.push_back(log->last_lsn());
    AppendEntries(log.get(), 20);
    log->writer()->Step();
  }
  FlushAll(log.get());
  EXPECT_OK(log->Close());
  for (size_t i = 0; i < readers.size(); i++) {
    const ReadBack read = Drain(readers[i].get());
    EXPECT_EQ(read.lsns, "1-" + std::to_string(last[i]));
    EXPECT_EQ(Describe(read.damage), std::string());
    EXPECT_EQ(read.wrong, 0u);
  }
}

TEST(Reader, BeginsWhereItIsAskedToAndLeavesEarlierSegmentsUnread) {
  MemoryWorld world;
  WriteLog(&world, 1000, 20);
  const uint64_t first_of_second = Inspect(&world).report.segments[1].first_lsn;
  for (const uint64_t from : {uint64_t{1}, uint64_t{2}, first_of_second - 1, first_of_second, uint64_t{999}}) {
    EXPECT_EQ(ReadAll(&world, "wal", From(from)).lsns, std::to_string(from) + "-1000");
  }
  EXPECT_EQ(ReadAll(&world, "wal", From(1000)).lsns, std::string("1000"));
  EXPECT_EQ(ReadAll(&world, "wal", From(1001)).lsns, std::string());
  EXPECT_EQ(ReadAll(&world, "wal", From(UINT64_MAX)).lsns, std::string());

  std::unique_ptr<Log> log = OpenLog(&world);
  uint64_t opened_first = 0;
  std::unique_ptr<Reader> reader;
  ASSERT_OK(log->Read(From(first_of_second), &reader));
  world.SetFault([&](Call call, const std::string& name) {
    opened_first += call == Call::kOpen && name == SegmentName(1) ? 1 : 0;
    return Status();
  });
  EXPECT_EQ(Drain(reader.get()).lsns, std::to_string(first_of_second) + "-1000");
  EXPECT_EQ(opened_first, 1u);  // for its header
}

TEST(Reader, GivesLargeLogsInChunks) {
  MemoryWorld world;
  LogOptions options = SmallLogOptions();
  options.writer.segment_bytes = 8 << 20;
  options.queue_bytes = 4 << 20;
  options.writer.batch_bytes = 1 << 20;
  std::unique_ptr<Log> log = OpenLog(&world, options);
  for (int i = 0; i < 20; i++) {
    AppendEntries(log.get(), 1000);
    FlushAll(log.get());
  }
  std::unique_ptr<Reader> reader;
  ASSERT_OK(log->Read(ReadOptions(), &reader));
  uint64_t entries = 0;
  uint64_t chunks = 0;
  for (Chunk chunk; reader->Next(&chunk).ok() && !chunk.entries.empty(); chunks++) {
    EXPECT_LE(chunk.bytes.size(), (size_t{1} << 20) + 1000);
    EXPECT_LE(chunk.entries.size(), 16384u);
    entries += chunk.entries.size();
  }
  EXPECT_EQ(entries, 20'000u);
  EXPECT_LE(3u, chunks);
}

TEST(Reader, PutsEachPayloadAtAMultipleOfEightAndZerosBehindIt) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  AppendEntries(log.get(), 200);
  FlushAll(log.get());
  std::unique_ptr<Reader> reader;
  ASSERT_OK(log->Read(ReadOptions(), &reader));
  Chunk chunk;
  ASSERT_OK(reader->Next(&chunk));
  ASSERT_EQ(chunk.entries.size(), 200u);  // whose content Drain() checks
  size_t end = 0;
  for (size_t i = 0; i < chunk.entries.size(); i++) {
    const Entry entry = reader->EntryOf(chunk, i);
    EXPECT_EQ(static_cast<size_t>(chunk.entries[i].payload_at), end);
    const size_t payload_end = end + entry.payload.size;
    end = (payload_end + 7) / 8 * 8;
    for (size_t at = payload_end; at < end; at++) EXPECT_EQ(chunk.bytes[at], 0u);
  }
  EXPECT_EQ(chunk.bytes.size(), end);
}

TEST(Reader, NamesEachUserOnceAndBeginsAnewWhenThereAreTooMany) {
  MemoryWorld world;
  LogOptions options = SmallLogOptions();
  options.writer.segment_bytes = 32 << 20;
  options.queue_bytes = 16 << 20;
  std::unique_ptr<Log> log = OpenLog(&world, options);
  constexpr uint64_t kUsers = UserTable::kMaxUsers + 30'000;
  const auto user_of = [](uint64_t lsn) { return "user-" + std::to_string(lsn); };
  uint64_t lsn = 0;
  for (uint64_t i = 1; i <= kUsers; i++) {
    const std::string user = user_of(i);
    if (i % 1000 == 0) FlushAll(log.get());
    EXPECT_EQ(log->Append(2, Bytes(user.data(), user.size()), Bytes(), 0, &lsn), ErrorCode::kOk);
  }
  FlushAll(log.get());
  std::unique_ptr<Reader> reader;
  ASSERT_OK(log->Read(ReadOptions(), &reader));
  std::vector<std::string> users;
  uint64_t entries = 0;
  int begun_anew = 0;
  for (Chunk chunk; reader->Next(&chunk).ok() && !chunk.entries.empty();) {
    if (chunk.first_user == 0) {
      begun_anew++;
      users.clear();
    }
    EXPECT_EQ(chunk.first_user, users.size());
    users.insert(users.end(), chunk.users.begin(), chunk.users.end());
    for (const ChunkEntry& entry : chunk.entries) {
      entries++;
      EXPECT_EQ(users.at(static_cast<size_t>(entry.user)), user_of(entries));
    }
  }
  EXPECT_EQ(entries, kUsers);
  EXPECT_EQ(begun_anew, 2);
}

// Each process numbers users in the order in which it meets them, and segments say so: a number of one segment is another
// user's in the next.
TEST(Reader, TellsUsersApartWhoseNumbersChangeBetweenSegments) {
  MemoryWorld world;
  const std::string orders[] = {"abc", "cba", "bca"};
  uint64_t lsn = 0;
  for (const std::string& order : orders) {
    std::unique_ptr<Log> log = OpenLog(&world);
    for (const char& user : order) EXPECT_EQ(log->Append(2, Bytes(&user, 1), Bytes(), 0, &lsn), ErrorCode::kOk);
    CloseLog(std::move(log));
  }
  std::unique_ptr<Reader> reader;
  ASSERT_OK(ReadPath(world.environment(), "wal", ReadOptions(), &reader));
  Chunk chunk;
  std::string users;
  while (reader->Next(&chunk).ok() && !chunk.entries.empty()) {
    for (size_t i = 0; i < chunk.entries.size(); i++) users += TextOf(reader->EntryOf(chunk, i).user_id);
  }
  EXPECT_EQ(users, orders[0] + orders[1] + orders[2]);
}

TEST(Reader, PassesOverDamageAndSaysSoBeforeWhatFollows) {
  MemoryWorld world;
  WriteLog(&world, 1000, 20);
  DamageEntry(&world, 100);
  DamageEntry(&world, 900);
  const ReadBack read = ReadAll(&world, "wal");
  EXPECT_EQ(read.lsns, std::string("1-99 101-899 901-1000"));
  EXPECT_EQ(Describe(read.damage).substr(0, 18), std::string("entry 100-100 in 1"));
  EXPECT_EQ(read.damage.size(), 2u);
  EXPECT_EQ(read.damage[1].previous_lsn, 899u);
  // Damage to what was not asked for is not told.
  EXPECT_EQ(ReadAll(&world, "wal", From(500)).damage.size(), 1u);
}

TEST(Reader, EndsAtDamageWhenAskedTo) {
  MemoryWorld world;
  WriteLog(&world, 1000, 20);
  DamageEntry(&world, 900);
  const ReadBack read = ReadAll(&world, "wal", StopAtDamage());
  EXPECT_EQ(read.lsns, std::string("1-899"));
  EXPECT_EQ(read.damage.size(), 1u);
}

// An opening ends the log before a damage that costs entries, and before no other: what is logged behind it has to come back.
TEST(Reader, DoesNotEndAtDamageThatCostsNothing) {
  MemoryWorld world;
  WriteLog(&world, 1000, 20);
  Change(&world, SegmentName(1), [](std::vector<uint8_t>* bytes) {
    size_t at = kSegmentDataAt + 40 * kRecordAlignment;
    while (Load<uint32_t>(bytes->data() + at) != mark::kMagic) at += kRecordAlignment;
    FlipBit(bytes, (at + mark::kNextLsnAt) * 8);
  });
  const ReadBack read = ReadAll(&world, "wal", StopAtDamage());
  EXPECT_EQ(read.lsns, std::string("1-1000"));
  ASSERT_EQ(read.damage.size(), 1u);
  EXPECT_EQ(read.damage[0].last_lsn, 0u);
}

TEST(Reader, SaysWhichEntriesAMissingSegmentHeld) {
  MemoryWorld world;
  WriteLog(&world, 1000, 20);
  const DirectoryReport report = Inspect(&world).report;
  const SegmentReport& second = report.segments[1];
  world.Remove(second.file);
  const ReadBack read = ReadAll(&world, "wal");
  EXPECT_EQ(read.lsns,
            "1-" + std::to_string(second.first_lsn - 1) + " " + std::to_string(second.last_lsn + 1) + "-1000");
  ASSERT_EQ(read.damage.size(), 1u);
  EXPECT_EQ(read.damage[0].kind, std::string(damage_kind::kMissingSegment));
  EXPECT_EQ(read.damage[0].first_lsn, second.first_lsn);
  EXPECT_EQ(read.damage[0].last_lsn, second.last_lsn);
}

TEST(Reader, LosesOnlyWhatIsInASegmentThatIsRemovedUnderIt) {
  MemoryWorld world;
  WriteLog(&world, 1000, 20);
  std::unique_ptr<Log> log = OpenLog(&world);
  std::unique_ptr<Reader> reader;
  ASSERT_OK(log->Read(ReadOptions(), &reader));
  const DirectoryReport& report = log->recovery().found;
  world.Remove(report.segments[0].file);
  const ReadBack read = Drain(reader.get());
  EXPECT_OK(read.status);
  EXPECT_EQ(read.lsns, std::to_string(report.segments[1].first_lsn) + "-1000");
  EXPECT_EQ(read.damage.size(), 1u);
}

TEST(Reader, OfATornTailStopsBeforeTheHole) {
  // Entries 1-40 durable; 41-60 written and not synced: the disk has all of them but one in the middle.
  MemoryWorld world;
  WriteAndDie(&world, 60, 20);
  ForgetSharedMemory(&world);
  const ReadBack::Place hole = PlaceOf(&world, 50);
  const ReadBack::Place first = PlaceOf(&world, 41);
  Change(&world, SegmentName(1), [&](std::vector<uint8_t>* bytes) {
    FlipBit(bytes, hole.offset * 8);
    // The marks around the last batch never reached the disk.
    const auto zero = [&](uint64_t at) {
      std::fill_n(bytes->begin() + static_cast<std::ptrdiff_t>(at), mark::kBytes, uint8_t{0});
    };
    zero(first.offset - mark::kBytes);
    zero(Inspect(&world).report.segments[0].end_offset - mark::kBytes);
  });
  const ReadBack read = ReadAll(&world, "wal");
  EXPECT_EQ(read.lsns, std::string("1-49"));
  const Inspection inspection = Inspect(&world);
  EXPECT_TRUE(inspection.report.torn_tail.found);
  EXPECT_EQ(inspection.report.torn_tail.entries, 10u);
  EXPECT_EQ(Describe(inspection.report.damage), std::string());
}

// A reader that was told beforehand what a pass over all of the log finds.
ReadBack ReadBehindAPass(MemoryWorld* world) {
  std::unique_ptr<Directory> directory;
  EXPECT_OK(world->environment().files->OpenDirectory("wal", false, &directory));
  DirectoryScan headers;
  EXPECT_OK(ReadHeaders(directory.get(), Extent::kAll, &headers));
  DirectoryIdentity here;
  EXPECT_OK(directory->Identity(&here));
  RingContents ring;
  std::string name;
  EXPECT_OK(FindRing(world->environment().memory, headers.log_id, here, &ring, &name));
  DirectoryScan scan = headers;
  EXPECT_OK(ScanSegments(directory.get(), &scan));
  const DirectoryReport report = AssembleReport(scan, ring);
  std::unique_ptr<Reader> reader;
  Reader::Open(std::move(directory), std::move(headers), ReadOptions(),
               Reader::Limits{report.proven_lsn, report.last_lsn, RejectionsOf(report)}, std::move(ring), &reader);
  return Drain(reader.get());
}

std::string Described(const ReadBack& read) { return read.lsns + " | " + Describe(read.damage); }

// Two segments that are sealed and one whose writer died: with what it had staged, or without.
void WriteForComparison(MemoryWorld* world, bool with_ring) {
  WriteLog(world, 30);
  WriteLog(world, 30);
  {
    std::unique_ptr<Log> log = OpenLog(world);
    for (int i = 0; i < 4; i++) {
      AppendEntries(log.get(), 10);
      FlushAll(log.get());
    }
    AppendEntries(log.get(), 5);
  }
  if (!with_ring) ForgetSharedMemory(world);
}

TEST(Reader, NeedsNoPassOverTheLogToGiveWhatItGivesBehindOne) {
  for (const bool with_ring : {true, false}) {
    MemoryWorld world;
    WriteForComparison(&world, with_ring);
    EXPECT_EQ(ReadAll(&world, "wal").lsns, with_ring ? std::string("1-105") : std::string("1-100"));
    for (const uint64_t number : {uint64_t{1}, uint64_t{2}, uint64_t{3}}) {
      const std::string file = SegmentName(number);
      const std::vector<uint8_t> sound = world.Contents(file);
      const size_t end = static_cast<size_t>(Inspect(&world).report.segments[number - 1].end_offset) + 2 * mark::kBytes;
      for (size_t at = kSegmentDataAt; at < std::min(end, sound.size()); at += 11) {
        const auto compare = [&](const char* damage, const std::vector<uint8_t>& bytes) {
          world.Put(file, bytes);
          const std::string expected = Described(ReadBehindAPass(&world));
          EXPECT_EQ(Described(ReadAll(&world, "wal")) + damage + std::to_string(at), expected + damage + std::to_string(at));
        };
        std::vector<uint8_t> bytes = sound;
        bytes[at] ^= 1;
        compare(" flipped at ", bytes);
        std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), std::min<size_t>(700, bytes.size() - at), uint8_t{0});
        compare(" zeroed from ", bytes);
        bytes.resize(at);
        compare(" cut at ", bytes);
      }
      world.Put(file, sound);
    }
    SwapFiles(&world, SegmentName(1), SegmentName(2));
    EXPECT_EQ(Described(ReadAll(&world, "wal")), Described(ReadBehindAPass(&world)));
    world.Remove(SegmentName(1));
    EXPECT_EQ(Described(ReadAll(&world, "wal")), Described(ReadBehindAPass(&world)));
  }
}

TEST(Reader, RejectsASegmentOfAnotherFutureOfTheLogLikeAPassOverEverything) {
  MemoryWorld world;
  WriteLog(&world, 30);
  const std::unique_ptr<MemoryWorld> other = world.AfterProcessDeath();
  other->now_ms += 1000;
  WriteLog(other.get(), 30);
  WriteLog(&world, 30);
  WriteLog(&world, 30);
  world.Put(SegmentName(2), other->Contents(SegmentName(2)));
  const ReadBack read = ReadAll(&world, "wal");
  EXPECT_EQ(read.lsns, std::string("1-60"));
  EXPECT_EQ(Described(read), Described(ReadBehindAPass(&world)));
}

TEST(Reader, LooksAtHeadersOnlyBeforeItsFirstChunk) {
  MemoryWorld world;
  WriteAndDie(&world, 60, 20);
  uint64_t reads = 0;
  world.SetFault([&](Call call, const std::string& name) {
    reads += call == Call::kRead && name == SegmentName(1) ? 1 : 0;
    return Status();
  });
  std::unique_ptr<Reader> reader;
  ASSERT_OK(ReadPath(world.environment(), "wal", ReadOptions(), &reader));
  EXPECT_EQ(reads, 1u);
  EXPECT_EQ(Drain(reader.get()).lsns, std::string("1-60"));
}

TEST(Reader, ReadsOneSegmentFileOnItsOwn) {
  MemoryWorld world;
  WriteLog(&world, 1000, 20);
  const SegmentReport second = Inspect(&world).report.segments[1];
  const ReadBack read = ReadAll(&world, "wal/" + second.file);
  EXPECT_EQ(read.lsns, std::to_string(second.first_lsn) + "-" + std::to_string(second.last_lsn));
  EXPECT_EQ(Describe(read.damage), std::string());
}

// The event loop asks for a reader; another thread reads.
TEST(Reader, OfAnOpenLogTouchesNoFileBeforeItsFirstChunk) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  AppendEntries(log.get(), 20);
  FlushAll(log.get());
  const uint64_t before = world.calls();
  std::unique_ptr<Reader> reader;
  ASSERT_OK(log->Read(ReadOptions(), &reader));
  EXPECT_EQ(world.calls(), before);
  // What is appended and drained before that first chunk was appended after the call: it is not part of it.
  AppendEntries(log.get(), 20);
  FlushAll(log.get());
  EXPECT_EQ(Drain(reader.get()).lsns, std::string("1-20"));
}

TEST(Reader, LeavesTheSpaceBehindTheLastEntryUnread) {
  MemoryWorld world;
  LogOptions options = SmallLogOptions();
  options.writer.segment_bytes = uint64_t{32} << 20;
  std::unique_ptr<Log> log = OpenLog(&world, options);
  AppendEntries(log.get(), 20);
  FlushAll(log.get());
  uint64_t reads = 0;
  world.SetFault([&reads](Call call, const std::string&) {
    reads += call == Call::kRead ? 1 : 0;
    return Status();
  });
  EXPECT_EQ(ReadAll(log.get()).lsns, std::string("1-20"));
  EXPECT_TRUE(reads < 10);  // of 1 MiB each: 32 are all of it
}

TEST(Reader, OutlivesItsLog) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  AppendEntries(log.get(), 20);
  std::unique_ptr<Reader> reader;
  ASSERT_OK(log->Read(ReadOptions(), &reader));
  CloseLog(std::move(log));
  EXPECT_EQ(Drain(reader.get()).lsns, std::string("1-20"));
}

TEST(Reader, OfAClosedLogIsRefused) {
  MemoryWorld world;
  std::unique_ptr<Log> log = OpenLog(&world);
  EXPECT_OK(log->Close());
  std::unique_ptr<Reader> reader;
  EXPECT_EQ(log->Read(ReadOptions(), &reader).code(), ErrorCode::kClosed);
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
