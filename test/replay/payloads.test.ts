// Proves that each payload comes back as it was written, that the layer knows its own payloads from a service's, and that
// payloads of another version, or too short for what they say, are refused by name.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { WalError } from '../../lib/index.js'
import {
  isOurs,
  PayloadWriter,
  readAdd,
  readCheckpoint,
  readCommit,
  readEnd,
  readRollback,
  readStart,
  END_REASONS
} from '../../lib/replay/payloads.js'

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
/** Plain objects, as the readers give them. */
const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> => fc.record(fields, { noNullPrototype: true })

const lastRow = fc.option(
  record({ source: fc.integer({ min: 1, max: 2 ** 32 - 1 }), position: fc.maxSafeInteger(), timestamp: fc.double({ noNaN: true }) }),
  { nil: undefined }
)
const value = fc.uint8Array({ maxLength: 10_000 })
const counted = { buffer: u32, count: u32, lastRow }
const replayed = fc.nat(Number.MAX_SAFE_INTEGER)

const start = record({ buffer: u32, windowStart: fc.double(), windowEnd: fc.double(), maxMeasurements: u32, minMeasurements: u32 })
const end = record({ ...counted, reason: fc.constantFrom(...END_REASONS) })
const checkpoint = record({ ...counted, attempts: u32, replayed, value })
const commit = record({ ...counted, discarded: fc.boolean(), replayed, value })
const rollback = record({ ...counted, attempts: u32, parked: fc.boolean(), replayed, error: fc.string({ unit: 'grapheme', maxLength: 200 }), value })

/** What the writer wrote last, in memory of its own, as a log keeps it. */
const kept = (payload: Uint8Array): Uint8Array => Uint8Array.from(payload)

describe('comes back as it was written', () => {
  const writer = new PayloadWriter()
  const check = <T>(payloads: fc.Arbitrary<T>, write: (payload: T) => Uint8Array, read: (bytes: Uint8Array) => unknown): void => {
    fc.assert(
      fc.property(payloads, (payload) => {
        expect(read(kept(write(payload)))).toStrictEqual(payload)
      })
    )
  }
  test('START_BUFFER', () => check(start, (payload) => writer.start(payload), readStart))
  test('ADD_MEASUREMENT, with an origin and without', () => {
    const origin = fc.option(record({ source: u32, position: fc.maxSafeInteger() }), { nil: undefined })
    const add = record({ buffer: u32, origin, value })
    check(add, (payload) => writer.add(payload.buffer, payload.value, payload.origin), readAdd)
  })
  test('END_BUFFER', () => check(end, (payload) => writer.end(payload), readEnd))
  test('CHECKPOINT', () => check(checkpoint, (payload) => writer.checkpoint(payload), readCheckpoint))
  test('COMMIT', () => check(commit, (payload) => writer.commit(payload), readCommit))
  test('ROLLBACK', () => check(rollback, (payload) => writer.rollback(payload), readRollback))
})

test('the text of an error is cut at 4,096 bytes, and the state behind it is whole', () => {
  const about = { buffer: 1, count: 1, lastRow: undefined, attempts: 1, parked: false, replayed: 0 }
  const back = readRollback(kept(new PayloadWriter().rollback({ ...about, error: 'e'.repeat(5000), value: Uint8Array.of(1, 2, 3) })))
  expect(back.error).toBe('e'.repeat(4096))
  expect(back.value).toStrictEqual(Uint8Array.of(1, 2, 3))
})

test('a payload is ours by its first byte', () => {
  expect([0xa0, 0xa1, 0xaf].map((first) => isOurs(Uint8Array.of(first)))).toEqual([true, true, true])
  expect([0x00, 0x7b, 0x9f, 0xb0].map((first) => isOurs(Uint8Array.of(first)))).toEqual([false, false, false, false])
  expect(isOurs(new Uint8Array(0))).toBe(false)
})

describe('is refused with ERR_WAL_CODEC', () => {
  const writer = new PayloadWriter()
  const about = { buffer: 1, count: 2, lastRow: { source: 1, position: 2, timestamp: 3 } }
  const bytes = Uint8Array.of(9)
  const cases: Array<[string, Uint8Array, (payload: Uint8Array) => unknown, number]> = [
    ['START_BUFFER', kept(writer.start({ buffer: 1, windowStart: 0, windowEnd: 1, maxMeasurements: 1, minMeasurements: 1 })), readStart, 29],
    ['ADD_MEASUREMENT', kept(writer.add(1, bytes, { source: 1, position: 1 })), readAdd, 18],
    ['END_BUFFER', kept(writer.end({ ...about, reason: 'full' })), readEnd, 30],
    ['CHECKPOINT', kept(writer.checkpoint({ ...about, attempts: 0, replayed: 0, value: bytes })), readCheckpoint, 41],
    ['COMMIT', kept(writer.commit({ ...about, discarded: false, replayed: 0, value: bytes })), readCommit, 41],
    ['ROLLBACK', kept(writer.rollback({ ...about, attempts: 0, parked: false, replayed: 0, error: 'why', value: bytes })), readRollback, 52]
  ]

  const codeOf = (action: () => unknown): string => {
    try {
      action()
      return 'accepted'
    } catch (error) {
      return error instanceof WalError ? error.code : String(error)
    }
  }

  test.each(cases)('%s cut anywhere in its head', (_, payload, read, headBytes) => {
    for (let length = 0; length < headBytes; length++) expect(codeOf(() => read(payload.subarray(0, length))), `${length} bytes`).toBe('ERR_WAL_CODEC')
    expect(codeOf(() => read(payload.subarray(0, headBytes)))).toBe('accepted')
  })

  test.each(cases)('%s of the next version, by its first byte', (name, payload, read) => {
    const newer = Uint8Array.from(payload)
    newer[0] = 0xa3
    const known = name === 'ADD_MEASUREMENT' ? '0xa1 or 0xa2' : '0xa1'
    expect(() => read(newer)).toThrow(`the payload of ${name} begins with 0xa3; this version reads payloads that begin with ${known}`)
  })

  test('numbers alone, cut anywhere, with an origin and without', () => {
    const payload = new Uint8Array(40).fill(0xa2, 0, 1).fill(1, 4, 5)
    for (let length = 1; length <= 40; length++) {
      expect(codeOf(() => readAdd(payload.subarray(0, length))), `${length} bytes`).toBe(length < 24 ? 'ERR_WAL_CODEC' : 'accepted')
      const withOrigin = payload.slice(0, length).fill(1, 1, 2)
      expect(codeOf(() => readAdd(withOrigin)), `${length} bytes, with an origin`).toBe(length < 40 ? 'ERR_WAL_CODEC' : 'accepted')
    }
    expect(() => readAdd(payload.slice().fill(2, 1, 2))).toThrow('unknown kind of origin 2; allowed: 0, 1')
  })

  test.each(cases.filter(([name]) => name !== 'ADD_MEASUREMENT'))('%s that begins like numbers alone', (name, payload, read) => {
    expect(() => read(Uint8Array.from(payload).fill(0xa2, 0, 1))).toThrow(`the payload of ${name} begins with 0xa2`)
  })

  test('what says something unknown', () => {
    expect(() => readEnd(kept(writer.end({ ...about, reason: 'full' })).fill(9, 29))).toThrow('END_BUFFER has the unknown reason 9')
    expect(() => readAdd(kept(writer.add(1, bytes, undefined)).fill(2, 1, 2))).toThrow('unknown kind of origin 2; allowed: 0, 1')
  })
})
