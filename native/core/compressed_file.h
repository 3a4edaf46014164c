// A compressed segment, read as if it were not: a File over another File. A damaged sector costs nothing: what it takes of
// one block, or of two neighbours, is made good by the parities at the file's end. What is beyond that is unreadable, 60,000
// bytes a block, and nothing else is. Nothing is believed unchecked: sizes are bounded by the file's, and bytes are given out
// only when their block's CRC-32 fits.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "format.h"
#include "platform/file_system.h"

namespace ingest_wal {

class CompressedFile : public File {
 public:
  // Looks at the header of every member and reads no content. `name` is for errors. kInvalidArgument when the file does not
  // begin like a compressed segment, or is too damaged to be told from something else.
  static Status Open(std::unique_ptr<File> file, std::string name, std::unique_ptr<CompressedFile>* opened);

  // [first, second) of the compressed file: members that were damaged and were made good, so far. Nothing is lost by them.
  const std::vector<std::pair<uint64_t, uint64_t>>& made_good() const { return made_good_; }
  // A parity or the end mark is damaged or missing: the next damage may be beyond repair.
  bool parity_lost() const { return parity_lost_; }
  // Where the blocks end and the parities begin.
  uint64_t blocks_end() const { return blocks_.back().offset + blocks_.back().bytes; }
  // Bytes of the compressed file.
  uint64_t stored_bytes() const { return stored_bytes_; }
  // The members that hold [from, end) of the content: a range of the compressed file.
  std::pair<uint64_t, uint64_t> StoredRange(uint64_t from, uint64_t end) const;

  // Of the content. Reading fails with kIo where a member is damaged beyond repair.
  Status ReadAt(uint64_t offset, uint8_t* to, size_t count, size_t* got) override;
  Status Size(uint64_t* size) override;
  Status TryLock(bool exclusive, bool* locked) override { return file_->TryLock(exclusive, locked); }
  void Unlock() override { file_->Unlock(); }

  // It is read only, and not as it lies on the disk.
  Status WriteAt(uint64_t, const Bytes*, size_t) override { return ReadOnly(); }
  Status Sync() override { return ReadOnly(); }
  Status Allocate(uint64_t, bool*) override { return ReadOnly(); }
  Status Truncate(uint64_t) override { return ReadOnly(); }

 private:
  struct Member {
    uint64_t offset = 0;
    uint32_t bytes = 0;
  };

  CompressedFile(std::unique_ptr<File> file, std::string name) : file_(std::move(file)), name_(std::move(name)) {}

  Status ReadOnly() const { return Status(ErrorCode::kInvalidArgument, name_ + " is compressed: it can only be read"); }
  Status FindMembers(uint64_t file_bytes);
  // The next place from `from` on where a member begins; `file_bytes` when there is none within reach. In a page that the
  // device cannot read there is none.
  uint64_t FindMember(uint64_t from, uint64_t file_bytes);
  bool HeaderAt(uint64_t at, uint64_t file_bytes, uint32_t* member_bytes);
  void ReadParities();
  // Takes member `index` for a parity, if it is one.
  void ReadParity(size_t index);
  // Whether both parities and the end mark are exactly what they should be.
  bool EndIsExact();
  // Without parities, the last block says how long it is.
  Status DoWithoutParities();
  uint64_t ContentBytesSaid(const Member& member);
  Status LoadBlock(uint64_t block);
  bool ReadMember(const Member& member);
  // member_ holds `bytes` bytes: whether they are the member of a block of `content` bytes; its content goes to content_.
  bool InflateMember(size_t bytes, size_t content);
  // Its content is sound; whether all the rest of it is as it should be, too.
  bool HeaderIsExact(size_t bytes, size_t extra_bytes) const;
  bool FewAreDamagedUnder(size_t parity);
  bool MakeGood(uint64_t block, size_t content);
  void NoteMadeGood(const Member& member);
  size_t ContentBytesOf(uint64_t block) const;

  const std::unique_ptr<File> file_;
  const std::string name_;
  std::vector<Member> blocks_;  // every member, until the parities have said which of them are blocks
  // Where two damaged members may have been taken for one: its place in blocks_, and where the second would begin.
  std::vector<std::pair<size_t, uint64_t>> perhaps_two_;
  std::vector<uint8_t> parity_[compressed::kParities];
  bool has_parity_[compressed::kParities] = {false, false};
  // So many blocks under it are damaged, as far as they were counted; -1: not yet.
  int damaged_under_[compressed::kParities] = {-1, -1};
  bool parity_lost_ = false;
  uint64_t block_count_ = 0;  // as a parity says
  uint64_t length_ = 0;
  uint64_t stored_bytes_ = 0;

  std::vector<uint8_t> member_;
  std::vector<uint8_t> content_;
  bool padding_is_exact_ = true;  // of the deflate stream that content_ was made of
  uint64_t loaded_ = UINT64_MAX;  // which block content_ holds
  std::map<uint64_t, std::vector<uint8_t>> good_again_;  // contents of blocks that were made good
  std::map<uint64_t, Status> beyond_repair_;
  std::vector<std::pair<uint64_t, uint64_t>> made_good_;
};

}  // namespace ingest_wal
