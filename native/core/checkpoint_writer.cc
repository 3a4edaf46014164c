#include "checkpoint_writer.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "inspect.h"
#include "segment_layout.h"
#include "segment_name.h"
#include "user_numbers.h"

namespace ingest_wal {
namespace {

// Of records, about: what is held in memory and written at once.
constexpr uint64_t kBatchBytes = uint64_t{1} << 20;

// What a checkpoint covers: everything up to `lsn`, of which `checksum` is the body checksum, as the segment that follows
// says.
struct Cover {
  LogId log_id{};
  uint64_t number = 0;  // of the checkpoint
  uint64_t lsn = 0;
  uint32_t checksum = 0;
  uint64_t base_lsn = 0;  // so far the base covers it already
};

// Which entries of a reader's chunks are kept, and the number that each user has in the checkpoint.
class Selection {
 public:
  explicit Selection(const CheckpointPlan& plan) : also_lsns_(plan.also_lsns) {
    for (size_t i = 0; i < plan.users.size(); i++) keep_from_.emplace(plan.users[i], plan.keep_from_lsn[i]);
  }

  // Before the entries of a chunk: whom the numbers that it brings stand for.
  void Meet(const Chunk& chunk) {
    if (chunk.first_user == 0) met_.clear();
    for (const std::string& user : chunk.users) {
      const auto found = keep_from_.find(user);
      met_.push_back(Met{found == keep_from_.end() ? 0 : found->second, numbers_.Of(Bytes(user.data(), user.size()))});
    }
  }

  // Asked in the order of LSNs.
  bool Keeps(const ChunkEntry& entry) {
    const auto lsn = static_cast<uint64_t>(entry.lsn);
    while (also_at_ < also_lsns_.size() && also_lsns_[also_at_] < lsn) also_at_++;
    if (lsn >= met_[static_cast<size_t>(entry.user)].keep_from_lsn) return true;
    return also_at_ < also_lsns_.size() && also_lsns_[also_at_] == lsn;
  }

  uint32_t NumberOf(const ChunkEntry& entry) const { return met_[static_cast<size_t>(entry.user)].number; }

 private:
  struct Met {
    uint64_t keep_from_lsn;
    uint32_t number;
  };
  std::unordered_map<std::string_view, uint64_t> keep_from_;
  const std::vector<uint64_t>& also_lsns_;
  size_t also_at_ = 0;
  UserNumbers numbers_;
  std::vector<Met> met_;  // by the reader's number
};

// The file as it is written: entries, then the end, then the header.
class CheckpointFile {
 public:
  CheckpointFile(Directory* directory, std::string name, const SegmentHeader& header)
      : directory_(directory), name_(std::move(name)), header_(header) {}

  Status Create() {
    // What a process left that died over it.
    const Status removed = directory_->Unlink(name_);
    if (!removed.ok() && removed.code() != ErrorCode::kNotFound) return removed;
    return directory_->Open(name_, OpenMode::kCreateNew, &file_);
  }

  Status Add(const Entry& entry, int64_t now_ms) {
    if (layout_ == nullptr) Begin(entry.lsn);
    if (batch_.empty()) layout_->BeginBatch(&users_, Batch::MostBytesOf(entry), &batch_);
    if (!batch_.Add(entry, kBatchBytes)) {
      INGEST_WAL_RETURN_IF_ERROR(WriteBatch(now_ms));
      layout_->BeginBatch(&users_, Batch::MostBytesOf(entry), &batch_);
      batch_.Add(entry, kBatchBytes);
    }
    header_.entries++;
    content_checksum_ = ContentChecksum(content_checksum_, entry);
    return Status();
  }

  // Everything is on stable storage then, and no more in memory.
  Status Finish(int64_t now_ms) {
    if (layout_ == nullptr) Begin(header_.covered_lsn + 1);
    if (!batch_.empty()) INGEST_WAL_RETURN_IF_ERROR(WriteBatch(now_ms));
    const std::vector<uint8_t> end = layout_->End(header_.covered_lsn + 1, now_ms);
    INGEST_WAL_RETURN_IF_ERROR(Write(layout_->position(), Bytes(end.data(), end.size())));
    header_.planned_bytes = layout_->position() + end.size();
    uint8_t blocks[kSegmentDataAt];
    EncodeHeaderCopies(header_, blocks);
    INGEST_WAL_RETURN_IF_ERROR(Write(0, Bytes(blocks, sizeof(blocks))));
#ifndef INGEST_WAL_SEED_BUG_CHECKPOINT_NOT_SYNCED  // see native/test/seeded_bug_test.cc
    INGEST_WAL_RETURN_IF_ERROR(file_->Sync());
#endif
    file_->DropCache();
    file_.reset();
    return Status();
  }

  // Reads back what was written: all of it, and nothing else.
  Status Verify(CheckpointScan* read) {
    INGEST_WAL_RETURN_IF_ERROR(CheckCheckpoint(directory_, name_, header_.number, header_.log_id, read));
#ifdef INGEST_WAL_SEED_BUG_CHECKPOINT_NOT_READ_BACK  // see native/test/seeded_bug_test.cc
    return Status();
#endif
    std::string flaw = read->flaw;
    if (flaw.empty() && (read->file.header_copy_damaged[0] || read->file.header_copy_damaged[1])) {
      flaw = "has a damaged copy of its header";
    }
    const bool is_same = read->content_checksum == content_checksum_ && read->file.entries == header_.entries;
    if (flaw.empty() && !is_same) flaw = "has other entries than were written";
    if (flaw.empty()) return Status();
    return Status(ErrorCode::kCorrupt, name_ + ", read back, is not what was written: it " + flaw);
  }

  // What goes wrong here leaves a file that the next writer of the log removes.
  void Discard() {
    file_.reset();
    const Status removed = directory_->Unlink(name_);
    (void)removed;
  }

 private:
  // The header must be known, but for what the end says of it, before the first record.
  void Begin(uint64_t first_lsn) {
    header_.first_lsn = first_lsn;
    layout_ = std::make_unique<SegmentLayout>(header_, UINT64_MAX);
  }

  Status WriteBatch(int64_t now_ms) {
    const Bytes bytes = batch_.Finish(batch_.first_lsn() - 1, now_ms);
    const uint64_t offset = layout_->position();
    INGEST_WAL_RETURN_IF_ERROR(Write(offset, bytes));
    // Little by little: the log's own syncs should not wait for all of it at the end.
    file_->StartWriteback(offset, bytes.size);
    layout_->Advance(batch_, bytes.size);
    return Status();
  }

  Status Write(uint64_t offset, Bytes bytes) { return file_->WriteAt(offset, &bytes, 1); }

  Directory* const directory_;
  const std::string name_;
  SegmentHeader header_;
  std::unique_ptr<File> file_;
  std::unique_ptr<SegmentLayout> layout_;
  NumberedUsers users_;
  Batch batch_;
  uint32_t content_checksum_ = 0;
};

Status NotComplete(uint64_t segment, const char* why) {
  return Status(ErrorCode::kInvalidArgument, "throughSegment is " + std::to_string(segment) + ", " + why);
}

// As the last segment says that is covered, when none follows it.
Status CoverOfLastSegment(Directory* directory, const SegmentScan& last, Cover* cover) {
  DirectoryScan one;
  INGEST_WAL_RETURN_IF_ERROR(ScanOneFile(directory, last.file, &one));
  const SegmentScan& segment = one.segments[0];
  if (!segment.sealed) return NotComplete(last.number, "which is not sealed");
  cover->lsn = segment.durable_claim;
  const bool has_last = !segment.runs.empty() && segment.runs.back().last_lsn == cover->lsn;
  cover->checksum = has_last ? segment.runs.back().last_checksum : 0;
  return Status();
}

Status FindCover(Directory* directory, uint64_t through_segment, bool accepts_losses, Cover* cover) {
  DirectoryScan scan;
  INGEST_WAL_RETURN_IF_ERROR(ReadHeaders(directory, Extent::kLive, &scan));
  if (!scan.has_log_id) INGEST_WAL_RETURN_IF_ERROR(scan.identity.readable);
  if (!scan.has_log_id) return NotComplete(through_segment, "but there is no log");
  cover->log_id = scan.log_id;
  if (scan.base() != nullptr) {
    const SegmentHeader& base = scan.base()->file.header;
    if (through_segment < base.covered_segment) return NotComplete(through_segment, "which a checkpoint covers already");
    cover->base_lsn = cover->lsn = base.covered_lsn;
    cover->checksum = base.covered_checksum;
    // Once more, of the same.
    if (through_segment == base.covered_segment) return Status();
  }
  const SegmentScan* last = nullptr;
  for (const SegmentScan& segment : scan.segments) {
    if (segment.covered) continue;
    const bool follows = segment.number > through_segment;
    if (!segment.accepted() && follows) {
      return Status(ErrorCode::kCorrupt, segment.file + " cannot be read: where segment " +
                                             std::to_string(through_segment) + " ends is not known");
    }
    if (!segment.accepted()) continue;
    // Segments behind the base that held nothing are gone: what follows says the same as the base.
    // Where losses are accepted, what it stands for may be a segment that cannot be read.
    if (follows && last == nullptr && scan.base() == nullptr && !accepts_losses) break;
    if (follows) {
      cover->lsn = segment.header.previous_lsn;
      cover->checksum = segment.header.previous_checksum;
      return Status();
    }
    last = &segment;
  }
  if (last == nullptr || last->number != through_segment) return NotComplete(through_segment, "and there is no such segment");
  return CoverOfLastSegment(directory, *last, cover);
}

// One more than the highest that any name says.
Status FindNumber(Directory* directory, uint64_t* number) {
  std::vector<DirectoryEntry> names;
  INGEST_WAL_RETURN_IF_ERROR(directory->List(&names));
  uint64_t highest = 0;
  for (const DirectoryEntry& name : names) {
    uint64_t named = 0;
    if (ParseCheckpointName(name.name, &named)) highest = std::max(highest, named);
  }
  *number = highest + 1;
  if (highest < kMaxSegmentNumber) return Status();
  return Status(ErrorCode::kCorrupt, CheckpointName(highest) + " has the last number that there is");
}

// Entries up to `last_lsn` are lost: to go on without them would make that final.
Status CheckDamage(const std::vector<Damage>& found, uint64_t last_lsn) {
  for (const Damage& damage : found) {
    if (damage.last_lsn == 0 || damage.first_lsn > last_lsn) continue;
    return Status(ErrorCode::kCorrupt, "entries " + std::to_string(damage.first_lsn) + " to " +
                                           std::to_string(damage.last_lsn) + " are damaged or missing (" + damage.kind +
                                           " in segment " + std::to_string(damage.segment) +
                                           "); a checkpoint is not written without them");
  }
  return Status();
}

bool IsStopped(const CheckpointPlan& plan) { return plan.is_stopped && plan.is_stopped(); }

Status Stopped() { return Status(ErrorCode::kClosed, "the checkpoint was stopped"); }

// All entries of the live log up to what is covered, those that are kept into `file`.
Status CopyEntries(const Environment& environment, const CheckpointPlan& plan, const Cover& cover, CheckpointFile* file) {
  std::unique_ptr<Reader> reader;
  ReadOptions options;
  options.live = !plan.history;
  options.through_segment = plan.through_segment;
  INGEST_WAL_RETURN_IF_ERROR(ReadPath(environment, plan.directory, options, &reader));
  Selection selection(plan);
  Chunk chunk;
  do {
    if (IsStopped(plan)) return Stopped();
    INGEST_WAL_RETURN_IF_ERROR(reader->Next(&chunk));
    if (!plan.accepts_losses) INGEST_WAL_RETURN_IF_ERROR(CheckDamage(chunk.damage, cover.lsn));
    selection.Meet(chunk);
    for (size_t i = 0; i < chunk.entries.size() && chunk.entries[i].lsn <= static_cast<double>(cover.lsn); i++) {
      if (!selection.Keeps(chunk.entries[i])) continue;
      Entry entry = reader->EntryOf(chunk, i);
      entry.user_number = selection.NumberOf(chunk.entries[i]);
      INGEST_WAL_RETURN_IF_ERROR(file->Add(entry, environment.clock->WallMs()));
    }
  } while (!chunk.entries.empty() || !chunk.damage.empty());
  const uint64_t met_lsn = std::max(cover.base_lsn, reader->accounted_lsn());
  if (met_lsn >= cover.lsn || plan.accepts_losses) return Status();
  return Status(ErrorCode::kCorrupt, "entries " + std::to_string(met_lsn + 1) + " to " + std::to_string(cover.lsn) +
                                         " are missing; a checkpoint is not written without them");
}

Status WriteAndVerify(const Environment& environment, const CheckpointPlan& plan, const Cover& cover,
                      CheckpointFile* file, CheckpointScan* written) {
  INGEST_WAL_RETURN_IF_ERROR(file->Create());
  INGEST_WAL_RETURN_IF_ERROR(CopyEntries(environment, plan, cover, file));
  INGEST_WAL_RETURN_IF_ERROR(file->Finish(environment.clock->WallMs()));
  INGEST_WAL_RETURN_IF_ERROR(file->Verify(written));
  return IsStopped(plan) ? Stopped() : Status();
}

}  // namespace

Status WriteCheckpoint(const Environment& environment, const CheckpointPlan& plan, CheckpointScan* written) {
  std::unique_ptr<Directory> directory;
  INGEST_WAL_RETURN_IF_ERROR(environment.files->OpenDirectory(plan.directory, false, &directory));
  Cover cover;
  INGEST_WAL_RETURN_IF_ERROR(FindCover(directory.get(), plan.through_segment, plan.accepts_losses, &cover));
  INGEST_WAL_RETURN_IF_ERROR(FindNumber(directory.get(), &cover.number));
  SegmentHeader header;
  header.kind = FileKind::kCheckpoint;
  header.log_id = cover.log_id;
  header.number = cover.number;
  environment.random->Fill(reinterpret_cast<uint8_t*>(&header.salt), sizeof(header.salt));
  header.created_ms = environment.clock->WallMs();
  header.covered_segment = plan.through_segment;
  header.covered_lsn = cover.lsn;
  header.covered_checksum = cover.checksum;
  const std::string name = CheckpointName(cover.number);
  CheckpointFile file(directory.get(), name + kTemporarySuffix, header);
  Status status = WriteAndVerify(environment, plan, cover, &file, written);
  if (status.ok()) status = directory->Rename(name + kTemporarySuffix, name);
  if (!status.ok()) {
    file.Discard();
    return status;
  }
  written->file.file = name;
#ifdef INGEST_WAL_SEED_BUG_CHECKPOINT_NAME_NOT_SYNCED  // see native/test/seeded_bug_test.cc
  return Status();
#else
  return directory->Sync();
#endif
}

}  // namespace ingest_wal
