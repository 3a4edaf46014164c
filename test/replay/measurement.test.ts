// Proves which measurements and origins are accepted, and that time order keeps what has the same time as it came.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Measurement, Origin } from '../../lib/index.js'
import { checkOrigin, inTimeOrder, timestampOf } from '../../lib/replay/measurement.js'

test.each([
  ['milliseconds', 1_460_445_660_000, 1_460_445_660_000],
  ['0', 0, 0],
  ['before 1970', -5.5, -5.5],
  ['a Date', new Date(7), 7]
])('the time of a measurement can be %s', (_, timestamp, expected) => {
  expect(timestampOf({ timestamp })).toBe(expected)
})

test.each([
  ['a string', '2016-04-12', 'the timestamp of a measurement is 2016-04-12'],
  ['NaN', NaN, 'the timestamp of a measurement is NaN'],
  ['Infinity', Infinity, 'the timestamp of a measurement is Infinity'],
  ['an invalid date', new Date(NaN), 'the timestamp of a measurement is Invalid Date'],
  ['missing', undefined, 'the timestamp of a measurement is undefined'],
  ['null', null, 'the timestamp of a measurement is null'],
  ['a bigint', 5n, 'the timestamp of a measurement is 5']
])('a time that is %s is refused, naming it and what is allowed', (_, timestamp, message) => {
  expect(() => timestampOf({ timestamp } as unknown as Measurement)).toThrow(
    expect.objectContaining({
      code: 'ERR_WAL_MEASUREMENT',
      message: `${message}; allowed: milliseconds since the Unix epoch, or a valid Date`
    }) as Error
  )
})

test.each([null, undefined, 3, 'x'])('%j is no measurement', (measurement) => {
  expect(() => timestampOf(measurement as unknown as Measurement)).toThrow(expect.objectContaining({ code: 'ERR_WAL_MEASUREMENT' }) as Error)
})

describe('inTimeOrder', () => {
  test('sorts by time, is stable, and leaves its argument alone', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -3, max: 3 }), { maxLength: 60 }), (times) => {
        const measurements = times.map((timestamp, place) => ({ timestamp: place % 2 === 0 ? timestamp : new Date(timestamp), place }))
        const given = [...measurements]
        const sorted = inTimeOrder(measurements)
        expect(measurements).toStrictEqual(given)
        expect(new Set(sorted)).toStrictEqual(new Set(given))
        for (let i = 1; i < sorted.length; i++) {
          const [before, after] = [sorted[i - 1] as Measurement, sorted[i] as Measurement]
          const later = timestampOf(after) - timestampOf(before)
          expect(later > 0 || (later === 0 && (after['place'] as number) > (before['place'] as number))).toBe(true)
        }
      })
    )
  })
})

test.each<[Origin, string | undefined]>([
  [{ source: 1, position: 1 }, undefined],
  [{ source: 2 ** 32 - 1, position: Number.MAX_SAFE_INTEGER }, undefined],
  [{ source: 0, position: 1 }, 'origin.source is 0; allowed: a whole number from 1 to 4294967295'],
  [{ source: 2 ** 32, position: 1 }, 'origin.source is 4294967296; allowed: a whole number from 1 to 4294967295'],
  [{ source: 1, position: 0 }, 'origin.position is 0; allowed: a whole number from 1'],
  [{ source: 1, position: 1.5 }, 'origin.position is 1.5; allowed: a whole number from 1']
])('origin %j', (origin, message) => {
  if (message === undefined) expect(() => checkOrigin(origin)).not.toThrow()
  else expect(() => checkOrigin(origin)).toThrow(expect.objectContaining({ code: 'ERR_WAL_INVALID_ARGUMENT', message }) as Error)
})
