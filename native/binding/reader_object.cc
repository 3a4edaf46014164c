#include "reader_object.h"

#include <string>

#include "addon_data.h"
#include "convert.h"
#include "inspect.h"
#include "promise_worker.h"

namespace ingest_wal {

// Lets a reader read ahead. Keeps its object alive meanwhile.
class ReadAheadWorker : public Napi::AsyncWorker {
 public:
  ReadAheadWorker(Napi::Env env, ReaderObject* object)
      : Napi::AsyncWorker(env), object_(object), keep_(Napi::Persistent(object->Value())), ahead_(object->ahead_) {}

 protected:
  void Execute() override { ahead_->Fill(); }
  void OnOK() override {
    const Napi::HandleScope scope(Env());
    ahead_.reset();
    object_->OnReadOn(Env());
  }

 private:
  ReaderObject* const object_;
  Napi::ObjectReference keep_;
  std::shared_ptr<ReadAhead> ahead_;
};

class ReadPathWorker : public PromiseWorker {
 public:
  ReadPathWorker(Napi::Env env, std::string path, const ReadOptions& options)
      : PromiseWorker(env), path_(std::move(path)), options_(options) {}

 protected:
  void Execute() override { status() = ingest_wal::ReadPath(SystemEnvironment(), path_, options_, &reader_); }
  Napi::Value Result(Napi::Env env) override { return ReaderObject::Make(env, std::move(reader_)); }

 private:
  const std::string path_;
  const ReadOptions options_;
  std::unique_ptr<Reader> reader_;
};

class ScanPathWorker : public PromiseWorker {
 public:
  ScanPathWorker(Napi::Env env, std::string path) : PromiseWorker(env), path_(std::move(path)) {}

 protected:
  void Execute() override { status() = InspectPath(SystemEnvironment(), path_, &inspection_); }
  Napi::Value Result(Napi::Env env) override { return ToObject(env, inspection_.report, inspection_.live); }

 private:
  const std::string path_;
  Inspection inspection_;
};

class LookAtFiguresWorker : public PromiseWorker {
 public:
  LookAtFiguresWorker(Napi::Env env, std::string path) : PromiseWorker(env), path_(std::move(path)) {}

 protected:
  void Execute() override { status() = LookAtFigures(SystemEnvironment(), path_, &figures_); }
  Napi::Value Result(Napi::Env env) override { return ToObject(env, figures_); }

 private:
  const std::string path_;
  LogFigures figures_;
};

namespace {

bool PathOf(const Napi::CallbackInfo& info, std::string* path) {
  if (info.Length() > 0 && info[0].IsString()) *path = info[0].As<Napi::String>().Utf8Value();
  if (!path->empty() && path->find('\0') == std::string::npos) return true;
  ToError(info.Env(), Status(ErrorCode::kInvalidArgument, "path must be a string that is not empty"))
      .ThrowAsJavaScriptException();
  return false;
}

}  // namespace

ReaderObject::ReaderObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ReaderObject>(info) {}

Napi::Function ReaderObject::Define(Napi::Env env) {
  return DefineClass(env, "NativeReader",
                     {InstanceMethod<&ReaderObject::Next>("next"), InstanceMethod<&ReaderObject::Close>("close")});
}

Napi::Value ReaderObject::Make(Napi::Env env, std::unique_ptr<Reader> reader) {
  const Napi::Object object = env.GetInstanceData<AddonData>()->reader_class.New({});
  ReaderObject* const wrapped = object.IsEmpty() ? nullptr : Unwrap(object);
  if (wrapped == nullptr) return env.Undefined();  // the environment is going down
  wrapped->ahead_ = std::make_shared<ReadAhead>(std::move(reader));
  return object;
}

bool ReaderObject::ReadOptionsOf(const Napi::Value& value, ReadOptions* options) {
  if (!value.IsObject()) return true;
  const Napi::Object from = value.As<Napi::Object>();
  const Napi::Value from_lsn = from.Get("fromLsn");
  if (!from_lsn.IsUndefined() && !ToUint64(from_lsn, "fromLsn", &options->from_lsn)) return false;
  options->stop_at_damage = from.Get("stopAtDamage").ToBoolean();
  options->live = from.Get("live").ToBoolean();
  const Napi::Value through = from.Get("throughSegment");
  return through.IsUndefined() || ToUint64(through, "throughSegment", &options->through_segment);
}

Napi::Value ReaderObject::Next(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (ahead_ == nullptr || waiting_ != nullptr) {
    const char* why = waiting_ != nullptr ? "next() was called before the last call was settled" : "the reader is closed";
    ToError(env, Status(ErrorCode::kInvalidArgument, why)).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  waiting_ = std::make_unique<Napi::Promise::Deferred>(Napi::Promise::Deferred::New(env));
  const Napi::Value promise = waiting_->Promise();
  if (info[0].IsObject()) spare_ = Napi::Persistent(info[0].As<Napi::Object>());
  ReadAhead::Pulled pulled;
  if (ahead_->Take(&pulled)) Settle(env, &pulled);
  ReadOn(env);
  return promise;
}

Napi::Value ReaderObject::Close(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto closed = Napi::Promise::Deferred::New(env);
  if (ahead_ != nullptr) ahead_->Close();
  ahead_.reset();
  if (reading_) {
    closing_.push_back(closed);
  } else {
    closed.Resolve(env.Undefined());
  }
  return closed.Promise();
}

void ReaderObject::ReadOn(Napi::Env env) {
  if (reading_ || ahead_ == nullptr || !ahead_->has_room()) return;
  reading_ = true;
  (new ReadAheadWorker(env, this))->Queue();
}

void ReaderObject::OnReadOn(Napi::Env env) {
  reading_ = false;
  ReadAhead::Pulled pulled;
  if (waiting_ != nullptr && (ahead_ == nullptr || ahead_->Take(&pulled))) Settle(env, &pulled);
  for (const Napi::Promise::Deferred& closed : closing_) closed.Resolve(env.Undefined());
  closing_.clear();
  ReadOn(env);
}

// Of a reader that was closed meanwhile, `pulled` says that this is the end.
void ReaderObject::Settle(Napi::Env env, ReadAhead::Pulled* pulled) {
  const std::unique_ptr<Napi::Promise::Deferred> waiting = std::move(waiting_);
  const Napi::Object spare = spare_.IsEmpty() ? Napi::Object() : spare_.Value();
  spare_.Reset();
  if (!pulled->status.ok()) {
    waiting->Reject(ToError(env, pulled->status).Value());
    return;
  }
  const Napi::Value chunk = pulled->is_last() ? env.Null() : ToObject(env, spare, ahead_->memory(), &pulled->chunk);
  if (env.IsExceptionPending()) {
    waiting->Reject(env.GetAndClearPendingException().Value());
  } else {
    waiting->Resolve(chunk);
  }
}

Napi::Value ReaderObject::ReadPath(const Napi::CallbackInfo& info) {
  std::string path;
  ReadOptions options;
  if (!PathOf(info, &path) || !ReadOptionsOf(info[1], &options)) return info.Env().Undefined();
  auto* worker = new ReadPathWorker(info.Env(), std::move(path), options);
  worker->Queue();
  return worker->Promise();
}

Napi::Value ReaderObject::ScanPath(const Napi::CallbackInfo& info) {
  std::string path;
  if (!PathOf(info, &path)) return info.Env().Undefined();
  auto* worker = new ScanPathWorker(info.Env(), std::move(path));
  worker->Queue();
  return worker->Promise();
}

Napi::Value ReaderObject::FiguresOfPath(const Napi::CallbackInfo& info) {
  std::string path;
  if (!PathOf(info, &path)) return info.Env().Undefined();
  auto* worker = new LookAtFiguresWorker(info.Env(), std::move(path));
  worker->Queue();
  return worker->Promise();
}

}  // namespace ingest_wal
