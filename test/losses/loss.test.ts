// Proves when a damage is known: when it says no more than what is known, of bytes and of entries; whatever else is damaged beside it.
import { describe, expect, test } from 'vitest'
import { KnownPlaces } from '../../lib/losses/loss.js'
import { damageOf } from './support.js'

describe('a place is known', () => {
  const known = new KnownPlaces([damageOf()])
  test.each([
    ['the same', {}],
    ['of other users', { users: [] }],
    ['a part of its bytes', { offset: 8968, endOffset: 9000 }],
    ['a part of its entries', { firstLsn: 12 }],
    ['none of its entries', { firstLsn: 0, lastLsn: 0 }]
  ])('%s', (_, change) => expect(known.has(damageOf(change))).toBe(true))
})

describe('a place is news', () => {
  const known = new KnownPlaces([damageOf()])
  test.each([
    ['one byte before', { offset: 8959 }],
    ['one byte more', { endOffset: 9033 }],
    ['an entry before', { firstLsn: 10 }],
    ['an entry more', { lastLsn: 13 }],
    ['another kind', { kind: 'bytes' }],
    ['another file', { file: '0000000000000002.wal' }]
  ])('%s', (_, change) => {
    expect(known.has(damageOf(change))).toBe(false)
    if (!('kind' in change || 'file' in change)) expect(known.hasPart(damageOf(change))).toBe(true)
  })
})

test('a place without a file is known by its entries, whatever its number is now', () => {
  const missing = damageOf({ kind: 'missing_segment', file: '', segment: 3, offset: 0, endOffset: 0 })
  const known = new KnownPlaces([missing])
  expect(known.has({ ...missing, segment: 5 })).toBe(true)
  expect(known.has({ ...missing, lastLsn: 13 })).toBe(false)
  expect(known.has({ ...missing, firstLsn: 0, lastLsn: 0 })).toBe(false)
})

test('a ring is known by the entry before what it lost', () => {
  const ring = damageOf({ kind: 'ring', file: '', segment: 0, offset: 0, endOffset: 0, firstLsn: 0, lastLsn: 0, previousLsn: 70 })
  const known = new KnownPlaces([ring])
  expect([known.has(ring), known.has({ ...ring, previousLsn: 71 })]).toEqual([true, false])
})

test('of ten thousand places in any order each is found, and what lies between them is not', () => {
  const places = Array.from({ length: 10_000 }, (_, index) => damageOf({ offset: ((index * 7919) % 10_000) * 100, endOffset: ((index * 7919) % 10_000) * 100 + 50 }))
  const known = new KnownPlaces(places)
  expect(places.every((place) => known.has(place))).toBe(true)
  expect(places.some((place) => known.hasPart({ ...place, offset: place.offset + 50, endOffset: place.offset + 100 }))).toBe(false)
})
