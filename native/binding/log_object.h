// NativeLog of binding.d.ts.
#pragma once

#include <memory>

#include "log_threads.h"
#include "napi_setup.h"

namespace ingest_wal {

class LogObject : public Napi::ObjectWrap<LogObject> {
 public:
  static Napi::Function Define(Napi::Env env);
  // open(options) of the module.
  static Napi::Value Open(const Napi::CallbackInfo& info);

  explicit LogObject(const Napi::CallbackInfo& info);

 private:
  friend class OpenWorker;
  friend class CloseWorker;

  Status Adopt(Napi::Env env, std::unique_ptr<Log> log, Napi::Function on_wake);
  // The log, or null after an exception was thrown because it is closed.
  Log* Live(Napi::Env env);

  Napi::Value Append(const Napi::CallbackInfo& info);
  Napi::Value RingMemory(const Napi::CallbackInfo& info);
  Napi::Value WakeWriter(const Napi::CallbackInfo& info);
  Napi::Value HasRoom(const Napi::CallbackInfo& info);
  Napi::Value LastLsn(const Napi::CallbackInfo& info);
  Napi::Value DurableLsn(const Napi::CallbackInfo& info);
  Napi::Value RequestDurable(const Napi::CallbackInfo& info);
  Napi::Value RequestDrained(const Napi::CallbackInfo& info);
  Napi::Value IsDrained(const Napi::CallbackInfo& info);
  Napi::Value Hold(const Napi::CallbackInfo& info);
  Napi::Value TakeEvents(const Napi::CallbackInfo& info);
  Napi::Value Stats(const Napi::CallbackInfo& info);
  Napi::Value Histograms(const Napi::CallbackInfo& info);
  Napi::Value Read(const Napi::CallbackInfo& info);
  Napi::Value Rotate(const Napi::CallbackInfo& info);
  Napi::Value CompleteThrough(const Napi::CallbackInfo& info);
  Napi::Value Retire(const Napi::CallbackInfo& info);
  Napi::Value RetireUncompressed(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  Napi::Value Recovery(const Napi::CallbackInfo& info);

  std::unique_ptr<LogThreads> threads_;
  bool closing_ = false;
  // What is still asked for after close().
  uint64_t final_last_lsn_ = 0;
  uint64_t final_durable_lsn_ = 0;
  Napi::ObjectReference recovery_;
};

}  // namespace ingest_wal
