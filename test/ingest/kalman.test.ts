/**
 * What the built-in processor promises: a new plain JSON state each time, the published filter equations, and the same
 * bits for the same measurements, through JSON and back at any point, which is what a resumed replay does.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  initialState,
  MEASUREMENT_VARIANCE,
  PROCESS_VARIANCE_PER_SECOND,
  processMeasurement,
  type KalmanState
} from '../../lib/ingest/kalman.js'

const seed = Date.now() & 0x7fffffff
console.log(`kalman.test seed ${seed}`)

test('the first measurement is the estimate', () => {
  expect(processMeasurement(initialState, { timestamp: 5000, value: 72 })).toEqual({
    estimate: 72, variance: MEASUREMENT_VARIANCE, count: 1, lastTimestamp: 5000
  })
})

test('a second one at the same time is averaged with it', () => {
  const first = processMeasurement(initialState, { timestamp: 5000, value: 70 })
  expect(processMeasurement(first, { timestamp: 5000, value: 80 })).toEqual({
    estimate: 75, variance: MEASUREMENT_VARIANCE / 2, count: 2, lastTimestamp: 5000
  })
})

test('time that passed makes the new measurement weigh more, by Q a second', () => {
  const first = processMeasurement(initialState, { timestamp: 0, value: 70 })
  const second = processMeasurement(first, { timestamp: 60_000, value: 80 })
  const predicted = MEASUREMENT_VARIANCE + 60 * PROCESS_VARIANCE_PER_SECOND
  const gain = predicted / (predicted + MEASUREMENT_VARIANCE)
  expect(second.estimate).toBeCloseTo(70 + gain * 10, 12)
  expect(second.variance).toBeCloseTo((1 - gain) * predicted, 12)
})

test('a measurement older than the state counts, but turns no clock back', () => {
  const state = processMeasurement(initialState, { timestamp: 60_000, value: 70 })
  const late = processMeasurement(state, { timestamp: 1000, value: 80 })
  expect(late).toEqual({ estimate: 75, variance: MEASUREMENT_VARIANCE / 2, count: 2, lastTimestamp: 60_000 })
})

test('states are never changed, the initial one not either', () => {
  const state = Object.freeze(processMeasurement(initialState, { timestamp: 1, value: 1 }))
  const copy = { ...state }
  expect(processMeasurement(state, { timestamp: 2, value: 2 })).not.toBe(state)
  expect(state).toEqual(copy)
  expect(Object.isFrozen(initialState)).toBe(true)
})

test('values at both ends of the range leave a finite estimate', () => {
  const low = processMeasurement(initialState, { timestamp: 0, value: -Number.MAX_VALUE })
  const { estimate } = processMeasurement(low, { timestamp: 1000, value: Number.MAX_VALUE })
  expect(Number.isFinite(estimate)).toBe(true)
})

test('it settles on a constant value', () => {
  let state = processMeasurement(initialState, { timestamp: 0, value: 200 })
  for (let second = 1; second <= 300; second += 1) {
    state = processMeasurement(state, { timestamp: second * 1000, value: 60 })
  }
  expect(state.estimate).toBeCloseTo(60, 6)
})

test('any finite measurements: bits do not depend on where the run was cut, and the state stays finite JSON', () => {
  const measurement = fc.record({
    timestamp: fc.integer({ min: -8.64e15, max: 8.64e15 }),
    value: fc.double({ noNaN: true, noDefaultInfinity: true })
  })
  fc.assert(
    fc.property(fc.array(measurement, { minLength: 1, maxLength: 30 }), fc.nat(30), (measurements, cut) => {
      const whole = measurements.reduce(processMeasurement, initialState)
      const before = measurements.slice(0, cut).reduce(processMeasurement, initialState)
      const reread = JSON.parse(JSON.stringify(before)) as KalmanState
      const resumed = measurements.slice(cut).reduce(processMeasurement, reread)
      expect(JSON.stringify(resumed)).toBe(JSON.stringify(whole))
      expect([whole.estimate, whole.variance].every(Number.isFinite)).toBe(true)
      expect(whole.variance).toBeGreaterThanOrEqual(0)
      expect(whole.count).toBe(measurements.length)
    }),
    { seed }
  )
})
