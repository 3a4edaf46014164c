/**
 * Measurements in order of arrival, packed: one that is a time and a number, and nothing else, takes 16 bytes and no object;
 * others are kept as they are. What comes out is equal to what went in, as an object of its own.
 */
import { timestampOf, type Measurement } from './measurement.js'

/** A measurement that is a time and a number, and nothing else. */
export interface NumericMeasurement extends Measurement {
  timestamp: number
  value: number
}

/** Whether `measurement` is a plain object with just a `timestamp` and a `value`, in this order, both numbers. */
export function isNumeric(measurement: Measurement): measurement is NumericMeasurement {
  if (typeof measurement.timestamp !== 'number' || typeof measurement.value !== 'number') return false
  let keys = 0
  for (const key in measurement) {
    if (keys === 0 ? key !== 'timestamp' : keys === 1 ? key !== 'value' : true) return false
    keys++
  }
  return keys === 2 && Object.getPrototypeOf(measurement) === Object.prototype
}

export class MeasurementList implements Iterable<Measurement> {
  /** Time and value of each packed measurement, in turn. A Float64Array is shared. */
  #numbers: number[] | Float64Array
  #others: Measurement[] = []
  /** Place in the list of each of the others, ascending. */
  #places: number[] = []
  /** Another list has the same arrays: they are copied before they are changed. */
  #isShared = false

  private constructor(numbers: number[] | Float64Array) {
    this.#numbers = numbers
  }

  static of(measurements: Iterable<Measurement> = []): MeasurementList {
    const list = new MeasurementList([])
    for (const measurement of measurements) list.add(measurement)
    return list
  }

  /** A list of times and values, in turn. Takes the array over. */
  static ofNumbers(numbers: Float64Array): MeasurementList {
    const list = new MeasurementList(numbers)
    list.#isShared = true
    return list
  }

  get length(): number {
    return this.#numbers.length / 2 + this.#others.length
  }

  add(measurement: Measurement): void {
    if (isNumeric(measurement)) {
      this.addNumbers(measurement.timestamp, measurement.value)
      return
    }
    if (this.#isShared) this.#unshare()
    this.#places.push(this.length)
    this.#others.push(measurement)
  }

  /** The same as `add({ timestamp, value })`. */
  addNumbers(timestamp: number, value: number): void {
    if (this.#isShared) this.#unshare()
    ;(this.#numbers as number[]).push(timestamp, value)
  }

  /** The measurement at a place of the list, undefined beyond its end. */
  at(index: number): Measurement | undefined {
    if (index < 0 || index >= this.length) return undefined
    // Of the others, so many come before it.
    let before = 0
    for (let end = this.#places.length; before < end; ) {
      const middle = (before + end) >> 1
      if ((this.#places[middle] as number) < index) before = middle + 1
      else end = middle
    }
    if (this.#places[before] === index) return this.#others[before]
    return this.#packed(index - before)
  }

  *[Symbol.iterator](): Generator<Measurement, void, undefined> {
    yield* this.toArray()
  }

  toArray(): Measurement[] {
    const all: Measurement[] = []
    let other = 0
    let packed = 0
    while (all.length < this.length) {
      all.push(this.#places[other] === all.length ? (this.#others[other++] as Measurement) : this.#packed(packed++))
    }
    return all
  }

  map<Result>(make: (measurement: Measurement, index: number) => Result): Result[] {
    return this.toArray().map((measurement, index) => make(measurement, index))
  }

  /** Latest time of a measurement, milliseconds since the Unix epoch; -Infinity when there is none. */
  latestMs(): number {
    let latest = -Infinity
    for (let i = 0; i < this.#numbers.length; i += 2) latest = Math.max(latest, this.#numbers[i] as number)
    return this.#others.reduce((least, measurement) => Math.max(least, timestampOf(measurement)), latest)
  }

  /** A list that changes by itself. Costs nothing before one of the two is changed. */
  copy(): MeasurementList {
    const copy = new MeasurementList(this.#numbers)
    copy.#others = this.#others
    copy.#places = this.#places
    copy.#isShared = this.#isShared = true
    return copy
  }

  #packed(index: number): NumericMeasurement {
    return { timestamp: this.#numbers[2 * index] as number, value: this.#numbers[2 * index + 1] as number }
  }

  #unshare(): void {
    this.#numbers = Array.from(this.#numbers)
    this.#others = this.#others.slice()
    this.#places = this.#places.slice()
    this.#isShared = false
  }
}
