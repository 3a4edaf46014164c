#include "reader.h"

#include <algorithm>
#include <cstring>

namespace ingest_wal {
namespace {
constexpr size_t kChunkBytes = size_t{1} << 20;
constexpr size_t kChunkEntries = 16384;
}  // namespace

void Chunk::Clear() {
  bytes.clear();
  entries.clear();
  users.clear();
  damage.clear();
}

Reader::Reader(std::unique_ptr<Directory> directory, const ReadOptions& options, const Limits& limits,
               RingContents ring)
    : directory_(std::move(directory)), options_(options), limits_(limits), ring_(std::move(ring)) {}

Status Reader::Open(std::unique_ptr<Directory> directory, const ReadOptions& options, const Limits& limits,
                    RingContents ring, std::unique_ptr<Reader>* reader) {
  std::unique_ptr<Reader> made(new Reader(std::move(directory), options, limits, std::move(ring)));
  INGEST_WAL_RETURN_IF_ERROR(ReadHeaders(made->directory_.get(), &made->scan_));
  RejectAlso(limits.rejected, &made->scan_);
  *reader = std::move(made);
  return Status();
}

std::unique_ptr<Reader> Reader::Of(FileSystem* files, std::string path, const ReadOptions& options, const Limits& limits,
                                   std::shared_ptr<SharedRegion> ring) {
  std::unique_ptr<Reader> made(new Reader(nullptr, options, limits, RingContents()));
  made->pending_ = std::make_unique<Pending>(Pending{files, std::move(path), std::move(ring)});
  return made;
}

Status Reader::Prepare() {
  if (pending_ == nullptr) return Status();
  // The ring before the segments: what leaves the ring meanwhile is in the segments by then.
  ring_ = CopyRing(pending_->ring.get());
  limits_.proven = std::min(ring_.durable_lsn, limits_.last);
  INGEST_WAL_RETURN_IF_ERROR(pending_->files->OpenDirectory(pending_->path, false, &directory_));
  INGEST_WAL_RETURN_IF_ERROR(ReadHeaders(directory_.get(), &scan_));
  RejectAlso(limits_.rejected, &scan_);
  pending_.reset();
  return Status();
}

Status Reader::OpenSegment(std::unique_ptr<Directory> directory, const std::string& file, const ReadOptions& options,
                           std::unique_ptr<Reader>* reader) {
  DirectoryScan scan;
  INGEST_WAL_RETURN_IF_ERROR(ScanOneSegment(directory.get(), file, &scan));
  const DirectoryReport report = AssembleReport(scan, RingContents());
  const Limits limits{report.proven_lsn, report.last_lsn, RejectionsOf(report)};
  std::unique_ptr<Reader> made(new Reader(std::move(directory), options, limits, RingContents()));
  made->scan_ = std::move(scan);
  if (made->scan_.segments[0].accepted()) made->accounted_ = made->scan_.segments[0].header.first_lsn - 1;
  *reader = std::move(made);
  return Status();
}

bool Reader::IsFull(const Chunk& chunk) const {
  return chunk.bytes.size() >= kChunkBytes || chunk.entries.size() >= kChunkEntries || new_user_bytes_ >= kChunkBytes;
}

void Reader::Deliver(const Entry& entry, uint64_t segment, uint64_t offset, Chunk* chunk) {
  const bool is_numbered = segment != 0 && entry.user_number != 0;
  const uint32_t user = is_numbered ? users_.NumberOf(entry.user_number, entry.user_id) : users_.NumberOf(entry.user_id);
  if (user == chunk->first_user + chunk->users.size()) {
    chunk->users.emplace_back(reinterpret_cast<const char*>(entry.user_id.data), entry.user_id.size);
    new_user_bytes_ += entry.user_id.size;
  }
  const size_t at = chunk->bytes.size();
  const size_t bytes = entry.payload.size;
  const size_t padded = PaddedBytes(bytes);
  if (padded != 0) {
    uint8_t* const to = chunk->bytes.Add(padded);
    Store(to + padded - kRecordAlignment, uint64_t{0});
    std::memcpy(to, entry.payload.data, bytes);
  }
  *chunk->entries.Add(1) = {static_cast<double>(entry.lsn),
                            static_cast<double>(entry.timestamp_ms),
                            static_cast<double>(entry.operation),
                            static_cast<double>(entry.sequence),
                            static_cast<double>(segment),
                            static_cast<double>(offset),
                            static_cast<double>(user),
                            static_cast<double>(at),
                            static_cast<double>(bytes)};
}

Entry Reader::EntryOf(const Chunk& chunk, size_t index) const {
  const ChunkEntry& from = chunk.entries[index];
  Entry entry;
  entry.lsn = static_cast<uint64_t>(from.lsn);
  entry.timestamp_ms = static_cast<int64_t>(from.timestamp_ms);
  entry.operation = static_cast<uint8_t>(from.operation);
  entry.sequence = static_cast<uint32_t>(from.sequence);
  entry.user_id = users_.IdOf(static_cast<uint32_t>(from.user));
  entry.payload = Bytes(chunk.bytes.data() + static_cast<size_t>(from.payload_at), static_cast<size_t>(from.payload_bytes));
  return entry;
}

// Where it is known which entries were in a rejected segment, they are told as missing when their turn comes.
void Reader::TellRejections(Chunk* chunk) {
  if (rejections_told_) return;
  rejections_told_ = true;
  if (options_.stop_at_damage) return;
  for (const Damage& damage : limits_.rejected) {
    if (damage.last_lsn == 0) chunk->damage.push_back(damage);
  }
}

Status Reader::OpenNextSegment(bool* opened) {
  *opened = false;
  while (index_ < scan_.segments.size()) {
    const SegmentScan& segment = scan_.segments[index_++];
    // A segment wholly before what was asked for is passed over unread.
    if (!segment.accepted() || segment.bound < options_.from_lsn) {
      if (segment.accepted()) accounted_ = std::max(accounted_, segment.bound);
      continue;
    }
    const Status status = OpenSegmentSource(directory_.get(), segment.file, segment.header, &source_);
    if (!status.ok()) {
      if (status.code() == ErrorCode::kNotFound) continue;  // removed since the directory was listed
      return status;
    }
    cursor_ = std::make_unique<SegmentCursor>(source_.get(), segment.header, segment.bound);
    findings_taken_ = 0;
    users_.BeginSegment();
    *opened = true;
    return Status();
  }
  return Status();
}

// LSNs that should have come before `until_lsn` and that no finding explains.
void Reader::NoteMissing(uint64_t until_lsn, const SegmentScan& segment, Chunk* chunk) {
  const uint64_t first = std::max(accounted_ + 1, options_.from_lsn);
  if (first >= until_lsn) return;
  Damage damage;
  damage.kind = damage_kind::kMissingSegment;
  damage.segment = segment.number - 1;
  damage.previous_lsn = accounted_;
  damage.first_lsn = first;
  damage.last_lsn = until_lsn - 1;
  damage.detail = "no usable segment holds these entries";
  chunk->damage.push_back(std::move(damage));
  accounted_ = until_lsn - 1;
}

// What was proven durable and is in no segment: the newest segment is gone or cannot be used.
void Reader::NoteMissingAtEnd(Chunk* chunk) {
  if (scan_.segments.empty()) return;
  const uint64_t until = ring_.entries != 0 ? std::min(limits_.proven + 1, ring_.first_lsn) : limits_.proven + 1;
  NoteMissing(until, scan_.segments.back(), chunk);
}

void Reader::TakeFindings(bool at_end, Chunk* chunk) {
  SegmentScan& segment = scan_.segments[index_ - 1];
  segment.sealed = cursor_->sealed();
  segment.durable_claim = cursor_->durable_claim();
  const std::vector<Finding>& findings = cursor_->findings();
  for (; findings_taken_ < findings.size(); findings_taken_++) {
    const Finding& finding = findings[findings_taken_];
    if (finding.lsn_after == 0 && !at_end) return;
    Damage damage;
    if (!JudgeFinding(finding, segment, limits_.proven, &damage)) continue;
    if (damage.last_lsn != 0 && damage.last_lsn < options_.from_lsn) continue;
    accounted_ = std::max(accounted_, damage.last_lsn);
    chunk->damage.push_back(std::move(damage));
  }
}

Status Reader::ReadSegment(Chunk* chunk) {
  const SegmentScan& segment = scan_.segments[index_ - 1];
  // A segment that is superseded as a whole claims nothing.
  const uint64_t before = std::min(segment.header.first_lsn - 1, segment.bound);
  if (accounted_ < before) {
    NoteMissing(std::min(segment.header.previous_lsn, segment.bound) + 1, segment, chunk);
    accounted_ = before;
    if (Stopped(*chunk)) return Status();
  }
  // A segment that is being written has most of its space behind its last entry. No loss is proven there (JudgeFinding).
  const bool is_being_written = index_ == scan_.segments.size() && source_->size() == segment.header.planned_bytes;
  while (!IsFull(*chunk)) {
    SegmentCursor::Located located;
    bool found = false;
    const bool is_done = is_being_written && accounted_ >= std::max(limits_.last, limits_.proven);
    if (!is_done) INGEST_WAL_RETURN_IF_ERROR(cursor_->Next(&located, &found));
    TakeFindings(!found, chunk);
    if (!found) {
      cursor_.reset();
      source_.reset();
      return Status();
    }
    const uint64_t lsn = located.entry.lsn;
    if (Stopped(*chunk)) return Status();
    if (lsn > limits_.last || (lsn > limits_.proven && lsn != accounted_ + 1)) {
      // Behind a hole in what was never proven durable, or appended since: not part of what is read.
      cursor_.reset();
      source_.reset();
      index_ = scan_.segments.size();
      return Status();
    }
    if (lsn <= accounted_) continue;
    accounted_ = lsn;
    if (lsn >= options_.from_lsn) Deliver(located.entry, segment.number, located.offset, chunk);
  }
  return Status();
}

void Reader::ReadRing(Chunk* chunk) {
  while (ring_at_ < ring_.staged.size() && !IsFull(*chunk)) {
    const Bytes rest(ring_.staged.data() + ring_at_, ring_.staged.size() - ring_at_);
    Entry entry;
    size_t bytes = 0;
    if (!ReadStaged(rest, &entry, &bytes)) break;
    ring_at_ += bytes;
    if (entry.lsn > limits_.last) break;
    if (entry.lsn <= accounted_) continue;
    accounted_ = entry.lsn;
    if (entry.lsn >= options_.from_lsn) Deliver(entry, 0, 0, chunk);
  }
}

Status Reader::Next(Chunk* chunk) {
  chunk->Clear();
  if (users_.full()) users_.Clear();
  chunk->first_user = users_.size();
  new_user_bytes_ = 0;
  chunk->bytes.Reserve(last_bytes_);
  chunk->entries.Reserve(last_entries_);
  const Status status = ReadOn(chunk);
  last_bytes_ = chunk->bytes.size();
  last_entries_ = chunk->entries.size();
  return status;
}

Status Reader::ReadOn(Chunk* chunk) {
  INGEST_WAL_RETURN_IF_ERROR(Prepare());
  TellRejections(chunk);
  while (!done_) {
    if (cursor_ == nullptr) {
      bool opened = false;
      INGEST_WAL_RETURN_IF_ERROR(OpenNextSegment(&opened));
      if (!opened) {
        NoteMissingAtEnd(chunk);
        if (!Stopped(*chunk)) ReadRing(chunk);
        done_ = chunk->entries.empty() || Stopped(*chunk) || ring_at_ >= ring_.staged.size();
        return Status();
      }
    }
    INGEST_WAL_RETURN_IF_ERROR(ReadSegment(chunk));
    if (Stopped(*chunk)) {
      done_ = true;
      return Status();
    }
    if (!chunk->entries.empty() || !chunk->damage.empty()) return Status();
  }
  return Status();
}

}  // namespace ingest_wal
