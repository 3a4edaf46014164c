// How an entry looks while it is staged in the ring: plain numbers that an appender can store one by one, no checksum.
// The writer makes records of it. lib/wal/ring-appender.ts stores the same bytes from JavaScript; the constants reach it
// through the native module.
//
//   0       4       8     16          24     28          30        32        36         40
//   | magic | bytes | LSN | timestamp | user | operation | user id | payload | sequence | user id | payload |
//   | u32   | u32   | f64 | f64 ms    | u32  | u16       | bytes   | bytes   | u32      | padded  | padded  |
//   |       |       |     |           |      |           | u16     | u32     |          |         |         |
//
// Bytes: of all of it, a multiple of 8. User id and payload each begin at a multiple of 8.
// What vouches for the bytes is that the ring's head was moved behind them only when they were whole; a process that
// dies cannot tear them. A look at the structure is kept all the same, for what no process should ever do.
#pragma once

#include <cstdint>

#include "record.h"

namespace ingest_wal {

namespace staged {
constexpr uint32_t kMagic = 0x47545357;         // "WSTG"
constexpr uint32_t kPaddingMagic = 0x50474e52;  // "RNGP": the rest of the lap is empty
constexpr size_t kMagicAt = 0;
constexpr size_t kBytesAt = 4;
constexpr size_t kLsnAt = 8;
constexpr size_t kTimestampAt = 16;
constexpr size_t kUserNumberAt = 24;
constexpr size_t kOperationAt = 28;
constexpr size_t kUserIdBytesAt = 30;
constexpr size_t kPayloadBytesAt = 32;
constexpr size_t kSequenceAt = 36;
constexpr size_t kUserIdAt = 40;
}  // namespace staged

constexpr size_t StagedEntryBytes(size_t user_id_bytes, size_t payload_bytes) {
  return staged::kUserIdAt + PaddedBytes(user_id_bytes) + PaddedBytes(payload_bytes);
}
// What a staged entry takes beyond its user id and payload, at most.
constexpr size_t kStagedOverheadBytes = staged::kUserIdAt + 2 * kRecordAlignment;

// Writes StagedEntryBytes(...) bytes to memory that is aligned to 8.
void StageEntry(const Entry& entry, uint8_t* to);

// What the staged entry at the beginning of `window` says. False when it is none.
bool ReadStaged(Bytes window, Entry* entry, size_t* bytes);

}  // namespace ingest_wal
