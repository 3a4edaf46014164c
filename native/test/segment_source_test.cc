// Proves that a segment's bytes are supplied as they stand, mapped or not, that a page which cannot be read is zeros
// and is remembered, and that a file which is cut meanwhile just ends.
#include <cerrno>

#include "format.h"
#include "memory_file_system.h"
#include "segment_source.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

constexpr const char* kFile = "0000000000000001.wal";
constexpr size_t kPage = 4096;

// A file whose bytes say where they lie.
std::vector<uint8_t> Pattern(size_t size) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; i++) bytes[i] = static_cast<uint8_t>(1 + (i / kPage + i) % 255);
  return bytes;
}

// Files whose pages [bad_from, bad_end) cannot be read: a call that touches one fails as a whole.
class BadPages {
 public:
  BadPages(MemoryWorld* world, size_t from, size_t end) : from_(from), end_(end) {
    EXPECT_OK(world->environment().files->OpenDirectory("", false, &inner_));
  }

  class Reading : public File {
   public:
    Reading(std::unique_ptr<File> inner, const BadPages* pages) : inner_(std::move(inner)), pages_(pages) {}
    Status ReadAt(uint64_t offset, uint8_t* to, size_t count, size_t* got) override {
      if (offset < pages_->end_ * kPage && offset + count > pages_->from_ * kPage) {
        *got = 0;
        return Status(ErrorCode::kIo, "bad page", EIO);
      }
      return inner_->ReadAt(offset, to, count, got);
    }
    Status WriteAt(uint64_t offset, const Bytes* parts, size_t count) override {
      return inner_->WriteAt(offset, parts, count);
    }
    Status Sync() override { return inner_->Sync(); }
    Status Allocate(uint64_t size, bool* reserved) override { return inner_->Allocate(size, reserved); }
    Status Truncate(uint64_t size) override { return inner_->Truncate(size); }
    Status Size(uint64_t* size) override { return inner_->Size(size); }
    Status TryLock(bool exclusive, bool* locked) override { return inner_->TryLock(exclusive, locked); }
    void Unlock() override { inner_->Unlock(); }

   private:
    std::unique_ptr<File> inner_;
    const BadPages* pages_;
  };

  Directory* directory() { return &directory_; }

 private:
  class Opening : public Directory {
   public:
    explicit Opening(BadPages* pages) : pages_(pages) {}
    Status Open(const std::string& name, OpenMode mode, std::unique_ptr<File>* file) override {
      std::unique_ptr<File> inner;
      INGEST_WAL_RETURN_IF_ERROR(pages_->inner_->Open(name, mode, &inner));
      *file = std::make_unique<Reading>(std::move(inner), pages_);
      return Status();
    }
    Status List(std::vector<DirectoryEntry>* entries) override { return pages_->inner_->List(entries); }
    Status Rename(const std::string& from, const std::string& to) override { return pages_->inner_->Rename(from, to); }
    Status Unlink(const std::string& name) override { return pages_->inner_->Unlink(name); }
    Status Sync() override { return pages_->inner_->Sync(); }
    Status Subdirectory(const std::string& name, bool create, std::unique_ptr<Directory>* directory) override {
      return pages_->inner_->Subdirectory(name, create, directory);
    }
    Status Identity(DirectoryIdentity* identity) override { return pages_->inner_->Identity(identity); }
    Status Lock(const std::string& name, std::unique_ptr<DirectoryLock>* lock) override {
      return pages_->inner_->Lock(name, lock);
    }
    Status IsLocked(const std::string& name, bool* locked) override { return pages_->inner_->IsLocked(name, locked); }

   private:
    BadPages* const pages_;
  };

  const size_t from_;
  const size_t end_;
  std::unique_ptr<Directory> inner_;
  Opening directory_{this};
};

// Reads all of `source` in steps of `step`.
std::vector<uint8_t> ReadWhole(SegmentSource* source, uint64_t from, size_t step) {
  std::vector<uint8_t> all;
  for (uint64_t at = from; at < source->size();) {
    Bytes window;
    EXPECT_OK(source->Window(at, step, &window));
    if (window.size == 0) break;
    all.insert(all.end(), window.data, window.data + window.size);
    at += window.size;
  }
  return all;
}

TEST(SegmentSource, SuppliesEveryByte) {
  MemoryWorld world;
  const std::vector<uint8_t> bytes = Pattern((size_t{3} << 20) + 123);
  world.Put(kFile, bytes);
  BadPages none(&world, 0, 0);
  std::unique_ptr<SegmentSource> source;
  ASSERT_OK(SegmentSource::Open(none.directory(), kFile, &source));
  EXPECT_EQ(source->size(), bytes.size());
  const std::vector<uint8_t> read = ReadWhole(source.get(), kSegmentDataAt, 8);
  EXPECT_TRUE(std::vector<uint8_t>(bytes.begin() + static_cast<std::ptrdiff_t>(kSegmentDataAt), bytes.end()) == read);
  EXPECT_TRUE(source->unreadable().empty());
}

TEST(SegmentSource, ReadsNoMoreThanTheHeaderWhenTheHeaderIsAskedFor) {
  MemoryWorld world;
  world.Put(kFile, Pattern(size_t{1} << 20));
  BadPages none(&world, 0, 0);
  std::unique_ptr<SegmentSource> source;
  ASSERT_OK(SegmentSource::Open(none.directory(), kFile, &source));
  Bytes window;
  ASSERT_OK(source->Window(0, kSegmentDataAt, &window));
  EXPECT_EQ(window.size, kSegmentDataAt);
}

TEST(SegmentSource, AWindowAtOrBehindTheEndIsEmpty) {
  MemoryWorld world;
  world.Put(kFile, Pattern(10000));
  BadPages none(&world, 0, 0);
  std::unique_ptr<SegmentSource> source;
  ASSERT_OK(SegmentSource::Open(none.directory(), kFile, &source));
  for (const uint64_t offset : {uint64_t{10000}, uint64_t{10001}, UINT64_MAX}) {
    Bytes window(&world, 1);
    ASSERT_OK(source->Window(offset, 8, &window));
    EXPECT_EQ(window.size, 0u);
  }
}

TEST(SegmentSource, AnUnreadablePageIsZerosAndRememberedAndItsNeighboursAreRead) {
  MemoryWorld world;
  const std::vector<uint8_t> bytes = Pattern(64 * kPage);
  world.Put(kFile, bytes);
  BadPages pages(&world, 10, 12);
  std::unique_ptr<SegmentSource> source;
  ASSERT_OK(SegmentSource::Open(pages.directory(), kFile, &source));
  std::vector<uint8_t> expected(bytes.begin() + static_cast<std::ptrdiff_t>(kSegmentDataAt), bytes.end());
  std::fill(expected.begin() + (10 * kPage - kSegmentDataAt), expected.begin() + (12 * kPage - kSegmentDataAt),
            uint8_t{0});
  EXPECT_TRUE(expected == ReadWhole(source.get(), kSegmentDataAt, 100));
  ASSERT_EQ(source->unreadable().size(), 1u);
  EXPECT_EQ(source->unreadable()[0].first, 10 * kPage);
  EXPECT_EQ(source->unreadable()[0].second, 12 * kPage);
  EXPECT_TRUE(source->TouchesUnreadable(12 * kPage - 1, 12 * kPage));
  EXPECT_FALSE(source->TouchesUnreadable(12 * kPage, 13 * kPage));
  EXPECT_FALSE(source->TouchesUnreadable(0, 10 * kPage));
}

TEST(SegmentSource, ADeviceThatReadsNothingIsAllZerosAndOneRange) {
  MemoryWorld world;
  world.Put(kFile, Pattern(64 * kPage));
  BadPages pages(&world, 0, 64);
  std::unique_ptr<SegmentSource> source;
  ASSERT_OK(SegmentSource::Open(pages.directory(), kFile, &source));
  EXPECT_TRUE(std::vector<uint8_t>(62 * kPage) == ReadWhole(source.get(), kSegmentDataAt, kPage));
  EXPECT_EQ(source->unreadable().size(), 1u);
}

TEST(SegmentSource, AFileThatIsCutMeanwhileEndsThere) {
  MemoryWorld world;
  world.Put(kFile, Pattern(64 * kPage));
  BadPages none(&world, 0, 0);
  std::unique_ptr<SegmentSource> source;
  ASSERT_OK(SegmentSource::Open(none.directory(), kFile, &source));
  world.names()[kFile]->current.Resize(20 * kPage);
  Bytes window;
  ASSERT_OK(source->Window(10 * kPage, 30 * kPage, &window));
  EXPECT_EQ(window.size, 10 * kPage);
  EXPECT_EQ(source->size(), 20 * kPage);
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
