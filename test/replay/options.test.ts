// Proves the defaults of buffers, and that each option is checked with an error that names it, its value and what is allowed.
import { expect, test } from 'vitest'
import { ReplayBuffer, type ReplayBufferSettings } from '../../lib/index.js'

test('the defaults are 72 hours, 100 measurements, time-based, wall clock', () => {
  expect(new ReplayBuffer().settings).toStrictEqual({
    bufferHours: 72,
    maxBufferMeasurements: 100,
    triggerMode: 'time_based',
    minMeasurements: 1,
    clock: 'wall'
  })
  expect(new ReplayBuffer({ bufferHours: undefined } as unknown as ReplayBufferSettings).settings.bufferHours).toBe(72)
})

test.each<[ReplayBufferSettings]>([
  [{ bufferHours: 0.001 }],
  [{ bufferHours: 878_400 }],
  [{ maxBufferMeasurements: 1 }],
  [{ maxBufferMeasurements: 10_000_000, minMeasurements: 10_000_000 }],
  [{ triggerMode: 'measurement_count', clock: 'event' }]
])('%j is taken', (settings) => {
  expect(new ReplayBuffer(settings).settings).toMatchObject(settings)
})

test.each<[Record<string, unknown>, string]>([
  [{ bufferHours: 0 }, 'bufferHours is 0; allowed: a number above 0, up to 878400'],
  [{ bufferHours: NaN }, 'bufferHours is NaN; allowed: a number above 0, up to 878400'],
  [{ bufferHours: Infinity }, 'bufferHours is Infinity; allowed: a number above 0, up to 878400'],
  [{ bufferHours: '72' }, 'bufferHours is "72"; allowed: a number above 0, up to 878400'],
  [{ maxBufferMeasurements: 0 }, 'maxBufferMeasurements is 0; allowed: a whole number from 1 to 10000000'],
  [{ maxBufferMeasurements: 10_000_001 }, 'maxBufferMeasurements is 10000001; allowed: a whole number from 1 to 10000000'],
  [{ minMeasurements: 101 }, 'minMeasurements is 101; allowed: a whole number from 1 to 100'],
  [{ minMeasurements: 1.5 }, 'minMeasurements is 1.5; allowed: a whole number from 1 to 100'],
  [{ triggerMode: 'time' }, 'triggerMode is "time"; allowed: time_based, measurement_count'],
  [{ clock: 'utc' }, 'clock is "utc"; allowed: wall, event']
])('%j is refused', (settings, message) => {
  expect(() => new ReplayBuffer(settings)).toThrow(expect.objectContaining({ code: 'ERR_WAL_INVALID_ARGUMENT', message }) as Error)
})
