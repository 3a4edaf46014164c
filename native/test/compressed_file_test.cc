// Proves that a compressed segment reads as what it was made of, that a damaged sector anywhere in it costs nothing, that of
// more damage nothing is given out that was not there, and that no bytes make it crash, hang or grow.
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "compressed_bytes.h"
#include "compressed_file.h"
#include "inflate.h"
#include "memory_file_system.h"
#include "testing.h"

namespace ingest_wal {
namespace {

using testing::CompressedBytes;
using testing::CompressStored;

constexpr size_t kSectorBytes = 4096;

std::vector<uint8_t> Content(size_t count) {
  std::vector<uint8_t> bytes(count);
  uint64_t state = testing::Seed() * 0x9e3779b97f4a7c15;
  for (uint8_t& byte : bytes) {
    state = state * 6364136223846793005 + 1442695040888963407;
    byte = static_cast<uint8_t>(state >> 56);
  }
  return bytes;
}

// A file that holds these bytes and fails to read those of [bad_from, bad_end).
class BytesFile : public File {
 public:
  BytesFile(std::vector<uint8_t> bytes, uint64_t bad_from = 0, uint64_t bad_end = 0)
      : bytes_(std::move(bytes)), bad_from_(bad_from), bad_end_(bad_end) {}
  Status ReadAt(uint64_t offset, uint8_t* to, size_t count, size_t* got) override {
    *got = static_cast<size_t>(std::min<uint64_t>(count, bytes_.size() - std::min<uint64_t>(offset, bytes_.size())));
    if (offset < bad_end_ && bad_from_ < offset + *got) return Status(ErrorCode::kIo, "unreadable");
    if (*got != 0) std::memcpy(to, bytes_.data() + offset, *got);
    return Status();
  }
  Status WriteAt(uint64_t, const Bytes*, size_t) override { return Status(ErrorCode::kIo, "not here"); }
  Status Sync() override { return Status(); }
  Status Allocate(uint64_t, bool*) override { return Status(); }
  Status Truncate(uint64_t) override { return Status(); }
  Status Size(uint64_t* size) override {
    *size = bytes_.size();
    return Status();
  }
  Status TryLock(bool, bool* locked) override {
    *locked = true;
    return Status();
  }
  void Unlock() override {}

 private:
  const std::vector<uint8_t> bytes_;
  const uint64_t bad_from_;
  const uint64_t bad_end_;
};

struct Read {
  Status opened;
  Status read;
  std::vector<uint8_t> content;
  bool made_good = false;
  bool parity_lost = false;
};

Read ReadAll(std::vector<uint8_t> bytes) {
  Read result;
  std::unique_ptr<CompressedFile> file;
  result.opened = CompressedFile::Open(std::make_unique<BytesFile>(std::move(bytes)), "0000000000000001.wal.gz", &file);
  if (!result.opened.ok()) return result;
  uint64_t size = 0;
  EXPECT_OK(file->Size(&size));
  result.content.resize(static_cast<size_t>(size));
  size_t got = 0;
  result.read = file->ReadAt(0, result.content.data(), result.content.size(), &got);
  result.made_good = !file->made_good().empty();
  result.parity_lost = file->parity_lost();
  return result;
}

TEST(CompressedFile, ReadsWhatItWasMadeOf) {
  for (const size_t count : {size_t{1}, size_t{59999}, size_t{60000}, size_t{60001}, size_t{180000}, size_t{400123}}) {
    const std::vector<uint8_t> content = Content(count);
    const Read read = ReadAll(CompressStored(content).bytes);
    ASSERT_OK(read.opened);
    EXPECT_OK(read.read);
    EXPECT_TRUE(read.content == content);
    EXPECT_FALSE(read.made_good);
    EXPECT_FALSE(read.parity_lost);
  }
}

TEST(CompressedFile, ReadsFromAnyPlace) {
  const std::vector<uint8_t> content = Content(250'000);
  std::unique_ptr<CompressedFile> file;
  ASSERT_OK(CompressedFile::Open(std::make_unique<BytesFile>(CompressStored(content).bytes), "a.wal.gz", &file));
  for (size_t offset = 0; offset < content.size(); offset += 7919) {
    uint8_t bytes[9000];
    size_t got = 0;
    ASSERT_OK(file->ReadAt(offset, bytes, sizeof(bytes), &got));
    ASSERT_EQ(got, std::min(sizeof(bytes), content.size() - offset));
    EXPECT_EQ(std::memcmp(bytes, content.data() + offset, got), 0);
  }
}

TEST(CompressedFile, ADamagedSectorAnywhereCostsNothing) {
  const std::vector<uint8_t> content = Content(260'000);
  const CompressedBytes sound = CompressStored(content);
  for (size_t at = 0; at < sound.bytes.size(); at += 1021) {
    std::vector<uint8_t> bytes = sound.bytes;
    for (size_t i = at; i < std::min(bytes.size(), at + kSectorBytes); i++) bytes[i] = 0;
    const Read read = ReadAll(bytes);
    ASSERT_OK(read.opened);
    EXPECT_OK(read.read);
    EXPECT_TRUE(read.content == content);
    EXPECT_TRUE(read.made_good || at + kSectorBytes > sound.members[sound.members.size() - 4]);
  }
}

TEST(CompressedFile, ADamagedByteOfAnyHeaderOrTrailerCostsNothing) {
  const std::vector<uint8_t> content = Content(130'000);
  const CompressedBytes sound = CompressStored(content);
  for (const size_t member : sound.members) {
    for (size_t at = member < 8 ? 0 : member - 8; at < std::min(sound.bytes.size(), member + 48); at++) {
      for (const uint8_t flip : {uint8_t{0x01}, uint8_t{0x80}, uint8_t{0xff}}) {
        std::vector<uint8_t> bytes = sound.bytes;
        bytes[at] ^= flip;
        const Read read = ReadAll(bytes);
        ASSERT_OK(read.opened);
        EXPECT_OK(read.read);
        EXPECT_TRUE(read.content == content);
      }
    }
  }
}

TEST(CompressedFile, OfTwoDamagedBlocksUnderOneParityBothAreUnreadableAndNothingElse) {
  const std::vector<uint8_t> content = Content(300'000);
  const CompressedBytes sound = CompressStored(content);
  std::vector<uint8_t> bytes = sound.bytes;
  bytes[sound.members[1] + 1000] ^= 1;
  bytes[sound.members[3] + 1000] ^= 1;
  std::unique_ptr<CompressedFile> file;
  ASSERT_OK(CompressedFile::Open(std::make_unique<BytesFile>(bytes), "a.wal.gz", &file));
  for (size_t block = 0; block < 5; block++) {
    std::vector<uint8_t> got_bytes(compressed::kBlockBytes);
    size_t got = 0;
    const Status read = file->ReadAt(block * compressed::kBlockBytes, got_bytes.data(), got_bytes.size(), &got);
    EXPECT_EQ(read.ok(), block != 1 && block != 3);
    if (!read.ok()) {
      EXPECT_EQ(read.code(), ErrorCode::kIo);
      continue;
    }
    EXPECT_EQ(std::memcmp(got_bytes.data(), content.data() + block * compressed::kBlockBytes, got), 0);
  }
}

TEST(CompressedFile, AFileThatWasCutGivesTheBlocksBeforeTheCut) {
  const std::vector<uint8_t> content = Content(200'000);
  const CompressedBytes sound = CompressStored(content);
  for (size_t kept = 1; kept < 4; kept++) {
    std::vector<uint8_t> bytes(sound.bytes.begin(), sound.bytes.begin() + static_cast<std::ptrdiff_t>(sound.members[kept]));
    const Read read = ReadAll(bytes);
    ASSERT_OK(read.opened);
    EXPECT_OK(read.read);
    EXPECT_TRUE(read.parity_lost);
    ASSERT_EQ(read.content.size(), std::min(kept * compressed::kBlockBytes, content.size()));
    EXPECT_EQ(std::memcmp(read.content.data(), content.data(), read.content.size()), 0);
  }
}

TEST(CompressedFile, NoBytesGiveOutWhatWasNotThere) {
  const std::vector<uint8_t> content = Content(130'000);
  const CompressedBytes sound = CompressStored(content);
  uint64_t state = testing::Seed();
  const auto random = [&state](size_t below) {
    state = state * 6364136223846793005 + 1442695040888963407;
    return static_cast<size_t>((state >> 33) % below);
  };
  for (int round = 0; round < 400; round++) {
    std::vector<uint8_t> bytes = sound.bytes;
    for (size_t changes = 1 + random(6); changes > 0; changes--) {
      const size_t at = random(bytes.size());
      const size_t count = std::min(bytes.size() - at, 1 + random(round % 3 == 0 ? 20'000 : 64));
      for (size_t i = 0; i < count; i++) bytes[at + i] = static_cast<uint8_t>(random(256));
    }
    if (round % 5 == 0) bytes.resize(random(bytes.size()));
    const Read read = ReadAll(bytes);
    if (!read.opened.ok() || !read.read.ok()) continue;
    ASSERT_TRUE(read.content.size() <= content.size());
    EXPECT_EQ(std::memcmp(read.content.data(), content.data(), read.content.size()), 0);
  }
}

TEST(CompressedFile, SomethingElseIsRefused) {
  EXPECT_EQ(ReadAll({}).opened.code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(ReadAll(Content(5'000'000)).opened.code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(ReadAll(std::vector<uint8_t>(300'000)).opened.code(), ErrorCode::kInvalidArgument);
  // Only the end mark: no content.
  EXPECT_EQ(ReadAll(CompressStored({}).bytes).opened.code(), ErrorCode::kInvalidArgument);
}

TEST(Inflate, RefusesStreamsThatSayMoreOrLessThanAsked) {
  // "aaaaa" with a fixed code, by hand of any deflate: 4b 4c 4c 4c 4c 04 00.
  const uint8_t stream[] = {0x4b, 0x4c, 0x4c, 0x4c, 0x4c, 0x04, 0x00};
  uint8_t out[8];
  size_t consumed = 0;
  bool is_exact = false;
  EXPECT_TRUE(Inflate(Bytes(stream, sizeof(stream)), out, 5, &consumed, &is_exact));
  EXPECT_EQ(consumed, sizeof(stream));
  EXPECT_TRUE(is_exact);
  EXPECT_EQ(std::memcmp(out, "aaaaa", 5), 0);
  EXPECT_FALSE(Inflate(Bytes(stream, sizeof(stream)), out, 4, &consumed, &is_exact));
  EXPECT_FALSE(Inflate(Bytes(stream, sizeof(stream)), out, 6, &consumed, &is_exact));
  for (size_t cut = 0; cut < sizeof(stream); cut++) EXPECT_FALSE(Inflate(Bytes(stream, cut), out, 5, &consumed, &is_exact));
}

TEST(GzipCrc32, KnownVector) {
  const uint8_t digits[] = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
  EXPECT_EQ(GzipCrc32(0, digits, sizeof(digits)), 0xcbf43926u);
  EXPECT_EQ(GzipCrc32(GzipCrc32(0, digits, 4), digits + 4, 5), 0xcbf43926u);
}

}  // namespace
}  // namespace ingest_wal
