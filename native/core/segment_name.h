// Names of files in a log's directory.
#pragma once

#include <cstdint>
#include <string>

namespace ingest_wal {

constexpr const char* kLockName = "LOCK";
constexpr const char* kIdentityName = "log.id";
constexpr const char* kQuarantineName = "quarantine";
constexpr const char* kTemporarySuffix = ".tmp";
constexpr const char* kSpareName = "spare.tmp";

// The largest number that a name has room for.
constexpr uint64_t kMaxSegmentNumber = 9'999'999'999'999'999;

// "0000000000000042.wal" for 42.
std::string SegmentName(uint64_t number);

// The number of a segment's name; false when `name` is not exactly what SegmentName makes of some number > 0.
bool ParseSegmentName(const std::string& name, uint64_t* number);

// "0000000000000042.wal.gz" for 42, and back.
std::string CompressedSegmentName(uint64_t number);
bool ParseCompressedSegmentName(const std::string& name, uint64_t* number);

// Whether a file of this name is read as a compressed one: also what is being made, and a copy under another name.
bool IsCompressedName(const std::string& name);

// "0000000000000042.ckpt" for 42, and back.
std::string CheckpointName(uint64_t number);
bool ParseCheckpointName(const std::string& name, uint64_t* number);

// The name in the quarantine of what stood at [from, end) of `file`.
std::string QuarantinedName(const std::string& file, uint64_t from, uint64_t end);

bool IsTemporaryName(const std::string& name);

}  // namespace ingest_wal
