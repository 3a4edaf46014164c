/**
 * Counts over time in a fixed number of buckets, whatever the range turns out to be: when a time does not fit, buckets become
 * wider and neighbours are joined. Pure.
 */
import type { ActivityBucket } from './log-report.js'

export const MOST_BUCKETS = 360
const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
/** Each is a multiple of the one before. What is beyond doubles. */
const WIDTHS_MS = [
  1, 5, 10, 50, 100, 500, SECOND_MS, 5 * SECOND_MS, 10 * SECOND_MS, 30 * SECOND_MS, MINUTE_MS, 5 * MINUTE_MS, 10 * MINUTE_MS,
  30 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, 12 * HOUR_MS, DAY_MS, 7 * DAY_MS, 28 * DAY_MS, 364 * DAY_MS
] as const
/** Payload bytes, and one for each operation. */
const LANES = 7
const BYTES_LANE = 0

export class TimeBuckets {
  #counts = new Float64Array(MOST_BUCKETS * LANES)
  #level = 0
  /** Number of the first bucket that is in use, counted from the epoch, and how many are. */
  #first = 0
  #used = 0

  get widthMs(): number {
    return widthOf(this.#level)
  }

  add(timestampMs: number, operation: number, payloadBytes: number): void {
    let index = Math.floor(timestampMs / this.widthMs)
    if (index < this.#first || index >= this.#first + this.#used) index = this.#makeRoom(timestampMs)
    const row = (index - this.#first) * LANES
    this.#counts[row + BYTES_LANE] = (this.#counts[row + BYTES_LANE] as number) + payloadBytes
    this.#counts[row + operation] = (this.#counts[row + operation] as number) + 1
  }

  /** In order of time, without gaps: a bucket in which nothing was logged has nothing but zeros. */
  buckets(): ActivityBucket[] {
    return Array.from({ length: this.#used }, (_, index) => {
      const row = this.#counts.subarray(index * LANES, (index + 1) * LANES)
      return { startMs: (this.#first + index) * this.widthMs, operations: [0, ...row.subarray(1)], payloadBytes: row[BYTES_LANE] as number }
    })
  }

  /** The bucket of a time that is in none yet. */
  #makeRoom(timestampMs: number): number {
    if (this.#used === 0) this.#first = Math.floor(timestampMs / this.widthMs)
    for (;;) {
      const index = Math.floor(timestampMs / this.widthMs)
      const first = Math.min(this.#first, index)
      const used = Math.max(this.#first + this.#used, index + 1) - first
      if (used <= MOST_BUCKETS) {
        // The rows behind those in use are zeros.
        if (first < this.#first) this.#shift(this.#first - first)
        this.#first = first
        this.#used = used
        return index
      }
      this.#widen()
    }
  }

  #shift(buckets: number): void {
    this.#counts.copyWithin(buckets * LANES, 0, this.#used * LANES)
    this.#counts.fill(0, 0, buckets * LANES)
  }

  #widen(): void {
    const joined = new Float64Array(MOST_BUCKETS * LANES)
    const ratio = widthOf(this.#level + 1) / this.widthMs
    const first = Math.floor(this.#first / ratio)
    const last = Math.floor((this.#first + this.#used - 1) / ratio)
    for (let bucket = 0; bucket < this.#used; bucket++) {
      const row = (Math.floor((this.#first + bucket) / ratio) - first) * LANES
      for (let lane = 0; lane < LANES; lane++) {
        joined[row + lane] = (joined[row + lane] as number) + (this.#counts[bucket * LANES + lane] as number)
      }
    }
    this.#counts = joined
    this.#first = first
    this.#used = last - first + 1
    this.#level++
  }
}

function widthOf(level: number): number {
  const beyond = level - WIDTHS_MS.length + 1
  return beyond <= 0 ? (WIDTHS_MS[level] as number) : (WIDTHS_MS.at(-1) as number) * 2 ** beyond
}
