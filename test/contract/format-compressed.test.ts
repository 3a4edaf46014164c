/**
 * Proves that docs/format.md says what the code does with compressed segments: a reader made from that page alone, with nothing but
 * zlib's inflate, reads what the package compresses, and finds the same entries and the same damages as the native reader, whatever
 * was done to the files. And that any one damaged byte costs no entry, for both.
 *
 * INGEST_WAL_FORMAT_CASES sets the number of damaged logs (100 here), INGEST_WAL_SEED the seed (1).
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import { Operation } from '../../lib/index.js'
import { compressSegment } from '../../lib/maintenance/compression.js'
import { closedLog } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'
import { readCompressed } from './format-compressed-reader.js'
import { readLogFiles } from './format-log-reader.js'
import { damageBytes, diceOf, nativeOutcome, pageOutcome, REFUSED, writeFiles, type Dice, type Files, type Outcome } from './format-outcome.js'

const CASES = Number(process.env['INGEST_WAL_FORMAT_CASES'] ?? 100)
const SEED = Number(process.env['INGEST_WAL_SEED'] ?? 1)
const SEGMENT_BYTES = 260_000

const temporaryDirectory = temporaryDirectories()
let work: string
/** The same log: plain, and with all of its segments compressed. */
let plain: Files
let compressed: Files
/** Another log, compressed. */
let foreign: Files

beforeAll(async () => {
  work = join(temporaryDirectory(), 'damaged')
  ;[plain, compressed] = await makeLog(diceOf(SEED))
  foreign = (await makeLog(diceOf(SEED + 7)))[1]
})

async function makeLog(dice: Dice): Promise<[plain: Files, compressed: Files]> {
  const directory = join(temporaryDirectory(), 'log')
  await closedLog(directory, async (recorder, wal) => {
    for (let batch = 0; batch < 24; batch++) {
      for (let entry = 0; entry < 20; entry++) {
        const user = dice(9)
        recorder.append(Operation.ADD_MEASUREMENT, user === 0 ? 'n'.repeat(300) : `user-${user}`, payload(dice))
      }
      await wal.durable()
    }
  }, { segmentBytes: SEGMENT_BYTES, batchIntervalMs: 3_600_000 })
  const before = filesOf(directory)
  for (const name of [...before.keys()].filter((each) => each.endsWith('.wal'))) {
    await compressSegment({ directory, segment: Number(name.slice(0, 16)), retire: () => rmSync(join(directory, name)) })
  }
  return [before, filesOf(directory)]
}

/** Text, or noise that deflate stores as it is. */
function payload(dice: Dice): Buffer {
  if (dice(3) !== 0) return Buffer.from('text '.repeat(1 + dice(300)))
  return Buffer.from(Array.from({ length: dice(3000) }, () => dice(256)))
}

function filesOf(directory: string): Files {
  const names = readdirSync(directory).filter((name) => /^log\.id$|\.wal(\.gz)?$/.test(name))
  return new Map(names.sort().map((name) => [name, readFileSync(join(directory, name))]))
}

function segmentNames(files: Files): string[] {
  return [...files.keys()].filter((name) => /\.wal(\.gz)?$/.test(name)).sort()
}

/** Where members begin in a sound file, and its end. */
function membersOf(bytes: Buffer): number[] {
  const members = [0]
  for (let at = 0; at < bytes.length; members.push(at)) at += bytes.readUInt16LE(at + 16) + 1
  return members
}

/** A place that is more often than not in a header, a trailer or a parity. */
function placeIn(name: string, bytes: Buffer, dice: Dice): number {
  const members = membersOf(compressed.get(name) ?? Buffer.alloc(0))
  const around = (members[dice(members.length)] as number) - 10 + dice(60)
  const end = bytes.length - 1
  if (bytes.length === 0) return 0
  return dice(3) === 0 ? dice(bytes.length) : Math.max(0, Math.min(end, dice(4) === 0 ? end - dice(400) : around))
}

type Damager = (bytes: Buffer, name: string, dice: Dice) => Buffer

/** Bytes of `bytes` taken out, and others put there. */
function spliced(bytes: Buffer, from: number, end: number, ...instead: Buffer[]): Buffer {
  return Buffer.concat([bytes.subarray(0, from), ...instead, bytes.subarray(end)])
}

function anyMember(name: string, dice: Dice): [from: number, end: number] {
  const members = membersOf(compressed.get(name) as Buffer)
  const index = dice(members.length - 1)
  return [members[index] as number, members[index + 1] as number]
}

const damagers: Record<string, Damager> = {
  flip: (bytes, name, dice) => {
    if (bytes.length > 0) damageBytes(bytes, placeIn(name, bytes, dice), dice)
    return bytes
  },
  sector: (bytes, name, dice) => {
    const at = Math.floor(placeIn(name, bytes, dice) / 512) * 512
    return bytes.fill(dice(2) === 0 ? 0 : 0xa7, at, Math.min(bytes.length, at + 512))
  },
  garbage: (bytes, name, dice) => {
    const at = placeIn(name, bytes, dice)
    for (let i = at; i < Math.min(bytes.length, at + 1 + dice(9000)); i++) bytes.writeUInt8(dice(256), i)
    return bytes
  },
  cut: (bytes, name, dice) => bytes.subarray(0, placeIn(name, bytes, dice)),
  'bytes behind': (bytes, _, dice) => Buffer.concat([bytes, Buffer.alloc(1 + dice(200), dice(2))]),
  'a foreign member behind': (bytes, name, dice) => {
    const other = foreign.get(name) ?? foreign.values().next().value ?? Buffer.alloc(0)
    return Buffer.concat([bytes, other.subarray(...anyMember(name, dice))])
  },
  'bytes between': (bytes, name, dice) => {
    const at = placeIn(name, bytes, dice)
    return spliced(bytes, at, at, Buffer.alloc(1 + dice(40), dice(256)))
  },
  'bytes gone': (bytes, name, dice) => {
    const at = placeIn(name, bytes, dice)
    return spliced(bytes, at, at + 1 + dice(40))
  },
  'a member gone': (bytes, name, dice) => spliced(bytes, ...anyMember(name, dice)),
  'a member twice': (bytes, name, dice) => {
    const [from, end] = anyMember(name, dice)
    return spliced(bytes, end, end, bytes.subarray(from, end))
  },
  'a member for another': (bytes, name, dice) => {
    const [[from, end], [otherFrom, otherEnd]] = [anyMember(name, dice), anyMember(name, dice)]
    return spliced(bytes, from, end, bytes.subarray(otherFrom, otherEnd))
  },
  'two headers': (bytes, name, dice) => {
    for (let left = 2; left > 0 && bytes.length > 0; left--) {
      damageBytes(bytes, Math.min(bytes.length - 1, (anyMember(name, dice)[0]) + dice(18)), dice)
    }
    return bytes
  }
}

/** Does something to the files, and says what. */
function damage(files: Files, dice: Dice): string {
  const names = segmentNames(files).filter((name) => name.endsWith('.gz'))
  const name = names[dice(names.length)]
  if (name === undefined) return 'nothing'
  const plainName = name.slice(0, -'.gz'.length)
  const what = dice(14)
  if (what === 0) {
    files.delete(name)
    return `${name} removed`
  }
  if (what === 1) {
    files.set(plainName, plain.get(plainName) as Buffer)
    return `${plainName} there, too`
  }
  if (what === 2) {
    const other = names[dice(names.length)] as string
    files.set(name, compressed.get(other) as Buffer)
    return `${other} as ${name}`
  }
  if (what === 3) {
    files.set(name, foreign.get(name) ?? Buffer.alloc(dice(2)))
    return `another log's ${name}`
  }
  const how = Object.keys(damagers)[dice(Object.keys(damagers).length)] as string
  files.set(name, (damagers[how] as Damager)(Buffer.from(files.get(name) as Buffer), name, dice))
  return `${how}: ${name}`
}

async function agreed(files: Files, what: string): Promise<Exclude<Outcome, string>> {
  writeFiles(work, files)
  const expected = pageOutcome(files)
  expect(await nativeOutcome(work), what).toEqual(expected)
  if (expected === REFUSED) throw new Error('no version was changed')
  return expected
}

describe('the reader made from the page', () => {
  it('reads what the package compresses as any gunzip does', () => {
    const names = segmentNames(compressed)
    expect(names.length).toBeGreaterThan(2)
    for (const name of names) {
      const bytes = compressed.get(name) as Buffer
      expect(readCompressed(bytes), name).toEqual({ content: gunzipSync(bytes), unreadable: [], blocks: [], parity: undefined })
    }
    expect(readLogFiles(compressed).entries).toEqual(readLogFiles(plain).entries)
  })

  it(`and the native reader agree on ${CASES} logs with damaged compressed segments (seed ${SEED})`, async () => {
    const dice = diceOf(SEED + 1)
    const met = new Set<string>()
    let madeGood = 0
    for (let number = 0; number < CASES; number++) {
      const files: Files = new Map(compressed)
      const steps = Array.from({ length: 1 + dice(3) }, () => damage(files, dice))
      const found = await agreed(files, `seed ${SEED}, case ${number}: ${steps.join('; ')}`)
      for (const { kind } of found.damage) met.add(kind)
      if (found.damage.length > 0 && found.damage.every(({ lastLsn }) => lastLsn === 0)) madeGood++
    }
    expect(madeGood).toBeGreaterThan(CASES / 10)
    // What was never met was not compared.
    const kinds = ['compressed_block', 'compressed_parity', 'unreadable', 'segment_header', 'not_a_file', 'missing_segment', 'misplaced_segment']
    expect([...met]).toEqual(expect.arrayContaining([...kinds, 'foreign_segment']))
  })

  it('and the native reader lose nothing by one damaged byte, wherever it is', async () => {
    const [name] = segmentNames(compressed) as [string]
    const sound = compressed.get(name) as Buffer
    const alone: Files = new Map([...compressed].filter(([file]) => file === name || file === 'log.id'))
    const whole = readLogFiles(alone)
    const places = new Set<number>()
    for (const member of membersOf(sound)) {
      for (let at = Math.max(0, member - 9); at < Math.min(sound.length, member + 44); at += 2) places.add(at)
    }
    for (let at = 0; at < sound.length; at += 9973) places.add(at)
    for (const at of places) {
      const bytes = Buffer.from(sound)
      bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << at % 8), at)
      const { entries, damage: damages } = await agreed(new Map(alone).set(name, bytes), `byte ${at}`)
      expect(entries.length, `byte ${at}`).toBe(whole.entries.length)
      expect(damages.map(({ kind }) => kind), `byte ${at}`).toEqual([expect.stringMatching(/^compressed_(block|parity)$/)])
    }
  })
})
