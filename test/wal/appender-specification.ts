// What every appender promises, whatever road its entries take; ring-appender.test.ts and native-appender.test.ts run it on
// theirs. The log's writer flushes only when a test asks for it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { NativeLog } from '../../binding.js'
import { Operation, readLog } from '../../lib/index.js'
import { native } from '../../lib/native.js'
import type { Appender } from '../../lib/wal/appender.js'
import { code, errorOf, range } from './support.js'

export const RING_BYTES = 65_536
const LARGE_RING_BYTES = 4 << 20

export interface AppenderUnderTest {
  readonly directory: string
  readonly log: NativeLog
  readonly appender: Appender
  /** Opens the log of this test. */
  open: (queueBytes?: number) => Promise<Appender>
  close: () => Promise<void>
  /** Everything staged is durable, and the ring empty. */
  flush: () => Promise<void>
  /** What has come back: everything that was appended. */
  entries: () => Promise<Written[]>
}

export interface Written {
  lsn: number
  operation: number
  userId: string
  sequence: number
  payload: string
}

/** A log for each test, with what `make` makes to append to it. */
export function useAppender(make: (log: NativeLog) => Appender): AppenderUnderTest {
  let directory = ''
  let log: NativeLog | undefined
  let appender: Appender | undefined
  let isClosed = false
  let onWake = (): void => undefined
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'ingest-wal-appender-'))
    log = undefined
    isClosed = false
  })
  afterEach(async () => {
    if (log !== undefined && !isClosed) await log.close()
    rmSync(directory, { recursive: true })
  })
  const opened = (): NativeLog => {
    if (log === undefined) throw new Error('the log was not opened')
    return log
  }
  return {
    get directory() {
      return directory
    },
    get log() {
      return opened()
    },
    get appender() {
      if (appender === undefined) throw new Error('the log was not opened')
      return appender
    },
    open: async (queueBytes = RING_BYTES) => {
      log = await native().open({
        directory,
        segmentBytes: 1 << 20,
        batchIntervalMs: 3_600_000,
        batchBytes: 1 << 30,
        queueBytes,
        requireKillSafe: false,
        onCorruption: 'skip',
        onWake: () => onWake()
      })
      appender = make(log)
      return appender
    },
    close: async () => {
      isClosed = true
      appender?.close()
      await opened().close()
    },
    flush: async () => {
      const target = opened().lastLsn()
      while (opened().durableLsn() < target) {
        const woken = new Promise<void>((resolve) => (onWake = resolve))
        opened().hold(true)
        opened().requestDurable(target)
        await woken
      }
      opened().hold(false)
    },
    entries: async () => {
      const written: Written[] = []
      for await (const { lsn, operation, userId, sequence, payload } of readLog(directory)) {
        written.push({ lsn, operation, userId, sequence, payload: Buffer.from(payload).toString('hex') })
      }
      return written
    }
  }
}

export function refusalOf(result: number): string | undefined {
  return native().errorCodes[-result]
}

/** The specification, on what `use` gives. */
export function describeAppender(name: string, use: AppenderUnderTest): void {
  describe(`${name}: what is appended`, () => {
    test('gets consecutive LSNs from 1 and comes back as it was', async () => {
      const appender = await use.open()
      const expected: Written[] = []
      for (const operation of Object.values(Operation)) {
        for (const sequence of [0, 1, 2 ** 31, 2 ** 32 - 1]) {
          const payload = Buffer.from(`${operation}/${sequence}`)
          const lsn = appender.append(operation, 'user', payload, sequence)
          expect(lsn).toBe(expected.length + 1)
          expected.push({ lsn, operation, userId: 'user', sequence, payload: payload.toString('hex') })
        }
      }
      expect(appender.lastLsn).toBe(expected.length)
      expect(appender.durableLsn).toBe(0)
      expect(await use.entries()).toEqual(expected)
      await use.flush()
      expect(appender.durableLsn).toBe(expected.length)
      expect(await use.entries()).toEqual(expected)
    })

    test('can be of any user: any characters, numbered and longer ones, one after the other', async () => {
      const appender = await use.open(LARGE_RING_BYTES)
      const ids = ['', 'a', 'Zoë', '漢字', '😀', '\0', 'x'.repeat(8), 'x'.repeat(255), 'é'.repeat(128), 'x'.repeat(257), 'y'.repeat(257), '😀'.repeat(16_383)]
      const users = [...ids, ...[...ids].reverse(), ...ids]
      users.forEach((userId, index) => expect(appender.append(Operation.ADD_MEASUREMENT, userId, Buffer.of(index), 0)).toBe(index + 1))
      expect((await use.entries()).map((entry) => entry.userId)).toEqual(users)
      await use.flush()
      expect((await use.entries()).map((entry) => entry.userId)).toEqual(users)
    })

    test('can be of any size, and lies at any place of the ring, laps and laps', async () => {
      const appender = await use.open()
      const expected: string[] = []
      for (let size = 0; size < 700; size++) {
        const payload = Buffer.alloc((size * 37) % 1201, size)
        while (refusalOf(appender.append(Operation.COMMIT, `user-${size % 7}`, payload, 0)) !== undefined) await use.flush()
        expected.push(payload.toString('hex'))
      }
      await use.flush()
      const entries = await use.entries()
      expect(entries.map((entry) => entry.payload)).toEqual(expected)
      expect(entries.map((entry) => entry.lsn)).toEqual(range(1, 700))
    })

    test('can take a quarter of the ring, and not 8 bytes more', async () => {
      const appender = await use.open()
      const largest = RING_BYTES / 4 - 40 - 8
      expect(refusalOf(appender.append(Operation.COMMIT, 'user', new Uint8Array(largest + 1), 0))).toBe('ERR_WAL_TOO_LARGE')
      expect(appender.lastLsn).toBe(0)
      for (const lsn of range(1, 4)) expect(appender.append(Operation.COMMIT, 'user', new Uint8Array(largest), 0)).toBe(lsn)
      expect(await use.entries()).toHaveLength(4)
    })

    test('has the time of its append, of another turn another one', async () => {
      const appender = await use.open()
      const before = Date.now()
      appender.append(Operation.COMMIT, 'user', null, 0)
      while (Date.now() <= before + 2) await new Promise((resolve) => setImmediate(resolve))
      const later = Date.now()
      appender.append(Operation.COMMIT, 'user', null, 0)
      const times: number[] = []
      for await (const { timestamp } of readLog(use.directory)) times.push(timestamp)
      expect(times[0]).toBeGreaterThanOrEqual(before)
      expect(times[0]).toBeLessThan(later)
      expect(times[1]).toBeGreaterThanOrEqual(later)
      expect(times[1]).toBeLessThanOrEqual(Date.now())
    })
  })

  describe(`${name}: a measurement`, () => {
    test('is ADD_MEASUREMENT with a payload of numbers, by handle and by id alike', async () => {
      const appender = await use.open()
      const user = appender.user('user')
      expect(appender.user('user')).toBe(user)
      expect(appender.appendMeasurement(user, 1.5, -2.5, 7, 2 ** 32 - 1, 0, 0)).toBe(1)
      expect(appender.appendMeasurement('user', 1.5, -2.5, 7, 2 ** 32 - 1, 0, 0)).toBe(2)
      expect(appender.appendMeasurement(user, -1, NaN, 0, 0, 2 ** 32 - 1, 2 ** 53 - 1)).toBe(3)
      const plain = Buffer.alloc(24)
      plain.writeUInt8(0xa2, 0)
      plain.writeUInt32LE(2 ** 32 - 1, 4)
      plain.writeDoubleLE(1.5, 8)
      plain.writeDoubleLE(-2.5, 16)
      const ofSource = Buffer.alloc(40)
      ofSource.writeUInt16LE(0x01a2, 0)
      ofSource.writeDoubleLE(-1, 8)
      ofSource.writeDoubleLE(NaN, 16)
      ofSource.writeUInt32LE(2 ** 32 - 1, 24)
      ofSource.writeDoubleLE(2 ** 53 - 1, 32)
      const measured = { operation: Operation.ADD_MEASUREMENT, userId: 'user' }
      const expected = [
        { lsn: 1, ...measured, sequence: 7, payload: plain.toString('hex') },
        { lsn: 2, ...measured, sequence: 7, payload: plain.toString('hex') },
        { lsn: 3, ...measured, sequence: 0, payload: ofSource.toString('hex') }
      ]
      expect(await use.entries()).toEqual(expected)
      await use.flush()
      expect(await use.entries()).toEqual(expected)
    })

    test('of a source leaves nothing behind in the next one without', async () => {
      const appender = await use.open()
      const user = appender.user('user')
      appender.appendMeasurement(user, 1, 2, 3, 4, 5, 6)
      appender.appendMeasurement(user, 1, 2, 3, 4, 0, 0)
      const [, plain] = await use.entries()
      expect(plain?.payload).toMatch(/^a2000000.{40}$/)
    })

    test('takes handles of ids that are too long for a number', async () => {
      const appender = await use.open()
      const ids = ['l'.repeat(300), 'short', 'm'.repeat(300)]
      const handles = ids.map((userId) => appender.user(userId))
      expect(new Set(handles).size).toBe(3)
      expect(ids.map((userId) => appender.user(userId))).toEqual(handles)
      for (const handle of [...handles, ...handles]) appender.appendMeasurement(handle, 0, 0, 0, 0, 0, 0)
      expect((await use.entries()).map((entry) => entry.userId)).toEqual([...ids, ...ids])
    })

    test('is told from what is no handle of this log', async () => {
      const appender = await use.open()
      const user = appender.user('user')
      for (const handle of [0, -1, user + 0.5, user + 1, 2 ** 20, 2 ** 20 + 1, NaN, Infinity, undefined as never, {} as never]) {
        const error = errorOf(() => appender.appendMeasurement(handle, 0, 0, 0, 0, 0, 0))
        expect(error).toMatchObject(code('ERR_WAL_INVALID_ARGUMENT'))
        expect(error.message).toContain(`user is ${String(handle)}`)
      }
      expect(appender.lastLsn).toBe(0)
      expect(await use.entries()).toEqual([])
    })
  })

  describe(`${name}: a refusal changes nothing`, () => {
    test.each([0, 7, -1, 1.5, NaN, Infinity, '2', null, undefined])('of the operation %s', async (operation) => {
      const appender = await use.open()
      expect(refusalOf(appender.append(operation as Operation, 'user', null, 0))).toBe('ERR_WAL_INVALID_ARGUMENT')
      expect(appender.lastLsn).toBe(0)
      expect(appender.append(Operation.COMMIT, 'user', null, 0)).toBe(1)
    })

    test.each([-1, 2 ** 32, 1.5, NaN, Infinity])('of the sequence %s', async (sequence) => {
      const appender = await use.open()
      expect(refusalOf(appender.append(Operation.COMMIT, 'user', null, sequence))).toBe('ERR_WAL_INVALID_ARGUMENT')
      expect(await use.entries()).toEqual([])
    })

    test.each([
      ['a string', 'text'],
      ['an array', [1, 2]],
      ['a Uint16Array', new Uint16Array(4)],
      ['an ArrayBuffer', new ArrayBuffer(4)],
      ['a DataView', new DataView(new ArrayBuffer(4))]
    ])('of %s as payload', async (_, payload) => {
      const appender = await use.open()
      expect(refusalOf(appender.append(Operation.COMMIT, 'user', payload as never, 0))).toBe('ERR_WAL_INVALID_ARGUMENT')
      expect(await use.entries()).toEqual([])
    })

    test('of a payload that is too large for any log', async () => {
      const appender = await use.open(LARGE_RING_BYTES)
      const payload = new Uint8Array(native().limits.maxPayloadBytes + 1)
      expect(refusalOf(appender.append(Operation.COMMIT, 'user', payload, 0))).toBe('ERR_WAL_TOO_LARGE')
      expect(appender.lastLsn).toBe(0)
    })

    test.each([1, null, undefined, {}, '\ud800', 'a\udc00b'])('of the user id %j', async (userId) => {
      const appender = await use.open()
      const calls = [
        () => appender.append(Operation.COMMIT, userId as string, null, 0),
        () => appender.user(userId as string),
        ...(typeof userId === 'string' ? [() => appender.appendMeasurement(userId, 0, 0, 0, 0, 0, 0)] : [])
      ]
      for (const call of calls) expect(errorOf(call)).toMatchObject(code('ERR_WAL_INVALID_ARGUMENT'))
      expect(await use.entries()).toEqual([])
    })

    test('of a user id of more than 65,535 bytes', async () => {
      const appender = await use.open(LARGE_RING_BYTES)
      const longest = 'x'.repeat(65_535)
      for (const tooLong of [`${longest}x`, 'é'.repeat(32_768)]) {
        for (const call of [
          () => appender.append(Operation.COMMIT, tooLong, null, 0),
          () => appender.user(tooLong),
          () => appender.appendMeasurement(tooLong, 0, 0, 0, 0, 0, 0)
        ]) {
          expect(errorOf(call)).toMatchObject(code('ERR_WAL_TOO_LARGE'))
        }
      }
      expect(appender.append(Operation.COMMIT, longest, null, 0)).toBe(1)
      expect((await use.entries())[0]?.userId).toBe(longest)
    })

    test('for want of room: what is staged comes back, and when there is room the next LSN is the next one', async () => {
      const appender = await use.open()
      const user = appender.user('user')
      let lsn = 0
      while (refusalOf(appender.append(Operation.COMMIT, 'user', new Uint8Array(1000), 0)) === undefined) lsn++
      while (refusalOf(appender.appendMeasurement(user, 0, 0, 0, 0, 0, 0)) === undefined) lsn++
      for (let i = 0; i < 3; i++) {
        expect(refusalOf(appender.append(Operation.COMMIT, 'another', new Uint8Array(1000), 0))).toBe('ERR_WAL_BACKPRESSURE')
        expect(refusalOf(appender.appendMeasurement(user, 0, 0, 0, 0, 0, 0))).toBe('ERR_WAL_BACKPRESSURE')
      }
      expect(appender.lastLsn).toBe(lsn)
      const before = await use.entries()
      expect(before.map((entry) => entry.lsn)).toEqual(range(1, lsn))
      expect(use.log.stats().backpressure + appender.backpressure).toBe(8)
      await use.flush()
      expect(await use.entries()).toEqual(before)
      expect(appender.append(Operation.COMMIT, 'another', new Uint8Array(1000), 0)).toBe(lsn + 1)
      expect(appender.appendMeasurement(user, 0, 0, 0, 0, 0, 0)).toBe(lsn + 2)
      expect((await use.entries()).map((entry) => entry.lsn)).toEqual(range(1, lsn + 2))
    })

    test('after the end of the log', async () => {
      const appender = await use.open()
      const user = appender.user('user')
      appender.append(Operation.COMMIT, 'user', null, 0)
      await use.close()
      expect(refusalOf(appender.append(Operation.COMMIT, 'user', null, 0))).toBe('ERR_WAL_CLOSED')
      expect(refusalOf(appender.appendMeasurement(user, 0, 0, 0, 0, 0, 0))).toBe('ERR_WAL_CLOSED')
      expect((await use.entries()).map((entry) => entry.lsn)).toEqual([1])
    })
  })

  describe(`${name}: hasRoom`, () => {
    test('says yes only to what is then taken, wherever the ring stands', async () => {
      const appender = await use.open()
      let yes = 0
      let no = 0
      for (let round = 0; round < 300; round++) {
        const count = 1 + (round % 9)
        const payloads = Array.from({ length: count }, (_, index) => new Uint8Array((round * 131 + index * 977) % 3000))
        const bytes = payloads.reduce((sum, payload) => sum + payload.length + 'user'.length, 0)
        if (!appender.hasRoom(count, bytes)) {
          no++
          await use.flush()
          expect(appender.hasRoom(count, bytes)).toBe(true)
          continue
        }
        yes++
        for (const payload of payloads) expect(appender.append(Operation.COMMIT, 'user', payload, 0)).toBeGreaterThan(0)
      }
      expect(yes).toBeGreaterThan(100)
      expect(no).toBeGreaterThan(10)
    })
  })
}
