// Proves that a value is counted below the first bound that is not below it, and that quantiles are those of Prometheus.
import { describe, expect, test } from 'vitest'
import { histogramQuantile } from '../../lib/index.js'
import { fromNativeHistogram, Histogram } from '../../lib/metrics/histogram.js'

describe('Histogram', () => {
  test('counts a value in the first bucket whose bound is not below it, and above all bounds', () => {
    const histogram = new Histogram(10, 3)
    for (const value of [0, 10, 11, 20, 21, 40, 41, 1e9]) histogram.record(value)
    expect(histogram.value()).toEqual({ bounds: [10, 20, 40], counts: [2, 2, 2, 2], sum: 1e9 + 143, count: 8 })
  })

  test('what it gave stays as it was', () => {
    const histogram = new Histogram(1, 1)
    const before = histogram.value()
    histogram.record(1)
    expect(before).toEqual({ bounds: [1], counts: [0, 0], sum: 0, count: 0 })
  })
})

test('nanoseconds of the native module become seconds', () => {
  const native = { bounds: Float64Array.of(16_000, 32_000), counts: Float64Array.of(1, 2, 3), sum: 5e9 }
  expect(fromNativeHistogram(native, 1e9)).toEqual({ bounds: [0.000016, 0.000032], counts: [1, 2, 3], sum: 5, count: 6 })
})

describe('histogramQuantile', () => {
  const of = (...counts: number[]): Parameters<typeof histogramQuantile>[0] => ({
    bounds: [1, 2, 4],
    counts,
    sum: 0,
    count: counts.reduce((total, count) => total + count, 0)
  })

  test('spreads values evenly over their bucket', () => {
    expect(histogramQuantile(of(0, 10, 0, 0), 0.5)).toBe(1.5)
    expect(histogramQuantile(of(10, 10, 20, 0), 0.5)).toBe(2)
    expect(histogramQuantile(of(10, 10, 20, 0), 0.75)).toBe(3)
    expect(histogramQuantile(of(4, 0, 0, 0), 0.25)).toBe(0.25)
  })

  test('goes from the lowest bound of what there is to the highest', () => {
    expect(histogramQuantile(of(0, 10, 0, 0), 0)).toBe(1)
    expect(histogramQuantile(of(0, 10, 0, 0), 1)).toBe(2)
  })

  test('above the last bound: that bound; of nothing: no number', () => {
    expect(histogramQuantile(of(0, 0, 0, 5), 0.5)).toBe(4)
    expect(histogramQuantile(of(0, 0, 0, 0), 0.5)).toBeNaN()
  })
})
