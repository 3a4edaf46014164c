#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "platform/file_posix.h"
#include "platform/file_system.h"
#include "platform/never_destroyed.h"
#include "platform/posix_error.h"

namespace ingest_wal {
namespace {

constexpr mode_t kFileMode = 0600;
constexpr mode_t kDirectoryMode = 0700;
// A look at the lock by a tool (IsLocked) holds it for an instant; a writer tries again before it gives up.
constexpr int kLockTries = 20;
constexpr useconds_t kLockPauseUs = 5000;

int OpenAt(int directory, const std::string& name, int flags, mode_t mode) {
  int descriptor = -1;
  do {
    // O_NONBLOCK: opening a FIFO must not wait for its other end. It means nothing for regular files.
    descriptor = openat(directory, name.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, mode);
  } while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

class PosixLock : public DirectoryLock {
 public:
  explicit PosixLock(int descriptor) : descriptor_(descriptor) {}
  ~PosixLock() override { close(descriptor_); }

 private:
  const int descriptor_;
};

class PosixDirectory : public Directory {
 public:
  PosixDirectory(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  ~PosixDirectory() override { close(descriptor_); }

  Status Open(const std::string& name, OpenMode mode, std::unique_ptr<File>* file) override {
    const int flags = mode == OpenMode::kRead ? O_RDONLY
                      : mode == OpenMode::kReadWrite ? O_RDWR
                                                     : O_RDWR | O_CREAT | O_EXCL;
    const int descriptor = OpenAt(descriptor_, name, flags, kFileMode);
    if (descriptor < 0) return OpenError(name, errno);
    struct stat info;
    if (fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
      close(descriptor);
      return Status(ErrorCode::kInvalidArgument, path_ + "/" + name + " is not a regular file");
    }
    *file = MakePosixFile(descriptor, path_ + "/" + name);
    return Status();
  }

  Status List(std::vector<DirectoryEntry>* entries) override {
    // A descriptor of its own: reading moves a position that copies of a descriptor share.
    const int own = openat(descriptor_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (own < 0) return ErrnoStatus("list", path_, errno);
    DIR* stream = fdopendir(own);
    if (stream == nullptr) {
      const int error = errno;
      close(own);
      return ErrnoStatus("list", path_, error);
    }
    entries->clear();
    errno = 0;
    while (const struct dirent* entry = readdir(stream)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") entries->push_back(DirectoryEntry{name, KindOf(*entry)});
      errno = 0;
    }
    const int error = errno;
    closedir(stream);
    return error == 0 ? Status() : ErrnoStatus("list", path_, error);
  }

  Status Rename(const std::string& from, const std::string& to) override {
    if (renameat(descriptor_, from.c_str(), descriptor_, to.c_str()) == 0) return Status();
    return ErrnoStatus("rename", path_ + "/" + from, errno);
  }

  Status Unlink(const std::string& name) override {
    if (unlinkat(descriptor_, name.c_str(), 0) == 0) return Status();
    return ErrnoStatus("unlink", path_ + "/" + name, errno);
  }

  Status Sync() override {
    return fsync(descriptor_) == 0 ? Status() : ErrnoStatus("fsync directory", path_, errno);
  }

  Status Subdirectory(const std::string& name, bool create, std::unique_ptr<Directory>* directory) override {
    int descriptor = OpenAt(descriptor_, name, O_RDONLY | O_DIRECTORY, 0);
    if (descriptor < 0 && errno == ENOENT && create) {
      if (mkdirat(descriptor_, name.c_str(), kDirectoryMode) != 0 && errno != EEXIST) {
        return ErrnoStatus("create directory", path_ + "/" + name, errno);
      }
      INGEST_WAL_RETURN_IF_ERROR(Sync());
      descriptor = OpenAt(descriptor_, name, O_RDONLY | O_DIRECTORY, 0);
    }
    if (descriptor < 0) return ErrnoStatus("open directory", path_ + "/" + name, errno);
    *directory = std::make_unique<PosixDirectory>(descriptor, path_ + "/" + name);
    return Status();
  }

  Status Identity(DirectoryIdentity* identity) override {
    struct stat info;
    if (fstat(descriptor_, &info) != 0) return ErrnoStatus("stat", path_, errno);
    identity->device = static_cast<uint64_t>(info.st_dev);
    identity->inode = static_cast<uint64_t>(info.st_ino);
    return Status();
  }

  Status Lock(const std::string& name, std::unique_ptr<DirectoryLock>* lock) override {
    for (int tries = 0;; tries++) {
      const int descriptor = OpenAt(descriptor_, name, O_RDWR | O_CREAT, kFileMode);
      if (descriptor < 0) return OpenError(name, errno);
      struct stat held;
      if (fstat(descriptor, &held) != 0 || !S_ISREG(held.st_mode)) {
        close(descriptor);
        return Status(ErrorCode::kInvalidArgument, path_ + "/" + name + " is not a regular file");
      }
      if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        const int error = errno;
        close(descriptor);
        if (error != EWOULDBLOCK && error != EINTR) return ErrnoStatus("lock", path_ + "/" + name, error);
        if (tries >= kLockTries) return Status(ErrorCode::kLocked, path_ + " is open in another writer", error);
        usleep(kLockPauseUs);
        continue;
      }
      // Somebody may have replaced the file between open and lock: then this lock excludes nobody.
      struct stat named;
      if (fstatat(descriptor_, name.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 && named.st_ino == held.st_ino &&
          named.st_dev == held.st_dev) {
        *lock = std::make_unique<PosixLock>(descriptor);
        return Status();
      }
      close(descriptor);
      if (tries >= kLockTries) return Status(ErrorCode::kIo, path_ + "/" + name + " keeps being replaced");
    }
  }

  Status IsLocked(const std::string& name, bool* locked) override {
    *locked = false;
    const int descriptor = OpenAt(descriptor_, name, O_RDONLY, 0);
    if (descriptor < 0) {
      const int error = errno;
      const Status opened = OpenError(name, error);
      // Nobody holds what is not there, or is no file.
      const bool is_no_lock = error == ENOENT || error == EACCES || opened.code() == ErrorCode::kInvalidArgument;
      return is_no_lock ? Status() : opened;
    }
    *locked = flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(descriptor);
    return Status();
  }

 private:
  Status OpenError(const std::string& name, int error) const {
    if (error == ELOOP) {
      return Status(ErrorCode::kInvalidArgument, path_ + "/" + name + " is a symbolic link, which is not followed", error);
    }
    // Of a device the system says many things: that there is no driver, or that devices are not to be opened here.
    struct stat info;
    const bool is_there = fstatat(descriptor_, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
    if (error == ENXIO || error == EISDIR || (is_there && error != EEXIST && !S_ISREG(info.st_mode))) {
      return Status(ErrorCode::kInvalidArgument, path_ + "/" + name + " is not a regular file", error);
    }
    return ErrnoStatus("open", path_ + "/" + name, error);
  }

  EntryKind KindOf(const struct dirent& entry) const {
    if (entry.d_type == DT_REG) return EntryKind::kFile;
    if (entry.d_type == DT_DIR) return EntryKind::kDirectory;
    if (entry.d_type != DT_UNKNOWN) return EntryKind::kOther;
    struct stat info;
    if (fstatat(descriptor_, entry.d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) return EntryKind::kOther;
    return S_ISREG(info.st_mode) ? EntryKind::kFile : S_ISDIR(info.st_mode) ? EntryKind::kDirectory : EntryKind::kOther;
  }

  const int descriptor_;
  const std::string path_;
};

std::string ParentOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status SyncDirectoryAt(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return ErrnoStatus("open directory", path, errno);
  const int result = fsync(descriptor);
  const int error = errno;
  close(descriptor);
  return result == 0 ? Status() : ErrnoStatus("fsync directory", path, error);
}

// Like mkdir -p; each name that is made is durable before the next.
Status MakeDirectories(const std::string& path) {
  if (mkdir(path.c_str(), kDirectoryMode) == 0) return SyncDirectoryAt(ParentOf(path));
  if (errno == EEXIST) return Status();
  if (errno != ENOENT) return ErrnoStatus("create directory", path, errno);
  const std::string parent = ParentOf(path);
  if (parent == path || parent == ".") return ErrnoStatus("create directory", path, ENOENT);
  INGEST_WAL_RETURN_IF_ERROR(MakeDirectories(parent));
  if (mkdir(path.c_str(), kDirectoryMode) != 0 && errno != EEXIST) return ErrnoStatus("create directory", path, errno);
  return SyncDirectoryAt(parent);
}

class PosixFileSystem : public FileSystem {
 public:
  Status OpenDirectory(const std::string& given, bool create, std::unique_ptr<Directory>* directory) override {
    std::string path = given;
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    if (create) INGEST_WAL_RETURN_IF_ERROR(MakeDirectories(path));
    const int descriptor = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return ErrnoStatus("open directory", path, errno);
    *directory = std::make_unique<PosixDirectory>(descriptor, path);
    return Status();
  }
};

}  // namespace

FileSystem* SystemFileSystem() {
  return NeverDestroyed<PosixFileSystem>();
}

}  // namespace ingest_wal
