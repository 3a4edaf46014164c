// Proves that a list of measurements gives back what was added, in order and equal to the key, however it keeps it; and that a
// copy and its original never see each other's changes.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Measurement } from '../../lib/index.js'
import { isNumeric, MeasurementList } from '../../lib/replay/measurement-list.js'

const number = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(-0, NaN, Infinity, 2 ** 53))
const time = fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }))
const numeric = fc.record({ timestamp: time, value: number }, { noNullPrototype: true })
const measurement: fc.Arbitrary<Measurement> = fc.oneof(
  { weight: 3, arbitrary: numeric },
  fc.record({ timestamp: time, value: fc.string() }, { noNullPrototype: true }),
  fc.record({ timestamp: time, value: number, unit: fc.constant('kg') }, { noNullPrototype: true }),
  fc.record({ value: number, timestamp: time }, { noNullPrototype: true }),
  fc.record({ timestamp: fc.date({ noInvalidDate: true }) }, { noNullPrototype: true })
)

/** With the order of keys, which toStrictEqual does not look at. */
function expectSame(found: readonly Measurement[], expected: readonly Measurement[]): void {
  expect(found).toStrictEqual(expected)
  expect(found.map((each) => Object.keys(each))).toEqual(expected.map((each) => Object.keys(each)))
}

test('what comes out is what went in, in order, each way of asking', () => {
  fc.assert(
    fc.property(fc.array(measurement, { maxLength: 40 }), (measurements) => {
      const list = MeasurementList.of(measurements)
      expect(list.length).toBe(measurements.length)
      expectSame(list.toArray(), measurements)
      expectSame([...list], measurements)
      expectSame(list.map((each) => each), measurements)
      expectSame(measurements.map((_, index) => list.at(index) as Measurement), measurements)
      expect([list.at(-1), list.at(measurements.length)]).toEqual([undefined, undefined])
      expect(list.latestMs()).toBe(Math.max(-Infinity, ...measurements.map((each) => Number(each.timestamp))))
    })
  )
})

test('a copy and its original change by themselves, whichever is changed first', () => {
  fc.assert(
    fc.property(fc.array(measurement, { maxLength: 10 }), fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), measurement), { maxLength: 20 }), (begin, steps) => {
      const lists = [MeasurementList.of(begin)]
      lists.push((lists[0] as MeasurementList).copy())
      lists.push((lists[1] as MeasurementList).copy())
      const expected = [[...begin], [...begin], [...begin]]
      for (const [which, each] of steps) {
        lists[which]?.add(each)
        expected[which]?.push(each)
        for (const [i, list] of lists.entries()) expectSame(list.toArray(), expected[i] as Measurement[])
      }
    })
  )
})

test('a list takes over an array of times and values', () => {
  const list = MeasurementList.ofNumbers(Float64Array.of(1, 10, 2, 20))
  const copy = list.copy()
  list.addNumbers(3, 30)
  expectSame(copy.toArray(), [{ timestamp: 1, value: 10 }, { timestamp: 2, value: 20 }])
  expectSame(list.toArray(), [{ timestamp: 1, value: 10 }, { timestamp: 2, value: 20 }, { timestamp: 3, value: 30 }])
})

test('numbers alone are kept as numbers: what comes out is an object of its own each time', () => {
  const given = { timestamp: 1, value: 2 }
  const list = MeasurementList.of([given])
  given.value = 3
  expect(list.at(0)).toStrictEqual({ timestamp: 1, value: 2 })
  expect(list.at(0)).not.toBe(list.at(0))
})

describe('numbers alone are', () => {
  class Sample {
    timestamp = 1
    value = 2
  }
  const cases: Array<[string, unknown, boolean]> = [
    ['a time and a value', { timestamp: 1, value: 2 }, true],
    ['NaN and infinities as values', { timestamp: 1, value: NaN }, true],
    ['not with another key', { timestamp: 1, value: 2, unit: 'kg' }, false],
    ['not with another key that is undefined', { timestamp: 1, value: 2, unit: undefined }, false],
    ['not without a value', { timestamp: 1 }, false],
    ['not in the other order', { value: 2, timestamp: 1 }, false],
    ['not a date', { timestamp: new Date(1), value: 2 }, false],
    ['not a value that is no number', { timestamp: 1, value: '2' }, false],
    ['not a bigint', { timestamp: 1, value: 2n }, false],
    ['not an object of a class', new Sample(), false],
    ['not an object without a prototype', Object.assign(Object.create(null), { timestamp: 1, value: 2 }), false],
    ['not what inherits one of them', Object.assign(Object.create({ value: 2 }), { timestamp: 1 }), false]
  ]
  test.each(cases)('%s', (_, given, expected) => expect(isNumeric(given as Measurement)).toBe(expected))
})
