/**
 * Proves that docs/format.md says what the code does with a log that has checkpoints: a reader made from that page alone
 * chooses the same base, and finds the same entries, for recovery and for history, the same numbers and the same damages, whatever
 * files are there, and whichever byte of a checkpoint is damaged.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { Operation, readLog, scanLog, Wal } from '../../lib/index.js'
import { native } from '../../lib/native.js'
import { temporaryDirectories } from '../support/temporary-directory.js'
import { readLogFiles, type Verdict } from './format-log-reader.js'
import { constant } from './format-reader.js'

type Files = Map<string, Buffer>
type Outcome = Pick<Verdict, 'entries' | 'history' | 'provenLsn' | 'lastLsn'> & { damage: string[] }

const newDirectory = temporaryDirectories()
const [FIRST, SECOND] = ['0000000000000001.ckpt', '0000000000000002.ckpt'] as const
const NUMBER_OF_USERS = 4

const segment = (number: number): string => `${String(number).padStart(16, '0')}.wal`

/** Segments 1 to 4 of twelve entries each; a checkpoint of the first two, one of the first three, some entries left out. */
let whole: Files
/** Another log, of the same making. */
let foreign: Files
/** The same up to segment 2; then of another history. */
let fork: Files
let work: string

beforeAll(async () => {
  work = newDirectory()
  const [log, other, forked] = [newDirectory(), newDirectory(), newDirectory()]
  await live(log, 2)
  copy(filesOf(log), forked)
  await live(log, 2)
  await live(forked, 2, 'other ')
  await live(other, 4)
  for (const directory of [log, other, forked]) await writeCheckpoints(directory)
  ;[whole, foreign, fork] = [filesOf(log), filesOf(other), filesOf(forked)]
})

/** So many lives of a log: each makes a segment. */
async function live(directory: string, lives: number, text = ''): Promise<void> {
  for (let left = lives; left > 0; left--) {
    const wal = await Wal.open({ directory, batchIntervalMs: 3_600_000 })
    for (let appended = 0; appended < 12; appended++) {
      const lsn = wal.lastLsn + 1
      const user = lsn % NUMBER_OF_USERS
      wal.append(Operation.ADD_MEASUREMENT, user === 0 ? 'n'.repeat(300) : `user-${user}`, Buffer.from(`${text}payload ${lsn}`), lsn)
    }
    await wal.close()
  }
}

async function writeCheckpoints(directory: string): Promise<void> {
  const alsoLsns = Float64Array.of(3, 9, 14)
  for (const [throughSegment, keepFrom] of [[2, 15], [3, 25]] as const) {
    const users = ['user-1', 'user-3']
    await native().writeCheckpoint({ directory, throughSegment, users, keepFromLsn: Float64Array.of(keepFrom, keepFrom + 5), alsoLsns })
  }
}

function filesOf(directory: string): Files {
  const names = readdirSync(directory).filter((name) => /^log\.id$|\.wal$|\.ckpt$/.test(name))
  return new Map(names.sort().map((name) => [name, readFileSync(join(directory, name))]))
}

function copy(files: Files, directory: string): void {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory)
  for (const [name, bytes] of files) writeFileSync(join(directory, name), bytes)
}

function named(damage: { kind: string; firstLsn: number; lastLsn: number; file: string; users: string[] }): string {
  const { kind, firstLsn, lastLsn, file, users } = damage
  return [kind, file, lastLsn === 0 ? '' : `${firstLsn}-${lastLsn}`, ...users].join(' ')
}

function pageOutcome(files: Files): Outcome {
  const { entries, history, provenLsn, lastLsn, damage } = readLogFiles(files)
  return { entries, history, provenLsn, lastLsn, damage: damage.map(named) }
}

async function nativeOutcome(files: Files): Promise<Outcome> {
  copy(files, work)
  const { provenLsn, lastLsn, damage } = await scanLog(work)
  return { entries: await read(true), history: await read(false), provenLsn, lastLsn, damage: damage.map(named) }
}

async function read(live: boolean): Promise<Verdict['entries']> {
  const entries: Verdict['entries'] = []
  for await (const { segment: _, payload, ...entry } of readLog(work, { live })) {
    entries.push({ ...entry, payload: Buffer.from(payload).toString() })
  }
  return entries
}

async function agreed(files: Files): Promise<Outcome> {
  const expected = pageOutcome(files)
  expect(await nativeOutcome(files)).toEqual(expected)
  return expected
}

const lsnsOf = (entries: Verdict['entries']): number[] => entries.map(({ lsn }) => lsn)
const without = (...names: string[]): Files => new Map([...whole].filter(([name]) => !names.includes(name)))
const withFile = (files: Files, name: string, bytes: Buffer | undefined): Files => new Map(files).set(name, bytes as Buffer)

function damaged(files: Files, name: string, at: number): Files {
  const bytes = Buffer.from(files.get(name) as Buffer)
  bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << at % 8), at)
  return withFile(files, name, bytes)
}

/** Both readers agree on it, and recovery begins with this checkpoint, or with segment 1. */
const BASES: Array<[what: string, base: 0 | 1 | 2, files: () => Files]> = [
  ['the newest checkpoint, with everything there', 2, () => whole],
  ['it, without the segments that it covers', 2, () => without(segment(1), segment(2), segment(3))],
  ['it, without some of them', 2, () => without(segment(2))],
  ['it, without the checkpoint before', 2, () => without(FIRST)],
  ['it, without any segment', 2, () => without(segment(1), segment(2), segment(3), segment(4))],
  ['it, without log.id', 2, () => without('log.id')],
  ['it alone', 2, () => without('log.id', FIRST, segment(1), segment(2), segment(3), segment(4))],
  ['the one before, where the newest is gone', 1, () => without(SECOND, segment(1), segment(2))],
  ['the one before, where the newest is damaged', 1, () => damaged(without(segment(1), segment(2)), SECOND, 9000)],
  ['the one before, where the newest is cut', 1, () => withFile(whole, SECOND, (whole.get(SECOND) as Buffer).subarray(0, 9000))],
  ['the one before, where the newest ends inside its header', 1, () => withFile(whole, SECOND, (whole.get(SECOND) as Buffer).subarray(0, 5000))],
  ['the one before, where the newest is another log’s', 1, () => withFile(whole, SECOND, foreign.get(SECOND))],
  ['the one before, where the newest is a copy of it', 1, () => withFile(whole, SECOND, whole.get(FIRST))],
  ['the one before, where the newest is a segment', 1, () => withFile(whole, SECOND, whole.get(segment(2)))],
  ['segment 1, without checkpoints', 0, () => without(FIRST, SECOND)],
  ['segment 1, where none is whole', 0, () => damaged(damaged(whole, SECOND, 9000), FIRST, 9000)]
]

test.each(BASES)('recovery begins with %s', async (_, base, files) => {
  const { entries } = await agreed(files())
  const kept = base === 0 ? [] : readLogFiles(without(base === 1 ? SECOND : '')).entries.filter(({ lsn }) => lsn <= 24 + 12 * (base - 1))
  expect(lsnsOf(entries).slice(0, kept.length)).toEqual(lsnsOf(kept))
  expect(kept.length).toBeLessThan(12 * (base + 1))
})

describe('both readers agree', () => {
  test('on a segment that follows another history than the base', async () => {
    const { damage } = await agreed(withFile(whole, segment(4), fork.get(segment(4))))
    expect(damage).toEqual([`broken_chain ${segment(4)} 37-48`])
  })

  test('on a checkpoint under a segment’s name', async () => {
    const { damage } = await agreed(withFile(whole, segment(2), whole.get(FIRST)))
    expect(damage).toEqual([`misplaced_segment ${segment(2)} `])
  })

  test('on damage in covered segments, which costs recovery nothing', async () => {
    const expected = lsnsOf(readLogFiles(whole).entries)
    for (const at of [100, 9000]) {
      const { damage, entries } = await agreed(damaged(damaged(whole, segment(1), at), segment(3), at))
      expect(damage).toHaveLength(2)
      expect(lsnsOf(entries)).toEqual(expected)
    }
  })

  test('on a damaged base, where nothing else has what it has: its losses are told', async () => {
    const files = without(FIRST, segment(1), segment(2), segment(3))
    const end = (files.get(SECOND) as Buffer).length
    let losses = 0
    for (let at = constant('kSegmentDataAt'); at < end; at += 5) {
      const { damage, entries } = await agreed(damaged(files, SECOND, at))
      expect(damage.length, `byte ${at}`).toBeGreaterThan(0)
      expect(entries.length, `byte ${at}`).toBeGreaterThanOrEqual(readLogFiles(files).entries.length - 1)
      losses += damage.some((one) => one.includes(`checkpoint ${SECOND} `) && /\d+-\d+/.test(one)) ? 1 : 0
    }
    expect(losses).toBeGreaterThan(0)
  })

  test('on the base wherever it is cut', async () => {
    const files = without(FIRST, segment(1), segment(2), segment(3))
    const bytes = files.get(SECOND) as Buffer
    for (let size = 0; size < bytes.length; size += size < constant('kSegmentDataAt') ? 2048 : 11) {
      await agreed(withFile(files, SECOND, bytes.subarray(0, size)))
    }
  })

  test('on every field of a checkpoint’s header: one damaged copy costs nothing', async () => {
    const expected = lsnsOf(readLogFiles(whole).entries)
    for (const copy of [0, constant('header::kCopyBytes')]) {
      for (let at = 0; at < constant('header::kUsedBytes'); at += 3) {
        const { damage, entries } = await agreed(damaged(whole, SECOND, copy + at))
        expect(damage, `byte ${copy + at}`).toEqual([`header_copy ${SECOND} `])
        expect(lsnsOf(entries), `byte ${copy + at}`).toEqual(expected)
      }
    }
  })
})
