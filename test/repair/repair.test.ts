/**
 * Proves what a repair makes of a damaged log, whatever the damage: a log that verify finds clean, in which every sound entry is
 * still there under its LSN, of which recovery says what it said before (buffers, states, sources, and whose buffers may miss
 * entries), also when it is compacted and opened again; that the damaged files are kept as they were; and that a copy leaves the
 * log alone.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { Operation, readLog, recover, repairCopy, repairLog, scanLog, Wal, type RecoveryReport, type RepairResult } from '../../lib/index.js'
import { compressSegment } from '../../lib/maintenance/compression.js'
import { segmentName } from '../../lib/maintenance/files.js'
import { mulberry32 } from '../../scripts/lib/generate-measurements.mjs'
import { feed, openService } from '../maintenance/support.js'
import { flipBit, overwrite, zeroOut } from '../support/damage.js'
import { fingerprint, segmentFiles } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const newDirectory = temporaryDirectories()
const SEGMENT = { segmentBytes: 65_536 }

let original: string
/** Segments: covered and compressed, covered and plain, then those behind the base. */
let covered: string[]
let behind: string[]

beforeAll(async () => {
  original = newDirectory()
  const service = await openService(original, SEGMENT)
  await feed(service, 1500)
  await service.wal.checkpoint({ label: 'kept' })
  await feed(service, 2600, 1500)
  await service.wal.checkpoint()
  await feed(service, 5307, 2600)
  // A buffer that waits, and one of which a replay was begun.
  for (let value = 1; value <= 10; value++) service.buffer.add('waits', { timestamp: value, value })
  await service.close()
  const { segments } = await scanLog(original)
  for (const { number } of segments.slice(0, 2)) await compress(original, number)
  await compress(original, (segments.at(-2) as { number: number }).number)
  const files = (await scanLog(original)).segments
  covered = files.filter((segment) => segment.covered).map(({ file }) => file)
  behind = files.filter((segment) => !segment.covered).map(({ file }) => file)
  expect([covered.length > 2, behind.length > 3]).toEqual([true, true])
})

async function compress(directory: string, segment: number): Promise<void> {
  await compressSegment({ directory, segment, retire: (number) => rmSync(join(directory, segmentName(number))) })
}

interface Content {
  [lsn: number]: string
}

async function contentOf(directory: string): Promise<Content> {
  const content: Content = {}
  for await (const { lsn, timestamp, operation, userId, sequence, payload } of readLog(directory)) {
    content[lsn] = `${timestamp} ${operation} ${userId} ${sequence} ${Buffer.from(payload).toString('hex')}`
  }
  return content
}

/** What recovery says, in an order of its own. */
function substanceOf({ users, tainted, sources }: RecoveryReport): unknown {
  const inOrder = [...users.values()].sort((a, b) => (a.userId < b.userId ? -1 : 1))
  return {
    users: inOrder.map(({ userId, state, replayed, lastBuffer, buffers }) => [userId, state, replayed, lastBuffer, buffers.map((buffer) => ({ ...buffer, measurements: [...buffer.measurements] }))]),
    tainted: tainted.map((taint) => JSON.stringify(taint)).sort(),
    sources: [...sources]
  }
}

async function recovered(directory: string, work: (wal: Wal) => Promise<unknown> = () => Promise.resolve()): Promise<RecoveryReport> {
  const wal = await Wal.open({ directory, maintenance: false, ...SEGMENT })
  try {
    await work(wal)
    return await recover(wal)
  } finally {
    await wal.close()
  }
}

function copyOf(directory: string): string {
  const copy = newDirectory()
  cpSync(directory, copy, { recursive: true })
  return copy
}

/** Repairs a copy of what is damaged in `directory`, and holds everything that is promised against it. */
async function expectRepaired(directory: string): Promise<{ result: RepairResult; before: RecoveryReport; repaired: string }> {
  const sound = await contentOf(directory)
  const scan = await scanLog(directory)
  const before = await recovered(copyOf(directory))
  const untouched = fingerprint(directory)
  const repaired = join(newDirectory(), 'repaired')
  const result = await repairCopy(directory, repaired)
  expect(fingerprint(directory)).toEqual(untouched)
  expect(result.remaining).toEqual([])
  expect(result.damage.slice(0, scan.damage.length)).toEqual(scan.damage)
  await expectWhole(repaired, sound, scan.lastLsn, before)
  for (const name of result.quarantined) {
    const kept = join(repaired, 'quarantine', name)
    const from = [join(directory, name), join(directory, 'archive', name)].find((path) => existsSync(path)) as string
    if (statSync(from).isFile()) expect(readFileSync(kept).equals(readFileSync(from)), name).toBe(true)
  }
  return { result, before, repaired }
}

async function expectWhole(repaired: string, sound: Content, lastLsn: number, before: RecoveryReport): Promise<void> {
  const { damage, tornTail } = await scanLog(repaired)
  expect({ damage, tornTail }).toEqual({ damage: [], tornTail: null })
  const content = await contentOf(repaired)
  const added = Object.keys(content).map(Number).filter((lsn) => !(lsn in sound))
  expect(Object.fromEntries(Object.entries(content).filter(([lsn]) => lsn in sound))).toEqual(sound)
  expect(added.every((lsn) => lsn > lastLsn)).toBe(true)
  const expected = substanceOf(before)
  expect(substanceOf(await recovered(repaired))).toEqual(expected)
  // What was found to be lost is not forgotten when nothing but checkpoints is left.
  expect(substanceOf(await recovered(repaired, (wal) => wal.compact({ drop: true })))).toEqual(expected)
  expect(substanceOf(await recovered(repaired))).toEqual(expected)
  expect(segmentFiles(repaired)).toEqual([])
}

async function placeOf(directory: string, lsn: number): Promise<{ file: string; offset: number }> {
  for await (const { segment, offset } of readLog(directory, { fromLsn: lsn })) return { file: segmentName(segment), offset }
  throw new Error(`LSN ${lsn} is not in ${directory}`)
}

const lastOf = (directory: string): Promise<number> => scanLog(directory).then(({ lastLsn }) => lastLsn)

/** Damages the payloads of these entries, which are in plain segments. */
async function damageEntries(directory: string, lsns: readonly number[]): Promise<void> {
  const places = await Promise.all(lsns.map((lsn) => placeOf(directory, lsn)))
  for (const { file, offset } of places) flipBit(join(directory, file), offset + 32)
}

function bothHeaderCopies(directory: string, file: string): void {
  for (const copy of [0, 4096]) zeroOut(join(directory, file), copy, 256)
}

interface Case {
  name: string
  damage: (directory: string) => Promise<void> | void
  /** Some user's buffer may miss entries; where it is not said, later entries of the users may show that none does. */
  taints?: boolean
}

const CASES: Case[] = [
  { name: 'an entry of an open buffer', damage: async (directory) => damageEntries(directory, [(await lastOf(directory)) - 20]), taints: true },
  { name: 'several entries', damage: async (directory) => damageEntries(directory, [3, 40, 41, 42, 200, 201].map((back) => lastOfCache - back)), taints: true },
  { name: 'the end of the last segment, as far as it is proven', damage: (directory) => zeroOut(join(directory, behind.at(-1) as string), statSync(join(directory, behind.at(-1) as string)).size - 3200, 3000), taints: true },
  { name: 'a mark', damage: (directory) => flipBit(join(directory, behind.at(-1) as string), 8192 + 20) },
  { name: 'one copy of a header', damage: (directory) => flipBit(join(directory, behind[0] as string), 100) },
  { name: 'both copies of the header of a segment behind the base', damage: (directory) => bothHeaderCopies(directory, behind[1] as string) },
  { name: 'both copies of the header of the last segment', damage: (directory) => bothHeaderCopies(directory, behind.at(-1) as string) },
  { name: 'a segment that is gone', damage: (directory) => rmSync(join(directory, behind[1] as string)) },
  { name: 'a segment under the name of another', damage: (directory) => copyFileSync(join(directory, behind[0] as string), join(directory, behind[1] as string)) },
  { name: 'a directory in the place of a segment', damage: (directory) => (renameSync(join(directory, behind[1] as string), join(directory, 'aside')), mkdirSync(join(directory, behind[1] as string))) },
  { name: 'a block of a compressed segment', damage: (directory) => flipBit(join(directory, behind.at(-2) as string), 2000) },
  { name: 'all of a compressed segment', damage: (directory) => zeroOut(join(directory, behind.at(-2) as string), 40, 60_000) },
  { name: 'entries of a covered segment', damage: (directory) => zeroOut(join(directory, covered.at(-1) as string), 20_000, 500) },
  { name: 'the base', damage: (directory) => zeroOut(join(directory, '0000000000000002.ckpt'), 8300, 100) },
  { name: 'the backup', damage: (directory) => zeroOut(join(directory, '0000000000000001.ckpt'), 8300, 100) },
  { name: 'every checkpoint', damage: (directory) => [1, 2].forEach((number) => zeroOut(join(directory, `000000000000000${number}.ckpt`), 8300, 100)) },
  {
    name: 'the base, where nothing else has what it holds',
    damage: (directory) => {
      rmSync(join(directory, '0000000000000001.ckpt'))
      for (const file of covered) rmSync(join(directory, file))
      zeroOut(join(directory, '0000000000000002.ckpt'), 8400, 100)
    },
  },
  { name: 'log.id', damage: (directory) => overwrite(join(directory, 'log.id'), 20, Uint8Array.of(1, 2, 3)) },
  { name: 'what is archived', damage: (directory) => flipBit(join(directory, 'archive', 'kept.ckpt'), 8300) },
  {
    name: 'all of this at once',
    damage: async (directory) => {
      await damageEntries(directory, [(await lastOf(directory)) - 20, (await lastOf(directory)) - 90])
      zeroOut(join(directory, covered.at(-1) as string), 20_000, 500)
      flipBit(join(directory, '0000000000000001.ckpt'), 8300)
      flipBit(join(directory, 'archive', 'kept.ckpt'), 8300)
      bothHeaderCopies(directory, behind[1] as string)
    },
    taints: true
  }
]

let lastOfCache = 0
beforeAll(async () => {
  lastOfCache = await lastOf(original)
})

describe('whatever is damaged', () => {
  it.each(CASES)('$name', async ({ damage, taints }) => {
    const directory = copyOf(original)
    await damage(directory)
    const { before, result } = await expectRepaired(directory)
    expect(result.tainted).toEqual(before.tainted)
    if (taints === true) expect(result.tainted).not.toEqual([])
  })

  it.each([1, 2, 3, 4])('random stretches of random files (seed %s)', async (seed) => {
    const random = mulberry32(seed)
    const directory = copyOf(original)
    const files = readdirSync(directory).filter((name) => /\.(wal|wal\.gz|ckpt)$/.test(name))
    for (let i = 0; i < 4; i++) {
      const file = join(directory, files[Math.floor(random() * files.length)] as string)
      const bytes = 1 + Math.floor(random() * 3000)
      overwrite(file, Math.floor(random() * Math.max(1, statSync(file).size - bytes)), Buffer.alloc(bytes, Math.floor(random() * 256)))
    }
    await expectRepaired(directory)
  })
})

describe('a verdict', () => {
  it('ends when its buffer is done, and not before', async () => {
    const directory = copyOf(original)
    await damageEntries(directory, [lastOfCache - 20])
    const { repaired, before } = await expectRepaired(directory)
    const taint = before.tainted[0] as { userId: string }
    const service = await openService(repaired, SEGMENT)
    await feed(service, 5700)
    await service.close()
    const report = await recovered(repaired, (wal) => wal.compact({ drop: true }))
    expect(report.tainted.filter(({ userId }) => userId === taint.userId)).toEqual([])
  })

  it('of entries that no buffer wrote is none: what is lost of them stands in the report alone', async () => {
    const directory = newDirectory()
    const wal = await Wal.open({ directory, maintenance: false })
    for (let i = 0; i < 50; i++) wal.append(Operation.ADD_MEASUREMENT, 'own', Buffer.from(`own ${i}`))
    await wal.close()
    await damageEntries(directory, [25])
    const repaired = join(newDirectory(), 'repaired')
    const { report, tainted } = await repairCopy(directory, repaired)
    expect(tainted).toEqual([])
    expect(JSON.parse(readFileSync(report as string, 'utf8'))).toMatchObject({ original: directory, damage: [{ firstLsn: 25, lastLsn: 25, users: ['own'] }] })
    expect(Object.keys(await contentOf(repaired))).toHaveLength(49)
  })
})

describe('in place', () => {
  it('keeps the files in quarantine; a second time there is nothing to do', async () => {
    const directory = copyOf(original)
    await damageEntries(directory, [lastOfCache - 20])
    const sound = await contentOf(directory)
    const before = await recovered(copyOf(directory))
    const damaged = readFileSync(join(directory, behind.at(-1) as string))
    const result = await repairLog(directory)
    expect(result.quarantined).toEqual([behind.at(-1)])
    expect(readFileSync(join(directory, 'quarantine', behind.at(-1) as string)).equals(damaged)).toBe(true)
    const again = fingerprint(directory)
    expect(await repairLog(directory)).toMatchObject({ damage: [], quarantined: [] })
    expect(fingerprint(directory)).toEqual(again)
    await expectWhole(directory, sound, lastOfCache, before)
  })

  it('takes over the staging ring of a process that died; so does a copy', async () => {
    for (const inPlace of [true, false]) {
      const { directory, lastLsn } = await leftWithRing()
      const repaired = inPlace ? directory : join(newDirectory(), 'repaired')
      const result = inPlace ? await repairLog(directory) : await repairCopy(directory, repaired)
      expect(result.remaining).toEqual([])
      expect(result.stagedEntries).toBe(inPlace ? 0 : 5)
      const content = await contentOf(repaired)
      expect(Object.keys(content).map(Number)).toEqual([...Array(lastLsn).keys()].map((index) => index + 1).filter((lsn) => lsn !== 3))
      expect(content[lastLsn]).toContain(Buffer.from('staged 4').toString('hex'))
      if (!inPlace) await repairLog(directory)
    }
  })
})

/** A log whose writer died with five entries in the ring, and of which entry 3 is damaged. */
async function leftWithRing(): Promise<{ directory: string; lastLsn: number }> {
  const directory = newDirectory()
  const child = join(import.meta.dirname, 'children/leave-ring.mjs')
  expect(spawnSync(process.execPath, [child, directory]).signal).toBe('SIGKILL')
  await damageEntries(directory, [3])
  return { directory, lastLsn: 25 }
}

describe('refused', () => {
  it('beside a writer; of no log; of a file; into a directory that holds something', async () => {
    const wal = await Wal.open({ directory: newDirectory(), maintenance: false })
    await expect(repairLog(wal.directory)).rejects.toMatchObject({ code: 'ERR_WAL_LOCKED' })
    await expect(repairCopy(wal.directory, join(newDirectory(), 'copy'))).rejects.toMatchObject({ code: 'ERR_WAL_LOCKED' })
    await wal.close()
    await expect(repairLog(newDirectory())).rejects.toMatchObject({ code: 'ERR_WAL_NOT_A_LOG' })
    await expect(repairLog(join(newDirectory(), 'nothing'))).rejects.toMatchObject({ code: 'ERR_WAL_NOT_FOUND' })
    await expect(repairLog(join(original, covered[0] as string))).rejects.toMatchObject({ code: 'ERR_WAL_NOT_A_LOG' })
    const directory = copyOf(original)
    await damageEntries(directory, [lastOfCache - 20])
    const full = newDirectory()
    writeFileSync(join(full, 'something'), '')
    await expect(repairCopy(directory, full)).rejects.toMatchObject({ code: 'ERR_WAL_INVALID_ARGUMENT' })
    expect(readdirSync(full)).toEqual(['something'])
  })
})
