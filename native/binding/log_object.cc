#include "log_object.h"

#include <string>

#include "addon_data.h"
#include "convert.h"
#include "promise_worker.h"
#include "reader_object.h"

namespace ingest_wal {
namespace {

// User ids up to this many bytes are copied without asking for their length first.
constexpr size_t kShortUserIdBytes = 256;

std::string Text(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}

// A whole number from 0 to 2^32 - 1. Node-API's own conversion would cut 2^32 + 2 and 2.5 to 2.
bool ToUint32(napi_env env, napi_value value, uint32_t* to) {
  double number = -1;
  if (napi_get_value_double(env, value, &number) != napi_ok || !(number >= 0 && number <= UINT32_MAX)) return false;
  *to = static_cast<uint32_t>(number);
  return static_cast<double>(*to) == number;
}

bool ReadOptionsOf(Napi::Env env, const Napi::Object& from, LogOptions* options) {
  options->directory = Text(from, "directory");
  uint64_t interval_ms = 0;
  if (!ToUint64(from.Get("segmentBytes"), "segmentBytes", &options->writer.segment_bytes) ||
      !ToUint64(from.Get("batchBytes"), "batchBytes", &options->writer.batch_bytes) ||
      !ToUint64(from.Get("batchIntervalMs"), "batchIntervalMs", &interval_ms) ||
      !ToUint64(from.Get("queueBytes"), "queueBytes", &options->queue_bytes)) {
    return false;
  }
  constexpr uint64_t kMaxIntervalMs = uint64_t{24} * 3600 * 1000;
  options->writer.batch_interval_ns = std::min(interval_ms, kMaxIntervalMs) * 1'000'000;
  options->require_kill_safe = from.Get("requireKillSafe").ToBoolean();
  const Napi::Value create = from.Get("create");
  options->create = create.IsUndefined() || create.ToBoolean();
  const std::string on_corruption = Text(from, "onCorruption");
  if (on_corruption == "fail") {
    options->on_corruption = OnCorruption::kFail;
  } else if (on_corruption == "stop") {
    options->on_corruption = OnCorruption::kStop;
  } else if (on_corruption != "skip") {
    ToError(env, Status(ErrorCode::kInvalidArgument,
                        "onCorruption is '" + on_corruption + "'; allowed: skip, stop, fail"))
        .ThrowAsJavaScriptException();
    return false;
  }
  if (options->directory.empty() || options->directory.find('\0') != std::string::npos) {
    ToError(env, Status(ErrorCode::kInvalidArgument, "directory must be a path")).ThrowAsJavaScriptException();
    return false;
  }
  return true;
}

}  // namespace

class OpenWorker : public PromiseWorker {
 public:
  OpenWorker(Napi::Env env, LogOptions options, Napi::Function on_wake)
      : PromiseWorker(env), options_(std::move(options)), on_wake_(Napi::Persistent(on_wake)) {}

 protected:
  void Execute() override { status() = Log::Open(SystemEnvironment(), options_, &log_); }

  Napi::Value Result(Napi::Env env) override {
    const Napi::Object object = env.GetInstanceData<AddonData>()->log_class.New({});
    LogObject* const wrapped = object.IsEmpty() ? nullptr : LogObject::Unwrap(object);
    if (wrapped == nullptr) return env.Undefined();  // the environment is going down
    status() = wrapped->Adopt(env, std::move(log_), on_wake_.Value());
    return object;
  }

 private:
  const LogOptions options_;
  Napi::FunctionReference on_wake_;
  std::unique_ptr<Log> log_;
};

class CloseWorker : public PromiseWorker {
 public:
  CloseWorker(Napi::Env env, LogObject* object)
      : PromiseWorker(env), object_(object), keep_(Napi::Persistent(object->Value())) {}

 protected:
  void Execute() override {
    object_->threads_->StopAndJoin();
    status() = object_->threads_->log()->Close();
    Finish();
  }

  Napi::Value Result(Napi::Env env) override { return env.Undefined(); }

  void OnWorkComplete(Napi::Env env, napi_status work_status) override {
    if (work_status == napi_ok) {
      object_->final_last_lsn_ = last_lsn_;
      object_->final_durable_lsn_ = durable_lsn_;
      object_->threads_.reset();
    }
    PromiseWorker::OnWorkComplete(env, work_status);
  }

 private:
  void Finish() {
    last_lsn_ = object_->threads_->log()->last_lsn();
    durable_lsn_ = object_->threads_->log()->durable_lsn();
  }

  LogObject* const object_;
  Napi::ObjectReference keep_;
  uint64_t last_lsn_ = 0;
  uint64_t durable_lsn_ = 0;
};

LogObject::LogObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<LogObject>(info) {}

Napi::Function LogObject::Define(Napi::Env env) {
  return DefineClass(env, "NativeLog",
                     {
                         InstanceMethod<&LogObject::Append>("append"),
                         InstanceMethod<&LogObject::RingMemory>("ringMemory"),
                         InstanceMethod<&LogObject::WakeWriter>("wakeWriter"),
                         InstanceMethod<&LogObject::HasRoom>("hasRoom"),
                         InstanceMethod<&LogObject::LastLsn>("lastLsn"),
                         InstanceMethod<&LogObject::DurableLsn>("durableLsn"),
                         InstanceMethod<&LogObject::RequestDurable>("requestDurable"),
                         InstanceMethod<&LogObject::RequestDrained>("requestDrained"),
                         InstanceMethod<&LogObject::IsDrained>("isDrained"),
                         InstanceMethod<&LogObject::Hold>("hold"),
                         InstanceMethod<&LogObject::TakeEvents>("takeEvents"),
                         InstanceMethod<&LogObject::Stats>("stats"),
                         InstanceMethod<&LogObject::Histograms>("histograms"),
                         InstanceMethod<&LogObject::Read>("read"),
                         InstanceMethod<&LogObject::Rotate>("rotate"),
                         InstanceMethod<&LogObject::CompleteThrough>("completeThrough"),
                         InstanceMethod<&LogObject::Retire>("retire"),
                         InstanceMethod<&LogObject::RetireUncompressed>("retireUncompressed"),
                         InstanceMethod<&LogObject::Close>("close"),
                         InstanceAccessor<&LogObject::Recovery>("recovery"),
                     });
}

Napi::Value LogObject::Open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() < 1 || !info[0].IsObject() || !info[0].As<Napi::Object>().Get("onWake").IsFunction()) {
    ToError(env, Status(ErrorCode::kInvalidArgument, "open takes an object of options")).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const Napi::Object from = info[0].As<Napi::Object>();
  LogOptions options;
  if (!ReadOptionsOf(env, from, &options)) return env.Undefined();
  auto* worker = new OpenWorker(env, std::move(options), from.Get("onWake").As<Napi::Function>());
  worker->Queue();
  return worker->Promise();
}

Status LogObject::Adopt(Napi::Env env, std::unique_ptr<Log> log, Napi::Function on_wake) {
  recovery_ = Napi::Persistent(ToObject(env, log->recovery()));
  threads_ = std::make_unique<LogThreads>(env, std::move(log), on_wake);
  return threads_->Start();
}

Log* LogObject::Live(Napi::Env env) {
  if (threads_ != nullptr && !closing_) return threads_->log();
  ToError(env, Status(ErrorCode::kClosed, "the log is closed")).ThrowAsJavaScriptException();
  return nullptr;
}

Napi::Value LogObject::Append(const Napi::CallbackInfo& info) {
  const napi_env env = info.Env();
  const auto refuse = [&](ErrorCode code) { return Napi::Number::New(env, -static_cast<int>(code)); };
  if (threads_ == nullptr || closing_) return refuse(ErrorCode::kClosed);
  uint32_t operation = 0;
  uint32_t sequence = 0;
  char short_user_id[kShortUserIdBytes];
  std::string long_user_id;
  size_t user_id_bytes = 0;
  const char* user_id = short_user_id;
  if (!ToUint32(env, info[0], &operation) || operation > UINT8_MAX || !ToUint32(env, info[3], &sequence) ||
      napi_get_value_string_utf8(env, info[1], short_user_id, kShortUserIdBytes, &user_id_bytes) != napi_ok) {
    return refuse(ErrorCode::kInvalidArgument);
  }
  // A string that fills the buffer may have been cut.
  if (user_id_bytes + 4 >= kShortUserIdBytes) {
    long_user_id = info[1].As<Napi::String>().Utf8Value();
    user_id = long_user_id.data();
    user_id_bytes = long_user_id.size();
  }
  Bytes payload;
  napi_valuetype payload_type = napi_undefined;
  if (napi_typeof(env, info[2], &payload_type) != napi_ok) return refuse(ErrorCode::kInvalidArgument);
  if (payload_type == napi_object) {
    napi_typedarray_type type = napi_uint8_array;
    size_t length = 0;
    void* data = nullptr;
    if (napi_get_typedarray_info(env, info[2], &type, &length, &data, nullptr, nullptr) != napi_ok ||
        type != napi_uint8_array) {
      return refuse(ErrorCode::kInvalidArgument);
    }
    payload = Bytes(data, length);
  } else if (payload_type != napi_null && payload_type != napi_undefined) {
    return refuse(ErrorCode::kInvalidArgument);
  }
  uint64_t lsn = 0;
  const ErrorCode code = threads_->log()->Append(static_cast<uint8_t>(operation), Bytes(user_id, user_id_bytes), payload,
                                                 sequence, &lsn);
  if (code != ErrorCode::kOk) return refuse(code);
  return Napi::Number::New(env, static_cast<double>(lsn));
}

// The memory stays mapped for as long as JavaScript holds it, whatever becomes of the log.
Napi::Value LogObject::RingMemory(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Log* log = Live(env);
  if (log == nullptr) return env.Undefined();
#if defined(__SANITIZE_THREAD__)
  // ThreadSanitizer does not see what JavaScript stores, and how that is ordered: there, entries are staged by native calls.
  return env.Null();
#endif
  auto* held = new std::shared_ptr<SharedRegion>(log->ring()->region());
  const auto release = [](napi_env, void*, void* hint) { delete static_cast<std::shared_ptr<SharedRegion>*>(hint); };
  napi_value memory = nullptr;
  const napi_status made =
      napi_create_external_arraybuffer(env, (*held)->data(), static_cast<size_t>((*held)->size()), release, held, &memory);
  if (made == napi_ok) return Napi::Value(env, memory);
  delete held;
  return env.Null();
}

Napi::Value LogObject::WakeWriter(const Napi::CallbackInfo& info) {
  if (threads_ != nullptr && !closing_) threads_->log()->writer()->WakeWriter();
  return info.Env().Undefined();
}

Napi::Value LogObject::HasRoom(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  uint64_t entries = 0;
  uint64_t bytes = 0;
  if (!ToUint64(info[0], "entries", &entries) || !ToUint64(info[1], "bytes", &bytes)) return env.Undefined();
  Log* log = Live(env);
  return log == nullptr ? env.Undefined() : Napi::Boolean::New(env, log->HasRoom(entries, bytes));
}

Napi::Value LogObject::LastLsn(const Napi::CallbackInfo& info) {
  const uint64_t lsn = threads_ == nullptr ? final_last_lsn_ : threads_->log()->last_lsn();
  return Napi::Number::New(info.Env(), static_cast<double>(lsn));
}

Napi::Value LogObject::DurableLsn(const Napi::CallbackInfo& info) {
  const uint64_t lsn = threads_ == nullptr ? final_durable_lsn_ : threads_->log()->durable_lsn();
  return Napi::Number::New(info.Env(), static_cast<double>(lsn));
}

Napi::Value LogObject::RequestDurable(const Napi::CallbackInfo& info) {
  uint64_t lsn = 0;
  if (!ToUint64(info[0], "lsn", &lsn)) return info.Env().Undefined();
  if (Log* log = Live(info.Env())) log->writer()->RequestDurable(lsn);
  return info.Env().Undefined();
}

Napi::Value LogObject::RequestDrained(const Napi::CallbackInfo& info) {
  if (Log* log = Live(info.Env())) log->writer()->RequestDrained();
  return info.Env().Undefined();
}

Napi::Value LogObject::IsDrained(const Napi::CallbackInfo& info) {
  Log* log = Live(info.Env());
  return log == nullptr ? info.Env().Undefined() : Napi::Boolean::New(info.Env(), log->writer()->IsDrained());
}

Napi::Value LogObject::Hold(const Napi::CallbackInfo& info) {
  if (threads_ != nullptr && !closing_) threads_->Hold(info[0].ToBoolean());
  return info.Env().Undefined();
}

Napi::Value LogObject::TakeEvents(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array array = Napi::Array::New(env);
  if (threads_ == nullptr || closing_) return array;
  uint32_t index = 0;
  for (const LogEvent& event : threads_->log()->writer()->TakeEvents()) array.Set(index++, ToObject(env, event));
  return array;
}

Napi::Value LogObject::Stats(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Log* log = Live(env);
  if (log == nullptr) return env.Undefined();
  const WriterCounters& counters = log->writer()->counters();
  const auto number = [&](uint64_t value) { return Napi::Number::New(env, static_cast<double>(value)); };
  Napi::Object stats = Napi::Object::New(env);
  stats.Set("logId", LogIdText(log->log_id()));
  stats.Set("lastLsn", number(log->last_lsn()));
  stats.Set("durableLsn", number(log->durable_lsn()));
  stats.Set("killSafe", Napi::Boolean::New(env, log->ring()->shared()));
  stats.Set("state", StateText(log->writer()->state()));
  stats.Set("queueBytes", number(log->ring()->used_bytes()));
  stats.Set("queueCapacityBytes", number(log->ring()->capacity()));
  stats.Set("segment", number(counters.segment));
  stats.Set("segmentOffset", number(counters.segment_offset));
  stats.Set("segmentBytes", number(log->segment_bytes()));
  stats.Set("appends", number(log->appends()));
  stats.Set("batches", number(counters.batches));
  stats.Set("syncs", number(counters.syncs));
  stats.Set("writtenBytes", number(counters.written_bytes));
  stats.Set("writtenAheadBytes", number(log->spare()->written_ahead_bytes()));
  stats.Set("recycledSegments", number(log->spare()->recycled()));
  stats.Set("rotations", number(counters.rotations));
  stats.Set("wakeups", number(counters.wakeups));
  stats.Set("backpressure", number(log->backpressure()));
  stats.Set("preallocated", Napi::Boolean::New(env, counters.preallocated));
  return stats;
}

Napi::Value LogObject::Histograms(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Log* log = Live(env);
  return log == nullptr ? env.Undefined() : ToObject(env, log->writer()->histograms());
}

Napi::Value LogObject::Read(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  ReadOptions options;
  if (!ReaderObject::ReadOptionsOf(info[0], &options)) return env.Undefined();
  Log* log = Live(env);
  if (log == nullptr) return env.Undefined();
  std::unique_ptr<Reader> reader;
  const Status status = log->Read(options, &reader);
  if (!status.ok()) {
    ToError(env, status).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  return ReaderObject::Make(env, std::move(reader));
}

Napi::Value LogObject::Rotate(const Napi::CallbackInfo& info) {
  Log* log = Live(info.Env());
  if (log == nullptr) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), static_cast<double>(log->writer()->RequestRotation()));
}

Napi::Value LogObject::CompleteThrough(const Napi::CallbackInfo& info) {
  Log* log = Live(info.Env());
  if (log == nullptr) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), static_cast<double>(log->writer()->complete_through()));
}

Napi::Value LogObject::Retire(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  uint64_t segment = 0;
  if (!ToUint64(info[0], "segment", &segment)) return env.Undefined();
  Log* log = Live(env);
  if (log == nullptr) return env.Undefined();
  const Status status = log->Retire(segment);
  if (!status.ok()) ToError(env, status).ThrowAsJavaScriptException();
  return env.Undefined();
}

Napi::Value LogObject::RetireUncompressed(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  uint64_t segment = 0;
  if (!ToUint64(info[0], "segment", &segment)) return env.Undefined();
  Log* log = Live(env);
  if (log == nullptr) return env.Undefined();
  const Status status = log->RetireUncompressed(segment);
  if (!status.ok()) ToError(env, status).ThrowAsJavaScriptException();
  return env.Undefined();
}

Napi::Value LogObject::Close(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (Live(env) == nullptr) return env.Undefined();
  closing_ = true;
  auto* worker = new CloseWorker(env, this);
  worker->Queue();
  return worker->Promise();
}

Napi::Value LogObject::Recovery(const Napi::CallbackInfo& info) {
  return recovery_.IsEmpty() ? info.Env().Undefined() : recovery_.Value();
}

}  // namespace ingest_wal
