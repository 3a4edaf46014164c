/** Entries of a log as the native reader gives them: the one place that knows the columns (a test holds them together). */
import type { NativeChunk } from '../../binding.js'
import { MeasurementPayload, Operation, type EntryChunk, type Entry } from './types.js'

// Places in `entryColumns` of the native module.
const LSN = 0
const TIMESTAMP = 1
const OPERATION = 2
const SEQUENCE = 3
const SEGMENT = 4
const OFFSET = 5
const USER = 6
const PAYLOAD_AT = 7
const PAYLOAD_BYTES = 8
const STRIDE = 9

/** What tells a reader's users apart. Grows with each chunk; begins anew when the reader does. */
export class ReaderUsers {
  #ids: string[] = []

  /** Takes the users that `chunk` names. Returns the ids by number. */
  with(chunk: NativeChunk): readonly string[] {
    // A new array: chunks from before keep theirs.
    if (chunk.firstUser === 0) this.#ids = []
    for (const id of chunk.users) this.#ids.push(id)
    return this.#ids
  }
}

/** Which entries of a chunk are wanted; undefined: all. */
export interface ChunkFilter {
  userId: string | undefined
  operations: ReadonlySet<number> | undefined
}

export class NativeEntryChunk implements EntryChunk {
  readonly length: number
  readonly users: readonly string[]
  readonly #columns: Float64Array
  readonly #bytes: ArrayBufferLike
  readonly #view: DataView

  constructor(chunk: NativeChunk, users: readonly string[], filter: ChunkFilter) {
    this.users = users
    this.#columns = chunk.columns
    this.#bytes = chunk.bytes.buffer
    this.#view = new DataView(this.#bytes)
    this.length = this.#keepWanted(filter)
  }

  lsn(index: number): number {
    return this.#columns[index * STRIDE + LSN] as number
  }

  timestamp(index: number): number {
    return this.#columns[index * STRIDE + TIMESTAMP] as number
  }

  operation(index: number): Operation {
    return this.#columns[index * STRIDE + OPERATION] as Operation
  }

  sequence(index: number): number {
    return this.#columns[index * STRIDE + SEQUENCE] as number
  }

  segment(index: number): number {
    return this.#columns[index * STRIDE + SEGMENT] as number
  }

  offset(index: number): number {
    return this.#columns[index * STRIDE + OFFSET] as number
  }

  user(index: number): number {
    return this.#columns[index * STRIDE + USER] as number
  }

  userId(index: number): string {
    return this.users[this.#columns[index * STRIDE + USER] as number] as string
  }

  payloadBytes(index: number): number {
    return this.#columns[index * STRIDE + PAYLOAD_BYTES] as number
  }

  payload(index: number): Uint8Array {
    const row = index * STRIDE
    return new Uint8Array(this.#bytes, this.#columns[row + PAYLOAD_AT], this.#columns[row + PAYLOAD_BYTES])
  }

  payloadUint8(index: number, at: number): number {
    return this.#view.getUint8((this.#columns[index * STRIDE + PAYLOAD_AT] as number) + at)
  }

  payloadUint32(index: number, at: number): number {
    return this.#view.getUint32((this.#columns[index * STRIDE + PAYLOAD_AT] as number) + at, true)
  }

  payloadFloat64(index: number, at: number): number {
    return this.#view.getFloat64((this.#columns[index * STRIDE + PAYLOAD_AT] as number) + at, true)
  }

  isMeasurement(index: number): boolean {
    const row = index * STRIDE
    return (
      this.#columns[row + OPERATION] === Operation.ADD_MEASUREMENT &&
      (this.#columns[row + PAYLOAD_BYTES] as number) >= MeasurementPayload.BYTES &&
      this.#view.getUint8(this.#columns[row + PAYLOAD_AT] as number) === MeasurementPayload.VERSION
    )
  }

  measurementTimestamp(index: number): number {
    return this.payloadFloat64(index, MeasurementPayload.TIMESTAMP_AT)
  }

  measurementValue(index: number): number {
    return this.payloadFloat64(index, MeasurementPayload.VALUE_AT)
  }

  entry(index: number): Entry {
    return {
      lsn: this.lsn(index),
      timestamp: this.timestamp(index),
      operation: this.operation(index),
      userId: this.userId(index),
      payload: this.payload(index),
      sequence: this.sequence(index),
      segment: this.segment(index),
      offset: this.offset(index)
    }
  }

  /** Moves the rows that are wanted to the front. Returns how many. */
  #keepWanted({ userId, operations }: ChunkFilter): number {
    const columns = this.#columns
    if (userId === undefined && operations === undefined) return columns.length / STRIDE
    let kept = 0
    for (let row = 0; row < columns.length; row += STRIDE) {
      if (operations?.has(columns[row + OPERATION] as number) === false) continue
      if (userId !== undefined && this.users[columns[row + USER] as number] !== userId) continue
      columns.copyWithin(kept * STRIDE, row, row + STRIDE)
      kept++
    }
    return kept
  }
}
