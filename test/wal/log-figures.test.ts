// Proves that the figures which a log shows to other processes are those that it has itself, whoever writes, and that looking
// at them changes nothing. That no entry is read for it, native/test/inspect_test.cc shows.
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { logDiskUse, logFigures, Operation } from '../../lib/index.js'
import { startChild } from '../crash/support.js'
import { fingerprint } from '../support/logs.js'
import { code, QUIET, useTestLog } from './support.js'

const log = useTestLog()
const payload = new Uint8Array(100)

test('are those of the metrics of the log itself', async () => {
  const wal = await log.open({ ...QUIET, maintenance: false })
  for (let batch = 1; batch <= 5; batch++) {
    for (let i = 0; i < batch; i++) wal.append(Operation.ADD_MEASUREMENT, `user-${i}`, payload)
    await wal.durable()
  }
  wal.append(Operation.ADD_MEASUREMENT, 'staged', payload)
  const metrics = wal.metrics
  const stats = wal.stats()
  expect(await logFigures(log.directory)).toEqual({
    logId: stats.logId,
    live: true,
    segments: 1,
    compressedSegments: 0,
    checkpoints: 0,
    checkpoint: null,
    writer: {
      begun: expect.closeTo(Date.now(), -5) as number,
      state: 'ok',
      lastLsn: 16,
      durableLsn: 15,
      queueBytes: metrics.wal_queue_bytes,
      queueCapacityBytes: metrics.wal_queue_capacity_bytes,
      batches: 5,
      syncs: 5,
      writtenBytes: metrics.wal_written_bytes_total,
      rotations: 0,
      segment: stats.segment,
      segmentOffset: stats.segmentOffset,
      fsyncDuration: metrics.wal_fsync_duration_seconds,
      flushDuration: metrics.wal_flush_duration_seconds,
      batchEntries: { ...metrics.wal_batch_entries, sum: 15, count: 5 },
      batchBytes: metrics.wal_batch_bytes
    }
  })
})

test('name the newest checkpoint and count what is compressed', async () => {
  const wal = await log.open({ segmentBytes: 65_536, maintenance: false })
  for (let i = 0; i < 3000; i++) wal.append(Operation.ADD_MEASUREMENT, 'user', payload)
  await wal.durable()
  const { lsn } = await wal.checkpoint()
  const figures = await logFigures(log.directory)
  const segments = readdirSync(log.directory).filter((name) => /\.wal(\.gz)?$/.test(name))
  expect(segments.length).toBeGreaterThan(3)
  expect(figures).toMatchObject({ segments: segments.length, checkpoints: 1, checkpoint: { number: 1, coveredLsn: lsn } })
  expect(figures.compressedSegments).toBe(segments.filter((name) => name.endsWith('.gz')).length)
  expect(Math.abs(Date.now() - (figures.checkpoint?.created ?? 0))).toBeLessThan(60_000)
})

describe('of a writer in another process', () => {
  /** LSNs that a child has reported, the last 8 bytes of them. */
  async function startWriter(directory: string): Promise<{ kill: () => Promise<void> }> {
    let reported = 0
    const { process: child, ended } = startChild('append-and-report.mjs', [directory, '1', '100', '{"batchIntervalMs":5}'], (bytes) => {
      reported += bytes.length / 8
    })
    // Before open, when open, and a hundred.
    while (reported < 102) await new Promise((resolve) => setTimeout(resolve, 5))
    return {
      kill: async () => {
        child.kill('SIGKILL')
        await ended
      }
    }
  }

  async function whenDurable(lsn: number): Promise<Awaited<ReturnType<typeof logFigures>>> {
    for (;;) {
      const figures = await logFigures(log.directory)
      if (figures.writer?.durableLsn === lsn) return figures
    }
  }

  test('stay when it is killed, and begin anew with the next one', async () => {
    const writer = await startWriter(log.directory)
    const living = await whenDurable(100)
    expect(living.live).toBe(true)
    expect(living.writer?.lastLsn).toBe(100)
    expect(living.writer?.batchEntries.sum).toBe(100)
    expect(living.writer?.fsyncDuration.count).toBe(living.writer?.syncs)
    await writer.kill()
    expect(await logFigures(log.directory)).toEqual({ ...living, live: false })

    const wal = await log.open({ ...QUIET, maintenance: false })
    const next = await logFigures(log.directory)
    expect(next).toMatchObject({ live: true, writer: { lastLsn: 100, durableLsn: 100, batches: 0, syncs: 0 } })
    expect(next.writer?.begun).toBeGreaterThan(living.writer?.begun ?? Infinity)
    await wal.close()
    expect(await logFigures(log.directory)).toMatchObject({ live: false, writer: null })
  })

  test('only grow, however often one looks meanwhile', async () => {
    const child = startChild('append-and-report.mjs', [log.directory, '1', '1000000', '{"batchIntervalMs":1,"maintenance":false}'], () => undefined)
    const hasBegun = () => logFigures(log.directory).then(({ writer }) => (writer?.syncs ?? 0) > 0, () => false)
    while (!(await hasBegun())) await new Promise((resolve) => setTimeout(resolve, 5))
    let before: number[] = []
    for (let look = 0; look < 200; look++) {
      const { writer } = await logFigures(log.directory)
      if (writer === null) throw new Error('the writer shows no figures')
      const histograms = [writer.fsyncDuration, writer.flushDuration, writer.batchEntries, writer.batchBytes]
      const now = [writer.lastLsn, writer.durableLsn, writer.syncs, writer.writtenBytes, ...histograms.flatMap(({ counts, sum }) => [...counts, sum])]
      expect(now.filter((value, index) => value < (before[index] ?? 0))).toEqual([])
      expect(writer.queueBytes).toBeLessThanOrEqual(writer.queueCapacityBytes)
      before = now
    }
    expect(child.process.exitCode).toBe(null)
    child.process.kill('SIGKILL')
    await child.ended
    // Takes over what the child had staged, and gives the ring back when it is closed.
    await log.open({ maintenance: false })
  })
})

test('looking changes nothing', async () => {
  const wal = await log.open({ ...QUIET, maintenance: false })
  wal.append(Operation.ADD_MEASUREMENT, 'staged', payload)
  const before = fingerprintOfNames(log.directory)
  for (let look = 0; look < 5; look++) expect((await logFigures(log.directory)).writer?.lastLsn).toBe(1)
  expect(fingerprintOfNames(log.directory)).toEqual(before)
  expect(await wal.close()).toBe(undefined)
  const closed = fingerprint(log.directory)
  await logFigures(log.directory)
  await logDiskUse(log.directory)
  expect(fingerprint(log.directory)).toEqual(closed)
})

/** Without the contents: the one segment of a live log is written ahead meanwhile. */
function fingerprintOfNames(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => `${name} ${statSync(join(directory, name)).mode.toString(8)}`)
}

test('the disk is told in bytes', async () => {
  const wal = await log.open({ maintenance: false })
  wal.append(Operation.ADD_MEASUREMENT, 'user', payload)
  await wal.close()
  const { sizeBytes, freeBytes } = await logDiskUse(log.directory)
  const bytes = readdirSync(log.directory).reduce((sum, name) => sum + statSync(join(log.directory, name)).size, 0)
  expect(sizeBytes).toBe(bytes)
  expect(freeBytes).toBeGreaterThan(0)
})

test('what is no log says so', async () => {
  const empty = mkdtempSync(join(log.directory, 'empty-'))
  onTestFinished(() => rmSync(empty, { recursive: true, force: true }))
  writeFileSync(join(empty, 'file'), 'no log')
  await expect(logFigures(empty)).rejects.toMatchObject(code('ERR_WAL_NOT_A_LOG'))
  await expect(logFigures(join(empty, 'file'))).rejects.toMatchObject(code('ERR_WAL_INVALID_ARGUMENT'))
  await expect(logFigures(join(empty, 'absent'))).rejects.toMatchObject(code('ERR_WAL_NOT_FOUND'))
  await expect(logDiskUse(join(empty, 'absent'))).rejects.toMatchObject(code('ERR_WAL_NOT_FOUND'))
  await expect((async () => logFigures(''))()).rejects.toMatchObject(code('ERR_WAL_INVALID_ARGUMENT'))
})

test('a ring that others could have written to shows none', async () => {
  const wal = await log.open({ ...QUIET, maintenance: false })
  const ring = `/dev/shm/ingest-wal-${wal.stats().logId.slice(0, 16)}-0`
  chmodSync(ring, 0o666)
  expect(await logFigures(log.directory)).toMatchObject({ live: true, writer: null })
  chmodSync(ring, 0o600)
  expect((await logFigures(log.directory)).writer).not.toBe(null)
})
