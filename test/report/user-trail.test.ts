/**
 * Proves that the past of a user is told as it was: estimates only where they come to the state in the log, marks at their
 * buffers, whatever else is in the log, and no more of it than is kept.
 */
import { describe, expect, it } from 'vitest'
import { createDefaultCodec, kalmanFilter, Operation } from '../../lib/index.js'
import { kalmanStateOf, numbersOf, Stored, storedCodec } from '../../lib/report/filter-states.js'
import { MOST_MARKS, MOST_PENDING, MOST_POINTS, UserTrail } from '../../lib/report/user-trail.js'
import { PayloadWriter } from '../../lib/replay/payloads.js'

const codec = createDefaultCodec()
const writer = new PayloadWriter()

/** Feeds a trail as a service would, one LSN after the other. */
class Fed {
  readonly trail = new UserTrail()
  #lsn = 0

  #take(operation: Operation, payload: Uint8Array): void {
    this.#lsn++
    const entry = { lsn: this.#lsn, timestamp: 1000 * this.#lsn, operation, userId: 'u', sequence: this.#lsn, segment: 1, offset: 0 }
    this.trail.take({ ...entry, payload: payload.slice() })
  }

  add(buffer: number, measurement: unknown): void {
    this.#take(Operation.ADD_MEASUREMENT, writer.add(buffer, codec.encode(measurement), undefined))
  }

  checkpoint(buffer: number, count: number, state: unknown, attempts = 0): void {
    this.#take(Operation.CHECKPOINT, writer.checkpoint({ buffer, count, lastRow: undefined, attempts, replayed: 0, value: codec.encode(state) }))
  }

  commit(buffer: number, count: number, state: unknown, discarded = false): void {
    this.#take(Operation.COMMIT, writer.commit({ buffer, count, lastRow: undefined, discarded, replayed: 0, value: codec.encode(state) }))
  }

  rollback(buffer: number, count: number, parked: boolean): void {
    const value = codec.encode(kalmanFilter.initialState)
    this.#take(Operation.ROLLBACK, writer.rollback({ buffer, count, lastRow: undefined, attempts: 1, parked, replayed: 0, error: 'no', value }))
  }
}

const MEASURED = [
  { timestamp: 3000, value: 64 },
  { timestamp: 1000, value: 60 },
  { timestamp: 2000, value: 62 }
]
const inOrder = [...MEASURED].sort((one, other) => one.timestamp - other.timestamp)
const REPLAYED = inOrder.reduce(kalmanFilter.processMeasurement, kalmanFilter.initialState)

function replayed(state: unknown, measured: readonly unknown[] = MEASURED): UserTrail {
  const fed = new Fed()
  for (const measurement of measured) fed.add(1, measurement)
  fed.checkpoint(1, measured.length, kalmanFilter.initialState)
  fed.commit(1, measured.length, state)
  return fed.trail
}

describe('a replay that was committed', () => {
  it('has its measurements in order of time, with estimates that end at the state in the log', () => {
    const { points, agreeing, differing } = replayed(REPLAYED)
    expect(points.map(({ ms, value }) => ({ timestamp: ms, value }))).toEqual(inOrder)
    expect(points.at(-1)).toMatchObject({ estimate: REPLAYED.estimate, variance: REPLAYED.variance, waiting: false })
    expect([agreeing, differing]).toEqual([1, 0])
  })

  it('has no estimate where the state in the log is another than the filter comes to', () => {
    const { points, agreeing, differing } = replayed({ ...REPLAYED, estimate: REPLAYED.estimate + 1e-9 })
    expect(points.map(({ estimate }) => estimate)).toEqual([NaN, NaN, NaN])
    expect([agreeing, differing]).toEqual([0, 1])
  })

  it('has none where the state is not of the filter, and none where a measurement is no number', () => {
    expect(replayed({ mean: 62 })).toMatchObject({ agreeing: 0, differing: 0, withoutNumber: 0 })
    const { points, agreeing, differing, withoutNumber } = replayed(REPLAYED, [...MEASURED, { timestamp: 4000, value: 'high' }])
    expect(points.map(({ estimate }) => estimate)).toEqual([NaN, NaN, NaN])
    expect([agreeing, differing, withoutNumber]).toEqual([0, 0, 1])
  })

  it('has none where measurements of it are lost', () => {
    const fed = new Fed()
    fed.add(1, MEASURED[0])
    fed.checkpoint(1, 3, kalmanFilter.initialState)
    fed.commit(1, 3, REPLAYED)
    expect(fed.trail).toMatchObject({ agreeing: 0, differing: 0 })
    expect(fed.trail.points).toMatchObject([{ value: 64, estimate: NaN }])
  })
})

describe('marks', () => {
  it('stand where their buffer begins and ends', () => {
    const fed = new Fed()
    for (const measurement of MEASURED) fed.add(1, measurement)
    fed.checkpoint(1, 3, kalmanFilter.initialState)
    fed.rollback(1, 3, false)
    fed.checkpoint(1, 3, kalmanFilter.initialState, 1)
    fed.rollback(1, 3, true)
    fed.commit(1, 3, kalmanFilter.initialState, true)
    expect(fed.trail.marks.map(({ kind, atMs, lsn, attempts, error }) => [kind, atMs, lsn, attempts, error])).toEqual([
      ['checkpoint', 1000, 4, 0, ''],
      ['rollback', 3000, 5, 1, 'no'],
      ['checkpoint', 1000, 6, 1, ''],
      ['parked', 3000, 7, 1, 'no'],
      ['clear', 3000, 8, 0, '']
    ])
  })
})

describe('what is kept', () => {
  it('is bounded, the newest of it, and what is left out is counted', () => {
    const fed = new Fed()
    const buffers = 150
    for (let buffer = 1; buffer <= buffers; buffer++) {
      for (let index = 0; index < 10; index++) fed.add(buffer, { timestamp: buffer * 100 + index, value: index })
      fed.commit(buffer, 10, { own: buffer })
    }
    const { points, marks, pointsLeftOut, marksLeftOut } = fed.trail
    expect([points.length, marks.length, pointsLeftOut, marksLeftOut]).toEqual([MOST_POINTS, MOST_MARKS, 1500 - MOST_POINTS, buffers - MOST_MARKS])
    expect([points.at(-1)?.buffer, marks.at(-1)?.buffer]).toEqual([buffers, buffers])
  })

  it('is bounded for one buffer too', () => {
    const fed = new Fed()
    for (let index = 0; index < MOST_PENDING + 5; index++) fed.add(1, { timestamp: index, value: 1 })
    fed.commit(1, MOST_PENDING + 5, REPLAYED)
    expect(fed.trail.points).toHaveLength(MOST_POINTS)
    expect(fed.trail).toMatchObject({ pointsLeftOut: MOST_PENDING + 5 - MOST_POINTS, agreeing: 0, differing: 0 })
  })
})

describe('what is stored', () => {
  it('is read whatever codec wrote it', () => {
    expect((storedCodec.decode(Buffer.from([0xff, 1, 2])) as Stored).content).toBeUndefined()
    expect((storedCodec.decode(codec.encode(null)) as Stored).timestamp).toBe(0)
    expect(numbersOf(storedCodec.decode(codec.encode({ timestamp: new Date(5), value: 1 })))).toEqual({ timestamp: 5, value: 1 })
    expect(numbersOf({ timestamp: 5, value: Infinity })).toBeUndefined()
    expect(numbersOf({ timestamp: NaN, value: 1 })).toBeUndefined()
  })

  it.each([
    ['no object', 7],
    ['a field missing', { estimate: 1, variance: 1, count: 1 }],
    ['a field more', { ...REPLAYED, name: 'x' }],
    ['a variance below zero', { ...REPLAYED, variance: -1 }],
    ['a count that is none', { ...REPLAYED, count: 1.5 }],
    ['text', { ...REPLAYED, estimate: '1' }]
  ])('is no state of the filter: %s', (_, state) => {
    expect(kalmanStateOf(state)).toBeUndefined()
    expect(kalmanStateOf(new Stored(REPLAYED))).toEqual(REPLAYED)
  })
})
