// A File over a descriptor, for directory_posix.cc.
#pragma once

#include <memory>
#include <string>

#include "platform/file_system.h"

namespace ingest_wal {

// Takes over `descriptor`, which must be a regular file.
std::unique_ptr<File> MakePosixFile(int descriptor, std::string name);

}  // namespace ingest_wal
