// Work for libuv's thread pool that settles a promise. Subclasses do the work in Execute(), leaving its outcome in
// status(), and build the result in Result() on the JavaScript thread.
#pragma once

#include "convert.h"
#include "napi_setup.h"

namespace ingest_wal {

class PromiseWorker : public Napi::AsyncWorker {
 public:
  explicit PromiseWorker(Napi::Env env) : Napi::AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)) {}
  Napi::Promise Promise() const { return deferred_.Promise(); }

 protected:
  Status& status() { return status_; }
  // May set status() to reject after all.
  virtual Napi::Value Result(Napi::Env env) = 0;

 private:
  void OnOK() final {
    const Napi::HandleScope scope(Env());
    Napi::Value result = status_.ok() ? Result(Env()) : Env().Undefined();
    if (Env().IsExceptionPending()) {
      deferred_.Reject(Env().GetAndClearPendingException().Value());
    } else if (!status_.ok()) {
      deferred_.Reject(ToError(Env(), status_).Value());
    } else {
      deferred_.Resolve(result);
    }
  }

  Napi::Promise::Deferred deferred_;
  Status status_;
};

}  // namespace ingest_wal
