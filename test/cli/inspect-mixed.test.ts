/**
 * Proves that `inspect` shows the same entries wherever they are: in plain, compressed and checkpoint files, each on its own, in a
 * directory that mixes them, and in the ring of a live writer on top; every filter on each; `--incomplete` on a log with a base.
 */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { inspect, type InspectOptions } from '../../lib/cli/inspect.js'
import { Operation, openReplayService, scanLog, Wal } from '../../lib/index.js'
import { RecordedOutput } from '../support/recorded-output.js'
import { mixedLog, Recorder, type Appended, type MixedLog } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const newDirectory = temporaryDirectories()

interface Shown {
  lsn: number
  timestamp: number
  operation: string
  user: string
  segment: number
  payload: string
}

async function shownOf(path: string, options: Partial<InspectOptions> = {}): Promise<Shown[]> {
  const output = new RecordedOutput()
  const code = await inspect(path, { format: 'jsonl', ...options }, { output, signal: new AbortController().signal })
  expect([code, ...output.notes]).toEqual([0])
  return output.lines().map((line) => JSON.parse(line) as Shown)
}

function contentOfShown({ lsn, operation, user, payload }: Shown): unknown[] {
  return [lsn, operation, user, payload]
}

function contentOfAppended({ lsn, operation, userId, payload }: Appended): unknown[] {
  const name = operation === Operation.COMMIT ? 'COMMIT' : 'ADD_MEASUREMENT'
  return [lsn, name, userId, Buffer.from(payload).toString()]
}

/** Where entries may be, and which of them are there. */
interface Place {
  name: string
  path: () => string
  held: () => Appended[]
}

let directory: string
let live: string
let log: MixedLog
let liveHeld: Appended[]
let ranges: Map<string, { firstLsn: number; lastLsn: number }>

beforeAll(async () => {
  directory = newDirectory()
  log = await mixedLog(directory)
  const scan = await scanLog(directory)
  expect(scan.damage).toEqual([])
  ranges = new Map(scan.segments.map(({ file, firstLsn, lastLsn }) => [file, { firstLsn, lastLsn }]))
  live = newDirectory()
  cpSync(directory, live, { recursive: true })
  const wal = await Wal.open({ directory: live, maintenance: false, batchIntervalMs: 3_600_000 })
  const recorder = new Recorder(wal)
  recorder.append(Operation.ADD_MEASUREMENT, 'user-1', 'only staged')
  recorder.append(Operation.COMMIT, 'user-1', 'only staged, too')
  liveHeld = [...log.held, ...recorder.appended]
  return () => wal.close()
})

function inSegment(file: string): Appended[] {
  const { firstLsn, lastLsn } = ranges.get(file) as { firstLsn: number; lastLsn: number }
  return log.held.filter(({ lsn }) => lsn >= firstLsn && lsn <= lastLsn)
}

const PLACES: Place[] = [
  { name: 'a directory that mixes them', path: () => directory, held: () => log.held },
  { name: 'a live log', path: () => live, held: () => liveHeld },
  { name: 'a plain segment', path: () => join(directory, log.plain.at(-1) as string), held: () => inSegment(log.plain.at(-1) as string) },
  { name: 'a compressed segment', path: () => join(directory, log.compressed.at(-1) as string), held: () => inSegment(log.compressed.at(-1) as string) },
  { name: 'a covered compressed segment', path: () => join(directory, log.compressed[0] as string), held: () => inSegment(log.compressed[0] as string) },
  { name: 'a checkpoint', path: () => join(directory, log.base), held: () => log.inBase }
]

describe.each(PLACES)('$name', ({ path, held }) => {
  it('shows every entry that is there, once and in order', async () => {
    const shown = await shownOf(path())
    expect(held().length).toBeGreaterThan(5)
    expect(shown.map(contentOfShown)).toEqual(held().map(contentOfAppended))
  })

  it.each([
    { name: '--user', options: () => ({ user: 'user-1' }), keeps: ({ userId }: Appended) => userId === 'user-1' },
    { name: '--op', options: () => ({ op: [Operation.COMMIT] }), keeps: ({ operation }: Appended) => operation === Operation.COMMIT }
  ])('$name', async ({ options, keeps }) => {
    expect((await shownOf(path(), options())).map(contentOfShown)).toEqual(held().filter(keeps).map(contentOfAppended))
  })

  it('--from-lsn and --to-lsn, at each end and in the middle', async () => {
    const lsns = held().map(({ lsn }) => lsn)
    const middle = lsns[Math.floor(lsns.length / 2)] as number
    const last = lsns.at(-1) as number
    for (const [fromLsn, toLsn] of [[middle, last], [1, middle], [middle, middle], [middle + 1, middle + 300], [last, last], [last + 1, last + 9]] as const) {
      const shown = (await shownOf(path(), { fromLsn, toLsn })).map(({ lsn }) => lsn)
      expect(shown).toEqual(lsns.filter((lsn) => lsn >= fromLsn && lsn <= toLsn))
    }
  })

  it('--since and --limit', async () => {
    const all = await shownOf(path())
    const since = (all[Math.floor(all.length / 2)] as Shown).timestamp
    expect(await shownOf(path(), { since })).toEqual(all.filter(({ timestamp }) => timestamp >= since))
    expect(await shownOf(path(), { limit: 3 })).toEqual(all.slice(0, 3))
  })
})

describe('where an entry is', () => {
  it('is said: minus the number of a checkpoint, 0 in the ring; and in words in the table', async () => {
    const [first] = (await shownOf(live)) as [Shown]
    expect(first.segment).toBe(-Number.parseInt(log.base, 10))
    expect((await shownOf(live)).at(-1)?.segment).toBe(0)
    const output = new RecordedOutput()
    await inspect(live, { format: 'table', limit: 1 }, { output, signal: new AbortController().signal })
    expect(output.lines()[1]).toContain(`ckpt ${Number.parseInt(log.base, 10)}:`)
  })
})

describe('--incomplete on a log with a base', () => {
  it('lists what waits in it and behind it, and nothing that is done', async () => {
    const path = newDirectory()
    const service = await openReplayService<number>({
      config: { wal: { directory: path, maintenance: false }, replay: { maxBufferMeasurements: 3, maxAttempts: 1, clock: 'event' } },
      initialState: 0,
      processMeasurement: (state, { value }) => {
        if (value === 'bad') throw new Error('cannot be processed')
        return state + 1
      }
    })
    const add = (user: string, count: number, value: unknown = 1): void => {
      for (let made = 0; made < count; made++) service.buffer.add(user, { timestamp: 1000 + made, value })
    }
    add('open-in-base', 2)
    add('full-in-base', 3)
    add('parked-in-base', 3, 'bad')
    add('done-in-base', 3)
    add('done-behind', 3)
    await service.manager.replay('parked-in-base')
    await service.manager.replay('done-in-base')
    await service.wal.compact({ drop: true })
    await service.manager.replay('done-behind')
    add('open-in-base', 1)
    add('open-behind', 1)
    await service.close()
    const expected = [
      ['full-in-base', 'ready', 3],
      ['open-behind', 'open', 1],
      ['open-in-base', 'ready', 3],
      ['parked-in-base', 'parked', 3]
    ]
    const output = new RecordedOutput()
    const code = await inspect(path, { format: 'jsonl', incomplete: true }, { output, signal: new AbortController().signal })
    const listed = output.lines().map((line) => JSON.parse(line) as { user: string; state: string; measurements: number })
    expect([code, ...output.notes]).toEqual([0])
    expect(listed.map(({ user, state, measurements }) => [user, state, measurements])).toEqual(expected)
  })
})
