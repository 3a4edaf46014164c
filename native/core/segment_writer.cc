#include "segment_writer.h"

#include <algorithm>

#include "segment_name.h"

namespace ingest_wal {
namespace {

// Both marks of a seal, to lie at `offset`.
void EncodeSeal(uint32_t seed, uint64_t offset, uint64_t next_lsn, int64_t now_ms, uint8_t* to) {
  Mark mark;
  mark.next_lsn = next_lsn;
  mark.durable_lsn = next_lsn - 1;
  mark.timestamp_ms = now_ms;
  mark.kind = MarkKind::kSealFirst;
  EncodeMark(mark, seed, offset, to);
  mark.kind = MarkKind::kSealSecond;
  EncodeMark(mark, seed, offset + mark::kBytes, to + mark::kBytes);
}

// The order matters: a file that ends exactly behind its seal was synced before it was cut.
// `end` is what ends with the seal and lies at `offset`.
Status WriteSeal(File* file, Bytes end, uint64_t offset) {
  INGEST_WAL_RETURN_IF_ERROR(file->WriteAt(offset, &end, 1));
  INGEST_WAL_RETURN_IF_ERROR(file->Sync());
  INGEST_WAL_RETURN_IF_ERROR(file->Truncate(offset + end.size));
  return file->Sync();
}

}  // namespace

Status SegmentWriter::Prepare(Directory* directory, SpareSegment* spare, const SegmentHeader& header,
                              std::unique_ptr<SegmentWriter>* writer) {
  ReadyFile ready;
  INGEST_WAL_RETURN_IF_ERROR(spare->Take(header.planned_bytes, &ready));
  SegmentHeader of_this_file = header;
  of_this_file.former_salt = ready.former_salt;
  of_this_file.former_number = ready.former_number;
  std::unique_ptr<SegmentWriter> made(new SegmentWriter(directory, spare, of_this_file));
  made->file_ = std::move(ready.file);
  made->reserved_ = ready.reserved;
  made->filled_bytes_ = ready.written_bytes;
  uint8_t blocks[header::kCopies * header::kCopyBytes];
  for (uint32_t copy = 0; copy < header::kCopies; copy++) {
    EncodeSegmentHeader(of_this_file, copy, blocks + copy * header::kCopyBytes);
  }
  const Bytes part(blocks, sizeof(blocks));
  INGEST_WAL_RETURN_IF_ERROR(made->file_->WriteAt(0, &part, 1));
  made->written_bytes_ = sizeof(blocks);
  *writer = std::move(made);
  return Status();
}

Status SegmentWriter::Publish() {
  INGEST_WAL_RETURN_IF_ERROR(file_->Sync());
  INGEST_WAL_RETURN_IF_ERROR(directory_->Rename(kSpareName, SegmentName(header_.number)));
  INGEST_WAL_RETURN_IF_ERROR(directory_->Sync());
  // From here on readers may have it: under this name it is what its header says.
  file_->Unlock();
  const uint64_t from = std::max(filled_bytes_, position_);
  std::unique_ptr<File> own;
  // It is only to make syncs cheaper: where it cannot be had, they are not.
  if (from < planned_bytes_ && directory_->Open(SegmentName(header_.number), OpenMode::kReadWrite, &own).ok()) {
    ahead_ = spare_->StartAhead(std::move(own), from, planned_bytes_);
  }
  return Status();
}

SegmentWriter::~SegmentWriter() { EndAhead(); }

void SegmentWriter::EndAhead() {
  if (ahead_ != nullptr) ahead_->End();
}

Status SegmentWriter::Write(Bytes bytes) {
  INGEST_WAL_RETURN_IF_ERROR(Usable());
  if (ahead_ != nullptr) ahead_->Reach(bytes.size, position_ + bytes.size);
  // It may have failed while it was waited for.
  INGEST_WAL_RETURN_IF_ERROR(Usable());
  return file_->WriteAt(position_, &bytes, 1);
}

void SegmentWriter::Withdraw() {
  file_.reset();
  // At best: what stays holds no entry, and the next recovery removes it.
  const Status spare_removed = directory_->Unlink(kSpareName);
  const Status segment_removed = directory_->Unlink(SegmentName(header_.number));
  (void)spare_removed;
  (void)segment_removed;
}

void SegmentWriter::BeginBatch(NumberedUsers* users, uint64_t first_entry_bytes, Batch* batch) const {
  batch->Begin(header_, position_, users);
  uint64_t bytes = first_entry_bytes;
  for (const RepeatLater& user : repeat_later_) {
    if (position_ - user.written_end < user_record::kApartBytes) continue;
    bytes += UserRecordBytes(user.id.size());
    // At the very end of a segment there may be no room; then little of it is written by that name.
    if (bytes > room()) break;
    batch->Repeat(user);
  }
}

Status SegmentWriter::WriteBatch(Batch* batch, uint64_t durable_lsn, int64_t now_ms) {
  const Bytes part = batch->Finish(durable_lsn, now_ms);
  INGEST_WAL_RETURN_IF_ERROR(Write(part));
  const auto repeated = [this](const RepeatLater& user) {
    return position_ - user.written_end >= user_record::kApartBytes;
  };
  repeat_later_.erase(std::remove_if(repeat_later_.begin(), repeat_later_.end(), repeated), repeat_later_.end());
  repeat_later_.insert(repeat_later_.end(), batch->close_together().begin(), batch->close_together().end());
  last_batch_at_ = position_;
  position_ += part.size;
  written_bytes_ += part.size;
  return Status();
}

Status SegmentWriter::WriteIdleMark(uint64_t next_lsn, int64_t now_ms) {
  uint8_t bytes[mark::kBytes];
  Mark mark;
  mark.next_lsn = next_lsn;
  mark.durable_lsn = next_lsn - 1;
  mark.timestamp_ms = now_ms;
  mark.kind = MarkKind::kIdle;
  EncodeMark(mark, seed_, position_, bytes);
  INGEST_WAL_RETURN_IF_ERROR(Write(Bytes(bytes, sizeof(bytes))));
  position_ += sizeof(bytes);
  written_bytes_ += sizeof(bytes);
  return Status();
}

Status SegmentWriter::Sync() {
  INGEST_WAL_RETURN_IF_ERROR(Usable());
  INGEST_WAL_RETURN_IF_ERROR(file_->Sync());
  // A sync of the same file that failed meanwhile may have been told what this one was to be told.
  return Usable();
}

Status SegmentWriter::Seal(uint64_t next_lsn, int64_t now_ms) {
  EndAhead();
  INGEST_WAL_RETURN_IF_ERROR(Usable());
  std::vector<uint8_t> end;
  for (const RepeatLater& user : repeat_later_) {
    const size_t at = end.size();
    const size_t bytes = UserRecordBytes(user.id.size());
    if (position_ + at + bytes + kTailReserveBytes > planned_bytes_) break;
    end.resize(at + bytes);
    EncodeUserRecord(user.number, Bytes(user.id.data(), user.id.size()), seed_, position_ + at, end.data() + at);
  }
  repeat_later_.clear();
  const size_t seal_at = end.size();
  end.resize(seal_at + kSealBytes);
  EncodeSeal(seed_, position_ + seal_at, next_lsn, now_ms, end.data() + seal_at);
  written_bytes_ += end.size();
  return WriteSeal(file_.get(), Bytes(end.data(), end.size()), position_);
}

Status SegmentWriter::CutToPosition() {
  EndAhead();
  INGEST_WAL_RETURN_IF_ERROR(Usable());
  INGEST_WAL_RETURN_IF_ERROR(file_->Truncate(position_));
  reserved_ = false;
  // Back to its size, which takes no space: a file that ends behind its seal says that the seal was synced.
  return file_->Truncate(planned_bytes_);
}

uint64_t SegmentWriter::room() const {
  const uint64_t taken = position_ + mark::kBytes + kTailReserveBytes;
  return taken >= planned_bytes_ ? 0 : planned_bytes_ - taken;
}

Status SealLeftSegment(Directory* directory, const std::string& file, const SegmentHeader& header, uint64_t offset,
                       uint64_t last_lsn, int64_t now_ms) {
  std::unique_ptr<File> opened;
  INGEST_WAL_RETURN_IF_ERROR(directory->Open(file, OpenMode::kReadWrite, &opened));
  // As long as it was planned until the seal is whole: a short file is one that was sealed.
  uint64_t size = 0;
  INGEST_WAL_RETURN_IF_ERROR(opened->Size(&size));
  if (size < header.planned_bytes) INGEST_WAL_RETURN_IF_ERROR(opened->Truncate(header.planned_bytes));
  uint8_t seal[kSealBytes];
  EncodeSeal(SegmentSeed(header.salt, header.number), offset, last_lsn + 1, now_ms, seal);
  return WriteSeal(opened.get(), Bytes(seal, sizeof(seal)), offset);
}

}  // namespace ingest_wal
