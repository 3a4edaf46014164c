#include "crash_image.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace power_cut {
namespace {

constexpr uint64_t kPageBytes = 4096;

[[noreturn]] void Give(const char* what) {
  std::perror(what);
  std::exit(3);
}

struct Mapped {
  const uint8_t* bytes;
  uint64_t size;
};

Mapped Map(const char* path) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  struct stat info;
  if (file < 0 || fstat(file, &info) != 0) Give(path);
  void* const mapped = mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_PRIVATE, file, 0);
  if (mapped == MAP_FAILED) Give(path);
  close(file);
  return {static_cast<const uint8_t*>(mapped), static_cast<uint64_t>(info.st_size)};
}

bool IsZero(const uint8_t* page) { return page[0] == 0 && std::memcmp(page, page + 1, kPageBytes - 1) == 0; }

}  // namespace

Recording::Recording(const char* path) {
  const Mapped file = Map(path);
  for (uint64_t at = 0; at + sizeof(request_header) <= file.size;) {
    request_header header;
    std::memcpy(&header, file.bytes + at, sizeof(header));
    at += sizeof(header);
    const Request request{static_cast<request_kind>(header.kind), header.offset, header.length, file.bytes + at};
    if (request.kind == REQUEST_WRITE || request.kind == REQUEST_MARK) {
      if (header.length > file.size - at) break;
      at += header.length;
    }
    requests_.push_back(request);
  }
}

size_t Recording::FirstMark() const {
  const auto is_mark = [](const Request& request) { return request.kind == REQUEST_MARK; };
  return static_cast<size_t>(std::find_if(requests_.begin(), requests_.end(), is_mark) - requests_.begin());
}

std::string Recording::MarkBefore(size_t end) const {
  for (size_t i = end; i-- > 0;) {
    const Request& request = requests_[i];
    if (request.kind != REQUEST_MARK) continue;
    return std::string(reinterpret_cast<const char*>(request.bytes), static_cast<size_t>(request.length));
  }
  return "";
}

CrashImage::CrashImage(const char* base_path, const Recording* recording) : recording_(recording) {
  const Mapped base = Map(base_path);
  if (base.size % kPageBytes != 0) {
    std::fprintf(stderr, "%s is no whole number of pages\n", base_path);
    std::exit(3);
  }
  flushed_.assign(base.bytes, base.bytes + base.size);
  cut_ = flushed_;
  touched_.resize(base.size / kPageBytes);
  used_.resize(base.size / kPageBytes);
  for (size_t page = 0; page < used_.size(); page++) used_[page] = !IsZero(flushed_.data() + page * kPageBytes);
  descriptor_ = memfd_create("power-cut", MFD_CLOEXEC);
  if (descriptor_ < 0 || ftruncate(descriptor_, static_cast<off_t>(base.size)) != 0) Give("memfd");
}

void CrashImage::Apply(const Request& request, uint64_t from, uint64_t count, std::vector<uint8_t>* disk) {
  const uint64_t begin = request.offset + from;
  if (begin + count > disk->size()) return;
  if (request.kind == REQUEST_WRITE) std::memcpy(disk->data() + begin, request.bytes + from, count);
  if (request.kind == REQUEST_ZERO) std::memset(disk->data() + begin, 0, count);
  for (uint64_t page = begin / kPageBytes; page * kPageBytes < begin + count; page++) {
    touched_[page] = true;
    if (request.kind == REQUEST_WRITE) used_[page] = true;
  }
}

void CrashImage::Survive(const Request& request, Survival survival, std::mt19937_64* dice) {
  const auto lives = [&] { return survival == Survival::kPrefix || ((*dice)() & 1) != 0; };
  if (survival != Survival::kPieces) {
    if (lives()) Apply(request, 0, request.length, &cut_);
    return;
  }
  for (uint64_t at = 0; at < request.length; at += kPageBytes) {
    if (lives()) Apply(request, at, std::min(kPageBytes, request.length - at), &cut_);
  }
}

size_t CrashImage::CutBefore(size_t end, Survival survival, std::mt19937_64* dice) {
  const std::vector<Request>& requests = recording_->requests();
  size_t unflushed = end;
  while (unflushed > 0 && requests[unflushed - 1].kind != REQUEST_FLUSH) unflushed--;
  for (; applied_ < unflushed; applied_++) {
    const Request& request = requests[applied_];
    if (request.kind == REQUEST_WRITE || request.kind == REQUEST_ZERO) Apply(request, 0, request.length, &flushed_);
  }
  // What the last cut changed, and what was flushed since, is as it was flushed.
  for (size_t page = 0; page < touched_.size(); page++) {
    if (!touched_[page]) continue;
    std::memcpy(cut_.data() + page * kPageBytes, flushed_.data() + page * kPageBytes, kPageBytes);
    touched_[page] = false;
  }
  size_t count = 0;
  for (size_t i = unflushed; i < end; i++) {
    if (requests[i].kind != REQUEST_WRITE && requests[i].kind != REQUEST_ZERO) continue;
    Survive(requests[i], survival, dice);
    count++;
  }
  CopyToImage();
  return count;
}

// Whoever had the last image mounted has written to it, anywhere: it is made anew.
void CrashImage::CopyToImage() {
  if (fallocate(descriptor_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(cut_.size())) != 0) Give("memfd");
  for (size_t page = 0; page < used_.size();) {
    if (!used_[page]) {
      page++;
      continue;
    }
    const size_t first = page;
    while (page < used_.size() && used_[page]) page++;
    const size_t at = first * kPageBytes;
    const size_t count = (page - first) * kPageBytes;
    if (pwrite(descriptor_, cut_.data() + at, count, static_cast<off_t>(at)) != static_cast<ssize_t>(count)) Give("memfd");
  }
}

}  // namespace power_cut
