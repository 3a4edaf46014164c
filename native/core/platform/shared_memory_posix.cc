#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "platform/never_destroyed.h"
#include "platform/posix_error.h"
#include "platform/shared_memory.h"

namespace ingest_wal {
namespace {

#if defined(__linux__)
// MADV_POPULATE_WRITE, which older headers lack.
constexpr int kPopulateWrite = 23;
// A part at a time: who maps memory meanwhile, as engines do, waits for no more than that.
constexpr uint64_t kEnteredBytes = uint64_t{256} << 10;
#endif

class MappedRegion : public SharedRegion {
 public:
  MappedRegion(uint8_t* data, uint64_t size) : data_(data), size_(size) {}
  ~MappedRegion() override { munmap(data_, static_cast<size_t>(size_)); }
  uint8_t* data() override { return data_; }
  uint64_t size() const override { return size_; }
  void EnterPages() override {
#if defined(__linux__)
    for (uint64_t at = 0; at < size_; at += kEnteredBytes) {
      if (madvise(data_ + at, static_cast<size_t>(std::min(kEnteredBytes, size_ - at)), kPopulateWrite) != 0) return;
    }
#endif
  }

 private:
  uint8_t* const data_;
  const uint64_t size_;
};

// Maps `descriptor` and closes it.
Status MapAndClose(int descriptor, const std::string& name, uint64_t size, bool writable,
                   std::unique_ptr<SharedRegion>* region) {
  const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  void* data = mmap(nullptr, static_cast<size_t>(size), protection, MAP_SHARED, descriptor, 0);
  const int error = errno;
  close(descriptor);
  if (data == MAP_FAILED) return ErrnoStatus("map shared memory", name, error);
  *region = std::make_unique<MappedRegion>(static_cast<uint8_t*>(data), size);
  return Status();
}

// Takes every page now: a store to one that tmpfs cannot supply later would kill the process.
int ReservePages(int descriptor, uint64_t size) {
  if (ftruncate(descriptor, static_cast<off_t>(size)) != 0) return errno;
#if defined(__APPLE__)
  return 0;  // backed by swap; there is nothing to reserve
#else
  int error = 0;
  do {
    error = posix_fallocate(descriptor, 0, static_cast<off_t>(size));
  } while (error == EINTR);
  return error;
#endif
}

class PosixSharedMemory : public SharedMemory {
 public:
  Status Create(const std::string& name, uint64_t size, std::unique_ptr<SharedRegion>* region) override {
    const int descriptor = shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
    if (descriptor < 0) return ErrnoStatus("create shared memory", name, errno);
    const int error = ReservePages(descriptor, size);
    if (error == 0) return MapAndClose(descriptor, name, size, true, region);
    close(descriptor);
    shm_unlink(name.c_str());
    return ErrnoStatus("reserve shared memory", name, error);
  }

  Status Open(const std::string& name, bool writable, std::unique_ptr<SharedRegion>* region) override {
    const int descriptor = shm_open(name.c_str(), writable ? O_RDWR : O_RDONLY, 0);
    if (descriptor < 0) return ErrnoStatus("open shared memory", name, errno);
    struct stat info;
    if (fstat(descriptor, &info) != 0) {
      const int error = errno;
      close(descriptor);
      return ErrnoStatus("stat shared memory", name, error);
    }
    // Root reads what belongs to others, and goes on with none of it; nobody trusts what others could have written.
    const bool ours = info.st_uid == geteuid() || (geteuid() == 0 && !writable);
    if (ours && info.st_size <= 0) {
      close(descriptor);
      return Status(ErrorCode::kCorrupt, "shared memory " + name + " is empty");
    }
    if (!ours || (info.st_mode & 077) != 0) {
      close(descriptor);
      return Status(ErrorCode::kPermission, "shared memory " + name + " belongs to another user or is open to others");
    }
    return MapAndClose(descriptor, name, static_cast<uint64_t>(info.st_size), writable, region);
  }

  Status Unlink(const std::string& name) override {
    return shm_unlink(name.c_str()) == 0 ? Status() : ErrnoStatus("remove shared memory", name, errno);
  }
};

}  // namespace

SharedMemory* SystemSharedMemory() {
  return NeverDestroyed<PosixSharedMemory>();
}

}  // namespace ingest_wal
