#include "properties.h"

#include "directory_scan.h"
#include "memory_file_system.h"
#include "segment_bytes.h"
#include "segment_name.h"
#include "test_log.h"

namespace ingest_wal {
namespace testing {

std::string CheckTruncationAtEveryLength() {
  const SegmentBytes segment = SmallSegment(20);
  const std::vector<uint8_t>& bytes = segment.bytes();
  const std::vector<TestEntry> whole = EntriesOf(Bytes(bytes.data(), bytes.size()), segment.seed());
  std::vector<uint64_t> ends;
  for (const ScanStep& step : ScanAll(Bytes(bytes.data(), bytes.size()), segment.seed())) {
    if (step.kind == ScanKind::kEntry) ends.push_back(step.end);
  }
  if (whole.size() != 20) return "a sound segment is not read";
  for (size_t size = kSegmentDataAt; size < bytes.size(); size++) {
    const std::vector<TestEntry> read = EntriesOf(Bytes(bytes.data(), size), segment.seed());
    const std::string cut = "cut at " + std::to_string(size) + " of " + std::to_string(bytes.size()) + ": ";
    size_t complete = 0;
    for (const uint64_t end : ends) complete += end <= size ? 1 : 0;
    if (read.size() != complete) {
      return cut + std::to_string(read.size()) + " entries read, " + std::to_string(complete) + " are whole";
    }
    for (size_t i = 0; i < read.size(); i++) {
      if (!(read[i] == whole[i])) return cut + "entry " + std::to_string(i + 1) + " reads otherwise";
    }
  }
  return "";
}

std::string CheckStaleRecordsStayUnread() {
  const SegmentBytes former = SmallSegment(20);
  SegmentHeader header = HeaderOf(2, 1);
  header.former_number = former.header().number;
  header.former_salt = former.header().salt;
  SegmentBytes again(header);
  for (uint64_t lsn = 1; lsn <= 20; lsn++) {
    if (lsn % 5 == 1) again.AddMark(MarkKind::kBatch, lsn, lsn - 1);
    again.Add(EntryOf(lsn));
    std::vector<uint8_t> bytes = again.bytes();
    const std::vector<uint8_t>& left = former.bytes();
    bytes.insert(bytes.end(), left.begin() + static_cast<std::ptrdiff_t>(bytes.size()), left.end());
    bytes.resize(static_cast<size_t>(header.planned_bytes));
    MemoryWorld world;
    world.Put(SegmentName(header.number), std::move(bytes));
    const Inspection inspection = Inspect(&world, SegmentName(header.number));
    const std::string at = "filled again up to LSN " + std::to_string(lsn) + ": ";
    const DirectoryReport& report = inspection.report;
    if (report.segments[0].entries != lsn) return at + std::to_string(report.segments[0].entries) + " entries come back";
    if (report.torn_tail.found) return at + "a torn tail of " + std::to_string(report.torn_tail.bytes) + " bytes";
    if (!report.damage.empty()) return at + Describe(report.damage);
  }
  return "";
}

}  // namespace testing
}  // namespace ingest_wal
