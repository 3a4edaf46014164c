#include "reader_object.h"

#include <string>

#include "addon_data.h"
#include "convert.h"
#include "inspect.h"
#include "promise_worker.h"

namespace ingest_wal {

// One pull of a reader. Keeps the object alive meanwhile.
class NextWorker : public PromiseWorker {
 public:
  // `spare` may be undefined.
  NextWorker(Napi::Env env, ReaderObject* object, const Napi::Value& spare)
      : PromiseWorker(env), object_(object), keep_(Napi::Persistent(object->Value())) {
    if (spare.IsObject()) spare_ = Napi::Persistent(spare.As<Napi::Object>());
  }

 protected:
  void Execute() override { status() = object_->reader_->Next(&object_->chunk_); }

  void OnWorkComplete(Napi::Env env, napi_status work_status) override {
    object_->busy_ = false;
    if (object_->closed_) object_->reader_.reset();
    PromiseWorker::OnWorkComplete(env, work_status);
  }

  Napi::Value Result(Napi::Env env) override {
    Chunk* const chunk = &object_->chunk_;
    if (chunk->entries.empty() && chunk->damage.empty()) return env.Null();
    return ToObject(env, spare_.IsEmpty() ? Napi::Object() : spare_.Value(), chunk);
  }

 private:
  ReaderObject* const object_;
  Napi::ObjectReference keep_;
  Napi::ObjectReference spare_;
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
  wrapped->reader_ = std::move(reader);
  return object;
}

bool ReaderObject::ReadOptionsOf(const Napi::Value& value, ReadOptions* options) {
  if (!value.IsObject()) return true;
  const Napi::Object from = value.As<Napi::Object>();
  const Napi::Value from_lsn = from.Get("fromLsn");
  if (!from_lsn.IsUndefined() && !ToUint64(from_lsn, "fromLsn", &options->from_lsn)) return false;
  options->stop_at_damage = from.Get("stopAtDamage").ToBoolean();
  return true;
}

Napi::Value ReaderObject::Next(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (closed_ || busy_ || reader_ == nullptr) {
    const char* why = busy_ ? "next() was called before the last call was settled" : "the reader is closed";
    ToError(env, Status(ErrorCode::kInvalidArgument, why)).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  busy_ = true;
  auto* worker = new NextWorker(env, this, info[0]);
  worker->Queue();
  return worker->Promise();
}

Napi::Value ReaderObject::Close(const Napi::CallbackInfo& info) {
  closed_ = true;
  if (!busy_) reader_.reset();
  return info.Env().Undefined();
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

}  // namespace ingest_wal
