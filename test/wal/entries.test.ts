// The specification of reading: entries() yields, in order, everything appended before it was called, from every segment and the
// ring; filters, aborts, early ends, and what it does about damage.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { Operation, readLog, scanLog, type Damage, type Entry, type Wal } from '../../lib/index.js'
import { native } from '../../lib/native.js'
import { code, entriesOf, lsnsOf, QUIET, range, useTestLog } from './support.js'

const log = useTestLog()

const SMALLEST_SEGMENTS = { segmentBytes: 1 << 16, maintenance: false }

/** Appends `count` entries of `bytes` bytes by users 0, 1 and 2, waiting for room. */
async function fill(wal: Wal, count: number, bytes: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    while (!wal.hasRoom(1, bytes + 6)) await wal.drained()
    wal.append(i % 2 === 0 ? Operation.ADD_MEASUREMENT : Operation.COMMIT, `user-${i % 3}`, Buffer.alloc(bytes, i & 0xff))
  }
}

function segmentFiles(): string[] {
  return readdirSync(log.directory).filter((name) => name.endsWith('.wal')).sort()
}

describe('order and completeness', () => {
  test('an empty log has none', async () => {
    expect(await lsnsOf(await log.open())).toEqual([])
  })

  test('what is only staged comes, as segment 0', async () => {
    const wal = await log.open(QUIET)
    for (let i = 0; i < 10; i++) wal.append(Operation.ADD_MEASUREMENT, 'user', null)
    expect((await entriesOf(wal)).map((entry) => [entry.lsn, entry.segment])).toEqual(range(1, 10).map((lsn) => [lsn, 0]))
  })

  test('many segments, the active one and the ring, without a seam', async () => {
    const wal = await log.open({ ...SMALLEST_SEGMENTS, ...QUIET, batchBytes: 1 << 20 })
    await fill(wal, 1900, 500)
    await wal.durable()
    for (let i = 1900; i < 2000; i++) wal.append(Operation.COMMIT, 'user-0', Buffer.alloc(500, i & 0xff))
    const entries = await entriesOf(wal)
    expect(entries.map((entry) => entry.lsn)).toEqual(range(1, 2000))
    expect(entries.every((entry) => entry.payload[499] === ((entry.lsn - 1) & 0xff))).toBe(true)
    expect(new Set(entries.map((entry) => entry.segment)).size).toBeGreaterThan(10)
  })

  test('what is appended after the call does not come', async () => {
    const wal = await log.open()
    wal.append(Operation.ADD_MEASUREMENT, 'user', null)
    const entries = wal.entries()
    wal.append(Operation.ADD_MEASUREMENT, 'user', null)
    await wal.durable()
    const lsns: number[] = []
    for await (const entry of entries) lsns.push(entry.lsn)
    expect(lsns).toEqual([1])
  })

  test('while the log goes on and rotates, each reading is the state of its call', async () => {
    const wal = await log.open({ ...SMALLEST_SEGMENTS, batchIntervalMs: 1 })
    for (let round = 0; round < 20; round++) {
      await fill(wal, 50, 1000)
      const last = wal.lastLsn
      const [lsns] = await Promise.all([lsnsOf(wal), fill(wal, 50, 1000)])
      expect(lsns).toEqual(range(1, last))
    }
  })

  test('also when a checkpoint covers more by the time that reading begins', async () => {
    const wal = await log.open(SMALLEST_SEGMENTS)
    await fill(wal, 2, 100)
    const entries = wal.entries()
    await fill(wal, 3, 100)
    await wal.checkpoint()
    const lsns: number[] = []
    for await (const { lsn } of entries) lsns.push(lsn)
    expect(lsns).toEqual([1, 2])
  })

  test('a payload is a view that nothing overwrites, and its own bytes only', async () => {
    const wal = await log.open({ ...SMALLEST_SEGMENTS, batchIntervalMs: 1 })
    await fill(wal, 3000, 1000)
    const entries = await entriesOf(wal)
    ;(entries[0] as Entry).payload.fill(0xff)
    await lsnsOf(wal)
    expect(entries.slice(1).every(({ lsn, payload }) => payload.length === 1000 && payload.every((byte) => byte === ((lsn - 1) & 0xff)))).toBe(true)
  })

  test('calls that do not wait for each other are answered in their order', async () => {
    const wal = await log.open(SMALLEST_SEGMENTS)
    await fill(wal, 3000, 1000)
    const entries = wal.entries()
    const results = await Promise.all(range(1, 3002).map(() => entries.next()))
    expect(results.map((result) => (result.done === true ? 'end' : result.value.lsn))).toEqual([...range(1, 3000), 'end', 'end'])
  })
})

test('a call that comes when the chunk is there, and others still wait for it, is answered behind them', async () => {
  const wal = await log.open()
  await fill(wal, 10, 10)
  const entries = wal.entries()
  const lsnOf = async (result: Promise<IteratorResult<Entry, void>>): Promise<number> => ((await result).value as Entry).lsn
  const first = entries.next()
  const behind = first.then(() => lsnOf(entries.next()))
  expect(await Promise.all([lsnOf(first), lsnOf(entries.next()), lsnOf(entries.next()), behind])).toEqual([1, 2, 3, 4])
})

describe('filters', () => {
  let wal: Wal
  beforeEach(async () => {
    wal = await log.open({ ...SMALLEST_SEGMENTS, batchIntervalMs: 1 })
    await fill(wal, 300, 1000)
  })

  test('fromLsn', async () => {
    expect(await lsnsOf(wal, { fromLsn: 200 })).toEqual(range(200, 300))
    expect(await lsnsOf(wal, { fromLsn: 0 })).toEqual(range(1, 300))
    expect(await lsnsOf(wal, { fromLsn: 300 })).toEqual([300])
    expect(await lsnsOf(wal, { fromLsn: 301 })).toEqual([])
  })

  test.each([-1, 1.5, NaN, 2 ** 53])('fromLsn %s is refused', (fromLsn) => {
    expect(() => wal.entries({ fromLsn })).toThrow(expect.objectContaining(code('ERR_WAL_INVALID_ARGUMENT')) as Error)
  })

  test('userId', async () => {
    expect(await lsnsOf(wal, { userId: 'user-1' })).toEqual(range(1, 300).filter((lsn) => lsn % 3 === 2))
    expect(await lsnsOf(wal, { userId: 'user' })).toEqual([])
  })

  test('operations', async () => {
    expect(await lsnsOf(wal, { operations: [Operation.COMMIT] })).toEqual(range(1, 300).filter((lsn) => lsn % 2 === 0))
    expect(await lsnsOf(wal, { operations: [Operation.COMMIT, Operation.ADD_MEASUREMENT] })).toEqual(range(1, 300))
    expect(await lsnsOf(wal, { operations: [] })).toEqual([])
  })

  test('all of them together', async () => {
    const options = { fromLsn: 100, userId: 'user-1', operations: [Operation.COMMIT] }
    expect(await lsnsOf(wal, options)).toEqual(range(100, 300).filter((lsn) => lsn % 6 === 2))
  })
})

describe('ending early', () => {
  test('return and throw end it, also between two chunks', async () => {
    const wal = await log.open(SMALLEST_SEGMENTS)
    await fill(wal, 3000, 1000)
    const [returned, thrown] = [wal.entries(), wal.entries()]
    for (const entries of [returned, thrown]) for (let i = 0; i < 1500; i++) await entries.next()
    expect(await returned.return()).toEqual({ done: true, value: undefined })
    await expect(thrown.throw(new Error('enough'))).rejects.toThrow('enough')
    for (const entries of [returned, thrown]) expect(await entries.next()).toEqual({ done: true, value: undefined })
  })

  test('break, and the log closes as ever', async () => {
    const wal = await log.open()
    await fill(wal, 100, 10)
    for await (const entry of wal.entries()) if (entry.lsn === 50) break
    await wal.close()
  })

  test('a signal that fires', async () => {
    const wal = await log.open(SMALLEST_SEGMENTS)
    await fill(wal, 3000, 1000)
    const controller = new AbortController()
    const lsns: number[] = []
    const reading = (async () => {
      for await (const entry of wal.entries({ signal: controller.signal })) {
        lsns.push(entry.lsn)
        if (entry.lsn === 10) controller.abort()
      }
    })()
    await expect(reading).rejects.toMatchObject(code('ERR_WAL_ABORTED'))
    expect(lsns.length).toBeLessThan(3000)
  })

  test('close of the log: what was begun is read to its end', async () => {
    const wal = await log.open(SMALLEST_SEGMENTS)
    await fill(wal, 1000, 100)
    const entries = wal.entries()
    const first = await entries.next()
    await wal.close()
    const lsns = first.done === true ? [] : [first.value.lsn]
    for await (const entry of entries) lsns.push(entry.lsn)
    expect(lsns).toEqual(range(1, 1000))
  })
})

describe('damage', () => {
  /** A closed log of many segments, with one byte of the second segment's first entry changed. */
  async function damagedLog(): Promise<void> {
    const wal = await log.open({ ...SMALLEST_SEGMENTS, batchIntervalMs: 1 })
    await fill(wal, 300, 1000)
    await wal.close()
    const path = join(log.directory, segmentFiles()[1] ?? '')
    const bytes = readFileSync(path)
    const at = native().limits.segmentHeaderBytes + 500
    bytes[at] = (bytes[at] ?? 0) ^ 1
    writeFileSync(path, bytes)
  }

  test('is passed over, told to onDamage and as an event, and costs the entry it touches', async () => {
    await damagedLog()
    const wal = await log.open()
    expect(wal.health().status).toBe('damaged')
    const told: Damage[] = []
    const events: unknown[] = []
    wal.on('corruption', (event) => events.push(event))
    const lsns = await lsnsOf(wal, { onDamage: (damage) => told.push(damage) })
    expect(told).toHaveLength(1)
    const [{ firstLsn, lastLsn, users }] = told as [Damage]
    expect(lastLsn).toBe(firstLsn)
    expect(lsns).toEqual(range(1, 300).filter((lsn) => lsn !== firstLsn))
    expect(users).toEqual([`user-${(firstLsn - 1) % 3}`])
    expect(events).toEqual(told)
  })

  test("onCorruption 'stop': the log ends before it, and goes on with numbers that were never used", async () => {
    await damagedLog()
    const wal = await log.open({ onCorruption: 'stop' })
    const lost = wal.recovery.damage[0]?.firstLsn ?? 0
    expect(lost).toBeGreaterThan(1)
    expect(wal.append(Operation.COMMIT, 'user')).toBe(301)
    const lsns = await lsnsOf(wal)
    expect(lsns.slice(0, lost - 1)).toEqual(range(1, lost - 1))
  })

  test("onCorruption 'fail': the log is not opened, and nothing is changed", async () => {
    await damagedLog()
    const before = segmentFiles().map((file) => readFileSync(join(log.directory, file)))
    await expect(log.open({ onCorruption: 'fail' })).rejects.toMatchObject(code('ERR_WAL_CORRUPT'))
    expect(segmentFiles().map((file) => readFileSync(join(log.directory, file)))).toEqual(before)
    await expect(log.open()).resolves.toBeDefined()
  })
})

describe('from outside', () => {
  test('readLog and scanLog beside the writer: the ring included, nothing changed, no lock taken', async () => {
    const wal = await log.open(QUIET)
    for (let i = 0; i < 10; i++) wal.append(Operation.ADD_MEASUREMENT, `user-${i}`, null)
    const lsns: number[] = []
    for await (const entry of readLog(log.directory)) lsns.push(entry.lsn)
    expect(lsns).toEqual(range(1, 10))
    expect(await scanLog(log.directory)).toMatchObject({ live: true, lastLsn: 10, ring: { found: true, entries: 10 } })
    expect(wal.durableLsn).toBe(0)
  })

  test.each([
    ['nothing there', 'missing', 'ERR_WAL_NOT_FOUND'],
    ['a directory of other things', '.', 'ERR_WAL_NOT_A_LOG']
  ])('%s: %s is refused with %s', async (_, name, expected) => {
    writeFileSync(join(log.directory, 'notes.txt'), 'not a log')
    await expect(scanLog(join(log.directory, name))).rejects.toMatchObject(code(expected))
    await expect(readLog(join(log.directory, name)).next()).rejects.toMatchObject(code(expected))
  })
})
