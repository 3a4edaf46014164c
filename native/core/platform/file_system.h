// Files and directories as the core sees them. Everything that a power cut or a failing disk can do to a
// log, it does through these calls, so tests replace them (native/test/memory_file_system.h).
//
// Names are single path components relative to an opened Directory: a log never follows a path twice, so
// nobody can swap a directory under it. No call follows a symbolic link, opens a FIFO, or leaks a
// descriptor to a child process. Files are created with mode 0600, directories with 0700.
//
// Calls continue after EINTR and after short transfers. A Status carries the errno of the failed call.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bytes.h"
#include "status.h"

namespace ingest_wal {

class File {
 public:
  virtual ~File() = default;
  // Fills `to` with up to `count` bytes; fewer only at the end of the file. `*got` says how many.
  virtual Status ReadAt(uint64_t offset, uint8_t* to, size_t count, size_t* got) = 0;
  // The first place at or behind `offset` where there may be a byte that is not zero; `offset` where the system cannot tell.
  virtual uint64_t NextData(uint64_t offset, uint64_t size) {
    (void)size;
    return offset;
  }
  // The first place at or behind `offset`, where there is a byte, from which on the system knows of a hole; else `size`.
  virtual uint64_t NextHole(uint64_t offset, uint64_t size) {
    (void)offset;
    return size;
  }
  // A hint that nothing is to be read from the device but what is asked for.
  virtual void ReadNothingAhead() {}
  // Writes all parts one behind the other, starting at `offset`; after an error any part of them may be there.
  virtual Status WriteAt(uint64_t offset, const Bytes* parts, size_t count) = 0;
  // A hint that [offset, offset + count) will be synced soon: the device may begin with it. Says nothing of durability.
  virtual void StartWriteback(uint64_t offset, uint64_t count) {
    (void)offset;
    (void)count;
  }
  // A hint that what was synced is to be read from the device next, not from memory.
  virtual void DropCache() {}
  // Data and size reach stable storage (fdatasync; F_FULLFSYNC on macOS). An error is final for this file.
  virtual Status Sync() = 0;
  // Reserves space so that the file is `size` bytes long and reads as zeros where nothing was written.
  // `*reserved` is false when the file system can only extend the size without reserving.
  virtual Status Allocate(uint64_t size, bool* reserved) = 0;
  virtual Status Truncate(uint64_t size) = 0;
  virtual Status Size(uint64_t* size) = 0;
  // Readers of a file hold it shared, so that nobody fills it again for other content meanwhile: who means to do that
  // holds it exclusively. Does not wait; `*locked` is false when another holder is in the way. An error says that
  // this file system has no locks. Held until Unlock(), or until this object is gone.
  virtual Status TryLock(bool exclusive, bool* locked) = 0;
  virtual void Unlock() = 0;
};

// Held until destroyed, or until the process dies.
class DirectoryLock {
 public:
  virtual ~DirectoryLock() = default;
};

enum class OpenMode { kRead, kReadWrite, kCreateNew };

enum class EntryKind { kFile, kDirectory, kOther };

struct DirectoryEntry {
  std::string name;
  EntryKind kind;
};

// Tells directories apart whatever they are called. Stays the same while the directory is mounted.
struct DirectoryIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  bool operator==(const DirectoryIdentity& other) const {
    return device == other.device && inode == other.inode;
  }
};

class Directory {
 public:
  virtual ~Directory() = default;
  virtual Status Open(const std::string& name, OpenMode mode, std::unique_ptr<File>* file) = 0;
  virtual Status List(std::vector<DirectoryEntry>* entries) = 0;
  // Replaces `to` when it exists. Durable after Sync().
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  virtual Status Unlink(const std::string& name) = 0;
  // Names created, renamed and removed so far reach stable storage.
  virtual Status Sync() = 0;
  // Opens a subdirectory; with `create`, makes it (and syncs this directory) when it is absent.
  virtual Status Subdirectory(const std::string& name, bool create, std::unique_ptr<Directory>* directory) = 0;
  virtual Status Identity(DirectoryIdentity* identity) = 0;
  // Takes the one exclusive lock of the directory without waiting (kLocked when somebody has it). The lock
  // is on the file `name`, created when absent, which stays.
  virtual Status Lock(const std::string& name, std::unique_ptr<DirectoryLock>* lock) = 0;
  // Whether somebody holds that lock now. Takes nothing, creates nothing.
  virtual Status IsLocked(const std::string& name, bool* locked) = 0;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  // With `create`, makes the directory and its missing parents, and syncs the parents of what it made.
  virtual Status OpenDirectory(const std::string& path, bool create, std::unique_ptr<Directory>* directory) = 0;
};

// The operating system's files.
FileSystem* SystemFileSystem();

}  // namespace ingest_wal
