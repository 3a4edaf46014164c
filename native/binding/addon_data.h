// What the module keeps per environment (main thread or worker): nothing is shared between environments.
#pragma once

#include "napi_setup.h"

namespace ingest_wal {

struct AddonData {
  Napi::FunctionReference log_class;
  Napi::FunctionReference reader_class;
};

}  // namespace ingest_wal
