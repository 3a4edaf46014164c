// Writing a checkpoint, on a thread of its own: it may take long, and libuv's pool has the service's work to do.
//
// The thread is joined on the JavaScript thread when it has said that it is done, or by a cleanup hook when the environment
// goes down before. Where a process ends without that, as by process.exit, the next writer of the log removes what is left.
#pragma once

#include <atomic>
#include <cstdint>

#include "checkpoint_writer.h"
#include "napi_setup.h"
#include "uv_thread.h"

namespace ingest_wal {

class CheckpointThread {
 public:
  // The function of the module.
  static Napi::Value Write(const Napi::CallbackInfo& info);

 private:
  CheckpointThread(Napi::Env env, CheckpointPlan plan, const Napi::Value& abort);
  ~CheckpointThread();

  Status Start();
  void Run();
  bool IsStopped() const;
  void Join();
  void Settle(Napi::Env env);
  static void CallSettle(napi_env env, napi_value function, void* self, void* data);
  static void Cleanup(void* self);

  const Napi::Env env_;
  Napi::Promise::Deferred deferred_;
  CheckpointPlan plan_;
  CheckpointScan written_;
  Status status_;
  std::atomic<bool> stop_{false};
  // The word that JavaScript stores to, and what keeps it; null where there is none.
  const std::atomic<int32_t>* abort_ = nullptr;
  Napi::ObjectReference keep_abort_;
  napi_threadsafe_function done_ = nullptr;
  uv_thread_t thread_{};
  bool running_ = false;
  bool hooked_ = false;
};

}  // namespace ingest_wal
