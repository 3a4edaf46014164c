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

/** One entry as it comes back from the log. */
export interface Entry {
  /** Log sequence number: consecutive from 1. */
  lsn: number
  /** Wall-clock time of the append, milliseconds since the Unix epoch. */
  timestamp: number
  operation: Operation
  userId: string
  /** The bytes given to `append`, in memory of their own. */
  payload: Uint8Array
  /** The user's own running number (1, 2, 3, …), 0 where the appender keeps none. */
  sequence: number
  /** Number of the segment that holds the entry; 0 while it is only staged. */
  segment: number
  /** Byte offset of the entry in that segment. */
  offset: number
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

/** The calls of a log that buffers, replays and recovery use. `Wal` is one. */
export interface EntryLog {
  /**
   * Logs one entry and returns its LSN; the entry now survives the death of the process. Never waits.
   * Throws `ERR_WAL_BACKPRESSURE` when the staging ring is full, having changed nothing.
   * `sequence` is the user's running number (unsigned 32 bits), 0 for none.
   */
  append(operation: Operation, userId: string, payload?: Uint8Array | null, sequence?: number): number
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
  readonly lastLsn: number
  readonly durableLsn: number
}
