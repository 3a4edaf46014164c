#include "compressed_bytes.h"

#include <algorithm>

#include "bytes.h"
#include "format.h"
#include "inflate.h"

namespace ingest_wal {
namespace testing {
namespace {

using namespace compressed;

template <typename Integer>
void Put(std::vector<uint8_t>* to, Integer value) {
  to->resize(to->size() + sizeof(value));
  Store(to->data() + to->size() - sizeof(value), value);
}

std::vector<uint8_t> StoreAll(Bytes content) {
  std::vector<uint8_t> stream;
  Put(&stream, uint8_t{1});  // the last block, stored
  Put(&stream, static_cast<uint16_t>(content.size));
  Put(&stream, static_cast<uint16_t>(~content.size));
  stream.insert(stream.end(), content.data, content.data + content.size);
  return stream;
}

std::vector<uint8_t> Member(DeflateFunction deflate, Bytes content, const std::vector<uint8_t>& field) {
  std::vector<uint8_t> member;
  Put(&member, kMagic);
  Put(&member, uint32_t{0});
  Put(&member, uint16_t{0xff00});
  Put(&member, static_cast<uint16_t>(kDeflateAt - kSizeFieldAt + field.size()));
  Put(&member, kSizeField);
  Put(&member, uint16_t{0});
  member.insert(member.end(), field.begin(), field.end());
  if (content.size == 0) {
    Put(&member, uint16_t{0x0003});  // a fixed block that ends at once
  } else {
    const std::vector<uint8_t> stream = deflate(content);
    member.insert(member.end(), stream.begin(), stream.end());
  }
  Put(&member, GzipCrc32(0, content.data, content.size));
  Put(&member, static_cast<uint32_t>(content.size));
  Store(member.data() + kMemberBytesAt, static_cast<uint16_t>(member.size() - 1));
  return member;
}

std::vector<uint8_t> ParityField(uint32_t blocks, uint64_t length, uint32_t which, const std::vector<uint8_t>& parity) {
  std::vector<uint8_t> rest;
  Put(&rest, blocks);
  Put(&rest, length);
  Put(&rest, which);
  rest.insert(rest.end(), parity.begin(), parity.end());
  std::vector<uint8_t> field;
  Put(&field, kParityField);
  Put(&field, static_cast<uint16_t>(sizeof(uint32_t) + rest.size()));
  Put(&field, GzipCrc32(0, rest.data(), rest.size()));
  field.insert(field.end(), rest.begin(), rest.end());
  return field;
}

}  // namespace

CompressedBytes CompressStored(const std::vector<uint8_t>& content) { return CompressWith(StoreAll, content); }

CompressedBytes CompressWith(DeflateFunction deflate, const std::vector<uint8_t>& content) {
  CompressedBytes made;
  const auto add = [&made](const std::vector<uint8_t>& member) {
    made.members.push_back(made.bytes.size());
    made.bytes.insert(made.bytes.end(), member.begin(), member.end());
  };
  std::vector<uint8_t> parities[kParities];
  uint32_t blocks = 0;
  for (size_t at = 0; at < content.size(); at += kBlockBytes, blocks++) {
    const Bytes block(content.data() + at, std::min(kBlockBytes, content.size() - at));
    const std::vector<uint8_t> member = Member(deflate, block, {});
    std::vector<uint8_t>& parity = parities[blocks % kParities];
    parity.resize(std::max(parity.size(), member.size()), 0xff);
    for (size_t i = 0; i < member.size(); i++) parity[i] ^= member[i];
    add(member);
  }
  for (uint32_t which : {blocks % 2, (blocks + 1) % 2}) {
    add(Member(deflate, Bytes(), ParityField(blocks, content.size(), which, parities[which])));
  }
  add(Member(deflate, Bytes(), {}));
  made.members.push_back(made.bytes.size());
  return made;
}

}  // namespace testing
}  // namespace ingest_wal
