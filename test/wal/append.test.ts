// The specification of appending: what append takes and gives, what user ids can be, when durable() resolves, and what a full
// ring does. Opening and closing, reading, and figures have files of their own; crashes are proven in test/crash.
import { describe, expect, test } from 'vitest'
import { Operation, type Wal } from '../../lib/index.js'
import { native } from '../../lib/native.js'
import { code, entriesOf, errorOf, QUIET, range, SMALLEST_RING, useTestLog } from './support.js'

const log = useTestLog()

function fillRing(wal: Wal): number {
  for (;;) {
    try {
      wal.append(Operation.ADD_MEASUREMENT, 'user', new Uint8Array(1000))
    } catch (error) {
      expect(error).toMatchObject(code('ERR_WAL_BACKPRESSURE'))
      return wal.lastLsn
    }
  }
}

describe('append', () => {
  test('gives consecutive LSNs from 1, across reopening', async () => {
    const first = await log.open()
    expect([1, 2, 3].map(() => first.append(Operation.ADD_MEASUREMENT, 'user', null))).toEqual([1, 2, 3])
    await first.close()
    const second = await log.open()
    expect(second.lastLsn).toBe(3)
    expect(second.append(Operation.ADD_MEASUREMENT, 'user', null)).toBe(4)
  })

  test('what is appended comes back with operation, user, payload, sequence, time and place', async () => {
    const wal = await log.open()
    const before = Date.now()
    wal.append(Operation.CHECKPOINT, 'user-1', Buffer.from('state'), 7)
    await wal.durable()
    const [entry] = await entriesOf(wal)
    expect(entry).toMatchObject({ lsn: 1, operation: Operation.CHECKPOINT, userId: 'user-1', sequence: 7, segment: 1 })
    expect(Buffer.from(entry?.payload ?? []).toString()).toBe('state')
    expect(entry?.timestamp).toBeGreaterThanOrEqual(before)
    expect(entry?.timestamp).toBeLessThanOrEqual(Date.now())
    expect(entry?.offset).toBeGreaterThanOrEqual(native().limits.segmentHeaderBytes)
  })

  test('takes every operation', async () => {
    const wal = await log.open()
    for (const operation of Object.values(Operation)) wal.append(operation, 'user')
    expect((await entriesOf(wal)).map((entry) => entry.operation)).toEqual(Object.values(Operation))
    expect(native().operations).toEqual({ ...Operation })
  })

  test('copies the payload: what is done to it later does not matter', async () => {
    const wal = await log.open()
    const payload = Buffer.from('as it was')
    wal.append(Operation.ADD_MEASUREMENT, 'user', payload)
    payload.fill(0)
    const [entry] = await entriesOf(wal)
    expect(Buffer.from(entry?.payload ?? []).toString()).toBe('as it was')
  })

  test('takes the part of a buffer that a view shows', async () => {
    const wal = await log.open()
    wal.append(Operation.ADD_MEASUREMENT, 'user', new Uint8Array([1, 2, 3, 4, 5]).subarray(1, 4))
    expect([...((await entriesOf(wal))[0]?.payload ?? [])]).toEqual([2, 3, 4])
  })

  test('null, undefined and no bytes are the same payload: none', async () => {
    const wal = await log.open()
    wal.append(Operation.END_BUFFER, 'user', null)
    wal.append(Operation.END_BUFFER, 'user', undefined)
    wal.append(Operation.END_BUFFER, 'user', new Uint8Array(0))
    expect((await entriesOf(wal)).map((entry) => entry.payload.length)).toEqual([0, 0, 0])
  })

  test('takes an entry of a quarter of the ring, and not one byte more', async () => {
    const wal = await log.open(SMALLEST_RING)
    const { entryUserIdAt } = native().ringLayout
    const largest = (1 << 16) / 4 - (entryUserIdAt as number) - Math.ceil('user'.length / 8) * 8
    const payload = new Uint8Array(largest).map((_, index) => index & 0xff)
    wal.append(Operation.ADD_MEASUREMENT, 'user', payload)
    const error = errorOf(() => wal.append(Operation.ADD_MEASUREMENT, 'user', new Uint8Array(largest + 1)))
    expect(error).toMatchObject(code('ERR_WAL_TOO_LARGE'))
    expect(error.message).toContain(`${largest + 1} bytes of payload`)
    expect(wal.lastLsn).toBe(1)
    const [entry] = await entriesOf(wal)
    expect(Buffer.compare(entry?.payload ?? Buffer.alloc(0), payload)).toBe(0)
  })

  test('takes a payload of 64 MiB, the largest of all', async () => {
    const { maxPayloadBytes } = native().limits
    const wal = await log.open({ queueBytes: 1 << 29, segmentBytes: 1 << 16 })
    const payload = Buffer.alloc(maxPayloadBytes, 'wal')
    await wal.durable(wal.append(Operation.COMMIT, 'user', payload))
    const [entry] = await entriesOf(wal)
    expect(Buffer.compare(entry?.payload ?? Buffer.alloc(0), payload)).toBe(0)
    const tooLarge = (): number => wal.append(Operation.COMMIT, 'user', Buffer.alloc(maxPayloadBytes + 1))
    expect(errorOf(tooLarge)).toMatchObject(code('ERR_WAL_TOO_LARGE'))
  })

  test.each([
    ['no operation', 0],
    ['one that does not exist', 7],
    ['one that a byte would cut to one that exists', 256 + 2],
    ['one that 32 bits would cut to one that exists', 2 ** 32 + 2],
    ['a fraction', 2.5],
    ['a negative one', -1],
    ['a name', 'ADD_MEASUREMENT'],
    ['nothing', undefined]
  ])('refuses as operation: %s', async (_, operation) => {
    const wal = await log.open()
    expect(errorOf(() => wal.append(operation as Operation, 'user', null))).toMatchObject(code('ERR_WAL_INVALID_ARGUMENT'))
    expect(wal.lastLsn).toBe(0)
  })

  test.each([
    ['a string', 'payload'],
    ['an array', [1, 2]],
    ['other numbers than bytes', new Float64Array(2)],
    ['a number', 3]
  ])('refuses as payload: %s', async (_, payload) => {
    const wal = await log.open()
    const append = (): number => wal.append(Operation.ADD_MEASUREMENT, 'user', payload as unknown as Uint8Array)
    expect(errorOf(append)).toMatchObject(code('ERR_WAL_INVALID_ARGUMENT'))
    expect(wal.lastLsn).toBe(0)
  })

  test.each([-1, 2 ** 32, 1.5, NaN, '7'])('refuses as sequence: %s', async (sequence) => {
    const wal = await log.open()
    const append = (): number => wal.append(Operation.ADD_MEASUREMENT, 'user', null, sequence as number)
    expect(errorOf(append)).toMatchObject(code('ERR_WAL_INVALID_ARGUMENT'))
    expect(wal.lastLsn).toBe(0)
  })

  test('takes the largest sequence', async () => {
    const wal = await log.open()
    wal.append(Operation.ADD_MEASUREMENT, 'user', null, 2 ** 32 - 1)
    expect((await entriesOf(wal))[0]?.sequence).toBe(2 ** 32 - 1)
  })

  test('after close: ERR_WAL_CLOSED', async () => {
    const wal = await log.open()
    await wal.close()
    expect(errorOf(() => wal.append(Operation.ADD_MEASUREMENT, 'user', null))).toMatchObject(code('ERR_WAL_CLOSED'))
  })
})

describe('user ids', () => {
  const longest = 'é'.repeat(32_767) + 'x'
  test.each([
    ['the empty string', ''],
    ['__proto__', '__proto__'],
    ['constructor', 'constructor'],
    ['a NUL inside', 'a\0b'],
    ['a NUL only', '\0'],
    ['65,535 bytes', longest],
    ['emoji', '👩‍⚕️ 7'],
    ['a byte order mark', '\ufeffuser'],
    ['line ends', 'a\r\nb\u2028c'],
    ['255 bytes, the last character cut by no short buffer', 'x'.repeat(253) + 'é'],
    ['256 bytes', 'y'.repeat(256)],
    ['a separator of paths', '../../etc/passwd']
  ])('%s: comes back as it was', async (_, userId) => {
    const wal = await log.open()
    wal.append(Operation.ADD_MEASUREMENT, 'another', null)
    wal.append(Operation.ADD_MEASUREMENT, userId, Buffer.from('p'))
    expect((await entriesOf(wal, { userId })).map((entry) => [entry.lsn, entry.userId])).toEqual([[2, userId]])
    await wal.close()
    const again = await log.open()
    expect((await entriesOf(again, { userId })).map((entry) => [entry.lsn, entry.userId])).toEqual([[2, userId]])
  })

  test('65,536 bytes are refused', async () => {
    const wal = await log.open()
    const error = errorOf(() => wal.append(Operation.ADD_MEASUREMENT, 'x'.repeat(65_536), null))
    expect(error).toMatchObject(code('ERR_WAL_TOO_LARGE'))
    expect(error.message).toContain('65535')
  })

  test.each([
    ['half a pair at the end', 'user\ud83d'],
    ['half a pair at the beginning', '\udc69user'],
    ['halves in the wrong order', '\udc69\ud83d']
  ])('a lone surrogate is refused, for it could not come back: %s', async (_, userId) => {
    const wal = await log.open()
    const error = errorOf(() => wal.append(Operation.ADD_MEASUREMENT, userId, null))
    expect(error).toMatchObject(code('ERR_WAL_INVALID_ARGUMENT'))
    expect(wal.lastLsn).toBe(0)
  })

  test.each([7, null, undefined, Symbol('user'), {}])('what is no string is refused: %s', async (userId) => {
    const wal = await log.open()
    const append = (): number => wal.append(Operation.ADD_MEASUREMENT, userId as string, null)
    expect(errorOf(append)).toMatchObject(code('ERR_WAL_INVALID_ARGUMENT'))
  })
})

describe('durable', () => {
  test('resolves when everything so far is on stable storage, without waiting for the batch interval', async () => {
    const wal = await log.open(QUIET)
    for (let i = 0; i < 100; i++) wal.append(Operation.ADD_MEASUREMENT, 'user', null)
    expect(wal.durableLsn).toBe(0)
    await wal.durable()
    expect(wal.durableLsn).toBe(100)
  })

  test('one sync serves all who wait', async () => {
    const wal = await log.open({ ...QUIET, batchBytes: 1 << 23 })
    for (let i = 0; i < 10_000; i++) wal.append(Operation.ADD_MEASUREMENT, 'user', null)
    await Promise.all(Array.from({ length: 10_000 }, (_, index) => wal.durable(index + 1)))
    expect(wal.durableLsn).toBe(10_000)
    expect(wal.stats().syncs).toBe(1)
  })

  test('100,000 who wait for an entry of their own', async () => {
    const wal = await log.open(QUIET)
    const waits: Promise<void>[] = []
    for (let i = 0; i < 100_000; i++) waits.push(wal.durable(wal.append(Operation.ADD_MEASUREMENT, 'user', null)))
    await Promise.all(waits)
    expect(wal.durableLsn).toBe(100_000)
  })

  test('of what is durable already: resolves at once', async () => {
    const wal = await log.open(QUIET)
    const lsn = wal.append(Operation.ADD_MEASUREMENT, 'user', null)
    await wal.durable(lsn)
    const { syncs } = wal.stats()
    await wal.durable(lsn)
    await wal.durable(0)
    await wal.durable()
    expect(wal.stats().syncs).toBe(syncs)
  })

  test('of an empty log: resolves', async () => {
    await expect((await log.open()).durable()).resolves.toBeUndefined()
  })

  test.each([-1, 2, 1.5, NaN, Infinity])('refuses an LSN that was never given: %s', async (lsn) => {
    const wal = await log.open()
    wal.append(Operation.ADD_MEASUREMENT, 'user', null)
    await expect(wal.durable(lsn)).rejects.toMatchObject(code('ERR_WAL_INVALID_ARGUMENT'))
  })

  test('nobody waits: written after the batch interval', async () => {
    const wal = await log.open({ batchIntervalMs: 1 })
    const lsn = wal.append(Operation.ADD_MEASUREMENT, 'user', null)
    while (wal.durableLsn < lsn) await new Promise((resolve) => setTimeout(resolve, 1))
  })

  test('nobody waits: written when batchBytes are staged', async () => {
    const wal = await log.open({ ...QUIET, batchBytes: 10_000 })
    for (let i = 0; i < 20; i++) wal.append(Operation.ADD_MEASUREMENT, 'user', new Uint8Array(1000))
    while (wal.durableLsn === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  })

  test('an abort ends the wait, not the flush', async () => {
    const wal = await log.open(QUIET)
    const controller = new AbortController()
    const lsn = wal.append(Operation.ADD_MEASUREMENT, 'user', null)
    const wait = wal.durable(lsn, { signal: controller.signal })
    controller.abort(new Error('no more time'))
    await expect(wait).rejects.toMatchObject({ ...code('ERR_WAL_ABORTED'), cause: { message: 'no more time' } })
    await wal.durable(lsn)
    expect(wal.durableLsn).toBe(1)
  })

  test('a signal that has fired before: rejects at once', async () => {
    const wal = await log.open()
    await expect(wal.durable(0, { signal: AbortSignal.abort() })).rejects.toMatchObject(code('ERR_WAL_ABORTED'))
  })

  test('after close: what is durable is so, what never was is refused', async () => {
    const wal = await log.open(QUIET)
    const lsn = wal.append(Operation.ADD_MEASUREMENT, 'user', null)
    await wal.close()
    await expect(wal.durable(lsn)).resolves.toBeUndefined()
    await expect(wal.durable(lsn + 1)).rejects.toMatchObject(code('ERR_WAL_INVALID_ARGUMENT'))
  })

  test('close resolves whoever waits', async () => {
    const wal = await log.open(QUIET)
    const wait = wal.durable(wal.append(Operation.ADD_MEASUREMENT, 'user', null))
    await wal.close()
    await expect(wait).resolves.toBeUndefined()
  })
})

describe('backpressure', () => {
  test('a full ring refuses an entry and changes nothing; drained() tells when there is room', async () => {
    const wal = await log.open({ ...SMALLEST_RING, ...QUIET, batchBytes: 1 << 16 })
    const last = fillRing(wal)
    expect(wal.stats().backpressure).toBeGreaterThan(0)
    await wal.drained()
    expect(wal.append(Operation.ADD_MEASUREMENT, 'user', new Uint8Array(1000))).toBe(last + 1)
    const lsns = (await entriesOf(wal)).map((entry) => entry.lsn)
    expect(lsns).toEqual(range(1, last + 1))
  })

  test('appending and waiting by turns, everything arrives in order', async () => {
    const wal = await log.open({ ...SMALLEST_RING, batchIntervalMs: 1 })
    for (let i = 0; i < 2000; ) {
      try {
        wal.append(Operation.ADD_MEASUREMENT, `user-${i % 3}`, Buffer.alloc(100, i & 0xff))
        i++
      } catch {
        await wal.drained()
      }
    }
    let expected = 0
    for (const { lsn, payload } of await entriesOf(wal)) {
      expect(lsn).toBe(++expected)
      expect(payload[99]).toBe((lsn - 1) & 0xff)
    }
    expect(expected).toBe(2000)
  })

  test('hasRoom says whether append would accept', async () => {
    const wal = await log.open({ ...SMALLEST_RING, ...QUIET, batchBytes: 1 << 16 })
    let accepted = 0
    while (wal.hasRoom(2, 2 * (1000 + 4))) {
      wal.append(Operation.ADD_MEASUREMENT, 'user', new Uint8Array(1000))
      wal.append(Operation.ADD_MEASUREMENT, 'user', new Uint8Array(1000))
      accepted += 2
    }
    expect(accepted).toBeGreaterThan(20)
    expect(wal.stats().backpressure).toBe(0)
  })

  test('drained of a ring with room: resolves at once', async () => {
    await expect((await log.open()).drained()).resolves.toBeUndefined()
  })

  test('an abort ends the wait for room', async () => {
    const wal = await log.open({ ...SMALLEST_RING, ...QUIET, batchBytes: 1 << 16 })
    fillRing(wal)
    await expect(wal.drained({ signal: AbortSignal.abort() })).rejects.toMatchObject(code('ERR_WAL_ABORTED'))
    const controller = new AbortController()
    const wait = wal.drained({ signal: controller.signal })
    controller.abort()
    // The writer makes room meanwhile, and may have been quicker.
    const outcome = await wait.catch((error: unknown) => error)
    if (outcome !== undefined) expect(outcome).toMatchObject(code('ERR_WAL_ABORTED'))
    await wal.drained()
  })

  test('close rejects whoever still waits for room', async () => {
    const wal = await log.open({ ...SMALLEST_RING, ...QUIET, batchBytes: 1 << 16 })
    fillRing(wal)
    const wait = wal.drained()
    const settled = Promise.allSettled([wait])
    await wal.close()
    const [{ status }] = await settled
    expect(['fulfilled', 'rejected']).toContain(status)
    await expect(wal.drained()).rejects.toMatchObject(code('ERR_WAL_CLOSED'))
  })
})
