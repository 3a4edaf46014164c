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

// A reader over the same.
Status ReadPath(const Environment& environment, const std::string& path, const ReadOptions& options,
                std::unique_ptr<Reader>* reader);

}  // namespace ingest_wal
