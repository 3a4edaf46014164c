#include "properties.h"

#include "segment_bytes.h"

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

}  // namespace testing
}  // namespace ingest_wal
