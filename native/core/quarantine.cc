#include "quarantine.h"

#include <algorithm>
#include <memory>
#include <tuple>
#include <vector>

#include "compressed_file.h"
#include "read_pages.h"
#include "segment_name.h"

namespace ingest_wal {
namespace {

constexpr size_t kCopyBytes = size_t{1} << 20;
// Holes of this size stay holes in the copy; at its end they are left out.
constexpr uint64_t kLargeHoleBytes = uint64_t{64} << 20;

// Copies [from, end) of `source`; pages that cannot be read become zeros.
Status CopyRange(File* source, uint64_t from, uint64_t end, File* target) {
  std::vector<uint8_t> buffer;
  uint64_t size = 0;
  INGEST_WAL_RETURN_IF_ERROR(source->Size(&size));
  for (uint64_t at = from; at < end;) {
    // A file can be said to be far larger than the disk.
    const uint64_t data_at = source->NextData(at, size);
    if (data_at > at && data_at - at >= kLargeHoleBytes) at = data_at;
    if (at >= end) break;
    const size_t count = static_cast<size_t>(std::min<uint64_t>(kCopyBytes, end - at));
    buffer.assign(count, 0);
    size_t got = 0;
    if (!source->ReadAt(at, buffer.data(), count, &got).ok()) got = ReadPages(source, at, buffer.data(), count);
    if (got == 0) break;
    const Bytes part(buffer.data(), got);
    INGEST_WAL_RETURN_IF_ERROR(target->WriteAt(at - from, &part, 1));
    at += part.size;
  }
  return target->Sync();
}

// Damage of a compressed segment's content: the compressed bytes that hold it.
void FindStored(Directory* directory, const std::string& file, uint64_t* from, uint64_t* end) {
  std::unique_ptr<File> raw;
  std::unique_ptr<CompressedFile> compressed;
  if (!directory->Open(file, OpenMode::kRead, &raw).ok()) return;
  if (!CompressedFile::Open(std::move(raw), file, &compressed).ok()) return;
  std::tie(*from, *end) = compressed->StoredRange(*from, *end);
}

Status CopyOut(Directory* directory, Directory* quarantine, const std::string& file, uint64_t from, uint64_t end) {
  const std::string name = QuarantinedName(file, from, end);
  std::unique_ptr<File> existing;
  if (quarantine->Open(name, OpenMode::kRead, &existing).ok()) return Status();
  std::unique_ptr<File> source;
  const Status opened = directory->Open(file, OpenMode::kRead, &source);
  if (!opened.ok()) return Status();  // not a file that can be copied; it stays where it is
  const std::string temporary = name + kTemporarySuffix;
  const Status removed = quarantine->Unlink(temporary);
  if (!removed.ok() && removed.code() != ErrorCode::kNotFound) return removed;
  std::unique_ptr<File> target;
  INGEST_WAL_RETURN_IF_ERROR(quarantine->Open(temporary, OpenMode::kCreateNew, &target));
  INGEST_WAL_RETURN_IF_ERROR(CopyRange(source.get(), from, end, target.get()));
  return quarantine->Rename(temporary, name);
}

}  // namespace

Status Quarantine(Directory* directory, const DirectoryReport& report) {
  struct Stretch {
    std::string file;
    uint64_t from;
    uint64_t end;
  };
  std::vector<Stretch> stretches;
  for (const Damage& damage : report.damage) {
    if (damage.file.empty() || damage.end_offset <= damage.offset) continue;
    if (stretches.size() >= kMaxQuarantineFiles) continue;
    Stretch stretch{damage.file, damage.offset, damage.end_offset};
    const bool is_stored = damage.kind == damage_kind::kCompressedBlock || damage.kind == damage_kind::kCompressedParity;
    if (IsCompressedName(damage.file) && !is_stored) FindStored(directory, damage.file, &stretch.from, &stretch.end);
    stretches.push_back(std::move(stretch));
  }
  const TornTail& torn = report.torn_tail;
  if (torn.found && torn.bytes > 0) stretches.push_back({torn.file, torn.offset, torn.offset + torn.bytes});
  if (stretches.empty()) return Status();
  std::unique_ptr<Directory> quarantine;
  INGEST_WAL_RETURN_IF_ERROR(directory->Subdirectory(kQuarantineName, true, &quarantine));
  for (const Stretch& stretch : stretches) {
    INGEST_WAL_RETURN_IF_ERROR(
        CopyOut(directory, quarantine.get(), stretch.file, stretch.from, stretch.end));
  }
  return quarantine->Sync();
}

}  // namespace ingest_wal
