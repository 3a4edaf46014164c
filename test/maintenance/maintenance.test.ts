// Proves on real logs that a log which looks after itself gives back what one would that is left alone: states, buffers and LSNs
// are the same after checkpoints, compaction and retention; that only goes what two whole checkpoints cover, and nothing while
// somebody reads; that checkpoints are kept under a name and restored from; and that what fails or is stopped leaves all as it was.
import { spawnSync } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Operation, recover, restoreCheckpoint, scanLog, Wal, type CheckpointInfo, type MaintenanceStepMessage, type ReplayService } from '../../lib/index.js'
import { Maintenance, type MaintainedLog } from '../../lib/maintenance/maintenance.js'
import { temporaryDirectories } from '../support/temporary-directory.js'
import { feed, holdings, openService, type Counted } from './support.js'

const newDirectory = temporaryDirectories()
/** For what the log does in its own time. */
const WAIT = { timeout: 30_000, interval: 20 }
const opened: Array<{ close: () => Promise<void> }> = []
afterEach(async () => {
  await Promise.allSettled(opened.splice(0).map((each) => each.close()))
})

async function open(directory: string, wal: Parameters<typeof openService>[1] = {}): Promise<ReplayService<Counted>> {
  const service = await openService(directory, wal)
  opened.push(service)
  return service
}

const namesOf = (directory: string, extension: string): string[] => readdirSync(directory).filter((name) => name.endsWith(extension)).sort()

/** Closes and opens again: what it holds must be what it held. */
async function reopened(service: ReplayService<Counted>, directory: string): Promise<ReplayService<Counted>> {
  const before = holdings(service)
  const { lastLsn } = service.wal
  await service.close()
  const again = await open(directory)
  expect(holdings(again)).toEqual(before)
  expect(again.wal.lastLsn).toBe(lastLsn)
  expect(again.wal.recovery.damage).toEqual([])
  return again
}

describe('a checkpoint', () => {
  test('is what the next start begins with: it reads what is live, and comes to the same', async () => {
    const directory = newDirectory()
    const service = await open(directory)
    await feed(service, 10_005)
    const told: CheckpointInfo[] = []
    service.wal.on('checkpoint', (checkpoint) => told.push(checkpoint))
    const checkpoint = await service.wal.checkpoint()
    expect(checkpoint).toMatchObject({ number: 1, lsn: service.wal.lastLsn, file: join(directory, '0000000000000001.ckpt') })
    expect(statSync(checkpoint.file).size).toBe(checkpoint.bytes)
    expect(told).toEqual([checkpoint])
    await feed(service, 10_007, 10_005)
    const again = await reopened(service, directory)
    expect(again.recovery.entries).toBe(checkpoint.entries + 4)
    expect(checkpoint.entries).toBeLessThan(200)
    expect(again.recovery.sources.get(1)?.position).toBe(10_007)
  })

  test('of which nothing has changed since is not written again', async () => {
    const service = await open(newDirectory())
    await feed(service, 100)
    const first = await service.wal.checkpoint()
    expect(await service.wal.checkpoint()).toEqual(first)
  })

  test('of a log that holds nothing is refused', async () => {
    const { wal } = await open(newDirectory())
    await expect(wal.checkpoint()).rejects.toMatchObject({ code: 'ERR_WAL_INVALID_ARGUMENT' })
    expect(await wal.compact()).toEqual({ checkpoint: undefined, removedSegments: [], removedCheckpoints: [] })
  })

  test('written while entries are appended holds none of them up, and loses none', async () => {
    const directory = newDirectory()
    const service = await open(directory)
    await feed(service, 3000)
    const [, checkpoint] = await Promise.all([feed(service, 9000, 3000), service.wal.checkpoint()])
    expect(checkpoint.lsn).toBeLessThan(service.wal.lastLsn)
    await reopened(service, directory)
  })

  test('is written by the package as CommonJS as well', () => {
    const directory = newDirectory()
    const script = `
      const { Wal, Operation } = require(${JSON.stringify(join(import.meta.dirname, '../../dist/cjs/index.js'))})
      Wal.open({ directory: ${JSON.stringify(directory)} }).then(async (wal) => {
        for (let i = 0; i < 10; i++) wal.append(i % 2 ? Operation.COMMIT : Operation.ADD_MEASUREMENT, 'u', null)
        console.log((await wal.checkpoint()).entries)
        await wal.close()
      })`
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' })
    expect([stdout, stderr]).toEqual(['1\n', ''])
  })
})

describe('compaction', () => {
  test('with `drop` leaves two small checkpoints and the active segment; LSNs go on', async () => {
    const directory = newDirectory()
    let service = await open(directory)
    for (const rows of [8000, 16_000, 24_003]) {
      await feed(service, rows)
      const before = service.wal.lastLsn
      const { checkpoint, removedSegments } = await service.wal.compact({ drop: true })
      expect(checkpoint?.lsn).toBe(before)
      expect(removedSegments.length).toBeGreaterThan(5)
      expect(namesOf(directory, '.ckpt')).toHaveLength(2)
      service = await reopened(service, directory)
      expect(service.wal.recovery.segments.filter(({ covered }) => !covered)).toEqual([])
    }
  })

  test('without it keeps the history that retention keeps', async () => {
    const directory = newDirectory()
    const service = await open(directory)
    await feed(service, 4000)
    const { lastLsn } = service.wal
    for (let i = 0; i < 3; i++) {
      await feed(service, 4001 + i, 4000 + i)
      expect((await service.wal.compact()).removedSegments).toEqual([])
    }
    expect(namesOf(directory, '.ckpt')).toEqual(['0000000000000002.ckpt', '0000000000000003.ckpt'])
    let next = 1
    for await (const { lsn } of service.wal.entries()) expect(lsn).toBe(next++)
    expect(next).toBeGreaterThan(lastLsn)
  })

  test('moves segments to the archive, where there is one, and they can be read there', async () => {
    const directory = newDirectory()
    const archiveDirectory = join(newDirectory(), 'deep', 'archive')
    const service = await open(directory, { archiveDirectory })
    await feed(service, 4000)
    const { removedSegments } = await service.wal.compact({ drop: true })
    const archived = namesOf(archiveDirectory, '.wal')
    expect(archived.map((name) => Number.parseInt(name, 10))).toEqual(removedSegments)
    expect((await scanLog(join(archiveDirectory, archived[0] as string))).damage).toEqual([])
    await reopened(service, directory)
  })

  test('removes nothing while somebody reads', async () => {
    const directory = newDirectory()
    const service = await open(directory)
    await feed(service, 4000)
    const reading = service.wal.chunks()
    const first = (await reading.next()).value
    let lsn = first?.lsn(first.length - 1)
    expect((await service.wal.compact({ drop: true })).removedSegments).toEqual([])
    for await (const chunk of reading) lsn = chunk.lsn(chunk.length - 1)
    expect(lsn).toBe(service.wal.lastLsn)
    expect((await service.wal.compact({ drop: true })).removedSegments.length).toBeGreaterThan(1)
    await reopened(service, directory)
  })

  test('carries an idle user’s open buffer forward, however old it is', async () => {
    const directory = newDirectory()
    let service = await open(directory)
    service.buffer.add('idle', { timestamp: 1, value: 42 })
    for (const rows of [2000, 4000, 6000]) {
      await feed(service, rows)
      await service.wal.compact({ drop: true })
      service = await reopened(service, directory)
      expect(service.buffer.measurements('idle')).toEqual([{ timestamp: 1, value: 42 }])
    }
    expect(namesOf(directory, '.wal').length).toBeLessThanOrEqual(2)
  })
})

describe('a log that looks after itself', () => {
  test('writes checkpoints as it grows, and stays within its budget', async () => {
    const directory = newDirectory()
    const budget = 1_500_000
    const service = await open(directory, { maintenance: true, checkpointBytes: 200_000, diskBudgetBytes: budget })
    const checkpoints: CheckpointInfo[] = []
    service.wal.on('checkpoint', (checkpoint) => checkpoints.push(checkpoint))
    for (let rows = 4000; rows <= 40_000; rows += 4000) {
      await feed(service, rows, rows - 4000)
      await service.wal.durable()
      // Until the last look of the scheduler is over.
      await service.wal.compact()
    }
    expect(checkpoints.length).toBeGreaterThan(9)
    const bytes = readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0)
    // The budget, and the file that is given up and filled again.
    expect(bytes).toBeLessThan(budget + 3 * (1 << 17))
    expect(service.wal.health()).toEqual({ status: 'ok', reasons: [] })
    await reopened(service, directory)
  })

  test('that was killed before it wrote a checkpoint removes what two older ones cover', async () => {
    const directory = newDirectory()
    const first = await open(directory)
    for (const rows of [3000, 6000]) {
      await feed(first, rows, rows - 3000)
      await first.wal.checkpoint()
    }
    const before = namesOf(directory, '.wal')
    await first.close()
    // Its budget is exceeded, and its next checkpoint far away.
    const second = await open(directory, { maintenance: true, diskBudgetBytes: 1 })
    await feed(second, 9000, 6000)
    await vi.waitFor(() => expect(namesOf(directory, '.wal')).not.toContain(before[0]), WAIT)
    expect(namesOf(directory, '.ckpt')).toEqual(['0000000000000001.ckpt', '0000000000000002.ckpt'])
    await reopened(second, directory)
  })

  test('compresses complete segments, which read like others', async () => {
    const directory = newDirectory()
    const service = await open(directory, { maintenance: true })
    const steps: string[] = []
    const note = (message: unknown): void => void steps.push((message as MaintenanceStepMessage).step)
    subscribe('ingest-wal:maintenance', note)
    await feed(service, 12_000)
    await service.wal.durable()
    await vi.waitFor(() => expect(service.wal.metrics.wal_compressed_segments_total).toBeGreaterThan(3), WAIT)
    unsubscribe('ingest-wal:maintenance', note)
    expect(steps.slice(0, 4)).toEqual(['written', 'verified', 'named', 'given up'].map((step) => `compression ${step}`))
    expect(namesOf(directory, '.wal.gz').length).toBeGreaterThan(3)
    let entries = 0
    for await (const { lsn } of service.wal.entries()) expect(lsn).toBe(++entries)
    expect(entries).toBe(service.wal.lastLsn)
    await reopened(service, directory)
  })

  test('says when its budget is too small for what it needs', async () => {
    const service = await open(newDirectory(), { diskBudgetBytes: 1000 })
    await feed(service, 100)
    const told: string[][] = []
    service.wal.on('diskLow', ({ reasons }) => told.push(reasons))
    await service.wal.compact()
    expect(told).toHaveLength(1)
    expect(service.wal.health()).toEqual({ status: 'degraded', reasons: told[0] })
    expect(told[0]?.[0]).toMatch(/^the log is \d+ bytes over its budget of 1000 bytes/)
  })

  test('keeps everything where entries are lost, and says that compaction waits', async () => {
    const directory = newDirectory()
    const first = await open(directory)
    await feed(first, 4000)
    await first.close()
    const [, second] = namesOf(directory, '.wal')
    const bytes = readFileSync(join(directory, second as string))
    bytes.fill(0xee, bytes.length >> 1, (bytes.length >> 1) + 10)
    writeFileSync(join(directory, second as string), bytes)
    const service = await open(directory, { maintenance: true, checkpointBytes: 1 })
    const failed = new Promise<{ job: string }>((resolve) => service.wal.on('maintenanceFailed', resolve))
    await expect(service.wal.compact({ drop: true })).rejects.toMatchObject({ code: 'ERR_WAL_CORRUPT' })
    const before = namesOf(directory, '.wal')
    await feed(service, 8000, 4000)
    expect(await failed).toMatchObject({ job: 'checkpoint', error: { code: 'ERR_WAL_CORRUPT' } })
    expect(service.wal.health().status).toBe('damaged')
    expect(service.wal.health().reasons.join('\n')).toContain('compaction waits and every segment is kept: ')
    expect(namesOf(directory, '.wal')).toEqual(expect.arrayContaining(before))
    expect([...namesOf(directory, '.ckpt'), ...namesOf(directory, '.ckpt.tmp')]).toEqual([])
  })
})

describe('age', () => {
  const DAY_MS = 24 * 3_600_000

  /**
   * A log that a second checkpoint is written of on another day, by the wall clock, `openHours` after it was opened. Resolves
   * with the segments that were given up, and the last one that may be.
   */
  async function keptOn(daysLater: number, openHours: number): Promise<{ retired: number[]; removable: number }> {
    const directory = newDirectory()
    const service = await openService(directory)
    await feed(service, 4000)
    await service.wal.checkpoint()
    await feed(service, 8000, 4000)
    await service.close()
    const wal = await Wal.open({ directory, maintenance: false })
    opened.push(wal)
    const retired: number[] = []
    const complete = wal.recovery.segments.at(-1)?.number ?? 0
    const log: MaintainedLog = {
      directory,
      segmentBytes: 1,
      recovery: wal.recovery,
      native: {
        rotate: () => complete,
        completeThrough: () => complete,
        retire: (segment) => void retired.push(segment),
        retireUncompressed: () => undefined,
        stats: () => wal.stats()
      },
      isRead: () => false,
      flush: () => Promise.resolve(),
      whenComplete: () => Promise.resolve(),
      onCheckpoint: () => undefined,
      onFailure: () => undefined,
      onDiskLow: () => undefined
    }
    const settings = { checkpointBytes: 1, checkpointIntervalMs: 1, compression: 'none' as const, retentionDays: 7, diskBudgetBytes: 0, archiveDirectory: '' }
    let monotonicMs = 0
    const maintenance = new Maintenance(log, settings, { wallMs: () => Date.now() + daysLater * DAY_MS, monotonicMs: () => monotonicMs })
    monotonicMs = openHours * 3_600_000
    await maintenance.compact({})
    await maintenance.close()
    return { retired, removable: wal.recovery.checkpoints.at(-1)?.coveredSegment ?? 0 }
  }

  test.each([
    ['younger than the retention stay', 0, 7 * 24 - 1],
    ['stay where the clock was set ahead while the log was closed', 365, 0.99],
    ['stay where it was set back', -365, 24]
  ])('segments %s', async (_, daysLater, openHours) => {
    const { retired, removable } = await keptOn(daysLater, openHours)
    expect(removable).toBeGreaterThan(2)
    expect(retired).toEqual([])
  })

  test.each([
    ['while the log is open', 0, 7 * 24 + 1],
    ['while it was closed, when an hour has shown that the clock is no passing error', 8, 1]
  ])('segments that have become older %s go', async (_, daysLater, openHours) => {
    const { retired, removable } = await keptOn(daysLater, openHours)
    expect(retired).toEqual(Array.from({ length: removable }, (_unused, index) => index + 1))
  })
})

describe('a label', () => {
  test('keeps a checkpoint that a log can be made of again, also when the log has gone on since', async () => {
    const directory = newDirectory()
    const service = await open(directory)
    await feed(service, 4005)
    const then = holdings(service)
    const { lsn } = await service.wal.checkpoint({ label: 'before-the-move' })
    await feed(service, 8000, 4005)
    await service.wal.compact({ drop: true })
    await service.close()
    const restored = join(newDirectory(), 'restored')
    await restoreCheckpoint(join(directory, 'archive', 'before-the-move.ckpt'), restored)
    const again = await open(restored)
    expect(holdings(again)).toEqual(then)
    expect(again.wal.lastLsn).toBe(lsn)
    await feed(again, 8000)
    await reopened(again, restored)
  })

  test('goes to the archive directory, private, and is never given twice', async () => {
    const archiveDirectory = join(newDirectory(), 'archive')
    const service = await open(newDirectory(), { archiveDirectory })
    await feed(service, 100)
    await service.wal.checkpoint({ label: 'v1.0_a' })
    expect(readdirSync(archiveDirectory)).toEqual(['v1.0_a.ckpt'])
    expect(statSync(join(archiveDirectory, 'v1.0_a.ckpt')).mode & 0o777).toBe(0o600)
    expect(statSync(archiveDirectory).mode & 0o777).toBe(0o700)
    const kept = readFileSync(join(archiveDirectory, 'v1.0_a.ckpt'))
    await feed(service, 200, 100)
    await expect(service.wal.checkpoint({ label: 'v1.0_a' })).rejects.toMatchObject({ code: 'ERR_WAL_INVALID_ARGUMENT' })
    expect(readFileSync(join(archiveDirectory, 'v1.0_a.ckpt'))).toEqual(kept)
    expect(readdirSync(archiveDirectory)).toEqual(['v1.0_a.ckpt'])
  })

  test.each(['', '.', '../x', 'a/b', '-x', 'x'.repeat(101), 'ä'])('%j is refused before anything is written', async (label) => {
    const directory = newDirectory()
    const { wal } = await open(directory)
    wal.append(Operation.COMMIT, 'u')
    await expect(wal.checkpoint({ label })).rejects.toMatchObject({ code: 'ERR_WAL_INVALID_ARGUMENT' })
    expect(namesOf(directory, '.ckpt')).toEqual([])
  })
})

describe('restoring', () => {
  async function labelled(): Promise<string> {
    const directory = newDirectory()
    const service = await open(directory)
    await feed(service, 500)
    await service.wal.checkpoint({ label: 'x' })
    await service.close()
    return join(directory, 'archive', 'x.ckpt')
  }

  test('a damaged checkpoint is refused, wherever the damage is, and leaves nothing', async () => {
    const file = await labelled()
    const whole = readFileSync(file)
    const parent = newDirectory()
    for (const at of [0, 600, 5000, whole.length >> 1, whole.length - 20]) {
      const damaged = join(parent, 'damaged.ckpt')
      const bytes = Buffer.from(whole)
      bytes[at] = (bytes[at] as number) ^ 1
      writeFileSync(damaged, bytes)
      await expect(restoreCheckpoint(damaged, join(parent, 'log')), `byte ${at}`).rejects.toMatchObject({ name: 'WalError' })
    }
    expect(readdirSync(parent)).toEqual(['damaged.ckpt'])
  })

  test('a segment, or no file at all, is refused', async () => {
    const file = await labelled()
    const [segment] = namesOf(join(file, '../..'), '.wal')
    const parent = newDirectory()
    await expect(restoreCheckpoint(join(file, '../..', segment as string), join(parent, 'log'))).rejects.toMatchObject({ code: 'ERR_WAL_NOT_A_LOG' })
    await expect(restoreCheckpoint(join(parent, 'nothing.ckpt'), join(parent, 'log'))).rejects.toMatchObject({ code: 'ERR_WAL_NOT_FOUND' })
    expect(readdirSync(parent)).toEqual([])
  })

  test('into a directory that holds something is refused, and leaves that', async () => {
    const file = await labelled()
    const parent = newDirectory()
    mkdirSync(join(parent, 'log'))
    copyFileSync(file, join(parent, 'log', 'mine'))
    await expect(restoreCheckpoint(file, join(parent, 'log'))).rejects.toMatchObject({ code: 'ERR_WAL_INVALID_ARGUMENT' })
    expect(readdirSync(parent)).toEqual(['log'])
    expect(readdirSync(join(parent, 'log'))).toEqual(['mine'])
  })
})

describe('what is stopped', () => {
  test('by a signal leaves no checkpoint, and the log as it was', async () => {
    const directory = newDirectory()
    const service = await open(directory)
    await feed(service, 20_000)
    await expect(service.wal.checkpoint({ signal: AbortSignal.abort('no') })).rejects.toMatchObject({ code: 'ERR_WAL_ABORTED', cause: 'no' })
    for (const afterMs of [0, 20, 60]) {
      const stopped = await service.wal.checkpoint({ signal: AbortSignal.timeout(afterMs) }).catch((error: unknown) => error)
      if (stopped instanceof Error) expect(stopped).toMatchObject({ code: 'ERR_WAL_ABORTED' })
    }
    expect(namesOf(directory, '.ckpt.tmp')).toEqual([])
    await service.wal.checkpoint()
    await reopened(service, directory)
  })

  test('by close is refused as closed, and close does not wait for the rest', async () => {
    const directory = newDirectory()
    const service = await open(directory)
    await feed(service, 20_000)
    const before = holdings(service)
    const stopped = service.wal.checkpoint().then(
      () => 'written',
      (error: unknown) => (error as { code: string }).code
    )
    await service.wal.durable()
    await service.close()
    expect(['ERR_WAL_CLOSED', 'written']).toContain(await stopped)
    expect(namesOf(directory, '.ckpt.tmp')).toEqual([])
    await expect(service.wal.checkpoint()).rejects.toMatchObject({ code: 'ERR_WAL_CLOSED' })
    await expect(service.wal.compact()).rejects.toMatchObject({ code: 'ERR_WAL_CLOSED' })
    expect(holdings(await open(directory))).toEqual(before)
  })

  test('without maintenance nothing is written', async () => {
    const directory = newDirectory()
    const service = await open(directory, { maintenance: false, checkpointBytes: 1, diskBudgetBytes: 1 })
    await feed(service, 8000)
    await service.close()
    expect(namesOf(directory, '.ckpt')).toEqual([])
    expect(existsSync(join(directory, 'archive'))).toBe(false)
    expect((await recover(await Wal.open({ directory }).then((wal) => (opened.push(wal), wal)))).tainted).toEqual([])
  })
})
