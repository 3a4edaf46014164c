// C++ values to JavaScript values, field by field as binding.d.ts names them.
#pragma once

#include <memory>
#include <string>

#include "chunk_memory.h"
#include "damage.h"
#include "histogram.h"
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
Napi::Object ToObject(Napi::Env env, const LogFigures& figures);
Napi::Object ToObject(Napi::Env env, const WriterHistograms& histograms);
Napi::Value ToObject(Napi::Env env, const std::vector<Damage>& damage);
// Copies the chunk into the memory of `spare`, an earlier result of this, or takes the chunk's own where there is none. Memory
// that is needed no more, now or when the result has been collected, goes to `memory`.
Napi::Object ToObject(Napi::Env env, const Napi::Object& spare, const std::shared_ptr<ChunkMemory>& memory,
                      Chunk* chunk);

// `value_at(i)` for each i below `count`. Empty, with an exception pending, when the environment is going down: there is no memory
// to write to then.
template <typename ValueAt>
Napi::Float64Array ToFloat64Array(Napi::Env env, size_t count, ValueAt value_at) {
  Napi::Float64Array array = Napi::Float64Array::New(env, count);
  for (size_t i = 0; i < count && !array.IsEmpty(); i++) array[i] = static_cast<double>(value_at(i));
  return array;
}

// A snapshot, as NativeHistogram.
template <uint64_t first_bound, size_t bound_count>
Napi::Object ToObject(Napi::Env env, const Histogram<first_bound, bound_count>& histogram) {
  using Of = Histogram<first_bound, bound_count>;
  Napi::Object object = Napi::Object::New(env);
  object.Set("bounds", ToFloat64Array(env, Of::kBounds, [](size_t i) { return Of::Bound(i); }));
  object.Set("counts", ToFloat64Array(env, Of::kBuckets, [&](size_t i) { return histogram.count(i); }));
  object.Set("sum", Napi::Number::New(env, static_cast<double>(histogram.sum())));
  return object;
}

// Names of the numbers in a chunk's columns, in order.
Napi::Value EntryColumns(Napi::Env env);

// Reads an LSN, a count or a size: a whole number from 0 to 2^53 - 1. Throws ERR_WAL_INVALID_ARGUMENT otherwise.
bool ToUint64(const Napi::Value& value, const char* name, uint64_t* to);

const char* StateText(LogState state);

}  // namespace ingest_wal
