// Proves that a wall clock that jumps, while the log is open or between two starts, makes nothing old before its time.
import { describe, expect, test } from 'vitest'
import { LogClock } from '../../lib/maintenance/clock.js'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const NOW_MS = Date.UTC(2026, 0, 1)

/** A machine whose wall clock can be set, and which runs on. */
function machine(wallMs: number): { clocks: { wallMs: () => number; monotonicMs: () => number }; pass: (ms: number) => void; set: (ms: number) => void } {
  let wall = wallMs
  let monotonic = 5000
  return {
    clocks: { wallMs: () => wall, monotonicMs: () => monotonic },
    pass: (ms) => {
      wall += ms
      monotonic += ms
    },
    set: (ms) => (wall = ms)
  }
}

test('time passes as it does', () => {
  const { clocks, pass } = machine(NOW_MS)
  const clock = new LogClock(NOW_MS - HOUR_MS, clocks)
  expect([clock.nowMs, clock.trustedNowMs, clock.elapsedMs]).toEqual([NOW_MS, NOW_MS, 0])
  pass(3 * DAY_MS)
  expect([clock.nowMs, clock.trustedNowMs, clock.elapsedMs]).toEqual([NOW_MS + 3 * DAY_MS, NOW_MS + 3 * DAY_MS, 3 * DAY_MS])
})

describe('a clock that is set while the log is open', () => {
  test.each([
    ['a year ahead', 365 * DAY_MS],
    ['a year back', -365 * DAY_MS]
  ])('%s changes nothing', (_, jump) => {
    const { clocks, pass, set } = machine(NOW_MS)
    const clock = new LogClock(NOW_MS, clocks)
    set(NOW_MS + jump)
    pass(HOUR_MS)
    expect([clock.nowMs, clock.trustedNowMs]).toEqual([NOW_MS + HOUR_MS, NOW_MS + HOUR_MS])
  })
})

describe('a start at which the clock is more than a day from what the log says', () => {
  test.each([
    ['ahead', NOW_MS - DAY_MS - 1],
    ['behind', NOW_MS + DAY_MS + 1]
  ])('%s: the time is not trusted for an hour', (_, newestMs) => {
    const { clocks, pass, set } = machine(NOW_MS)
    const clock = new LogClock(newestMs, clocks)
    expect(clock.trustedNowMs).toBeUndefined()
    pass(HOUR_MS - 1)
    // That it is set right meanwhile does not make the hour shorter.
    set(newestMs)
    expect(clock.trustedNowMs).toBeUndefined()
    pass(1)
    expect(clock.trustedNowMs).toBe(NOW_MS + HOUR_MS)
  })

  test.each([
    ['a day ahead', NOW_MS - DAY_MS],
    ['a day behind', NOW_MS + DAY_MS],
    ['a log that says no time', 0]
  ])('%s: it is trusted', (_, newestMs) => {
    expect(new LogClock(newestMs, machine(NOW_MS).clocks).trustedNowMs).toBe(NOW_MS)
  })
})
