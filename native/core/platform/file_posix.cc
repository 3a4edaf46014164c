#include "platform/file_posix.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <vector>

#include "platform/posix_error.h"

namespace ingest_wal {
namespace {

constexpr size_t kMaxParts = 64;
static_assert(kMaxParts <= 1024, "IOV_MAX of Linux and macOS");

off_t Offset(uint64_t offset) { return static_cast<off_t>(offset); }

class PosixFile : public File {
 public:
  PosixFile(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {}
  ~PosixFile() override { close(descriptor_); }

  Status ReadAt(uint64_t offset, uint8_t* to, size_t count, size_t* got) override {
    *got = 0;
    while (*got < count) {
      const ssize_t result = pread(descriptor_, to + *got, count - *got, Offset(offset + *got));
      if (result < 0 && errno == EINTR) continue;
      if (result < 0) return ErrnoStatus("read", name_, errno);
      if (result == 0) break;
      *got += static_cast<size_t>(result);
    }
    return Status();
  }

#if defined(SEEK_DATA)
  uint64_t NextData(uint64_t offset, uint64_t size) override {
    const off_t next = lseek(descriptor_, Offset(offset), SEEK_DATA);
    if (next >= 0) return std::min(size, static_cast<uint64_t>(next));
    return errno == ENXIO ? size : offset;
  }

  uint64_t NextHole(uint64_t offset, uint64_t size) override {
    const off_t next = lseek(descriptor_, Offset(offset), SEEK_HOLE);
    return next >= 0 ? std::min(size, static_cast<uint64_t>(next)) : size;
  }
#endif

#if defined(POSIX_FADV_RANDOM)
  void ReadNothingAhead() override { posix_fadvise(descriptor_, 0, 0, POSIX_FADV_RANDOM); }
#elif defined(F_RDAHEAD)
  void ReadNothingAhead() override { fcntl(descriptor_, F_RDAHEAD, 0); }
#endif

  Status WriteAt(uint64_t offset, const Bytes* parts, size_t count) override {
    struct iovec vectors[kMaxParts];
    size_t part = 0;
    size_t part_done = 0;  // bytes of parts[part] that are written
    while (part < count) {
      int used = 0;
      for (size_t i = part; i < count && used < static_cast<int>(kMaxParts); i++, used++) {
        const size_t skip = i == part ? part_done : 0;
        vectors[used].iov_base = const_cast<uint8_t*>(parts[i].data) + skip;
        vectors[used].iov_len = parts[i].size - skip;
      }
      const ssize_t result = used == 1 ? pwrite(descriptor_, vectors[0].iov_base, vectors[0].iov_len, Offset(offset))
                                       : pwritev(descriptor_, vectors, used, Offset(offset));
      if (result < 0 && errno == EINTR) continue;
      if (result < 0) return ErrnoStatus("write", name_, errno);
      offset += static_cast<uint64_t>(result);
      size_t left = static_cast<size_t>(result);
      while (part < count && left >= parts[part].size - part_done) {
        left -= parts[part].size - part_done;
        part++;
        part_done = 0;
      }
      part_done += left;
      if (result == 0 && part < count) return ErrnoStatus("write", name_, ENOSPC);
    }
    return Status();
  }

#if defined(__linux__)
  // What goes wrong here is told by the sync.
  void StartWriteback(uint64_t offset, uint64_t count) override {
    sync_file_range(descriptor_, Offset(offset), Offset(count), SYNC_FILE_RANGE_WRITE);
  }
#endif

#if defined(POSIX_FADV_DONTNEED)
  // Clean pages alone go, which is what they are behind a sync. macOS has no such call.
  void DropCache() override { posix_fadvise(descriptor_, 0, 0, POSIX_FADV_DONTNEED); }
#endif

  Status Sync() override {
#if defined(__APPLE__)
    // fsync alone leaves the data in the drive's cache there.
    if (fcntl(descriptor_, F_FULLFSYNC) == 0) return Status();
    return fsync(descriptor_) == 0 ? Status() : ErrnoStatus("fsync", name_, errno);
#else
    // Not repeated after any error, EINTR included: what the first call lost, a second would call durable.
    return fdatasync(descriptor_) == 0 ? Status() : ErrnoStatus("fdatasync", name_, errno);
#endif
  }

  Status Allocate(uint64_t size, bool* reserved) override {
    *reserved = true;
    int error = Reserve(size);
    if (error == EOPNOTSUPP || error == ENOSYS || error == EINVAL) {
      *reserved = false;
      error = ftruncate(descriptor_, Offset(size)) == 0 ? 0 : errno;
    }
    return error == 0 ? Status() : ErrnoStatus("allocate", name_, error);
  }

  Status Truncate(uint64_t size) override {
    int result = 0;
    do {
      result = ftruncate(descriptor_, Offset(size));
    } while (result != 0 && errno == EINTR);
    return result == 0 ? Status() : ErrnoStatus("truncate", name_, errno);
  }

  Status Size(uint64_t* size) override {
    struct stat info;
    if (fstat(descriptor_, &info) != 0) return ErrnoStatus("stat", name_, errno);
    *size = static_cast<uint64_t>(info.st_size);
    return Status();
  }

  Status TryLock(bool exclusive, bool* locked) override {
    int result = 0;
    do {
      result = flock(descriptor_, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    *locked = result == 0;
    return *locked || errno == EWOULDBLOCK ? Status() : ErrnoStatus("lock", name_, errno);
  }

  void Unlock() override {
    // Fails only where there was no lock.
    const int result = flock(descriptor_, LOCK_UN);
    (void)result;
  }

 private:
  // 0 or an errno.
  int Reserve(uint64_t size) {
#if defined(__APPLE__)
    fstore_t store{F_ALLOCATECONTIG | F_ALLOCATEALL, F_PEOFPOSMODE, 0, Offset(size), 0};
    if (fcntl(descriptor_, F_PREALLOCATE, &store) != 0) {
      store.fst_flags = F_ALLOCATEALL;
      if (fcntl(descriptor_, F_PREALLOCATE, &store) != 0) return errno;
    }
    return ftruncate(descriptor_, Offset(size)) == 0 ? 0 : errno;
#else
    int result = 0;
    do {
      result = fallocate(descriptor_, 0, 0, Offset(size));
    } while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : errno;
#endif
  }

  const int descriptor_;
  const std::string name_;
};

}  // namespace

std::unique_ptr<File> MakePosixFile(int descriptor, std::string name) {
  return std::make_unique<PosixFile>(descriptor, std::move(name));
}

}  // namespace ingest_wal
