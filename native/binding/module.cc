// The module's exports: a table. binding.d.ts describes them.
#include "addon_data.h"
#include "checkpoint_thread.h"
#include "convert.h"
#include "crc32c.h"
#include "damage.h"
#include "format.h"
#include "log_object.h"
#include "reader_object.h"
#include "staging_ring.h"
#include "status.h"

namespace ingest_wal {
namespace {

Napi::Value Crc32cOf(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() < 1 || !info[0].IsTypedArray() ||
      info[0].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    ToError(env, Status(ErrorCode::kInvalidArgument, "crc32c takes a Uint8Array")).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
  const uint32_t seed = info[1].IsNumber() ? info[1].As<Napi::Number>().Uint32Value() : 0;
  return Napi::Number::New(env, Crc32c(seed, bytes.Data(), bytes.ByteLength()));
}

Napi::Object Operations(Napi::Env env) {
  const auto number = [&](Operation operation) { return Napi::Number::New(env, static_cast<int>(operation)); };
  Napi::Object operations = Napi::Object::New(env);
  operations.Set("START_BUFFER", number(Operation::kStartBuffer));
  operations.Set("ADD_MEASUREMENT", number(Operation::kAddMeasurement));
  operations.Set("END_BUFFER", number(Operation::kEndBuffer));
  operations.Set("CHECKPOINT", number(Operation::kCheckpoint));
  operations.Set("COMMIT", number(Operation::kCommit));
  operations.Set("ROLLBACK", number(Operation::kRollback));
  return operations;
}

Napi::Object Limits(Napi::Env env) {
  const auto number = [&](uint64_t value) { return Napi::Number::New(env, static_cast<double>(value)); };
  Napi::Object limits = Napi::Object::New(env);
  limits.Set("maxUserIdBytes", number(kMaxUserIdBytes));
  limits.Set("maxPayloadBytes", number(kMaxPayloadBytes));
  limits.Set("minSegmentBytes", number(kMinSegmentBytes));
  limits.Set("maxSegmentBytes", number(kMaxSegmentBytes));
  limits.Set("minQueueBytes", number(kMinRingBytes));
  limits.Set("maxQueueBytes", number(kMaxRingBytes));
  limits.Set("entryOverheadBytes", number(kStagedOverheadBytes));
  limits.Set("segmentHeaderBytes", number(kSegmentDataAt));
  return limits;
}

// Compressed segments are written by zlib's threads, from JavaScript.
Napi::Object CompressedLayout(Napi::Env env) {
  Napi::Object layout = Napi::Object::New(env);
  const auto set = [&](const char* name, uint64_t value) {
    layout.Set(name, Napi::Number::New(env, static_cast<double>(value)));
  };
  set("magic", compressed::kMagic);
  set("flagsAt", compressed::kFlagsAt);
  set("flags", compressed::kFlags);
  set("extraBytesAt", compressed::kExtraBytesAt);
  set("sizeFieldAt", compressed::kSizeFieldAt);
  set("sizeField", compressed::kSizeField);
  set("memberBytesAt", compressed::kMemberBytesAt);
  set("deflateAt", compressed::kDeflateAt);
  set("trailerBytes", compressed::kTrailerBytes);
  set("blockBytes", compressed::kBlockBytes);
  set("parities", compressed::kParities);
  set("parityField", compressed::kParityField);
  set("parityFieldAt", compressed::kParityFieldAt);
  set("parityFieldBytesAt", compressed::kParityFieldBytesAt);
  set("parityChecksumAt", compressed::kParityChecksumAt);
  set("parityBlocksAt", compressed::kParityBlocksAt);
  set("parityLengthAt", compressed::kParityLengthAt);
  set("parityWhichAt", compressed::kParityWhichAt);
  set("parityAt", compressed::kParityAt);
  return layout;
}

Napi::Object RingLayout(Napi::Env env) {
  Napi::Object layout = Napi::Object::New(env);
  const auto set = [&](const char* name, uint64_t value) {
    layout.Set(name, Napi::Number::New(env, static_cast<double>(value)));
  };
  set("headAt", ring::kHeadAt);
  set("lastLsnAt", ring::kLastLsnAt);
  set("tailAt", ring::kTailAt);
  set("durableLsnAt", ring::kDurableLsnAt);
  set("wakeAtAt", ring::kWakeAtAt);
  set("stateAt", ring::kStateAt);
  set("writerFencesAt", ring::kWriterFencesAt);
  set("dataAt", ring::kDataAt);
  set("stateFailed", static_cast<uint64_t>(LogState::kFailed));
  set("entryMagic", staged::kMagic);
  set("paddingMagic", staged::kPaddingMagic);
  set("entryBytesAt", staged::kBytesAt);
  set("entryLsnAt", staged::kLsnAt);
  set("entryTimestampAt", staged::kTimestampAt);
  set("entryUserNumberAt", staged::kUserNumberAt);
  set("entryOperationAt", staged::kOperationAt);
  set("entryPayloadBytesAt", staged::kPayloadBytesAt);
  set("entrySequenceAt", staged::kSequenceAt);
  set("entryUserIdAt", staged::kUserIdAt);
  set("entryOverheadBytes", kStagedOverheadBytes);
  return layout;
}

Napi::Array ErrorCodes(Napi::Env env) {
  Napi::Array codes = Napi::Array::New(env);
  uint32_t index = 0;
  for (const char* name : kErrorCodeNames) codes.Set(index++, name);
  return codes;
}

Napi::Array DamageKinds(Napi::Env env) {
  Napi::Array kinds = Napi::Array::New(env);
  uint32_t index = 0;
  for (const char* kind : damage_kind::kAll) kinds.Set(index++, kind);
  return kinds;
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  auto* data = new AddonData();
  data->log_class = Napi::Persistent(LogObject::Define(env));
  data->reader_class = Napi::Persistent(ReaderObject::Define(env));
  env.SetInstanceData(data);
  exports.Set("version", INGEST_WAL_VERSION);
  exports.Set("formatVersion", Napi::Number::New(env, kFormatVersion));
  exports.Set("crc32cImplementation", Crc32cImplementation());
  exports.Set("operations", Operations(env));
  exports.Set("errorCodes", ErrorCodes(env));
  exports.Set("damageKinds", DamageKinds(env));
  exports.Set("limits", Limits(env));
  exports.Set("ringLayout", RingLayout(env));
  exports.Set("compressedLayout", CompressedLayout(env));
  exports.Set("entryColumns", EntryColumns(env));
  exports.Set("crc32c", Napi::Function::New<Crc32cOf>(env, "crc32c"));
  exports.Set("open", Napi::Function::New<LogObject::Open>(env, "open"));
  exports.Set("scan", Napi::Function::New<ReaderObject::ScanPath>(env, "scan"));
  exports.Set("figures", Napi::Function::New<ReaderObject::FiguresOfPath>(env, "figures"));
  exports.Set("read", Napi::Function::New<ReaderObject::ReadPath>(env, "read"));
  exports.Set("writeCheckpoint", Napi::Function::New<CheckpointThread::Write>(env, "writeCheckpoint"));
  return exports;
}

}  // namespace
}  // namespace ingest_wal

using ingest_wal::Init;
NODE_API_MODULE(ingest_wal, Init)
