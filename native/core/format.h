// THE on-disk format. Every size, offset and magic number of a log's files is stated here and nowhere
// else; docs/format.md draws the same tables. Integers are little endian.
//
//   directory   log.id                  which log this is
//               LOCK                    locked while a writer lives; empty
//               0000000000000001.wal    segment 1 (16 decimal digits), then 2, 3, ...
//               0000000000000001.wal.gz the same, compressed
//               0000000000000001.ckpt   checkpoint 1, then 2, 3, ...: what recovery needs of the segments up to one
//               *.tmp                   being made; never part of the log
//               quarantine/             copies of what was cut or passed over
//
//   segment     | header copy 0 | header copy 1 | record | record | ... | seal mark | seal mark |
//               0               4096            8192
//
// A record is an entry or a mark, starts at a multiple of 8, and is checked with the segment's salt, its
// number and the record's own offset: bytes of another segment, or of another place, are never a record.
//
// A checkpoint is a sealed file of the same form, with gaps between its LSNs.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ingest_wal {

// Version 2 added the short entry and the user record, version 3 checkpoints; segments of all versions are read.
constexpr uint32_t kFormatVersion = 3;

// --- Segment header: two equal copies (but for the copy's number), each filling a block of its own, so that no
// single damaged sector takes the salt away, without which no record can be checked.
//
//   0        8         12         16       32       40     48          56             64        68     72        80
//   | magic  | version | checksum | log id | number | salt | first LSN | previous LSN | prev.   | copy | created | planned |
//   | u64    | u32     | u32      | 16     | u64    | u64  | u64       | u64          | chk u32 | u32  | i64 ms  | u64     |
//
//   88            96              104    108    112               120           128                132    136       144
//   | former salt | former number | kind | zero | covered segment | covered LSN | covered checksum | zero | entries |
//   | u64         | u64           | u32  | u32  | u64             | u64         | u32              | u32  | u64     |
//
// then zeros up to 4096. Former: of the segment that the file was before, whose records stand where this one has not
// written yet; zeros when it was none. From covered segment on: of a checkpoint, zeros in a segment. Checksum: CRC32C of
// bytes [0, 12) and [16, 4096).
namespace header {
constexpr uint64_t kMagic = 0x314c415754534749;  // "IGSTWAL1"
constexpr size_t kMagicAt = 0;
constexpr size_t kVersionAt = 8;
constexpr size_t kChecksumAt = 12;
constexpr size_t kLogIdAt = 16;
constexpr size_t kNumberAt = 32;
constexpr size_t kSaltAt = 40;
constexpr size_t kFirstLsnAt = 48;
constexpr size_t kPreviousLsnAt = 56;
constexpr size_t kPreviousChecksumAt = 64;
constexpr size_t kCopyAt = 68;
constexpr size_t kCreatedAt = 72;
constexpr size_t kPlannedBytesAt = 80;
constexpr size_t kFormerSaltAt = 88;
constexpr size_t kFormerNumberAt = 96;
constexpr size_t kKindAt = 104;
constexpr size_t kCoveredSegmentAt = 112;
constexpr size_t kCoveredLsnAt = 120;
constexpr size_t kCoveredChecksumAt = 128;
constexpr size_t kEntriesAt = 136;
constexpr size_t kUsedBytes = 144;
constexpr size_t kCopyBytes = 4096;
constexpr size_t kCopies = 2;
}  // namespace header

// What a file in the form of a segment is.
enum class FileKind : uint32_t { kSegment = 0, kCheckpoint = 1 };
constexpr uint32_t kLastFileKind = static_cast<uint32_t>(FileKind::kCheckpoint);

constexpr size_t kLogIdBytes = 16;
constexpr uint64_t kSegmentDataAt = header::kCopyBytes * header::kCopies;

// --- Entry
//
//   0       4         8     16        20      22     24         28        32         36          44
//   | magic | header  | LSN | payload | user  | zero | sequence | user id | body     | timestamp | user id | operation | payload | pad | footer |
//   | u32   | chk u32 | u64 | u32     | u16   | u16  | u32      | chk u32 | chk u32  | i64 ms    | ...     | u8        | ...     | 0.. | u32    |
//   |<------------------------- header ---------------------------------->| checksum |
//
// Body checksum: CRC32C of [8, 32) and of [36, end). It knows no position, so it is made when the entry is
// staged. Header checksum: CRC32C of salt, segment number, record offset and [8, 36); it is made when
// the entry is placed in a segment. Pad brings the record to a multiple of 8; the footer repeats its size.
namespace entry {
constexpr uint32_t kMagic = 0x454c4157;  // "WALE"
constexpr size_t kMagicAt = 0;
constexpr size_t kHeaderChecksumAt = 4;
constexpr size_t kLsnAt = 8;
constexpr size_t kPayloadBytesAt = 16;
constexpr size_t kUserIdBytesAt = 20;
constexpr size_t kZeroAt = 22;
constexpr size_t kSequenceAt = 24;
constexpr size_t kUserIdChecksumAt = 28;
constexpr size_t kBodyChecksumAt = 32;
constexpr size_t kTimestampAt = 36;
constexpr size_t kUserIdAt = 44;
constexpr size_t kOperationBytes = 1;
constexpr size_t kFooterBytes = 4;
}  // namespace entry

// --- Short entry: the same content where the user has a number in the segment (a user record says whose), the
// payload is small and the time is of our age. Most entries are.
//
//   0       2         4        8          12           16            20         24      32
//   | magic | payload | header | body     | LSN offset | user number | sequence | facts | payload | pad |
//   | u16   | u16     | chk u32| chk u32  | u32        | u32         | u32      | u64   | ...     | 0.. |
//
// LSN offset: LSN minus the segment's first. Facts: bits 0 to 43 the timestamp in ms, 44 to 47 the operation, 48 to 63
// the low half of CRC32C of the user id, by which a damaged entry still proves whose it was. Body checksum: CRC32C of
// [12, end). Header checksum: CRC32C of salt, segment number, record offset, [8, 32) and [0, 4).
namespace short_entry {
constexpr uint16_t kMagic = 0x7377;  // "ws"
constexpr size_t kMagicAt = 0;
constexpr size_t kPayloadBytesAt = 2;
constexpr size_t kHeaderChecksumAt = 4;
constexpr size_t kBodyChecksumAt = 8;
constexpr size_t kLsnOffsetAt = 12;
constexpr size_t kUserNumberAt = 16;
constexpr size_t kSequenceAt = 20;
constexpr size_t kFactsAt = 24;
constexpr size_t kPayloadAt = 32;
constexpr int kOperationShift = 44;
constexpr int kUserCheckShift = 48;
constexpr int64_t kMaxTimestampMs = (int64_t{1} << kOperationShift) - 1;
constexpr size_t kMaxPayloadBytes = 65535;
}  // namespace short_entry

// --- User record: says which user a number stands for, in this segment only. It stands before the first short entry of
// the user, again at the end of the batch, and, when those lie close together, once more further on: no single damaged
// block takes a user's name away.
//
//   0       4     8        12      14     16
//   | magic | chk | number | bytes | zero | user id | pad |
//   | u32   | u32 | u32    | u16   | u16  | ...     | 0.. |
//
// Checksum: CRC32C of salt, segment number, record offset and [8, end).
namespace user_record {
constexpr uint32_t kMagic = 0x554c4157;  // "WALU"
constexpr size_t kMagicAt = 0;
constexpr size_t kChecksumAt = 4;
constexpr size_t kNumberAt = 8;
constexpr size_t kUserIdBytesAt = 12;
constexpr size_t kZeroAt = 14;
constexpr size_t kUserIdAt = 16;
// Longer ids get no number. Small, because the checksum is what vouches for the length.
constexpr size_t kMaxUserIdBytes = 256;
constexpr uint32_t kMaxNumber = uint32_t{1} << 20;
// Two copies of a user record that have so much between them share no block.
constexpr uint64_t kApartBytes = 4096;
}  // namespace user_record

// --- Mark: written before each batch, behind the last batch when nothing follows it, and twice as a seal. It
// proves what was on stable storage when it was made, which is how a torn tail is told from damage.
//
//   0       4     8          16            24          32              36            40     41
//   | magic | chk | next LSN | durable LSN | timestamp | batch entries | batch bytes | kind | zero |
//   | u32   | u32 | u64      | u64         | i64 ms    | u32           | u32         | u8   | 7    |
//
// Checksum: CRC32C of salt, segment number, record offset and [8, 48).
namespace mark {
constexpr uint32_t kMagic = 0x4d4c4157;  // "WALM"
constexpr size_t kMagicAt = 0;
constexpr size_t kChecksumAt = 4;
constexpr size_t kNextLsnAt = 8;
constexpr size_t kDurableLsnAt = 16;
constexpr size_t kTimestampAt = 24;
constexpr size_t kBatchEntriesAt = 32;
constexpr size_t kBatchBytesAt = 36;
constexpr size_t kKindAt = 40;
constexpr size_t kZeroAt = 41;
constexpr size_t kBytes = 48;
}  // namespace mark

// --- log.id: names the log, so that a foreign segment is known even when every segment is damaged.
//
//   0       8         12         16       32
//   | magic | version | checksum | log id | zeros up to 64 |
//   Checksum: CRC32C of [0, 12) and [16, 64).
namespace identity {
constexpr uint64_t kMagic = 0x31444957534e4749;  // "IGNSWID1"
constexpr size_t kMagicAt = 0;
constexpr size_t kVersionAt = 8;
constexpr size_t kChecksumAt = 12;
constexpr size_t kLogIdAt = 16;
constexpr size_t kBytes = 64;
}  // namespace identity

// --- Compressed segment: a sealed segment as a row of gzip members, which any gunzip makes one file of. Each but the last
// three is a block: it holds the next kBlockBytes bytes of the segment (the last of them the rest), so that a place is found
// without what lies before it. Then two parity members, which are empty and carry in their extra fields what makes a damaged
// block good, one for blocks 0, 2, 4, … and one for 1, 3, 5, …, that of the last block second: so a damaged sector, which
// can lie across two members, costs nothing.
// Then an empty member as an end mark. Every member says its own size in the way of BGZF.
//
//   0       4      8       10      12    14      16       18
//   | magic | time | flags | extra | BC  | BC    | member | parity field | deflate | CRC-32 | bytes |
//   | u32   | u32  | u16   | bytes | u16 | bytes | bytes  | ...          | ...     | u32    | u32   |
//   |       |      |       | u16   |     | u16   | -1 u16 |
//
// Parity field (parity members only):
//
//   18    20      22          26       30       38      42
//   | IP  | field | CRC-32 of | blocks | length | which | parity |
//   | u16 | bytes | the rest  | u32    | u64    | u32   | ...    |
//   |     | u16   | u32       |        |        |       |        |
//
// Length: bytes of the segment. Which: 0 or 1, the remainder of its blocks' numbers by two. Parity: the exclusive or of these
// blocks' members, each from its first byte on, as long as the longest of them, and of 0xff for each byte, so that the parity
// of a single member does not look like one.
namespace compressed {
constexpr uint32_t kMagic = 0x04088b1f;  // gzip, deflate, with an extra field
constexpr size_t kMagicAt = 0;
constexpr size_t kTimeAt = 4;
constexpr size_t kFlagsAt = 8;
constexpr uint16_t kFlags = 0xff00;  // none, of no known system
constexpr size_t kExtraBytesAt = 10;
constexpr size_t kSizeFieldAt = 12;
constexpr uint32_t kSizeField = 0x00024342;  // "BC", two bytes
constexpr size_t kMemberBytesAt = 16;
constexpr size_t kDeflateAt = 18;
constexpr size_t kTrailerBytes = 8;
constexpr size_t kMaxMemberBytes = 65536;
constexpr size_t kMinMemberBytes = 28;  // an empty one
constexpr size_t kBlockBytes = 60000;
constexpr size_t kParityFieldAt = 18;
constexpr uint16_t kParityField = 0x5049;  // "IP"
constexpr size_t kParityFieldBytesAt = 20;
constexpr size_t kParityChecksumAt = 22;
constexpr size_t kParityBlocksAt = 26;
constexpr size_t kParityLengthAt = 30;
constexpr size_t kParityWhichAt = 38;
constexpr size_t kParityAt = 42;
constexpr size_t kParities = 2;
constexpr size_t kMaxMembers = 71586;       // of a file: the largest segment's blocks, the parities and the end mark
constexpr int kMaxMadeGoodByParity = 2;     // with more damaged blocks under it, none is
constexpr int kMaxDamagedMembers = 64;  // so many are looked for before the file is given up, so that one of noise is soon
}  // namespace compressed

constexpr size_t kRecordAlignment = 8;
constexpr size_t kMaxUserIdBytes = 65535;
constexpr size_t kMaxPayloadBytes = size_t{64} << 20;
constexpr uint64_t kMinSegmentBytes = uint64_t{64} << 10;
constexpr uint64_t kMaxSegmentBytes = uint64_t{4} << 30;
// The largest integer up to which JavaScript numbers are exact.
constexpr uint64_t kMaxLsn = (uint64_t{1} << 53) - 1;

enum class Operation : uint8_t {
  kStartBuffer = 1,
  kAddMeasurement = 2,
  kEndBuffer = 3,
  kCheckpoint = 4,
  kCommit = 5,
  kRollback = 6,
};
constexpr uint8_t kLastOperation = static_cast<uint8_t>(Operation::kRollback);

enum class MarkKind : uint8_t { kBatch = 1, kIdle = 2, kSealFirst = 3, kSealSecond = 4 };
constexpr uint8_t kLastMarkKind = static_cast<uint8_t>(MarkKind::kSealSecond);

constexpr size_t PaddedBytes(size_t bytes) { return (bytes + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment; }

// Size of a whole entry record.
constexpr size_t EntryRecordBytes(size_t user_id_bytes, size_t payload_bytes) {
  return PaddedBytes(entry::kUserIdAt + user_id_bytes + entry::kOperationBytes + payload_bytes + entry::kFooterBytes);
}
constexpr size_t ShortEntryRecordBytes(size_t payload_bytes) { return short_entry::kPayloadAt + PaddedBytes(payload_bytes); }
constexpr size_t UserRecordBytes(size_t user_id_bytes) { return user_record::kUserIdAt + PaddedBytes(user_id_bytes); }
constexpr size_t kMaxEntryRecordBytes = EntryRecordBytes(kMaxUserIdBytes, kMaxPayloadBytes);
// Kept free behind the last batch of a segment: one idle mark, the seal, and a word more, so that a file ends exactly
// behind its seal only when it was cut there, which is done after the seal was synced.
constexpr size_t kSealBytes = 2 * mark::kBytes;
constexpr size_t kTailReserveBytes = kSealBytes + mark::kBytes + kRecordAlignment;

static_assert(header::kUsedBytes <= header::kCopyBytes);
static_assert(kSegmentDataAt % kRecordAlignment == 0);
static_assert(mark::kBytes % kRecordAlignment == 0);
static_assert(mark::kZeroAt + 7 == mark::kBytes);
static_assert(entry::kUserIdChecksumAt + 4 == entry::kBodyChecksumAt, "the header checksum covers both in one run");
static_assert(EntryRecordBytes(0, 0) == 56 && EntryRecordBytes(3, 0) == 56 && EntryRecordBytes(8, 0) == 64);
static_assert(short_entry::kMagic != (entry::kMagic & UINT16_MAX), "the first two bytes tell what a record is");
static_assert(short_entry::kPayloadAt % kRecordAlignment == 0 && user_record::kUserIdAt % kRecordAlignment == 0);
static_assert(kLastOperation < 1 << (short_entry::kUserCheckShift - short_entry::kOperationShift));
static_assert(kMaxUserIdBytes <= UINT16_MAX && kMaxPayloadBytes <= UINT32_MAX);
static_assert(kMinSegmentBytes > kSegmentDataAt + kTailReserveBytes + mark::kBytes);

}  // namespace ingest_wal
