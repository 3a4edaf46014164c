#include "segment_writer.h"

#include <algorithm>

#include "segment_name.h"

namespace ingest_wal {
namespace {

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
  uint8_t blocks[kSegmentDataAt];
  EncodeHeaderCopies(of_this_file, blocks);
  const Bytes part(blocks, sizeof(blocks));
  INGEST_WAL_RETURN_IF_ERROR(made->file_->WriteAt(0, &part, 1));
  made->written_bytes_ = sizeof(blocks);
  *writer = std::move(made);
  return Status();
}

Status SegmentWriter::Publish() {
  INGEST_WAL_RETURN_IF_ERROR(file_->Sync());
  // It is what its header says. Before it has its name: who finds it under that may have it at once.
  file_->Unlock();
  INGEST_WAL_RETURN_IF_ERROR(directory_->Rename(kSpareName, SegmentName(header().number)));
  INGEST_WAL_RETURN_IF_ERROR(directory_->Sync());
  const uint64_t from = std::max(filled_bytes_, position());
  std::unique_ptr<File> own;
  // It is only to make syncs cheaper: where it cannot be had, they are not.
  if (from < header().planned_bytes && directory_->Open(SegmentName(header().number), OpenMode::kReadWrite, &own).ok()) {
    ahead_ = spare_->StartAhead(std::move(own), from, header().planned_bytes);
  }
  return Status();
}

SegmentWriter::~SegmentWriter() { EndAhead(); }

void SegmentWriter::EndAhead() {
  if (ahead_ != nullptr) ahead_->End();
}

Status SegmentWriter::Write(Bytes bytes) {
  INGEST_WAL_RETURN_IF_ERROR(Usable());
  spare_->Writes(bytes.size);
  if (ahead_ != nullptr) ahead_->Reach(bytes.size, position() + bytes.size);
  // It may have failed while it was waited for.
  INGEST_WAL_RETURN_IF_ERROR(Usable());
  return file_->WriteAt(position(), &bytes, 1);
}

void SegmentWriter::Withdraw() {
  file_.reset();
  // At best: what stays holds no entry, and the next recovery removes it.
  const Status spare_removed = directory_->Unlink(kSpareName);
  const Status segment_removed = directory_->Unlink(SegmentName(header().number));
  (void)spare_removed;
  (void)segment_removed;
}

Status SegmentWriter::WriteBatch(Batch* batch, uint64_t durable_lsn, int64_t now_ms) {
  const Bytes part = batch->Finish(durable_lsn, now_ms);
  INGEST_WAL_RETURN_IF_ERROR(Write(part));
  last_batch_at_ = position();
  layout_.Advance(*batch, part.size);
  written_bytes_ += part.size;
  return Status();
}

Status SegmentWriter::WriteIdleMark(uint64_t next_lsn, int64_t now_ms) {
  uint8_t bytes[mark::kBytes];
  layout_.EncodeIdleMark(next_lsn, now_ms, bytes);
  INGEST_WAL_RETURN_IF_ERROR(Write(Bytes(bytes, sizeof(bytes))));
  layout_.AdvanceBehindIdleMark();
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
  const std::vector<uint8_t> end = layout_.End(next_lsn, now_ms);
  written_bytes_ += end.size();
  return WriteSeal(file_.get(), Bytes(end.data(), end.size()), position());
}

Status SegmentWriter::CutToPosition() {
  EndAhead();
  // An idle mark is not synced. If it were lost to a power cut and the cut were not, the file would look like one that lost its seal.
  INGEST_WAL_RETURN_IF_ERROR(Sync());
  INGEST_WAL_RETURN_IF_ERROR(file_->Truncate(position()));
  reserved_ = false;
  // Back to its size, which takes no space: a file that ends behind its seal says that the seal was synced.
  return file_->Truncate(header().planned_bytes);
}

Status SealLeftSegment(Directory* directory, const std::string& file, const SegmentHeader& header, uint64_t offset,
                       uint64_t last_lsn, int64_t now_ms) {
  std::unique_ptr<File> opened;
  INGEST_WAL_RETURN_IF_ERROR(directory->Open(file, OpenMode::kReadWrite, &opened));
  // As long as it was planned until the seal is whole: a short file is one that was sealed. Durably: else a power cut could leave
  // the seal, or pieces of it, in a file that is short.
  uint64_t size = 0;
  INGEST_WAL_RETURN_IF_ERROR(opened->Size(&size));
  if (size < header.planned_bytes) {
    INGEST_WAL_RETURN_IF_ERROR(opened->Truncate(header.planned_bytes));
    INGEST_WAL_RETURN_IF_ERROR(opened->Sync());
  }
  uint8_t seal[kSealBytes];
  EncodeSeal(SegmentSeed(header.salt, header.number), offset, last_lsn + 1, now_ms, seal);
  return WriteSeal(opened.get(), Bytes(seal, sizeof(seal)), offset);
}

}  // namespace ingest_wal
