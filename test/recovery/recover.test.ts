// Proves what recover() makes of a whole log: users side by side, buffers and states decoded, entries of others counted and left
// alone, sources, an event, a signal, and errors that name the entry. What each user's entries mean is in machine.test.ts.
import { EventEmitter } from 'node:events'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Operation, recover, ReplayBuffer, ReplayManager, Wal, type Entry } from '../../lib/index.js'
import { PayloadWriter } from '../../lib/replay/payloads.js'
import { temporaryDirectories } from '../support/temporary-directory.js'
import { Job, programs } from './job.js'
import { MemoryLog } from './memory-log.js'

const newDirectory = temporaryDirectories()

interface State {
  sum: number
}

async function busyLog(): Promise<MemoryLog> {
  const log = new MemoryLog()
  const buffer = new ReplayBuffer({ wal: log, maxBufferMeasurements: 2, triggerMode: 'measurement_count' })
  const manager = new ReplayManager<State>({
    buffer,
    processMeasurement: (state, { value }) => {
      if (value === 'bad') throw new Error('bad')
      return { sum: state.sum + (value as number) }
    },
    initialState: { sum: 0 }
  })
  // Interleaved: each user is at another point in the end.
  for (const value of [1, 2]) for (const userId of ['committed', 'waiting', 'open']) buffer.add(userId, { timestamp: value, value })
  await manager.replay('open')
  for (const userId of ['waiting', 'open']) buffer.add(userId, { timestamp: 3, value: 3, when: new Date(5), raw: Uint8Array.of(1) })
  await manager.replay('committed')
  for (const value of [1, 'bad']) buffer.add('failed', { timestamp: 9, value })
  await manager.replay('failed')
  return log
}

test('each user is as its own entries leave it, however they are interleaved', async () => {
  const report = await recover(await busyLog())
  const found = [...report.users.values()].map(({ userId, state, replayed, lastBuffer, buffers }) => ({
    userId,
    state,
    replayed,
    lastBuffer,
    buffers: buffers.map(({ number, ended, attempts, measurements }) => [number, ended, attempts, measurements.map(({ value }) => value)])
  }))
  expect(found).toEqual([
    { userId: 'committed', state: { sum: 3 }, replayed: 2, lastBuffer: 1, buffers: [] },
    { userId: 'waiting', state: undefined, replayed: 0, lastBuffer: 2, buffers: [[1, 'full', 0, [1, 2]], [2, undefined, 0, [3]]] },
    { userId: 'open', state: { sum: 3 }, replayed: 2, lastBuffer: 2, buffers: [[2, undefined, 0, [3]]] },
    { userId: 'failed', state: { sum: 0 }, replayed: 0, lastBuffer: 1, buffers: [[1, 'full', 1, [1, 'bad']]] }
  ])
  expect(report).toMatchObject({ readyUsers: ['waiting', 'failed'], openBuffers: 2, endedBuffers: 2, measurements: 6, tainted: [], damage: [], otherEntries: 0 })
  expect(report.users.get('waiting')?.hasState).toBe(false)
  expect(report.users.get('open')?.buffers[0]?.measurements.toArray()).toStrictEqual([{ timestamp: 3, value: 3, when: new Date(5), raw: Uint8Array.of(1) }])
  expect(report.entries).toBe(report.lastLsn)
  expect(report.durationMs).toBeGreaterThanOrEqual(0)
})

test('entries one by one lead to the same report as chunks, whatever the service does', async () => {
  await fc.assert(
    fc.asyncProperty(programs, fc.double({ min: 0, max: 1, noNaN: true }), fc.array(fc.nat(100), { maxLength: 3 }), async (program, cut, lost) => {
      const log = new MemoryLog()
      await (await Job.open(log, program)).finish()
      const left = MemoryLog.cut(log, Math.round(cut * log.stored.length))
      left.lose(lost, true)
      const inChunks = await recover({ entries: (options) => left.entries(options), chunks: (options) => left.chunks(options) })
      const oneByOne = await recover({ entries: (options) => left.entries(options) })
      expect({ ...oneByOne, durationMs: 0 }).toStrictEqual({ ...inChunks, durationMs: 0 })
    }),
    { numRuns: 150 }
  )
})

test('a log of files: what the buffers hold comes back, numbers alone and others, over many chunks and segments', async () => {
  const directory = newDirectory()
  const options = { directory, segmentBytes: 1 << 21, batchIntervalMs: 1 }
  const settings = { maxBufferMeasurements: 70, triggerMode: 'measurement_count' } as const
  const wal = await Wal.open(options)
  const buffer = new ReplayBuffer({ ...settings, wal })
  // What is known from the first chunk alone must outlive its memory.
  const manager = new ReplayManager<string>({ buffer, processMeasurement: () => 'state of early', initialState: '' })
  buffer.add('early', { timestamp: 77, note: 'first' }, { source: 9, position: 5 })
  await manager.replay('early')
  buffer.add('early', { timestamp: 78, note: 'second' }, { source: 10, position: 6 })
  // No later chunk has as many bytes, so each fits into the memory of this one.
  buffer.add('early', { timestamp: 79, note: 'x'.repeat(900_000) })
  for (let i = 0; i < 60_000; i++) {
    while (!wal.hasRoom(4, 1000)) await wal.drained()
    const measurement = i % 7 === 0 ? { timestamp: i, value: i, note: `n${i}` } : { timestamp: i, value: i / 3 }
    buffer.add(`user-${i % 300}`, measurement, i % 2 === 0 ? { source: 1 + (i % 3), position: i + 1 } : undefined)
    if (i % 5000 === 4999) buffer.clear(`user-${i % 300}`)
  }
  const operations = new Map<number, number>()
  for await (const { payload } of wal.entries({ operations: [Operation.ADD_MEASUREMENT] })) {
    operations.set(payload[0] as number, (operations.get(payload[0] as number) ?? 0) + 1)
  }
  expect(operations).toEqual(new Map([[0xa1, 8575], [0xa2, 51_428]]))
  await wal.close()
  const again = await Wal.open(options)
  const report = await recover(again)
  expect(report.sources).toEqual((await recover({ entries: (reading) => again.entries(reading) })).sources)
  expect(report.users.get('early')).toMatchObject({ state: 'state of early', buffers: [{ lastRow: { source: 10, position: 6, timestamp: 78 } }] })
  expect([report.sources.get(9)?.timestamp, report.sources.get(10)?.timestamp]).toEqual([77, 78])
  const copy = new ReplayBuffer({ ...settings, wal: again })
  copy.recoverFromWal(report)
  for (const userId of buffer.users()) {
    expect(copy.measurements(userId)).toStrictEqual(buffer.measurements(userId))
    expect(copy.info(userId)).toStrictEqual(buffer.info(userId))
  }
  expect(copy.stats()).toEqual(buffer.stats())
  expect(report.sources.get(1)).toMatchObject({ position: 59_995, timestamp: 59_994 })
  await again.close()
})

test('measurements that the service logs as numbers, in no buffer, are its own', async () => {
  const log = new MemoryLog()
  log.appendMeasurement('u', 1, 2, 1)
  log.appendMeasurement('u', 1, 2, 0, 1)
  expect(await recover(log)).toMatchObject({ entries: 2, otherEntries: 2, users: new Map() })
})

test('numbers that are cut off, or of an unknown origin, are refused, naming entry and user', async () => {
  const whole = new MemoryLog()
  whole.appendMeasurement('u', 1, 2, 1, 1, 5, 6)
  const payload = whole.stored[0]?.payload as Uint8Array
  for (const [broken, why] of [[payload.slice(0, 39), 'is 39 bytes, too short'], [payload.slice().fill(2, 1, 2), 'unknown kind of origin 2']] as const) {
    const log = new MemoryLog()
    log.append(Operation.ADD_MEASUREMENT, 'u', broken, 1)
    await expect(recover(log)).rejects.toMatchObject({ code: 'ERR_WAL_CODEC', lsn: 1, message: expect.stringContaining(why) as string })
  }
})

test('an empty log leaves nothing', async () => {
  expect(await recover(new MemoryLog())).toMatchObject({ users: new Map(), readyUsers: [], sources: new Map(), entries: 0, lastLsn: 0, measurements: 0 })
})

test('entries of the service’s own are counted and left alone', async () => {
  const log = new MemoryLog()
  log.append(Operation.CHECKPOINT, 'u', Buffer.from('{"own":1}'))
  log.append(Operation.COMMIT, 'u', null, 1)
  log.append(Operation.ADD_MEASUREMENT, 'u', new PayloadWriter().add(1, Uint8Array.of(0), undefined), 0)
  new ReplayBuffer({ wal: log }).add('v', { timestamp: 1 })
  const report = await recover(log)
  expect(report).toMatchObject({ entries: 5, otherEntries: 3, lastLsn: 5 })
  expect([...report.users.keys()]).toEqual(['v'])
})

test('damage is in the report as the reader told it', async () => {
  const log = await busyLog()
  log.lose([3, 4], true)
  const { damage } = await recover(log)
  expect(damage.map(({ firstLsn, lastLsn, users }) => ({ firstLsn, lastLsn, users }))).toEqual([{ firstLsn: 3, lastLsn: 4, users: ['waiting'] }])
})

test('a row that was applied is not read again, also when its own entry is damaged', async () => {
  const log = new MemoryLog()
  const buffer = new ReplayBuffer({ wal: log, maxBufferMeasurements: 2, triggerMode: 'measurement_count' })
  const manager = new ReplayManager({ buffer, processMeasurement: () => undefined })
  buffer.add('u', { timestamp: 10 }, { source: 4, position: 1 })
  buffer.add('u', { timestamp: 20 }, { source: 4, position: 2 })
  await manager.replay('u')
  const whole = (await recover(log)).sources
  expect(whole.get(4)).toEqual({ source: 4, position: 2, userId: 'u', timestamp: 20 })
  // The row's ADD_MEASUREMENT, and then whatever else of its replay, down to the COMMIT alone.
  for (const lost of [[3], [3, 4], [3, 4, 5], [1, 2, 3, 4, 5]]) {
    const damaged = MemoryLog.cut(log)
    damaged.lose(lost, true)
    expect((await recover(damaged)).sources.get(4)).toMatchObject({ position: 2, userId: 'u', timestamp: 20 })
  }
})

test('each source is known for itself', async () => {
  const log = new MemoryLog()
  const buffer = new ReplayBuffer({ wal: log })
  for (const [source, position] of [[1, 10], [2, 5], [1, 11], [2, 6]] as const) buffer.add(`u${source}`, { timestamp: position }, { source, position })
  const { sources } = await recover(log)
  expect([...sources.values()].map(({ source, position, userId, timestamp }) => [source, position, userId, timestamp])).toEqual([
    [1, 11, 'u1', 11],
    [2, 6, 'u2', 6]
  ])
})

test('a log that emits events is told `recovered` with the report', async () => {
  const log = await busyLog()
  const emitter = new EventEmitter()
  const told: unknown[] = []
  emitter.on('recovered', (report) => told.push(report))
  const report = await recover({ entries: (options) => log.entries(options), emit: (event, found) => emitter.emit(event, found) })
  expect(told).toEqual([report])
})

test('a signal that has fired stops it before it reads', async () => {
  const log = await busyLog()
  await expect(recover(log, { signal: AbortSignal.abort('stop') })).rejects.toMatchObject({ code: 'ERR_WAL_ABORTED', cause: 'stop' })
})

test('a payload of a newer version is refused, naming entry and user', async () => {
  const log = new MemoryLog()
  log.append(Operation.END_BUFFER, 'u', Uint8Array.of(0xa2, 1, 2), 1)
  await expect(recover(log)).rejects.toMatchObject({
    code: 'ERR_WAL_CODEC',
    lsn: 1,
    message: 'entry 1 of user "u": the payload of END_BUFFER begins with 0xa2; this version reads payloads that begin with 0xa1'
  })
})

test('values of another codec are refused, naming the user', async () => {
  const log = new MemoryLog()
  const json = { encode: (value: unknown) => Buffer.from(JSON.stringify(value)), decode: (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as unknown }
  new ReplayBuffer({ wal: log, codec: json }).add('u', { timestamp: 1 })
  await expect(recover(log)).rejects.toThrow(/^what is stored of user "u": a stored value cannot be decoded/)
  expect((await recover(log, { codec: json })).measurements).toBe(1)
})

test('what is not needed any more may have been removed from the front of the log', async () => {
  const log = await busyLog()
  const whole = await recover(log)
  const isOf = (userId: string, until: Operation): number[] =>
    log.stored.filter((entry: Entry) => entry.userId === userId && entry.lsn < (log.stored.find((each) => each.userId === userId && each.operation === until)?.lsn ?? 0)).map((entry) => entry.lsn)
  log.remove([...isOf('committed', Operation.COMMIT), ...isOf('open', Operation.COMMIT)])
  const rest = await recover(log)
  expect([...rest.users.values()].sort((a, b) => (a.userId < b.userId ? -1 : 1))).toEqual([...whole.users.values()].sort((a, b) => (a.userId < b.userId ? -1 : 1)))
  expect(rest.tainted).toEqual([])
})
