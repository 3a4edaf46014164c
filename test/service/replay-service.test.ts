// Proves that a service opened on a directory gives back exactly what the last one left, by whatever way it ended; that its
// health tells of parked replays and damaged buffers; and that an opening that fails leaves nothing open.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  MemoryStateStore,
  openReplayService,
  Operation,
  Wal,
  type ConfigOverrides,
  type Measurement,
  type ReplayService,
  type ReplayServiceOptions
} from '../../lib/index.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

interface State {
  sum: number
}

const HOUR_MS = 3_600_000
const newDirectory = temporaryDirectories()

function processMeasurement(state: State, { value }: Measurement): State {
  if (value === 'bad') throw new Error('bad value')
  return { sum: state.sum + (value as number) }
}

function open(directory: string, options: Partial<ReplayServiceOptions<State>> = {}, replay: ConfigOverrides['replay'] = {}): Promise<ReplayService<State>> {
  const config = { wal: { directory, segmentBytes: 1_000_000, queueBytes: 1_048_576 }, replay: { maxBufferMeasurements: 3, maxAttempts: 2, ...replay } }
  return openReplayService<State>({ config, processMeasurement, initialState: { sum: 0 }, ...options })
}

/** All that a service holds. */
function holdingsOf(service: ReplayService<State>): unknown {
  const users = service.buffer.users()
  return {
    buffers: users.map((userId) => [service.buffer.info(userId), service.buffer.measurements(userId)]),
    states: [...service.manager.states()].sort(),
    replayed: users.map((userId) => service.manager.replayedMeasurements(userId)),
    parked: service.manager.parkedUsers(),
    stats: service.buffer.stats()
  }
}

async function fill(service: ReplayService<State>): Promise<void> {
  for (const value of [1, 2, 3, 4]) service.buffer.add('committed', { timestamp: value, value })
  await service.manager.replay('committed')
  for (const value of [1, 2, 3, 4]) service.buffer.add('waiting', { timestamp: value, value, when: new Date(value), note: 'ž' })
  service.buffer.add('open', { timestamp: 9, value: 9 })
  service.buffer.add('failed', { timestamp: 1, value: 'bad' })
  await service.manager.replay('failed')
  service.buffer.add('parked', { timestamp: 1, value: 'bad' })
  for (let attempt = 0; attempt < 2; attempt++) await service.manager.replay('parked')
  service.buffer.add('cleared', { timestamp: 1, value: 1 })
  service.buffer.clear('cleared')
}

test('closed and opened again, it has everything as it was', async () => {
  const directory = newDirectory()
  const first = await open(directory)
  expect(first.recovery).toMatchObject({ entries: 0, measurements: 0 })
  await fill(first)
  const before = holdingsOf(first)
  await first.close()
  const second = await open(directory)
  expect(holdingsOf(second)).toStrictEqual(before)
  expect(second.recovery).toMatchObject({ readyUsers: ['waiting', 'failed', 'parked'], openBuffers: 3, endedBuffers: 3, tainted: [] })
  expect(await second.manager.state('open')).toEqual({ sum: 0 })
  // And it goes on from there.
  expect(await second.manager.replay('waiting')).toMatchObject({ status: 'committed', state: { sum: 6 } })
  expect(second.buffer.add('open', { timestamp: 10, value: 1 })).toMatchObject({ size: 2 })
  const after = holdingsOf(second)
  await second.close()
  const third = await open(directory)
  expect(holdingsOf(third)).toStrictEqual(after)
  await third.close()
})

test('what the recovery found stays as it was found', async () => {
  const directory = newDirectory()
  const first = await open(directory)
  await fill(first)
  await first.close()
  await using second = await open(directory)
  await second.manager.replayReady()
  second.buffer.clear()
  expect(second.recovery.users.get('waiting')?.buffers.map((buffer) => buffer.measurements.length)).toEqual([3, 1])
  expect(second.recovery.users.get('failed')?.buffers[0]).toMatchObject({ attempts: 1, ended: 'requested' })
})

test('a window that passed while nothing ran is seen at the next start', async () => {
  const directory = newDirectory()
  let now = 0
  const first = await open(directory, { now: () => now })
  first.buffer.add('u', { timestamp: 1, value: 1 })
  await first.close()
  now = 72 * HOUR_MS
  await using second = await open(directory, { now: () => now })
  expect(second.buffer.readyUsers()).toEqual(['u'])
  expect(await second.manager.replayReady()).toMatchObject([{ status: 'committed', state: { sum: 1 } }])
})

test('settings come from a file, from what is given in place, and from overrides', async () => {
  const directory = newDirectory()
  const file = join(directory, 'config.toml')
  writeFileSync(file, `[wal]\ndirectory = ${JSON.stringify(join(directory, 'log'))}\nqueue_bytes = 1048576\n[replay]\nmax_buffer_measurements = 2\nbuffer_hours = 5\n`)
  await using service = await open(directory, { config: file, overrides: { replay: { bufferHours: 6 } } })
  expect(service.config.replay).toMatchObject({ maxBufferMeasurements: 2, bufferHours: 6, maxAttempts: 3 })
  expect(service.buffer.settings).toMatchObject({ maxBufferMeasurements: 2, bufferHours: 6 })
  expect(existsSync(join(directory, 'log'))).toBe(true)
})

test('a store of the service’s own is given the states', async () => {
  const directory = newDirectory()
  const first = await open(directory)
  await fill(first)
  await first.close()
  const stateStore = new MemoryStateStore<State>()
  await using second = await open(directory, { stateStore })
  expect(stateStore.get('committed')).toEqual({ sum: 6 })
  expect(second.manager.states()).toEqual(new Map(stateStore.entries()))
})

test('the log tells of checkpoints that are written, not of the entries of replays', async () => {
  await using service = await open(newDirectory())
  const told: unknown[] = []
  service.wal.on('checkpoint', (event) => told.push(event))
  for (const value of [1, 2, 3]) service.buffer.add('u', { timestamp: value, value })
  await service.manager.replay('u')
  expect(told).toEqual([])
  const checkpoint = await service.wal.checkpoint()
  expect(told).toEqual([checkpoint])
  expect(checkpoint).toMatchObject({ number: 1, lsn: 7, entries: 1 })
})

describe('health', () => {
  test('is that of the log while all is well', async () => {
    await using service = await open(newDirectory())
    expect(service.health()).toEqual(service.wal.health())
    expect(service.health().status).toBe('ok')
  })

  test('is degraded while a replay is parked, naming the first user', async () => {
    await using service = await open(newDirectory())
    await fill(service)
    expect(service.health()).toEqual({ status: 'degraded', reasons: ['1 users have a parked replay, the first is "parked"'] })
    service.buffer.clear('parked')
    expect(service.health().status).toBe('ok')
  })

  test('is damaged while a buffer misses entries', async () => {
    const directory = newDirectory()
    const first = await open(directory)
    for (const value of [1, 2]) first.buffer.add('u', { timestamp: value, value, mark: 'find me' })
    first.buffer.add('v', { timestamp: 1, value: 1 })
    await first.close()
    damageFirst(directory, 'find me')
    await using second = await open(directory)
    expect(second.recovery.tainted).toEqual([{ userId: 'u', buffer: 1, lost: 1, reason: 'measurements' }])
    expect(second.buffer.info('u')).toMatchObject({ tainted: true, size: 1 })
    expect(second.buffer.info('v')).toMatchObject({ tainted: false, size: 1 })
    expect(second.health().status).toBe('damaged')
    expect(second.health().reasons).toContain('1 buffers miss entries that are damaged')
  })
})

/** Changes one bit in the first occurrence of `text` in the log's files. */
function damageFirst(directory: string, text: string): void {
  for (const name of readdirSync(directory).sort()) {
    const bytes = readFileSync(join(directory, name))
    const at = bytes.indexOf(text)
    if (at < 0) continue
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
    writeFileSync(join(directory, name), bytes)
    return
  }
  throw new Error(`${text} is in no file of ${directory}`)
}

describe('an opening that fails leaves nothing open', () => {
  test.each<[string, Partial<ReplayServiceOptions<State>>, object]>([
    ['a processor that is no function', { processMeasurement: 'x' as unknown as ReplayServiceOptions<State>['processMeasurement'] }, { code: 'ERR_WAL_INVALID_ARGUMENT' }],
    ['values of another codec', { codec: { encode: () => new Uint8Array(0), decode: () => { throw new Error('not mine') } } }, { code: 'ERR_WAL_CODEC' }],
    ['a store that fails', { stateStore: { get: () => undefined, set: () => Promise.reject(new Error('database down')) } }, { message: 'database down' }]
  ])('%s: the lock is released', async (_, options, error) => {
    const directory = newDirectory()
    const first = await open(directory)
    await fill(first)
    const before = holdingsOf(first)
    await expect(open(directory)).rejects.toMatchObject({ code: 'ERR_WAL_LOCKED' })
    await first.close()
    await expect(open(directory, options)).rejects.toMatchObject(error)
    await using again = await open(directory)
    expect(holdingsOf(again)).toStrictEqual(before)
  })

  test('a signal that has fired', async () => {
    const directory = newDirectory()
    await expect(open(directory, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ERR_WAL_ABORTED' })
    await (await open(directory)).close()
  })

  test('a payload of a newer version', async () => {
    const directory = newDirectory()
    const wal = await Wal.open({ directory, queueBytes: 1_048_576 })
    wal.append(Operation.START_BUFFER, 'u', Uint8Array.of(0xa2), 1)
    await wal.close()
    await expect(open(directory)).rejects.toMatchObject({ code: 'ERR_WAL_CODEC', lsn: 1 })
    await (await Wal.open({ directory })).close()
  })

  test.each<[ConfigOverrides, string]>([
    [{ replay: { bufferHours: 0 } }, 'replay.bufferHours is 0; allowed: a number above 0, up to 878400'],
    [{ replay: { bufferHour: 1 } } as unknown as ConfigOverrides, 'unknown key replay.bufferHour; allowed: bufferHours, maxBufferMeasurements'],
    [{ replay: { minMeasurements: 4 } }, 'replay.min_measurements is 4; allowed: a whole number from 1 to max_buffer_measurements (3)'],
    [{ wal: { retentionDays: 0 } }, 'wal.retentionDays is 0; allowed: a whole number from 1 to 36500'],
    [{ wal: { onCorruption: 'ignore' as 'skip' } }, 'wal.onCorruption is "ignore"; allowed: "skip", "stop", "fail"'],
    [{ log: {} } as unknown as ConfigOverrides, 'unknown key log; allowed: wal, replay']
  ])('settings %j: named, with what is allowed, and no directory is made', async (overrides, message) => {
    const directory = join(newDirectory(), 'log')
    const opening = open(directory, { overrides })
    await expect(opening).rejects.toMatchObject({ code: 'ERR_WAL_CONFIG' })
    await expect(opening).rejects.toThrow(message)
    expect(existsSync(directory)).toBe(false)
  })
})
