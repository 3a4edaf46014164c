#include "segment_name.h"

#include <cstdio>
#include <cstring>

namespace ingest_wal {
namespace {
constexpr size_t kDigits = 16;
constexpr const char* kSegmentSuffix = ".wal";
constexpr const char* kCompressedSegmentSuffix = ".wal.gz";
constexpr const char* kCompressedSuffix = ".gz";
constexpr const char* kCheckpointSuffix = ".ckpt";

std::string NumberedName(uint64_t number, const char* suffix) {
  char text[32];
  std::snprintf(text, sizeof(text), "%016llu%s", static_cast<unsigned long long>(number), suffix);
  return text;
}

bool ParseNumberedName(const std::string& name, const char* suffix, uint64_t* number) {
  if (name.size() != kDigits + std::strlen(suffix)) return false;
  if (name.compare(kDigits, std::string::npos, suffix) != 0) return false;
  uint64_t value = 0;
  for (size_t i = 0; i < kDigits; i++) {
    if (name[i] < '0' || name[i] > '9') return false;
    value = value * 10 + static_cast<uint64_t>(name[i] - '0');
  }
  *number = value;
  return value > 0;
}

bool EndsWith(const std::string& name, const std::string& suffix) {
  return name.size() >= suffix.size() && name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0;
}

}  // namespace

std::string SegmentName(uint64_t number) { return NumberedName(number, kSegmentSuffix); }

bool ParseSegmentName(const std::string& name, uint64_t* number) { return ParseNumberedName(name, kSegmentSuffix, number); }

std::string CompressedSegmentName(uint64_t number) { return NumberedName(number, kCompressedSegmentSuffix); }

bool ParseCompressedSegmentName(const std::string& name, uint64_t* number) {
  return ParseNumberedName(name, kCompressedSegmentSuffix, number);
}

bool IsCompressedName(const std::string& name) {
  return EndsWith(name, kCompressedSuffix) || EndsWith(name, std::string(kCompressedSuffix) + kTemporarySuffix);
}

std::string CheckpointName(uint64_t number) { return NumberedName(number, kCheckpointSuffix); }

bool ParseCheckpointName(const std::string& name, uint64_t* number) {
  return ParseNumberedName(name, kCheckpointSuffix, number);
}

std::string QuarantinedName(const std::string& file, uint64_t from, uint64_t end) {
  return file + "." + std::to_string(from) + "-" + std::to_string(end) + ".bytes";
}

bool IsTemporaryName(const std::string& name) { return EndsWith(name, kTemporarySuffix); }

}  // namespace ingest_wal
