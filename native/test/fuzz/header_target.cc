// The two copies of a segment's header, and log.id. Whatever they are: what is sound is sound because of every bit of it, means
// the same when it is encoded again, and a log with such files opens and goes on, or says why not.
#include <algorithm>
#include <string>

#include "fuzz_target.h"
#include "mend_records.h"
#include "segment_layout.h"
#include "segment_name.h"
#include "test_log.h"

namespace ingest_wal {
namespace fuzz {
namespace {

// The input, behind the dials: the used bytes of both copies, then log.id. Zeros where it is too short.
constexpr size_t kIdentityAt = header::kCopies * header::kUsedBytes;
constexpr size_t kInputBytes = kIdentityAt + identity::kBytes;

struct Files {
  Input segment;
  Input identity;
};

Files FilesOf(const Dials& dials) {
  Input bytes(kInputBytes);
  std::copy_n(dials.rest.data, std::min(dials.rest.size, kInputBytes), bytes.begin());
  Files files;
  files.segment.resize(kSegmentDataAt);
  for (size_t copy = 0; copy < header::kCopies; copy++) {
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(copy * header::kUsedBytes), header::kUsedBytes,
                files.segment.begin() + static_cast<std::ptrdiff_t>(copy * header::kCopyBytes));
  }
  files.identity.assign(bytes.begin() + kIdentityAt, bytes.end());
  return files;
}

std::string CheckCopy(const uint8_t* block, uint32_t copy, uint32_t bit, bool* valid) {
  SegmentHeader read;
  uint32_t version = 0;
  *valid = CheckSegmentHeader(block, copy, &read, &version) == HeaderState::kValid;
  if (!*valid) return "";
  if (version == 0 || version > kFormatVersion) return "a version that there is not is valid";
  if (read.first_lsn <= read.previous_lsn || read.first_lsn > kMaxLsn) return "LSNs out of bounds are valid";
  SegmentHeader unused;
  if (CheckSegmentHeader(block, 1 - copy, &unused, &version) == HeaderState::kValid) return "it is valid as the other copy";
  Input damaged(block, block + header::kCopyBytes);
  bit = bit % static_cast<uint32_t>(header::kCopyBytes * 8);
  damaged[bit / 8] = static_cast<uint8_t>(damaged[bit / 8] ^ (1u << (bit % 8)));
  if (CheckSegmentHeader(damaged.data(), copy, &unused, &version) == HeaderState::kValid) {
    return "it is valid with bit " + std::to_string(bit) + " changed";
  }
  Input encoded(header::kCopyBytes);
  Input again(header::kCopyBytes);
  EncodeSegmentHeader(read, copy, encoded.data());
  if (CheckSegmentHeader(encoded.data(), copy, &unused, &version) != HeaderState::kValid) return "encoded again, it is not valid";
  EncodeSegmentHeader(unused, copy, again.data());
  return encoded == again ? "" : "encoded again, it says something else";
}

// Errors that files may cause, and no others.
bool MayEndWith(const Status& status) {
  return status.ok() || status.code() == ErrorCode::kNewerFormat || status.code() == ErrorCode::kNotALog ||
         status.code() == ErrorCode::kCorrupt;
}

std::string CheckLog(const Files& files, bool any_valid) {
  testing::MemoryWorld world;
  world.Put(SegmentName(1), files.segment);
  world.Put(kIdentityName, files.identity);
  Inspection inspection;
  const Status inspected = InspectPath(world.environment(), "wal", &inspection);
  if (!MayEndWith(inspected)) return "inspect: " + inspected.message();
  if (any_valid && inspected.code() == ErrorCode::kNewerFormat) return "a segment with a sound header is called newer";
  LogFigures figures;
  const Status looked = LookAtFigures(world.environment(), "wal", &figures);
  if (!MayEndWith(looked)) return "figures: " + looked.message();
  std::unique_ptr<Log> log;
  const Status opened = Log::Open(world.environment(), testing::SmallLogOptions(), &log);
  if (!MayEndWith(opened)) return "open: " + opened.message();
  if (!opened.ok()) return "";
  uint64_t lsn = 0;
  const ErrorCode appended = log->Append(1, Bytes("u", 1), Bytes("p", 1), 1, &lsn);
  if (appended != ErrorCode::kOk) {
    // The numbers are used up.
    return log->last_lsn() >= kMaxLsn - 1 ? "" : std::string("append: ") + kErrorCodeNames[static_cast<int>(appended)];
  }
  if (lsn == 0 || lsn > kMaxLsn) return "an entry has LSN " + std::to_string(lsn);
  while (log->writer()->Step()) {
  }
  return log->durable_lsn() == lsn ? "" : "what was appended is not durable";
}

Verdict Check(Bytes input) {
  Verdict verdict;
  const Dials dials = DialsOf(input);
  const Files files = FilesOf(dials);
  bool any_valid = false;
  for (uint32_t copy = 0; copy < header::kCopies; copy++) {
    bool valid = false;
    verdict.wrong = CheckCopy(files.segment.data() + copy * header::kCopyBytes, copy, dials.first, &valid);
    if (!verdict.wrong.empty()) return verdict;
    any_valid = any_valid || valid;
  }
  LogId id{};
  uint32_t version = 0;
  const bool is_identity = CheckIdentity(files.identity.data(), &id, &version) == HeaderState::kValid;
  verdict.deep = any_valid;
  if (is_identity) {
    Input damaged = files.identity;
    const uint32_t bit = dials.first % (identity::kBytes * 8);
    damaged[bit / 8] = static_cast<uint8_t>(damaged[bit / 8] ^ (1u << (bit % 8)));
    if (CheckIdentity(damaged.data(), &id, &version) == HeaderState::kValid) {
      verdict.wrong = "log.id is valid with bit " + std::to_string(bit) + " changed";
      return verdict;
    }
  }
  verdict.wrong = CheckLog(files, any_valid);
  return verdict;
}

// Encodes what each copy says, so that its checksum fits; a version or magic number that is wrong stays so.
void Mend(Dice* dice, Input* input) {
  const Dials dials = DialsOf(Bytes(input->data(), input->size()));
  Files files = FilesOf(dials);
  Input mended = WithDials(dials.first, dials.second, Input());
  for (uint32_t copy = 0; copy < header::kCopies; copy++) {
    uint8_t* const block = files.segment.data() + copy * header::kCopyBytes;
    if (!dice->Once(16)) {
      if (!dice->Once(8)) Store(block + header::kCopyAt, copy);
      MendHeaderCopy(block);
    }
    Append(Bytes(block, header::kUsedBytes), &mended);
  }
  if (!dice->Once(16)) MendIdentity(files.identity.data());
  Append(files.identity, &mended);
  *input = std::move(mended);
}

std::vector<Input> Seeds() {
  std::vector<Input> seeds;
  SegmentHeader header = PlainHeader();
  for (int variant = 0; variant < 4; variant++) {
    if (variant == 1) header.first_lsn = kMaxLsn;
    if (variant == 2) header.kind = FileKind::kCheckpoint;
    if (variant == 3) header.number = 2;
    Input copies(kSegmentDataAt);
    EncodeHeaderCopies(header, copies.data());
    Input identity(identity::kBytes);
    EncodeIdentity(header.log_id, identity.data());
    Input bytes(copies.begin(), copies.begin() + header::kUsedBytes);
    Append(Bytes(copies.data() + header::kCopyBytes, header::kUsedBytes), &bytes);
    Append(identity, &bytes);
    seeds.push_back(WithDials(static_cast<uint32_t>(variant) * 97, 0, bytes));
  }
  return seeds;
}

}  // namespace

const FuzzTarget kHeaderTarget = {"header", Dials::kBytes + kInputBytes, Check, Mend, Seeds};

}  // namespace fuzz
}  // namespace ingest_wal
