// Proves that the ring gives back in order what was put into it, lap after lap; that a full one refuses and changes
// nothing; and that whoever takes over the ring of a dead process trusts nothing that it reads.
#include <algorithm>

#include "crc32c.h"
#include "memory_file_system.h"
#include "segment_bytes.h"
#include "staging_ring.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

constexpr uint64_t kCapacity = kMinRingBytes;
// Where the ring's header keeps its positions: stated again here, because take-over reads what another build wrote.
constexpr size_t kCapacityAt = 48;
constexpr size_t kHeadAt = 128;
constexpr size_t kTailAt = 192;
constexpr size_t kDurableLsnAt = 200;
constexpr size_t kDataAt = 4096;

const LogId kId = HeaderOf(1, 1).log_id;
constexpr DirectoryIdentity kHere{7, 42};

std::unique_ptr<StagingRing> MakeRing(MemoryWorld* world, uint64_t durable_lsn = 0) {
  std::unique_ptr<StagingRing> ring;
  SharedMemory* memory = world->environment().memory;
  EXPECT_OK(StagingRing::Create(memory, RingName(kId, 0), kCapacity, kId, kHere, durable_lsn, &ring));
  return ring;
}

bool Put(StagingRing* ring, const TestEntry& entry) {
  const std::vector<uint8_t> record = Staged(entry);
  uint8_t* to = ring->Reserve(record.size());
  if (to == nullptr) return false;
  std::copy(record.begin(), record.end(), to);
  ring->Publish(record.size(), entry.lsn);
  return true;
}

TestEntry Sized(uint64_t lsn, size_t payload_bytes) {
  TestEntry entry = EntryOf(lsn);
  entry.payload = std::string(payload_bytes, static_cast<char>('a' + lsn % 26));
  return entry;
}

RingContents Found(MemoryWorld* world) {
  RingContents contents;
  std::string name;
  EXPECT_OK(FindRing(world->environment().memory, kId, kHere, &contents, &name));
  return contents;
}

std::vector<uint8_t>& Region(MemoryWorld* world) { return *world->memory().at(RingName(kId, 0)); }

// The LSNs of whole records, one behind the other.
std::vector<uint64_t> LsnsOf(Bytes records) {
  std::vector<uint64_t> lsns;
  for (size_t at = 0; at < records.size;) {
    Entry entry;
    size_t bytes = 0;
    if (!ReadStaged(records.From(at), &entry, &bytes)) return {};
    lsns.push_back(entry.lsn);
    at += bytes;
  }
  return lsns;
}

TEST(StagingRing, GivesBackInOrderWhatWasPutIntoItForManyLaps) {
  MemoryWorld world;
  const std::unique_ptr<StagingRing> ring = MakeRing(&world);
  Dice random(Seed());
  uint64_t put = 0;
  uint64_t taken = 0;
  uint64_t position = 0;
  while (position < 20 * kCapacity) {
    for (uint64_t n = random() % 40; n > 0; n--) {
      if (!Put(ring.get(), Sized(put + 1, random() % (MaxStagedBytesOf(kCapacity) - 200)))) break;
      put++;
    }
    for (StagingRing::Slice slice = ring->SliceAt(position, ring->head()); slice.bytes != 0;
         slice = ring->SliceAt(position, ring->head())) {
      for (size_t at = 0; at < slice.bytes;) {
        Entry entry;
        size_t bytes = 0;
        // Or padding up to the end of the lap.
        if (!ReadStaged(Bytes(slice.data + at, slice.bytes - at), &entry, &bytes)) break;
        ASSERT_EQ(entry.lsn, ++taken);
        at += bytes;
      }
      position = slice.end_position;
      ring->Release(position, taken);
    }
    position = ring->head();
    ASSERT_EQ(taken, put);
  }
  EXPECT_NE(put, 0u);
}

TEST(StagingRing, AFullRingRefusesAndChangesNothing) {
  MemoryWorld world;
  const std::unique_ptr<StagingRing> ring = MakeRing(&world);
  uint64_t lsn = 1;
  while (Put(ring.get(), Sized(lsn, 1000))) lsn++;
  const std::vector<uint8_t> before = Region(&world);
  for (int i = 0; i < 3; i++) EXPECT_TRUE(ring->Reserve(StagedEntryBytes(6, 1000)) == nullptr);
  EXPECT_FALSE(ring->HasRoom(StagedEntryBytes(6, 1000)));
  EXPECT_TRUE(before == Region(&world));
  // What fits still fits, and behind it what was refused, once there is room.
  const uint64_t head = ring->head();
  ring->Release(head, lsn - 1);
  EXPECT_TRUE(Put(ring.get(), Sized(lsn, 1000)));
  EXPECT_EQ(LsnsOf(Bytes(Found(&world).staged.data(), Found(&world).staged.size())).size(), 1u);
}

TEST(StagingRing, HasRoomNeverPromisesMoreThanThereIs) {
  MemoryWorld world;
  const std::unique_ptr<StagingRing> ring = MakeRing(&world);
  Dice random(Seed());
  uint64_t lsn = 0;
  for (int round = 0; round < 2000; round++) {
    const uint64_t count = 1 + random() % 10;
    const size_t payload = random() % 3000;
    const bool promised = ring->HasRoom(count * StagedEntryBytes(6, payload));
    for (uint64_t i = 0; i < count; i++) {
      TestEntry entry = Sized(lsn + 1, payload);
      entry.user_id = "user-1";
      const bool taken = Put(ring.get(), entry);
      lsn += taken ? 1 : 0;
      // However they fall around the end of the lap: all of them were promised room together.
      ASSERT_TRUE(taken || !promised);
    }
    if (random() % 3 == 0) ring->Release(ring->head(), lsn);
  }
}

TEST(TakeOver, FindsEverythingThatWasPublishedAndNothingElse) {
  MemoryWorld world;
  const std::unique_ptr<StagingRing> ring = MakeRing(&world, 10);
  for (uint64_t lsn = 11; lsn <= 20; lsn++) ASSERT_TRUE(Put(ring.get(), EntryOf(lsn)));
  // Died in the middle of an append: reserved and written, never published.
  const std::vector<uint8_t> record = Staged(EntryOf(21));
  std::copy(record.begin(), record.end(), ring->Reserve(record.size()));
  const RingContents contents = Found(&world);
  EXPECT_TRUE(contents.found);
  EXPECT_FALSE(contents.damaged);
  EXPECT_EQ(contents.first_lsn, 11u);
  EXPECT_EQ(contents.last_lsn, 20u);
  EXPECT_EQ(contents.entries, 10u);
  EXPECT_EQ(contents.durable_lsn, 10u);
  EXPECT_EQ(LsnsOf(Bytes(contents.staged.data(), contents.staged.size())).size(), 10u);
}

TEST(TakeOver, FollowsRecordsAroundTheEndOfTheLap) {
  MemoryWorld world;
  const std::unique_ptr<StagingRing> ring = MakeRing(&world);
  uint64_t lsn = 0;
  while (ring->head() + 2000 < kCapacity) ASSERT_TRUE(Put(ring.get(), Sized(++lsn, 1000)));
  ring->Release(ring->head(), lsn);
  const uint64_t durable = lsn;
  for (int i = 0; i < 10; i++) ASSERT_TRUE(Put(ring.get(), Sized(++lsn, 1500)));
  ASSERT_TRUE(ring->head() > kCapacity);
  const RingContents contents = Found(&world);
  EXPECT_FALSE(contents.damaged);
  EXPECT_EQ(contents.first_lsn, durable + 1);
  EXPECT_EQ(contents.last_lsn, lsn);
}

TEST(TakeOver, DurableLsnStoredBeforeTailOnlyMeansEntriesThatAreKnownAlready) {
  MemoryWorld world;
  const std::unique_ptr<StagingRing> ring = MakeRing(&world);
  for (uint64_t lsn = 1; lsn <= 10; lsn++) ASSERT_TRUE(Put(ring.get(), EntryOf(lsn)));
  ring->Release(ring->tail(), 6);  // died between the two stores
  const RingContents contents = Found(&world);
  EXPECT_FALSE(contents.damaged);
  EXPECT_EQ(contents.durable_lsn, 6u);
  EXPECT_EQ(contents.first_lsn, 1u);
}

TEST(TakeOver, ADamagedRecordEndsWhatIsTaken) {
  MemoryWorld world;
  const std::unique_ptr<StagingRing> ring = MakeRing(&world);
  for (uint64_t lsn = 1; lsn <= 10; lsn++) ASSERT_TRUE(Put(ring.get(), EntryOf(lsn)));
  const size_t used = static_cast<size_t>(ring->head());
  const std::vector<uint8_t> sound = Region(&world);
  for (size_t bit = 0; bit < used * 8; bit++) {
    FlipBit(&Region(&world), kDataAt * 8 + bit);
    const RingContents contents = Found(&world);
    const std::vector<uint64_t> lsns = LsnsOf(Bytes(contents.staged.data(), contents.staged.size()));
    // A prefix, unless the bit is one that vouches for nothing.
    ASSERT_EQ(lsns.size(), contents.entries);
    ASSERT_TRUE(contents.damaged || contents.entries == 10);
    for (size_t i = 0; i < lsns.size(); i++) ASSERT_EQ(lsns[i], i + 1);
    Region(&world) = sound;
  }
}

TEST(TakeOver, DamagedPositionsAreNotFollowed) {
  MemoryWorld world;
  const std::unique_ptr<StagingRing> ring = MakeRing(&world, 100);
  for (uint64_t lsn = 101; lsn <= 110; lsn++) ASSERT_TRUE(Put(ring.get(), EntryOf(lsn)));
  const std::vector<uint8_t> sound = Region(&world);
  for (const size_t at : {kHeadAt, kTailAt}) {
    for (const uint64_t value : {uint64_t{3}, uint64_t{1} << 20, kCapacity + 8, uint64_t{1} << 31, UINT64_MAX - 7}) {
      if (at == kTailAt) Store(Region(&world).data() + at, value);
      if (at == kHeadAt) Store(Region(&world).data() + at, static_cast<uint32_t>(value));
      const RingContents contents = Found(&world);
      EXPECT_TRUE(contents.found);
      EXPECT_TRUE(contents.damaged);
      EXPECT_TRUE(LsnsOf(Bytes(contents.staged.data(), contents.staged.size())).size() == contents.entries);
      Region(&world) = sound;
    }
  }
}

TEST(TakeOver, ADurableLsnThatCannotBeIsNotBelieved) {
  MemoryWorld world;
  const std::unique_ptr<StagingRing> ring = MakeRing(&world, 100);
  for (uint64_t lsn = 101; lsn <= 110; lsn++) ASSERT_TRUE(Put(ring.get(), EntryOf(lsn)));
  for (const uint64_t value : {uint64_t{111}, kMaxLsn, UINT64_MAX}) {
    Store(Region(&world).data() + kDurableLsnAt, value);
    const RingContents contents = Found(&world);
    EXPECT_TRUE(contents.damaged);
    EXPECT_EQ(contents.entries, 10u);
    EXPECT_EQ(contents.durable_lsn, 100u);  // what has left the ring was durable
  }
  ring->Release(ring->head(), 110);
  Store(Region(&world).data() + kDurableLsnAt, UINT64_MAX);
  EXPECT_TRUE(Found(&world).damaged);
  EXPECT_EQ(Found(&world).durable_lsn, 0u);
}

TEST(TakeOver, AForgedLengthIsNotFollowed) {
  for (const uint32_t length : {uint32_t{0xffffffff}, uint32_t{kMaxPayloadBytes}, uint32_t{70000}}) {
    MemoryWorld world;
    const std::unique_ptr<StagingRing> ring = MakeRing(&world);
    ASSERT_TRUE(Put(ring.get(), EntryOf(1)));
    Store(Region(&world).data() + kDataAt + staged::kPayloadBytesAt, length);
    const RingContents contents = Found(&world);
    EXPECT_TRUE(contents.damaged);
    EXPECT_EQ(contents.entries, 0u);
  }
}

TEST(TakeOver, AGapInTheLsnsEndsWhatIsTaken) {
  MemoryWorld world;
  const std::unique_ptr<StagingRing> ring = MakeRing(&world);
  for (const uint64_t lsn : {1u, 2u, 4u}) ASSERT_TRUE(Put(ring.get(), EntryOf(lsn)));
  const RingContents contents = Found(&world);
  EXPECT_EQ(contents.last_lsn, 2u);
  EXPECT_TRUE(contents.damaged);
}

TEST(TakeOver, ARingOfAnotherVersionIsRefusedByName) {
  MemoryWorld world;
  const std::unique_ptr<StagingRing> ring = MakeRing(&world);
  ASSERT_TRUE(Put(ring.get(), EntryOf(1)));
  uint8_t* header = Region(&world).data();
  for (const uint32_t version : {1u, 2u, 4u}) {
    Store(header + 8, version);
    Store(header + 12, Crc32c(Crc32c(0, header, 12), header + 16, 48));
    RingContents contents;
    std::string name;
    const Status status = FindRing(world.environment().memory, kId, kHere, &contents, &name);
    EXPECT_EQ(status.code(), ErrorCode::kNewerFormat);
    EXPECT_TRUE(status.message().find("is of version " + std::to_string(version)) != std::string::npos);
  }
}

TEST(TakeOver, ADamagedHeaderIsNoRing) {
  MemoryWorld world;
  const std::unique_ptr<StagingRing> ring = MakeRing(&world);
  ASSERT_TRUE(Put(ring.get(), EntryOf(1)));
  const std::vector<uint8_t> sound = Region(&world);
  for (size_t bit = 0; bit < 64 * 8; bit++) {
    FlipBit(&Region(&world), bit);
    ASSERT_FALSE(Found(&world).found);
    Region(&world) = sound;
  }
  // A capacity that is not that of the region, however well vouched for.
  Region(&world).resize(kDataAt + kCapacity / 2);
  EXPECT_FALSE(Found(&world).found);
  Region(&world).resize(kCapacityAt);
  EXPECT_FALSE(Found(&world).found);
}

TEST(TakeOver, ARingOfAnotherLogOrAnotherDirectoryIsLeftAlone) {
  MemoryWorld world;
  const std::unique_ptr<StagingRing> ring = MakeRing(&world);
  LogId other = kId;
  other[15] = 99;
  EXPECT_FALSE(IsRingOf(ring->region().get(), other, kHere));
  EXPECT_FALSE(IsRingOf(ring->region().get(), kId, DirectoryIdentity{7, 43}));
  EXPECT_FALSE(IsRingOf(ring->region().get(), kId, DirectoryIdentity{8, 42}));
  EXPECT_TRUE(IsRingOf(ring->region().get(), kId, kHere));
}

TEST(TakeOver, AMakingThatWasCutIsToldFromARing) {
  MemoryWorld world;
  SharedMemory* memory = world.environment().memory;
  EXPECT_FALSE(IsUnfinishedRing(memory, RingName(kId, 0)));
  std::unique_ptr<SharedRegion> region;
  ASSERT_OK(memory->Create(RingName(kId, 0), kDataAt + kCapacity, &region));
  EXPECT_TRUE(IsUnfinishedRing(memory, RingName(kId, 0)));
  EXPECT_FALSE(Found(&world).found);
  ASSERT_OK(memory->Unlink(RingName(kId, 0)));
  const std::unique_ptr<StagingRing> ring = MakeRing(&world);
  EXPECT_FALSE(IsUnfinishedRing(memory, RingName(kId, 0)));
}

Status Reuse(MemoryWorld* world, uint64_t capacity, const DirectoryIdentity& directory, uint64_t durable_lsn,
             std::unique_ptr<StagingRing>* ring) {
  return StagingRing::Reuse(world->environment().memory, RingName(kId, 0), capacity, kId, directory, durable_lsn, ring);
}

TEST(Reuse, GivesUpWhatIsInTheRingAndGoesOnBehindItLapAfterLap) {
  MemoryWorld world;
  uint64_t lsn = 0;
  ASSERT_TRUE(MakeRing(&world) != nullptr);
  for (int life = 0; life < 50; life++) {
    std::unique_ptr<StagingRing> ring;
    ASSERT_OK(Reuse(&world, kCapacity, kHere, lsn, &ring));
    EXPECT_EQ(ring->used_bytes(), 0u);
    EXPECT_EQ(ring->durable_lsn(), lsn);
    EXPECT_EQ(ring->last_lsn(), lsn);
    const uint64_t before = lsn;
    for (; ring->HasRoom(4096); lsn++) ASSERT_TRUE(Put(ring.get(), Sized(lsn + 1, 100 + lsn % 900)));
    const RingContents contents = Found(&world);
    EXPECT_FALSE(contents.damaged);
    EXPECT_EQ(contents.first_lsn, before + 1);
    EXPECT_EQ(contents.last_lsn, lsn);
  }
  EXPECT_TRUE(Load<uint64_t>(Region(&world).data() + kTailAt) > 10 * kCapacity);
}

TEST(Reuse, ADeathBetweenItsStoresLeavesEntriesThatAreKnownOrNone) {
  MemoryWorld world;
  const std::unique_ptr<StagingRing> ring = MakeRing(&world);
  for (uint64_t lsn = 1; lsn <= 10; lsn++) ASSERT_TRUE(Put(ring.get(), EntryOf(lsn)));
  std::unique_ptr<StagingRing> again;
  ring->Release(ring->tail(), 10);  // the durable LSN was stored, tail was not
  RingContents contents = Found(&world);
  EXPECT_FALSE(contents.damaged);
  EXPECT_EQ(contents.durable_lsn, 10u);
  EXPECT_EQ(contents.last_lsn, 10u);
  ring->Release(ring->head(), 10);  // tail was stored, what the appender has to know was not
  contents = Found(&world);
  EXPECT_FALSE(contents.damaged);
  EXPECT_EQ(contents.entries, 0u);
  ASSERT_OK(Reuse(&world, kCapacity, kHere, 10, &again));
  EXPECT_EQ(again->last_lsn(), 10u);
}

TEST(Reuse, OfAnotherCapacityOrAnotherDirectoryOrWithPositionsThatCannotBeIsRefusedAndChangesNothing) {
  MemoryWorld world;
  const std::unique_ptr<StagingRing> ring = MakeRing(&world);
  for (uint64_t lsn = 1; lsn <= 10; lsn++) ASSERT_TRUE(Put(ring.get(), EntryOf(lsn)));
  const std::vector<uint8_t> before = Region(&world);
  std::unique_ptr<StagingRing> again;
  EXPECT_EQ(Reuse(&world, 2 * kCapacity, kHere, 10, &again).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Reuse(&world, kCapacity, DirectoryIdentity{7, 43}, 10, &again).code(), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(Region(&world) == before);
  Store(Region(&world).data() + kHeadAt, static_cast<uint32_t>(2 * kCapacity));
  EXPECT_EQ(Reuse(&world, kCapacity, kHere, 10, &again).code(), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(again == nullptr);
}

RingFigures Look(MemoryWorld* world) {
  RingFigures figures;
  EXPECT_OK(LookAtRing(world->environment().memory, kId, kHere, &figures));
  return figures;
}

TEST(Figures, AreSeenFromOutsideAtTheSameTime) {
  MemoryWorld world;
  const std::unique_ptr<StagingRing> ring = MakeRing(&world, 5);
  uint64_t staged = 0;
  for (uint64_t lsn = 6; lsn <= 15; lsn++) {
    ASSERT_TRUE(Put(ring.get(), EntryOf(lsn)));
    staged += Staged(EntryOf(lsn)).size();
  }
  ring->figures()->counters.syncs = 7;
  ring->figures()->histograms.sync_ns.Record(16'001);
  const RingFigures figures = Look(&world);
  EXPECT_TRUE(figures.found);
  EXPECT_EQ(figures.durable_lsn, 5u);
  EXPECT_EQ(figures.last_lsn, 15u);
  EXPECT_EQ(figures.used_bytes, staged);
  EXPECT_EQ(figures.capacity, kCapacity);
  EXPECT_EQ(figures.writer().counters.syncs.load(), 7u);
  EXPECT_EQ(figures.writer().histograms.sync_ns.count(1), 1u);
  // Of what was mapped, whatever is counted later.
  ring->figures()->histograms.sync_ns.Record(16'001);
  EXPECT_EQ(figures.writer().histograms.sync_ns.sum(), 32'002u);
}

TEST(Figures, OfARingThatIsUsedAgainBeginAnew) {
  MemoryWorld world;
  const std::unique_ptr<StagingRing> ring = MakeRing(&world);
  ring->figures()->begun_ms = 1;
  ring->figures()->counters.written_bytes = 7;
  ring->figures()->histograms.batch_bytes.Record(7);
  std::unique_ptr<StagingRing> again;
  ASSERT_OK(Reuse(&world, kCapacity, kHere, 10, &again));
  const RingFigures figures = Look(&world);
  EXPECT_EQ(figures.last_lsn, 10u);
  EXPECT_EQ(figures.writer().begun_ms.load(), 0);
  EXPECT_EQ(figures.writer().counters.written_bytes.load(), 0u);
  EXPECT_EQ(figures.writer().histograms.batch_bytes.sum(), 0u);
}

TEST(Figures, OfADamagedRingStayWithinIt) {
  MemoryWorld world;
  const std::unique_ptr<StagingRing> ring = MakeRing(&world);
  Dice random(Seed());
  for (int i = 0; i < 1000; i++) {
    for (size_t at = 64; at < kDataAt; at += 8) Store(Region(&world).data() + at, random());
    const RingFigures figures = Look(&world);
    ASSERT_TRUE(figures.found);
    ASSERT_TRUE(figures.used_bytes <= kCapacity);
  }
}

TEST(Figures, ThereAreNoneWithoutARing) {
  MemoryWorld world;
  EXPECT_FALSE(Look(&world).found);
}

TEST(RingName, IsShortEnoughForEverySystem) {
  EXPECT_LE(RingName(kId, kRingNames - 1).size(), 30u);
  EXPECT_NE(RingName(kId, 0), RingName(kId, 1));
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
