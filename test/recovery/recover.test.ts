// Proves what recover() makes of a whole log: users side by side, buffers and states decoded, entries of others counted and left
// alone, sources, an event, a signal, and errors that name the entry. What each user's entries mean is in machine.test.ts.
import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { Operation, recover, ReplayBuffer, ReplayManager, type Entry } from '../../lib/index.js'
import { PayloadWriter } from '../../lib/replay/payloads.js'
import { MemoryLog } from './memory-log.js'

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
  expect(report.users.get('open')?.buffers[0]?.measurements).toStrictEqual([{ timestamp: 3, value: 3, when: new Date(5), raw: Uint8Array.of(1) }])
  expect(report.entries).toBe(report.lastLsn)
  expect(report.durationMs).toBeGreaterThanOrEqual(0)
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
  expect(whole.get(4)).toEqual({ source: 4, position: 2, rows: 2, userId: 'u', timestamp: 20 })
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
  expect([...sources.values()].map(({ source, position, rows, userId, timestamp }) => [source, position, rows, userId, timestamp])).toEqual([
    [1, 11, 2, 'u1', 11],
    [2, 6, 2, 'u2', 6]
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
