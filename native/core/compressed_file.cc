#include "compressed_file.h"

#include <algorithm>
#include <cstring>

#include "inflate.h"
#include "read_pages.h"

namespace ingest_wal {
namespace {

using namespace compressed;  // its offsets: kMagicAt and the like

static_assert(kMaxMembers == kMaxSegmentBytes / kBlockBytes + 1 + kParities + 1, "the largest segment has no more");

bool IsHeader(const uint8_t* at) {
  return Load<uint32_t>(at + kMagicAt) == kMagic && Load<uint32_t>(at + kSizeFieldAt) == kSizeField &&
         Load<uint16_t>(at + kExtraBytesAt) >= kDeflateAt - kSizeFieldAt;
}

}  // namespace

// `*member_bytes` is left as it is where there is no sound header.
bool CompressedFile::HeaderAt(uint64_t at, uint64_t file_bytes, uint32_t* member_bytes) {
  uint8_t header[kDeflateAt];
  size_t got = 0;
  if (file_bytes - at < kMinMemberBytes || !file_->ReadAt(at, header, sizeof(header), &got).ok()) return false;
  if (got < sizeof(header) || !IsHeader(header)) return false;
  const uint32_t bytes = uint32_t{Load<uint16_t>(header + kMemberBytesAt)} + 1;
  if (bytes < kMinMemberBytes || bytes > file_bytes - at) return false;
  *member_bytes = bytes;
  return true;
}

uint64_t CompressedFile::FindMember(uint64_t from, uint64_t file_bytes) {
  // A member that lost its header, and the header that is looked for behind it.
  std::vector<uint8_t> bytes(static_cast<size_t>(std::min<uint64_t>(2 * kMaxMemberBytes, file_bytes - from)));
  const size_t got = ReadPages(file_.get(), from, bytes.data(), bytes.size());
  for (size_t i = 0; i + kDeflateAt <= got; i++) {
    uint32_t member_bytes = 0;
    if (!IsHeader(bytes.data() + i) || !HeaderAt(from + i, file_bytes, &member_bytes)) continue;
    return from + i;
  }
  return file_bytes;
}

// Members lie one behind the other. Where none begins where one ends, either that one's size is wrong or the next one's
// header: what lies between the last sound header and the next is one damaged member, or two.
Status CompressedFile::FindMembers(uint64_t file_bytes) {
  int damaged = 0;
  bool any_is_sound = false;
  uint64_t at = 0;
  while (at < file_bytes && blocks_.size() <= kMaxMembers) {
    uint32_t bytes = 0;
    if (HeaderAt(at, file_bytes, &bytes)) {
      uint32_t next_bytes = 0;
      const uint64_t end = at + bytes;
      if (end == file_bytes || HeaderAt(end, file_bytes, &next_bytes)) {
        blocks_.push_back({at, bytes});
        any_is_sound = true;
        at = end;
        continue;
      }
    }
    if (++damaged > kMaxDamagedMembers) break;
    uint64_t next = FindMember(std::min(at + kDeflateAt, file_bytes), file_bytes);
    // The size is right when the content says so; then it is the next header that is damaged.
    const bool size_is_right = bytes != 0 && at + bytes < next && ReadMember({at, bytes}) &&
                               InflateMember(bytes, Load<uint32_t>(member_.data() + bytes - sizeof(uint32_t)));
    if (size_is_right) next = at + bytes;
    any_is_sound = any_is_sound || size_is_right;
    if (!size_is_right && bytes != 0 && at + bytes < next) perhaps_two_.emplace_back(blocks_.size(), at + bytes);
    blocks_.push_back({at, static_cast<uint32_t>(std::min<uint64_t>(next - at, 2 * kMaxMemberBytes))});
    at = next;
  }
  if (any_is_sound && damaged <= kMaxDamagedMembers && blocks_.size() <= kMaxMembers) return Status();
  return Status(ErrorCode::kInvalidArgument, name_ + " is no compressed segment");
}

void CompressedFile::ReadParity(size_t index) {
  if (!ReadMember(blocks_[index]) || member_.size() < kParityAt) return;
  const uint8_t* const at = member_.data();
  if (!IsHeader(at) || Load<uint16_t>(at + kParityFieldAt) != kParityField) return;
  const size_t field_end = kParityChecksumAt + Load<uint16_t>(at + kParityFieldBytesAt);
  if (field_end < kParityAt || field_end > member_.size()) return;
  const uint32_t checksum = GzipCrc32(0, at + kParityBlocksAt, field_end - kParityBlocksAt);
  if (checksum != Load<uint32_t>(at + kParityChecksumAt)) return;
  const size_t which = Load<uint32_t>(at + kParityWhichAt);
  const uint64_t blocks = Load<uint32_t>(at + kParityBlocksAt);
  const uint64_t length = Load<uint64_t>(at + kParityLengthAt);
  // The parity next to the last block is the other one's: a sector that lies across them takes no block and its parity.
  const uint64_t own_index = blocks + (which == blocks % kParities ? 0 : 1);
  const bool two_were_taken_for_one = perhaps_two_.size() == 1 && index + 1 == own_index;
  if (which >= kParities || blocks == 0 || length > blocks * kBlockBytes || (length + kBlockBytes - 1) / kBlockBytes != blocks) return;
  if (index != own_index && !two_were_taken_for_one) return;
  parity_[which].assign(at + kParityAt, at + field_end);
  has_parity_[which] = true;
  block_count_ = blocks;
  length_ = length;
}

void CompressedFile::ReadParities() {
  // The end mark, or a part of the rest, may be gone.
  for (size_t from_end = 1; from_end <= 1 + kParities && from_end <= blocks_.size(); from_end++) {
    ReadParity(blocks_.size() - from_end);
  }
  if (block_count_ == 0) return;
  if (perhaps_two_.size() == 1 && perhaps_two_[0].first < block_count_) {
    const auto [index, second_at] = perhaps_two_[0];
    // Both parities are there, damaged or not, and the end mark or what is left of it.
    const bool split = blocks_.size() < block_count_ + kParities + 1;
    if (split) {
      const uint64_t end = blocks_[index].offset + blocks_[index].bytes;
      blocks_[index].bytes = static_cast<uint32_t>(second_at - blocks_[index].offset);
      blocks_.insert(blocks_.begin() + static_cast<std::ptrdiff_t>(index) + 1,
                     Member{second_at, static_cast<uint32_t>(end - second_at)});
    }
  }
  blocks_.resize(static_cast<size_t>(block_count_));
}

uint64_t CompressedFile::ContentBytesSaid(const Member& member) {
  if (!ReadMember(member) || member.bytes < kMinMemberBytes) return 0;
  return Load<uint32_t>(member_.data() + member.bytes - sizeof(uint32_t));
}

Status CompressedFile::DoWithoutParities() {
  // Empty members are no blocks: they are the end mark, and what is left of the parities.
  while (!blocks_.empty() && ContentBytesSaid(blocks_.back()) == 0) blocks_.pop_back();
  if (blocks_.empty()) return Status(ErrorCode::kInvalidArgument, name_ + " is no compressed segment");
  length_ = (blocks_.size() - 1) * kBlockBytes + std::min<uint64_t>(ContentBytesSaid(blocks_.back()), kBlockBytes);
  return Status();
}

Status CompressedFile::Open(std::unique_ptr<File> file, std::string name, std::unique_ptr<CompressedFile>* opened) {
  std::unique_ptr<CompressedFile> made(new CompressedFile(std::move(file), std::move(name)));
  INGEST_WAL_RETURN_IF_ERROR(made->file_->Size(&made->stored_bytes_));
  INGEST_WAL_RETURN_IF_ERROR(made->FindMembers(made->stored_bytes_));
  made->ReadParities();
  if (made->block_count_ == 0) INGEST_WAL_RETURN_IF_ERROR(made->DoWithoutParities());
  made->parity_lost_ = !made->EndIsExact();
  *opened = std::move(made);
  return Status();
}

std::pair<uint64_t, uint64_t> CompressedFile::StoredRange(uint64_t from, uint64_t end) const {
  const auto member_of = [this](uint64_t at) -> const Member& {
    return blocks_[static_cast<size_t>(std::min<uint64_t>(at / kBlockBytes, blocks_.size() - 1))];
  };
  const Member& last = member_of(end == 0 ? 0 : end - 1);
  return {member_of(from).offset, last.offset + last.bytes};
}

Status CompressedFile::Size(uint64_t* size) {
  *size = length_;
  return Status();
}

size_t CompressedFile::ContentBytesOf(uint64_t block) const {
  return static_cast<size_t>(std::min<uint64_t>(kBlockBytes, length_ - block * kBlockBytes));
}

bool CompressedFile::ReadMember(const Member& member) {
  member_.resize(member.bytes);
  size_t got = 0;
  return file_->ReadAt(member.offset, member_.data(), member.bytes, &got).ok() && got == member.bytes;
}

bool CompressedFile::HeaderIsExact(size_t bytes, size_t extra_bytes) const {
  const uint8_t* const at = member_.data();
  return IsHeader(at) && Load<uint32_t>(at + kTimeAt) == 0 && Load<uint16_t>(at + kFlagsAt) == kFlags &&
         Load<uint16_t>(at + kExtraBytesAt) == extra_bytes && size_t{Load<uint16_t>(at + kMemberBytesAt)} + 1 == bytes;
}

bool CompressedFile::EndIsExact() {
  if (!has_parity_[0] || !has_parity_[1]) return false;
  uint64_t at = blocks_end();
  for (size_t i = 0; i <= kParities; i++) {
    const bool is_parity = i < kParities;
    const size_t which = static_cast<size_t>(block_count_ + i) % kParities;
    const size_t extra_bytes = kDeflateAt - kSizeFieldAt + (is_parity ? kParityAt - kParityFieldAt + parity_[which].size() : 0);
    const uint32_t bytes = static_cast<uint32_t>(kMinMemberBytes + extra_bytes - (kDeflateAt - kSizeFieldAt));
    if (!ReadMember({at, bytes}) || !HeaderIsExact(bytes, extra_bytes)) return false;
    // Nothing is compressed in them.
    static constexpr uint8_t kEmpty[kMinMemberBytes - kDeflateAt] = {0x03};
    if (std::memcmp(member_.data() + bytes - sizeof(kEmpty), kEmpty, sizeof(kEmpty)) != 0) return false;
    at += bytes;
  }
  return at == stored_bytes_;
}

bool CompressedFile::InflateMember(size_t bytes, size_t content) {
  if (bytes < kMinMemberBytes || content > kBlockBytes || !IsHeader(member_.data())) return false;
  const size_t deflate_at = kSizeFieldAt + Load<uint16_t>(member_.data() + kExtraBytesAt);
  if (deflate_at > bytes - kTrailerBytes) return false;
  const uint8_t* const trailer = member_.data() + bytes - kTrailerBytes;
  const Bytes deflated(member_.data() + deflate_at, bytes - kTrailerBytes - deflate_at);
  content_.resize(content);
  size_t consumed = 0;
  return Load<uint32_t>(trailer + sizeof(uint32_t)) == content && Inflate(deflated, content_.data(), content, &consumed, &padding_is_exact_) &&
         consumed == deflated.size && GzipCrc32(0, content_.data(), content) == Load<uint32_t>(trailer);
}

// One pass over them, once: whether a block can be made good must not depend on which of them was met first, and many damaged
// ones, each made of all the others, would take time that grows with the square of the file.
bool CompressedFile::FewAreDamagedUnder(size_t parity) {
  if (damaged_under_[parity] >= 0) return damaged_under_[parity] <= kMaxMadeGoodByParity;
  int damaged = 0;
  for (size_t block = parity; block < blocks_.size() && damaged <= kMaxMadeGoodByParity; block += kParities) {
    if (!ReadMember(blocks_[block]) || !InflateMember(blocks_[block].bytes, ContentBytesOf(block))) damaged++;
  }
  damaged_under_[parity] = damaged;
  return damaged <= kMaxMadeGoodByParity;
}

// The member is what its parity and the others under it leave.
bool CompressedFile::MakeGood(uint64_t block, size_t content) {
  const size_t bytes = blocks_[static_cast<size_t>(block)].bytes;
  if (!FewAreDamagedUnder(block % kParities)) return false;
  std::vector<uint8_t> made = parity_[block % kParities];
  if (bytes > made.size()) return false;
  for (uint8_t& byte : made) byte = static_cast<uint8_t>(~byte);
  for (size_t other = block % kParities; other < blocks_.size(); other += kParities) {
    if (other == block) continue;
    if (blocks_[other].bytes > made.size() || !ReadMember(blocks_[other])) return false;
    for (size_t i = 0; i < member_.size(); i++) made[i] ^= member_[i];
  }
  made.resize(bytes);
  member_ = std::move(made);
  return InflateMember(bytes, content);
}

void CompressedFile::NoteMadeGood(const Member& member) {
  const std::pair<uint64_t, uint64_t> range(member.offset, member.offset + member.bytes);
  if (std::find(made_good_.begin(), made_good_.end(), range) == made_good_.end()) made_good_.push_back(range);
}

Status CompressedFile::LoadBlock(uint64_t block) {
  if (loaded_ == block) return Status();
  loaded_ = UINT64_MAX;
  const Member& member = blocks_[static_cast<size_t>(block)];
  const size_t content = ContentBytesOf(block);
  const auto known = good_again_.find(block);
  const auto beyond = beyond_repair_.find(block);
  if (known != good_again_.end()) {
    content_ = known->second;
  } else if (beyond != beyond_repair_.end()) {
    return beyond->second;
  } else if (!ReadMember(member) || !InflateMember(member.bytes, content)) {
    if (!MakeGood(block, content)) {
      const Status status(ErrorCode::kIo, name_ + " is damaged at offset " + std::to_string(member.offset));
      beyond_repair_.emplace(block, status);
      return status;
    }
    NoteMadeGood(member);
    good_again_.emplace(block, content_);
  } else if (!padding_is_exact_ || !HeaderIsExact(member.bytes, kDeflateAt - kSizeFieldAt)) {
    NoteMadeGood(member);  // its content is as it was
  }
  loaded_ = block;
  return Status();
}

Status CompressedFile::ReadAt(uint64_t offset, uint8_t* to, size_t count, size_t* got) {
  *got = 0;
  while (*got < count && offset + *got < length_) {
    const uint64_t at = offset + *got;
    INGEST_WAL_RETURN_IF_ERROR(LoadBlock(at / kBlockBytes));
    const size_t skip = static_cast<size_t>(at % kBlockBytes);
    const size_t part = std::min(count - *got, content_.size() - skip);
    std::memcpy(to + *got, content_.data() + skip, part);
    *got += part;
  }
  return Status();
}

}  // namespace ingest_wal
