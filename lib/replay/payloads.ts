/**
 * What the entries of buffers and replays carry: the payload of each operation, encoded and decoded. Little endian; the
 * first byte is 0xA1 in this version (0xA2: numbers alone). docs/format.md has the same tables. `value` is bytes of the codec.
 *
 *   START_BUFFER     0     1        5                13             21                 25
 *                  | A1  | buffer | window start   | window end   | max measurements | min measurements |
 *                  | u8  | u32    | f64 ms         | f64 ms       | u32              | u32              |
 *   ADD_MEASUREMENT  0     1        2        6            10           18
 *                  | A1  | origin | buffer | source     | position   | value (measurement) |  origin 1: source and position
 *                  | u8  | u8     | u32    | u32        | f64        | ...                 |  follow; 0: value at once
 *                    0     1        2      4        8           16          24         28     32
 *                  | A2  | origin | zero | buffer | timestamp | value     | source   | zero | position |   numbers alone;
 *                  | u8  | u8     | u16  | u32    | f64 ms    | f64       | u32      | u32  | f64      |   origin 0: ends at 24
 *   END_BUFFER       0     1        5       9          29
 *                  | A1  | buffer | count | last row | reason |                            reason: END_REASONS
 *   CHECKPOINT       0     1        5       9          29         33         41
 *                  | A1  | buffer | count | last row | attempts | replayed | value (state to fall back to) |
 *   COMMIT           0     1        5       9          29          33         41
 *                  | A1  | buffer | count | last row | discarded | replayed | value (new state) |
 *   ROLLBACK         0     1        5       9          29         33       37         45            49
 *                  | A1  | buffer | count | last row | attempts | parked | replayed | error bytes | error | value (state) |
 *   verdict          0     1       5
 *   (START_BUFFER) | A3  | count | count times: buffer u32, until u32, lost u32, reason u8 |  reason: LOSS_REASONS
 *
 * A measurement that is a time and a number is written as these, 8-aligned, without a codec; with buffer 0 it is in none, and the
 * service's own.
 *
 * buffer: the user's running number of buffers, from 1. count: measurements in it. attempts: replays that failed so far.
 * replayed: measurements of the user that were ever committed. discarded 1: no replay, this buffer and all before it were
 * cleared, the state is as before. error: UTF-8. All but f64 `replayed` and the u8 `reason` are u32.
 * last row: source (u32) | position (f64) | timestamp (f64 ms) of the buffer's last measurement that came from a source; the
 * source is 0 where none did. So a source is not read again from before a row that was replayed, even when the row's own
 * entry is damaged.
 */
import { WalError } from '../errors.js'
import { MeasurementPayload } from '../wal/types.js'
import type { Origin, SourceRow } from './measurement.js'

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
  buffer: number
  origin: Origin | undefined
  /** The measurement, encoded, or the numbers that it is. */
  value: Uint8Array | { timestamp: number; value: number }
}
export interface EndPayload {
  buffer: number
  count: number
  lastRow: SourceRow | undefined
  reason: EndReason
}
export interface CheckpointPayload {
  buffer: number
  count: number
  lastRow: SourceRow | undefined
  attempts: number
  replayed: number
  /** The state, encoded. */
  value: Uint8Array
}
export interface CommitPayload {
  buffer: number
  count: number
  lastRow: SourceRow | undefined
  discarded: boolean
  replayed: number
  value: Uint8Array
}
export interface RollbackPayload {
  buffer: number
  count: number
  lastRow: SourceRow | undefined
  attempts: number
  parked: boolean
  replayed: number
  error: string
  value: Uint8Array
}

/**
 * What a repair found to be lost of a user. It stands in the log in place of the damage that told it: `buffer` misses `lost`
 * entries at most, and that holds until the buffer `until` is done.
 */
export interface VerdictPayload {
  buffer: number
  until: number
  lost: number
  reason: LossReason
}

/** Why a user is tainted (see recovery/report.ts). The number on disk is the place in this list. */
export const LOSS_REASONS = Object.freeze(['measurements', 'outcome', 'unproven'] as const)
export type LossReason = (typeof LOSS_REASONS)[number]

const VERSION = 0xa1
const VERDICT_VERSION = 0xa3
/** The first byte of every version: 0xA0 and the version. */
const FAMILY = 0xa0
const START_BYTES = 29
const ADD_BYTES = 6
const ADD_ORIGIN_BYTES = 18
const END_BYTES = 30
const CHECKPOINT_BYTES = 41
const ROLLBACK_BYTES = 49
const MAX_ERROR_BYTES = 4096
const VERDICT_BYTES = 5
const LOSS_BYTES = 13
const MAX_UINT32 = 2 ** 32 - 1
const NO_BYTES = new Uint8Array(0)

/** Whether `payload` was written by this layer, in this version or a later one; anything else is the service's own. */
export function isOurs(payload: Uint8Array): boolean {
  if (payload[0] === MeasurementPayload.VERSION && payload.length >= MeasurementPayload.BYTES) {
    return uint32At(payload, MeasurementPayload.BUFFER_AT) !== 0
  }
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

  /** What END_BUFFER, CHECKPOINT, COMMIT and ROLLBACK begin with. */
  #beginControl(headBytes: number, payload: { buffer: number; count: number; lastRow: SourceRow | undefined }, value: Uint8Array): void {
    this.#begin(headBytes, value)
    this.#view.setUint32(1, payload.buffer, true)
    this.#view.setUint32(5, payload.count, true)
    this.#view.setUint32(9, payload.lastRow?.source ?? 0, true)
    this.#view.setFloat64(13, payload.lastRow?.position ?? 0, true)
    this.#view.setFloat64(21, payload.lastRow?.timestamp ?? 0, true)
  }

  add(buffer: number, value: Uint8Array, origin: Origin | undefined): Uint8Array {
    const headBytes = origin === undefined ? ADD_BYTES : ADD_ORIGIN_BYTES
    this.#begin(headBytes, value)
    this.#bytes[1] = origin === undefined ? 0 : 1
    this.#view.setUint32(2, buffer, true)
    if (origin !== undefined) {
      this.#view.setUint32(6, origin.source, true)
      this.#view.setFloat64(10, origin.position, true)
    }
    return this.#bytes.subarray(0, headBytes + value.length)
  }

  end(payload: EndPayload): Uint8Array {
    this.#beginControl(END_BYTES, payload, NO_BYTES)
    this.#bytes[29] = END_REASONS.indexOf(payload.reason)
    return this.#bytes.subarray(0, END_BYTES)
  }

  checkpoint(payload: CheckpointPayload): Uint8Array {
    return this.#withState(payload, payload.attempts)
  }

  commit(payload: CommitPayload): Uint8Array {
    return this.#withState(payload, payload.discarded ? 1 : 0)
  }

  /** CHECKPOINT and COMMIT have one shape; `third` is the number they differ in. */
  #withState(payload: Omit<CommitPayload, 'discarded'>, third: number): Uint8Array {
    this.#beginControl(CHECKPOINT_BYTES, payload, payload.value)
    this.#view.setUint32(29, third, true)
    this.#view.setFloat64(33, payload.replayed, true)
    return this.#bytes.subarray(0, CHECKPOINT_BYTES + payload.value.length)
  }

  rollback(payload: RollbackPayload): Uint8Array {
    const error = Buffer.from(payload.error).subarray(0, MAX_ERROR_BYTES)
    const headBytes = ROLLBACK_BYTES + error.length
    this.#beginControl(headBytes, payload, payload.value)
    this.#view.setUint32(29, payload.attempts, true)
    this.#view.setUint32(33, payload.parked ? 1 : 0, true)
    this.#view.setFloat64(37, payload.replayed, true)
    this.#view.setUint32(45, error.length, true)
    this.#bytes.set(error, ROLLBACK_BYTES)
    return this.#bytes.subarray(0, headBytes + payload.value.length)
  }
}

/** The payload of a verdict. */
export function verdictPayload(losses: readonly VerdictPayload[]): Uint8Array {
  const payload = new Uint8Array(VERDICT_BYTES + losses.length * LOSS_BYTES)
  const view = new DataView(payload.buffer)
  payload[0] = VERDICT_VERSION
  view.setUint32(1, losses.length, true)
  for (const [index, { buffer, until, lost, reason }] of losses.entries()) {
    const at = VERDICT_BYTES + index * LOSS_BYTES
    view.setUint32(at, buffer, true)
    view.setUint32(at + 4, until, true)
    view.setUint32(at + 8, Math.min(lost, MAX_UINT32), true)
    view.setUint8(at + 12, LOSS_REASONS.indexOf(reason))
  }
  return payload
}

/** Whether the payload of a START_BUFFER is a verdict, and begins no buffer. */
export function isVerdict(payload: Uint8Array): boolean {
  return payload[0] === VERDICT_VERSION
}

export function readVerdict(payload: Uint8Array): VerdictPayload[] {
  checkLength(payload, VERDICT_BYTES, 'a verdict')
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const count = view.getUint32(1, true)
  checkLength(payload, VERDICT_BYTES + count * LOSS_BYTES, 'a verdict')
  return Array.from({ length: count }, (_, index) => {
    const at = VERDICT_BYTES + index * LOSS_BYTES
    const reason = LOSS_REASONS[view.getUint8(at + 12)]
    if (reason === undefined) throw new WalError('ERR_WAL_CODEC', `a verdict has the unknown reason ${view.getUint8(at + 12)}`)
    return { buffer: view.getUint32(at, true), until: view.getUint32(at + 4, true), lost: view.getUint32(at + 8, true), reason }
  })
}

function check(payload: Uint8Array, leastBytes: number, what: string, allowed = '0xa1'): void {
  if (payload[0] !== VERSION) {
    throw new WalError(
      'ERR_WAL_CODEC',
      `the payload of ${what} begins with 0x${(payload[0] ?? 0).toString(16)}; this version reads payloads that begin with ${allowed}`
    )
  }
  checkLength(payload, leastBytes, what)
}

function checkLength(payload: Uint8Array, leastBytes: number, what: string): void {
  if (payload.length < leastBytes) throw new WalError('ERR_WAL_CODEC', `the payload of ${what} is ${payload.length} bytes, too short`)
}

function viewOf(payload: Uint8Array, leastBytes: number, what: string): DataView {
  check(payload, leastBytes, what)
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
  const origin = readOrigin(payload)
  if (payload[0] === MeasurementPayload.VERSION) {
    const value = { timestamp: float64At(payload, MeasurementPayload.TIMESTAMP_AT), value: float64At(payload, MeasurementPayload.VALUE_AT) }
    return { buffer: uint32At(payload, MeasurementPayload.BUFFER_AT), origin, value }
  }
  return { buffer: uint32At(payload, 2), origin, value: payload.subarray(origin === undefined ? ADD_BYTES : ADD_ORIGIN_BYTES) }
}

/** Where the measurement of an ADD_MEASUREMENT came from. */
export function readOrigin(payload: Uint8Array): Origin | undefined {
  const isNumeric = payload[0] === MeasurementPayload.VERSION
  if (isNumeric) checkLength(payload, MeasurementPayload.BYTES, 'ADD_MEASUREMENT')
  else check(payload, ADD_BYTES, 'ADD_MEASUREMENT', '0xa1 or 0xa2')
  if (payload[1] === 0) return undefined
  if (payload[1] !== 1) throw new WalError('ERR_WAL_CODEC', `ADD_MEASUREMENT has the unknown kind of origin ${payload[1]}; allowed: 0, 1`)
  checkLength(payload, isNumeric ? MeasurementPayload.BYTES_WITH_ORIGIN : ADD_ORIGIN_BYTES, 'ADD_MEASUREMENT')
  const sourceAt = isNumeric ? MeasurementPayload.SOURCE_AT : 6
  const positionAt = isNumeric ? MeasurementPayload.POSITION_AT : 10
  return { source: uint32At(payload, sourceAt), position: float64At(payload, positionAt) }
}

// Most entries are measurements: to make a DataView for each takes longer than to read them.
const eightBytes = new Uint8Array(8)
const oneFloat64 = new Float64Array(eightBytes.buffer)

function uint32At(bytes: Uint8Array, at: number): number {
  let value = 0
  for (let i = 3; i >= 0; i--) value = (value << 8) | (bytes[at + i] as number)
  return value >>> 0
}

function float64At(bytes: Uint8Array, at: number): number {
  for (let i = 0; i < 8; i++) eightBytes[i] = bytes[at + i] as number
  return oneFloat64[0] as number
}

function controlOf(view: DataView): { buffer: number; count: number; lastRow: SourceRow | undefined } {
  const source = view.getUint32(9, true)
  const lastRow = source === 0 ? undefined : { source, position: view.getFloat64(13, true), timestamp: view.getFloat64(21, true) }
  return { buffer: view.getUint32(1, true), count: view.getUint32(5, true), lastRow }
}

export function readEnd(payload: Uint8Array): EndPayload {
  const view = viewOf(payload, END_BYTES, 'END_BUFFER')
  const reason = END_REASONS[view.getUint8(29)]
  if (reason === undefined) throw new WalError('ERR_WAL_CODEC', `END_BUFFER has the unknown reason ${view.getUint8(29)}`)
  return { ...controlOf(view), reason }
}

export function readCheckpoint(payload: Uint8Array): CheckpointPayload {
  return readWithState(payload, 'CHECKPOINT')
}

export function readCommit(payload: Uint8Array): CommitPayload {
  const { attempts, ...rest } = readWithState(payload, 'COMMIT')
  return { ...rest, discarded: attempts === 1 }
}

function readWithState(payload: Uint8Array, what: string): CheckpointPayload {
  const view = viewOf(payload, CHECKPOINT_BYTES, what)
  const attempts = view.getUint32(29, true)
  return { ...controlOf(view), attempts, replayed: view.getFloat64(33, true), value: payload.subarray(CHECKPOINT_BYTES) }
}

export function readRollback(payload: Uint8Array): RollbackPayload {
  const view = viewOf(payload, ROLLBACK_BYTES, 'ROLLBACK')
  const valueAt = ROLLBACK_BYTES + view.getUint32(45, true)
  if (valueAt > payload.length) throw new WalError('ERR_WAL_CODEC', 'the error text of ROLLBACK runs over its end')
  return {
    ...controlOf(view),
    attempts: view.getUint32(29, true),
    parked: view.getUint32(33, true) === 1,
    replayed: view.getFloat64(37, true),
    error: Buffer.from(payload.subarray(ROLLBACK_BYTES, valueAt)).toString(),
    value: payload.subarray(valueAt)
  }
}
