// Lets the k-th system call of a kind fail, in a process that runs with this in LD_PRELOAD.
//
// Which one, and how, stands in a file that both sides map or write (INGEST_WAL_FAULT_CONTROL; its layout is that of struct
// control, which fault-control.mjs knows too): one process can run case after case without being started again. Only calls on
// files below `prefix` count, and on the staging rings in shared memory.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

// In the order of CALLS in fault-control.mjs; 0 is none.
enum call { NONE, WRITE, SYNC, ALLOCATE, TRUNCATE, OPEN, RENAME, UNLINK, MAP, MEMORY, DIRECTORY_SYNC, LOCK, READ };

// Behind the numbers of errors.
enum { SHORT = 1000, TORN = 1001, DEATH = 1002, LIE = 1003 };

struct control {
  _Atomic uint32_t armed;    // enum call
  _Atomic uint32_t what;     // an errno, or one of those above
  _Atomic uint32_t from;     // the first call that fails, counted from 1 since it was armed
  _Atomic uint32_t through;  // the last one
  _Atomic uint32_t count;    // calls of this kind so far
  _Atomic uint32_t hits;     // of them, those that failed
  char unused[40];
  char prefix[448];          // at 64
};

static const char kRings[] = "/dev/shm/ingest-wal-";
enum { PATH_BYTES = 4096 };

static struct control *control;

__attribute__((constructor)) static void map_control(void) {
  const char *path = getenv("INGEST_WAL_FAULT_CONTROL");
  const int file = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void *mapped = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  // Not before it is whole: close and mmap come by here themselves.
  if (mapped != MAP_FAILED) control = mapped;
}

static int is_watched_path(const char *path) {
  if (strncmp(path, control->prefix, strlen(control->prefix)) == 0) return 1;
  // A ring is no directory, unlike what tests make there.
  const size_t length = sizeof(kRings) - 1;
  return strncmp(path, kRings, length) == 0 && strchr(path + length, '/') == NULL;
}

static int is_watched(int descriptor) {
  char link[40];
  char path[PATH_BYTES];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
  const ssize_t length = readlink(link, path, sizeof(path) - 1);
  if (length < 0) return 0;
  path[length] = '\0';
  return is_watched_path(path);
}

static int is_watched_name(int directory, const char *name) {
  return name[0] == '/' || directory == AT_FDCWD ? is_watched_path(name) : is_watched(directory);
}

static int is_armed(enum call call) { return control != NULL && atomic_load(&control->armed) == (uint32_t)call; }

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

// Counts the call. 0: let it through; otherwise what is to happen to it.
static uint32_t strike(void) {
  const uint32_t number = atomic_fetch_add(&control->count, 1) + 1;
  if (number < atomic_load(&control->from) || number > atomic_load(&control->through)) return 0;
  atomic_fetch_add(&control->hits, 1);
  const uint32_t what = atomic_load(&control->what);
  if (what == DEATH) die();
  return what;
}

// Whether the call fails, with errno set. What only transfers can suffer passes other calls by.
static int fails(enum call call, int watched) {
  if (!is_armed(call) || !watched) return 0;
  const uint32_t what = strike();
  if (what == 0 || what >= SHORT) return 0;
  errno = (int)what;
  return 1;
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define WATCHED(call, descriptor) (is_armed(call) && is_watched(descriptor))

// --- Transfers

enum fate { PASSES, FAILS, DIES_BEHIND, LIES };

// `count` becomes smaller where only a part is to be transferred.
static enum fate on_transfer(enum call call, int descriptor, size_t *count) {
  if (!WATCHED(call, descriptor)) return PASSES;
  const uint32_t what = strike();
  if (what == 0) return PASSES;
  if (what < SHORT) {
    errno = (int)what;
    return FAILS;
  }
  if (*count > 1) *count /= 2;
  return what == TORN ? DIES_BEHIND : what == LIE ? LIES : PASSES;
}

static ssize_t end_transfer(enum fate fate, ssize_t result, size_t asked) {
  if (fate == DIES_BEHIND) die();
  return fate == LIES ? (ssize_t)asked : result;
}

ssize_t pwrite(int descriptor, const void *from, size_t count, off_t offset) {
  REAL(pwrite);
  const size_t asked = count;
  const enum fate fate = on_transfer(WRITE, descriptor, &count);
  return fate == FAILS ? -1 : end_transfer(fate, real(descriptor, from, count, offset), asked);
}
ssize_t pwrite64(int descriptor, const void *from, size_t count, off_t offset) { return pwrite(descriptor, from, count, offset); }

ssize_t write(int descriptor, const void *from, size_t count) {
  REAL(write);
  const size_t asked = count;
  const enum fate fate = on_transfer(WRITE, descriptor, &count);
  return fate == FAILS ? -1 : end_transfer(fate, real(descriptor, from, count), asked);
}

// A short one writes half of its first part, and is never a lie: nobody would know how long it is said to be.
ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset) {
  REAL(pwritev);
  struct iovec first = parts[0];
  const size_t asked = first.iov_len;
  const enum fate fate = on_transfer(WRITE, descriptor, &first.iov_len);
  if (fate == FAILS) return -1;
  const ssize_t result = first.iov_len != asked ? real(descriptor, &first, 1, offset) : real(descriptor, parts, count, offset);
  return end_transfer(fate == LIES ? PASSES : fate, result, asked);
}
ssize_t pwritev64(int descriptor, const struct iovec *parts, int count, off_t offset) {
  return pwritev(descriptor, parts, count, offset);
}

ssize_t pread(int descriptor, void *to, size_t count, off_t offset) {
  REAL(pread);
  const size_t asked = count;
  const enum fate fate = on_transfer(READ, descriptor, &count);
  return fate == FAILS ? -1 : end_transfer(fate, real(descriptor, to, count, offset), asked);
}
ssize_t pread64(int descriptor, void *to, size_t count, off_t offset) { return pread(descriptor, to, count, offset); }

// --- Calls on a descriptor

// A lie is a call that is not made and says that it was.
static enum fate on_sync(enum call call, int descriptor) {
  if (!WATCHED(call, descriptor)) return PASSES;
  const uint32_t what = strike();
  if (what == 0) return PASSES;
  if (what == LIE) return LIES;
  errno = (int)what;
  return FAILS;
}

int fdatasync(int descriptor) {
  REAL(fdatasync);
  const enum fate fate = on_sync(SYNC, descriptor);
  return fate == PASSES ? real(descriptor) : fate == FAILS ? -1 : 0;
}

// The log's core calls it for directories alone, Node's file functions for files as well.
int fsync(int descriptor) {
  REAL(fsync);
  struct stat info;
  const int is_directory = control != NULL && fstat(descriptor, &info) == 0 && S_ISDIR(info.st_mode);
  const enum fate fate = on_sync(is_directory ? DIRECTORY_SYNC : SYNC, descriptor);
  return fate == PASSES ? real(descriptor) : fate == FAILS ? -1 : 0;
}

int fallocate(int descriptor, int mode, off_t offset, off_t length) {
  REAL(fallocate);
  return fails(ALLOCATE, WATCHED(ALLOCATE, descriptor)) ? -1 : real(descriptor, mode, offset, length);
}

// Called for shared memory alone. Answers with the error instead of setting errno.
int posix_fallocate(int descriptor, off_t offset, off_t length) {
  REAL(posix_fallocate);
  return fails(MEMORY, WATCHED(MEMORY, descriptor)) ? errno : real(descriptor, offset, length);
}

int ftruncate(int descriptor, off_t length) {
  REAL(ftruncate);
  return fails(TRUNCATE, WATCHED(TRUNCATE, descriptor)) ? -1 : real(descriptor, length);
}
int ftruncate64(int descriptor, off_t length) { return ftruncate(descriptor, length); }

int flock(int descriptor, int operation) {
  REAL(flock);
  const int counts = operation != LOCK_UN && WATCHED(LOCK, descriptor);
  return fails(LOCK, counts) ? -1 : real(descriptor, operation);
}

void *mmap(void *address, size_t length, int protection, int flags, int descriptor, off_t offset) {
  REAL(mmap);
  const int counts = descriptor >= 0 && WATCHED(MAP, descriptor);
  return fails(MAP, counts) ? MAP_FAILED : real(address, length, protection, flags, descriptor, offset);
}
void *mmap64(void *address, size_t length, int protection, int flags, int descriptor, off_t offset) {
  return mmap(address, length, protection, flags, descriptor, offset);
}


// --- Calls on a name

int openat(int directory, const char *name, int flags, ...) {
  REAL(openat);
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return fails(OPEN, is_armed(OPEN) && is_watched_name(directory, name)) ? -1 : real(directory, name, flags, mode);
}

static int open_path(const char *path, int flags, mode_t mode) {
  int (*real)(int, const char *, int, ...) = (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, "openat");
  return fails(OPEN, is_armed(OPEN) && is_watched_path(path)) ? -1 : real(AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_path(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_path(path, flags, mode);
}

int renameat(int from_directory, const char *from, int to_directory, const char *to) {
  REAL(renameat);
  const int counts = is_armed(RENAME) && is_watched_name(to_directory, to);
  return fails(RENAME, counts) ? -1 : real(from_directory, from, to_directory, to);
}

int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

int unlinkat(int directory, const char *name, int flags) {
  REAL(unlinkat);
  const int counts = is_armed(UNLINK) && is_watched_name(directory, name);
  return fails(UNLINK, counts) ? -1 : real(directory, name, flags);
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

int shm_open(const char *name, int flags, mode_t mode) {
  REAL(shm_open);
  return fails(MEMORY, is_armed(MEMORY)) ? -1 : real(name, flags, mode);
}

int shm_unlink(const char *name) {
  REAL(shm_unlink);
  return fails(UNLINK, is_armed(UNLINK)) ? -1 : real(name);
}
