// NativeReader of binding.d.ts, and the module's read() and scan().
#pragma once

#include <memory>

#include "napi_setup.h"
#include "reader.h"

namespace ingest_wal {

class ReaderObject : public Napi::ObjectWrap<ReaderObject> {
 public:
  static Napi::Function Define(Napi::Env env);
  static Napi::Value Make(Napi::Env env, std::unique_ptr<Reader> reader);
  // read(path, options) and scan(path) of the module.
  static Napi::Value ReadPath(const Napi::CallbackInfo& info);
  static Napi::Value ScanPath(const Napi::CallbackInfo& info);
  // False after an exception was thrown. `value` may be undefined.
  static bool ReadOptionsOf(const Napi::Value& value, ReadOptions* options);

  explicit ReaderObject(const Napi::CallbackInfo& info);

 private:
  friend class NextWorker;

  Napi::Value Next(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  std::unique_ptr<Reader> reader_;
  Chunk chunk_;
  bool busy_ = false;    // a NextWorker uses reader_ and chunk_
  bool closed_ = false;
};

}  // namespace ingest_wal
