/** Distributions: how often values fell below which bound. */
import type { NativeHistogram } from '../../binding.js'

export interface HistogramValue {
  /** Highest value of each bucket, ascending. */
  bounds: readonly number[]
  /** Values in each bucket, and behind them those above the last bound: one more than `bounds`. */
  counts: readonly number[]
  /** Of all values. */
  sum: number
  /** How many values there were. */
  count: number
}

/** Counts values in buckets whose bounds double: `firstBound`, twice that, … */
export class Histogram {
  readonly #bounds: readonly number[]
  readonly #counts: number[]
  #sum = 0

  constructor(firstBound: number, boundCount: number) {
    this.#bounds = Array.from({ length: boundCount }, (_, index) => firstBound * 2 ** index)
    this.#counts = new Array<number>(boundCount + 1).fill(0)
  }

  record(value: number): void {
    let bucket = 0
    while (bucket < this.#bounds.length && value > (this.#bounds[bucket] as number)) bucket++
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1
    this.#sum += value
  }

  /** A copy of what was counted so far. */
  value(): HistogramValue {
    return valueOf(this.#bounds, [...this.#counts], this.#sum)
  }
}

/** Buckets of how long an append takes, in seconds: 100 ns to 52 ms. */
export function appendDurations(): Histogram {
  return new Histogram(1e-7, 20)
}

/** What the native module measured, in units of which `unit` make one: 1e9 for nanoseconds to seconds. */
export function fromNativeHistogram({ bounds, counts, sum }: NativeHistogram, unit = 1): HistogramValue {
  return valueOf(Array.from(bounds, (bound) => bound / unit), Array.from(counts), sum / unit)
}

/**
 * The value below which the part `quantile` (0 to 1) of all values lies, taken as spread evenly over their bucket: what
 * `histogram_quantile` of Prometheus says. Above the last bound: that bound. NaN when there is no value.
 */
export function histogramQuantile({ bounds, counts, count }: HistogramValue, quantile: number): number {
  if (count === 0) return NaN
  const rank = quantile * count
  let below = 0
  for (const [bucket, bound] of bounds.entries()) {
    const inBucket = counts[bucket] as number
    if (inBucket > 0 && below + inBucket >= rank) {
      const lower = bucket === 0 ? 0 : (bounds[bucket - 1] as number)
      return lower + (bound - lower) * Math.max(0, (rank - below) / inBucket)
    }
    below += inBucket
  }
  return bounds.at(-1) ?? NaN
}

function valueOf(bounds: readonly number[], counts: readonly number[], sum: number): HistogramValue {
  return { bounds, counts, sum, count: counts.reduce((total, count) => total + count, 0) }
}
