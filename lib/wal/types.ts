/**
 * What the rest of the package knows of a log: its entries, and the few calls that buffers, replays and
 * recovery make. `lib/replay` and `lib/recovery` depend on this file and never on the log itself, so
 * that they run on any object of this shape.
 */
import type { NativeDamage } from '../../binding.js'

/** What an entry says happened. The numbers are those on disk (docs/format.md). */
export const Operation = Object.freeze({
  START_BUFFER: 1,
  ADD_MEASUREMENT: 2,
  END_BUFFER: 3,
  CHECKPOINT: 4,
  COMMIT: 5,
  ROLLBACK: 6,
} as const)

export type OperationName = keyof typeof Operation
export type Operation = (typeof Operation)[OperationName]

/**
 * The payload of an ADD_MEASUREMENT that is numbers alone (docs/format.md, "ADD_MEASUREMENT, numbers alone"): where each of
 * them lies, little endian, and how long it is without and with an origin.
 */
export const MeasurementPayload = Object.freeze({
  VERSION: 0xa2,
  /** u8: 1 when source and position follow, 0 when not. */
  ORIGIN_AT: 1,
  /** u32: number of the user's buffer, 0 for none. */
  BUFFER_AT: 4,
  /** f64: when it was measured, milliseconds since the Unix epoch. */
  TIMESTAMP_AT: 8,
  /** f64 */
  VALUE_AT: 16,
  /** u32 */
  SOURCE_AT: 24,
  /** f64 */
  POSITION_AT: 32,
  BYTES: 24,
  BYTES_WITH_ORIGIN: 40
} as const)

/** One entry as it comes back from the log. */
export interface Entry {
  /** Log sequence number: consecutive from 1. */
  lsn: number
  /** Wall-clock time of the append, milliseconds since the Unix epoch. */
  timestamp: number
  operation: Operation
  userId: string
  /**
   * The bytes given to `append`: a view that keeps its chunk of the log (about 1 MB) in memory. `payload.slice()` is a copy
   * for those who keep a few.
   */
  payload: Uint8Array
  /** The user's own running number (1, 2, 3, …), 0 where the appender keeps none. */
  sequence: number
  /** Number of the segment that holds the entry; 0 while it is only staged; minus the number of the checkpoint that holds it. */
  segment: number
  /** Byte offset of the entry in that file. */
  offset: number
}

/**
 * Consecutive entries of a log, without an object for each: `index` is from 0 to `length - 1`, and is not checked. A chunk is
 * memory of its own: it and what it gave stay valid for as long as they are held, and each view of a payload holds all of it
 * (payloads of about 1 MB, 72 bytes an entry).
 */
export interface EntryChunk {
  readonly length: number
  /** Ids of users, by number. Chunks that have the same array number users alike; it may name users of other chunks. */
  readonly users: readonly string[]
  lsn(index: number): number
  /** Wall-clock time of the append, milliseconds since the Unix epoch. */
  timestamp(index: number): number
  operation(index: number): Operation
  /** Number of the entry's user: its place in `users`. A user may have more than one. */
  user(index: number): number
  userId(index: number): string
  sequence(index: number): number
  /** Number of the segment that holds the entry; 0 while it is only staged; minus the number of the checkpoint that holds it. */
  segment(index: number): number
  /** Byte offset of the entry in that file. */
  offset(index: number): number
  /** A view of the bytes given to `append`. */
  payload(index: number): Uint8Array
  payloadBytes(index: number): number
  /** A number out of the payload, `at` bytes behind its begin, little endian. Whether it lies within is not checked. */
  payloadUint8(index: number, at: number): number
  payloadUint32(index: number, at: number): number
  payloadFloat64(index: number, at: number): number
  /** Whether the entry is a measurement of numbers alone, which the next two read. */
  isMeasurement(index: number): boolean
  /** When it was measured, milliseconds since the Unix epoch. */
  measurementTimestamp(index: number): number
  measurementValue(index: number): number
  /** The entry as an object. */
  entry(index: number): Entry
}

/** A stretch of the log that is damaged or missing. */
export type Damage = NativeDamage

export interface EntriesOptions {
  /** First LSN to yield (1). */
  fromLsn?: number
  /** Only this user's entries. */
  userId?: string
  /** Only these operations. */
  operations?: readonly Operation[]
  signal?: AbortSignal
  /** Told of each damaged stretch passed over, before the entries behind it are yielded. */
  onDamage?: (damage: Damage) => void
}

export interface ChunksOptions extends EntriesOptions {
  /**
   * Uses the memory of chunks again (false): a chunk and what it gave hold until the next one is asked for, no longer. For
   * those who keep nothing of it; it spares the garbage collector about 100 bytes an entry.
   */
  reuse?: boolean
  /**
   * Only what recovery needs (false): the checkpoint that it begins with, the segments behind that, the ring. Without it,
   * everything that is there.
   * @internal
   */
  live?: boolean
  /**
   * Ends behind this segment, without the ring (0: at the end).
   * @internal
   */
  throughSegment?: number
}

/** The calls of a log that buffers, replays and recovery use. `Wal` is one. */
export interface EntryLog {
  /**
   * Logs one entry and returns its LSN; the entry now survives the death of the process. Never waits.
   * Throws `ERR_WAL_BACKPRESSURE` when the staging ring is full, having changed nothing.
   * `sequence` is the user's running number (unsigned 32 bits), 0 for none.
   */
  append(operation: Operation, userId: string, payload?: Uint8Array | null, sequence?: number): number
  /** A handle for a user, which `appendMeasurement` takes in place of the id, where the log has such. */
  user?(userId: string): number
  /** The same for a measurement that is a time and a number; a log without it is given its payload by `append`. */
  appendMeasurement?(
    user: number | string,
    timestamp: number,
    value: number,
    sequence?: number,
    buffer?: number,
    source?: number,
    position?: number
  ): number
  /** Whether `entries` entries with together `bytes` bytes of user ids (UTF-8) and payloads would all be accepted now. */
  hasRoom(entries: number, bytes: number): boolean
  /** Bytes of user id (UTF-8) and payload that one entry may have together. */
  readonly maxEntryBytes: number
  /** Resolves when the ring has room again. */
  drained(options?: { signal?: AbortSignal }): Promise<void>
  /** Resolves when everything up to `lsn` (default: everything so far) is on stable storage. */
  durable(lsn?: number, options?: { signal?: AbortSignal }): Promise<void>
  /** Everything appended before the call, in LSN order. */
  entries(options?: EntriesOptions): AsyncIterable<Entry>
  /** The same in chunks, where the log has them: for those who want all the speed. */
  chunks?(options?: ChunksOptions): AsyncIterable<EntryChunk>
  readonly lastLsn: number
  readonly durableLsn: number
}
