// Proves that a damaged place is counted once, whoever finds it how often, and that every kind has a count.
import { expect, test } from 'vitest'
import type { Damage } from '../../lib/index.js'
import { KnownDamage } from '../../lib/wal/known-damage.js'

function damage(kind: string, segment: number, offset: number): Damage {
  const file = `${String(segment).padStart(16, '0')}.wal`
  return { kind, segment, file, offset, endOffset: offset + 8, firstLsn: 1, lastLsn: 1, previousLsn: 0, users: [], detail: '' }
}

test('each kind has a count from the beginning', () => {
  expect(new KnownDamage(['entry', 'bytes'], []).counts).toEqual({ entry: 0, bytes: 0 })
})

test('the same place is counted once; another kind, segment or offset is another place', () => {
  const known = new KnownDamage(['entry', 'bytes'], [damage('entry', 1, 100)])
  known.add(damage('entry', 1, 100))
  expect(known.counts).toEqual({ entry: 1, bytes: 0 })
  known.add(damage('bytes', 1, 100))
  known.add(damage('entry', 2, 100))
  known.add(damage('entry', 1, 200))
  expect(known.counts).toEqual({ entry: 3, bytes: 1 })
})

test('memory is bounded: behind ten thousand places they are counted and not kept', () => {
  const known = new KnownDamage(['entry'], [])
  for (let offset = 0; offset < 10_100; offset++) known.add(damage('entry', 1, offset))
  expect(known.counts).toEqual({ entry: 10_100 })
  // The last that is remembered, and the first that is not.
  known.add(damage('entry', 1, 9999))
  expect(known.counts).toEqual({ entry: 10_100 })
  known.add(damage('entry', 1, 10_000))
  expect(known.counts).toEqual({ entry: 10_101 })
})
