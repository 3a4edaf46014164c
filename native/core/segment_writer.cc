#include "segment_writer.h"

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
Status WriteSeal(File* file, const uint8_t* seal, uint64_t offset) {
  const Bytes part(seal, kSealBytes);
  INGEST_WAL_RETURN_IF_ERROR(file->WriteAt(offset, &part, 1));
  INGEST_WAL_RETURN_IF_ERROR(file->Sync());
  INGEST_WAL_RETURN_IF_ERROR(file->Truncate(offset + kSealBytes));
  return file->Sync();
}

}  // namespace

void Batch::Clear() {
  bytes.resize(mark::kBytes);
  first_lsn = last_lsn = 0;
  entries = 0;
  last_checksum_ = 0;
}

void Batch::Add(const uint8_t* record, size_t record_bytes) {
  if (bytes.empty()) Clear();
  const uint64_t lsn = Load<uint64_t>(record + entry::kLsnAt);
  if (entries == 0) first_lsn = lsn;
  last_lsn = lsn;
  last_checksum_ = BodyChecksumOf(record);
  entries++;
  bytes.insert(bytes.end(), record, record + record_bytes);
}

Status SegmentWriter::Prepare(Directory* directory, SpareSegment* spare, const SegmentHeader& header,
                              std::unique_ptr<SegmentWriter>* writer) {
  std::unique_ptr<SegmentWriter> made(new SegmentWriter(directory, header));
  INGEST_WAL_RETURN_IF_ERROR(spare->Take(header.planned_bytes, &made->file_, &made->reserved_));
  uint8_t blocks[header::kCopies * header::kCopyBytes];
  for (uint32_t copy = 0; copy < header::kCopies; copy++) {
    EncodeSegmentHeader(header, copy, blocks + copy * header::kCopyBytes);
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
  return directory_->Sync();
}

void SegmentWriter::Withdraw() {
  file_.reset();
  // At best: what stays holds no entry, and the next recovery removes it.
  for (const std::string& name : {std::string(kSpareName), SegmentName(header_.number)}) {
    const Status removed = directory_->Unlink(name);
    (void)removed;
  }
}

Status SegmentWriter::WriteBatch(Batch* batch, uint64_t durable_lsn, int64_t now_ms) {
  uint8_t* at = batch->bytes.data() + mark::kBytes;
  uint8_t* const end = batch->bytes.data() + batch->bytes.size();
  uint64_t offset = position_ + mark::kBytes;
  while (at < end) {
    PlaceEntry(at, seed_, offset);
    const size_t bytes = EntryRecordBytes(Load<uint16_t>(at + entry::kUserIdBytesAt),
                                          Load<uint32_t>(at + entry::kPayloadBytesAt));
    at += bytes;
    offset += bytes;
  }
  Mark mark;
  mark.next_lsn = batch->first_lsn;
  mark.durable_lsn = durable_lsn;
  mark.timestamp_ms = now_ms;
  mark.batch_entries = batch->entries;
  mark.batch_bytes = static_cast<uint32_t>(batch->record_bytes());
  mark.kind = MarkKind::kBatch;
  EncodeMark(mark, seed_, position_, batch->bytes.data());
  const Bytes part(batch->bytes.data(), batch->bytes.size());
  INGEST_WAL_RETURN_IF_ERROR(file_->WriteAt(position_, &part, 1));
  position_ = offset;
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
  const Bytes part(bytes, sizeof(bytes));
  INGEST_WAL_RETURN_IF_ERROR(file_->WriteAt(position_, &part, 1));
  position_ += sizeof(bytes);
  written_bytes_ += sizeof(bytes);
  return Status();
}

Status SegmentWriter::Sync() { return file_->Sync(); }

Status SegmentWriter::Seal(uint64_t next_lsn, int64_t now_ms) {
  uint8_t seal[kSealBytes];
  EncodeSeal(seed_, position_, next_lsn, now_ms, seal);
  written_bytes_ += sizeof(seal);
  return WriteSeal(file_.get(), seal, position_);
}

Status SegmentWriter::CutToPosition() {
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
  return WriteSeal(opened.get(), seal, offset);
}

}  // namespace ingest_wal
