#include "log.h"

#include <system_error>
#include <thread>

#include "checkpoint.h"
#include "directory_scan.h"
#include "segment_name.h"

namespace ingest_wal {
namespace {

// Whether `number` is there compressed, with a sound header, its seal, and both parities.
Status CheckCompressed(Directory* directory, const LogId& log_id, uint64_t number) {
  SegmentScan segment;
  segment.file = CompressedSegmentName(number);
  INGEST_WAL_RETURN_IF_ERROR(ReadSegmentHeader(directory, &segment));
  const bool is_it = segment.accepted() && segment.header.log_id == log_id && segment.header.number == number;
  std::unique_ptr<SegmentSource> source;
  bool sealed = false;
  if (is_it) {
    INGEST_WAL_RETURN_IF_ERROR(OpenSegmentSource(directory, segment.file, segment.header, &source));
    INGEST_WAL_RETURN_IF_ERROR(EndsWithSeal(source.get(), segment.header, &sealed));
  }
  if (sealed && !source->compressed()->parity_lost()) return Status();
  return Status(ErrorCode::kInvalidArgument, segment.file + " is not whole; the plain file stays");
}

}  // namespace

Log::~Log() = default;

ErrorCode Log::Append(uint8_t operation, Bytes user_id, Bytes payload, uint32_t sequence, uint64_t* lsn) {
  if (closed_) return ErrorCode::kClosed;
  if (operation == 0 || operation > kLastOperation) return ErrorCode::kInvalidArgument;
  if (user_id.size > kMaxUserIdBytes || payload.size > kMaxPayloadBytes) return ErrorCode::kTooLarge;
  const size_t bytes = StagedEntryBytes(user_id.size, payload.size);
  if (bytes > max_staged_bytes_) return ErrorCode::kTooLarge;
  if (writer_->state() == LogState::kFailed) return ErrorCode::kFailed;
  uint8_t* const place = ring_->Reserve(bytes);
  if (place == nullptr) {
    backpressure_++;
    return ErrorCode::kBackpressure;
  }
  Entry entry;
  entry.lsn = last_lsn() + 1;
  entry.timestamp_ms = environment_.clock->WallMs();
  entry.sequence = sequence;
  entry.operation = operation;
  entry.user_number = user_numbers_.Of(user_id);
  entry.user_id = user_id;
  entry.payload = payload;
  StageEntry(entry, place);
  ring_->Publish(bytes, entry.lsn);
  *lsn = entry.lsn;
  writer_->Notice();
  return ErrorCode::kOk;
}

bool Log::HasRoom(uint64_t entries, uint64_t bytes) {
  if (closed_ || writer_->state() == LogState::kFailed) return false;
  return ring_->HasRoom(bytes + entries * kStagedOverheadBytes);
}

Status Log::Read(const ReadOptions& options, std::unique_ptr<Reader>* reader) {
  if (closed_) return Status(ErrorCode::kClosed, "the log is closed");
  ReadOptions effective = options;
  effective.stop_at_damage = options.stop_at_damage || options_.on_corruption == OnCorruption::kStop;
  const Reader::Limits limits{0, last_lsn(), RejectionsOf(recovery_.found)};
  *reader = Reader::Of(environment_.files, options_.directory, effective, limits, ring_->region());
  return Status();
}

Status Log::Retire(uint64_t number) {
  if (closed_) return Status(ErrorCode::kClosed, "the log is closed");
  if (number > dispensable_through_) {
    INGEST_WAL_RETURN_IF_ERROR(FindDispensable(directory_.get(), log_id(), &dispensable_through_));
  }
  if (number > dispensable_through_) {
    return Status(ErrorCode::kInvalidArgument,
                  "segment " + std::to_string(number) + " cannot be retired; allowed: " +
                      (dispensable_through_ == 0 ? "none, without two checkpoints"
                                                 : "up to " + std::to_string(dispensable_through_) +
                                                       ", which the second newest checkpoint covers"));
  }
  return writer_->Retire(number);
}

Status Log::RetireUncompressed(uint64_t number) {
  if (closed_) return Status(ErrorCode::kClosed, "the log is closed");
  const Status checked = CheckCompressed(directory_.get(), log_id(), number);
  if (checked.code() == ErrorCode::kNotFound) {
    return Status(ErrorCode::kInvalidArgument, "segment " + std::to_string(number) + " is not compressed; its file stays");
  }
  INGEST_WAL_RETURN_IF_ERROR(checked);
  return writer_->RetireUncompressed(number);
}

Status Log::Close() {
  if (closed_) return Status();
  closed_ = true;
  // A spare is not part of the log. Giving its space back takes as long as the seal, so the two go side by side.
  Status removed;
  std::thread helper;
  if (environment_.scan_threads > 1) {
    try {
      helper = std::thread([this, &removed] { removed = spare_->Discard(); });
    } catch (const std::system_error&) {
      // No more threads to be had: one after the other.
    }
  }
  const Status finished = writer_->Finish();
  Status unlinked;
  if (finished.ok() && !ring_name_.empty()) unlinked = environment_.memory->Unlink(ring_name_);
  writer_.reset();
  if (helper.joinable()) {
    helper.join();
  } else {
    removed = spare_->Discard();
  }
  spare_.reset();
  lock_.reset();
  if (!finished.ok()) return finished;
  if (!unlinked.ok() && unlinked.code() != ErrorCode::kNotFound) return unlinked;
  return removed.code() == ErrorCode::kNotFound ? Status() : removed;
}

}  // namespace ingest_wal
