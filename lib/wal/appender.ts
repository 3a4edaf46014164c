/** What takes entries for an open log. Two do: `RingAppender` stores them itself, `NativeAppender` calls native code. */
import type { Histogram } from '../metrics/histogram.js'
import type { Operation } from './types.js'

export interface Appender {
  /** Stages one entry and returns its LSN, or minus the index of an error code (`errorCodes` of the native module). */
  append(operation: Operation, userId: string, payload: Uint8Array | null, sequence: number): number
  /** A handle for a user, for `appendMeasurement`. Throws `ERR_WAL_INVALID_ARGUMENT` and `ERR_WAL_TOO_LARGE`. */
  user(userId: string): number
  /**
   * Stages a measurement: ADD_MEASUREMENT with the payload of `lib/replay/payloads.ts` that is made of numbers alone. The
   * numbers are checked by the caller. Returns what `append` returns.
   */
  appendMeasurement(
    user: number | string,
    timestamp: number,
    value: number,
    sequence: number,
    buffer: number,
    source: number,
    position: number
  ): number
  hasRoom(entries: number, bytes: number): boolean
  readonly lastLsn: number
  readonly durableLsn: number
  /** Entries refused because the ring was full. */
  readonly backpressure: number
  /** How long appends took, in seconds: of a sample of them. */
  readonly durations: Histogram
  /** From now on everything is refused with `ERR_WAL_CLOSED`. */
  close(): void
}
