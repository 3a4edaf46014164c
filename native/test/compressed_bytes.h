// Compressed segments for tests, made without a compressor: their blocks are stored as they are, as deflate allows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bytes.h"

namespace ingest_wal {
namespace testing {

struct CompressedBytes {
  std::vector<uint8_t> bytes;
  // Where each member begins, and the end.
  std::vector<size_t> members;
};

CompressedBytes CompressStored(const std::vector<uint8_t>& content);

// The same with another way to make a deflate stream of the content of a block, which is not empty.
using DeflateFunction = std::vector<uint8_t> (*)(Bytes content);
CompressedBytes CompressWith(DeflateFunction deflate, const std::vector<uint8_t>& content);

}  // namespace testing
}  // namespace ingest_wal
