// Proves, on real file systems, that a log under load whose disk becomes full loses nothing that it took and goes on by itself
// when there is room again: it says that it is degraded, by event and by health; it takes what the ring has room for and then
// refuses, in bounded memory; no waiter is rejected or forgotten; nothing half-written is left behind. A process that is killed
// while the disk is full loses nothing either. On ext4, on ext4 without extents, where there is no fallocate and the disk becomes
// full in the midst of a write, and on tmpfs.
//
// Needs root and loop devices; says so where it has none, and proves nothing then.
//   INGEST_WAL_FULL_SECONDS   how long the disk stays full (10)
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, statfsSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { scanLog, type WalHealth } from '../../lib/index.js'
import { expectWhole } from './children/faulty-life.mjs'

const FULL_MS = 1000 * Number(process.env['INGEST_WAL_FULL_SECONDS'] ?? 10)
const MEGABYTE = 2 ** 20
/** What the log has, until there is room again. */
const FREE_BYTES = 12 * MEGABYTE
const IMAGE_BYTES = 64 * MEGABYTE
/** Of the process, while nothing goes on: less than what it would keep if it kept what it was given. */
const MOST_GROWTH_BYTES = 48 * MEGABYTE
const ANSWER_MS = 30_000
const PROGRAM = join(import.meta.dirname, 'children/fill-disk.mjs')

interface Disk {
  name: string
  preallocates: boolean
  /** Mounts it at `mountPoint`. `image` is a file of IMAGE_BYTES. */
  mount: (image: string, mountPoint: string) => string[][]
}

const ext4 = (features: string) => (image: string, mountPoint: string) => [
  ['mkfs.ext4', '-q', '-F', ...(features === '' ? [] : ['-O', features]), image],
  ['mount', '-o', 'loop', image, mountPoint]
]
const DISKS: readonly Disk[] = [
  { name: 'ext4', preallocates: true, mount: ext4('') },
  { name: 'ext4 without fallocate', preallocates: false, mount: ext4('^extents,^64bit,^metadata_csum') },
  { name: 'tmpfs', preallocates: true, mount: (_, mountPoint) => [['mount', '-t', 'tmpfs', '-o', 'size=48m', 'none', mountPoint]] }
]

/** What the child says. */
interface Told {
  event: 'degraded' | 'resumed' | 'failed' | 'rejected' | 'figures' | 'done'
  code?: string
  state: string
  preallocated: boolean
  killSafe: boolean
  health: WalHealth
  accepted: number
  durable: number
  refused: number
  waiting: number
  rssBytes: number
}

/** A mounted disk; undefined, with a word why, where that cannot be had. It goes when the test is over. */
function mounted({ name, mount }: Disk): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'ingest-wal-full-'))
  const mountPoint = join(folder, 'mount')
  mkdirSync(mountPoint)
  onTestFinished(() => {
    spawnSync('umount', [mountPoint])
    rmSync(folder, { recursive: true, force: true })
  })
  const image = join(folder, 'image')
  writeFileSync(image, '')
  truncateSync(image, IMAGE_BYTES)
  for (const [command = '', ...args] of mount(image, mountPoint)) {
    const done = spawnSync(command, args, { encoding: 'utf8' })
    if (done.status === 0) continue
    process.stderr.write(`disk-full: ${name} cannot be mounted here (${done.error?.message ?? done.stderr.trim()}): not checked\n`)
    return undefined
  }
  return mountPoint
}

const freeBytes = (path: string): number => {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}

/** Leaves FREE_BYTES; returns what gives the rest back. */
function fill(mountPoint: string): () => void {
  const path = join(mountPoint, 'filler')
  const file = openSync(path, 'w')
  const zeros = Buffer.alloc(MEGABYTE)
  while (freeBytes(mountPoint) > FREE_BYTES) writeSync(file, zeros)
  closeSync(file)
  return () => rmSync(path)
}

class Writer {
  readonly told: Told[] = []
  readonly process: ChildProcess
  readonly #ended: Promise<unknown>
  #stderr = ''

  constructor(directory: string) {
    const child = spawn(process.execPath, [PROGRAM, directory], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.process = child
    onTestFinished(() => void child.kill('SIGKILL'))
    child.stderr.on('data', (bytes: Buffer) => (this.#stderr += bytes.toString()))
    createInterface({ input: child.stdout }).on('line', (line) => this.told.push(JSON.parse(line) as Told))
    this.#ended = once(child, 'close')
  }

  /** The first that it tells of this kind. */
  async hears(event: Told['event']): Promise<Told> {
    for (const until = Date.now() + ANSWER_MS; Date.now() < until; await sleep(20)) {
      const found = this.told.find((told) => told.event === event)
      if (found !== undefined) return found
    }
    throw new Error(`never '${event}', but ${JSON.stringify(this.told.slice(-3))} ${this.#stderr}`)
  }

  async ends(): Promise<{ code: number | null; signal: NodeJS.Signals | null; stderr: string }> {
    await this.#ended
    return { code: this.process.exitCode, signal: this.process.signalCode, stderr: this.#stderr }
  }

  last(): Told {
    const last = this.told.at(-1)
    if (last === undefined) throw new Error('it has told nothing')
    return last
  }
}

async function untilFull(disk: Disk): Promise<{ writer: Writer; directory: string; giveBack: () => void } | undefined> {
  const mountPoint = mounted(disk)
  if (mountPoint === undefined) return undefined
  const giveBack = fill(mountPoint)
  const directory = join(mountPoint, 'log')
  const writer = new Writer(directory)
  const degraded = await writer.hears('degraded')
  expect(degraded).toMatchObject({ code: 'ERR_WAL_NO_SPACE', preallocated: disk.preallocates, killSafe: true })
  return { writer, directory, giveBack }
}

/** Segments, the log's id and its lock; all sealed, none damaged, and all entries. */
async function expectNothingHalfDone(directory: string, entries: number): Promise<void> {
  const names = readdirSync(directory).filter((name) => !name.endsWith('.wal'))
  expect(names.sort()).toEqual(['LOCK', 'log.id'])
  const { damage, tornTail, segments } = await scanLog(directory)
  expect(damage).toEqual([])
  expect(tornTail).toBe(null)
  expect(segments.filter(({ state }) => state !== 'sealed')).toEqual([])
  expect(await expectWhole(directory, entries, entries)).toBe(entries)
}

test.each(DISKS)('a full disk is waited for, and nothing is lost: $name', async (disk) => {
  const full = await untilFull(disk)
  if (full === undefined) return
  const { writer, directory, giveBack } = full
  await sleep(FULL_MS / 2)
  const half = writer.last()
  await sleep(FULL_MS / 2)
  const late = writer.last()
  expect(late).toMatchObject({ state: 'degraded', health: { status: 'degraded' } })
  expect(late.health.reasons.join()).toContain('the disk is full')
  expect(late.accepted, 'the ring is full, and no more is taken').toBe(half.accepted)
  expect(late.accepted, 'what was taken waits').toBeGreaterThan(late.durable)
  expect(late.refused).toBeGreaterThan(half.refused)
  expect(late.waiting).toBeGreaterThan(half.waiting)
  expect(late.rssBytes - half.rssBytes).toBeLessThan(MOST_GROWTH_BYTES)
  expect(writer.told.map(({ event }) => event)).not.toContain('resumed')

  giveBack()
  const resumed = await writer.hears('resumed')
  expect(resumed.state).toBe('ok')
  const done = await writer.hears('done')
  expect(done).toMatchObject({ state: 'ok', durable: done.accepted, waiting: 0 })
  expect(done.health.reasons.join()).not.toContain('full')
  expect(await writer.ends()).toEqual({ code: 0, signal: null, stderr: '' })
  expect(writer.told.filter(({ event }) => event === 'failed' || event === 'rejected')).toEqual([])
  await expectNothingHalfDone(directory, done.accepted)
})

test.each(DISKS)('a process that is killed while the disk is full loses nothing: $name', async (disk) => {
  const full = await untilFull(disk)
  if (full === undefined) return
  const { writer, directory, giveBack } = full
  await writer.hears('figures')
  writer.process.kill('SIGKILL')
  expect((await writer.ends()).signal).toBe('SIGKILL')
  const { accepted } = writer.last()
  giveBack()
  // It may have taken more since it told.
  await expectWhole(directory, accepted, accepted + 10_000)
})
