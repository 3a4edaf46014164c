// A recording, and the disks that a power cut can leave of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "recording.h"

namespace power_cut {

struct Request {
  request_kind kind;
  uint64_t offset;
  uint64_t length;
  const uint8_t* bytes;  // of a write and a mark
};

// What of the requests that were not flushed has reached the disk.
enum class Survival {
  kPrefix,  // all of them: it took them in order
  kSubset,  // each or not
  kPieces   // of each write, each 4 KiB or not: writes of several sectors are not atomic
};

// The requests of a recording, mapped. A last one that is cut short is left out.
class Recording {
 public:
  // Ends the process with a sentence when it cannot be read.
  explicit Recording(const char* path);
  const std::vector<Request>& requests() const { return requests_; }
  // Index of the first mark: before it, nothing is promised. The number of requests when there is none.
  size_t FirstMark() const;
  // The text of the last mark before request `end`.
  std::string MarkBefore(size_t end) const;

 private:
  std::vector<Request> requests_;
};

// The disk at request after request, and an image of what a cut leaves of it.
class CrashImage {
 public:
  CrashImage(const char* base_path, const Recording* recording);
  // The image is in memory, behind this descriptor.
  int descriptor() const { return descriptor_; }
  // Makes the image that of a cut before request `end`, which must not be less than in the call before. Returns how many
  // requests were not flushed then.
  size_t CutBefore(size_t end, Survival survival, std::mt19937_64* dice);

 private:
  void Apply(const Request& request, uint64_t from, uint64_t count, std::vector<uint8_t>* disk);
  void Survive(const Request& request, Survival survival, std::mt19937_64* dice);
  void CopyToImage();

  const Recording* const recording_;
  std::vector<uint8_t> flushed_;  // the disk with all requests below applied_
  std::vector<uint8_t> cut_;
  std::vector<bool> touched_;     // by page: differs between cut_ and flushed_
  std::vector<bool> used_;        // by page: not all zeros
  size_t applied_ = 0;
  int descriptor_ = -1;
};

}  // namespace power_cut
