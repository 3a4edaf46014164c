/** Proves that buckets over time lose no entry and no byte, stay bounded, and stand where the entries do, in any order of times. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MOST_BUCKETS, TimeBuckets } from '../../lib/report/time-buckets.js'

const DAY_MS = 86_400_000

function filled(times: readonly number[]): TimeBuckets {
  const buckets = new TimeBuckets()
  for (const [index, timestamp] of times.entries()) buckets.add(timestamp, 1 + (index % 6), index)
  return buckets
}

function inBucket(times: readonly number[], startMs: number, widthMs: number): number {
  return times.filter((timestamp) => timestamp >= startMs && timestamp < startMs + widthMs).length
}

describe('buckets over time', () => {
  it.each([
    ['near each other', fc.integer({ min: 1_700_000_000_000, max: 1_700_000_000_500 })],
    ['over years, before the epoch too', fc.integer({ min: -(10 ** 12), max: 2 * 10 ** 12 })],
    ['over everything that a time can be', fc.maxSafeInteger()]
  ])('hold each entry at its time: times %s', (_, timestamp) => {
    fc.assert(
      fc.property(fc.array(timestamp, { minLength: 1, maxLength: 60 }), (times) => {
        const buckets = filled(times)
        const all = buckets.buckets()
        expect(all.length).toBeLessThanOrEqual(MOST_BUCKETS)
        for (const [index, { startMs, operations }] of all.entries()) {
          if (index > 0) expect(startMs).toBe((all[index - 1]?.startMs ?? 0) + buckets.widthMs)
          expect(operations.reduce((sum, count) => sum + count, 0)).toBe(inBucket(times, startMs, buckets.widthMs))
        }
        expect(all.reduce((sum, { payloadBytes }) => sum + payloadBytes, 0)).toBe((times.length * (times.length - 1)) / 2)
      })
    )
  })

  it('count operations apart', () => {
    expect(filled([0, 0, 0, 0, 0, 0, 0]).buckets()).toEqual([{ startMs: 0, operations: [0, 2, 1, 1, 1, 1, 1], payloadBytes: 21 }])
  })

  it('are as narrow as the range allows', () => {
    const week = Array.from({ length: 8 }, (_, day) => day * DAY_MS)
    const buckets = filled(week)
    expect(buckets.widthMs).toBe(1_800_000)
    expect(buckets.buckets()).toHaveLength(337)
  })

  it('are none where nothing was logged', () => {
    expect(new TimeBuckets().buckets()).toEqual([])
  })
})
