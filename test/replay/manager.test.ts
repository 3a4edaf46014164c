// Proves what ReplayManager promises: CHECKPOINT before and COMMIT or ROLLBACK behind every replay, with whole states; that a
// failed replay leaves nothing behind, whatever the processor did to its arguments; attempts and parking; and that nothing else
// that fails (log, store, state, caller) loses or doubles a measurement.
import { describe, expect, test, vi } from 'vitest'
import {
  MemoryStateStore,
  Operation,
  recover,
  ReplayBuffer,
  ReplayManager,
  WalError,
  type Codec,
  type Measurement,
  type MeasurementProcessor,
  type ReplayManagerOptions,
  type StateStore
} from '../../lib/index.js'
import { readCheckpoint, readCommit, readRollback } from '../../lib/replay/payloads.js'
import { createDefaultCodec } from '../../lib/replay/codec.js'
import { MemoryLog } from '../recovery/memory-log.js'

interface State {
  seen: number[]
}

const codec = createDefaultCodec()
const NAMES = Object.fromEntries(Object.entries(Operation).map(([name, number]) => [number, name]))
const operationsOf = (log: MemoryLog): string[] => log.stored.map((entry) => NAMES[entry.operation] as string)
const errorWith = (code: string): Error => expect.objectContaining({ code }) as Error

/** Notes each time in the state, in place; a measurement with `fails` fails. */
const note: MeasurementProcessor<State> = (state, measurement) => {
  state.seen.push(measurement.timestamp as number)
  if (measurement['fails'] === true) throw new Error('it fails')
}

interface Bench {
  log: MemoryLog
  buffer: ReplayBuffer
  manager: ReplayManager<State>
  add: (...times: number[]) => void
}

function bench(options: Partial<ReplayManagerOptions<State>> = {}, log = new MemoryLog()): Bench {
  const buffer = new ReplayBuffer({ maxBufferMeasurements: 3, triggerMode: 'measurement_count', wal: log })
  const manager = new ReplayManager<State>({ buffer, processMeasurement: note, initialState: { seen: [] }, ...options })
  return { log, buffer, manager, add: (...times) => times.forEach((timestamp) => buffer.add('u', { timestamp })) }
}

describe('a replay that succeeds', () => {
  test('gives the measurements in time order, ties as they came, and commits the new state', async () => {
    const order: unknown[] = []
    const { manager, buffer } = bench({ processMeasurement: (_, { timestamp, value }) => void order.push(timestamp, value) })
    for (const [timestamp, value] of [[5, 'a'], [1, 'b'], [5, 'c']] as const) buffer.add('u', { timestamp, value })
    await manager.replay('u')
    expect(order).toEqual([1, 'b', 5, 'a', 5, 'c'])
  })

  test('logs CHECKPOINT with the state before and COMMIT with the state behind', async () => {
    const { log, manager, add } = bench()
    add(3, 1, 2)
    const result = await manager.replay('u')
    expect(result).toStrictEqual({ status: 'committed', userId: 'u', buffers: 1, measurements: 3, state: { seen: [1, 2, 3] }, lsn: 7, attempts: 0, parked: false })
    expect(operationsOf(log).slice(4)).toEqual(['END_BUFFER', 'CHECKPOINT', 'COMMIT'])
    const [checkpoint, commit] = log.stored.slice(-2)
    const before = readCheckpoint(checkpoint?.payload as Uint8Array)
    expect({ ...before, value: codec.decode(before.value) }).toMatchObject({ buffer: 1, count: 3, attempts: 0, replayed: 0, value: { seen: [] } })
    const behind = readCommit(commit?.payload as Uint8Array)
    expect({ ...behind, value: codec.decode(behind.value) }).toMatchObject({ buffer: 1, count: 3, discarded: false, replayed: 3, value: { seen: [1, 2, 3] } })
  })

  test('empties the buffer and counts', async () => {
    const { manager, buffer, add } = bench()
    add(1, 2, 3)
    await manager.replay('u')
    expect(buffer.measurements('u')).toEqual([])
    expect(manager.replayedMeasurements('u')).toBe(3)
    expect(await manager.state('u')).toEqual({ seen: [1, 2, 3] })
    expect(manager.states()).toEqual(new Map([['u', { seen: [1, 2, 3] }]]))
  })

  test('takes all ended buffers, oldest first, each with its own COMMIT, and leaves the open one', async () => {
    const { log, manager, buffer, add } = bench()
    add(1, 2, 3, 4, 5, 6, 7)
    expect(await manager.replay('u')).toMatchObject({ buffers: 2, measurements: 6, state: { seen: [1, 2, 3, 4, 5, 6] } })
    expect(operationsOf(log).slice(-4)).toEqual(['CHECKPOINT', 'COMMIT', 'CHECKPOINT', 'COMMIT'])
    expect(buffer.measurements('u')).toEqual([{ timestamp: 7 }])
  })

  test('ends the open buffer where none is ended', async () => {
    const { log, manager, add } = bench()
    add(1)
    expect(await manager.replay('u')).toMatchObject({ status: 'committed', measurements: 1 })
    expect(operationsOf(log)).toEqual(['START_BUFFER', 'ADD_MEASUREMENT', 'END_BUFFER', 'CHECKPOINT', 'COMMIT'])
  })

  test('with nothing to replay logs nothing', async () => {
    const { log, manager } = bench()
    expect(await manager.replay('u')).toMatchObject({ status: 'committed', buffers: 0, lsn: 0, state: { seen: [] } })
    expect(log.stored).toEqual([])
  })

  test.each<[string, MeasurementProcessor<State>]>([
    ['returns a new one', (state, { timestamp }) => ({ seen: [...state.seen, timestamp as number] })],
    ['changes it in place', (state, { timestamp }) => void state.seen.push(timestamp as number)],
    ['returns a promise of a new one', async (state, { timestamp }) => Promise.resolve({ seen: [...state.seen, timestamp as number] })],
    ['changes it in place after a while', async (state, { timestamp }) => Promise.resolve().then(() => void state.seen.push(timestamp as number))]
  ])('the new state is what the processor makes of it: %s', async (_, processMeasurement) => {
    const { manager, add } = bench({ processMeasurement })
    add(2, 1, 3)
    expect((await manager.replay('u')).state).toEqual({ seen: [1, 2, 3] })
  })

  test('a processor is never called before the one before it has resolved', async () => {
    let running = 0
    const processMeasurement = async (): Promise<undefined> => {
      expect(++running).toBe(1)
      await new Promise((resolve) => setTimeout(resolve, 1))
      running--
      return undefined
    }
    const { manager, add } = bench({ processMeasurement })
    add(1, 2, 3)
    expect((await manager.replay('u')).status).toBe('committed')
  })

  test('the state that is kept is what the log would give back, not the processor’s own object', async () => {
    const own: State = { seen: [] }
    const { manager, add } = bench({ processMeasurement: (_, { timestamp }) => (own.seen.push(timestamp as number), own) })
    add(1, 2, 3)
    await manager.replay('u')
    own.seen.length = 0
    expect(await manager.state('u')).toEqual({ seen: [1, 2, 3] })
  })

  test('an initial state is a copy for each user, or made for each', async () => {
    const initial: State = { seen: [] }
    const value = bench({ initialState: initial })
    value.buffer.add('a', { timestamp: 1 })
    value.buffer.add('b', { timestamp: 2 })
    await value.manager.replay('a')
    expect((await value.manager.replay('b')).state).toEqual({ seen: [2] })
    expect(initial).toEqual({ seen: [] })
    const made = bench({ initialState: (userId) => ({ seen: [userId.length] }) })
    expect(await made.manager.state('abc')).toEqual({ seen: [3] })
  })
})

describe('a replay that fails', () => {
  test('logs ROLLBACK with the state before, counts the attempt, and keeps the buffer', async () => {
    const { log, manager, buffer, add } = bench()
    add(1, 2, 3)
    await manager.replay('u')
    buffer.add('u', { timestamp: 4 })
    buffer.add('u', { timestamp: 5, fails: true })
    const result = await manager.replay('u')
    expect(result).toMatchObject({ status: 'rolled_back', state: { seen: [1, 2, 3] }, attempts: 1, parked: false, measurements: 0 })
    expect((result.error as Error).message).toBe('it fails')
    expect(operationsOf(log).slice(-2)).toEqual(['CHECKPOINT', 'ROLLBACK'])
    const rollback = readRollback(log.stored.at(-1)?.payload as Uint8Array)
    expect({ ...rollback, value: codec.decode(rollback.value) }).toMatchObject({ buffer: 2, count: 2, attempts: 1, parked: false, replayed: 3, error: 'it fails', value: { seen: [1, 2, 3] } })
    expect(await manager.state('u')).toEqual({ seen: [1, 2, 3] })
    expect(buffer.measurements('u')).toEqual([{ timestamp: 4 }, { timestamp: 5, fails: true }])
    expect(manager.replayedMeasurements('u')).toBe(3)
  })

  test('undoes what the processor did to the state and to the measurements', async () => {
    const given: unknown[] = []
    const spoil: MeasurementProcessor<State> = (state, measurement, { attempts }) => {
      given.push([structuredClone(state), structuredClone(measurement)])
      state.seen.push(99)
      ;(measurement['list'] as number[]).push(99)
      measurement['extra'] = 1
      if (attempts === 0) throw new Error('first time')
    }
    const { manager, buffer } = bench({ processMeasurement: spoil })
    buffer.add('u', { timestamp: 1, list: [1] })
    await manager.replay('u')
    await manager.replay('u')
    expect(given).toEqual([[{ seen: [] }, { timestamp: 1, list: [1] }], [{ seen: [] }, { timestamp: 1, list: [1] }]])
  })

  test('commits the buffers before the one that fails', async () => {
    const { manager, buffer, add } = bench()
    add(1, 2, 3, 4, 5)
    buffer.add('u', { timestamp: 6, fails: true })
    expect(await manager.replay('u')).toMatchObject({ status: 'rolled_back', buffers: 1, measurements: 3, state: { seen: [1, 2, 3] }, attempts: 1 })
    expect(buffer.info('u')).toMatchObject({ size: 3, attempts: 1 })
  })

  test('a new state that cannot be encoded is a failure like any other', async () => {
    const { log, manager, add } = bench({ processMeasurement: () => ({ seen: [], f: () => 1 }) })
    add(1)
    const result = await manager.replay('u')
    expect(result).toMatchObject({ status: 'rolled_back', attempts: 1 })
    expect(result.error).toMatchObject({ code: 'ERR_WAL_CODEC' })
    expect(operationsOf(log).slice(-2)).toEqual(['CHECKPOINT', 'ROLLBACK'])
  })

  test('a new state that is too large for an entry is a failure too, and is parked in the end', async () => {
    const { log, manager, add } = bench({ processMeasurement: () => ({ seen: Array.from({ length: 2000 }, () => 0.5) }), maxAttempts: 1 })
    log.maxEntryBytes = 2000
    add(1)
    const result = await manager.replay('u')
    expect(result).toMatchObject({ status: 'rolled_back', attempts: 1, parked: true, state: { seen: [] } })
    expect(result.error).toMatchObject({ code: 'ERR_WAL_TOO_LARGE' })
    expect(operationsOf(log).slice(-2)).toEqual(['CHECKPOINT', 'ROLLBACK'])
  })

  test('where the state fills an entry, the text of the error is left out', async () => {
    const seen = Array.from({ length: 200 }, () => 0.5)
    const { log, manager, add } = bench({ initialState: { seen }, processMeasurement: () => { throw new Error('e'.repeat(500)) } })
    log.maxEntryBytes = 1 + 49 + codec.encode({ seen }).length
    add(1)
    expect(await manager.replay('u')).toMatchObject({ status: 'rolled_back', attempts: 1 })
    expect(readRollback(log.stored.at(-1)?.payload as Uint8Array).error).toBe('')
  })

  test.each([['a string', 'why', '\'why\''], ['nothing', undefined, 'undefined'], ['an object without a prototype', Object.create(null) as unknown, '[Object: null prototype] {}']])(
    'a processor may throw %s',
    async (_, thrown, text) => {
      const { log, manager, add } = bench({ processMeasurement: () => { throw thrown } })
      add(1)
      const result = await manager.replay('u')
      expect(result.status).toBe('rolled_back')
      expect(result.error).toBe(thrown)
      expect(readRollback(log.stored.at(-1)?.payload as Uint8Array).error).toBe(text)
    }
  )

  test('a user whose first replay fails has the state that the log says, as after a recovery', async () => {
    const { log, manager, buffer } = bench()
    buffer.add('u', { timestamp: 1, fails: true })
    await manager.replay('u')
    const again = bench({}, log)
    const report = await recover(log)
    await again.manager.recoverFromWal(report)
    expect(manager.states()).toEqual(again.manager.states())
  })
})

describe('after maxAttempts failures a buffer is parked', () => {
  async function parked(): Promise<Bench> {
    const made = bench({ maxAttempts: 2 })
    made.buffer.add('u', { timestamp: 1, fails: true })
    made.add(2, 3)
    expect(await made.manager.replay('u')).toMatchObject({ attempts: 1, parked: false })
    expect(made.manager.parkedUsers()).toEqual([])
    expect(await made.manager.replay('u')).toMatchObject({ attempts: 2, parked: true })
    return made
  }

  test('listed, and no longer ready: adding to its user does not make it so', async () => {
    const { manager, buffer } = await parked()
    expect(manager.parkedUsers()).toEqual(['u'])
    expect(buffer.readyUsers()).toEqual([])
    expect(buffer.add('u', { timestamp: 4 })).toMatchObject({ ready: false, reason: 'full', size: 4 })
    expect(buffer.info('u')).toMatchObject({ parked: true, ready: false, attempts: 2 })
    expect(buffer.stats().parkedBuffers).toBe(1)
    expect(await manager.replayReady()).toEqual([])
  })

  test('tried again when asked, and it stays parked when that fails', async () => {
    const { manager } = await parked()
    expect(await manager.replay('u')).toMatchObject({ status: 'rolled_back', attempts: 3, parked: true })
  })

  test('and when that succeeds, the buffers behind it follow', async () => {
    const made = await parked()
    made.add(4, 5, 6)
    const { log } = made
    const healed = bench({ processMeasurement: (state, { timestamp }) => void state.seen.push(timestamp as number) }, log)
    healed.buffer.recoverFromWal(await recover(log))
    expect(healed.manager.parkedUsers()).toEqual(['u'])
    expect(await healed.manager.replay('u')).toMatchObject({ status: 'committed', buffers: 2, state: { seen: [1, 2, 3, 4, 5, 6] } })
    expect(healed.manager.parkedUsers()).toEqual([])
  })

  test('a retry that is killed leaves it parked', async () => {
    const { log } = await parked()
    const checkpoint = log.stored.filter((entry) => entry.operation === Operation.CHECKPOINT).at(-1)
    log.append(Operation.CHECKPOINT, 'u', checkpoint?.payload, (log.stored.at(-1)?.sequence ?? 0) + 1)
    const { buffer } = bench({}, log)
    buffer.recoverFromWal(await recover(log))
    expect(buffer.parkedUsers()).toEqual(['u'])
  })
})

describe('while a replay runs', () => {
  function gated(): Bench & { open: () => void; started: Promise<void> } {
    let open!: () => void
    let start!: () => void
    const gate = new Promise<void>((resolve) => (open = resolve))
    const started = new Promise<void>((resolve) => (start = resolve))
    const processMeasurement: MeasurementProcessor<State> = async (state, { timestamp }) => {
      start()
      await gate
      state.seen.push(timestamp as number)
    }
    return { ...bench({ processMeasurement }), open, started }
  }

  test('measurements are taken, and wait for the next', async () => {
    const { manager, buffer, add, open, started } = gated()
    add(1, 2, 3)
    const replay = manager.replay('u')
    await started
    add(4, 5, 6, 7)
    open()
    expect((await replay).state).toEqual({ seen: [1, 2, 3] })
    expect(buffer.measurements('u').map((measurement) => measurement.timestamp)).toEqual([4, 5, 6, 7])
    expect((await manager.replay('u')).state).toEqual({ seen: [1, 2, 3, 4, 5, 6] })
  })

  test('a second one of the same user is refused, and the first goes on', async () => {
    const { manager, add, open, started } = gated()
    add(1, 2, 3)
    const replay = manager.replay('u')
    await started
    await expect(manager.replay('u')).rejects.toThrow(errorWith('ERR_WAL_REPLAY'))
    open()
    expect((await replay).status).toBe('committed')
    expect((await manager.replay('u')).status).toBe('committed')
  })

  test('also when the first began before the user had anything', async () => {
    const { manager, add, open, started } = gated()
    const empty = manager.replay('u')
    add(1, 2, 3)
    await expect(manager.replay('u')).rejects.toThrow(errorWith('ERR_WAL_REPLAY'))
    open()
    await empty
    await manager.replay('u')
    await started
    expect(await manager.state('u')).toEqual({ seen: [1, 2, 3] })
  })

  test('other users are replayed beside it', async () => {
    const { manager, buffer, add, open, started } = gated()
    add(1, 2, 3)
    buffer.add('other', { timestamp: 9 })
    const replays = [manager.replay('u'), manager.replay('other')]
    await started
    open()
    expect((await Promise.all(replays)).map((result) => result.state)).toEqual([{ seen: [1, 2, 3] }, { seen: [9] }])
  })

  test('its buffers cannot be cleared', async () => {
    const { manager, buffer, add, open, started } = gated()
    add(1, 2, 3)
    const replay = manager.replay('u')
    await started
    expect(() => buffer.clear('u')).toThrow(errorWith('ERR_WAL_REPLAY'))
    open()
    await replay
    expect(buffer.clear('u')).toBe(0)
  })

  test('its signal rolls it back, and the attempt does not count', async () => {
    const abort = new AbortController()
    const seen: unknown[] = []
    const { log, manager, buffer, add } = bench({
      processMeasurement: (_, { timestamp }, { signal }) => {
        seen.push(timestamp, signal === abort.signal)
        abort.abort(new Error('enough'))
      }
    })
    add(1, 2, 3)
    await expect(manager.replay('u', { signal: abort.signal })).rejects.toMatchObject({ code: 'ERR_WAL_ABORTED', cause: { message: 'enough' } })
    expect(seen).toEqual([1, true])
    expect(operationsOf(log).slice(-2)).toEqual(['CHECKPOINT', 'ROLLBACK'])
    expect(buffer.info('u')).toMatchObject({ attempts: 0, parked: false, size: 3 })
    const length = log.stored.length
    await expect(manager.replay('u', { signal: abort.signal })).rejects.toThrow(errorWith('ERR_WAL_ABORTED'))
    expect(log.stored).toHaveLength(length)
    expect((await manager.replay('u')).status).toBe('committed')
  })
})

test('replayReady replays all that is ready, one behind the other', async () => {
  const { manager, buffer, add } = bench()
  add(1, 2, 3)
  for (const timestamp of [4, 5, 6]) buffer.add('v', { timestamp })
  buffer.add('w', { timestamp: 7 })
  expect((await manager.replayReady()).map((result) => [result.userId, result.measurements])).toEqual([['u', 3], ['v', 3]])
})

describe('stable storage', () => {
  test('a replay resolves when its COMMIT or ROLLBACK is durable', async () => {
    const { log, manager, buffer, add } = bench()
    add(1, 2, 3)
    const { lsn } = await manager.replay('u')
    expect(log.calls).toEqual([`durable ${lsn}`])
    buffer.add('u', { timestamp: 4, fails: true })
    const failed = await manager.replay('u')
    expect(log.calls.at(-1)).toBe(`durable ${failed.lsn}`)
  })

  test('waitDurable: false does not wait', async () => {
    const { log, manager, add } = bench({ waitDurable: false })
    add(1, 2, 3)
    await manager.replay('u')
    expect(log.calls).toEqual([])
  })

  test('but a store of the service’s own is never given what the log may still lose', async () => {
    const order: string[] = []
    const store: StateStore<State> = { get: () => undefined, set: (_, { seen }) => void order.push(`set ${seen.length}`) }
    const { log, manager, add } = bench({ waitDurable: false, stateStore: store })
    log.durable = async (lsn) => Promise.resolve(void order.push(`durable ${lsn}`))
    add(1, 2, 3)
    await manager.replay('u')
    expect(order).toEqual(['durable 7', 'set 3'])
  })
})

describe('a store', () => {
  test('that knows a user gives the state to begin with', async () => {
    const store = new MemoryStateStore<State>()
    store.set('u', { seen: [0] })
    const { manager, add } = bench({ stateStore: store })
    add(1)
    expect((await manager.replay('u')).state).toEqual({ seen: [0, 1] })
    expect(store.get('u')).toEqual({ seen: [0, 1] })
  })

  test('that fails loses no state: it is given again before the next replay, which begins with it', async () => {
    const store = new MemoryStateStore<State>()
    const set = vi.spyOn(store, 'set').mockImplementationOnce(() => { throw new Error('database down') })
    const { log, manager, add } = bench({ stateStore: store })
    add(1, 2, 3)
    await expect(manager.replay('u')).rejects.toThrow('database down')
    expect(operationsOf(log).at(-1)).toBe('COMMIT')
    expect(await manager.state('u')).toEqual({ seen: [1, 2, 3] })
    add(4)
    expect((await manager.replay('u')).state).toEqual({ seen: [1, 2, 3, 4] })
    expect(set.mock.calls.map(([, state]) => state.seen.length)).toEqual([3, 3, 4])
  })

  test('is told the states of the log when the service starts', async () => {
    const { log, manager, add } = bench()
    add(1, 2, 3)
    await manager.replay('u')
    const store = new MemoryStateStore<State>()
    const again = bench({ stateStore: store }, log)
    await again.manager.recoverFromWal(await recover(log))
    expect(store.get('u')).toEqual({ seen: [1, 2, 3] })
    expect(again.manager.replayedMeasurements('u')).toBe(3)
  })

  test('without a list lists none', () => {
    expect(bench({ stateStore: { get: () => undefined, set: () => undefined } }).manager.states()).toEqual(new Map())
  })
})

describe('a log that is full or fails', () => {
  test('a full ring is waited for at every step', async () => {
    for (let room = 0; room < 4; room++) {
      const { log, manager, add } = bench()
      add(1, 2)
      log.limitRoom(room, 1)
      expect((await manager.replay('u')).state).toEqual({ seen: [1, 2] })
      expect(operationsOf(log)).toEqual(['START_BUFFER', 'ADD_MEASUREMENT', 'ADD_MEASUREMENT', 'END_BUFFER', 'CHECKPOINT', 'COMMIT'])
    }
  })

  test('a log that fails before the COMMIT leaves state and buffer as they were', async () => {
    const { log, manager, buffer, add } = bench({
      processMeasurement: (state, { timestamp }) => {
        log.fail(new WalError('ERR_WAL_FAILED', 'the disk is gone'))
        state.seen.push(timestamp as number)
      }
    })
    add(1, 2, 3)
    await expect(manager.replay('u')).rejects.toThrow(errorWith('ERR_WAL_FAILED'))
    expect(await manager.state('u')).toEqual({ seen: [] })
    expect(buffer.info('u')).toMatchObject({ size: 3, attempts: 0, ready: true })
    log.fail(undefined)
    const { users } = await recover(log)
    expect(users.get('u')).toMatchObject({ state: { seen: [] }, replayed: 0 })
    expect(users.get('u')?.buffers[0]?.measurements).toHaveLength(3)
  })

  test('a log that fails between COMMIT and stable storage: what was committed stays committed', async () => {
    const { log, manager, buffer, add } = bench()
    log.durable = async () => Promise.reject(new WalError('ERR_WAL_FAILED', 'the disk is gone'))
    add(1, 2, 3)
    await expect(manager.replay('u')).rejects.toThrow(errorWith('ERR_WAL_FAILED'))
    expect(await manager.state('u')).toEqual({ seen: [1, 2, 3] })
    expect(buffer.measurements('u')).toEqual([])
  })
})

test('events tell each step with its LSN', async () => {
  const { manager, buffer, add } = bench()
  const told: unknown[] = []
  manager.on('checkpoint', (event) => told.push(['checkpoint', event]))
  manager.on('commit', (event) => told.push(['commit', event]))
  manager.on('rollback', ({ error, ...event }) => told.push(['rollback', event, (error as Error).message]))
  add(1, 2, 3)
  await manager.replay('u')
  buffer.add('u', { timestamp: 4, fails: true })
  await manager.replay('u')
  expect(told).toEqual([
    ['checkpoint', { userId: 'u', lsn: 6, buffer: 1 }],
    ['commit', { userId: 'u', lsn: 7, buffer: 1, measurements: 3 }],
    ['checkpoint', { userId: 'u', lsn: 11, buffer: 2 }],
    ['rollback', { userId: 'u', lsn: 12, buffer: 2, attempts: 1, parked: false }, 'it fails']
  ])
})

test('without a log the same happens in memory', async () => {
  const buffer = new ReplayBuffer({ maxBufferMeasurements: 3 })
  const manager = new ReplayManager<State>({ buffer, processMeasurement: note, initialState: { seen: [] } })
  for (const timestamp of [2, 1, 3]) buffer.add('u', { timestamp })
  expect(await manager.replay('u')).toMatchObject({ status: 'committed', lsn: 0, state: { seen: [1, 2, 3] } })
})

test('a codec of the service’s own is used for measurements and states', async () => {
  const json: Codec = {
    encode: (value) => Buffer.from(JSON.stringify(value)),
    decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()) as unknown
  }
  const log = new MemoryLog()
  const buffer = new ReplayBuffer({ maxBufferMeasurements: 3, wal: log, codec: json })
  const manager = new ReplayManager<State>({ buffer, processMeasurement: note, initialState: { seen: [] } })
  for (const timestamp of [1, 2, 3, 4]) buffer.add('u', { timestamp })
  await manager.replay('u')
  const user = (await recover(log, { codec: json })).users.get('u')
  expect(user?.state).toEqual({ seen: [1, 2, 3] })
  expect(user?.buffers[0]?.measurements.toArray()).toEqual([{ timestamp: 4 }] satisfies Measurement[])
})

test.each<[Partial<ReplayManagerOptions<State>>, string]>([
  [{ processMeasurement: undefined } as unknown as Partial<ReplayManagerOptions<State>>, 'processMeasurement is undefined; allowed: a function'],
  [{ maxAttempts: 0 }, 'maxAttempts is 0; allowed: a whole number from 1'],
  [{ maxAttempts: 1.5 }, 'maxAttempts is 1.5; allowed: a whole number from 1']
])('%j is refused', (options, message) => {
  expect(() => bench(options)).toThrow(expect.objectContaining({ code: 'ERR_WAL_INVALID_ARGUMENT', message }) as Error)
})
