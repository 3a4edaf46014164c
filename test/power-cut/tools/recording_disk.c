// A disk that writes down what it is told. A FUSE file system of two files:
//   disk   the disk's bytes, for a loop device. Requests go to IMAGE, and to RECORDING in the order in which they come.
//   mark   what is written here goes to RECORDING as a mark.
//
//   recording_disk MOUNT_POINT IMAGE RECORDING
//
// Runs in the foreground, in one thread (the order is the recording's whole point), until it is unmounted.
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include "recording.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int image;
static off_t image_bytes;
static FILE *recording;

// 0, or an errno as FUSE takes it.
static int record(enum request_kind kind, uint64_t offset, uint64_t length, const void *bytes) {
  const struct request_header header = {kind, offset, length};
  int whole = fwrite(&header, sizeof(header), 1, recording) == 1;
  if (bytes != NULL && length != 0) whole = whole && fwrite(bytes, length, 1, recording) == 1;
  return whole ? 0 : -EIO;
}

static int is_disk(const char *path) { return strcmp(path, "/disk") == 0; }
static int is_mark(const char *path) { return strcmp(path, "/mark") == 0; }

static int on_getattr(const char *path, struct stat *info, struct fuse_file_info *file) {
  (void)file;
  memset(info, 0, sizeof(*info));
  if (strcmp(path, "/") == 0) {
    info->st_mode = S_IFDIR | 0700;
    info->st_nlink = 2;
    return 0;
  }
  if (!is_disk(path) && !is_mark(path)) return -ENOENT;
  info->st_mode = S_IFREG | 0600;
  info->st_nlink = 1;
  info->st_size = is_disk(path) ? image_bytes : 0;
  return 0;
}

static int on_open(const char *path, struct fuse_file_info *file) {
  if (!is_disk(path) && !is_mark(path)) return -ENOENT;
  // A page cache in between would put requests off and into another order.
  file->direct_io = 1;
  return 0;
}

static int on_read(const char *path, char *to, size_t count, off_t offset, struct fuse_file_info *file) {
  (void)file;
  if (!is_disk(path)) return 0;
  const ssize_t got = pread(image, to, count, offset);
  return got < 0 ? -errno : (int)got;
}

static int on_write(const char *path, const char *from, size_t count, off_t offset, struct fuse_file_info *file) {
  (void)file;
  if (is_mark(path)) {
    const int marked = record(REQUEST_MARK, 0, count, from);
    return marked == 0 ? (int)count : marked;
  }
  const ssize_t written = pwrite(image, from, count, offset);
  if (written < 0) return -errno;
  const int recorded = record(REQUEST_WRITE, (uint64_t)offset, (uint64_t)written, from);
  return recorded == 0 ? (int)written : recorded;
}

static int on_fsync(const char *path, int data_only, struct fuse_file_info *file) {
  (void)data_only;
  (void)file;
  return is_disk(path) ? record(REQUEST_FLUSH, 0, 0, NULL) : 0;
}

static int on_fallocate(const char *path, int mode, off_t offset, off_t length, struct fuse_file_info *file) {
  (void)file;
  const int zeroes = mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE);
  if (!is_disk(path) || !zeroes) return -EOPNOTSUPP;
  if (fallocate(image, mode, offset, length) != 0) return -errno;
  return record(REQUEST_ZERO, (uint64_t)offset, (uint64_t)length, NULL);
}

static int on_truncate(const char *path, off_t size, struct fuse_file_info *file) {
  (void)file;
  // The shell truncates a mark before it writes it.
  return is_mark(path) || size == image_bytes ? 0 : -EINVAL;
}

int main(int count, char **arguments) {
  if (count != 4) {
    fprintf(stderr, "usage: recording_disk MOUNT_POINT IMAGE RECORDING\n");
    return 2;
  }
  struct stat info;
  image = open(arguments[2], O_RDWR | O_CLOEXEC);
  recording = fopen(arguments[3], "wbe");
  if (image < 0 || recording == NULL || fstat(image, &info) != 0) {
    perror("recording_disk");
    return 1;
  }
  image_bytes = info.st_size;
  const struct fuse_operations operations = {
      .getattr = on_getattr, .truncate = on_truncate, .open = on_open, .read = on_read,
      .write = on_write, .fsync = on_fsync, .fallocate = on_fallocate};
  char *fuse_arguments[] = {arguments[0], arguments[1], "-f", "-s"};
  const int result = fuse_main(4, fuse_arguments, &operations, NULL);
  return fclose(recording) == 0 ? result : 1;
}
