/**
 * The surface of the native module, kept by hand. `test/contract/binding.test.ts` holds it against the
 * loaded module in both directions: an export that is missing here or there fails.
 *
 * Nothing here is public API. `lib/native.ts` is the only importer; `lib/wal` turns it into `Wal`.
 * Times are milliseconds since the Unix epoch; LSNs are JS-safe integers, 0 meaning "none".
 */

/** package.json's version at the time the module was built. */
export const version: string
/** Version of the on-disk format that this module writes, and the newest that it reads. */
export const formatVersion: number
/** Which CRC32C was chosen at run time. */
export const crc32cImplementation: 'sse42' | 'arm64' | 'portable'
/** Name -> number of every operation an entry can carry. */
export const operations: Readonly<Record<string, number>>
/** Error codes of `native/core/status.h`, in order; the code of `ERR_WAL_X` is its index. */
export const errorCodes: readonly string[]
/** The kinds of damage that `NativeDamage.kind` names; from `damage.h`. */
export const damageKinds: readonly string[]
/** Sizes that callers need to check input before it crosses into native code; from `format.h`. */
export const limits: Readonly<{
  maxUserIdBytes: number
  maxPayloadBytes: number
  minSegmentBytes: number
  maxSegmentBytes: number
  minQueueBytes: number
  maxQueueBytes: number
  /** Bytes that an entry takes beyond its user id and payload, padding included (upper bound). */
  entryOverheadBytes: number
  segmentHeaderBytes: number
}>
/** Where the parts of the staging ring and of an entry staged in it are, and the numbers that tell them; from `staging_ring.h`. */
export const ringLayout: Readonly<Record<string, number>>
/** Where the parts of a compressed segment's members are, and the numbers that tell them; from `format.h`. */
export const compressedLayout: Readonly<{
  magic: number
  flagsAt: number
  flags: number
  extraBytesAt: number
  sizeFieldAt: number
  sizeField: number
  memberBytesAt: number
  deflateAt: number
  trailerBytes: number
  blockBytes: number
  parities: number
  parityField: number
  parityFieldAt: number
  parityFieldBytesAt: number
  parityChecksumAt: number
  parityBlocksAt: number
  parityLengthAt: number
  parityWhichAt: number
  parityAt: number
}>
/** Names of the numbers that `NativeChunk.columns` holds for each entry, in order. */
export const entryColumns: readonly string[]

/** CRC32C (Castagnoli) of `bytes`, continued from `seed` (default 0). */
export function crc32c(bytes: Uint8Array, seed?: number): number

export interface NativeOpenOptions {
  directory: string
  segmentBytes: number
  batchIntervalMs: number
  batchBytes: number
  queueBytes: number
  requireKillSafe: boolean
  /** Whether a log is made where there is none (true). */
  create?: boolean
  onCorruption: 'skip' | 'stop' | 'fail'
  /** Called on the event loop, at most once per wake-up; look at the log to see what changed. */
  onWake: () => void
}

/** A damaged or missing stretch of the log. `firstLsn` 0: no entry is lost by it. */
export interface NativeDamage {
  /** See docs/format.md, "Damage". */
  kind: string
  /** Segment number by file name; 0 for the staging ring or the directory itself. */
  segment: number
  /** File name inside the log's directory; '' when there is no such file. */
  file: string
  offset: number
  endOffset: number
  firstLsn: number
  lastLsn: number
  /** LSN of the last whole entry before the damage, 0 when there is none. */
  previousLsn: number
  /** Users whose entries are lost, as far as the damaged bytes still prove it. */
  users: string[]
  detail: string
}

export interface NativeSegment {
  number: number
  file: string
  /** 'compressed': sealed, and compressed. 'unread': covered, and recovery had no need to look at it. */
  state: 'sealed' | 'compressed' | 'unsealed' | 'active' | 'rejected' | 'unread'
  /** On the disk. */
  fileBytes: number
  /** Offset after the last whole record; of a compressed one, in what it was before. */
  endOffset: number
  firstLsn: number
  lastLsn: number
  entries: number
  batches: number
  firstTimestamp: number
  lastTimestamp: number
  /** By the checkpoint that recovery begins with, which does not need this segment. */
  covered: boolean
}

/** A compacted copy of what recovery needs of all segments up to one. */
export interface NativeCheckpoint {
  number: number
  file: string
  /** 'base': recovery begins with it. 'backup': the one before, with which it would begin if the base were damaged. */
  state: 'base' | 'backup' | 'superseded' | 'damaged'
  fileBytes: number
  /** Number of the last segment that it stands for. */
  coveredSegment: number
  /** The last LSN that it stands for. */
  coveredLsn: number
  entries: number
  /** LSNs of its first and last entry; 0 when it has none, and at `open` where only its header was read. */
  firstLsn: number
  lastLsn: number
  /** When it was made. */
  created: number
}

export interface NativeTornTail {
  segment: number
  file: string
  offset: number
  /** Bytes from `offset` that were cut (trailing zeros not counted). */
  bytes: number
  /** Whole entries behind a hole, dropped because only a prefix may come back. */
  entries: number
}

/** What a pass over the directory and the staging ring found. */
export interface NativeScan {
  logId: string
  formatVersion: number
  segments: NativeSegment[]
  /** By number, the oldest first. */
  checkpoints: NativeCheckpoint[]
  damage: NativeDamage[]
  tornTail: NativeTornTail | null
  /** Highest LSN that comes back (or that is proven to have existed). */
  lastLsn: number
  /** Every LSN up to this one is proven to have been on stable storage. */
  provenLsn: number
  /** Entries that recovery reads: of the base, of the segments that it does not cover, and of the ring. */
  entries: number
  bytes: number
  /** The staging ring of a live or a dead writer. */
  ring: { found: boolean; firstLsn: number; lastLsn: number; entries: number }
  /** A writer holds the directory's lock right now. */
  live: boolean
}

/** What `open` did to get going again. */
export interface NativeRecovery extends NativeScan {
  /** Entries that existed only in the ring (or in an unproven tail) and were written and synced again. */
  carriedEntries: number
  ringTakenOver: boolean
  /** The log was closed cleanly by its last writer, or is new. */
  clean: boolean
  created: boolean
  durationMs: number
}

export interface NativeEvent {
  kind: 'rotate' | 'degraded' | 'resumed' | 'failed' | 'corruption'
  segment: number
  lsn: number
  code: string
  errno: number
  message: string
}

export interface NativeStats {
  logId: string
  lastLsn: number
  durableLsn: number
  killSafe: boolean
  state: 'ok' | 'degraded' | 'failed' | 'closed'
  queueBytes: number
  queueCapacityBytes: number
  segment: number
  segmentOffset: number
  segmentBytes: number
  appends: number
  batches: number
  syncs: number
  writtenBytes: number
  /** Zeros written so that later writes find their space allocated; with `writtenBytes`, all that went to segments. */
  writtenAheadBytes: number
  /** Segments that were filled again instead of unlinked. */
  recycledSegments: number
  rotations: number
  wakeups: number
  backpressure: number
  preallocated: boolean
}

/** How often values fell into which bucket, since the log was opened. */
export interface NativeHistogram {
  /** Highest value of each bucket, ascending; what is above the last is counted in one bucket more. */
  bounds: Float64Array
  counts: Float64Array
  /** Of all values. */
  sum: number
}

/** Measured by the writer's thread: nanoseconds, entries, bytes. */
export interface NativeHistograms {
  syncNs: NativeHistogram
  /** From taking what is staged to its acknowledgement: writes and sync. */
  flushNs: NativeHistogram
  batchEntries: NativeHistogram
  batchBytes: NativeHistogram
}

/** What the header of a staging ring tells, and the figures of the writer that made it. */
export interface NativeRingFigures {
  lastLsn: number
  durableLsn: number
  queueBytes: number
  queueCapacityBytes: number
  state: 'ok' | 'degraded' | 'failed' | 'closed'
  /** When this writer began; counters and histograms count from then. 0: none has begun. */
  begun: number
  batches: number
  syncs: number
  writtenBytes: number
  rotations: number
  /** The one that it writes to, and how far. */
  segment: number
  segmentOffset: number
  histograms: NativeHistograms
}

/** What can be seen of a log at a glance. */
export interface NativeFigures {
  /** '' where nothing tells. */
  logId: string
  /** A writer holds the directory's lock right now. */
  live: boolean
  /** Compressed ones included. */
  segments: number
  compressedSegments: number
  checkpoints: number
  /** The newest that has a sound header. */
  checkpoint: { number: number; coveredLsn: number; created: number } | null
  /** Of a live or a dead writer; null: there is none, or it is another user's, or in the heap of its process. */
  ring: NativeRingFigures | null
}

/** One pull of a reader. Its memory is its own: the reader does not touch it again. */
export interface NativeChunk {
  /** Payloads, each at a multiple of 8; the length is one too. */
  bytes: Uint8Array
  /** `entryColumns.length` numbers an entry. `user` is the number of its user. */
  columns: Float64Array
  /** Ids of the users met first in this chunk. The first of them has the number `firstUser`, the others follow. */
  users: string[]
  /** 0: the numbers of users begin anew, and those of earlier chunks mean nothing any more. */
  firstUser: number
  damage: NativeDamage[]
}

export interface NativeReader {
  /**
   * Next entries in LSN order, null at the end. One call at a time; those that follow are read meanwhile, on another thread. The
   * memory of `spare`, an earlier chunk, is used again where it suffices: nobody may look at it any more.
   */
  next(spare?: NativeChunk): Promise<NativeChunk | null>
  /** Resolves when no thread reads the log any more. */
  close(): Promise<void>
}

export interface NativeReadOptions {
  fromLsn?: number
  /** Stop at the first damage instead of passing over it. */
  stopAtDamage?: boolean
  /**
   * What recovery needs, and no more: the base, the segments behind it, the ring. Without it, everything that is there: entries
   * of the base only where their segments are gone. `segment` of an entry that comes from a checkpoint is minus its number.
   */
  live?: boolean
  /** Ends behind this segment, without the ring. */
  throughSegment?: number
}

export interface NativeLog {
  readonly recovery: NativeRecovery
  /**
   * Stages one entry; returns its LSN. Never touches a file. Returns a negative error code index
   * (see `errorCodes`) when it is refused, having changed nothing.
   */
  append(operation: number, userId: string, payload: Uint8Array | null, sequence: number): number
  /**
   * The ring itself, laid out as `ringLayout` says, for an appender that stores entries by itself; it uses `append` no more.
   * Null where memory of another kind cannot be given to JavaScript.
   */
  ringMemory(): ArrayBuffer | null
  /** Wakes the writer, for such an appender; cheap when it is awake. */
  wakeWriter(): void
  /** True when `entries` entries of together `bytes` bytes of user ids and payloads would all be accepted now. */
  hasRoom(entries: number, bytes: number): boolean
  lastLsn(): number
  durableLsn(): number
  /** Asks the writer to flush at once and to call `onWake` when `lsn` is durable. */
  requestDurable(lsn: number): void
  /** Asks the writer to call `onWake` when at least half of the ring is free. */
  requestDrained(): void
  isDrained(): boolean
  /** Keeps the event loop alive (true) or not (false) for what the writer will report. */
  hold(on: boolean): void
  /** Rare happenings since the last call, oldest first. */
  takeEvents(): NativeEvent[]
  stats(): NativeStats
  histograms(): NativeHistograms
  /** A reader over everything appended before this call. */
  read(options?: NativeReadOptions): NativeReader
  /**
   * Asks for the active segment to be sealed, if it holds anything durable, and for the next one to be begun. Returns the
   * segment up to which all will be complete: `onWake` is called when `completeThrough()` has come there, with an event
   * 'rotate'. Nothing is waited for when it is there already.
   */
  rotate(): number
  /** The highest segment that is complete, as all before it: neither written nor sealed any more. */
  completeThrough(): number
  /**
   * Gives up a segment: its file is filled again or unlinked, by another thread, in the order of the calls. Throws
   * ERR_WAL_INVALID_ARGUMENT unless it is complete and the second newest checkpoint covers it.
   */
  retire(segment: number): void
  /**
   * Gives up the plain file of a segment that is there compressed as well. Throws ERR_WAL_INVALID_ARGUMENT unless it is complete
   * and the compressed one has a sound header, its seal and its parities; that all of it is right, the caller has seen.
   */
  retireUncompressed(segment: number): void
  /** Flushes, syncs, seals, removes the ring, releases the lock. Rejects when something could not be made durable. */
  close(): Promise<void>
}

/** Locks the directory (created when absent), recovers it and starts its writer thread. */
export function open(options: NativeOpenOptions): Promise<NativeLog>

/** Looks at a log's directory or at one segment file; changes nothing, takes no lock. */
export function scan(path: string): Promise<NativeScan>

/**
 * Looks at names, one header and the header of the staging ring, and reads nothing else; changes nothing, takes no lock.
 * Rejects as `scan` does, and with ERR_WAL_INVALID_ARGUMENT for a file.
 */
export function figures(path: string): Promise<NativeFigures>

/** Reads a log's directory (ring of a live writer included) or one segment file; changes nothing, takes no lock. */
export function read(path: string, options?: NativeReadOptions): Promise<NativeReader>

/**
 * What goes into a checkpoint. An entry is kept if its user is not in `users`, or its LSN is at least the user's
 * `keepFromLsn`, or its LSN is in `alsoLsns`.
 */
export interface NativeCheckpointPlan {
  directory: string
  /** The highest segment that it covers: it and all before it are complete, neither written nor sealed any more. */
  throughSegment: number
  /** Users of whom not everything is kept. Entries of all others are. */
  users: string[]
  /** Of each of `users`, from which LSN on everything is kept; Infinity: nothing. */
  keepFromLsn: Float64Array
  /** Kept besides, whosever they are; ascending. */
  alsoLsns: Float64Array
  /** Goes on without entries that are damaged or missing (false): a loss becomes final by it. For repair alone. */
  acceptsLosses?: boolean
  /** Keeps what is there of the history as well (false). */
  history?: boolean
  /** Its first value, when it is not 0, stops the writing. May be in shared memory. */
  abort?: Int32Array
}

/**
 * Writes the next checkpoint: reads the base and the segments behind it, writes a temporary file, syncs it, reads it back
 * from the device, and only then gives it its name. On a thread of its own; takes no lock: for the process that has the
 * log's lock, one call at a time. Rejects, having changed nothing: ERR_WAL_CORRUPT when entries that it would cover are
 * damaged or missing, ERR_WAL_INVALID_ARGUMENT when there is no such complete segment, ERR_WAL_CLOSED when it was stopped.
 */
export function writeCheckpoint(plan: NativeCheckpointPlan): Promise<NativeCheckpoint>
