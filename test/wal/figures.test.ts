// The specification of what a log says of itself: events, stats, metrics and health.
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { METRICS, Operation, type HistogramValue, type Wal } from '../../lib/index.js'
import { native } from '../../lib/native.js'
import { QUIET, useTestLog } from './support.js'

const log = useTestLog()

async function fill(wal: Wal, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    while (!wal.hasRoom(1, 1004)) await wal.drained()
    wal.append(Operation.ADD_MEASUREMENT, 'user', new Uint8Array(1000))
  }
  await wal.durable()
}

describe('events', () => {
  test('rotate names each new segment and its first entry', async () => {
    const wal = await log.open({ segmentBytes: 1 << 16 })
    const rotations: { segment: number; lsn: number }[] = []
    wal.on('rotate', (rotation) => rotations.push(rotation))
    await fill(wal, 300)
    await wal.close()
    const again = await log.open()
    const segments = again.recovery.segments.map(({ number, firstLsn }) => ({ segment: number, lsn: firstLsn }))
    expect(rotations.length).toBeGreaterThan(3)
    expect(rotations).toEqual(segments.slice(1))
  })
})

describe('stats', () => {
  test('count what was done', async () => {
    const wal = await log.open(QUIET)
    expect(wal.stats()).toMatchObject({ appends: 0, batches: 0, syncs: 0, lastLsn: 0, durableLsn: 0, state: 'ok', killSafe: true })
    for (let i = 0; i < 10; i++) wal.append(Operation.ADD_MEASUREMENT, 'user', new Uint8Array(100))
    expect(wal.stats()).toMatchObject({ appends: 10, lastLsn: 10, durableLsn: 0, batches: 0 })
    expect(wal.stats().queueBytes).toBeGreaterThan(1000)
    await wal.durable()
    expect(wal.stats()).toMatchObject({ appends: 10, durableLsn: 10, batches: 1, syncs: 1, queueBytes: 0, segment: 1 })
    expect(wal.stats().writtenBytes).toBeGreaterThan(1000)
  })

  test('appending wakes the writer at most once a batch', async () => {
    const wal = await log.open(QUIET)
    for (let i = 0; i < 10_000; i++) wal.append(Operation.ADD_MEASUREMENT, 'user', null)
    expect(wal.stats().wakeups).toBeLessThanOrEqual(wal.stats().batches + 2)
  })
})

describe('metrics', () => {
  test('are those of the catalogue, each a finite number, from the beginning', async () => {
    const { metrics } = await log.open()
    expect(Object.keys(metrics).sort()).toEqual(METRICS.filter((metric) => metric.of === 'log').map((metric) => metric.name).sort())
    for (const [name, value] of Object.entries(metrics)) {
      const numbers = typeof value === 'number' ? [value] : Object.values(value).flat()
      expect(numbers.length, name).toBeGreaterThan(0)
      for (const number of numbers) expect(number, name).toSatisfy(Number.isFinite)
    }
  })

  test('tell what stats tells, under their Prometheus names', async () => {
    const wal = await log.open()
    await fill(wal, 10)
    // Of a log that is closed, so that nothing is written between the two looks.
    await wal.close()
    const stats = wal.stats()
    expect(wal.metrics).toMatchObject({
      wal_appends_total: stats.appends,
      wal_batches_total: stats.batches,
      wal_syncs_total: stats.syncs,
      wal_written_bytes_total: stats.writtenBytes,
      wal_written_ahead_bytes_total: stats.writtenAheadBytes,
      wal_rotations_total: stats.rotations,
      wal_recycled_segments_total: stats.recycledSegments,
      wal_backpressure_total: stats.backpressure,
      wal_last_lsn: 10,
      wal_durable_lsn: 10,
      wal_queue_bytes: 0,
      wal_queue_capacity_bytes: stats.queueCapacityBytes,
      wal_recovery_duration_seconds: wal.recovery.durationMs / 1000
    })
    expect(wal.metrics.wal_recovery_duration_seconds).toBeGreaterThan(0)
  })

  test('histograms count every sync, every flush and every batch, in base units', async () => {
    const wal = await log.open(QUIET)
    for (let batch = 0; batch < 5; batch++) await fill(wal, 10)
    await wal.close()
    const { metrics } = wal
    expect(metrics.wal_fsync_duration_seconds.count).toBe(metrics.wal_syncs_total)
    expect(metrics.wal_flush_duration_seconds.count).toBe(metrics.wal_syncs_total)
    expect(metrics.wal_batch_entries).toMatchObject({ count: metrics.wal_batches_total, sum: 50 })
    expect(metrics.wal_batch_bytes.sum).toBeGreaterThan(50_000)
    expect(metrics.wal_batch_bytes.sum).toBeLessThanOrEqual(metrics.wal_written_bytes_total)
    expect(metrics.wal_fsync_duration_seconds.bounds[0]).toBe(0.000016)
    expect(metrics.wal_fsync_duration_seconds.sum).toBeGreaterThan(0)
    expect(metrics.wal_fsync_duration_seconds.sum).toBeLessThan(metrics.wal_flush_duration_seconds.sum)
    for (const histogram of Object.values(metrics).filter((value): value is HistogramValue => typeof value === 'object' && 'bounds' in value)) {
      expect(histogram.counts.length).toBe(histogram.bounds.length + 1)
      expect(histogram.counts.reduce((total, count) => total + count, 0)).toBe(histogram.count)
    }
  })

  test('appends are timed, whether they are entries or measurements', async () => {
    const wal = await log.open(QUIET)
    wal.append(Operation.COMMIT, 'user', null)
    const { count } = wal.metrics.wal_append_duration_seconds
    expect(count).toBeGreaterThan(0)
    for (let i = 0; i < 10_000; i++) wal.appendMeasurement('user', i, i)
    const after = wal.metrics.wal_append_duration_seconds
    expect(after.count).toBeGreaterThan(count)
    expect(after.count).toBeLessThan(1000)
    expect(after.sum).toBeGreaterThan(0)
  })

  test('collected, they tell what the directory holds now', async () => {
    const wal = await log.open({ segmentBytes: 1 << 16, maintenance: false })
    await fill(wal, 300)
    const { wal_segments, wal_size_bytes, wal_disk_free_bytes } = await wal.collectMetrics()
    expect(wal_segments).toBeGreaterThan(3)
    expect(wal_size_bytes).toBeGreaterThan(300_000)
    expect(wal_disk_free_bytes).toBeGreaterThan(0)
    expect(wal.metrics).toMatchObject({ wal_segments, wal_size_bytes, wal_disk_free_bytes })
  })

  test('tell of checkpoints that were written and of segments that were removed', async () => {
    const wal = await log.open({ segmentBytes: 1 << 16 })
    expect(wal.metrics).toMatchObject({ wal_checkpoints_total: 0, wal_checkpoint_lsn: 0, wal_removed_segments_total: 0 })
    await fill(wal, 300)
    const { checkpoint, removedSegments } = await wal.compact({ drop: true })
    expect(removedSegments.length).toBeGreaterThan(2)
    const { wal_checkpoint_duration_seconds, wal_checkpoint_age_seconds, ...metrics } = wal.metrics
    expect(metrics).toMatchObject({
      wal_checkpoints_total: 2,
      wal_checkpoint_lsn: checkpoint?.lsn,
      wal_removed_segments_total: removedSegments.length,
      wal_health: { ok: 1, degraded: 0, damaged: 0, failed: 0 }
    })
    expect(wal_checkpoint_duration_seconds.count).toBe(2)
    expect(wal_checkpoint_age_seconds).toBeGreaterThanOrEqual(0)
  })

  test('a damaged place is counted once, by its kind, however often it is read; health names it', async () => {
    const first = await log.open()
    await fill(first, 10)
    await first.close()
    flipByteOf(join(log.directory, '0000000000000001.wal'), 12_000)
    const wal = await log.open()
    const expected = { ...Object.fromEntries(native().damageKinds.map((kind) => [kind, 0])), entry: 1 }
    expect(wal.metrics.wal_corruptions_total).toEqual(expected)
    for (let pass = 0; pass < 3; pass++) for await (const _ of wal.entries()) continue
    expect(wal.metrics.wal_corruptions_total).toEqual(expected)
    expect(wal.metrics.wal_health).toEqual({ ok: 0, degraded: 0, damaged: 1, failed: 0 })
    expect(wal.health()).toEqual({ status: 'damaged', reasons: [expect.stringMatching(/^entry damage in 0000000000000001\.wal, LSN \d+ lost/)] })
  })

  test('damage that comes after the log was opened is counted when it is read', async () => {
    const wal = await log.open()
    await fill(wal, 10)
    flipByteOf(join(log.directory, '0000000000000001.wal'), 12_000)
    expect(wal.health().status).toBe('ok')
    for await (const _ of wal.entries()) continue
    expect(wal.metrics.wal_corruptions_total['entry']).toBe(1)
    expect(wal.health().status).toBe('damaged')
  })
})

function flipByteOf(path: string, at: number): void {
  const file = openSync(path, 'r+')
  const byte = Buffer.alloc(1)
  readSync(file, byte, 0, 1, at)
  writeSync(file, Buffer.of((byte[0] as number) ^ 0xff), 0, 1, at)
  closeSync(file)
}

test('health of a log that does what it promises is ok, without a reason', async () => {
  expect((await log.open()).health()).toEqual({ status: 'ok', reasons: [] })
})

test('recovery of a new log: created, clean, nothing in it', async () => {
  const { recovery } = await log.open()
  expect(recovery).toMatchObject({ created: true, clean: true, entries: 0, lastLsn: 0, damage: [], tornTail: null, carriedEntries: 0 })
  expect(recovery.logId).not.toBe('')
})
