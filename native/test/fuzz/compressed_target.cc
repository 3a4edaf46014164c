// A compressed segment. Whatever the file is: it opens or is refused, each place of its content is read or refused the same in
// whichever order and by whatever pieces it is asked for, and what is read and inflated on the way is bounded.
#include <algorithm>
#include <memory>
#include <string>

#include "compressed_bytes.h"
#include "compressed_file.h"
#include "fuzz_target.h"
#include "inflate.h"
#include "mend_records.h"
#include "plain_inflate.h"
#include "segment_layout.h"
#include "segment_name.h"
#include "test_log.h"

namespace ingest_wal {
namespace fuzz {
namespace {

using namespace compressed;  // its offsets

// Opening reads at most this often what a damaged member may reach, the whole of a small file; then the blocks are read, all
// of them for a parity's count, for what is made good, and for what is given out.
constexpr uint64_t kMostReads = 3 * kMaxDamagedMembers + 32;
constexpr size_t kLeastPiece = 512;
constexpr uint64_t kReadAnyway = 8 * kMaxMemberBytes;

class CountedFile : public File {
 public:
  CountedFile(Bytes bytes, uint64_t* read_bytes) : bytes_(bytes), read_bytes_(read_bytes) {}
  Status ReadAt(uint64_t offset, uint8_t* to, size_t count, size_t* got) override {
    const size_t from = static_cast<size_t>(std::min<uint64_t>(offset, bytes_.size));
    *got = std::min(count, bytes_.size - from);
    *read_bytes_ += *got;
    if (*got != 0) std::memcpy(to, bytes_.data + from, *got);
    return Status();
  }
  Status WriteAt(uint64_t, const Bytes*, size_t) override { return ReadOnly(); }
  Status Sync() override { return ReadOnly(); }
  Status Allocate(uint64_t, bool*) override { return ReadOnly(); }
  Status Truncate(uint64_t) override { return ReadOnly(); }
  Status Size(uint64_t* size) override {
    *size = bytes_.size;
    return Status();
  }
  Status TryLock(bool, bool* locked) override {
    *locked = true;
    return Status();
  }
  void Unlock() override {}

 private:
  static Status ReadOnly() { return Status(ErrorCode::kIo, "not here"); }
  const Bytes bytes_;
  uint64_t* const read_bytes_;
};

// The content of each block, empty where it cannot be had. Blocks are asked for from the first on, or from the last.
struct Content {
  std::vector<Input> blocks;
  uint64_t sound_bytes = 0;
  std::string wrong;
};

Content ReadBlocks(CompressedFile* file, bool backwards, size_t piece_bytes) {
  Content content;
  uint64_t size = 0;
  if (!file->Size(&size).ok()) content.wrong = "it has no size";
  content.blocks.resize(static_cast<size_t>((size + kBlockBytes - 1) / kBlockBytes));
  for (size_t i = 0; i < content.blocks.size(); i++) {
    const size_t block = backwards ? content.blocks.size() - 1 - i : i;
    const uint64_t begin = uint64_t{block} * kBlockBytes;
    const size_t bytes = static_cast<size_t>(std::min<uint64_t>(kBlockBytes, size - begin));
    Input read(bytes);
    for (size_t at = 0; at < bytes;) {
      size_t got = 0;
      const Status status = file->ReadAt(begin + at, read.data() + at, std::min(piece_bytes, bytes - at), &got);
      if (!status.ok()) {
        if (status.code() != ErrorCode::kIo || at != 0) content.wrong = "a block is refused half way";
        read.clear();
        break;
      }
      if (got == 0) {
        content.wrong = "it ends before its size";
        return content;
      }
      at += got;
    }
    content.sound_bytes += read.size();
    content.blocks[block] = std::move(read);
  }
  return content;
}

std::string CheckAccount(const CompressedFile& file, uint64_t file_bytes) {
  if (file.blocks_end() > file_bytes) return "its blocks end behind it";
  for (const auto& range : file.made_good()) {
    if (range.first >= range.second || range.second > file_bytes) return "what was made good is not in it";
  }
  return "";
}

std::string CheckLog(Bytes bytes) {
  testing::MemoryWorld world;
  world.Put(CompressedSegmentName(1), Input(bytes.data, bytes.data + bytes.size));
  Inspection inspection;
  const Status inspected = InspectPath(world.environment(), "wal", &inspection);
  if (inspected.code() == ErrorCode::kNewerFormat) return "";
  if (!inspected.ok()) return "inspect: " + inspected.message();
  std::unique_ptr<Reader> reader;
  const Status opened = ReadPath(world.environment(), "wal", ReadOptions(), &reader);
  if (!opened.ok()) return "read: " + opened.message();
  uint64_t previous = 0;
  for (;;) {
    Chunk chunk;
    const Status read = reader->Next(&chunk);
    if (!read.ok()) return "read: " + read.message();
    if (chunk.entries.empty() && chunk.damage.empty()) return "";
    for (const ChunkEntry& entry : chunk.entries) {
      if (static_cast<uint64_t>(entry.lsn) <= previous) return "LSNs do not ascend";
      previous = static_cast<uint64_t>(entry.lsn);
    }
  }
}

Verdict Check(Bytes input) {
  Verdict verdict;
  const Dials dials = DialsOf(input);
  uint64_t read_bytes = 0;
  Content contents[2];
  for (const bool backwards : {false, true}) {
    std::unique_ptr<CompressedFile> file;
    const Status opened = CompressedFile::Open(std::make_unique<CountedFile>(dials.rest, &read_bytes), "fuzzed", &file);
    if (!opened.ok()) {
      if (opened.code() != ErrorCode::kInvalidArgument) verdict.wrong = "open: " + opened.message();
      break;
    }
    Content& content = contents[backwards ? 1 : 0];
    content = ReadBlocks(file.get(), backwards, kLeastPiece + dials.first % (2 * kBlockBytes));
    verdict.deep = content.sound_bytes != 0;
    verdict.wrong = content.wrong.empty() ? CheckAccount(*file, dials.rest.size) : content.wrong;
    if (!verdict.wrong.empty()) return verdict;
  }
  if (contents[0].blocks != contents[1].blocks) verdict.wrong = "read backwards it is another content";
  if (read_bytes > 2 * (kReadAnyway + kMostReads * dials.rest.size)) {
    verdict.wrong = "read " + std::to_string(read_bytes) + " bytes of " + std::to_string(dials.rest.size);
  }
  // Takes ten times as long as the rest.
  if (verdict.wrong.empty() && dials.second % 4 == 0) verdict.wrong = CheckLog(dials.rest);
  return verdict;
}

// --- Mending: sizes, checksums and parities, member by member.

// Where the next member begins behind `at`, or the end.
size_t NextMember(const Input& file, size_t at) {
  for (size_t next = at + kMinMemberBytes; next + kDeflateAt <= file.size(); next++) {
    if (Load<uint32_t>(file.data() + next) == kMagic && Load<uint32_t>(file.data() + next + kSizeFieldAt) == kSizeField) return next;
  }
  return file.size();
}

void MendMember(uint8_t* member, size_t bytes, Dice* dice) {
  Store(member + kMemberBytesAt, static_cast<uint16_t>(bytes - 1));
  const size_t extra_bytes = Load<uint16_t>(member + kExtraBytesAt);
  uint8_t* const trailer = member + bytes - kTrailerBytes;
  const bool has_field = Load<uint16_t>(member + kParityFieldAt) == kParityField && extra_bytes > kDeflateAt - kSizeFieldAt &&
                         bytes >= kParityAt + 2 + kTrailerBytes;
  if (has_field) {
    // An empty member, all of which but its end is the field.
    const size_t field_bytes = bytes - kTrailerBytes - 2 - kParityChecksumAt;
    Store(member + kExtraBytesAt, static_cast<uint16_t>(bytes - kTrailerBytes - 2 - kSizeFieldAt));
    Store(member + kParityFieldBytesAt, static_cast<uint16_t>(field_bytes));
    Store(member + kParityChecksumAt, GzipCrc32(0, member + kParityBlocksAt, field_bytes - sizeof(uint32_t)));
    return;
  }
  if (!dice->Once(16)) Store(member + kExtraBytesAt, static_cast<uint16_t>(kDeflateAt - kSizeFieldAt));
  const Inflated inflated = PlainInflate(Bytes(member + kDeflateAt, bytes - kTrailerBytes - kDeflateAt), kBlockBytes);
  Store(trailer, GzipCrc32(0, inflated.bytes.data(), inflated.bytes.size()));
  Store(trailer + sizeof(uint32_t), static_cast<uint32_t>(inflated.bytes.size()));
}

void Mend(Dice* dice, Input* input) {
  const Dials dials = DialsOf(Bytes(input->data(), input->size()));
  Input file(dials.rest.data, dials.rest.data + dials.rest.size);
  for (size_t at = 0; at + kMinMemberBytes <= file.size();) {
    const size_t end = std::min(NextMember(file, at), at + kMaxMemberBytes);
    if (!dice->Once(8)) MendMember(file.data() + at, end - at, dice);
    at = end;
  }
  *input = WithDials(dials.first, dials.second, file);
}

std::vector<Input> Seeds() {
  const SegmentHeader header = PlainHeader();
  Input segment(kSegmentDataAt);
  EncodeHeaderCopies(header, segment.data());
  const Input batch = BatchOf(header, segment.size(), 1, 5);
  Append(batch, &segment);
  const Input seal = SealBehind(header, segment.size(), 6);
  Append(seal, &segment);
  Input large = segment;
  large.resize(2 * kBlockBytes + 500);  // two blocks under one parity
  std::vector<Input> seeds;
  for (const Input& content : {segment, large}) {
    const testing::CompressedBytes made = testing::CompressWith(DeflateRuns, content);
    seeds.push_back(WithDials(0, 0, made.bytes));
    // A block that only its parity has.
    Input damaged = made.bytes;
    damaged[made.members[0] + 40] ^= 0x40;
    seeds.push_back(WithDials(700, 0, damaged));
  }
  return seeds;
}

}  // namespace

const FuzzTarget kCompressedTarget = {"compressed", 8192, Check, Mend, Seeds};

}  // namespace fuzz
}  // namespace ingest_wal
