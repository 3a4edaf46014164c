#include "properties.h"
#include "segment_name.h"
#include "test_log.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

std::string LiveIn(MemoryWorld* world) {
  const ReadBack read = ReadAll(world, "wal", Live());
  if (!read.status.ok()) return read.status.message();
  return read.lsns + " | " + Describe(read.damage) + (read.wrong == 0 ? "" : " with other content");
}

}  // namespace

std::string CheckTheNewestCheckpointDamagedAtEveryByte() {
  MemoryWorld world;
  WriteThreeSegments(&world);
  PutCheckpoint(&world, 1, 1, [](const Entry& entry) { return entry.lsn % 5 == 0; });
  PutCheckpoint(&world, 2, 2, [](const Entry& entry) { return entry.lsn % 10 == 0; });
  world.Remove(SegmentName(1));
  const std::string whole = "10 20 30 40-60 | ";
  const std::string fallen_back = "5 10 15 20-60 | checkpoint";
  if (LiveIn(&world) != whole) return "undamaged, it reads " + LiveIn(&world);
  const std::vector<uint8_t> sound = world.Contents(CheckpointName(2));
  for (size_t at = 0; at < sound.size(); at++) {
    // Of the zeros behind a header's fields, some.
    if (at < kSegmentDataAt && at % header::kCopyBytes > header::kUsedBytes && at % 97 != 0) continue;
    Change(&world, CheckpointName(2), [&](std::vector<uint8_t>* bytes) { FlipBit(bytes, at * 8 + at % 8); });
    const bool in_header = at < kSegmentDataAt;
    const std::string read = LiveIn(&world);
    const std::string found = Describe(Inspect(&world).report.damage);
    world.Put(CheckpointName(2), sound);
    if (read != (in_header ? whole : fallen_back)) return "with byte " + std::to_string(at) + " damaged, it reads " + read;
    if (found != (in_header ? damage_kind::kHeaderCopy : damage_kind::kCheckpoint)) {
      return "with byte " + std::to_string(at) + " damaged, a check finds " + found;
    }
  }
  for (size_t size = 0; size < sound.size(); size += size < kSegmentDataAt ? 1024 : 8) {
    std::vector<uint8_t> cut = sound;
    cut.resize(size);
    world.Put(CheckpointName(2), cut);
    if (LiveIn(&world) != fallen_back) return "cut to " + std::to_string(size) + " bytes, it reads " + LiveIn(&world);
  }
  return "";
}

}  // namespace testing
}  // namespace ingest_wal
