// Looking at a log from outside: no lock, nothing changed, beside a live writer as well as on what a dead one left.
#pragma once

#include <memory>
#include <string>

#include "damage.h"
#include "environment.h"
#include "reader.h"

namespace ingest_wal {

struct Inspection {
  DirectoryReport report;
  bool live = false;   // a writer holds the lock
  bool whole = true;   // false: `path` was one segment file
};

// `path` is a log's directory or one segment file. kNotFound, kNotALog, kNewerFormat, kPermission, kIo.
Status InspectPath(const Environment& environment, const std::string& path, Inspection* inspection);

// What can be seen at a glance: names of files, one header, and the header of the staging ring. What it takes grows with the
// number of files and with nothing else.
struct LogFigures {
  std::string log_id;  // as text; empty where nothing tells
  bool live = false;
  uint64_t segments = 0;             // compressed ones included
  uint64_t compressed_segments = 0;
  uint64_t checkpoints = 0;
  // Header of the newest checkpoint that has a sound one; its number is 0 when there is none.
  SegmentHeader checkpoint;
  // Not found as well where it is another user's, or where the writer stages in its heap.
  RingFigures ring;
};

// `path` is a log's directory. kInvalidArgument for a file, otherwise as InspectPath().
Status LookAtFigures(const Environment& environment, const std::string& path, LogFigures* figures);

// A reader over the same.
Status ReadPath(const Environment& environment, const std::string& path, const ReadOptions& options,
                std::unique_ptr<Reader>* reader);

}  // namespace ingest_wal
