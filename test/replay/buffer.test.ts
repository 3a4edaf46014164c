// Proves what ReplayBuffer promises: when a buffer is ready in each mode and by each clock, that nothing is ever dropped to make
// room, that every step is in the log before it counts and in the order of the design, and that a refusal changes nothing.
import { describe, expect, test } from 'vitest'
import { Operation, recover, ReplayBuffer, Wal, WalError, type EntryLog, type Measurement, type ReplayBufferOptions } from '../../lib/index.js'
import { MemoryLog } from '../recovery/memory-log.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const HOUR_MS = 3_600_000
const NAMES = Object.fromEntries(Object.entries(Operation).map(([name, number]) => [number, name]))

const at = (hour: number, more: object = {}): Measurement => ({ timestamp: hour * HOUR_MS, ...more })
const operationsOf = (log: MemoryLog): string[] => log.stored.map((entry) => NAMES[entry.operation] as string)
const errorWith = (code: string): Error => expect.objectContaining({ code }) as Error

/** A buffer by a wall clock that the test turns. */
function clocked(options: ReplayBufferOptions = {}): { buffer: ReplayBuffer; turnTo: (hour: number) => void } {
  let now = 0
  const buffer = new ReplayBuffer({ bufferHours: 10, maxBufferMeasurements: 4, now: () => now, ...options })
  return { buffer, turnTo: (hour) => (now = hour * HOUR_MS) }
}

describe.each([
  ['with a log', (): { wal?: MemoryLog } => ({ wal: new MemoryLog() })],
  ['without a log', () => ({})]
])('%s', (_, place) => {
  test('a buffer is ready when it is full', () => {
    const { buffer } = clocked(place())
    const results = [1, 2, 3, 4].map((hour) => buffer.add('u', at(hour)))
    expect(results.map((result) => result.ready)).toEqual([false, false, false, true])
    expect(results.map((result) => result.size)).toEqual([1, 2, 3, 4])
    expect(results.at(-1)?.reason).toBe('full')
    expect(buffer.readyUsers()).toEqual(['u'])
  })

  test('a buffer is ready when its window has passed, without a further measurement', () => {
    const { buffer, turnTo } = clocked(place())
    buffer.add('u', at(1))
    turnTo(9.999)
    expect(buffer.readyUsers()).toEqual([])
    expect(buffer.info('u')).toMatchObject({ ready: false, reason: undefined, size: 1 })
    turnTo(10)
    expect(buffer.readyUsers()).toEqual(['u'])
    expect(buffer.info('u')).toMatchObject({ ready: true, reason: 'window', size: 1 })
  })

  test('a measurement behind the window begins the next buffer', () => {
    const { buffer, turnTo } = clocked(place())
    buffer.add('u', at(1))
    turnTo(10)
    expect(buffer.add('u', at(2))).toMatchObject({ size: 2, ready: true, reason: 'window' })
    expect(buffer.info('u')?.buffers.map(({ number, size, ended }) => ({ number, size, ended }))).toEqual([
      { number: 1, size: 1, ended: 'window' },
      { number: 2, size: 1, ended: undefined }
    ])
  })

  test('by count alone, no window ends a buffer', () => {
    const { buffer, turnTo } = clocked({ ...place(), triggerMode: 'measurement_count' })
    for (const hour of [1, 2, 3]) buffer.add('u', at(hour))
    turnTo(1e6)
    expect(buffer.readyUsers()).toEqual([])
    expect(buffer.add('u', at(4))).toMatchObject({ ready: true, reason: 'full' })
  })

  test('a buffer with too few measurements waits beyond its window, and is ready with the one that it waited for', () => {
    const { buffer, turnTo } = clocked({ ...place(), minMeasurements: 3 })
    buffer.add('u', at(1))
    turnTo(50)
    expect(buffer.readyUsers()).toEqual([])
    expect(buffer.add('u', at(2))).toMatchObject({ ready: false })
    expect(buffer.add('u', at(3))).toMatchObject({ ready: true, reason: 'window', size: 3 })
    expect(buffer.info('u')?.buffers).toHaveLength(1)
  })

  test('nothing is dropped beyond the maximum: the next buffers begin behind the full one', () => {
    const { buffer } = clocked(place())
    for (let i = 1; i <= 11; i++) buffer.add('u', at(i, { i }))
    expect(buffer.measurements('u').map((measurement) => measurement['i'])).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    expect(buffer.info('u')?.buffers.map((each) => each.size)).toEqual([4, 4, 3])
    expect(buffer.stats()).toEqual({ users: 1, measurements: 11, openBuffers: 1, endedBuffers: 2, parkedBuffers: 0, taintedBuffers: 0 })
  })

  test('a wall clock that jumps back ends nothing early and drops nothing', () => {
    const { buffer, turnTo } = clocked(place())
    turnTo(100)
    buffer.add('u', at(1))
    turnTo(-1000)
    expect(buffer.add('u', at(2))).toMatchObject({ size: 2, ready: false })
    expect(buffer.readyUsers()).toEqual([])
    turnTo(109)
    expect(buffer.readyUsers()).toEqual([])
    turnTo(110)
    expect(buffer.readyUsers()).toEqual(['u'])
    expect(buffer.measurements('u')).toHaveLength(2)
  })

  test('users do not touch each other', () => {
    const { buffer } = clocked(place())
    for (let i = 1; i <= 4; i++) buffer.add('a', at(i))
    buffer.add('b', at(1))
    expect(buffer.readyUsers()).toEqual(['a'])
    expect(buffer.users()).toEqual(['a', 'b'])
    expect(buffer.info('c')).toBeUndefined()
    expect(buffer.measurements('c')).toEqual([])
  })

  test('clear drops one user or all, and says how many', () => {
    const { buffer } = clocked(place())
    for (let i = 1; i <= 6; i++) buffer.add('a', at(i))
    buffer.add('b', at(1))
    buffer.add('c', at(1))
    expect(buffer.clear('a')).toBe(6)
    expect(buffer.info('a')).toBeUndefined()
    expect(buffer.clear('a')).toBe(0)
    expect(buffer.clear('nobody')).toBe(0)
    expect(buffer.clear()).toBe(2)
    expect(buffer.stats()).toMatchObject({ users: 0, measurements: 0 })
    buffer.add('a', at(9))
    expect(buffer.info('a')?.buffers.map((each) => each.number)).toEqual([3])
  })

  test('while a replay runs, nothing is cleared: not its user, and of all users none', () => {
    const { buffer } = clocked(place())
    buffer.add('a', at(1))
    buffer.add('b', at(1))
    buffer.setReplaying('b', true)
    expect(() => buffer.clear('b')).toThrow(errorWith('ERR_WAL_REPLAY'))
    expect(() => buffer.clear()).toThrow(errorWith('ERR_WAL_REPLAY'))
    expect(buffer.stats().measurements).toBe(2)
    expect(buffer.clear('a')).toBe(1)
  })

  test.each<[string, unknown, unknown, string]>([
    ['a user id that is no string', 7, at(1), 'ERR_WAL_INVALID_ARGUMENT'],
    ['no measurement', 'u', null, 'ERR_WAL_MEASUREMENT'],
    ['a measurement without a time', 'u', { value: 1 }, 'ERR_WAL_MEASUREMENT'],
    ['a measurement that cannot be encoded', 'u', at(1, { f: () => 1 }), 'ERR_WAL_CODEC']
  ])('%s is refused and changes nothing', (_name, userId, measurement, code) => {
    const { buffer } = clocked(place())
    buffer.add('u', at(1))
    const before = buffer.info('u')
    expect(() => buffer.add(userId as string, measurement as Measurement)).toThrow(errorWith(code))
    expect(buffer.info('u')).toStrictEqual(before)
    expect(buffer.users()).toEqual(['u'])
  })
})

describe('by the clock of the measurements (event)', () => {
  const event = (options: ReplayBufferOptions = {}): ReplayBuffer =>
    new ReplayBuffer({ clock: 'event', bufferHours: 10, maxBufferMeasurements: 4, now: () => NaN, ...options })

  test('a window begins with its first measurement and passes with one behind its end', () => {
    const buffer = event()
    expect(buffer.add('u', at(100))).toMatchObject({ ready: false })
    expect(buffer.add('u', at(109))).toMatchObject({ ready: false })
    expect(buffer.add('u', at(110))).toMatchObject({ ready: true, reason: 'window', size: 3 })
    expect(buffer.info('u')?.buffers.map((each) => each.size)).toEqual([2, 1])
  })

  test('late measurements go into the open buffer and end nothing', () => {
    const buffer = event()
    buffer.add('u', at(100))
    expect(buffer.add('u', at(5))).toMatchObject({ ready: false })
    expect(buffer.add('u', at(99))).toMatchObject({ ready: false, size: 3 })
    expect(buffer.info('u')?.buffers).toHaveLength(1)
  })

  test('a buffer that waits for its minimum is ended by the one that completes it, also when that one is late', () => {
    const log = new MemoryLog()
    const buffer = event({ minMeasurements: 3, wal: log })
    buffer.add('u', at(0))
    expect(buffer.add('u', at(50))).toMatchObject({ ready: false })
    expect(buffer.add('u', at(3))).toMatchObject({ ready: true, reason: 'window', size: 3 })
    expect(operationsOf(log)).toEqual(['START_BUFFER', 'ADD_MEASUREMENT', 'ADD_MEASUREMENT', 'ADD_MEASUREMENT', 'END_BUFFER'])
  })
})

test('a buffer that was due when the service died is due still, and takes nothing more, late or not', async () => {
  const log = new MemoryLog()
  const settings = { clock: 'event', bufferHours: 10, maxBufferMeasurements: 4, minMeasurements: 2 } as const
  const before = new ReplayBuffer({ ...settings, wal: log })
  before.add('u', at(0))
  before.add('u', at(50))
  const cut = MemoryLog.cut(log, 3)
  expect(operationsOf(cut)).toEqual(['START_BUFFER', 'ADD_MEASUREMENT', 'ADD_MEASUREMENT'])
  const buffer = new ReplayBuffer({ ...settings, wal: cut })
  buffer.recoverFromWal(await recover(cut))
  expect(cut.stored).toHaveLength(3)
  expect(buffer.readyUsers()).toEqual(['u'])
  expect(buffer.add('u', at(3))).toMatchObject({ ready: true, reason: 'window', size: 3 })
  expect(buffer.info('u')?.buffers.map((each) => each.size)).toEqual([2, 1])
})

describe('in the log', () => {
  test('START before the first, END behind the last, each in its place', () => {
    const log = new MemoryLog()
    const { buffer, turnTo } = clocked({ wal: log, maxBufferMeasurements: 2 })
    buffer.add('u', at(1))
    buffer.add('u', at(2))
    buffer.add('u', at(3))
    turnTo(10)
    const { lsn } = buffer.add('u', at(4))
    expect(operationsOf(log)).toEqual(
      ['START_BUFFER', 'ADD_MEASUREMENT', 'ADD_MEASUREMENT', 'END_BUFFER', 'START_BUFFER', 'ADD_MEASUREMENT', 'END_BUFFER', 'START_BUFFER', 'ADD_MEASUREMENT']
    )
    expect(lsn).toBe(9)
  })

  test('clear is one entry, so that no crash leaves a part of it', () => {
    const log = new MemoryLog()
    const { buffer } = clocked({ wal: log })
    for (let i = 1; i <= 10; i++) buffer.add('u', at(i))
    const length = log.stored.length
    buffer.clear('u')
    expect(operationsOf(log).slice(length)).toEqual(['COMMIT'])
  })

  test('a buffer keeps the limits it was begun with', async () => {
    const log = new MemoryLog()
    clocked({ wal: log }).buffer.add('u', at(1))
    const later = clocked({ wal: log, bufferHours: 1, maxBufferMeasurements: 2 })
    later.buffer.recoverFromWal(await recover(log))
    later.turnTo(9)
    expect(later.buffer.readyUsers()).toEqual([])
    expect([2, 3].map((hour) => later.buffer.add('u', at(hour)).ready)).toEqual([false, false])
    expect(later.buffer.add('u', at(4))).toMatchObject({ ready: true, reason: 'full', size: 4 })
  })

  test('the origin of the last row is in the log, and recovery says where to read on', async () => {
    const log = new MemoryLog()
    const { buffer } = clocked({ wal: log })
    for (let i = 1; i <= 5; i++) buffer.add(i % 2 === 0 ? 'a' : 'b', at(i), { source: 42, position: i * 10 })
    buffer.add('c', at(9))
    expect((await recover(log)).sources).toEqual(
      new Map([[42, { source: 42, position: 50, userId: 'b', timestamp: 5 * HOUR_MS }]])
    )
    expect(() => buffer.add('a', at(6), { source: 0, position: 1 })).toThrow(errorWith('ERR_WAL_INVALID_ARGUMENT'))
  })

  test('recoverFromWal is for a new buffer, and leaves the report as it is', async () => {
    const log = new MemoryLog()
    clocked({ wal: log }).buffer.add('u', at(1))
    const report = await recover(log)
    const { buffer } = clocked({ wal: log })
    buffer.recoverFromWal(report)
    buffer.add('u', at(2))
    expect(report.users.get('u')?.buffers[0]?.measurements.toArray()).toEqual([at(1)])
    expect(() => buffer.recoverFromWal(report)).toThrow(errorWith('ERR_WAL_INVALID_ARGUMENT'))
  })
})

/** Adds that do everything that an add can: begin, fill, end by window, and both at once. */
const HOURS = [0, 1, 2, 3, 4, 30, 31, 60, 61, 62, 63, 64, 200]

describe('numbers alone', () => {
  const firstBytes = (log: MemoryLog): number[] =>
    log.stored.filter((entry) => entry.operation === Operation.ADD_MEASUREMENT).map((entry) => entry.payload[0] as number)

  test('are logged as numbers, with number of buffer, running number and origin; anything else by the codec', () => {
    const log = new MemoryLog()
    const buffer = new ReplayBuffer({ wal: log })
    buffer.add('u', { timestamp: 1, value: 2 }, { source: 3, position: 4 })
    buffer.add('u', { timestamp: 1, value: 2 })
    buffer.add('u', { timestamp: 1, value: '2' })
    buffer.add('u', { value: 2, timestamp: 1 })
    expect(firstBytes(log)).toEqual([0xa2, 0xa2, 0xa1, 0xa1])
    expect(log.stored.map((entry) => entry.sequence)).toEqual([1, 2, 3, 4, 5])
    const payload = Buffer.from(log.stored[1]?.payload ?? [])
    expect([payload.length, payload.readUInt32LE(4), payload.readUInt32LE(24), payload.readDoubleLE(32)]).toEqual([40, 1, 3, 4])
    expect(log.stored[2]?.payload).toHaveLength(24)
  })

  test('are logged by the codec where the service brings its own, and on a log that takes no numbers', () => {
    const json = { encode: (value: unknown) => Buffer.from(JSON.stringify(value)), decode: (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as unknown }
    const own = new MemoryLog()
    new ReplayBuffer({ wal: own, codec: json }).add('u', { timestamp: 1, value: 2 })
    const plain = Object.assign(new MemoryLog(), { appendMeasurement: undefined })
    new ReplayBuffer({ wal: plain as unknown as EntryLog }).add('u', { timestamp: 1, value: 2 })
    expect([firstBytes(own), firstBytes(plain as unknown as MemoryLog)]).toEqual([[0xa1], [0xa1]])
  })

  test('are given to a log with handles by handle, asked for once a user', () => {
    const log = new MemoryLog()
    const given: unknown[] = []
    const handles = new Map([['u', 7], ['v', 8]])
    const asked: string[] = []
    const append = log.appendMeasurement.bind(log)
    Object.assign(log, {
      user: (userId: string) => (asked.push(userId), handles.get(userId)),
      appendMeasurement: (user: number, ...rest: [number, number]) => (given.push(user), append(user === 7 ? 'u' : 'v', ...rest))
    })
    const buffer = new ReplayBuffer({ wal: log })
    for (const userId of ['u', 'v', 'u', 'v']) buffer.add(userId, { timestamp: 1, value: 2 })
    expect([asked, given]).toEqual([['u', 'v'], [7, 8, 7, 8]])
  })

  test('belong to the buffer: what the caller changes later, in what was given or in what was asked for, changes nothing', () => {
    const buffer = new ReplayBuffer()
    const given = { timestamp: 1, value: 2 }
    buffer.add('u', given)
    given.value = 3
    ;(buffer.measurements('u')[0] as Measurement).value = 4
    expect(buffer.measurements('u')).toStrictEqual([{ timestamp: 1, value: 2 }])
  })

  test('a user whose first measurement is refused keeps no number, and begins with 1', () => {
    const log = new MemoryLog()
    const buffer = new ReplayBuffer({ wal: log })
    log.limitRoom(0, 100)
    expect(() => buffer.add('u', { timestamp: 1, value: 2 })).toThrow(errorWith('ERR_WAL_BACKPRESSURE'))
    log.limitRoom(100)
    buffer.add('u', { timestamp: 1, value: 2 })
    expect(log.stored.map((entry) => entry.sequence)).toEqual([1, 2])
  })
})

describe('a log that refuses', () => {
  const settings = { clock: 'event', bufferHours: 10, maxBufferMeasurements: 3 } as const

  async function expectSameAsLog(buffer: ReplayBuffer, log: MemoryLog): Promise<void> {
    const copy = new ReplayBuffer({ ...settings })
    copy.recoverFromWal(await recover(log))
    expect(copy.measurements('u')).toStrictEqual(buffer.measurements('u'))
    expect(copy.info('u')).toStrictEqual(buffer.info('u'))
  }

  test.each([
    ['by the codec', {}],
    ['as numbers', { value: 5 }]
  ])('a full ring at any append, measurements logged %s: the add changes nothing, and succeeds when it is made again', async (_, more) => {
    const whole = new MemoryLog()
    const reference = new ReplayBuffer({ ...settings, wal: whole })
    for (const hour of HOURS) reference.add('u', at(hour, more))
    for (let room = 0; room <= whole.stored.length; room++) {
      const log = new MemoryLog()
      log.limitRoom(room)
      const buffer = new ReplayBuffer({ ...settings, wal: log })
      for (const hour of HOURS) {
        const before = { info: buffer.info('u'), entries: log.stored.length }
        try {
          buffer.add('u', at(hour, more))
        } catch (error) {
          expect((error as WalError).code).toBe('ERR_WAL_BACKPRESSURE')
          expect({ info: buffer.info('u'), entries: log.stored.length }).toStrictEqual(before)
          await log.drained()
          buffer.add('u', at(hour, more))
        }
      }
      expect(log.stored).toStrictEqual(whole.stored)
      await expectSameAsLog(buffer, log)
    }
  })

  test('a log that fails at any append, in the midst of an add too: memory is what the log says', async () => {
    for (let room = 0; room <= 25; room++) {
      const log = new MemoryLog()
      const buffer = new ReplayBuffer({ ...settings, wal: log })
      const append = log.append.bind(log)
      log.append = (...entry) => {
        if (log.stored.length >= room) throw new WalError('ERR_WAL_FAILED', 'the disk is gone')
        return append(...entry)
      }
      const added: number[] = []
      for (const hour of HOURS) {
        try {
          buffer.add('u', at(hour))
          added.push(hour)
        } catch (error) {
          expect((error as WalError).code).toBe('ERR_WAL_FAILED')
          break
        }
      }
      expect(buffer.measurements('u')).toStrictEqual(added.map((hour) => at(hour)))
      await expectSameAsLog(buffer, log)
    }
  })

  test('a clear that is refused clears nothing', () => {
    const log = new MemoryLog()
    const buffer = new ReplayBuffer({ ...settings, wal: log })
    for (const hour of HOURS) buffer.add('u', at(hour))
    log.limitRoom(0)
    expect(() => buffer.clear('u')).toThrow(errorWith('ERR_WAL_BACKPRESSURE'))
    expect(buffer.measurements('u')).toHaveLength(HOURS.length)
  })

  test('a measurement larger than an entry is refused, also where it would begin a buffer', () => {
    const log = new MemoryLog()
    log.maxEntryBytes = 500
    const buffer = new ReplayBuffer({ ...settings, wal: log })
    const large = at(1, { text: 'x'.repeat(600) })
    expect(() => buffer.add('u', large)).toThrow(errorWith('ERR_WAL_TOO_LARGE'))
    expect(log.stored).toEqual([])
    buffer.add('u', at(1))
    expect(() => buffer.add('u', large)).toThrow(errorWith('ERR_WAL_TOO_LARGE'))
    expect(buffer.measurements('u')).toEqual([at(1)])
  })
})

describe('on a log of files', () => {
  const newDirectory = temporaryDirectories()

  test('the smallest queue is outrun: refused adds change nothing, and all measurements come back in order', async () => {
    const wal = await Wal.open({ directory: newDirectory(), queueBytes: 1024 * 1024, batchIntervalMs: 1000 })
    const settings = { maxBufferMeasurements: 50, triggerMode: 'measurement_count' } as const
    const buffer = new ReplayBuffer({ ...settings, wal })
    const text = 'x'.repeat(100_000)
    let refused = 0
    // The writer is outrun sooner or later: how soon depends on the machine.
    for (let i = 0; i < 200 || refused === 0; i++) {
      const measurement = { timestamp: i, i, text }
      try {
        buffer.add(`u${i % 3}`, measurement)
      } catch (error) {
        expect((error as WalError).code).toBe('ERR_WAL_BACKPRESSURE')
        expect(buffer.stats().measurements).toBe(i)
        refused++
        await wal.drained()
        i--
      }
    }
    const copy = new ReplayBuffer(settings)
    copy.recoverFromWal(await recover(wal))
    for (const userId of ['u0', 'u1', 'u2']) {
      expect(copy.measurements(userId)).toStrictEqual(buffer.measurements(userId))
      expect(copy.info(userId)).toStrictEqual(buffer.info(userId))
    }
    await wal.close()
  })
})
