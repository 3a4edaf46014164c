// NativeReader of binding.d.ts, and the module's read() and scan().
#pragma once

#include <memory>
#include <vector>

#include "napi_setup.h"
#include "read_ahead.h"
#include "reader.h"

namespace ingest_wal {

class ReaderObject : public Napi::ObjectWrap<ReaderObject> {
 public:
  static Napi::Function Define(Napi::Env env);
  static Napi::Value Make(Napi::Env env, std::unique_ptr<Reader> reader);
  // read(path, options), scan(path) and figures(path) of the module.
  static Napi::Value ReadPath(const Napi::CallbackInfo& info);
  static Napi::Value ScanPath(const Napi::CallbackInfo& info);
  static Napi::Value FiguresOfPath(const Napi::CallbackInfo& info);
  // False after an exception was thrown. `value` may be undefined.
  static bool ReadOptionsOf(const Napi::Value& value, ReadOptions* options);

  explicit ReaderObject(const Napi::CallbackInfo& info);

 private:
  friend class ReadAheadWorker;

  Napi::Value Next(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  void ReadOn(Napi::Env env);
  void OnReadOn(Napi::Env env);
  void Settle(Napi::Env env, ReadAhead::Pulled* pulled);

  std::shared_ptr<ReadAhead> ahead_;  // null: closed
  bool reading_ = false;              // a ReadAheadWorker is under way
  // Who waits for the next chunk, and the chunk that it has given back.
  std::unique_ptr<Napi::Promise::Deferred> waiting_;
  Napi::ObjectReference spare_;
  std::vector<Napi::Promise::Deferred> closing_;
};

}  // namespace ingest_wal
