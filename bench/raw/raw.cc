// The ceiling of each job: what the machine does without Node and without a log. Prints one JSON object.
//   raw bulk|awaited DIRECTORY ENTRIES FRAME_BYTES WAITERS
//   raw scan DIRECTORY ENTRIES FRAME_BYTES WAITERS      CRC32C over every file of a log, memory-mapped, nothing else
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "program.h"

#if defined(__SSE4_2__)
#include <nmmintrin.h>
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

namespace {

using bench::kBatchBytes;

[[noreturn]] void Fail(const std::string& what) { bench::Fail(what + ": " + std::strerror(errno)); }

void WriteAll(int fd, const uint8_t* data, size_t size, off_t offset) {
  while (size > 0) {
    const ssize_t written = pwrite(fd, data, size, offset);
    if (written <= 0) Fail("pwrite");
    data += written;
    size -= static_cast<size_t>(written);
    offset += written;
  }
}

// A file that was written before: its blocks are allocated and initialised, so a sync writes data and nothing else.
int OpenWrittenFile(const std::string& path, size_t size) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (fd < 0) Fail(path.c_str());
  const std::vector<uint8_t> zeros(kBatchBytes);
  for (size_t at = 0; at < size; at += zeros.size()) {
    WriteAll(fd, zeros.data(), std::min(zeros.size(), size - at), static_cast<off_t>(at));
  }
  if (fsync(fd) != 0) Fail("fsync");
  return fd;
}

void Bulk(const std::string& directory, size_t entries, size_t frame_bytes) {
  const size_t total = entries * frame_bytes;
  const int fd = OpenWrittenFile(directory + "/log", total);
  std::vector<uint8_t> frame(frame_bytes, 0x5a);
  std::vector<uint8_t> batch(kBatchBytes + frame_bytes);
  const bench::Measurement measurement;
  size_t filled = 0;
  size_t written = 0;
  size_t syncs = 0;
  for (size_t i = 0; i < entries; i++) {
    frame[0] = static_cast<uint8_t>(i);
    std::memcpy(batch.data() + filled, frame.data(), frame_bytes);
    filled += frame_bytes;
    if (filled < kBatchBytes && i + 1 < entries) continue;
    WriteAll(fd, batch.data(), filled, static_cast<off_t>(written));
    if (fdatasync(fd) != 0) Fail("fdatasync");
    syncs++;
    written += filled;
    filled = 0;
  }
  bench::Json json;
  json.Add("syncs", syncs);
  measurement.Print(json);
}

// Rounds of one entry of each waiter and one sync, as if waiting for it cost nothing.
void Awaited(const std::string& directory, size_t entries, size_t frame_bytes, size_t waiters) {
  const size_t batch_bytes = waiters * frame_bytes;
  const size_t rounds = std::max<size_t>(1, entries / waiters);
  const int fd = OpenWrittenFile(directory + "/log", rounds * batch_bytes);
  const std::vector<uint8_t> batch(batch_bytes, 0x5a);
  std::vector<double> latencies;
  latencies.reserve(rounds);
  const bench::Measurement measurement;
  for (size_t round = 0; round < rounds; round++) {
    const double begun = bench::NowSeconds();
    WriteAll(fd, batch.data(), batch_bytes, static_cast<off_t>(round * batch_bytes));
    if (fdatasync(fd) != 0) Fail("fdatasync");
    latencies.push_back((bench::NowSeconds() - begun) * 1e6);
  }
  bench::Json json;
  json.Add("syncs", rounds);
  json.Add("entries", rounds * waiters);
  bench::AddDistribution(json, latencies);
  measurement.Print(json);
}

uint64_t Crc(uint64_t crc, uint64_t value) {
#if defined(__SSE4_2__)
  return _mm_crc32_u64(crc, value);
#elif defined(__ARM_FEATURE_CRC32)
  return __crc32cd(static_cast<uint32_t>(crc), value);
#else
  return (crc ^ value) * 0x9e3779b97f4a7c15;
#endif
}

// Three streams hide the latency of the instruction; combining them would cost nothing that can be measured.
uint64_t ChecksumOf(const uint8_t* data, size_t size) {
  const size_t third = size / 24 * 8;
  uint64_t sums[3] = {};
  for (size_t at = 0; at < third; at += 8) {
    for (size_t stream = 0; stream < 3; stream++) {
      uint64_t value;
      std::memcpy(&value, data + stream * third + at, 8);
      sums[stream] = Crc(sums[stream], value);
    }
  }
  return sums[0] ^ sums[1] ^ sums[2];
}

void Scan(const std::string& directory) {
  const bench::Measurement measurement;
  uint64_t sum = 0;
  size_t bytes = 0;
  DIR* entries = opendir(directory.c_str());
  if (entries == nullptr) Fail(directory.c_str());
  while (const dirent* entry = readdir(entries)) {
    const std::string path = directory + "/" + entry->d_name;
    struct stat status {};
    if (stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0) continue;
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) Fail(path.c_str());
    const auto size = static_cast<size_t>(status.st_size);
    void* mapped = mmap(nullptr, size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (mapped == MAP_FAILED) Fail("mmap");
    sum ^= ChecksumOf(static_cast<const uint8_t*>(mapped), size);
    bytes += size;
    munmap(mapped, size);
    close(fd);
  }
  closedir(entries);
  bench::Json json;
  json.Add("scannedBytes", bytes);
  json.Add("sum", "\"" + std::to_string(sum) + "\"");
  measurement.Print(json);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: raw bulk|awaited|scan DIRECTORY ENTRIES FRAME_BYTES WAITERS\n");
    return 2;
  }
  const std::string mode = argv[1];
  const std::string directory = argv[2];
  const size_t entries = std::strtoull(argv[3], nullptr, 10);
  const size_t frame_bytes = std::strtoull(argv[4], nullptr, 10);
  const size_t waiters = std::strtoull(argv[5], nullptr, 10);
  if (mode == "bulk") Bulk(directory, entries, frame_bytes);
  else if (mode == "awaited") Awaited(directory, entries, frame_bytes, waiters);
  else if (mode == "scan") Scan(directory);
  else return 2;
  return 0;
}
