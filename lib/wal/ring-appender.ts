/**
 * Stages entries by storing them into the log's ring from JavaScript: no call into native code, no allocation, no clock more
 * than once a turn. `native/core/staged_entry.h` and `staging_ring.h` say what the bytes mean; the writer frames them, makes
 * their checksums, and is the only one who reads them.
 *
 * Safe against the death of the process at any instruction: an entry is visible only when `head` has moved behind it, which
 * is the last store. It is an atomic one, unless the ring says that the writer fences (`SetWriterFences` of staging_ring.h): an
 * atomic store waits until all stores before it have reached memory that the other core had last.
 */
import type { NativeLog } from '../../binding.js'
import { WalError } from '../errors.js'
import { appendDurations } from '../metrics/histogram.js'
import type { NativeModule } from '../native.js'
import type { Appender } from './appender.js'
import { MeasurementPayload, Operation } from './types.js'
import { UserIds } from './user-ids.js'

// Numbers of this file alone, so that the engine compiles them into the code. `checkLayout` holds them against the module.
const HEAD_AT = 128
const LAST_LSN_AT = 132
const TAIL_AT = 192
const DURABLE_LSN_AT = 200
const WAKE_AT_AT = 208
const STATE_AT = 212
const WRITER_FENCES_AT = 216
const DATA_AT = 4096
const STATE_FAILED = 2
const ENTRY_MAGIC = 0x47545357
const PADDING_MAGIC = 0x50474e52
const ENTRY_BYTES_AT = 4
const ENTRY_LSN_AT = 8
const ENTRY_TIMESTAMP_AT = 16
const ENTRY_USER_NUMBER_AT = 24
/** Operation and bytes of the user id, 16 bits each, in one store. */
const ENTRY_OPERATION_AT = 28
const ENTRY_PAYLOAD_BYTES_AT = 32
const ENTRY_SEQUENCE_AT = 36
const ENTRY_USER_ID_AT = 40
const ENTRY_OVERHEAD_BYTES = 56

const LAYOUT: Readonly<Record<string, number>> = {
  headAt: HEAD_AT,
  lastLsnAt: LAST_LSN_AT,
  tailAt: TAIL_AT,
  durableLsnAt: DURABLE_LSN_AT,
  wakeAtAt: WAKE_AT_AT,
  stateAt: STATE_AT,
  writerFencesAt: WRITER_FENCES_AT,
  dataAt: DATA_AT,
  stateFailed: STATE_FAILED,
  entryMagic: ENTRY_MAGIC,
  paddingMagic: PADDING_MAGIC,
  entryBytesAt: ENTRY_BYTES_AT,
  entryLsnAt: ENTRY_LSN_AT,
  entryTimestampAt: ENTRY_TIMESTAMP_AT,
  entryUserNumberAt: ENTRY_USER_NUMBER_AT,
  entryOperationAt: ENTRY_OPERATION_AT,
  entryPayloadBytesAt: ENTRY_PAYLOAD_BYTES_AT,
  entrySequenceAt: ENTRY_SEQUENCE_AT,
  entryUserIdAt: ENTRY_USER_ID_AT,
  entryOverheadBytes: ENTRY_OVERHEAD_BYTES
}

const MEASUREMENT_VERSION = MeasurementPayload.VERSION
const MEASUREMENT_BYTES = MeasurementPayload.BYTES
const MEASUREMENT_ORIGIN_BYTES = MeasurementPayload.BYTES_WITH_ORIGIN
const MAX_OPERATION = Operation.ROLLBACK
const NEVER_WAKE = -1
/** Entries of one turn that share a reading of the clock. */
const ENTRIES_PER_CLOCK_READING = 64
/** Of so many appends that read the clock one is measured. */
const CLOCK_READINGS_PER_SAMPLE = 8
/** In place of an error code: this append is to be measured, and is made anew for that. What the others do is not touched. */
const MEASURE = -1000

export class RingAppender implements Appender {
  backpressure = 0
  readonly durations = appendDurations()
  readonly #log: NativeLog
  readonly #bytes: Uint8Array
  readonly #words: Int32Array
  readonly #numbers: Float64Array
  readonly #end: number
  readonly #maxEntryBytes: number
  readonly #maxPayloadBytes: number
  readonly #users = new UserIds()
  readonly #codes: { closed: number; backpressure: number; invalid: number; tooLarge: number; failed: number }
  /** Where the next entry goes, in bytes of the region, and the low half of its position in the ring. */
  #at: number
  #head: number
  /** Bytes of the ring that are known to be free; more may be. */
  #freeBytes: number
  #lastLsn: number
  #isClosed = false
  #nowMs = 0
  /** Entries that may take #nowMs before the clock is read again. */
  #clockLeft = 0
  #isTurnWatched = false
  /** Readings of the clock until an append is measured. */
  #sampleLeft = 0
  readonly #endTurn = (): void => {
    this.#clockLeft = 0
    this.#isTurnWatched = false
    // An engine may look at "wake at" once for a whole loop of appends, where the look is not atomic.
    this.#wake(Atomics.load(this.#words, WAKE_AT_AT >> 2))
  }

  /** `memory` is what `log.ringMemory()` gave: an empty ring, to which nobody else appends. */
  constructor(log: NativeLog, memory: ArrayBuffer, module: NativeModule) {
    checkLayout(module)
    this.#log = log
    this.#bytes = new Uint8Array(memory)
    this.#words = new Int32Array(memory)
    this.#numbers = new Float64Array(memory)
    this.#end = memory.byteLength
    this.#freeBytes = memory.byteLength - DATA_AT
    this.#head = this.#words[HEAD_AT >> 2] as number
    this.#at = DATA_AT + (tailOf(this.#words) % this.#freeBytes)
    this.#maxEntryBytes = Math.floor(this.#freeBytes / 4)
    this.#maxPayloadBytes = module.limits.maxPayloadBytes
    this.#lastLsn = log.lastLsn()
    const minus = (code: string): number => -module.errorCodes.indexOf(code)
    this.#codes = {
      closed: minus('ERR_WAL_CLOSED'),
      backpressure: minus('ERR_WAL_BACKPRESSURE'),
      invalid: minus('ERR_WAL_INVALID_ARGUMENT'),
      tooLarge: minus('ERR_WAL_TOO_LARGE'),
      failed: minus('ERR_WAL_FAILED')
    }
  }

  get lastLsn(): number {
    return this.#lastLsn
  }

  get durableLsn(): number {
    // The ring has its low half; it is at most 2^32 entries behind.
    return this.#lastLsn - (((this.#lastLsn | 0) - Atomics.load(this.#words, DURABLE_LSN_AT >> 2)) >>> 0)
  }

  close(): void {
    this.#isClosed = true
  }

  user(userId: string): number {
    return this.#users.handleOf(userId)
  }

  append(operation: Operation, userId: string, payload: Uint8Array | null, sequence: number): number {
    if (!(operation > 0 && operation <= MAX_OPERATION && (operation | 0) === operation) || sequence >>> 0 !== sequence) {
      return this.#codes.invalid
    }
    let payloadBytes = 0
    if (payload !== null) {
      if (!(payload instanceof Uint8Array)) return this.#codes.invalid
      payloadBytes = payload.length
      if (payloadBytes > this.#maxPayloadBytes) return this.#codes.tooLarge
    }
    const user = this.#users.numberOf(userId) ?? this.#users.add(userId)
    const at = this.#begin(operation, user, payloadBytes, sequence)
    if (at < 0) return at === MEASURE ? this.#timedAppend(operation, userId, payload, sequence) : at
    if (payload !== null) this.#bytes.set(payload, at)
    return this.#publish(at + ((payloadBytes + 7) & ~7))
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
    const number =
      typeof user === 'string' ? (this.#users.numberOf(user) ?? this.#users.add(user)) : this.#users.numberOfHandle(user)
    const payloadBytes = source === 0 ? MEASUREMENT_BYTES : MEASUREMENT_ORIGIN_BYTES
    const at = this.#begin(Operation.ADD_MEASUREMENT, number, payloadBytes, sequence)
    if (at < 0) return at === MEASURE ? this.#timedAppendMeasurement(user, timestamp, value, sequence, buffer, source, position) : at
    const words = this.#words
    const numbers = this.#numbers
    const word = at >> 2
    const double = at >> 3
    words[word] = source === 0 ? MEASUREMENT_VERSION : MEASUREMENT_VERSION | 0x100
    words[word + 1] = buffer
    numbers[double + 1] = timestamp
    numbers[double + 2] = value
    if (source !== 0) {
      words[word + 6] = source
      words[word + 7] = 0
      numbers[double + 4] = position
    }
    return this.#publish(at + payloadBytes)
  }

  hasRoom(entries: number, bytes: number): boolean {
    if (this.#isClosed || this.#words[STATE_AT >> 2] === STATE_FAILED) return false
    const needed = bytes + entries * ENTRY_OVERHEAD_BYTES
    const lapLeft = this.#end - this.#at
    return this.#isFree(needed <= lapLeft ? needed : needed + lapLeft)
  }

  /** Stores everything of an entry but its payload. Returns where the payload goes, an error code, or MEASURE. */
  #begin(operation: Operation, user: number, payloadBytes: number, sequence: number): number {
    const users = this.#users
    const ids = users.words
    let from = users.starts[user] as number
    const userIdBytes = ids[from++] as number
    const entryBytes = ENTRY_USER_ID_AT + ((userIdBytes + 7) & ~7) + ((payloadBytes + 7) & ~7)
    const words = this.#words
    if (entryBytes > this.#maxEntryBytes) return this.#codes.tooLarge
    if (this.#isClosed) return this.#codes.closed
    if (words[STATE_AT >> 2] === STATE_FAILED) return this.#codes.failed
    if (!this.#makeWay(entryBytes)) {
      this.backpressure++
      return this.#codes.backpressure
    }
    if (this.#clockLeft-- <= 0 && this.#readClock()) return MEASURE
    const word = this.#at >> 2
    const double = this.#at >> 3
    words[word] = ENTRY_MAGIC
    words[word + (ENTRY_BYTES_AT >> 2)] = entryBytes
    this.#numbers[double + (ENTRY_LSN_AT >> 3)] = this.#lastLsn + 1
    this.#numbers[double + (ENTRY_TIMESTAMP_AT >> 3)] = this.#nowMs
    words[word + (ENTRY_USER_NUMBER_AT >> 2)] = user
    words[word + (ENTRY_OPERATION_AT >> 2)] = operation | (userIdBytes << 16)
    words[word + (ENTRY_PAYLOAD_BYTES_AT >> 2)] = payloadBytes
    words[word + (ENTRY_SEQUENCE_AT >> 2)] = sequence
    let to = word + (ENTRY_USER_ID_AT >> 2)
    for (const end = to + (((userIdBytes + 7) & ~7) >> 2); to < end; to++) words[to] = ids[from++] as number
    return to << 2
  }

  /** Makes the entry that ends at `end` visible, and wakes the writer when it asked for that. Returns the entry's LSN. */
  #publish(end: number): number {
    const words = this.#words
    const entryBytes = end - this.#at
    this.#at = end === this.#end ? DATA_AT : end
    this.#head = (this.#head + entryBytes) | 0
    this.#freeBytes -= entryBytes
    const lsn = ++this.#lastLsn
    words[LAST_LSN_AT >> 2] = lsn
    // In this order, against a writer that sets "wake at" and then looks at head: one of the two always sees the other.
    let wakeAt: number
    if (words[WRITER_FENCES_AT >> 2] === 1) {
      words[HEAD_AT >> 2] = this.#head
      wakeAt = words[WAKE_AT_AT >> 2] as number
    } else {
      Atomics.store(words, HEAD_AT >> 2, this.#head)
      wakeAt = Atomics.load(words, WAKE_AT_AT >> 2)
    }
    if (wakeAt !== NEVER_WAKE) this.#wake(wakeAt)
    return lsn
  }

  /** Wakes the writer when it asked for that, with as many bytes as are staged. */
  #wake(wakeAt: number): void {
    const wakeAtBytes = wakeAt >>> 0
    const capacity = this.#end - DATA_AT
    // Not more are staged than is known to be free no longer.
    if (wakeAt === NEVER_WAKE || capacity - this.#freeBytes < wakeAtBytes) return
    if (capacity - this.#countFree() >= wakeAtBytes) this.#log.wakeWriter()
  }

  /** Sees to it that the next `entryBytes` are free and in one piece. */
  #makeWay(entryBytes: number): boolean {
    const lapLeft = this.#end - this.#at
    if (entryBytes <= lapLeft) return this.#isFree(entryBytes)
    if (!this.#isFree(entryBytes + lapLeft)) return false
    this.#words[this.#at >> 2] = PADDING_MAGIC
    this.#head = (this.#head + lapLeft) | 0
    this.#freeBytes -= lapLeft
    this.#at = DATA_AT
    return true
  }

  #isFree(bytes: number): boolean {
    return bytes <= this.#freeBytes || bytes <= this.#countFree()
  }

  #countFree(): number {
    const used = (this.#head - Atomics.load(this.#words, TAIL_AT >> 2)) >>> 0
    this.#freeBytes = this.#end - DATA_AT - used
    return this.#freeBytes
  }

  #timedAppend(operation: Operation, userId: string, payload: Uint8Array | null, sequence: number): number {
    const startedAt = performance.now()
    const lsn = this.append(operation, userId, payload, sequence)
    this.durations.record((performance.now() - startedAt) / 1000)
    return lsn
  }

  #timedAppendMeasurement(...given: Parameters<Appender['appendMeasurement']>): number {
    const startedAt = performance.now()
    const lsn = this.appendMeasurement(...given)
    this.durations.record((performance.now() - startedAt) / 1000)
    return lsn
  }

  /** Whether the append that asks is to be measured. */
  #readClock(): boolean {
    this.#nowMs = Date.now()
    this.#clockLeft = ENTRIES_PER_CLOCK_READING - 1
    if (!this.#isTurnWatched) {
      this.#isTurnWatched = true
      queueMicrotask(this.#endTurn)
    }
    if (this.#sampleLeft-- > 0) return false
    this.#sampleLeft = CLOCK_READINGS_PER_SAMPLE - 1
    // It comes twice.
    this.#clockLeft++
    return true
  }
}

/** In an empty ring head is there too: it need not be 0 in one that a process left behind. */
function tailOf(words: Int32Array): number {
  const low = (words[TAIL_AT >> 2] as number) >>> 0
  const high = (words[(TAIL_AT >> 2) + 1] as number) >>> 0
  return high * 2 ** 32 + low
}

/** Throws `ERR_WAL_NATIVE` when the module's ring is laid out otherwise than this file thinks. */
function checkLayout(module: NativeModule): void {
  for (const [name, value] of Object.entries(LAYOUT)) {
    if (module.ringLayout[name] === value) continue
    throw new WalError('ERR_WAL_NATIVE', `the native module has ${name} ${module.ringLayout[name]}, the package ${value}: they are of different builds`)
  }
}
