#include "checkpoint_files.h"

#include "segment_name.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

std::unique_ptr<Directory> Open(MemoryWorld* world) {
  std::unique_ptr<Directory> directory;
  EXPECT_OK(world->environment().files->OpenDirectory("wal", false, &directory));
  return directory;
}

}  // namespace

CheckpointPlan KeepAll(uint64_t through_segment) {
  CheckpointPlan plan;
  plan.directory = "wal";
  plan.through_segment = through_segment;
  return plan;
}

Status WriteCheckpoint(MemoryWorld* world, const CheckpointPlan& plan, CheckpointScan* written) {
  CheckpointScan unseen;
  return ingest_wal::WriteCheckpoint(world->environment(), plan, written == nullptr ? &unseen : written);
}

CheckpointScan CheckpointOf(MemoryWorld* world, uint64_t number) {
  const std::unique_ptr<Directory> directory = Open(world);
  DirectoryScan log;
  EXPECT_OK(ReadHeaders(directory.get(), Extent::kAll, &log));
  CheckpointScan checkpoint;
  EXPECT_OK(CheckCheckpoint(directory.get(), CheckpointName(number), number, log.log_id, &checkpoint));
  return checkpoint;
}

std::vector<TestEntry> EntriesOfCheckpoint(MemoryWorld* world, uint64_t number) {
  const std::unique_ptr<Directory> directory = Open(world);
  const SegmentHeader header = CheckpointOf(world, number).file.header;
  std::vector<TestEntry> entries;
  std::unique_ptr<SegmentSource> source;
  const Status opened = OpenSegmentSource(directory.get(), CheckpointName(number), header, &source);
  EXPECT_OK(opened);
  if (!opened.ok()) return entries;
  SegmentCursor cursor(source.get(), header, UINT64_MAX);
  for (;;) {
    SegmentCursor::Located located;
    bool found = false;
    EXPECT_OK(cursor.Next(&located, &found));
    if (!found) return entries;
    const Entry& from = located.entry;
    TestEntry entry;
    entry.lsn = from.lsn;
    entry.user_id = TextOf(from.user_id);
    entry.payload = TextOf(from.payload);
    entry.operation = from.operation;
    entry.sequence = from.sequence;
    entry.timestamp_ms = from.timestamp_ms;
    entries.push_back(entry);
  }
}

std::string CheckpointsOf(MemoryWorld* world) {
  std::string text;
  for (const auto& name : world->names()) {
    uint64_t number = 0;
    if (ParseCheckpointName(name.first, &number)) text += (text.empty() ? "" : " ") + std::to_string(number);
  }
  return text;
}

}  // namespace testing
}  // namespace ingest_wal
