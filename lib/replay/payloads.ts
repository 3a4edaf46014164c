/**
 * What the entries of buffers and replays carry: the payload of each operation, encoded and decoded. Little endian; the
 * first byte is 0xA1 in this version. docs/format.md has the same tables. `value` is bytes of the codec.
 *
 *   START_BUFFER     0     1        5                13             21                 25
 *                  | A1  | buffer | window start   | window end   | max measurements | min measurements |
 *                  | u8  | u32    | f64 ms         | f64 ms       | u32              | u32              |
 *   ADD_MEASUREMENT  0     1        2            6            14
 *                  | A1  | origin | source     | position   | value (measurement) |     origin 1: source and position follow
 *                  | u8  | u8     | u32        | f64        | ...                 |     origin 0: value follows at once
 *   END_BUFFER       0     1        5        9
 *                  | A1  | buffer | count  | reason |                                   reason: END_REASONS
 *   CHECKPOINT       0     1        5        9          13         21
 *                  | A1  | buffer | count  | attempts | replayed | value (state to fall back to) |
 *   COMMIT           0     1        5        9           13        21
 *                  | A1  | buffer | count  | discarded | replayed | value (new state) |  discarded 1: no replay, state as before
 *   ROLLBACK         0     1        5        9          13       17         25            29
 *                  | A1  | buffer | count  | attempts | parked | replayed | error bytes | error (UTF-8) | value (state) |
 *
 * buffer: the user's running number of buffers, from 1. count: measurements in it. attempts: replays that failed so far.
 * replayed: measurements of the user that were ever committed. All but f64 `replayed` are u32.
 */
import { WalError } from '../errors.js'
import type { Origin } from './measurement.js'

/** Why a buffer was ended. The number on disk is the place in this list. */
export const END_REASONS = Object.freeze(['full', 'window', 'requested'] as const)
export type EndReason = (typeof END_REASONS)[number]

export interface StartPayload {
  buffer: number
  /** Milliseconds since the Unix epoch; `windowEnd` is Infinity where only the count ends a buffer. */
  windowStart: number
  windowEnd: number
  maxMeasurements: number
  minMeasurements: number
}
export interface AddPayload {
  origin: Origin | undefined
  /** The measurement, encoded. */
  value: Uint8Array
}
export interface EndPayload {
  buffer: number
  count: number
  reason: EndReason
}
export interface CheckpointPayload {
  buffer: number
  count: number
  attempts: number
  replayed: number
  /** The state, encoded. */
  value: Uint8Array
}
export interface CommitPayload {
  buffer: number
  count: number
  discarded: boolean
  replayed: number
  value: Uint8Array
}
export interface RollbackPayload {
  buffer: number
  count: number
  attempts: number
  parked: boolean
  replayed: number
  error: string
  value: Uint8Array
}

const VERSION = 0xa1
/** The first byte of every version: 0xA0 and the version. */
const FAMILY = 0xa0
const START_BYTES = 29
const ADD_BYTES = 2
const ADD_ORIGIN_BYTES = 14
const END_BYTES = 10
const CHECKPOINT_BYTES = 21
const ROLLBACK_BYTES = 29
const MAX_ERROR_BYTES = 4096
const NO_BYTES = new Uint8Array(0)

/** Whether `payload` was written by this layer, in this version or a later one; anything else is the service's own. */
export function isOurs(payload: Uint8Array): boolean {
  return payload.length > 0 && ((payload[0] as number) & 0xf0) === FAMILY
}

/** Builds payloads in memory that the next call overwrites. */
export class PayloadWriter {
  #bytes = Buffer.allocUnsafeSlow(4096)
  #view = new DataView(this.#bytes.buffer)

  #begin(headBytes: number, value: Uint8Array): void {
    const needed = headBytes + value.length
    if (needed > this.#bytes.length) {
      this.#bytes = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2))
      this.#view = new DataView(this.#bytes.buffer)
    }
    this.#bytes[0] = VERSION
    this.#bytes.set(value, headBytes)
  }

  start(payload: StartPayload): Uint8Array {
    this.#begin(START_BYTES, NO_BYTES)
    this.#view.setUint32(1, payload.buffer, true)
    this.#view.setFloat64(5, payload.windowStart, true)
    this.#view.setFloat64(13, payload.windowEnd, true)
    this.#view.setUint32(21, payload.maxMeasurements, true)
    this.#view.setUint32(25, payload.minMeasurements, true)
    return this.#bytes.subarray(0, START_BYTES)
  }

  add(value: Uint8Array, origin: Origin | undefined): Uint8Array {
    const headBytes = origin === undefined ? ADD_BYTES : ADD_ORIGIN_BYTES
    this.#begin(headBytes, value)
    this.#bytes[1] = origin === undefined ? 0 : 1
    if (origin !== undefined) {
      this.#view.setUint32(2, origin.source, true)
      this.#view.setFloat64(6, origin.position, true)
    }
    return this.#bytes.subarray(0, headBytes + value.length)
  }

  end(payload: EndPayload): Uint8Array {
    this.#begin(END_BYTES, NO_BYTES)
    this.#view.setUint32(1, payload.buffer, true)
    this.#view.setUint32(5, payload.count, true)
    this.#bytes[9] = END_REASONS.indexOf(payload.reason)
    return this.#bytes.subarray(0, END_BYTES)
  }

  checkpoint(payload: CheckpointPayload): Uint8Array {
    return this.#withState(payload, payload.attempts)
  }

  commit(payload: CommitPayload): Uint8Array {
    return this.#withState(payload, payload.discarded ? 1 : 0)
  }

  /** CHECKPOINT and COMMIT have one shape; `third` is what they differ in. */
  #withState(payload: { buffer: number; count: number; replayed: number; value: Uint8Array }, third: number): Uint8Array {
    this.#begin(CHECKPOINT_BYTES, payload.value)
    this.#view.setUint32(1, payload.buffer, true)
    this.#view.setUint32(5, payload.count, true)
    this.#view.setUint32(9, third, true)
    this.#view.setFloat64(13, payload.replayed, true)
    return this.#bytes.subarray(0, CHECKPOINT_BYTES + payload.value.length)
  }

  rollback(payload: RollbackPayload): Uint8Array {
    const error = Buffer.from(payload.error).subarray(0, MAX_ERROR_BYTES)
    const headBytes = ROLLBACK_BYTES + error.length
    this.#begin(headBytes, payload.value)
    this.#view.setUint32(1, payload.buffer, true)
    this.#view.setUint32(5, payload.count, true)
    this.#view.setUint32(9, payload.attempts, true)
    this.#view.setUint32(13, payload.parked ? 1 : 0, true)
    this.#view.setFloat64(17, payload.replayed, true)
    this.#view.setUint32(25, error.length, true)
    this.#bytes.set(error, ROLLBACK_BYTES)
    return this.#bytes.subarray(0, headBytes + payload.value.length)
  }
}

function viewOf(payload: Uint8Array, leastBytes: number, what: string): DataView {
  if (payload[0] !== VERSION) {
    throw new WalError(
      'ERR_WAL_CODEC',
      `the payload of ${what} begins with 0x${(payload[0] ?? 0).toString(16)}; this version reads payloads that begin with 0xa1`
    )
  }
  if (payload.length < leastBytes) throw new WalError('ERR_WAL_CODEC', `the payload of ${what} is ${payload.length} bytes, too short`)
  return new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
}

export function readStart(payload: Uint8Array): StartPayload {
  const view = viewOf(payload, START_BYTES, 'START_BUFFER')
  return {
    buffer: view.getUint32(1, true),
    windowStart: view.getFloat64(5, true),
    windowEnd: view.getFloat64(13, true),
    maxMeasurements: view.getUint32(21, true),
    minMeasurements: view.getUint32(25, true)
  }
}

export function readAdd(payload: Uint8Array): AddPayload {
  const view = viewOf(payload, ADD_BYTES, 'ADD_MEASUREMENT')
  if (payload[1] === 0) return { origin: undefined, value: payload.subarray(ADD_BYTES) }
  viewOf(payload, ADD_ORIGIN_BYTES, 'ADD_MEASUREMENT')
  const origin = { source: view.getUint32(2, true), position: view.getFloat64(6, true) }
  return { origin, value: payload.subarray(ADD_ORIGIN_BYTES) }
}

export function readEnd(payload: Uint8Array): EndPayload {
  const view = viewOf(payload, END_BYTES, 'END_BUFFER')
  const reason = END_REASONS[view.getUint8(9)]
  if (reason === undefined) throw new WalError('ERR_WAL_CODEC', `END_BUFFER has the unknown reason ${view.getUint8(9)}`)
  return { buffer: view.getUint32(1, true), count: view.getUint32(5, true), reason }
}

export function readCheckpoint(payload: Uint8Array): CheckpointPayload {
  const view = viewOf(payload, CHECKPOINT_BYTES, 'CHECKPOINT')
  return {
    buffer: view.getUint32(1, true),
    count: view.getUint32(5, true),
    attempts: view.getUint32(9, true),
    replayed: view.getFloat64(13, true),
    value: payload.subarray(CHECKPOINT_BYTES)
  }
}

export function readCommit(payload: Uint8Array): CommitPayload {
  const { attempts, ...rest } = readCheckpoint(payload)
  return { ...rest, discarded: attempts === 1 }
}

export function readRollback(payload: Uint8Array): RollbackPayload {
  const view = viewOf(payload, ROLLBACK_BYTES, 'ROLLBACK')
  const valueAt = ROLLBACK_BYTES + view.getUint32(25, true)
  if (valueAt > payload.length) throw new WalError('ERR_WAL_CODEC', 'the error text of ROLLBACK runs over its end')
  return {
    buffer: view.getUint32(1, true),
    count: view.getUint32(5, true),
    attempts: view.getUint32(9, true),
    parked: view.getUint32(13, true) === 1,
    replayed: view.getFloat64(17, true),
    error: Buffer.from(payload.subarray(ROLLBACK_BYTES, valueAt)).toString(),
    value: payload.subarray(valueAt)
  }
}
