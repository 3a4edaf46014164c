#include "segment_name.h"

#include <cstdio>
#include <cstring>

namespace ingest_wal {
namespace {
constexpr size_t kDigits = 16;
constexpr const char* kSegmentSuffix = ".wal";
}  // namespace

std::string SegmentName(uint64_t number) {
  char text[32];
  std::snprintf(text, sizeof(text), "%016llu%s", static_cast<unsigned long long>(number), kSegmentSuffix);
  return text;
}

bool ParseSegmentName(const std::string& name, uint64_t* number) {
  if (name.size() != kDigits + std::strlen(kSegmentSuffix)) return false;
  if (name.compare(kDigits, std::string::npos, kSegmentSuffix) != 0) return false;
  uint64_t value = 0;
  for (size_t i = 0; i < kDigits; i++) {
    if (name[i] < '0' || name[i] > '9') return false;
    value = value * 10 + static_cast<uint64_t>(name[i] - '0');
  }
  *number = value;
  return value > 0;
}

bool IsTemporaryName(const std::string& name) {
  const size_t suffix = std::strlen(kTemporarySuffix);
  return name.size() >= suffix && name.compare(name.size() - suffix, suffix, kTemporarySuffix) == 0;
}

}  // namespace ingest_wal
