#include "reader.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "log_base.h"

namespace ingest_wal {
namespace {
// So small that a chunk can still be in the caches when the event loop gets to it, so large that what each one costs by itself
// is spread over thousands of entries.
constexpr size_t kChunkBytes = size_t{512} << 10;
constexpr size_t kChunkEntries = 8192;
constexpr int kMostLooks = 8;
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

void Reader::Open(std::unique_ptr<Directory> directory, DirectoryScan headers, const ReadOptions& options,
                  const Limits& limits, RingContents ring, std::unique_ptr<Reader>* reader) {
  reader->reset(new Reader(std::move(directory), options, limits, std::move(ring)));
  (*reader)->scan_ = std::move(headers);
  RejectAlso(limits.rejected, &(*reader)->scan_);
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
  INGEST_WAL_RETURN_IF_ERROR(ReadHeaders(directory_.get(), options_.extent(), &scan_, options_.from_lsn));
  RejectAlso(limits_.rejected, &scan_);
  pending_.reset();
  return Status();
}

Status Reader::OpenFile(std::unique_ptr<Directory> directory, const std::string& file, const ReadOptions& options,
                        std::unique_ptr<Reader>* reader) {
  DirectoryScan scan;
  INGEST_WAL_RETURN_IF_ERROR(ScanOneFile(directory.get(), file, &scan));
  const DirectoryReport report = AssembleReport(scan, RingContents());
  const Limits limits{report.proven_lsn, report.last_lsn, RejectionsOf(report)};
  std::unique_ptr<Reader> made(new Reader(std::move(directory), options, limits, RingContents()));
  made->scan_ = std::move(scan);
  const std::vector<SegmentScan>& segments = made->scan_.segments;
  if (!segments.empty() && segments[0].accepted()) made->accounted_ = segments[0].header.first_lsn - 1;
  *reader = std::move(made);
  return Status();
}

bool Reader::IsFull(const Chunk& chunk) const {
  return chunk.bytes.size() >= kChunkBytes || chunk.entries.size() >= kChunkEntries || new_user_bytes_ >= kChunkBytes;
}

// `is_numbered`: the entry's user number is one of the file for which BeginSegment() was called last.
uint32_t Reader::UserOf(const Entry& entry, bool is_numbered, Chunk* chunk) {
  const uint32_t user = is_numbered && entry.user_number != 0 ? users_.NumberOf(entry.user_number, entry.user_id)
                                                              : users_.NumberOf(entry.user_id);
  if (user == chunk->first_user + chunk->users.size()) {
    chunk->users.emplace_back(reinterpret_cast<const char*>(entry.user_id.data), entry.user_id.size);
    new_user_bytes_ += entry.user_id.size;
  }
  return user;
}

void Reader::Deliver(const Entry& entry, uint32_t user, double segment, uint64_t offset, Chunk* chunk) {
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
                            segment,
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
  for (const Damage& flaw : FlawsOf(scan_)) chunk->damage.push_back(flaw);
  std::set<std::string> covered;
  for (const SegmentScan& segment : scan_.segments) {
    if (!segment.covered) break;
    covered.insert(segment.file);
    if (segment.accepted() || segment.unread) continue;
    Damage damage;
    damage.kind = segment.too_short ? damage_kind::kCutShort : segment.rejected_kind;
    damage.segment = segment.number;
    damage.file = segment.file;
    damage.end_offset = segment.stored_bytes;
    damage.detail = segment.rejected_detail;
    chunk->damage.push_back(std::move(damage));
  }
  for (const Damage& damage : limits_.rejected) {
    if (damage.last_lsn == 0 && covered.count(damage.file) == 0) chunk->damage.push_back(damage);
  }
}

Status Reader::OpenNextSegment(bool covered, bool* opened) {
  *opened = false;
  while (index_ < scan_.segments.size()) {
    if (covered && !scan_.segments[index_].covered) return Status();
    if (options_.through_segment != 0 && scan_.segments[index_].number > options_.through_segment) return Status();
    const SegmentScan& segment = scan_.segments[index_++];
    // A segment wholly before what was asked for is passed over unread.
    if (!segment.accepted() || segment.bound < options_.from_lsn || (looks_ != 0 && segment.bound <= accounted_)) {
      if (segment.accepted()) accounted_ = std::max(accounted_, segment.bound);
      continue;
    }
    const Status status = OpenSegmentSource(directory_.get(), segment.file, segment.header, &source_);
    if (!status.ok()) {
      // Removed since the directory was listed. If it was needed, something else has taken its place by then.
      if (status.code() == ErrorCode::kNotFound && (covered || looks_ >= kMostLooks)) continue;
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
  if (index_ < scan_.segments.size()) {
    // Ends before it, which says what was durable by then.
    const SegmentScan& next = scan_.segments[index_];
    if (!next.covered && next.accepted()) NoteMissing(std::min(next.header.previous_lsn, next.bound) + 1, next, chunk);
    return;
  }
  if (scan_.segments.empty() || scan_.segments.back().covered) return;
  const uint64_t until = ring_.entries != 0 ? std::min(limits_.proven + 1, ring_.first_lsn) : limits_.proven + 1;
  NoteMissing(until, scan_.segments.back(), chunk);
}

// Makes limits_.proven what the marks of the last segment make it. In the segments before it nothing depends on that: their
// bounds are proven by headers.
Status Reader::FindProven(bool at_end) {
  if (!limits_.marks_may_prove_more) return Status();
  limits_.proven = std::max(limits_.proven, cursor_->durable_claim());
  const SegmentScan& segment = scan_.segments[index_ - 1];
  if (segment.bound != UINT64_MAX) return Status();
  limits_.marks_may_prove_more = false;
  if (at_end) return Status();
  std::unique_ptr<SegmentSource> source;
  INGEST_WAL_RETURN_IF_ERROR(OpenSegmentSource(directory_.get(), segment.file, segment.header, &source));
  SegmentCursor all(source.get(), segment.header, segment.bound);
  for (bool found = true; found;) {
    SegmentCursor::Located located;
    INGEST_WAL_RETURN_IF_ERROR(all.Next(&located, &found));
  }
  limits_.proven = std::max(limits_.proven, all.durable_claim());
  return Status();
}

Status Reader::TakeFindings(bool at_end, Chunk* chunk) {
  SegmentScan& segment = scan_.segments[index_ - 1];
  segment.sealed = cursor_->sealed();
  segment.durable_claim = cursor_->durable_claim();
  const std::vector<Finding>& findings = cursor_->findings();
  if (at_end || findings_taken_ < findings.size()) INGEST_WAL_RETURN_IF_ERROR(FindProven(at_end));
  for (; findings_taken_ < findings.size(); findings_taken_++) {
    const Finding& finding = findings[findings_taken_];
    if (finding.lsn_after == 0 && !at_end) return Status();
    Damage damage;
    if (!JudgeFinding(finding, segment, limits_.proven, &damage)) continue;
    if (damage.last_lsn != 0 && damage.last_lsn < options_.from_lsn) continue;
    // What is lost in a covered segment, the base may still have.
    if (!segment.covered) accounted_ = std::max(accounted_, damage.last_lsn);
    chunk->damage.push_back(std::move(damage));
  }
  return Status();
}

void Reader::CloseSegment() {
  cursor_.reset();
  source_.reset();
}

Status Reader::ReadBase(uint64_t until, Chunk* chunk) {
  while (base_ != nullptr && !IsFull(*chunk)) {
    const SegmentCursor::Located* next = base_->next();
    base_->TellLossesBefore(std::min(until, next != nullptr ? next->entry.lsn : until), &chunk->damage);
    if (Stopped(*chunk) || next == nullptr || next->entry.lsn >= until) return Status();
    const Entry& entry = next->entry;
    if (entry.lsn > accounted_ && entry.lsn <= limits_.last) {
      accounted_ = entry.lsn;
      if (entry.lsn >= options_.from_lsn) {
        // A covered segment that is read at the same time has numbers of its own.
        const uint32_t user = UserOf(entry, options_.live, chunk);
        Deliver(entry, user, -static_cast<double>(base_->number()), next->offset, chunk);
      }
    }
    INGEST_WAL_RETURN_IF_ERROR(base_->Take());
  }
  return Status();
}

Status Reader::ReadRestOfBase(Chunk* chunk) {
  if (base_ == nullptr) return Status();
  INGEST_WAL_RETURN_IF_ERROR(ReadBase(UINT64_MAX, chunk));
  if (base_->next() != nullptr || Stopped(*chunk)) return Status();
  accounted_ = std::max(accounted_, base_->covered_lsn());
  base_.reset();
  return Status();
}

// In the order of LSNs, with what only the base has between its entries.
Status Reader::ReadCoveredSegment(Chunk* chunk) {
  const SegmentScan& segment = scan_.segments[index_ - 1];
  while (!IsFull(*chunk)) {
    if (!has_waiting_) {
      INGEST_WAL_RETURN_IF_ERROR(cursor_->Next(&waiting_, &has_waiting_));
      INGEST_WAL_RETURN_IF_ERROR(TakeFindings(!has_waiting_, chunk));
      if (Stopped(*chunk)) return Status();
      if (!has_waiting_) {
        CloseSegment();
        return Status();
      }
    }
    const Entry& entry = waiting_.entry;
    INGEST_WAL_RETURN_IF_ERROR(ReadBase(entry.lsn, chunk));
    if (IsFull(*chunk) || Stopped(*chunk)) return Status();
    has_waiting_ = false;
    if (entry.lsn > limits_.last) {
      // Appended since, and covered by a checkpoint that was written since: not part of what is read.
      CloseSegment();
      index_ = scan_.segments.size();
      return Status();
    }
    if (entry.lsn <= accounted_) continue;
    accounted_ = entry.lsn;
    if (entry.lsn < options_.from_lsn) continue;
    Deliver(entry, UserOf(entry, true, chunk), static_cast<double>(segment.number), waiting_.offset, chunk);
  }
  return Status();
}

Status Reader::ReadSegment(Chunk* chunk) {
  const SegmentScan& segment = scan_.segments[index_ - 1];
  if (segment.covered) return ReadCoveredSegment(chunk);
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
    INGEST_WAL_RETURN_IF_ERROR(TakeFindings(!found, chunk));
    if (!found) {
      CloseSegment();
      return Status();
    }
    const uint64_t lsn = located.entry.lsn;
    if (Stopped(*chunk)) return Status();
    if (lsn > limits_.proven && lsn != accounted_ + 1) INGEST_WAL_RETURN_IF_ERROR(FindProven(false));
    if (lsn > limits_.last || (lsn > limits_.proven && lsn != accounted_ + 1)) {
      // Behind a hole in what was never proven durable, or appended since: not part of what is read.
      CloseSegment();
      index_ = scan_.segments.size();
      return Status();
    }
    if (lsn <= accounted_) continue;
    accounted_ = lsn;
    if (lsn < options_.from_lsn) continue;
    Deliver(located.entry, UserOf(located.entry, true, chunk), static_cast<double>(segment.number), located.offset, chunk);
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
    if (entry.lsn >= options_.from_lsn) Deliver(entry, UserOf(entry, false, chunk), 0, 0, chunk);
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

// A file is gone that was there when the directory was listed: a newer checkpoint stands for what it held.
Status Reader::LookAgain() {
  looks_++;
  scan_ = DirectoryScan();
  INGEST_WAL_RETURN_IF_ERROR(ReadHeaders(directory_.get(), options_.extent(), &scan_, options_.from_lsn));
  RejectAlso(limits_.rejected, &scan_);
  index_ = 0;
  base_.reset();
  base_opened_ = false;
  return Status();
}

// Opens the next segment; before the first that is not covered, all of the base is delivered. With a base left, `chunk` is
// full or at its end.
Status Reader::OpenNext(Chunk* chunk, bool* opened) {
  const CheckpointScan* base = scan_.base();
  if (!base_opened_ && base != nullptr && base->unchecked) {
    accounted_ = std::max(accounted_, std::min(base->file.header.covered_lsn, base->file.bound));  // nothing of it is asked for
  } else if (!base_opened_ && base != nullptr) {
    INGEST_WAL_RETURN_IF_ERROR(BaseWalk::Open(directory_.get(), *base, &base_));
    users_.BeginSegment();
  }
  base_opened_ = true;
  INGEST_WAL_RETURN_IF_ERROR(OpenNextSegment(true, opened));
  if (*opened) return Status();
  INGEST_WAL_RETURN_IF_ERROR(ReadRestOfBase(chunk));
  if (base_ != nullptr) return Status();
  return OpenNextSegment(false, opened);
}

Status Reader::ReadOn(Chunk* chunk) {
  INGEST_WAL_RETURN_IF_ERROR(Prepare());
  TellRejections(chunk);
  while (!done_) {
    if (cursor_ == nullptr) {
      bool opened = false;
      const Status status = OpenNext(chunk, &opened);
      if (status.code() == ErrorCode::kNotFound && looks_ < kMostLooks && scan_.whole) {
        INGEST_WAL_RETURN_IF_ERROR(LookAgain());
        continue;
      }
      INGEST_WAL_RETURN_IF_ERROR(status);
      done_ = Stopped(*chunk);
      if (base_ != nullptr && !opened) return Status();
      if (done_) return Status();
      if (!opened) {
        NoteMissingAtEnd(chunk);
        if (options_.through_segment != 0) ring_at_ = ring_.staged.size();
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
