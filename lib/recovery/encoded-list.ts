/**
 * Measurements of a buffer as recovery collects them: numbers alone as they are, others still encoded, because most buffers
 * of a log are done by its end and nobody asks for theirs. Holds no memory of the log's chunks.
 */
import type { Codec } from '../replay/codec.js'
import type { Measurement } from '../replay/measurement.js'
import { MeasurementList } from '../replay/measurement-list.js'
import { emptyChain, type NumberArena } from './number-arena.js'

const NO_BYTES = new Uint8Array(0)

export class EncodedList {
  readonly #arena: NumberArena
  /** The measurements that are numbers alone. */
  readonly #numbers = emptyChain()
  /** The others, one behind the other; where each ends, and its place in the list. */
  #bytes: Uint8Array = NO_BYTES
  readonly #ends: number[] = []
  readonly #places: number[] = []

  constructor(arena: NumberArena) {
    this.#arena = arena
  }

  get length(): number {
    return this.#numbers.length + this.#ends.length
  }

  addNumbers(timestamp: number, value: number): void {
    this.#arena.add(this.#numbers, timestamp, value)
  }

  /** Copies `value`. */
  addEncoded(value: Uint8Array): void {
    const at = this.#ends.at(-1) ?? 0
    const end = at + value.length
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#bytes.length))
      larger.set(this.#bytes.subarray(0, at))
      this.#bytes = larger
    }
    this.#bytes.set(value, at)
    this.#places.push(this.length)
    this.#ends.push(end)
  }

  /** In order: encoded bytes, or the numbers. */
  *[Symbol.iterator](): Generator<Uint8Array | { timestamp: number; value: number }, void, undefined> {
    const numbers = this.#arena.copyOf(this.#numbers)
    let encoded = 0
    for (let packed = 0, place = 0; place < this.length; place++) {
      if (this.#places[encoded] === place) {
        yield this.#bytes.subarray(this.#ends[encoded - 1] ?? 0, this.#ends[encoded])
        encoded++
      } else {
        yield { timestamp: numbers[2 * packed] as number, value: numbers[2 * packed + 1] as number }
        packed++
      }
    }
  }

  /** Gives the memory back: nobody will ask for the measurements. */
  release(): void {
    this.#arena.release(this.#numbers)
    this.#bytes = NO_BYTES
    this.#ends.length = this.#places.length = 0
  }

  /** The measurements. Throws what the codec throws. */
  decode(codec: Codec): MeasurementList {
    if (this.#ends.length === 0) return MeasurementList.ofNumbers(this.#arena.copyOf(this.#numbers))
    const list = MeasurementList.of()
    for (const value of this) list.add(value instanceof Uint8Array ? (codec.decode(value) as Measurement) : value)
    return list
  }
}
