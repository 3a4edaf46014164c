#include "log_opener.h"

#include <algorithm>

#include "quarantine.h"
#include "segment_name.h"
#include "stale_bytes.h"

namespace ingest_wal {
namespace {

// A ring is a whole number of pages.
LogOptions RoundUp(LogOptions options) {
  constexpr uint64_t kPageBytes = 4096;
  options.queue_bytes = (options.queue_bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
  return options;
}

std::string Range(uint64_t least, uint64_t most) { return std::to_string(least) + " to " + std::to_string(most); }

}  // namespace

Status Log::Open(const Environment& environment, const LogOptions& options, std::unique_ptr<Log>* log) {
  return LogOpener(environment, options).Open(log);
}

LogOpener::LogOpener(const Environment& environment, const LogOptions& options)
    : environment_(environment), options_(RoundUp(options)), log_(new Log(environment, options_)) {}

Status LogOpener::CheckOptions() const {
  const uint64_t segment_bytes = options_.writer.segment_bytes;
  if (segment_bytes < kMinSegmentBytes || segment_bytes > kMaxSegmentBytes) {
    return Status(ErrorCode::kInvalidArgument, "segmentBytes is " + std::to_string(segment_bytes) + "; allowed: " +
                                                   Range(kMinSegmentBytes, kMaxSegmentBytes));
  }
  if (options_.queue_bytes < kMinRingBytes || options_.queue_bytes > kMaxRingBytes) {
    return Status(ErrorCode::kInvalidArgument, "queueBytes is " + std::to_string(options_.queue_bytes) +
                                                   "; allowed: " + Range(kMinRingBytes, kMaxRingBytes));
  }
  return Status();
}

Status LogOpener::PrepareDirectory() {
  INGEST_WAL_RETURN_IF_ERROR(environment_.files->OpenDirectory(options_.directory, options_.create, &log_->directory_));
  if (!options_.create) {
    DirectoryScan found;
    INGEST_WAL_RETURN_IF_ERROR(FindLog(log_->directory_.get(), &found));
    INGEST_WAL_RETURN_IF_ERROR(LooksLikeALog(found, options_.directory));
  }
  INGEST_WAL_RETURN_IF_ERROR(log_->directory_->Lock(kLockName, &log_->lock_));
  std::vector<DirectoryEntry> entries;
  INGEST_WAL_RETURN_IF_ERROR(log_->directory_->List(&entries));
  for (const DirectoryEntry& entry : entries) {
    if (entry.kind == EntryKind::kDirectory || !IsTemporaryName(entry.name)) continue;
    INGEST_WAL_RETURN_IF_ERROR(log_->directory_->Unlink(entry.name));
  }
  return Status();
}

Status LogOpener::WriteIdentity() {
  const std::string temporary = std::string(kIdentityName) + kTemporarySuffix;
  uint8_t bytes[identity::kBytes];
  EncodeIdentity(scan_.log_id, bytes);
  std::unique_ptr<File> file;
  INGEST_WAL_RETURN_IF_ERROR(log_->directory_->Open(temporary, OpenMode::kCreateNew, &file));
  const Bytes part(bytes, sizeof(bytes));
  INGEST_WAL_RETURN_IF_ERROR(file->WriteAt(0, &part, 1));
  INGEST_WAL_RETURN_IF_ERROR(file->Sync());
  INGEST_WAL_RETURN_IF_ERROR(log_->directory_->Rename(temporary, kIdentityName));
  return log_->directory_->Sync();
}

Status LogOpener::FindIdentity() {
  INGEST_WAL_RETURN_IF_ERROR(ReadHeaders(log_->directory_.get(), Extent::kLive, &scan_));
  log_->recovery_.created = !scan_.identity.present && scan_.segments.empty() && scan_.checkpoints.empty();
  if (!scan_.has_log_id) {
    // No header is sound either. Bytes that are damaged stay so; a device that cannot be read now may be read later, and then
    // LSNs must not have begun again.
    INGEST_WAL_RETURN_IF_ERROR(scan_.identity.readable);
    environment_.random->Fill(scan_.log_id.data(), scan_.log_id.size());
    scan_.has_log_id = true;
  }
  return Status();
}

Status LogOpener::TakeOverRing() {
  DirectoryIdentity here;
  INGEST_WAL_RETURN_IF_ERROR(log_->directory_->Identity(&here));
  const Status status = FindRing(environment_.memory, scan_.log_id, here, &ring_, &old_ring_name_);
  if (status.ok() || status.code() == ErrorCode::kNewerFormat) return status;
  const char* const remedy = status.code() == ErrorCode::kPermission ? "open the log as its owner, or remove it" : "open the log again";
  return Status(status.code(), status.message() + ": it may hold entries of this log that are not in its files yet; " + remedy,
                status.system_errno());
}

Status LogOpener::Scan() {
  INGEST_WAL_RETURN_IF_ERROR(ScanSegments(log_->directory_.get(), &scan_, environment_.scan_threads));
  DirectoryReport& found = log_->recovery_.found;
  found = AssembleReport(scan_, ring_);
  if (options_.on_corruption == OnCorruption::kFail && !found.damage.empty()) {
    const Damage& first = found.damage.front();
    return Status(ErrorCode::kCorrupt, "the log is damaged (" + std::to_string(found.damage.size()) +
                                           " places, first: " + first.kind + " in " + first.file + " at offset " +
                                           std::to_string(first.offset) + ") and onCorruption is 'fail'");
  }
  return Status();
}

// In full: the numbers of users were another process's.
Status LogOpener::WriteCarried(int64_t now_ms) {
  NumberedUsers users;
  Batch batch;
  active_->BeginBatch(&users, 0, &batch);
  Entry entry;
  size_t bytes = 0;
  for (size_t at = 0; at < end_.carried.staged.size(); at += bytes) {
    if (!ReadStaged(Bytes(end_.carried.staged.data() + at, end_.carried.staged.size() - at), &entry, &bytes)) {
      return Status(ErrorCode::kCorrupt, "an entry that was never proven durable has a time that this build cannot carry on");
    }
    entry.user_number = 0;
    batch.Add(entry, UINT64_MAX);
  }
  INGEST_WAL_RETURN_IF_ERROR(active_->WriteBatch(&batch, end_.previous_lsn, now_ms));
  end_.durable_checksum = batch.last_checksum();
  return Status();
}

Status LogOpener::MakeSegment() {
  SegmentHeader header;
  header.log_id = scan_.log_id;
  header.number = end_.next_number++;
  environment_.random->Fill(reinterpret_cast<uint8_t*>(&header.salt), sizeof(header.salt));
  header.first_lsn = end_.first_lsn;
  header.previous_lsn = end_.previous_lsn;
  header.previous_checksum = end_.previous_checksum;
  header.created_ms = environment_.clock->WallMs();
  const uint64_t carried_bytes = end_.carried.empty() ? 0 : mark::kBytes + end_.carried.record_bytes;
  header.planned_bytes =
      std::max(options_.writer.segment_bytes, kSegmentDataAt + carried_bytes + 2 * kTailReserveBytes);
  SpareSegment* spare = log_->spare_.get();
  INGEST_WAL_RETURN_IF_ERROR(SegmentWriter::Prepare(log_->directory_.get(), spare, header, &active_));
  if (!end_.carried.empty()) INGEST_WAL_RETURN_IF_ERROR(WriteCarried(header.created_ms));
  // LSNs that are given up have no entry that says so: there is no moment without a mark that does.
  if (end_.GivesLsnsUp()) INGEST_WAL_RETURN_IF_ERROR(active_->WriteIdleMark(end_.used_lsn + 1, header.created_ms));
  INGEST_WAL_RETURN_IF_ERROR(active_->Publish());
  if (end_.carried.empty() || end_.GivesLsnsUp()) return Status();
  return active_->WriteIdleMark(end_.durable_lsn + 1, header.created_ms);
}

// OnCorruption::kStop: the log ends before the first damage that costs entries. Nothing behind it is touched: one more
// segment says that its predecessor is the last entry before the damage, which supersedes everything later, and begins
// with an LSN that was never used.
Status LogOpener::StopAtDamage() {
  if (options_.on_corruption != OnCorruption::kStop) return Status();
  for (const Damage& damage : log_->recovery_.found.damage) {
    if (damage.last_lsn == 0) continue;
    INGEST_WAL_RETURN_IF_ERROR(active_->Seal(end_.durable_lsn + 1, environment_.clock->WallMs()));
    active_.reset();
    end_.carried.Clear();
    end_.previous_lsn = damage.first_lsn - 1;
    end_.previous_checksum = 0;
    end_.first_lsn = end_.durable_lsn + 1;
    end_.durable_checksum = 0;
    return MakeSegment();
  }
  return Status();
}

// What is carried over follows what could be read: LSNs are given up behind it, with one more segment. Until that is there, the
// one before says that they were used: a start that is cut short here makes them count as lost.
Status LogOpener::PassUnreadableEnd() {
  if (end_.used_lsn == end_.durable_lsn) return Status();
  INGEST_WAL_RETURN_IF_ERROR(active_->Seal(end_.used_lsn + 1, environment_.clock->WallMs()));
  active_.reset();
  end_.carried.Clear();
  end_.previous_lsn = end_.durable_lsn;
  end_.previous_checksum = end_.durable_checksum;
  end_.GiveUpUnreadLsns();
  active_is_only_proof_ = true;
  return MakeSegment();
}

Status LogOpener::SealOne(const SegmentScan& scanned, uint64_t* sealed_lsn) {
  // Looked at again with the bound that the new segment sets.
  SegmentScan segment = scanned;
  std::unique_ptr<SegmentSource> source;
  INGEST_WAL_RETURN_IF_ERROR(SegmentSource::Open(log_->directory_.get(), segment.file, &source));
  source->SetPlannedBytes(segment.header.planned_bytes);
  // Sealed, and superseded from some entry on: what it holds beyond stays as it is.
  bool sealed = false;
  INGEST_WAL_RETURN_IF_ERROR(EndsWithSeal(source.get(), segment.header, &sealed));
  if (sealed) return Status();
  segment.bound = std::min(segment.bound, end_.previous_lsn);
  SegmentCursor cursor(source.get(), segment.header, segment.bound);
  bool holds_entries = false;
  for (bool found = true; found;) {
    SegmentCursor::Located located;
    INGEST_WAL_RETURN_IF_ERROR(cursor.Next(&located, &found));
    holds_entries = holds_entries || found;
  }
  uint64_t cut = cursor.superseded_at() != 0 ? cursor.superseded_at() : cursor.end_offset();
  bool holds_damage = false;
  for (Finding finding : cursor.findings()) {
    INGEST_WAL_RETURN_IF_ERROR(TakeOutStaleBytes(source.get(), segment.header, &finding));
    Damage damage;
    if (!JudgeFinding(finding, segment, log_->recovery_.found.proven_lsn, &damage)) {
      // Never proven durable: carried on, or torn, and in quarantine.
#ifdef INGEST_WAL_SEED_BUG_TORN_TAIL_NOT_CUT  // planted by native/test/seeded_bug_test.cc, which must see it
      cut = std::max(cut, finding.nonzero_end);
#else
      cut = std::min(cut, finding.offset);
#endif
      continue;
    }
    holds_damage = true;
    // Damaged bytes behind the last whole entry stay as they are.
    if (cursor.superseded_at() == 0) cut = std::max(cut, finding.nonzero_end);
  }
  // What could be read when the log was scanned may be there, and may be read again.
  for (const auto& unreadable : source->unreadable()) {
    if (unreadable.second > cut) return Status(ErrorCode::kIo, segment.file + " cannot be read behind offset " + std::to_string(cut));
  }
  if (!holds_entries && !holds_damage) return log_->directory_->Unlink(segment.file);
  cut = (cut + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
  const uint64_t last_lsn = std::max(segment.header.first_lsn - 1, segment.bound);
  INGEST_WAL_RETURN_IF_ERROR(SealLeftSegment(log_->directory_.get(), segment.file, segment.header, cut, last_lsn,
                                             environment_.clock->WallMs()));
  *sealed_lsn = last_lsn;
  return Status();
}

Status LogOpener::SealLeftSegments() {
  bool changed = false;
  // Up to which LSN a whole checkpoint or sealed segments say that LSNs were used.
  const CheckpointScan* base = scan_.base();
  uint64_t sealed_lsn = base != nullptr && base->whole() ? base->file.header.covered_lsn : 0;
  for (size_t i = 0; i < scan_.segments.size(); i++) {
    const SegmentScan& segment = scan_.segments[i];
    const bool unfinished = segment.too_short && i + 1 == scan_.segments.size();
    if (unfinished) {
      INGEST_WAL_RETURN_IF_ERROR(log_->directory_->Unlink(segment.file));
      changed = true;
      continue;
    }
    if (!segment.accepted()) continue;
    uint64_t lsn = segment.sealed ? segment.durable_claim : 0;
    // What it holds is safe without a seal; a seal that fails now is made by a later recovery.
    if (!segment.sealed) {
      const Status sealed = SealOne(segment, &lsn);
      changed = sealed.ok() || changed;
      if (!sealed.ok()) log_->spare_->NeverFillAgain(segment.number);
    }
    sealed_lsn = std::max(sealed_lsn, lsn);
  }
  active_is_only_proof_ = sealed_lsn < end_.durable_lsn;
  return changed ? log_->directory_->Sync() : Status();
}

bool LogOpener::ReuseRing(const DirectoryIdentity& here) {
  // A durable LSN that is not that of its last entry would be taken for damage by whoever meets both.
  const bool is_sound = !ring_.damaged && (ring_.entries == 0 || ring_.last_lsn == end_.durable_lsn);
  if (old_ring_name_.empty() || !is_sound) return false;
  const Status reused = StagingRing::Reuse(environment_.memory, old_ring_name_, options_.queue_bytes, scan_.log_id, here,
                                           end_.durable_lsn, &log_->ring_);
  if (reused.ok()) log_->ring_name_ = old_ring_name_;
  return reused.ok();
}

Status LogOpener::MakeRing() {
  DirectoryIdentity here;
  INGEST_WAL_RETURN_IF_ERROR(log_->directory_->Identity(&here));
  Status created(ErrorCode::kNotFound, "shared memory is not available");
  if (environment_.memory != nullptr) {
    // Everything in the old ring is durable by now.
    if (ReuseRing(here)) return Status();
    if (!old_ring_name_.empty()) INGEST_WAL_RETURN_IF_ERROR(environment_.memory->Unlink(old_ring_name_));
    for (int index = 0; index < kRingNames; index++) {
      const std::string name = RingName(scan_.log_id, index);
      const auto create = [&] {
        return StagingRing::Create(environment_.memory, name, options_.queue_bytes, scan_.log_id, here, end_.durable_lsn,
                                   &log_->ring_);
      };
      created = create();
      const bool taken = created.code() == ErrorCode::kInvalidArgument;
      if (taken && IsUnfinishedRing(environment_.memory, name)) {
        INGEST_WAL_RETURN_IF_ERROR(environment_.memory->Unlink(name));
        created = create();
      }
      if (created.ok()) log_->ring_name_ = name;
      if (created.code() != ErrorCode::kInvalidArgument) break;  // not: the name is taken
    }
  }
  if (created.ok()) return created;
  if (options_.require_kill_safe) {
    return Status(ErrorCode::kNotKillSafe, "requireKillSafe is set and there is no shared memory: " + created.message(),
                  created.system_errno());
  }
  return StagingRing::Create(nullptr, "", options_.queue_bytes, scan_.log_id, here, end_.durable_lsn, &log_->ring_);
}

void LogOpener::StartWriter() {
  Writer::Start start;
  start.log_id = scan_.log_id;
  start.durable_lsn = end_.durable_lsn;
  start.durable_checksum = end_.durable_checksum;
  start.next_number = end_.next_number;
  start.active = std::move(active_);
  start.active_is_only_proof = active_is_only_proof_;
  log_->opened_lsn_ = end_.durable_lsn;
  log_->max_staged_bytes_ = MaxStagedBytesOf(options_.queue_bytes);
  log_->writer_ = std::make_unique<Writer>(environment_, log_->directory_.get(), log_->ring_.get(),
                                           log_->spare_.get(), options_.writer, std::move(start));
}

Status LogOpener::Open(std::unique_ptr<Log>* log) {
  const uint64_t started_ns = environment_.clock->MonotonicNs();
  INGEST_WAL_RETURN_IF_ERROR(CheckOptions());
  INGEST_WAL_RETURN_IF_ERROR(PrepareDirectory());
  log_->spare_ = std::make_unique<SpareSegment>(log_->directory_.get(), options_.writer.segment_bytes);
  INGEST_WAL_RETURN_IF_ERROR(FindIdentity());
  INGEST_WAL_RETURN_IF_ERROR(TakeOverRing());
  INGEST_WAL_RETURN_IF_ERROR(Scan());
  INGEST_WAL_RETURN_IF_ERROR(Quarantine(log_->directory_.get(), log_->recovery_.found));
  if (!scan_.identity.valid) INGEST_WAL_RETURN_IF_ERROR(WriteIdentity());
  INGEST_WAL_RETURN_IF_ERROR(DecideEnd(log_->directory_.get(), scan_, ring_, log_->recovery_.found, &end_));
  log_->recovery_.carried_entries = end_.carried.entries;
  log_->recovery_.ring_taken_over = ring_.found;
#ifdef INGEST_WAL_SEED_BUG_RING_EMPTIED_TOO_EARLY  // planted by native/test/seeded_bug_test.cc, which must see it
  INGEST_WAL_RETURN_IF_ERROR(MakeRing());
#endif
  INGEST_WAL_RETURN_IF_ERROR(MakeSegment());
  INGEST_WAL_RETURN_IF_ERROR(SealLeftSegments());
  INGEST_WAL_RETURN_IF_ERROR(PassUnreadableEnd());
  INGEST_WAL_RETURN_IF_ERROR(StopAtDamage());
#ifndef INGEST_WAL_SEED_BUG_RING_EMPTIED_TOO_EARLY
  INGEST_WAL_RETURN_IF_ERROR(MakeRing());
#endif
  StartWriter();
  log_->recovery_.found.log_id = scan_.log_id;
  log_->recovery_.duration_ns = environment_.clock->MonotonicNs() - started_ns;
  *log = std::move(log_);
  return Status();
}

}  // namespace ingest_wal
