// Keeps copies of bytes that recovery cuts off or passes over.
#pragma once

#include <cstdint>
#include <string>

#include "damage.h"
#include "platform/file_system.h"

namespace ingest_wal {

// Copies everything that `report` says is damaged or torn to quarantine/, one file a stretch, named after segment and
// offsets. What is there already is left. At most kMaxQuarantineFiles a call.
Status Quarantine(Directory* directory, const DirectoryReport& report);

constexpr size_t kMaxQuarantineFiles = 1000;

}  // namespace ingest_wal
