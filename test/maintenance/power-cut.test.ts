// Proves that compression, the archive, the quarantine, checkpoints with a label and retention may be cut at any change that they
// make to the disk, and again when they are repeated: nothing that is needed is lost, what has its name is whole, and in the end
// all is as if nothing had happened. The library's own code runs; instead of `node:fs` it meets a disk in memory that promises no
// more than POSIX does (test/support/memory-disk.ts). What native code reads or writes, it does in a real directory that is
// filled from that disk.
//
//   INGEST_WAL_SEED               repeats a run
//   INGEST_WAL_MAINTENANCE_CUTS   so many disks after a cut in each part
import { createHash } from 'node:crypto'
import type * as Fs from 'node:fs'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { inspect, isDeepStrictEqual } from 'node:util'
import { gunzipSync, gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import type { NativeCheckpoint } from '../../binding.js'
import { WalError } from '../../lib/errors.js'
import { readLog, recover } from '../../lib/index.js'
import { readLossFile, writeLossFile } from '../../lib/losses/loss-files.js'
import { lossOf } from '../../lib/losses/loss.js'
import { archiveCheckpoint, moveToArchive } from '../../lib/maintenance/archive.js'
import type { CheckpointRequest } from '../../lib/maintenance/compaction.js'
import { CompressionJob } from '../../lib/maintenance/compression.js'
import { segmentName, syncDirectory } from '../../lib/maintenance/files.js'
import { Maintenance, type MaintainedLog } from '../../lib/maintenance/maintenance.js'
import { CompactionPlanner } from '../../lib/maintenance/plan.js'
import { native } from '../../lib/native.js'
import type * as Inspect from '../../lib/wal/inspect.js'
import { readLogChunks, type LogScan } from '../../lib/wal/inspect.js'
import { moveToQuarantine, writeLossReport } from '../../lib/repair/quarantine.js'
import { printedSeed } from '../crash/support.js'
import { explore, type Part } from '../support/cuts.js'
import { MemoryDisk, type Forgotten } from '../support/memory-disk.js'
import { temporaryDirectories } from '../support/temporary-directory.js'
import { feed, openService } from './support.js'

const STATES = Number(process.env['INGEST_WAL_MAINTENANCE_CUTS'] ?? 1000)
const LOG = '/memory/log'
const ARCHIVE = '/memory/archive/of/logs'
const SEGMENTS = 5
const DAMAGE = { kind: 'entry', segment: 1, file: segmentName(1), offset: 8192, endOffset: 8300, firstLsn: 1, lastLsn: 1, previousLsn: 0, users: ['user-1'], detail: '' }
const SIGNAL = new AbortController().signal

// --- Where the library's calls go

const world = vi.hoisted(() => ({ disk: undefined as MemoryDisk | undefined, newDisk: undefined as unknown as () => MemoryDisk, readsBack: true }))

vi.mock('node:fs/promises', async (original) => {
  const real = await original<Record<string, (...args: unknown[]) => unknown>>()
  const names = ['open', 'copyFile', 'link', 'rename', 'rm', 'mkdir', 'readdir', 'stat', 'lstat', 'statfs'] as const
  const route = (name: (typeof names)[number]) => (path: string, ...rest: unknown[]) => {
    const calls = world.disk?.calls as unknown as typeof real
    return (path === '/' || path.startsWith('/memory') ? calls : real)[name]?.(path, ...rest)
  }
  return { ...real, ...Object.fromEntries(names.map((name) => [name, route(name)])) }
})

vi.mock('node:fs', async (original) => {
  const real = await original<typeof Fs>()
  const createReadStream = (path: string): unknown =>
    path.startsWith('/memory') ? Readable.from([contentToCompare(path)]) : real.createReadStream(path)
  return { ...real, createReadStream }
})

vi.mock('../../lib/wal/inspect.js', async (original) => {
  const real = await original<typeof Inspect>()
  return { ...real, scanLog: (path: string) => (path.startsWith('/memory') ? scanInMemory(path, real.scanLog) : real.scanLog(path)) }
})

vi.mock('../../lib/maintenance/compaction.js', () => ({ writeCheckpoint: (request: CheckpointRequest) => publishCheckpoint(request) }))

const directories = temporaryDirectories()
const scans = new Map<string, LogScan>()

function disk(): MemoryDisk {
  return world.disk as MemoryDisk
}

/** A seeded bug: what is compared is what was meant, not what the disk has. */
function contentToCompare(path: string): Buffer {
  return world.readsBack ? disk().bytesOf(path) : gzipSync(disk().bytesOf(path.replace('.gz.tmp', '')))
}

/** A scan of a file depends on its bytes alone, and of the same bytes there are many. */
async function scanInMemory(path: string, scan: (path: string) => Promise<LogScan>): Promise<LogScan> {
  if (path === LOG) return scan(inRealDirectory())
  const bytes = disk().bytesOf(world.readsBack ? path : path.replace('.gz.tmp', ''))
  const key = `${basename(path)} ${createHash('sha1').update(bytes).digest('hex')}`
  const known = scans.get(key)
  if (known !== undefined) return known
  const file = join(directories(), world.readsBack ? basename(path) : basename(path).replace('.gz.tmp', ''))
  writeFileSync(file, bytes)
  const found = await scan(file)
  scans.set(key, found)
  return found
}

/** The log's files, for native code. */
function inRealDirectory(): string {
  const directory = directories()
  for (const [path, bytes] of disk().files()) if (dirname(path) === LOG) writeFileSync(join(directory, basename(path)), bytes)
  return directory
}

/** Stands for the native writer, whose own steps are cut in native/test: the file that it makes, and its steps. */
async function publishCheckpoint({ throughSegment }: CheckpointRequest): Promise<NativeCheckpoint> {
  const directory = inRealDirectory()
  const planner = new CompactionPlanner()
  for await (const chunk of readLogChunks(directory, { live: true, throughSegment })) planner.takeChunk(chunk)
  const abort = new Int32Array(new SharedArrayBuffer(4))
  const made = await native().writeCheckpoint({ directory, throughSegment, ...planner.plan(), acceptsLosses: false, history: false, abort })
  const { calls } = disk()
  const target = join(LOG, made.file)
  const temporary = `${target}.tmp`
  await calls.rm(temporary, { force: true })
  await store(temporary, readFileSync(join(directory, made.file)))
  await calls.rename(temporary, target)
  await syncDirectory(LOG)
  return made
}

async function store(path: string, bytes: Buffer): Promise<void> {
  const handle = (await disk().calls.open(path, 'wx')) as FileHandle
  await handle.write(bytes, 0, bytes.length, 0)
  await handle.sync()
  await handle.close()
}

/** Stands for the native spare's thread: gives up plain files one after the other, each durably before the next. */
class Spare {
  #done: Promise<void> = Promise.resolve()

  retire(segment: number): void {
    this.#done = this.#done.then(async () => {
      await disk().calls.rm(join(LOG, segmentName(segment)), { force: true })
      await syncDirectory(LOG)
    })
    this.#done.catch(() => undefined)
  }

  end(): Promise<void> {
    return this.#done
  }
}

// --- A log as its service has left it

let files: Map<string, Buffer>
let expected: unknown
beforeAll(async () => {
  const directory = directories()
  for (let segment = 1; segment <= SEGMENTS; segment++) {
    const service = await openService(directory)
    await feed(service, 37 * segment)
    await service.close()
  }
  files = new Map(readdirSync(directory).filter((name) => /^(log\.id|\d+\.wal)$/.test(name)).map((name) => [name, readFileSync(join(directory, name))]))
  expect([...files.keys()].filter((name) => name.endsWith('.wal'))).toHaveLength(SEGMENTS)
  expected = await outcomeOf(directory)
  world.newDisk = newDisk
})

/** What recovery makes of a log, and what is damaged. */
async function outcomeOf(directory: string): Promise<unknown> {
  const { users, readyUsers, sources, lastLsn, damage } = await recover({
    entries: (options) => readLog(directory, options),
    chunks: (options) => readLogChunks(directory, options)
  })
  const scan = await native().scan(directory)
  return { users, readyUsers, sources, lastLsn, damage: [...damage, ...scan.damage] }
}

function newDisk(): MemoryDisk {
  const made = new MemoryDisk()
  for (const path of ['/memory', LOG]) made.put(path)
  for (const [name, bytes] of files) made.put(join(LOG, name), bytes)
  return made
}

/** Empty: `name` is as it was, wherever it may be, and every file that is called so is whole. */
function wrongWithFile(name: string, places: readonly string[]): string {
  let copies = 0
  for (const [path, bytes] of disk().files()) {
    if (!places.includes(dirname(path)) || path.endsWith('.tmp') || !basename(path).startsWith(name)) continue
    if (!contentOf(path, bytes)?.equals(files.get(name) as Buffer)) return `${path} is not whole`
    copies++
  }
  return copies > 0 ? '' : `${name} is lost`
}

function contentOf(path: string, bytes: Buffer): Buffer | undefined {
  try {
    return path.endsWith('.gz') ? gunzipSync(bytes) : bytes
  } catch {
    return undefined
  }
}

function temporaries(): string[] {
  return [...disk().files().keys()].filter((path) => path.endsWith('.tmp'))
}

// --- Cuts

async function survives(what: string, part: Part, states = STATES): Promise<void> {
  const explored = await explore(world, part, states, SEED)
  console.log(`${what}: ${explored.states} states`)
  expect(explored.failures).toEqual([])
  expect(explored.states).toBeGreaterThanOrEqual(Math.min(states, STATES))
}

async function isCaught(part: Part, forgets?: Forgotten): Promise<void> {
  const { failures, states } = await explore(world, part, 4 * STATES, SEED, forgets)
  console.log(`caught within ${states} states: ${failures[0]}`)
  expect(failures).not.toEqual([])
}

const SEED = printedSeed('maintenance power cuts')
const FIRST = segmentName(1)

const compression: Part = {
  run: async () => {
    const spare = new Spare()
    await new CompressionJob({
      ...{ directory: LOG, completeThrough: () => 2, aboutToGo: () => new Set<number>(), mayGoOn: () => true },
      retireUncompressed: (segment) => spare.retire(segment)
    }).run(SIGNAL)
    await spare.end()
  },
  wrong: () => wrongWithFile(FIRST, [LOG]),
  wrongAtEnd: (settled) => (settled && disk().has(join(LOG, FIRST)) ? 'the plain file is there' : temporaries().join())
}

function archiving(start: (made: MemoryDisk) => void): Part {
  return {
    start,
    run: async () => {
      if (disk().has(join(LOG, FIRST))) await moveToArchive(join(LOG, FIRST), ARCHIVE)
    },
    wrong: () => wrongWithFile(FIRST, [LOG, ARCHIVE]),
    wrongAtEnd: (settled) => (settled && disk().has(join(LOG, FIRST)) ? 'it was not moved' : temporaries().join())
  }
}
const linked = archiving(() => undefined)
const onAnotherDisk = archiving((made) => made.otherDisks.push('/memory/archive'))

const labelling: Part = {
  start: (made) => made.put(join(LOG, 'checkpoint'), files.get(FIRST)),
  run: async () => {
    try {
      await archiveCheckpoint(join(LOG, 'checkpoint'), ARCHIVE, 'before')
    } catch (error) {
      if (!(error instanceof WalError) || !disk().has(join(ARCHIVE, 'before.ckpt'))) throw error
    }
  },
  wrong: () => {
    const archived = disk().files().get(join(ARCHIVE, 'before.ckpt'))
    return archived === undefined || archived.equals(files.get(FIRST) as Buffer) ? '' : 'the archived checkpoint is not whole'
  },
  wrongAtEnd: () => (disk().has(join(ARCHIVE, 'before.ckpt')) ? '' : 'the archived checkpoint is lost')
}

const QUARANTINE = join(LOG, 'quarantine')
const reports = (): string[] => [...disk().files().keys()].filter((path) => /^\/memory\/log\/quarantine\/repair-\d+\.json$/.test(path))
const quarantine: Part = {
  run: async () => {
    if (disk().has(join(LOG, FIRST))) await moveToQuarantine(LOG, FIRST)
    await writeLossReport(LOG, { original: LOG, damage: [], tainted: [] })
  },
  wrong: () => {
    for (const path of reports()) if (!disk().bytesOf(path).toString().endsWith('\n}\n')) return `${path} is not whole`
    return wrongWithFile(FIRST, [LOG, QUARANTINE])
  },
  wrongAtEnd: (settled) => (settled && disk().has(join(LOG, FIRST)) ? 'it was not moved' : reports().length === 0 ? 'nothing is told' : '')
}

/** Losses are told one after the other: `told` says how many were, for good. */
let told = 0
const losses: Part = {
  start: () => (told = 0),
  run: async () => {
    for (let count = told + 1; count <= 3; count++) {
      await writeLossFile(LOG, { losses: Array.from({ length: count }, (_, index) => lossOf(DAMAGE, `loss-${index}`, '2026-01-01T00:00:00.000Z')), truncated: false })
      told = count
    }
  },
  wrong: async () => {
    const { content, problem } = await readLossFile(LOG)
    if (problem !== undefined) return problem
    return content.losses.length >= told ? '' : `${content.losses.length} losses are there, ${told} were told`
  },
  wrongAtEnd: () => (told === 3 ? '' : 'not all were told')
}

// --- All of it together

/** The oldest segments compressed, a checkpoint under a label, a second one, and all segments that they stand for archived. */
async function night(): Promise<void> {
  const spare = new Spare()
  const retire = (segment: number): void => spare.retire(segment)
  await new CompressionJob({
    ...{ directory: LOG, completeThrough: () => 3, aboutToGo: () => new Set<number>(), mayGoOn: () => true },
    retireUncompressed: retire
  }).run(SIGNAL)
  await spare.end()
  const recovery = await scanInMemory(LOG, native().scan)
  const stats = { state: 'ok', writtenBytes: 0, segmentOffset: 0, durableLsn: recovery.lastLsn }
  const log = {
    ...{ directory: LOG, segmentBytes: 1 << 17, recovery, isRead: () => false, flush: () => Promise.resolve(), whenComplete: () => Promise.resolve() },
    ...{ onCheckpoint: () => undefined, onFailure: () => undefined, onDiskLow: () => undefined },
    native: { rotate: () => SEGMENTS, completeThrough: () => SEGMENTS, retire, retireUncompressed: retire, stats: () => stats }
  } as unknown as MaintainedLog
  const settings = { checkpointBytes: 1e9, checkpointIntervalMs: 1e9, retentionDays: 7, compression: 'none', diskBudgetBytes: 0, archiveDirectory: ARCHIVE } as const
  const maintenance = new Maintenance(log, settings)
  try {
    if (!disk().has(join(ARCHIVE, 'night.ckpt'))) await maintenance.checkpoint({ label: 'night' })
    await maintenance.compact({ drop: true })
    await spare.end()
  } finally {
    await maintenance.close()
  }
}

const SEGMENT_NAMES = Array.from({ length: SEGMENTS }, (_, index) => segmentName(index + 1))
const together: Part = {
  run: night,
  wrong: async () => {
    for (const name of SEGMENT_NAMES) {
      const wrong = wrongWithFile(name, [LOG, ARCHIVE])
      if (wrong !== '') return wrong
    }
    for (const [path] of disk().files()) {
      if (path.endsWith('.ckpt') && (await scanInMemory(path, native().scan)).damage.length > 0) return `${path} is not whole`
    }
    const outcome = await outcomeOf(inRealDirectory())
    return isDeepStrictEqual(outcome, expected) ? '' : `recovery gives ${inspect(outcome, { depth: 4 })}`
  },
  wrongAtEnd: (settled) => {
    const left = [...disk().files().keys()].filter((path) => dirname(path) === LOG && path.includes('.wal'))
    if (settled && left.length > 0) return `${left.join()}: not archived`
    return disk().has(join(ARCHIVE, 'night.ckpt')) ? '' : 'the archived checkpoint is lost'
  }
}

describe('cut at any change, and once more', () => {
  test('compression', () => survives('compression', compression))
  test('a segment that is moved to the archive', () => survives('archive', linked))
  test('a segment that is moved to another disk', () => survives('archive on another disk', onAnotherDisk))
  test('a checkpoint that is archived under a label', () => survives('label', labelling))
  test('a damaged file that is put in quarantine, and the report of it', () => survives('quarantine', quarantine))
  test('losses that are remembered', () => survives('losses', losses))
  test('compression, checkpoints and retention, one after the other', () => survives('together', together, STATES / 5))
})

describe('a planted bug is caught', () => {
  test('named before it is on stable storage', () => isCaught(compression, 'file sync'))
  test('removed before the other name is durable', () => isCaught({ ...linked, wrongAtEnd: () => '' }, 'directory sync'))
  test('removed before what was written is read back', async () => {
    // The device stores one bit otherwise, and says nothing.
    const misread: Part = { ...compression, start: (made) => (made.stores = (path, bytes) => (path.endsWith('.gz.tmp') ? oneBitOff(bytes) : bytes)) }
    const refused = await explore(world, misread, 1, SEED)
    expect(refused.failures[0]).toMatch(/cannot be read back|does not hold what it was made of/)
    expect(disk().bytesOf(join(LOG, FIRST)).equals(files.get(FIRST) as Buffer)).toBe(true)
    world.readsBack = false
    try {
      await isCaught(misread)
    } finally {
      world.readsBack = true
    }
  })
})

function oneBitOff(bytes: Uint8Array): Uint8Array {
  const stored = Uint8Array.from(bytes)
  stored[stored.length >> 1] = (stored[stored.length >> 1] as number) ^ 4
  return stored
}
