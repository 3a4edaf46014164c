// A file system in user space (FUSE) that shows a directory as it is, with pages that cannot be read.
//
//   unreadable_fs MOUNT_POINT DIRECTORY
//
// What is written to its file `control`, which no directory lists, sets which: lines of
//   PATH FIRST END AFTER
// A read of PATH (from the mount point, without a slash in front) that touches one of the bytes [FIRST, END) fails with EIO, but
// for the first AFTER of them. Each write to `control` takes the place of all before, and counts anew. Its content is one line:
// how many reads touched such a range, and how many of them failed.
//
// Runs in the foreground, in one thread, until it is unmounted or its parent dies.
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { kMaxRules = 64, kMaxPathBytes = 256, kMaxControlBytes = 65536 };

struct rule {
  char path[kMaxPathBytes];
  uint64_t first;
  uint64_t end;
  uint64_t spared;  // reads that go well, still
};

static int root;
static struct rule rules[kMaxRules];
static int rule_count;
static uint64_t touched;
static uint64_t failed;

static const char *below(const char *path) { return path[1] == '\0' ? "." : path + 1; }
static int is_control(const char *path) { return strcmp(path, "/control") == 0; }
static int result_of(int call) { return call < 0 ? -errno : 0; }

static int set_rules(const char *from, size_t count) {
  char text[kMaxControlBytes];
  if (count >= sizeof(text)) return -EFBIG;
  memcpy(text, from, count);
  text[count] = '\0';
  rule_count = 0;
  touched = failed = 0;
  for (char *rest = text, *line; (line = strsep(&rest, "\n")) != NULL;) {
    struct rule *rule = &rules[rule_count];
    if (*line == '\0') continue;
    if (rule_count == kMaxRules) return -E2BIG;
    if (sscanf(line, "%255s %lu %lu %lu", rule->path, &rule->first, &rule->end, &rule->spared) != 4) return -EINVAL;
    rule_count++;
  }
  return (int)count;
}

static int is_unreadable(const char *path, uint64_t offset, uint64_t count) {
  for (int i = 0; i < rule_count; i++) {
    struct rule *rule = &rules[i];
    if (strcmp(rule->path, below(path)) != 0 || offset >= rule->end || offset + count <= rule->first) continue;
    touched++;
    if (rule->spared == 0) {
      failed++;
      return 1;
    }
    rule->spared--;
  }
  return 0;
}

static void *on_init(struct fuse_conn_info *connection, struct fuse_config *config) {
  (void)connection;
  // A log knows its directory by its inode; and what was said of a name a moment ago may be wrong.
  config->use_ino = 1;
  config->entry_timeout = config->attr_timeout = config->negative_timeout = 0;
  return NULL;
}

static int on_getattr(const char *path, struct stat *info, struct fuse_file_info *file) {
  if (file != NULL && !is_control(path)) return result_of(fstat((int)file->fh, info));
  if (!is_control(path)) return result_of(fstatat(root, below(path), info, AT_SYMLINK_NOFOLLOW));
  memset(info, 0, sizeof(*info));
  info->st_mode = S_IFREG | 0600;
  info->st_nlink = 1;
  return 0;
}

static int on_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info *file, enum fuse_readdir_flags flags) {
  (void)offset;
  (void)file;
  (void)flags;
  const int descriptor = openat(root, below(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return -errno;
  DIR *directory = fdopendir(descriptor);
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    struct stat info = {.st_ino = entry->d_ino, .st_mode = (mode_t)entry->d_type << 12};
    fill(buffer, entry->d_name, &info, 0, 0);
  }
  return result_of(closedir(directory));
}

static int open_as(const char *path, struct fuse_file_info *file, int flags, mode_t mode) {
  if (is_control(path)) {
    file->direct_io = 1;
    return 0;
  }
  const int descriptor = openat(root, below(path), flags | O_CLOEXEC | O_NOFOLLOW, mode);
  if (descriptor < 0) return -errno;
  file->fh = (uint64_t)descriptor;
  return 0;
}

static int on_open(const char *path, struct fuse_file_info *file) { return open_as(path, file, file->flags, 0); }
static int on_create(const char *path, mode_t mode, struct fuse_file_info *file) { return open_as(path, file, file->flags | O_CREAT, mode); }
static int on_release(const char *path, struct fuse_file_info *file) { return is_control(path) ? 0 : result_of(close((int)file->fh)); }

static int on_read(const char *path, char *to, size_t count, off_t offset, struct fuse_file_info *file) {
  if (is_control(path)) {
    char text[64];
    const int bytes = snprintf(text, sizeof(text), "%lu %lu\n", touched, failed);
    if (offset >= bytes) return 0;
    const size_t part = (size_t)(bytes - offset) < count ? (size_t)(bytes - offset) : count;
    memcpy(to, text + offset, part);
    return (int)part;
  }
  if (is_unreadable(path, (uint64_t)offset, count)) return -EIO;
  const ssize_t got = pread((int)file->fh, to, count, offset);
  return got < 0 ? -errno : (int)got;
}

static int on_write(const char *path, const char *from, size_t count, off_t offset, struct fuse_file_info *file) {
  if (is_control(path)) return set_rules(from, count);
  const ssize_t written = pwrite((int)file->fh, from, count, offset);
  return written < 0 ? -errno : (int)written;
}

static int on_truncate(const char *path, off_t size, struct fuse_file_info *file) {
  if (is_control(path)) return 0;
  if (file != NULL) return result_of(ftruncate((int)file->fh, size));
  const int descriptor = openat(root, below(path), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return -errno;
  const int result = result_of(ftruncate(descriptor, size));
  close(descriptor);
  return result;
}

static int on_fsync(const char *path, int data_only, struct fuse_file_info *file) {
  if (is_control(path)) return 0;
  return result_of(data_only ? fdatasync((int)file->fh) : fsync((int)file->fh));
}

static int on_fallocate(const char *path, int mode, off_t offset, off_t length, struct fuse_file_info *file) {
  return is_control(path) ? -EINVAL : result_of(fallocate((int)file->fh, mode, offset, length));
}

static off_t on_lseek(const char *path, off_t offset, int whence, struct fuse_file_info *file) {
  const off_t found = is_control(path) ? -1 : lseek((int)file->fh, offset, whence);
  return found < 0 ? -errno : found;
}

static int on_rename(const char *from, const char *to, unsigned int flags) {
  return result_of(renameat2(root, below(from), root, below(to), flags));
}

static int on_link(const char *from, const char *to) { return result_of(linkat(root, below(from), root, below(to), 0)); }
static int on_unlink(const char *path) { return result_of(unlinkat(root, below(path), 0)); }
static int on_rmdir(const char *path) { return result_of(unlinkat(root, below(path), AT_REMOVEDIR)); }
static int on_mkdir(const char *path, mode_t mode) { return result_of(mkdirat(root, below(path), mode)); }

static int on_chmod(const char *path, mode_t mode, struct fuse_file_info *file) {
  (void)file;
  return result_of(fchmodat(root, below(path), mode, 0));
}

static int on_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *file) {
  (void)file;
  return result_of(utimensat(root, below(path), times, AT_SYMLINK_NOFOLLOW));
}

static int on_statfs(const char *path, struct statvfs *info) {
  (void)path;
  return result_of(fstatvfs(root, info));
}

int main(int count, char **arguments) {
  if (count != 3) {
    fprintf(stderr, "usage: unreadable_fs MOUNT_POINT DIRECTORY\n");
    return 2;
  }
  // Unmounts when a test dies that cannot say so.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  root = open(arguments[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) {
    perror("unreadable_fs");
    return 1;
  }
  const struct fuse_operations operations = {
      .init = on_init, .getattr = on_getattr, .readdir = on_readdir, .open = on_open, .create = on_create, .release = on_release,
      .read = on_read, .write = on_write, .truncate = on_truncate, .fsync = on_fsync, .fallocate = on_fallocate, .lseek = on_lseek,
      .rename = on_rename, .link = on_link, .unlink = on_unlink, .rmdir = on_rmdir, .mkdir = on_mkdir, .chmod = on_chmod,
      .utimens = on_utimens, .statfs = on_statfs};
  char *fuse_arguments[] = {arguments[0], arguments[1], "-f", "-s"};
  return fuse_main(4, fuse_arguments, &operations, NULL);
}
