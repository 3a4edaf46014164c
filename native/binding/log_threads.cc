#include "log_threads.h"

#include "platform/thread_priority.h"

namespace ingest_wal {

LogThreads::LogThreads(Napi::Env env, std::unique_ptr<Log> log, Napi::Function on_wake)
    : env_(env), log_(std::move(log)) {
  const napi_value name = Napi::String::New(env, "ingest-wal writer");
  const napi_status made = napi_create_threadsafe_function(env, on_wake, nullptr, name, 0, 1, nullptr, nullptr, this,
                                                           CallOnWake, &wake_);
  if (made != napi_ok) {
    wake_ = nullptr;
    return;
  }
  // An open log alone does not keep a process running.
  const napi_status unreferenced = napi_unref_threadsafe_function(env, wake_);
  (void)unreferenced;
  log_->writer()->SetListener(this);
}

LogThreads::~LogThreads() {
  StopAndJoin();
  Release();
}

Status LogThreads::Start() {
  if (wake_ == nullptr) return Status(ErrorCode::kIo, "no thread-safe function could be made");
  const auto run_writer = [](void* log) { static_cast<Log*>(log)->writer()->Run(); };
  const auto run_spare = [](void* log) {
    // Nobody waits for what it does, and the event loop may be on the same processor.
    LowerThreadPriority();
    static_cast<Log*>(log)->writer()->PrepareFence();
    static_cast<Log*>(log)->ring()->region()->EnterPages();
    static_cast<Log*>(log)->spare()->Run();
  };
  if (uv_thread_create(&writer_thread_, run_writer, log_.get()) != 0) {
    return Status(ErrorCode::kIo, "the writer's thread could not be started");
  }
  if (uv_thread_create(&spare_thread_, run_spare, log_.get()) != 0) {
    log_->writer()->Stop();
    uv_thread_join(&writer_thread_);
    return Status(ErrorCode::kIo, "the thread that prepares segments could not be started");
  }
  joined_ = false;
  hooked_ = napi_add_env_cleanup_hook(env_, Cleanup, this) == napi_ok;
  return Status();
}

void LogThreads::StopAndJoin() {
  const std::lock_guard<std::mutex> lock(join_mutex_);
  if (joined_) return;
  log_->writer()->Stop();
  log_->spare()->Stop();
  uv_thread_join(&writer_thread_);
  uv_thread_join(&spare_thread_);
  joined_ = true;
}

void LogThreads::Release() {
  if (hooked_) {
    const napi_status removed = napi_remove_env_cleanup_hook(env_, Cleanup, this);
    (void)removed;
    hooked_ = false;
  }
  if (wake_ == nullptr) return;
  const napi_status released = napi_release_threadsafe_function(wake_, napi_tsfn_abort);
  (void)released;
  wake_ = nullptr;
}

void LogThreads::Cleanup(void* self) {
  LogThreads* threads = static_cast<LogThreads*>(self);
  threads->hooked_ = false;
  threads->StopAndJoin();
  // The environment finalizes the thread-safe function itself, after this hook.
  threads->wake_ = nullptr;
}

void LogThreads::Hold(bool on) {
  if (wake_ == nullptr || on == held_) return;
  held_ = on;
  const napi_status changed = on ? napi_ref_threadsafe_function(env_, wake_) : napi_unref_threadsafe_function(env_, wake_);
  (void)changed;
}

void LogThreads::Wake() {
  if (wake_pending_.exchange(true)) return;
  if (napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking) != napi_ok) wake_pending_.store(false);
}

void LogThreads::CallOnWake(napi_env env, napi_value on_wake, void* context, void* data) {
  (void)data;
  if (env == nullptr || on_wake == nullptr) return;  // the environment is going down
  static_cast<LogThreads*>(context)->wake_pending_.store(false);
  napi_value undefined = nullptr;
  if (napi_get_undefined(env, &undefined) != napi_ok) return;
  if (napi_call_function(env, undefined, on_wake, 0, nullptr, nullptr) != napi_pending_exception) return;
  // Node only warns of an exception that is left pending here; it has to end the process as any uncaught one does.
  napi_value error = nullptr;
  if (napi_get_and_clear_last_exception(env, &error) != napi_ok) return;
  const napi_status thrown = napi_fatal_exception(env, error);
  (void)thrown;
}

}  // namespace ingest_wal
