// The threads of an open log and the way back from them to JavaScript.
//
// Three rules for the thread-safe function: it is made on the JavaScript thread before the threads start; only the writer's
// thread calls it, and the JavaScript thread where a request is met already; it is released on the JavaScript thread after
// both threads were joined. A cleanup hook of the environment joins them when JavaScript ends without close():
// process.exit, an uncaught error, worker.terminate.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "log.h"
#include "napi_setup.h"
#include "uv_thread.h"

namespace ingest_wal {

class LogThreads : public WriterListener {
 public:
  LogThreads(Napi::Env env, std::unique_ptr<Log> log, Napi::Function on_wake);
  ~LogThreads() override;

  // Starts both threads. On an error none is running.
  Status Start();
  // Stops and joins both threads once; later calls wait for the first. From any thread.
  void StopAndJoin();
  // Lets go of the thread-safe function and the cleanup hook. JavaScript thread, after StopAndJoin().
  void Release();
  // Whether the event loop is kept alive for what the writer will report.
  void Hold(bool on);

  Log* log() { return log_.get(); }
  void Wake() override;

 private:
  static void CallOnWake(napi_env env, napi_value on_wake, void* context, void* data);
  static void Cleanup(void* self);

  const napi_env env_;
  napi_threadsafe_function wake_ = nullptr;
  std::atomic<bool> wake_pending_{false};

  std::mutex join_mutex_;  // guards joined_; held while joining
  bool joined_ = true;
  uv_thread_t writer_thread_{};
  uv_thread_t spare_thread_{};
  bool hooked_ = false;
  bool held_ = false;

  std::unique_ptr<Log> log_;
};

}  // namespace ingest_wal
