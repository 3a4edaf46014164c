/** Proves that a report says what is there, of logs of each kind, and that it says what it leaves out. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { kalmanFilter, openReplayService, Operation, readLogChunks, Wal } from '../../lib/index.js'
import { collectReport } from '../../lib/report/index.js'
import { compressSegment } from '../../lib/maintenance/compression.js'
import { segmentName } from '../../lib/maintenance/files.js'
import { MOST_USERS } from '../../lib/report/collect.js'
import { History } from '../../lib/report/history.js'
import { cutFileTo, cutOff, flipBit } from '../support/damage.js'
import { closedLog, Recorder, segmentFiles, unclosedLog } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'
import { feed, UNREADABLE, withFilter } from './support.js'

const newDirectory = temporaryDirectories()
const SMALL = { segmentBytes: 65_536 }

describe('a log of each kind', () => {
  it('closed: clean, every entry counted once, the own entries of a service apart', async () => {
    const directory = newDirectory()
    const appended = await closedLog(directory, (recorder) => recorder.measurements(1000, 100), SMALL)
    const { verdict, activity, recovery, users, syncs } = await collectReport(directory)
    expect([verdict, syncs]).toEqual(['clean', null])
    expect(activity).toMatchObject({ entries: 1000, users: 5, stepsBack: 0, operations: { ADD_MEASUREMENT: 1000, COMMIT: 0 } })
    expect(activity.payloadBytes).toBe(appended.reduce((sum, { payload }) => sum + payload.length, 0))
    expect(activity.buckets.reduce((sum, { operations }) => sum + (operations[Operation.ADD_MEASUREMENT] ?? 0), 0)).toBe(1000)
    expect(recovery).toMatchObject({ failure: undefined, otherEntries: 1000, users: 0, waiting: [] })
    expect(users).toEqual([])
  })

  it('empty', async () => {
    const directory = newDirectory()
    await closedLog(directory, () => undefined)
    expect(await collectReport(directory)).toMatchObject({ verdict: 'clean', activity: { entries: 0, firstMs: null, buckets: [] }, users: [] })
  })

  it('live: with what is staged', async () => {
    const wal = await Wal.open({ directory: newDirectory(), batchIntervalMs: 3_600_000, maintenance: false })
    const recorder = new Recorder(wal)
    await recorder.measurements(10)
    recorder.append(Operation.COMMIT, 'staged', 'x')
    const { verdict, scan, activity, recovery, syncs } = await collectReport(wal.directory)
    expect([verdict, scan.live, activity.entries, recovery.lastLsn]).toEqual(['clean', true, 11, 11])
    expect(syncs?.durations.count).toBe(wal.stats().syncs)
    expect(syncs?.durations.count).toBeGreaterThan(0)
    await wal.close()
  })

  it('torn', async () => {
    const directory = newDirectory()
    await unclosedLog(directory, newDirectory(), (recorder) => recorder.measurements(100), SMALL)
    cutFileTo(join(directory, segmentFiles(directory)[0] as string), 12_111)
    const { verdict, scan, activity } = await collectReport(directory)
    expect(verdict).toBe('torn tail')
    expect(activity.entries).toBeLessThan(100)
    expect(activity.entries).toBe(scan.lastLsn)
  })

  it('damaged: whose buffer misses what', async () => {
    const directory = newDirectory()
    await withFilter(directory, async (service) => {
      await feed(service, 'ann', 3)
      await service.wal.durable()
      await feed(service, 'bob', 3)
    })
    flipBit(join(directory, segmentFiles(directory)[0] as string), 8192 + 48 + 60 + 100)
    const { verdict, scan, recovery, users } = await collectReport(directory)
    expect([verdict, scan.damage.length]).toEqual(['damaged', 1])
    expect(recovery.tainted.map(({ userId }) => userId)).toEqual(['ann'])
    expect(users.map(({ userId, taints }) => [userId, taints.length])).toEqual([['ann', 1], ['bob', 0]])
  })

  it('with a segment missing', async () => {
    const directory = newDirectory()
    await closedLog(directory, (recorder) => recorder.measurements(3000, 100), SMALL)
    rmSync(join(directory, segmentName(2)))
    const { verdict, activity, scan } = await collectReport(directory)
    expect([verdict, scan.damage.map(({ kind }) => kind)]).toEqual(['damaged', ['missing_segment']])
    expect(activity.entries).toBeLessThan(3000)
  })

  it('with a checkpoint, and compressed: the same users and the same past', async () => {
    const directory = newDirectory()
    await withFilter(directory, async (service) => {
      await feed(service, 'ann', 993)
      await service.wal.checkpoint()
      await feed(service, 'bob', 7)
    })
    const before = await collectReport(directory)
    expect(before.scan.checkpoints).toMatchObject([{ state: 'base' }])
    expect(before.users.map(({ userId, points }) => [userId, points.length])).toEqual([['ann', 200], ['bob', 7]])
    await compressSegment({ directory, segment: 1, retire: () => rmSync(join(directory, segmentName(1))) })
    const after = await collectReport(directory)
    expect(after.scan.segments[0]?.state).toBe('compressed')
    expect({ ...after.activity, users: after.users }).toEqual({ ...before.activity, users: before.users })
  })

  it('of one segment file', async () => {
    const directory = newDirectory()
    await closedLog(directory, (recorder) => recorder.measurements(100))
    expect(await collectReport(join(directory, segmentName(1)))).toMatchObject({ verdict: 'clean', syncs: null, activity: { entries: 100 } })
  })

  it('of a version that recovery does not know: it says so, and shows the rest', async () => {
    const directory = newDirectory()
    await closedLog(directory, (recorder) => void recorder.append(Operation.COMMIT, 'ann', Buffer.from([0xa9, 1, 2, 3]), 1))
    const { recovery, activity } = await collectReport(directory)
    expect(recovery.failure).toMatch(/^ERR_WAL_CODEC: .*0xa9/)
    expect(activity.entries).toBe(1)
  })
})

it('ends where recovery ended: what a live writer has added since fits nothing of what it found', async () => {
  const directory = newDirectory()
  await closedLog(directory, (recorder) => recorder.measurements(100))
  const history = new History([])
  for await (const chunk of readLogChunks(directory)) expect(history.take(chunk, 60)).toBe(false)
  expect(history.activity().entries).toBe(60)
})

describe('users', () => {
  it('have what a replay now would make of what waits, from the state in the log', async () => {
    const directory = newDirectory()
    await withFilter(directory, (service) => feed(service, 'ann', 8))
    const [ann] = (await collectReport(directory)).users
    const states = [...Array(8).keys()].map((index) => ({ timestamp: 60_000 * index, value: 60 + (index % 7) }))
    let state = kalmanFilter.initialState
    const expected = states.map((measurement, index) => {
      state = kalmanFilter.processMeasurement(state, measurement)
      return [state.estimate, index >= 5]
    })
    expect(ann?.points.map(({ estimate, waiting }) => [estimate, waiting])).toEqual(expected)
    expect(ann).toMatchObject({ stateKind: 'kalman', replayed: 5, agreeing: 1, differing: 0 })
    expect(ann?.marks.map(({ kind }) => kind)).toEqual(['checkpoint', 'commit'])
  })

  it('without a state begin as the filter does, but not in a log of another processor', async () => {
    const directory = newDirectory()
    await withFilter(directory, (service) => feed(service, 'ann', 2))
    expect((await collectReport(directory)).users).toMatchObject([{ stateKind: 'none', points: [{ estimate: 60 }, { waiting: true }] }])
    const other = await openReplayService<number>({
      overrides: { wal: { directory, maintenance: false } },
      initialState: 0,
      processMeasurement: (state) => state + 1
    })
    other.buffer.add('bob', { timestamp: 1, value: 1 })
    await other.manager.replay('bob')
    await other.close()
    const { users } = await collectReport(directory, { users: ['ann', 'bob'] })
    expect(users.map(({ stateKind, points }) => [stateKind, points.map(({ estimate }) => estimate)])).toEqual([['none', [NaN, NaN]], ['other', [NaN]]])
  })

  it('come in the order of their urgency: parked, a replay without an outcome, ready, open', async () => {
    const directory = newDirectory()
    await withFilter(directory, async (service) => {
      await feed(service, 'open', 4)
      for (let index = 0; index < 5; index++) service.buffer.add('ready', { timestamp: index, value: 1 })
      await feed(service, 'parked', 5, 0, () => UNREADABLE)
      await service.manager.replay('parked')
    })
    const { users, recovery } = await collectReport(directory)
    expect(users.map(({ userId }) => userId)).toEqual(['parked', 'ready', 'open'])
    expect(users[0]?.marks.map(({ kind, error }) => [kind, error])).toEqual([
      ['checkpoint', ''],
      ['rollback', 'out of range'],
      ['checkpoint', ''],
      ['parked', 'out of range']
    ])
    expect(recovery.buffers).toEqual({ open: 1, ready: 1, replaying: 0, parked: 1 })
  })

  it('are bounded, and those left out are counted', async () => {
    const directory = newDirectory()
    await withFilter(directory, async (service) => {
      for (let user = 0; user < MOST_USERS + 7; user++) await feed(service, `user-${user}`, user < MOST_USERS ? 4 : 2)
    })
    const { users, usersLeftOut } = await collectReport(directory)
    expect(users).toHaveLength(MOST_USERS)
    expect(usersLeftOut).toEqual({ users: 7, measurements: 14, unknown: [] })
  })

  it('are those asked for, with a buffer or without; who is not in the log is named', async () => {
    const directory = newDirectory()
    await withFilter(directory, async (service) => {
      await feed(service, 'done', 5)
      await feed(service, 'open', 1)
    })
    const { users, usersLeftOut } = await collectReport(directory, { users: ['done', 'nobody', 'done'] })
    expect(users.map(({ userId, points }) => [userId, points.length])).toEqual([['done', 5]])
    expect(usersLeftOut).toEqual({ users: 1, measurements: 1, unknown: ['nobody'] })
    const tooMany = Array.from({ length: MOST_USERS + 1 }, (_, index) => `user-${index}`)
    await expect(collectReport(directory, { users: tooMany })).rejects.toMatchObject({ code: 'ERR_WAL_INVALID_ARGUMENT' })
  })
})

it('stops when it is told to', async () => {
  const directory = newDirectory()
  await closedLog(directory, (recorder) => recorder.measurements(10))
  await expect(collectReport(directory, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ERR_WAL_ABORTED' })
  await expect(collectReport(join(directory, 'nothing'))).rejects.toMatchObject({ code: 'ERR_WAL_NOT_FOUND' })
})

it('says where a log is cut short', async () => {
  const directory = newDirectory()
  await closedLog(directory, (recorder) => recorder.measurements(3000, 100), SMALL)
  cutOff(join(directory, segmentName(1)), 30_000)
  expect((await collectReport(directory)).scan.damage[0]?.kind).toBe('cut_short')
})
