/**
 * Proves that the verdicts of docs/format.md are those of the code: logs of several segments (closed, left by a killed
 * writer, recovered before) are damaged at random, and the reader made from the page alone must say the same as the native
 * one: which entries come back, each damage with its kind, its bytes, its lost LSNs and users, and the torn tail.
 * Besides: while one record that says whom a number stands for is left, no entry is lost by the others; when none is, exactly
 * that user's short entries are.
 *
 * INGEST_WAL_FORMAT_CASES sets the number of damaged logs (300), INGEST_WAL_SEED the seed (1).
 */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Operation, Wal } from '../../lib/index.js'
import { native } from '../../lib/native.js'
import { readLogFiles, type Verdict } from './format-log-reader.js'
import { damageBytes, diceOf, nativeOutcome, pageOutcome, REFUSED, writeFiles, type Dice, type Files } from './format-outcome.js'
import type { DecodedRecord } from './format-records.js'
import { NewerVersion, openSegment, walk, type Segment } from './format-segment-reader.js'

const CASES = Number(process.env['INGEST_WAL_FORMAT_CASES'] ?? 300)
const SEED = Number(process.env['INGEST_WAL_SEED'] ?? 1)
// Small segments; no batch that falls due by itself and no file that is compressed meanwhile, so that a log is the same for the
// same seed.
const OPTIONS = { segmentBytes: 65_536, batchIntervalMs: 3_600_000, maintenance: false }

const NEWER_VERSION = native().formatVersion + 1

let work: string
const logs: Array<[name: string, files: Files]> = []
/** Logs whose segments do not belong: of another id, and of another history under the same one. */
const strangers: Files[] = []
/** Two histories that begin alike and have the same LSNs in the same segments. */
const forks: Files[] = []

beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), 'ingest-wal-format-damage-'))
  const dice = diceOf(SEED)
  const [original, left, twin, foreign] = ['original', 'left', 'twin', 'foreign'].map((name) => join(work, name)) as [string, string, string, string]
  const wal = await Wal.open({ directory: original, ...OPTIONS })
  await appendBatches(wal, 40, dice, 'payload ')
  // A copy of the directory is what a power cut leaves: the ring is not part of it.
  copyDirectory(original, left)
  copyDirectory(original, twin)
  const leftFiles = filesOf(left)
  await appendBatches(wal, 12, dice, 'payload ')
  await wal.close()
  // Two histories under one id, with the same LSNs in the same places.
  await continueLog(left, diceOf(SEED + 2), 'one way ')
  await continueLog(twin, diceOf(SEED + 2), 'another ')
  await continueLog(foreign, dice, 'foreign ')
  logs.push(['closed', filesOf(original)], ['left by a writer', leftFiles])
  logs.push(['left without its last mark', withoutLastMark(leftFiles)], ['recovered before', filesOf(left)])
  strangers.push(filesOf(foreign), filesOf(original))
  forks.push(filesOf(left), filesOf(twin))
})
afterAll(() => rmSync(work, { recursive: true, force: true }))

async function continueLog(directory: string, dice: Dice, text: string): Promise<void> {
  const wal = await Wal.open({ directory, ...OPTIONS })
  await appendBatches(wal, 40, dice, text)
  await wal.close()
}

async function appendBatches(wal: Wal, batches: number, dice: Dice, text: string): Promise<void> {
  for (; batches > 0; batches--) {
    for (let left = 1 + dice(12); left > 0; left--) {
      const payload = Buffer.from(text.repeat(1 + dice(120)))
      // One user in nine has an id that gets no number: its entries are written in full.
      const user = dice(9)
      wal.append(Operation.ADD_MEASUREMENT, user === 0 ? 'n'.repeat(300) : `user-${user}`, payload, 1 + dice(1000))
    }
    await wal.durable()
  }
}

function copyDirectory(from: string, to: string): void {
  mkdirSync(to)
  for (const name of readdirSync(from)) if (!name.endsWith('.tmp')) copyFileSync(join(from, name), join(to, name))
}

function filesOf(directory: string): Files {
  const names = readdirSync(directory).filter((name) => name === 'log.id' || name.endsWith('.wal'))
  return new Map(names.sort().map((name) => [name, readFileSync(join(directory, name))]))
}

function segmentNames(files: Files): string[] {
  return [...files.keys()].filter((name) => name.endsWith('.wal')).sort()
}

/** The last batch is durable and nothing says so. */
function withoutLastMark(files: Files): Files {
  const name = segmentNames(files).at(-1) as string
  const bytes = Buffer.from(files.get(name) as Buffer)
  const last = readLogFiles(files).records.filter((record) => record.kind === 'mark').at(-1)
  if (last === undefined) throw new Error('the log has no mark')
  bytes.fill(0, last.offset, last.offset + 48)
  return new Map(files).set(name, bytes)
}

/** Damages `files`, mostly the segment `name`, and says how. */
type Damager = (files: Files, name: string, dice: Dice) => string

/** A place in a file that was written to, more often than not. */
function placeIn(bytes: Buffer, dice: Dice): number {
  if (dice(4) === 0) return dice(bytes.length)
  let end = bytes.length
  while (end > 1 && bytes[end - 1] === 0) end--
  return dice(8) === 0 ? [0, 4096][dice(2)] as number + dice(88) : dice(end)
}

const damagers: Record<string, Damager> = {
  flip: (files, name, dice) => change(files, name, (bytes) => {
    const at = placeIn(bytes, dice)
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << dice(8)), at)
    return `bit at ${at}`
  }),
  zero: (files, name, dice) => change(files, name, (bytes) => {
    const at = placeIn(bytes, dice)
    bytes.fill(0, at, Math.min(bytes.length, at + 1 + dice(700)))
    return `zeros from ${at}`
  }),
  garbage: (files, name, dice) => change(files, name, (bytes) => {
    const at = placeIn(bytes, dice)
    const end = Math.min(bytes.length, at + 1 + dice(700))
    for (let i = at; i < end; i++) bytes.writeUInt8(dice(256), i)
    return `garbage at ${at}-${end}`
  }),
  move: (files, name, dice) => change(files, name, (bytes) => {
    const from = 8 * dice(Math.ceil(bytes.length / 8))
    const to = 8 * dice(Math.ceil(bytes.length / 8))
    bytes.copy(bytes, to, from, from + 8 * dice(200))
    return `bytes of ${from} at ${to}`
  }),
  cut: (files, name, dice) => {
    const bytes = files.get(name) as Buffer
    const size = dice(6) === 0 ? dice(8300) : placeIn(bytes, dice)
    files.set(name, bytes.subarray(0, size))
    return `${size} bytes left of`
  },
  extend: (files, name, dice) => {
    files.set(name, Buffer.concat([files.get(name) as Buffer, Buffer.alloc(dice(200), dice(2))]))
    return 'bytes behind'
  },
  // One, two or all of the records that say whom a number stands for; sometimes of all numbers.
  users: (files, name, dice) => {
    const records = userRecordsOf(files, name)
    const number = dice(3) === 0 ? undefined : records[dice(records.length)]?.userNumber
    const some = records.filter((record) => number === undefined || record.userNumber === number).slice(0, 1 + dice(3))
    change(files, name, (bytes) => {
      for (const { offset, size } of some) damageBytes(bytes, offset + dice(size), dice)
      return ''
    })
    return `${some.length} user records of ${number ?? 'all numbers'} in`
  },
  remove: (files, name) => {
    files.delete(name)
    return 'removed'
  },
  swap: (files, name, dice) => {
    const names = segmentNames(files)
    const other = names[dice(names.length)] ?? name
    const bytes = files.get(name) as Buffer
    files.set(name, files.get(other) as Buffer).set(other, bytes)
    return `swapped with ${other}`
  },
  duplicate: (files, name, dice) => {
    const copy = `${String(1 + dice(9)).padStart(16, '0')}.wal`
    files.set(copy, files.get(name) as Buffer)
    return `copied to ${copy}`
  },
  stranger: (files, name, dice) => {
    const other = strangers[dice(strangers.length)] as Files
    const names = segmentNames(other)
    const from = other.has(name) ? name : (names[dice(names.length)] as string)
    files.set(name, other.get(from) as Buffer)
    return `${from} of another log as`
  },
  fork: (files, _, dice) => {
    const other = forks[dice(forks.length)] as Files
    const differing = segmentNames(files).filter((name) => other.get(name)?.equals(files.get(name) as Buffer) === false)
    const name = differing[dice(differing.length)]
    if (name === undefined) return 'as it was,'
    files.set(name, other.get(name) as Buffer)
    return `${name} of another history, beside`
  },
  headers: (files, name, dice) => change(files, name, (bytes) => {
    if (bytes.length < 8192) return 'already short,'
    for (const at of [dice(88), 4096 + dice(88)]) bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << dice(8)), at)
    return 'both headers'
  }),
  version: (files, name, dice) => change(files, name, (bytes) => {
    if (bytes.length < 8192 || dice(3) !== 0) return 'as it was,'
    for (const at of [8, 4096 + 8]) bytes.writeUInt32LE(NEWER_VERSION, at)
    return 'a newer version in both headers of'
  }),
  identity: (files, _, dice) => {
    const bytes = Buffer.from(files.get('log.id') ?? Buffer.alloc(64))
    bytes.writeUInt8(bytes.readUInt8(dice(64)) ^ 1, dice(64))
    if (dice(3) === 0) files.delete('log.id')
    else files.set('log.id', bytes)
    return 'log.id damaged, not'
  }
}

type UserRecord = Extract<DecodedRecord, { kind: 'user record' }>

/** The user records of a segment that are whole, in the order of their places. */
function userRecordsOf(files: Files, name: string): UserRecord[] {
  return walked(files, name).records.filter((record) => record.kind === 'user record')
}

function walked(files: Files, name: string): Pick<Segment, 'records' | 'entries'> {
  try {
    const segment = openSegment(name, files.get(name) as Buffer)
    if (segment.header !== undefined) walk(segment, segment.header)
    return segment
  } catch (error) {
    if (error instanceof NewerVersion) return { records: [], entries: [] }
    throw error
  }
}

function change(files: Files, name: string, edit: (bytes: Buffer) => string): string {
  const bytes = Buffer.from(files.get(name) as Buffer)
  const what = edit(bytes)
  files.set(name, bytes)
  return what
}

it(`the reader made from the page and the native reader agree on ${CASES} damaged logs (seed ${SEED})`, async () => {
  const dice = diceOf(SEED + 1)
  const kinds = new Map<string, number>()
  const note = (kind: string): void => void kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
  for (let number = 0; number < CASES; number++) {
    const [name, whole] = logs[number % logs.length] as [string, Files]
    const files: Files = new Map(whole)
    const steps: string[] = []
    for (let left = 1 + dice(3); left > 0; left--) {
      const names = segmentNames(files)
      const file = names[dice(names.length)]
      const damager = Object.keys(damagers)[dice(Object.keys(damagers).length)] as string
      if (file !== undefined) steps.push(`${damager}: ${(damagers[damager] as Damager)(files, file, dice)} ${file}`)
    }
    if (segmentNames(files).length === 0 && !files.has('log.id')) continue
    const directory = join(work, 'damaged')
    writeFiles(directory, files)
    const expected = pageOutcome(files)
    expect(await nativeOutcome(directory), `seed ${SEED}, case ${number}, ${name}: ${steps.join('; ')}`).toEqual(expected)
    if (expected === REFUSED) {
      note(REFUSED)
      continue
    }
    for (const { kind } of expected.damage) note(kind)
    if (expected.tornTail !== undefined) note('torn tail')
  }
  // What was never met was not compared.
  const met = ['entry', 'bytes', 'cut_short', 'header_copy', 'segment_header', 'missing_segment', 'misplaced_segment', 'broken_chain']
  expect([...kinds.keys()]).toEqual(expect.arrayContaining([...met, 'foreign_segment', 'identity', 'torn tail', REFUSED]))
})

it('the records that name a user bear any damage but to all of them', async () => {
  const closed = logs[0] as [string, Files]
  const files: Files = new Map(closed[1])
  const whole = readLogFiles(files)
  const [name] = segmentNames(files) as [string]
  const records = userRecordsOf(files, name)
  const numbers = [...new Set(records.map((record) => record.userNumber))]
  expect(numbers.length).toBeGreaterThan(5)
  for (const number of numbers) {
    const copies = records.filter((record) => record.userNumber === number)
    expect(copies.length, `copies of ${number}`).toBeGreaterThanOrEqual(2)
    for (let chosen = 1; chosen < 1 << copies.length; chosen++) {
      const bytes = Buffer.from(files.get(name) as Buffer)
      const damaged = copies.filter((_, index) => (chosen & (1 << index)) !== 0)
      for (const { offset, size } of damaged) bytes.fill(0xee, offset, offset + size)
      const what = `user ${number}, ${damaged.length} of ${copies.length} copies`
      const directory = join(work, 'unnamed')
      const changed = new Map(files).set(name, bytes)
      writeFiles(directory, changed)
      const outcome = (await nativeOutcome(directory)) as Omit<Verdict, 'records'>
      expect(outcome, what).toEqual(pageOutcome(changed))
      const lost = new Set(damaged.length === copies.length ? lsnsOfShort(files, name, number) : [])
      expect(outcome.entries, what).toEqual(whole.entries.filter((entry) => !lost.has(entry.lsn)))
      const lostLsns = outcome.damage.flatMap(({ firstLsn, lastLsn }) =>
        firstLsn === 0 ? [] : Array.from({ length: lastLsn - firstLsn + 1 }, (_, index) => firstLsn + index)
      )
      expect(lostLsns, what).toEqual([...lost])
    }
  }
})

function lsnsOfShort(files: Files, name: string, number: number): number[] {
  return walked(files, name).entries.filter((record) => record.userNumber === number).map((record) => record.entry.lsn)
}
