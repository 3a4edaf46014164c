#include "convert.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

namespace ingest_wal {
namespace {

// The fields of ChunkEntry.
constexpr const char* kColumns[] = {"lsn",    "timestamp", "operation", "sequence",    "segment",
                                    "offset", "user",      "payloadAt", "payloadBytes"};
constexpr size_t kColumnCount = sizeof(kColumns) / sizeof(kColumns[0]);
static_assert(sizeof(ChunkEntry) == kColumnCount * sizeof(double));

Napi::Number Number(Napi::Env env, uint64_t value) { return Napi::Number::New(env, static_cast<double>(value)); }
Napi::Number Number(Napi::Env env, int64_t value) { return Napi::Number::New(env, static_cast<double>(value)); }

const char* SegmentStateText(const SegmentReport& segment, bool last, bool live) {
  switch (segment.state) {
    case SegmentState::kSealed:
      return "sealed";
    case SegmentState::kCompressed:
      return "compressed";
    case SegmentState::kRejected:
      return "rejected";
    case SegmentState::kUnread:
      return "unread";
    case SegmentState::kUnsealed:
      break;
  }
  return last && live ? "active" : "unsealed";
}

const char* EventText(LogEvent::Kind kind) {
  switch (kind) {
    case LogEvent::Kind::kRotate:
      return "rotate";
    case LogEvent::Kind::kDegraded:
      return "degraded";
    case LogEvent::Kind::kResumed:
      return "resumed";
    case LogEvent::Kind::kFailed:
      return "failed";
    case LogEvent::Kind::kCorruption:
      break;
  }
  return "corruption";
}

Napi::Object SegmentObject(Napi::Env env, const SegmentReport& segment, bool last, bool live) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("number", Number(env, segment.number));
  object.Set("file", segment.file);
  object.Set("state", SegmentStateText(segment, last, live));
  object.Set("fileBytes", Number(env, segment.file_bytes));
  object.Set("endOffset", Number(env, segment.end_offset));
  object.Set("firstLsn", Number(env, segment.first_lsn));
  object.Set("lastLsn", Number(env, segment.last_lsn));
  object.Set("entries", Number(env, segment.entries));
  object.Set("batches", Number(env, segment.batches));
  object.Set("firstTimestamp", Number(env, segment.first_timestamp_ms));
  object.Set("lastTimestamp", Number(env, segment.last_timestamp_ms));
  object.Set("covered", Napi::Boolean::New(env, segment.covered));
  return object;
}

const char* CheckpointStateText(CheckpointState state) {
  switch (state) {
    case CheckpointState::kBase:
      return "base";
    case CheckpointState::kBackup:
      return "backup";
    case CheckpointState::kSuperseded:
      return "superseded";
    case CheckpointState::kDamaged:
      break;
  }
  return "damaged";
}

Napi::Object DamageObject(Napi::Env env, const Damage& damage) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("kind", damage.kind);
  object.Set("segment", Number(env, damage.segment));
  object.Set("file", damage.file);
  object.Set("offset", Number(env, damage.offset));
  object.Set("endOffset", Number(env, damage.end_offset));
  object.Set("firstLsn", Number(env, damage.first_lsn));
  object.Set("lastLsn", Number(env, damage.last_lsn));
  object.Set("previousLsn", Number(env, damage.previous_lsn));
  Napi::Array users = Napi::Array::New(env, damage.users.size());
  for (size_t i = 0; i < damage.users.size(); i++) users.Set(static_cast<uint32_t>(i), damage.users[i]);
  object.Set("users", users);
  object.Set("detail", damage.detail);
  return object;
}

Napi::Value TornTailObject(Napi::Env env, const TornTail& torn) {
  if (!torn.found) return env.Null();
  Napi::Object object = Napi::Object::New(env);
  object.Set("segment", Number(env, torn.segment));
  object.Set("file", torn.file);
  object.Set("offset", Number(env, torn.offset));
  object.Set("bytes", Number(env, torn.bytes));
  object.Set("entries", Number(env, torn.entries));
  return object;
}

// The array's values in the memory of the typed array `name` of `spare`; in new memory, with room for a somewhat larger
// array the next time, where that does not suffice. Null when there is no spare.
template <typename Value>
Napi::ArrayBuffer CopyInto(Napi::Env env, const Napi::Object& spare, const char* name, const PlainArray<Value>& array) {
  if (spare.IsEmpty() || array.empty()) return Napi::ArrayBuffer();
  const Napi::Value view = spare.Get(name);
  if (!view.IsTypedArray()) return Napi::ArrayBuffer();
  const size_t bytes = array.size() * sizeof(Value);
  // Of no length when somebody has taken the memory away.
  Napi::ArrayBuffer buffer = view.As<Napi::TypedArray>().ArrayBuffer();
  if (buffer.ByteLength() < bytes) buffer = Napi::ArrayBuffer::New(env, PaddedBytes(bytes + bytes / 4));
  if (!buffer.IsEmpty()) std::memcpy(buffer.Data(), array.data(), bytes);
  return buffer;
}

// What an ArrayBuffer of a chunk's memory holds on to.
struct Lease {
  std::shared_ptr<ChunkMemory> memory;
  size_t capacity;
};

// An ArrayBuffer of the array's memory, or, where the host refuses memory that is not its own (Electron), of a copy.
template <typename Value>
Napi::ArrayBuffer ToArrayBuffer(Napi::Env env, const std::shared_ptr<ChunkMemory>& memory, PlainArray<Value>* array) {
  const size_t bytes = array->size() * sizeof(Value);
  if (bytes == 0) return Napi::ArrayBuffer::New(env, 0);
  auto lease = std::make_unique<Lease>(Lease{memory, array->capacity()});
  napi_value buffer = nullptr;
  const auto release = [](napi_env, void* data, void* hint) {
    const std::unique_ptr<Lease> ended(static_cast<Lease*>(hint));
    ended->memory->Keep(std::unique_ptr<Value[]>(static_cast<Value*>(data)), ended->capacity);
  };
  if (napi_create_external_arraybuffer(env, array->data(), bytes, release, lease.get(), &buffer) == napi_ok) {
    static_cast<void>(lease.release());
    static_cast<void>(array->Release().release());
    return Napi::ArrayBuffer(env, buffer);
  }
  Napi::ArrayBuffer copy = Napi::ArrayBuffer::New(env, bytes);
  if (!copy.IsEmpty()) std::memcpy(copy.Data(), array->data(), bytes);
  return copy;
}

Napi::Value NewestCheckpointObject(Napi::Env env, const SegmentHeader& checkpoint) {
  if (checkpoint.number == 0) return env.Null();
  Napi::Object object = Napi::Object::New(env);
  object.Set("number", Number(env, checkpoint.number));
  object.Set("coveredLsn", Number(env, checkpoint.covered_lsn));
  object.Set("created", Number(env, checkpoint.created_ms));
  return object;
}

Napi::Value RingObject(Napi::Env env, const RingFigures& ring) {
  if (!ring.found) return env.Null();
  const WriterFigures& writer = ring.writer();
  const WriterCounters& counters = writer.counters;
  Napi::Object object = Napi::Object::New(env);
  object.Set("lastLsn", Number(env, ring.last_lsn));
  object.Set("durableLsn", Number(env, ring.durable_lsn));
  object.Set("queueBytes", Number(env, ring.used_bytes));
  object.Set("queueCapacityBytes", Number(env, ring.capacity));
  const uint32_t state = std::min(ring.state, static_cast<uint32_t>(LogState::kClosed));
  object.Set("state", StateText(static_cast<LogState>(state)));
  object.Set("begun", Number(env, writer.begun_ms.load(std::memory_order_relaxed)));
  object.Set("batches", Number(env, counters.batches));
  object.Set("syncs", Number(env, counters.syncs));
  object.Set("writtenBytes", Number(env, counters.written_bytes));
  object.Set("rotations", Number(env, counters.rotations));
  object.Set("segment", Number(env, counters.segment));
  object.Set("segmentOffset", Number(env, counters.segment_offset));
  object.Set("histograms", ToObject(env, writer.histograms));
  return object;
}

}  // namespace

Napi::Error ToError(Napi::Env env, const Status& status) {
  Napi::Error error = Napi::Error::New(env, status.message());
  error.Set("code", Napi::String::New(env, status.code_name()));
  if (status.system_errno() != 0) error.Set("errno", Napi::Number::New(env, status.system_errno()));
  return error;
}

Napi::Value ToObject(Napi::Env env, const std::vector<Damage>& damage) {
  Napi::Array array = Napi::Array::New(env, damage.size());
  for (size_t i = 0; i < damage.size(); i++) array.Set(static_cast<uint32_t>(i), DamageObject(env, damage[i]));
  return array;
}

Napi::Object ToObject(Napi::Env env, const CheckpointReport& checkpoint) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("number", Number(env, checkpoint.number));
  object.Set("file", checkpoint.file);
  object.Set("state", CheckpointStateText(checkpoint.state));
  object.Set("fileBytes", Number(env, checkpoint.file_bytes));
  object.Set("coveredSegment", Number(env, checkpoint.covered_segment));
  object.Set("coveredLsn", Number(env, checkpoint.covered_lsn));
  object.Set("entries", Number(env, checkpoint.entries));
  object.Set("firstLsn", Number(env, checkpoint.first_lsn));
  object.Set("lastLsn", Number(env, checkpoint.last_lsn));
  object.Set("created", Number(env, checkpoint.created_ms));
  return object;
}

Napi::Object ToObject(Napi::Env env, const DirectoryReport& report, bool live) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("logId", report.has_log_id ? LogIdText(report.log_id) : std::string());
  object.Set("formatVersion", Napi::Number::New(env, kFormatVersion));
  Napi::Array segments = Napi::Array::New(env, report.segments.size());
  for (size_t i = 0; i < report.segments.size(); i++) {
    const bool last = i + 1 == report.segments.size();
    segments.Set(static_cast<uint32_t>(i), SegmentObject(env, report.segments[i], last, live));
  }
  object.Set("segments", segments);
  Napi::Array checkpoints = Napi::Array::New(env, report.checkpoints.size());
  for (size_t i = 0; i < report.checkpoints.size(); i++) {
    checkpoints.Set(static_cast<uint32_t>(i), ToObject(env, report.checkpoints[i]));
  }
  object.Set("checkpoints", checkpoints);
  object.Set("damage", ToObject(env, report.damage));
  object.Set("tornTail", TornTailObject(env, report.torn_tail));
  object.Set("lastLsn", Number(env, report.last_lsn));
  object.Set("provenLsn", Number(env, report.proven_lsn));
  object.Set("entries", Number(env, report.entries));
  object.Set("bytes", Number(env, report.bytes));
  Napi::Object ring = Napi::Object::New(env);
  ring.Set("found", Napi::Boolean::New(env, report.ring.found));
  ring.Set("firstLsn", Number(env, report.ring.first_lsn));
  ring.Set("lastLsn", Number(env, report.ring.last_lsn));
  ring.Set("entries", Number(env, report.ring.entries));
  object.Set("ring", ring);
  object.Set("live", Napi::Boolean::New(env, live));
  return object;
}

Napi::Object ToObject(Napi::Env env, const RecoveryReport& recovery) {
  Napi::Object object = ToObject(env, recovery.found, false);
  object.Set("carriedEntries", Number(env, recovery.carried_entries));
  object.Set("ringTakenOver", Napi::Boolean::New(env, recovery.ring_taken_over));
  object.Set("clean", Napi::Boolean::New(env, recovery.found.clean));
  object.Set("created", Napi::Boolean::New(env, recovery.created));
  object.Set("durationMs", Napi::Number::New(env, static_cast<double>(recovery.duration_ns) / 1e6));
  return object;
}

Napi::Object ToObject(Napi::Env env, const LogEvent& event) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("kind", EventText(event.kind));
  object.Set("segment", Number(env, event.segment));
  object.Set("lsn", Number(env, event.lsn));
  object.Set("code", event.status.code_name());
  object.Set("errno", Napi::Number::New(env, event.status.system_errno()));
  object.Set("message", event.status.message());
  return object;
}

Napi::Object ToObject(Napi::Env env, const WriterHistograms& histograms) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("syncNs", ToObject(env, histograms.sync_ns));
  object.Set("flushNs", ToObject(env, histograms.flush_ns));
  object.Set("batchEntries", ToObject(env, histograms.batch_entries));
  object.Set("batchBytes", ToObject(env, histograms.batch_bytes));
  return object;
}

Napi::Object ToObject(Napi::Env env, const LogFigures& figures) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("logId", figures.log_id);
  object.Set("live", Napi::Boolean::New(env, figures.live));
  object.Set("segments", Number(env, figures.segments));
  object.Set("compressedSegments", Number(env, figures.compressed_segments));
  object.Set("checkpoints", Number(env, figures.checkpoints));
  object.Set("checkpoint", NewestCheckpointObject(env, figures.checkpoint));
  object.Set("ring", RingObject(env, figures.ring));
  return object;
}

Napi::Object ToObject(Napi::Env env, const Napi::Object& spare, const std::shared_ptr<ChunkMemory>& memory,
                      Chunk* chunk) {
  Napi::Object object = Napi::Object::New(env);
  const size_t column_values = chunk->entries.size() * kColumnCount;
  const size_t bytes = chunk->bytes.size();
  Napi::ArrayBuffer columns = CopyInto(env, spare, "columns", chunk->entries);
  if (columns.IsEmpty()) columns = ToArrayBuffer(env, memory, &chunk->entries);
  Napi::ArrayBuffer payloads = CopyInto(env, spare, "bytes", chunk->bytes);
  if (payloads.IsEmpty()) payloads = ToArrayBuffer(env, memory, &chunk->bytes);
  memory->TakeFrom(chunk);
  if (columns.IsEmpty() || payloads.IsEmpty()) return object;  // the environment is going down
  object.Set("columns", Napi::Float64Array::New(env, column_values, columns, 0));
  object.Set("bytes", Napi::Uint8Array::New(env, bytes, payloads, 0));
  Napi::Array users = Napi::Array::New(env, chunk->users.size());
  for (size_t i = 0; i < chunk->users.size(); i++) users.Set(static_cast<uint32_t>(i), chunk->users[i]);
  object.Set("users", users);
  object.Set("firstUser", Number(env, uint64_t{chunk->first_user}));
  object.Set("damage", ToObject(env, chunk->damage));
  return object;
}

Napi::Value EntryColumns(Napi::Env env) {
  Napi::Array names = Napi::Array::New(env, kColumnCount);
  for (size_t i = 0; i < kColumnCount; i++) names.Set(static_cast<uint32_t>(i), kColumns[i]);
  return names;
}

bool ToUint64(const Napi::Value& value, const char* name, uint64_t* to) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (number >= 0 && number <= 9007199254740991.0 && std::floor(number) == number) {
    *to = static_cast<uint64_t>(number);
    return true;
  }
  const std::string shown = value.IsNumber() ? value.ToString().Utf8Value() : std::string("not a number");
  ToError(value.Env(), Status(ErrorCode::kInvalidArgument,
                              std::string(name) + " is " + shown + "; allowed: a whole number from 0 to 2^53 - 1"))
      .ThrowAsJavaScriptException();
  return false;
}

const char* StateText(LogState state) {
  switch (state) {
    case LogState::kOk:
      return "ok";
    case LogState::kDegraded:
      return "degraded";
    case LogState::kFailed:
      return "failed";
    case LogState::kClosed:
      break;
  }
  return "closed";
}

}  // namespace ingest_wal
