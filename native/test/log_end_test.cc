// Proves where a log goes on when the end of what it holds cannot be read, behind a clean close, when no ring says how far it went:
// behind every LSN that may stand there, which nobody gets again, whether the power goes meanwhile or what could not be read can be
// read again one day.
#include <string>

#include "segment_name.h"
#include "test_log.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

const std::string kFirst = SegmentName(1);
const std::string kSecond = SegmentName(2);
const std::string kThird = SegmentName(3);

// Pages from the `first`-th on, up to the end of the file.
void MakeUnreadable(MemoryWorld* world, const std::string& name, uint64_t first) {
  world->unreadable[name] = {{first * 4096, UINT64_MAX}};
}

TEST(LogEnd, ThatTheDeviceCannotReadIsToldAndNoNumberThatMayStandThereIsUsedAgain) {
  for (const bool stops : {false, true}) {
    const LogOptions options = stops ? With(OnCorruption::kStop) : SmallLogOptions();
    MemoryWorld world;
    WriteLog(&world, 200);
    MakeUnreadable(&world, kFirst, 3);
    std::unique_ptr<Log> log = OpenLog(&world, options);
    ASSERT_EQ(log->recovery().found.damage.size(), 1u);
    EXPECT_EQ(log->recovery().found.damage[0].kind, std::string(damage_kind::kUnreadable));
    const uint64_t read = ReadAll(log.get()).entries;
    EXPECT_TRUE(read > 0 && read < 200);
    const uint64_t next = AppendEntries(log.get(), 1);
    EXPECT_GE(next, 201u);
    CloseLog(std::move(log));
    // It can be read again, and not again: the numbers stay as they were given.
    for (const bool readable : {true, false, true}) {
      world.unreadable.clear();
      if (!readable) MakeUnreadable(&world, kFirst, 3);
      log = OpenLog(&world, options);
      EXPECT_EQ(log->last_lsn(), next);
      EXPECT_EQ(ReadAll(log.get()).entries, read + 1);
      CloseLog(std::move(log));
    }
  }
}

TEST(LogEnd, ThatTheDeviceCannotReadGivesNumbersUpOnceAlsoWhenNothingIsAppended) {
  for (const bool closes : {false, true}) {
    MemoryWorld before;
    WriteLog(&before, 200);
    MakeUnreadable(&before, kFirst, 3);
    std::unique_ptr<Log> first = OpenLog(&before);
    const uint64_t last = first->last_lsn();
    EXPECT_GE(last, 200u);
    if (closes) CloseLog(std::move(first));
    Dice dice(Seed());
    const std::unique_ptr<MemoryWorld> world = before.AfterPowerCut(&dice);
    for (int i = 0; i < 3; i++) {
      std::unique_ptr<Log> log = OpenLog(world.get());
      EXPECT_EQ(log->last_lsn(), last);
      CloseLog(std::move(log));
    }
    std::unique_ptr<Log> log = OpenLog(world.get());
    EXPECT_EQ(AppendEntries(log.get(), 1), last + 1);
  }
}

TEST(LogEnd, ThatCannotBeReadGivesNumbersUpAlsoWhenThePowerGoesMeanwhile) {
  Dice dice(Seed());
  for (const bool has_header : {true, false}) {
    MemoryWorld written;
    WriteLog(&written, 200);
    const auto damage = [&](MemoryWorld* world) { has_header ? MakeUnreadable(world, kFirst, 3) : MakeHeadersUnsound(world, kFirst); };
    const std::unique_ptr<MemoryWorld> whole = written.AfterProcessDeath();
    damage(whole.get());
    EXPECT_OK(TryOpen(whole.get()));
    for (uint64_t cut = 1; cut <= whole->calls(); cut++) {
      for (int i = 0; i < 8; i++) {
        const std::unique_ptr<MemoryWorld> first = written.AfterProcessDeath();
        damage(first.get());
        first->CutAtCall(cut);
        // Not all that can fail is a reason not to open.
        const Status opened = TryOpen(first.get());
        (void)opened;
        const std::unique_ptr<MemoryWorld> after = first->AfterPowerCut(&dice);
        // Readable again, and not.
        if (has_header && i % 2 == 0) damage(after.get());
        std::unique_ptr<Log> log = OpenLog(after.get());
        EXPECT_GE(AppendEntries(log.get(), 1), 201u);
      }
    }
  }
}

TEST(LogEnd, InASegmentWithoutAHeaderIsToldAndNoNumberThatMayStandThereIsUsedAgain) {
  for (const bool stops : {false, true}) {
    for (const std::string& last : {kFirst, kThird}) {
      const LogOptions options = stops ? With(OnCorruption::kStop) : SmallLogOptions();
      MemoryWorld world;
      if (last == kFirst) WriteLog(&world, 60);
      if (last == kThird) WriteThreeSegments(&world);
      const std::unique_ptr<MemoryWorld> whole = world.AfterProcessDeath();
      MakeHeadersUnsound(&world, last);
      std::unique_ptr<Log> log = OpenLog(&world, options);
      ASSERT_EQ(log->recovery().found.damage.size(), 1u);
      EXPECT_EQ(log->recovery().found.damage[0].kind, std::string(damage_kind::kSegmentHeader));
      const uint64_t read = ReadAll(log.get()).entries;
      EXPECT_EQ(read, last == kFirst ? 0u : 40u);
      const uint64_t given_up = log->last_lsn();
      EXPECT_GE(given_up, 60u);
      CloseLog(std::move(log));
      // Once, also when nothing was appended.
      log = OpenLog(&world, options);
      EXPECT_EQ(log->last_lsn(), given_up);
      EXPECT_EQ(AppendEntries(log.get(), 1), given_up + 1);
      CloseLog(std::move(log));
      // The header is there again.
      Change(&world, last, [&](std::vector<uint8_t>* bytes) { *bytes = whole->Contents(last); });
      log = OpenLog(&world, options);
      EXPECT_EQ(log->last_lsn(), given_up + 1);
      EXPECT_EQ(ReadAll(log.get()).entries, read + 1);
      CloseLog(std::move(log));
    }
  }
}

TEST(LogEnd, BehindASegmentWithoutAHeaderGivesNoNumbersUp) {
  MemoryWorld world;
  WriteThreeSegments(&world);
  MakeHeadersUnsound(&world, kSecond);
  EXPECT_EQ(OpenLog(&world)->last_lsn(), 60u);
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
