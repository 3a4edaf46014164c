/**
 * Proves what becomes of a user when one entry of each operation is damaged in a real log (docs/recovery.md, "Whose entries are
 * lost"): for each operation, with nothing behind it and with what may come behind it, and for each way to treat damage. `skip`: the
 * documented outcome, other users whole. `stop`: the log as it was before that entry. `fail`: refused, and nothing changed. And that
 * the service goes on from there to states in which no measurement is applied twice and no replay half.
 */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { Operation, openReplayService, readLog, recover, type Entry, type OperationName, type RecoveredUser, type RecoveryReport, type ReplayService } from '../../lib/index.js'
import { byteAt, overwrite } from '../support/damage.js'
import { fingerprint } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'
import { MemoryLog } from '../recovery/memory-log.js'

const newDirectory = temporaryDirectories()
const SEGMENT = '0000000000000001.wal'
const FULL = 3
const USER = 'user'
const OTHER = 'other'

interface State {
  rows: number[]
}

/** What the processor does with the next replays. */
type Deed = 'commit' | 'fail' | 'hang'

/** Called when a processor is at work: its CHECKPOINT is logged. */
let hung = (): void => undefined

type OnCorruption = 'skip' | 'stop' | 'fail'

function open(directory: string, deeds: Deed[], onCorruption: OnCorruption = 'skip'): Promise<ReplayService<State>> {
  return openReplayService<State>({
    config: {
      wal: { directory, onCorruption, maintenance: false, segmentBytes: 65_536, queueBytes: 65_536 },
      replay: { maxBufferMeasurements: FULL, triggerMode: 'measurement_count', maxAttempts: 9 }
    },
    initialState: () => ({ rows: [] }),
    processMeasurement: (state, { value }) => {
      // A measurement is applied before the replay fails or dies: what a half applied replay would show.
      state.rows.push(value as number)
      hung()
      if (deeds[0] === 'hang') return new Promise(() => undefined)
      if (deeds[0] === 'fail') throw new Error('as it was told')
      return undefined
    }
  })
}

/** A stage: what the user has done when the log ends. */
type Stage = 'open' | 'ended' | 'checkpointed' | 'committed' | 'rolled back' | 'committed, next open' | 'committed, next checkpointed' | 'rolled back, checkpointed'

const STAGES: Record<Stage, (service: ReplayService<State>, deeds: Deed[]) => Promise<void>> = {
  open: async (service) => add(service, 1, 2),
  ended: async (service) => add(service, 1, 2, 3),
  checkpointed: async (service, deeds) => (await add(service, 1, 2, 3), replay(service, deeds, 'hang')),
  committed: async (service, deeds) => (await add(service, 1, 2, 3), replay(service, deeds, 'commit')),
  'rolled back': async (service, deeds) => (await add(service, 1, 2, 3), replay(service, deeds, 'fail')),
  'committed, next open': async (service, deeds) => (await STAGES.committed(service, deeds), add(service, 4, 5)),
  'committed, next checkpointed': async (service, deeds) => (await STAGES.committed(service, deeds), await add(service, 4, 5, 6), replay(service, deeds, 'hang')),
  'rolled back, checkpointed': async (service, deeds) => (await STAGES['rolled back'](service, deeds), replay(service, deeds, 'hang'))
}

function add(service: ReplayService<State>, ...values: number[]): Promise<void> {
  for (const value of values) service.buffer.add(USER, { timestamp: value, value })
  return service.wal.durable()
}

async function replay(service: ReplayService<State>, deeds: Deed[], deed: Deed): Promise<void> {
  deeds[0] = deed
  const started = new Promise<void>((resolve) => (hung = resolve))
  const done = service.manager.replay(USER)
  done.catch(() => undefined)
  await (deed === 'hang' ? started : done)
  await service.wal.durable()
}

interface StagedLog {
  directory: string
  entries: Entry[]
  truth: RecoveryReport
}

const logs = {} as Record<Stage, StagedLog>

async function make(stage: Stage): Promise<StagedLog> {
  const directory = newDirectory()
  const deeds: Deed[] = []
  const service = await open(directory, deeds)
  service.buffer.add(OTHER, { timestamp: 1, value: 101 })
  await STAGES[stage](service, deeds)
  // Behind the damage, so that its running numbers prove that nothing of it is lost.
  service.buffer.add(OTHER, { timestamp: 2, value: 102 })
  await service.wal.close()
  const entries: Entry[] = []
  for await (const entry of readLog(directory)) entries.push(entry)
  return { directory, entries, truth: await recover({ entries: (options) => readLog(directory, options) }) }
}

beforeAll(async () => {
  for (const stage of Object.keys(STAGES) as Stage[]) logs[stage] = await make(stage)
})

/** What a user has. */
function substanceOf(user: RecoveredUser | undefined): Substance {
  return {
    state: user?.hasState === true ? (user.state as State).rows : undefined,
    buffers: (user?.buffers ?? []).map(({ number, ended, attempts, measurements }) => ({
      number,
      rows: [...measurements].map(({ value }) => value as number),
      ended: ended !== undefined,
      attempts
    }))
  }
}

interface Substance {
  state: number[] | undefined
  buffers: Array<{ number: number; rows: number[]; ended: boolean; attempts: number }>
}

function entryOf(stage: Stage, operation: OperationName, nth: number): Entry {
  const found = logs[stage].entries.filter((entry) => entry.userId === USER && entry.operation === Operation[operation])[nth]
  if (found === undefined) throw new Error(`${stage}: no ${operation}`)
  return found
}

/** Each way to damage one entry: `payload` leaves its header, which says whose it was. */
const DAMAGE = {
  payload: (directory: string, { offset }: Entry, end: number) => flip(directory, end - 8 > offset + 32 ? offset + 32 : offset + 9),
  all: (directory: string, { offset }: Entry, end: number) => overwrite(join(directory, SEGMENT), offset, new Uint8Array(end - offset).fill(0xa5))
}

function flip(directory: string, offset: number): void {
  overwrite(join(directory, SEGMENT), offset, Uint8Array.of(byteAt(join(directory, SEGMENT), offset) ^ 0x10))
}

function damaged(stage: Stage, entry: Entry, how: keyof typeof DAMAGE): string {
  const directory = newDirectory()
  cpSync(logs[stage].directory, directory, { recursive: true })
  DAMAGE[how](directory, entry, endOf(entry))
  return directory
}

/** Its length in its form (docs/format.md): short ones take 32 bytes before the payload, full ones 49 with the user's id and a footer. */
function endOf({ offset, payload }: Entry): number {
  return offset + Math.ceil((32 + payload.byteLength) / 8) * 8
}

interface Case {
  stage: Stage
  operation: OperationName
  nth?: number
  /** Recovery's verdict over the user, '' for none. */
  tainted: '' | 'measurements' | 'outcome' | 'unproven'
  expected: Substance
}

const buffer = (number: number, rows: number[], ended: boolean, attempts = 0): Substance['buffers'][number] => ({ number, rows, ended, attempts })

const CASES: Case[] = [
  { stage: 'open', operation: 'START_BUFFER', tainted: '', expected: { state: undefined, buffers: [buffer(1, [1, 2], false)] } },
  { stage: 'committed', operation: 'START_BUFFER', tainted: '', expected: { state: [1, 2, 3], buffers: [] } },
  { stage: 'open', operation: 'ADD_MEASUREMENT', tainted: 'measurements', expected: { state: undefined, buffers: [buffer(1, [2], false)] } },
  { stage: 'ended', operation: 'ADD_MEASUREMENT', nth: 1, tainted: 'measurements', expected: { state: undefined, buffers: [buffer(1, [1, 3], true)] } },
  { stage: 'committed', operation: 'ADD_MEASUREMENT', nth: 1, tainted: '', expected: { state: [1, 2, 3], buffers: [] } },
  { stage: 'ended', operation: 'END_BUFFER', tainted: 'unproven', expected: { state: undefined, buffers: [buffer(1, [1, 2, 3], false)] } },
  { stage: 'checkpointed', operation: 'END_BUFFER', tainted: '', expected: { state: [], buffers: [buffer(1, [1, 2, 3], true)] } },
  { stage: 'checkpointed', operation: 'CHECKPOINT', tainted: 'unproven', expected: { state: undefined, buffers: [buffer(1, [1, 2, 3], true)] } },
  { stage: 'committed', operation: 'CHECKPOINT', tainted: '', expected: { state: [1, 2, 3], buffers: [] } },
  { stage: 'committed', operation: 'COMMIT', tainted: 'outcome', expected: { state: [], buffers: [buffer(1, [1, 2, 3], true)] } },
  { stage: 'committed, next open', operation: 'COMMIT', tainted: 'outcome', expected: { state: [], buffers: [buffer(1, [1, 2, 3], true), buffer(2, [4, 5], false)] } },
  { stage: 'committed, next checkpointed', operation: 'COMMIT', tainted: '', expected: { state: [1, 2, 3], buffers: [buffer(2, [4, 5, 6], true)] } },
  { stage: 'rolled back', operation: 'ROLLBACK', tainted: 'outcome', expected: { state: [], buffers: [buffer(1, [1, 2, 3], true)] } },
  { stage: 'rolled back, checkpointed', operation: 'ROLLBACK', tainted: '', expected: { state: [], buffers: [buffer(1, [1, 2, 3], true, 1)] } }
]

const named = CASES.map((each) => [`${each.operation}${each.nth === undefined ? '' : ` ${each.nth + 1}`} of a log that ends ${each.stage}`, each] as const)

async function goOn(service: ReplayService<State>): Promise<void> {
  for (const userId of [USER, OTHER]) await service.manager.replay(userId)
  await service.wal.close()
}

/** No measurement twice, none that was never added, all of a buffer or nothing. */
function expectWholeReplays(rows: readonly number[], present: readonly number[]): void {
  expect(rows).toEqual([...rows].sort((a, b) => a - b))
  expect(new Set(rows).size).toBe(rows.length)
  for (const row of rows) expect(present).toContain(row)
}

describe.each(Object.keys(DAMAGE) as Array<keyof typeof DAMAGE>)('damaged %s', (how) => {
  describe.each(named)('%s', (_, { stage, operation, nth = 0, tainted, expected }) => {
    it('skip: the documented outcome; everybody else is whole; it goes on', async () => {
      const lost = entryOf(stage, operation, nth)
      const directory = damaged(stage, lost, how)
      const deeds: Deed[] = ['commit']
      const service = await open(directory, deeds)
      const { recovery } = service
      expect(service.wal.recovery.damage.map(({ firstLsn, lastLsn }) => [firstLsn, lastLsn])).toEqual([[lost.lsn, lost.lsn]])
      expect(service.wal.recovery.damage[0]?.users).toEqual(how === 'payload' ? [USER] : [])
      expect(substanceOf(recovery.users.get(USER))).toEqual(expected)
      expect(recovery.tainted.map(({ userId, reason }) => [userId, reason])).toEqual(tainted === '' ? [] : [[USER, tainted]])
      expect(substanceOf(recovery.users.get(OTHER))).toEqual(substanceOf(logs[stage].truth.users.get(OTHER)))
      await goOn(service)
      const after = await open(directory, deeds)
      const rows = (after.recovery.users.get(USER)?.state as State).rows
      expectWholeReplays(rows, [1, 2, 3, 4, 5, 6])
      expect(rows.length).toBeGreaterThanOrEqual((expected.state ?? []).length + expected.buffers.slice(0, 1).flatMap((each) => each.rows).length)
      await after.wal.close()
    })

    it('stop: the log as it was before that entry, for everybody; it goes on', async () => {
      const lost = entryOf(stage, operation, nth)
      const directory = damaged(stage, lost, how)
      const before = new MemoryLog()
      for (const { operation: each, userId, payload, sequence } of logs[stage].entries.slice(0, lost.lsn - 1)) before.append(each, userId, payload, sequence)
      const truth = await recover(before)
      const deeds: Deed[] = ['commit']
      const service = await open(directory, deeds, 'stop')
      expect(service.recovery.lastLsn).toBe(lost.lsn - 1)
      expect(service.recovery.tainted).toEqual([])
      for (const userId of [USER, OTHER]) expect(substanceOf(service.recovery.users.get(userId))).toEqual(substanceOf(truth.users.get(userId)))
      expect(service.wal.lastLsn).toBe(logs[stage].entries.length)
      service.buffer.add(USER, { timestamp: 9, value: 9 })
      await goOn(service)
      const after = await open(directory, deeds)
      const rows = (after.recovery.users.get(USER)?.state as State).rows
      expectWholeReplays(rows, [1, 2, 3, 4, 5, 6, 9])
      await after.wal.close()
    })

    it('fail: refused, and nothing changed', async () => {
      const lost = entryOf(stage, operation, nth)
      const directory = damaged(stage, lost, how)
      const before = fingerprint(directory)
      await expect(open(directory, [], 'fail')).rejects.toMatchObject({ code: 'ERR_WAL_CORRUPT', message: expect.stringContaining(`${SEGMENT} at offset ${lost.offset}`) as string })
      expect(fingerprint(directory)).toEqual(before)
    })
  })
})
