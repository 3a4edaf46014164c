/** Stages entries by a call of native code each: the road where memory of the ring cannot be given to JavaScript. */
import type { NativeLog } from '../../binding.js'
import { appendDurations } from '../metrics/histogram.js'
import type { Appender } from './appender.js'
import { MeasurementPayload, Operation } from './types.js'
import { checkedUserIdBytes, unknownHandle } from './user-ids.js'

/** One append of so many is measured. */
const APPENDS_PER_SAMPLE = 64

export class NativeAppender implements Appender {
  readonly durations = appendDurations()
  #sampleLeft = 0
  readonly #log: NativeLog
  /** Handles are indexes in here, plus one. */
  readonly #names: string[] = []
  readonly #handles = new Map<string, number>()
  readonly #bytes = new Uint8Array(MeasurementPayload.BYTES_WITH_ORIGIN)
  readonly #view = new DataView(this.#bytes.buffer)
  readonly #plain = this.#bytes.subarray(0, MeasurementPayload.BYTES)

  constructor(log: NativeLog) {
    this.#log = log
  }

  get lastLsn(): number {
    return this.#log.lastLsn()
  }

  get durableLsn(): number {
    return this.#log.durableLsn()
  }

  /** Native code counts it. */
  get backpressure(): number {
    return 0
  }

  close(): void {
    // Native code knows.
  }

  append(operation: Operation, userId: string, payload: Uint8Array | null, sequence: number): number {
    checkedUserIdBytes(userId)
    if (this.#sampleLeft-- > 0) return this.#log.append(operation, userId, payload, sequence)
    this.#sampleLeft = APPENDS_PER_SAMPLE - 1
    const startedAt = performance.now()
    const lsn = this.#log.append(operation, userId, payload, sequence)
    this.durations.record((performance.now() - startedAt) / 1000)
    return lsn
  }

  user(userId: string): number {
    const known = this.#handles.get(userId)
    if (known !== undefined) return known
    checkedUserIdBytes(userId)
    this.#handles.set(userId, this.#names.push(userId))
    return this.#names.length
  }

  appendMeasurement(
    user: number | string,
    timestamp: number,
    value: number,
    sequence: number,
    buffer: number,
    source: number,
    position: number
  ): number {
    const userId = typeof user === 'string' ? user : this.#names[user - 1]
    if (userId === undefined) throw unknownHandle(user)
    const view = this.#view
    this.#bytes[0] = MeasurementPayload.VERSION
    this.#bytes[MeasurementPayload.ORIGIN_AT] = source === 0 ? 0 : 1
    view.setUint32(MeasurementPayload.BUFFER_AT, buffer, true)
    view.setFloat64(MeasurementPayload.TIMESTAMP_AT, timestamp, true)
    view.setFloat64(MeasurementPayload.VALUE_AT, value, true)
    view.setUint32(MeasurementPayload.SOURCE_AT, source, true)
    view.setFloat64(MeasurementPayload.POSITION_AT, position, true)
    return this.append(Operation.ADD_MEASUREMENT, userId, source === 0 ? this.#plain : this.#bytes, sequence)
  }

  hasRoom(entries: number, bytes: number): boolean {
    return this.#log.hasRoom(entries, bytes)
  }
}
