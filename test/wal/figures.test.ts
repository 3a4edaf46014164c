// The specification of what a log says of itself: events, stats, metrics and health.
import { describe, expect, test } from 'vitest'
import { Operation, type Wal } from '../../lib/index.js'
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

  test('metrics are the same figures under their Prometheus names', async () => {
    const wal = await log.open()
    await fill(wal, 10)
    // Of a log that is closed, so that nothing is written between the two looks.
    await wal.close()
    const stats = wal.stats()
    expect(wal.metrics).toEqual({
      wal_appends_total: stats.appends,
      wal_batches_total: stats.batches,
      wal_syncs_total: stats.syncs,
      wal_written_bytes_total: stats.writtenBytes,
      wal_written_ahead_bytes_total: stats.writtenAheadBytes,
      wal_rotations_total: stats.rotations,
      wal_backpressure_total: stats.backpressure,
      wal_last_lsn: 10,
      wal_durable_lsn: 10,
      wal_queue_bytes: 0,
      wal_recovery_duration_seconds: wal.recovery.durationMs / 1000
    })
    expect(wal.metrics.wal_recovery_duration_seconds).toBeGreaterThan(0)
  })
})

test('health of a log that does what it promises is ok, without a reason', async () => {
  expect((await log.open()).health()).toEqual({ status: 'ok', reasons: [] })
})

test('recovery of a new log: created, clean, nothing in it', async () => {
  const { recovery } = await log.open()
  expect(recovery).toMatchObject({ created: true, clean: true, entries: 0, lastLsn: 0, damage: [], tornTail: null, carriedEntries: 0 })
  expect(recovery.logId).not.toBe('')
})
