// Proves that ids get numbers once and keep them, that their bytes lie where the number says however many come, and that ids
// without a number are held apart from those that have one.
import { describe, expect, test } from 'vitest'
import { UserIds } from '../../lib/wal/user-ids.js'
import { code, errorOf } from './support.js'

const MAX_NUMBER = 2 ** 20

/** The bytes that stand where a number says, and whether the pad behind them is zeros. */
function idAt(ids: UserIds, number: number): string {
  const at = ids.starts[number] as number
  const bytes = ids.words[at] as number
  const start = (at + 1) * 4
  const stored = Buffer.from(ids.words.buffer, start, Math.ceil(bytes / 8) * 8)
  expect(stored.subarray(bytes).every((byte) => byte === 0)).toBe(true)
  return stored.toString('utf8', 0, bytes)
}

describe('numbers', () => {
  test('begin at 1, follow one another, and stay', () => {
    const ids = new UserIds()
    expect(ids.numberOf('a')).toBeUndefined()
    expect(ids.add('a')).toBe(1)
    expect(ids.add('b')).toBe(2)
    expect(ids.numberOf('a')).toBe(1)
    expect(ids.numberOf('b')).toBe(2)
    expect(ids.handleOf('a')).toBe(1)
    expect(ids.numberOfHandle(2)).toBe(2)
  })

  test('say where the bytes are, of 20,000 ids of all sizes', () => {
    const ids = new UserIds()
    const names = Array.from({ length: 20_000 }, (_, index) => `${index}-${'é'.repeat(index % 100)}`)
    for (const [index, name] of names.entries()) expect(ids.add(name)).toBe(index + 1)
    for (const [index, name] of names.entries()) expect(idAt(ids, index + 1)).toBe(name)
  })

  test.each([
    ['the empty one', ''],
    ['8 bytes', 'x'.repeat(8)],
    ['256 bytes', 'x'.repeat(256)],
    ['256 bytes of two-byte characters', 'é'.repeat(128)]
  ])('are given to %s', (_, id) => {
    const ids = new UserIds()
    expect(ids.add(id)).toBe(1)
    expect(idAt(ids, 1)).toBe(id)
  })
})

describe('ids without a number', () => {
  test.each([257, 300, 65_535])('of %i bytes stand in the scratch until the next one', (bytes) => {
    const ids = new UserIds()
    expect(ids.add('x'.repeat(bytes))).toBe(0)
    expect(idAt(ids, 0)).toBe('x'.repeat(bytes))
    expect(ids.add('y'.repeat(258))).toBe(0)
    expect(idAt(ids, 0)).toBe('y'.repeat(258))
    expect(ids.numberOf('x'.repeat(bytes))).toBeUndefined()
  })

  test('leave ids with one as they are', () => {
    const ids = new UserIds()
    ids.add('before')
    ids.add('x'.repeat(65_535))
    ids.add('behind')
    expect([idAt(ids, 1), idAt(ids, 2)]).toEqual(['before', 'behind'])
  })

  test('have handles beyond all numbers, each its own', () => {
    const ids = new UserIds()
    const [one, other] = ['x'.repeat(300), 'y'.repeat(300)]
    const handles = [ids.handleOf(one), ids.handleOf(other)] as const
    expect(handles).toEqual([MAX_NUMBER + 1, MAX_NUMBER + 2])
    expect(ids.handleOf(one)).toBe(handles[0])
    expect(ids.numberOfHandle(handles[0])).toBe(0)
    expect(idAt(ids, 0)).toBe(one)
    expect(ids.numberOfHandle(handles[1])).toBe(0)
    expect(idAt(ids, 0)).toBe(other)
  })

  test('are those that come when 64 MiB of ids are kept: memory is bounded', () => {
    const ids = new UserIds()
    const total = 64 * 1024 * 1024
    // Each with a word that has its length.
    const last = Math.floor(total / (256 + 4))
    for (let index = 1; index <= last; index++) if (ids.add(String(index).padEnd(256, 'x')) !== index) throw new Error(`${index} has another number`)
    expect(ids.add('one more')).toBe(0)
    expect(idAt(ids, 0)).toBe('one more')
    expect(ids.numberOf(String(last).padEnd(256, 'x'))).toBe(last)
    expect(ids.words.byteLength).toBeLessThanOrEqual(2 * (total + 65_536))
  })
})

describe('what is refused', () => {
  test.each([0, -1, 1.5, 2, NaN, Infinity, MAX_NUMBER, MAX_NUMBER + 1, '1', null])('the handle %s', (handle) => {
    const ids = new UserIds()
    ids.add('one')
    expect(errorOf(() => ids.numberOfHandle(handle as number))).toMatchObject(code('ERR_WAL_INVALID_ARGUMENT'))
  })

  test.each(['\ud800', '\udc00', 'a\ud83d', 5, null, undefined])('the id %j', (id) => {
    const ids = new UserIds()
    expect(errorOf(() => ids.add(id as string))).toMatchObject(code('ERR_WAL_INVALID_ARGUMENT'))
    expect(errorOf(() => ids.handleOf(id as string))).toMatchObject(code('ERR_WAL_INVALID_ARGUMENT'))
    expect(ids.add('next')).toBe(1)
  })

  test('an id of more than 65,535 bytes, with its size', () => {
    const error = errorOf(() => new UserIds().add('é'.repeat(32_768)))
    expect(error).toMatchObject(code('ERR_WAL_TOO_LARGE'))
    expect(error.message).toBe('userId is 65536 bytes long; allowed: up to 65535 bytes of UTF-8')
  })
})
