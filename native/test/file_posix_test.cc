// Proves on real files what the core takes for granted: that names never leave the directory, that a link, a FIFO or a
// directory in a file's place is refused and nothing hangs, that transfers are whole, that files are private, and that
// the lock excludes a second writer. The same for shared memory.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#if defined(__linux__)
#include <sys/vfs.h>
#endif
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "environment.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

// A directory of its own, removed with what a test puts into it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    const char* base = std::getenv("TMPDIR");
    path_ = std::string(base != nullptr ? base : "/tmp") + "/ingest-wal-test-XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) Fail(__FILE__, __LINE__, "mkdtemp failed");
  }
  ~TemporaryDirectory() { Remove(path_); }

  const std::string& path() const { return path_; }
  std::string At(const std::string& name) const { return path_ + "/" + name; }

  std::unique_ptr<Directory> Open() const {
    std::unique_ptr<Directory> directory;
    EXPECT_OK(SystemFileSystem()->OpenDirectory(path_, false, &directory));
    return directory;
  }

 private:
  static void Remove(const std::string& path) {
    std::unique_ptr<Directory> directory;
    if (!SystemFileSystem()->OpenDirectory(path, false, &directory).ok()) return;
    std::vector<DirectoryEntry> entries;
    EXPECT_OK(directory->List(&entries));
    for (const DirectoryEntry& entry : entries) {
      if (entry.kind == EntryKind::kDirectory) Remove(path + "/" + entry.name);
      else EXPECT_OK(directory->Unlink(entry.name));
    }
    EXPECT_EQ(rmdir(path.c_str()), 0);
  }

  std::string path_;
};

std::unique_ptr<File> Create(Directory* directory, const std::string& name) {
  std::unique_ptr<File> file;
  EXPECT_OK(directory->Open(name, OpenMode::kCreateNew, &file));
  return file;
}

unsigned ModeOf(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

// Whatever the mask of the process says.
class OpenMask {
 public:
  OpenMask() : before_(umask(0)) {}
  ~OpenMask() { umask(before_); }

 private:
  const mode_t before_;
};

TEST(PosixDirectory, FilesArePrivateAndSoAreDirectories) {
  const OpenMask mask;
  const TemporaryDirectory temporary;
  const std::string made = temporary.At("a/b/c");
  std::unique_ptr<Directory> directory;
  ASSERT_OK(SystemFileSystem()->OpenDirectory(made, true, &directory));
  Create(directory.get(), "file");
  std::unique_ptr<Directory> below;
  ASSERT_OK(directory->Subdirectory("quarantine", true, &below));
  std::unique_ptr<DirectoryLock> lock;
  ASSERT_OK(directory->Lock("LOCK", &lock));
  EXPECT_EQ(ModeOf(temporary.At("a")), 0700u);
  EXPECT_EQ(ModeOf(made), 0700u);
  EXPECT_EQ(ModeOf(made + "/quarantine"), 0700u);
  EXPECT_EQ(ModeOf(made + "/file"), 0600u);
  EXPECT_EQ(ModeOf(made + "/LOCK"), 0600u);
}

TEST(PosixDirectory, IsMadeWithItsParentsOnlyWhenAskedTo) {
  const TemporaryDirectory temporary;
  std::unique_ptr<Directory> directory;
  EXPECT_EQ(SystemFileSystem()->OpenDirectory(temporary.At("x"), false, &directory).code(), ErrorCode::kNotFound);
  EXPECT_OK(SystemFileSystem()->OpenDirectory(temporary.At("x/y/"), true, &directory));
  EXPECT_OK(SystemFileSystem()->OpenDirectory(temporary.At("x/y"), true, &directory));
  Create(directory.get(), "file");
  const Status status = SystemFileSystem()->OpenDirectory(temporary.At("x/y/file"), false, &directory);
  EXPECT_EQ(status.system_errno(), ENOTDIR);
}

TEST(PosixDirectory, ALinkIsNotFollowed) {
  const TemporaryDirectory temporary;
  const std::unique_ptr<Directory> directory = temporary.Open();
  Create(directory.get(), "target");
  ASSERT_EQ(symlink("target", temporary.At("link").c_str()), 0);
  ASSERT_EQ(symlink("nowhere", temporary.At("dangling").c_str()), 0);
  for (const OpenMode mode : {OpenMode::kRead, OpenMode::kReadWrite, OpenMode::kCreateNew}) {
    std::unique_ptr<File> file;
    EXPECT_EQ(directory->Open("link", mode, &file).code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(directory->Open("dangling", mode, &file).code(), ErrorCode::kInvalidArgument);
  }
  std::unique_ptr<DirectoryLock> lock;
  EXPECT_EQ(directory->Lock("link", &lock).code(), ErrorCode::kInvalidArgument);
}

TEST(PosixDirectory, AFifoOrADirectoryInAFilesPlaceIsRefusedAndNothingHangs) {
  const TemporaryDirectory temporary;
  const std::unique_ptr<Directory> directory = temporary.Open();
  ASSERT_EQ(mkfifo(temporary.At("fifo").c_str(), 0600), 0);
  ASSERT_EQ(mkdir(temporary.At("directory").c_str(), 0700), 0);
  for (const char* name : {"fifo", "directory"}) {
    for (const OpenMode mode : {OpenMode::kRead, OpenMode::kReadWrite}) {
      std::unique_ptr<File> file;
      EXPECT_EQ(directory->Open(name, mode, &file).code(), ErrorCode::kInvalidArgument);
    }
    std::unique_ptr<DirectoryLock> lock;
    EXPECT_EQ(directory->Lock(name, &lock).code(), ErrorCode::kInvalidArgument);
  }
}

TEST(PosixDirectory, ListSaysWhatIsAFile) {
  const TemporaryDirectory temporary;
  const std::unique_ptr<Directory> directory = temporary.Open();
  Create(directory.get(), "a-file");
  ASSERT_EQ(mkdir(temporary.At("b-directory").c_str(), 0700), 0);
  ASSERT_EQ(mkfifo(temporary.At("c-fifo").c_str(), 0600), 0);
  for (int times = 0; times < 2; times++) {
    std::vector<DirectoryEntry> entries;
    ASSERT_OK(directory->List(&entries));
    std::sort(entries.begin(), entries.end(),
              [](const DirectoryEntry& a, const DirectoryEntry& b) { return a.name < b.name; });
    ASSERT_EQ(entries.size(), 3u);
    EXPECT_EQ(entries[0].kind, EntryKind::kFile);
    EXPECT_EQ(entries[1].kind, EntryKind::kDirectory);
    EXPECT_EQ(entries[2].kind, EntryKind::kOther);
  }
}

TEST(PosixDirectory, StaysTheSameDirectoryWhenItsNameIsGivenToAnother) {
  const TemporaryDirectory temporary;
  ASSERT_EQ(mkdir(temporary.At("wal").c_str(), 0700), 0);
  std::unique_ptr<Directory> directory;
  ASSERT_OK(SystemFileSystem()->OpenDirectory(temporary.At("wal"), false, &directory));
  DirectoryIdentity before;
  ASSERT_OK(directory->Identity(&before));
  ASSERT_EQ(rename(temporary.At("wal").c_str(), temporary.At("moved").c_str()), 0);
  ASSERT_EQ(mkdir(temporary.At("wal").c_str(), 0700), 0);
  Create(directory.get(), "file");
  EXPECT_EQ(access(temporary.At("moved/file").c_str(), F_OK), 0);
  DirectoryIdentity after;
  ASSERT_OK(directory->Identity(&after));
  EXPECT_TRUE(before == after);
}

TEST(PosixDirectory, NamesAreRenamedReplacedAndRemoved) {
  const TemporaryDirectory temporary;
  const std::unique_ptr<Directory> directory = temporary.Open();
  Create(directory.get(), "one");
  Create(directory.get(), "two");
  std::unique_ptr<File> file;
  EXPECT_EQ(directory->Open("one", OpenMode::kCreateNew, &file).system_errno(), EEXIST);
  ASSERT_OK(directory->Rename("one", "two"));
  EXPECT_EQ(directory->Open("one", OpenMode::kRead, &file).code(), ErrorCode::kNotFound);
  ASSERT_OK(directory->Unlink("two"));
  EXPECT_EQ(directory->Unlink("two").code(), ErrorCode::kNotFound);
  EXPECT_OK(directory->Sync());
}

#if defined(__linux__)
// Pages of a file that are in memory.
size_t ResidentPages(const std::string& path, size_t bytes) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  void* const at = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, descriptor, 0);
  std::vector<unsigned char> pages((bytes + 4095) / 4096);
  EXPECT_EQ(mincore(at, bytes, pages.data()), 0);
  munmap(at, bytes);
  close(descriptor);
  return static_cast<size_t>(std::count_if(pages.begin(), pages.end(), [](unsigned char page) { return (page & 1) != 0; }));
}

bool IsKeptInMemoryOnly(const std::string& path) {
  struct statfs info;
  constexpr long kTmpfs = 0x01021994;
  return statfs(path.c_str(), &info) == 0 && static_cast<long>(info.f_type) == kTmpfs;
}

TEST(PosixFile, IsReadFromTheDeviceBehindADroppedCache) {
  const TemporaryDirectory temporary;
  const std::unique_ptr<Directory> directory = temporary.Open();
  const std::unique_ptr<File> file = Create(directory.get(), "file");
  const std::vector<uint8_t> bytes(1 << 20, 0x5a);
  const Bytes part(bytes.data(), bytes.size());
  ASSERT_OK(file->WriteAt(0, &part, 1));
  ASSERT_OK(file->Sync());
  EXPECT_NE(ResidentPages(temporary.At("file"), bytes.size()), 0u);
  file->DropCache();
  if (!IsKeptInMemoryOnly(temporary.path())) EXPECT_EQ(ResidentPages(temporary.At("file"), bytes.size()), 0u);
  std::vector<uint8_t> read(bytes.size());
  size_t got = 0;
  ASSERT_OK(file->ReadAt(0, read.data(), read.size(), &got));
  EXPECT_TRUE(got == bytes.size() && read == bytes);
}
#endif

TEST(PosixFile, WritesAllPartsAndReadsThemUpToTheEnd) {
  const TemporaryDirectory temporary;
  const std::unique_ptr<Directory> directory = temporary.Open();
  const std::unique_ptr<File> file = Create(directory.get(), "file");
  // More parts than one call takes, empty ones among them.
  std::vector<std::string> texts;
  std::string whole;
  for (int i = 0; i < 200; i++) {
    texts.push_back(i % 7 == 0 ? "" : std::string(static_cast<size_t>(i), static_cast<char>('a' + i % 26)));
    whole += texts.back();
  }
  std::vector<Bytes> parts;
  for (const std::string& text : texts) parts.emplace_back(text.data(), text.size());
  ASSERT_OK(file->WriteAt(1000, parts.data(), parts.size()));
  ASSERT_OK(file->Sync());
  uint64_t size = 0;
  ASSERT_OK(file->Size(&size));
  EXPECT_EQ(size, 1000 + whole.size());
  std::string read(whole.size() + 50, '?');
  size_t got = 0;
  ASSERT_OK(file->ReadAt(1000, reinterpret_cast<uint8_t*>(read.data()), read.size(), &got));
  EXPECT_EQ(got, whole.size());
  EXPECT_TRUE(read.substr(0, got) == whole);
  ASSERT_OK(file->ReadAt(size, reinterpret_cast<uint8_t*>(read.data()), 10, &got));
  EXPECT_EQ(got, 0u);
  ASSERT_OK(file->ReadAt(size + 100, reinterpret_cast<uint8_t*>(read.data()), 10, &got));
  EXPECT_EQ(got, 0u);
}

TEST(PosixFile, ReservedSpaceReadsAsZerosAndIsGivenBack) {
  const TemporaryDirectory temporary;
  const std::unique_ptr<Directory> directory = temporary.Open();
  const std::unique_ptr<File> file = Create(directory.get(), "file");
  bool reserved = false;
  ASSERT_OK(file->Allocate(100'000, &reserved));
  uint64_t size = 0;
  ASSERT_OK(file->Size(&size));
  EXPECT_EQ(size, 100'000u);
  std::vector<uint8_t> read(100'000, uint8_t{1});
  size_t got = 0;
  ASSERT_OK(file->ReadAt(0, read.data(), read.size(), &got));
  EXPECT_TRUE(read == std::vector<uint8_t>(100'000));
  struct stat info;
  ASSERT_EQ(stat(temporary.At("file").c_str(), &info), 0);
  EXPECT_TRUE(!reserved || info.st_blocks * 512 >= 100'000);
  ASSERT_OK(file->Truncate(10));
  ASSERT_OK(file->Size(&size));
  EXPECT_EQ(size, 10u);
}

TEST(PosixFile, AFileOpenForReadingCannotBeWritten) {
  const TemporaryDirectory temporary;
  const std::unique_ptr<Directory> directory = temporary.Open();
  Create(directory.get(), "file");
  std::unique_ptr<File> file;
  ASSERT_OK(directory->Open("file", OpenMode::kRead, &file));
  const Bytes part("x", 1);
  const Status status = file->WriteAt(0, &part, 1);
  EXPECT_EQ(status.system_errno(), EBADF);
  EXPECT_TRUE(status.message().find("file") != std::string::npos);
}

TEST(PosixFile, ManyHoldItsLockSharedOrOneAlone) {
  TemporaryDirectory temporary;
  const std::unique_ptr<Directory> directory = temporary.Open();
  const std::unique_ptr<File> writer = Create(directory.get(), "file");
  const auto reader = [&] {
    std::unique_ptr<File> file;
    EXPECT_OK(directory->Open("file", OpenMode::kRead, &file));
    return file;
  };
  const auto takes = [](const std::unique_ptr<File>& file, bool exclusive) {
    bool locked = false;
    EXPECT_OK(file->TryLock(exclusive, &locked));
    return locked;
  };
  std::unique_ptr<File> first = reader();
  const std::unique_ptr<File> second = reader();
  EXPECT_TRUE(takes(first, false));
  EXPECT_TRUE(takes(second, false));
  EXPECT_FALSE(takes(writer, true));
  first.reset();
  EXPECT_FALSE(takes(writer, true));
  second->Unlock();
  EXPECT_TRUE(takes(writer, true));
  EXPECT_FALSE(takes(second, false));
  writer->Unlock();
  EXPECT_TRUE(takes(second, false));
}

TEST(PosixLock, ExcludesASecondHolderUntilItIsGivenUp) {
  const TemporaryDirectory temporary;
  const std::unique_ptr<Directory> first = temporary.Open();
  const std::unique_ptr<Directory> second = temporary.Open();
  bool locked = true;
  ASSERT_OK(first->IsLocked("LOCK", &locked));
  EXPECT_FALSE(locked);
  EXPECT_NE(access(temporary.At("LOCK").c_str(), F_OK), 0);  // to look creates nothing
  std::unique_ptr<DirectoryLock> lock;
  ASSERT_OK(first->Lock("LOCK", &lock));
  std::unique_ptr<DirectoryLock> other;
  EXPECT_EQ(second->Lock("LOCK", &other).code(), ErrorCode::kLocked);
  EXPECT_EQ(first->Lock("LOCK", &other).code(), ErrorCode::kLocked);
  ASSERT_OK(second->IsLocked("LOCK", &locked));
  EXPECT_TRUE(locked);
  lock.reset();
  ASSERT_OK(second->IsLocked("LOCK", &locked));
  EXPECT_FALSE(locked);
  EXPECT_OK(second->Lock("LOCK", &other));
}

TEST(PosixLock, OnAFileThatWasReplacedIsTakenOnTheNewOne) {
  const TemporaryDirectory temporary;
  const std::unique_ptr<Directory> directory = temporary.Open();
  std::unique_ptr<DirectoryLock> lock;
  ASSERT_OK(directory->Lock("LOCK", &lock));
  ASSERT_OK(directory->Unlink("LOCK"));
  std::unique_ptr<DirectoryLock> other;
  ASSERT_OK(directory->Lock("LOCK", &other));
  bool locked = false;
  ASSERT_OK(directory->IsLocked("LOCK", &locked));
  EXPECT_TRUE(locked);
}

// --- Shared memory

class Name {
 public:
  explicit Name(const char* what) : text_("/ingest-wal-test-" + std::to_string(getpid()) + what) {}
  ~Name() { shm_unlink(text_.c_str()); }
  const std::string& text() const { return text_; }

 private:
  const std::string text_;
};

TEST(PosixSharedMemory, OutlivesWhoMadeItUntilItIsRemoved) {
  const Name name("a");
  SharedMemory* memory = SystemSharedMemory();
  std::unique_ptr<SharedRegion> region;
  ASSERT_OK(memory->Create(name.text(), 10'000, &region));
  EXPECT_EQ(region->size(), 10'000u);
  for (size_t i = 0; i < 10'000; i++) ASSERT_EQ(region->data()[i], 0);
  region->data()[9'999] = 42;
  region.reset();
  EXPECT_EQ(memory->Create(name.text(), 10'000, &region).code(), ErrorCode::kInvalidArgument);
  ASSERT_OK(memory->Open(name.text(), false, &region));
  EXPECT_EQ(region->data()[9'999], 42);
  ASSERT_OK(memory->Unlink(name.text()));
  EXPECT_EQ(region->data()[9'999], 42);
  EXPECT_EQ(memory->Open(name.text(), false, &region).code(), ErrorCode::kNotFound);
  EXPECT_EQ(memory->Unlink(name.text()).code(), ErrorCode::kNotFound);
}

TEST(PosixSharedMemory, IsPrivateAndWhatOthersCouldHaveWrittenIsNotTrusted) {
  const OpenMask mask;
  const Name name("b");
  SharedMemory* memory = SystemSharedMemory();
  std::unique_ptr<SharedRegion> region;
  ASSERT_OK(memory->Create(name.text(), 4096, &region));
  const int descriptor = shm_open(name.text().c_str(), O_RDWR, 0);
  struct stat info;
  ASSERT_EQ(fstat(descriptor, &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(fchmod(descriptor, 0660), 0);
  close(descriptor);
  EXPECT_EQ(memory->Open(name.text(), false, &region).code(), ErrorCode::kPermission);
}

TEST(PosixSharedMemory, ARegionWhoseMakingWasCutIsToldFromOneOfOthers) {
  const Name name("c");
  const int descriptor = shm_open(name.text().c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
  ASSERT_TRUE(descriptor >= 0);
  close(descriptor);
  std::unique_ptr<SharedRegion> region;
  EXPECT_EQ(SystemSharedMemory()->Open(name.text(), false, &region).code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
