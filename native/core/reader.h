// Entries in LSN order, chunk by chunk, from every segment and then from the staging ring. Pull-based: the caller
// decides when the next chunk is read, and on which thread. Holds one window of one segment and one chunk at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base_walk.h"
#include "damage.h"
#include "directory_scan.h"
#include "plain_array.h"
#include "platform/file_system.h"
#include "staging_ring.h"
#include "user_table.h"

namespace ingest_wal {

// A log is read as history: everything that is there, each LSN once, an entry of a checkpoint only where no segment has it
// any more. Or as what is live: the base, the segments behind it, the ring, which is what recovery and compaction need.
struct ReadOptions {
  uint64_t from_lsn = 1;
  bool stop_at_damage = false;
  bool live = false;
  uint64_t through_segment = 0;  // ends behind this segment, without the ring; 0: goes on to the end

  Extent extent() const { return live ? Extent::kLive : Extent::kAll; }
};

// One entry of a chunk, as it goes to JavaScript: all of it numbers that a double holds exactly.
struct ChunkEntry {
  double lsn;
  double timestamp_ms;
  double operation;
  double sequence;
  double segment;     // 0: in the ring; minus its number: in a checkpoint
  double offset;
  double user;        // its number: users of a reader are numbered as they are met
  double payload_at;  // in the chunk's bytes, a multiple of 8
  double payload_bytes;
};

struct Chunk {
  PlainArray<uint8_t> bytes;  // payloads; the size is a multiple of 8
  PlainArray<ChunkEntry> entries;
  // Ids of the users met first in this chunk; the first of them has the number `first_user`. 0: numbers begin anew.
  std::vector<std::string> users;
  size_t first_user = 0;
  std::vector<Damage> damage;  // passed over since the last chunk, before or among its entries

  void Clear();
};

class Reader {
 public:
  // What may be delivered: entries up to `proven` wherever they are sound; beyond it the unbroken rest, up to `last`.
  struct Limits {
    uint64_t proven = 0;
    uint64_t last = UINT64_MAX;
    // What RejectionsOf() says of a pass over all of the log: these segments are not read.
    std::vector<Damage> rejected;
    // `proven` is only what headers and ring say. Marks of the last segment may prove more: it is asked when that matters.
    bool marks_may_prove_more = false;
  };

  // `headers` is what ReadHeaders() found in `directory`. The entries come with Next().
  static void Open(std::unique_ptr<Directory> directory, DirectoryScan headers, const ReadOptions& options,
                   const Limits& limits, RingContents ring, std::unique_ptr<Reader>* reader);
  // A reader over an open log: what is in its segments and then in its ring, up to limits.last. Touches nothing yet: the
  // directory and the ring are read with the first Next(), on the thread of that. `ring` may outlive the log.
  static std::unique_ptr<Reader> Of(FileSystem* files, std::string path, const ReadOptions& options, const Limits& limits,
                                    std::shared_ptr<SharedRegion> ring);
  // One segment or checkpoint on its own.
  static Status OpenFile(std::unique_ptr<Directory> directory, const std::string& file, const ReadOptions& options,
                            std::unique_ptr<Reader>* reader);

  // Fills `chunk` with what comes next; an empty chunk without damage is the end.
  Status Next(Chunk* chunk);

  // An entry of the chunk that Next() gave last. It points into the chunk and this reader: valid until the next call.
  Entry EntryOf(const Chunk& chunk, size_t index) const;

  // Every LSN up to here was delivered, given up, or reported.
  uint64_t accounted_lsn() const { return accounted_; }

 private:
  Reader(std::unique_ptr<Directory> directory, const ReadOptions& options, const Limits& limits, RingContents ring);

  Status Prepare();
  Status ReadOn(Chunk* chunk);
  Status OpenNext(Chunk* chunk, bool* opened);
  Status LookAgain();
  bool IsFull(const Chunk& chunk) const;
  void TellRejections(Chunk* chunk);
  // Opens the next segment of those that are covered or of the others.
  Status OpenNextSegment(bool covered, bool* opened);
  Status ReadSegment(Chunk* chunk);
  Status ReadCoveredSegment(Chunk* chunk);
  // Delivers what the base has before entry `until`.
  Status ReadBase(uint64_t until, Chunk* chunk);
  Status ReadRestOfBase(Chunk* chunk);
  void CloseSegment();
  void ReadRing(Chunk* chunk);
  Status TakeFindings(bool at_end, Chunk* chunk);
  Status FindProven(bool at_end);
  void NoteMissing(uint64_t until_lsn, const SegmentScan& segment, Chunk* chunk);
  void NoteMissingAtEnd(Chunk* chunk);
  uint32_t UserOf(const Entry& entry, bool is_numbered, Chunk* chunk);
  void Deliver(const Entry& entry, uint32_t user, double segment, uint64_t offset, Chunk* chunk);
  // What costs nothing stops nobody: an opening does not end the log before it either, and entries are logged behind it.
  bool Stopped(const Chunk& chunk) const {
    const auto costs_entries = [](const Damage& damage) { return damage.last_lsn != 0; };
    return options_.stop_at_damage && std::any_of(chunk.damage.begin(), chunk.damage.end(), costs_entries);
  }

  // What Of() leaves for the first Next(); null after it.
  struct Pending {
    FileSystem* files;
    std::string path;
    std::shared_ptr<SharedRegion> ring;
  };
  std::unique_ptr<Pending> pending_;

  std::unique_ptr<Directory> directory_;
  const ReadOptions options_;
  Limits limits_;
  RingContents ring_;
  DirectoryScan scan_;
  std::unique_ptr<BaseWalk> base_;  // until all of it was delivered
  bool base_opened_ = false;
  int looks_ = 0;  // at the directory, because a file was gone
  size_t index_ = 0;  // of the segment to open next
  std::unique_ptr<SegmentSource> source_;
  std::unique_ptr<SegmentCursor> cursor_;
  size_t findings_taken_ = 0;
  // The entry of a covered segment that waits for what the base has before it.
  SegmentCursor::Located waiting_;
  bool has_waiting_ = false;
  UserTable users_;
  size_t new_user_bytes_ = 0;  // of ids in the chunk being filled
  // How large the last chunk was: what to make room for at once.
  size_t last_bytes_ = 0;
  size_t last_entries_ = 0;
  uint64_t accounted_ = 0;
  size_t ring_at_ = 0;  // in ring_.staged
  bool rejections_told_ = false;
  bool done_ = false;
};

}  // namespace ingest_wal
