#include "checkpoint_files.h"
#include "properties.h"
#include "segment_name.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

constexpr uint64_t kCovered = 2;
constexpr uint64_t kCoveredEntries = 40;
constexpr int kWorldsOfACut = 40;

// What is not as it was, or half of something, after a cut in a checkpoint of the first two of three segments.
std::string WrongIn(MemoryWorld* world, bool must_be_there) {
  const ReadBack read = ReadAll(world, "wal");
  if (read.lsns != "1-60" || !read.damage.empty() || read.wrong != 0) {
    return "the log reads " + read.lsns + " | " + Describe(read.damage);
  }
  const std::string found = CheckpointsOf(world);
  if (found.empty()) return must_be_there ? "the checkpoint is gone" : "";
  const CheckpointScan checkpoint = CheckpointOf(world, 1);
  if (!checkpoint.whole()) return "the checkpoint " + checkpoint.flaw;
  return checkpoint.file.entries == kCoveredEntries ? "" : "the checkpoint has other entries";
}

std::string WrongInAnyWorldAfter(const MemoryWorld& cut, bool must_be_there, Dice* dice) {
  for (int i = 0; i < kWorldsOfACut; i++) {
    const std::unique_ptr<MemoryWorld> world = cut.AfterPowerCut(dice);
    const std::string wrong = WrongIn(world.get(), must_be_there);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

}  // namespace

std::string CheckPowerCutsInACheckpoint() {
  MemoryWorld before;
  WriteThreeSegments(&before);
  Dice dice(Seed());
  for (uint64_t call = 1;; call++) {
    const std::unique_ptr<MemoryWorld> world = before.AfterProcessDeath();
    world->CutAtCall(call);
    const Status status = WriteCheckpoint(world.get(), KeepAll(kCovered));
    if (world->powered() && !status.ok()) return status.message();
    if (!world->powered() && status.ok()) return "cut at call " + std::to_string(call) + ", and said to be written";
    const std::string wrong = WrongInAnyWorldAfter(*world, world->powered(), &dice);
    if (!wrong.empty()) return "cut at call " + std::to_string(call) + ": " + wrong;
    if (world->powered()) return "";
  }
}

std::string CheckBytesStoredOtherwiseInACheckpoint() {
  const std::string temporary = CheckpointName(1) + kTemporarySuffix;
  MemoryWorld before;
  WriteThreeSegments(&before);
  // Of the header its fields; all records.
  for (size_t at = 0;; at += at + 1 == header::kUsedBytes ? kSegmentDataAt - at : 1) {
    const std::unique_ptr<MemoryWorld> world = before.AfterProcessDeath();
    bool is_behind_the_end = false;
    world->SetFault([&](Call call, const std::string& name) {
      if (call != Call::kSync || name != temporary) return Status();
      const auto found = world->names().find(temporary);
      SharedBytes& bytes = found->second->current;
      is_behind_the_end = at >= bytes.size();
      if (is_behind_the_end) return Status();
      const uint8_t other = bytes.get()[at] ^ static_cast<uint8_t>(1 << at % 8);
      bytes.Write(at, &other, 1);
      return Status();
    });
    const Status status = WriteCheckpoint(world.get(), KeepAll(kCovered));
    if (is_behind_the_end) return status.ok() ? "" : status.message();
    if (status.code() == ErrorCode::kCorrupt && CheckpointsOf(world.get()).empty()) continue;
    return "byte " + std::to_string(at) + " is stored otherwise, and there is a checkpoint";
  }
}

}  // namespace testing
}  // namespace ingest_wal
