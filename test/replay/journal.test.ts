// Proves that a user's entries get running numbers without a hole, whatever the log refuses, that the numbers pass over 0 when
// they begin again, and that room is asked for before anything is written.
import { expect, test } from 'vitest'
import { Operation, WalError } from '../../lib/index.js'
import { Journal, sequenceAfter, skippedSequences } from '../../lib/replay/journal.js'
import { MemoryLog } from '../recovery/memory-log.js'

const PAYLOAD = Uint8Array.of(1)
const LAST = 2 ** 32 - 1

test('each user has numbers of its own, from 1', () => {
  const log = new MemoryLog()
  const journal = new Journal(log)
  for (const userId of ['a', 'b', 'a', 'a', 'b']) journal.write(Operation.ADD_MEASUREMENT, userId, PAYLOAD)
  expect(log.stored.map(({ userId, sequence }) => `${userId}${sequence}`)).toEqual(['a1', 'b1', 'a2', 'a3', 'b2'])
})

test('a refused entry takes no number', () => {
  const log = new MemoryLog()
  const journal = new Journal(log)
  journal.write(Operation.ADD_MEASUREMENT, 'a', PAYLOAD)
  log.limitRoom(0)
  expect(() => journal.write(Operation.ADD_MEASUREMENT, 'a', PAYLOAD)).toThrow(WalError)
  log.limitRoom(9)
  journal.write(Operation.ADD_MEASUREMENT, 'a', PAYLOAD)
  expect(log.stored.map((entry) => entry.sequence)).toEqual([1, 2])
})

test('numbers go on behind what was restored, and begin again at 1', () => {
  const log = new MemoryLog()
  const journal = new Journal(log)
  journal.restore('a', LAST - 1)
  for (let i = 0; i < 3; i++) journal.write(Operation.ADD_MEASUREMENT, 'a', PAYLOAD)
  expect(log.stored.map((entry) => entry.sequence)).toEqual([LAST, 1, 2])
})

test.each([
  [0, 1, 1],
  [0, 7, 7],
  [5, 1, 6],
  [LAST - 1, 1, LAST],
  [LAST, 1, 1],
  [LAST - 1, 5, 4],
  [LAST, LAST, LAST]
])('behind %i, %i steps on, is %i', (sequence, steps, expected) => {
  expect(sequenceAfter(sequence, steps)).toBe(expected)
})

test.each([
  [0, 1, 0],
  [0, 4, 3],
  [5, 6, 0],
  [5, 8, 2],
  [LAST, 1, 0],
  [LAST - 1, 1, 1],
  [LAST - 1, 3, 3],
  [LAST, 3, 2]
])('between %i and %i, %i are skipped', (sequence, next, expected) => {
  expect(skippedSequences(sequence, next)).toBe(expected)
})

test('writeWhenRoom waits as often as the ring is full, and fails with anything else', async () => {
  const log = new MemoryLog()
  const journal = new Journal(log)
  log.limitRoom(0, 1)
  expect(await journal.writeWhenRoom(Operation.COMMIT, 'a', () => PAYLOAD)).toBe(1)
  expect(await journal.writeWhenRoom(Operation.COMMIT, 'a', () => PAYLOAD)).toBe(2)
  expect(log.calls).toEqual(['drained', 'drained'])
  log.fail(new WalError('ERR_WAL_FAILED', 'disk'))
  await expect(journal.writeWhenRoom(Operation.COMMIT, 'a', () => PAYLOAD)).rejects.toMatchObject({ code: 'ERR_WAL_FAILED' })
})

test('room is asked for in entries and in the bytes of the largest', () => {
  const log = new MemoryLog()
  const journal = new Journal(log)
  log.limitRoom(2)
  log.maxEntryBytes = 10
  expect(() => journal.requireRoom('ab', 3, 30, 8)).toThrow(expect.objectContaining({ code: 'ERR_WAL_BACKPRESSURE' }) as Error)
  expect(() => journal.requireRoom('ab', 2, 30, 8)).not.toThrow()
  expect(() => journal.requireRoom('äb', 1, 8, 8)).toThrow(/3 bytes of user id and 8 bytes of payload is too large; allowed: together 10 bytes/)
})

test('without a log nothing is written and nothing refused', async () => {
  const journal = new Journal(undefined)
  expect(journal.write(Operation.COMMIT, 'a', PAYLOAD)).toBe(0)
  expect(await journal.writeWhenRoom(Operation.COMMIT, 'a', () => PAYLOAD)).toBe(0)
  expect(() => journal.requireRoom('a', 1e9, 1e15, 1e15)).not.toThrow()
})
