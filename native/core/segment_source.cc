#include "segment_source.h"

#include <algorithm>
#include <iterator>

#include "format.h"
#include "segment_name.h"

namespace ingest_wal {
namespace {
constexpr size_t kZeroWindowBytes = size_t{256} << 10;

// A segment that is made ready for other entries lost its name before it was locked.
Status WhyLocked(Directory* directory, const std::string& name) {
  std::unique_ptr<File> again;
  INGEST_WAL_RETURN_IF_ERROR(directory->Open(name, OpenMode::kRead, &again));
  return Status(ErrorCode::kIo, name + " is locked by another program");
}

}  // namespace

Status SegmentSource::Open(Directory* directory, const std::string& name,
                           std::unique_ptr<SegmentSource>* source) {
  std::unique_ptr<SegmentSource> made(new SegmentSource());
  INGEST_WAL_RETURN_IF_ERROR(directory->Open(name, OpenMode::kRead, &made->file_));
  bool locked = false;
  const Status tried = made->file_->TryLock(false, &locked);
  // Without locks on this file system, no segment is filled again there.
  if (tried.ok() && !locked) return WhyLocked(directory, name);
  if (IsCompressedName(name)) {
    std::unique_ptr<CompressedFile> compressed;
    INGEST_WAL_RETURN_IF_ERROR(CompressedFile::Open(std::move(made->file_), name, &compressed));
    made->compressed_ = compressed.get();
    made->unit_bytes_ = compressed::kBlockBytes;
    made->file_ = std::move(compressed);
  }
  INGEST_WAL_RETURN_IF_ERROR(made->file_->Size(&made->size_));
  *source = std::move(made);
  return Status();
}

// Of reserved space, a page that was read once, or read ahead, counts as data from then on (SEEK_DATA): the next pass would go
// through it, read ahead behind it, and so on to the end of the file.
void SegmentSource::SetPlannedBytes(uint64_t bytes) {
  if (compressed_ != nullptr) {
    size_ = std::min(size_, bytes);
    return;
  }
  may_have_holes_ = size_ >= bytes;
  if (may_have_holes_) file_->ReadNothingAhead();
}

// Space that was reserved and never written is most of a segment that a process left when it died.
bool SegmentSource::WindowFromHole(uint64_t offset, size_t want, Bytes* window) {
  static const std::vector<uint8_t> zeros(kZeroWindowBytes);
  if (offset < kSegmentDataAt || want > zeros.size()) return false;
  const uint64_t data_at = file_->NextData(offset, size_);
  if (data_at < offset + want && data_at < size_) return false;
  hole_end_ = std::min(data_at, size_);
  *window = Bytes(zeros.data(), static_cast<size_t>(std::min<uint64_t>(hole_end_ - offset, zeros.size())));
  return window->size != 0;
}

Status SegmentSource::Window(uint64_t offset, size_t want, Bytes* window, uint64_t most) {
  hole_end_ = 0;
  if (offset >= size_) {
    *window = Bytes();
    return Status();
  }
  if (WindowFromHole(offset, want, window)) return Status();
  // Whoever asks for the header wants no more than that, of what may be many segments.
  size_t ahead = want;
  if (offset >= kSegmentDataAt) {
    ahead = std::max<size_t>(want, static_cast<size_t>(std::min<uint64_t>(ahead_bytes_, most)));
    ahead_bytes_ = std::min(2 * ahead_bytes_, kWindowBytes);
  }
  if (may_have_holes_) ahead = std::max<uint64_t>(want, std::min<uint64_t>(ahead, file_->NextHole(offset, size_) - offset));
  const size_t count = static_cast<size_t>(std::min<uint64_t>(size_ - offset, ahead));
  if (buffer_bytes_ < count) {
    buffer_.reset();
    buffer_bytes_ = 0;
    buffer_.reset(new uint8_t[count]);
    buffer_bytes_ = count;
  }
  size_t got = 0;
  const Status status = file_->ReadAt(offset, buffer_.get(), count, &got);
  if (!status.ok()) {
    got = ReadUnits(file_.get(), offset, buffer_.get(), count, unit_bytes_,
                    [this](uint64_t from, uint64_t end) { NoteUnreadable(from, end); });
  }
  if (got < count) size_ = offset + got;  // the file was cut since its size was asked for
  *window = Bytes(buffer_.get(), got);
  return Status();
}

size_t SegmentSource::Peek(uint64_t offset, uint8_t* to, size_t count) {
  size_t got = 0;
  if (offset >= size_ || !file_->ReadAt(offset, to, static_cast<size_t>(std::min<uint64_t>(count, size_ - offset)), &got).ok()) return 0;
  return got;
}

void SegmentSource::NoteUnreadable(uint64_t offset, uint64_t end) {
  if (TouchesUnreadable(offset, end)) return;
  const auto behind = std::upper_bound(unreadable_.begin(), unreadable_.end(), std::make_pair(offset, end));
  if (behind != unreadable_.begin() && std::prev(behind)->second == offset) {
    std::prev(behind)->second = end;
  } else {
    unreadable_.insert(behind, {offset, end});
  }
}

bool SegmentSource::TouchesUnreadable(uint64_t offset, uint64_t end) const {
  // The last of those that begin before `end`: they do not overlap.
  const auto behind = std::upper_bound(unreadable_.begin(), unreadable_.end(), std::make_pair(end, uint64_t{0}));
  return behind != unreadable_.begin() && std::prev(behind)->second > offset;
}

}  // namespace ingest_wal
