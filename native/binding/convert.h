// C++ values to JavaScript values, field by field as binding.d.ts names them.
#pragma once

#include <memory>
#include <string>

#include "chunk_memory.h"
#include "damage.h"
#include "inspect.h"
#include "log.h"
#include "napi_setup.h"
#include "reader.h"
#include "status.h"

namespace ingest_wal {

// An Error with `code` and, where there was one, `errno`.
Napi::Error ToError(Napi::Env env, const Status& status);

Napi::Object ToObject(Napi::Env env, const DirectoryReport& report, bool live);
Napi::Object ToObject(Napi::Env env, const CheckpointReport& checkpoint);
Napi::Object ToObject(Napi::Env env, const RecoveryReport& recovery);
Napi::Object ToObject(Napi::Env env, const LogEvent& event);
Napi::Value ToObject(Napi::Env env, const std::vector<Damage>& damage);
// Copies the chunk into the memory of `spare`, an earlier result of this, or takes the chunk's own where there is none. Memory
// that is needed no more, now or when the result has been collected, goes to `memory`.
Napi::Object ToObject(Napi::Env env, const Napi::Object& spare, const std::shared_ptr<ChunkMemory>& memory,
                      Chunk* chunk);

// Names of the numbers in a chunk's columns, in order.
Napi::Value EntryColumns(Napi::Env env);

// Reads an LSN, a count or a size: a whole number from 0 to 2^53 - 1. Throws ERR_WAL_INVALID_ARGUMENT otherwise.
bool ToUint64(const Napi::Value& value, const char* name, uint64_t* to);

const char* StateText(LogState state);

}  // namespace ingest_wal
