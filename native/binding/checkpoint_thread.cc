#include "checkpoint_thread.h"

#include <utility>
#include <vector>

#include "convert.h"
#include "platform/thread_priority.h"

namespace ingest_wal {
namespace {

static_assert(std::atomic<int32_t>::is_always_lock_free && sizeof(std::atomic<int32_t>) == sizeof(int32_t));

// Of one that has just been written: there is no newer one.
CheckpointReport ReportOf(const CheckpointScan& written) {
  const SegmentHeader& header = written.file.header;
  CheckpointReport report;
  report.number = header.number;
  report.file = written.file.file;
  report.state = CheckpointState::kBase;
  report.file_bytes = written.file.file_bytes;
  report.covered_segment = header.covered_segment;
  report.covered_lsn = header.covered_lsn;
  report.entries = written.file.entries;
  report.first_lsn = written.first_lsn;
  report.last_lsn = written.last_lsn;
  report.created_ms = header.created_ms;
  return report;
}

bool Refuse(Napi::Env env, const std::string& why) {
  ToError(env, Status(ErrorCode::kInvalidArgument, why)).ThrowAsJavaScriptException();
  return false;
}

bool IsTypedArray(const Napi::Value& value, napi_typedarray_type type) {
  return value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == type;
}

// Infinity: beyond every LSN.
bool ToLsns(const Napi::Value& value, const char* name, std::vector<uint64_t>* lsns) {
  if (!IsTypedArray(value, napi_float64_array)) return Refuse(value.Env(), std::string(name) + " must be a Float64Array");
  const Napi::Float64Array numbers = value.As<Napi::Float64Array>();
  lsns->reserve(numbers.ElementLength());
  for (size_t i = 0; i < numbers.ElementLength(); i++) {
    const double number = numbers[i];
    if (!(number >= 0)) return Refuse(value.Env(), std::string(name) + " has a value that is no LSN; allowed: 0 and more");
    lsns->push_back(number > static_cast<double>(kMaxLsn) ? UINT64_MAX : static_cast<uint64_t>(number));
  }
  return true;
}

bool ToUsers(const Napi::Value& value, std::vector<std::string>* users) {
  if (!value.IsArray()) return Refuse(value.Env(), "users must be an array");
  const Napi::Array array = value.As<Napi::Array>();
  users->reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::Value user = array[i];
    if (!user.IsString()) return Refuse(value.Env(), "users must hold strings only");
    users->push_back(user.As<Napi::String>().Utf8Value());
  }
  return true;
}

bool ToPlan(const Napi::Object& options, CheckpointPlan* plan) {
  const Napi::Env env = options.Env();
  const Napi::Value directory = options.Get("directory");
  if (directory.IsString()) plan->directory = directory.As<Napi::String>().Utf8Value();
  if (plan->directory.empty() || plan->directory.find('\0') != std::string::npos) {
    return Refuse(env, "directory must be a string that is not empty");
  }
  const bool is_read = ToUint64(options.Get("throughSegment"), "throughSegment", &plan->through_segment) &&
                       ToUsers(options.Get("users"), &plan->users) &&
                       ToLsns(options.Get("keepFromLsn"), "keepFromLsn", &plan->keep_from_lsn) &&
                       ToLsns(options.Get("alsoLsns"), "alsoLsns", &plan->also_lsns);
  if (!is_read) return false;
  if (plan->users.size() != plan->keep_from_lsn.size()) return Refuse(env, "keepFromLsn must have one LSN for each of users");
  for (size_t i = 1; i < plan->also_lsns.size(); i++) {
    if (plan->also_lsns[i - 1] >= plan->also_lsns[i]) return Refuse(env, "alsoLsns must ascend");
  }
  plan->accepts_losses = options.Get("acceptsLosses").ToBoolean();
  plan->history = options.Get("history").ToBoolean();
  const Napi::Value abort = options.Get("abort");
  const bool is_word = IsTypedArray(abort, napi_int32_array) && abort.As<Napi::TypedArray>().ElementLength() != 0;
  return abort.IsUndefined() || is_word || Refuse(env, "abort must be an Int32Array that is not empty");
}

}  // namespace

Napi::Value CheckpointThread::Write(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  CheckpointPlan plan;
  if (!info[0].IsObject()) {
    Refuse(env, "options must be an object");
    return env.Undefined();
  }
  const Napi::Object options = info[0].As<Napi::Object>();
  if (!ToPlan(options, &plan)) return env.Undefined();
  // Ends by itself, in Settle() or Cleanup().
  auto* thread = new CheckpointThread(env, std::move(plan), options.Get("abort"));
  const Napi::Promise promise = thread->deferred_.Promise();
  const Status started = thread->Start();
  if (started.ok()) return promise;
  delete thread;
  ToError(env, started).ThrowAsJavaScriptException();
  return env.Undefined();
}

CheckpointThread::CheckpointThread(Napi::Env env, CheckpointPlan plan, const Napi::Value& abort)
    : env_(env), deferred_(Napi::Promise::Deferred::New(env)), plan_(std::move(plan)) {
  plan_.is_stopped = [this] { return IsStopped(); };
  if (!abort.IsTypedArray()) return;
  abort_ = reinterpret_cast<const std::atomic<int32_t>*>(abort.As<Napi::Int32Array>().Data());
  keep_abort_ = Napi::Persistent(abort.As<Napi::Object>());
}

CheckpointThread::~CheckpointThread() {
  Join();
  if (hooked_) {
    const napi_status removed = napi_remove_env_cleanup_hook(env_, Cleanup, this);
    (void)removed;
  }
  if (done_ == nullptr) return;
  const napi_status released = napi_release_threadsafe_function(done_, napi_tsfn_release);
  (void)released;
}

Status CheckpointThread::Start() {
  const napi_value name = Napi::String::New(env_, "ingest-wal checkpoint");
  if (napi_create_threadsafe_function(env_, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, CallSettle, &done_) !=
      napi_ok) {
    done_ = nullptr;
    return Status(ErrorCode::kIo, "no thread-safe function could be made");
  }
  const auto run = [](void* self) { static_cast<CheckpointThread*>(self)->Run(); };
  if (uv_thread_create(&thread_, run, this) != 0) {
    return Status(ErrorCode::kIo, "the thread that writes a checkpoint could not be started");
  }
  running_ = true;
  hooked_ = napi_add_env_cleanup_hook(env_, Cleanup, this) == napi_ok;
  return Status();
}

void CheckpointThread::Run() {
  LowerThreadPriority();
  Environment environment = SystemEnvironment();
  environment.scan_threads = 1;  // the other processors are the service's
  status_ = WriteCheckpoint(environment, plan_, &written_);
  const napi_status called = napi_call_threadsafe_function(done_, nullptr, napi_tsfn_nonblocking);
  (void)called;  // refused only when the environment is going down
}

bool CheckpointThread::IsStopped() const {
  return stop_.load(std::memory_order_relaxed) || (abort_ != nullptr && abort_->load(std::memory_order_relaxed) != 0);
}

void CheckpointThread::Join() {
  if (!running_) return;
  uv_thread_join(&thread_);
  running_ = false;
}

void CheckpointThread::Settle(Napi::Env env) {
  const Napi::HandleScope scope(env);
  Join();
  if (status_.ok()) deferred_.Resolve(ToObject(env, ReportOf(written_)));
  else deferred_.Reject(ToError(env, status_).Value());
}

void CheckpointThread::CallSettle(napi_env env, napi_value function, void* self, void* data) {
  (void)function;
  (void)data;
  if (env == nullptr) return;  // it is going down: Cleanup() has seen to the rest
  auto* thread = static_cast<CheckpointThread*>(self);
  thread->Settle(env);
  delete thread;
}

void CheckpointThread::Cleanup(void* self) {
  auto* thread = static_cast<CheckpointThread*>(self);
  thread->hooked_ = false;
  thread->stop_.store(true);
  thread->Join();
  // The environment finalizes the thread-safe function itself, after this hook.
  thread->done_ = nullptr;
  delete thread;
}

}  // namespace ingest_wal
