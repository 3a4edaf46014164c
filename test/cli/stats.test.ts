/** Proves that `stats` counts what is there, in words and as JSON, of closed, torn, damaged and live logs. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { histogramQuantile, Operation, Wal } from '../../lib/index.js'
import { runCli } from '../support/command-line.js'
import { flipBit } from '../support/damage.js'
import { closedLog, Recorder, segmentFiles, type Appended } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const newDirectory = temporaryDirectories()

async function someLog(directory: string): Promise<Appended[]> {
  return closedLog(directory, async (recorder) => {
    await recorder.measurements(10)
    recorder.append(Operation.COMMIT, 'user-0', 'state')
  })
}

function rowsOf(text: string): Record<string, string> {
  return Object.fromEntries(text.split('\n').slice(0, -1).map((line) => line.split(/\s{2,}/, 2) as [string, string]))
}

async function statsJson(directory: string): Promise<Record<string, unknown>> {
  const { code, stdout } = await runCli(['stats', directory, '--format', 'json'])
  expect(code).toBe(0)
  return JSON.parse(stdout) as Record<string, unknown>
}

describe('figures', () => {
  it('as JSON', async () => {
    const directory = newDirectory()
    const appended = await someLog(directory)
    expect(await statsJson(directory)).toMatchObject({
      directory,
      logId: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      formatVersion: 3,
      live: false,
      segments: 1,
      entries: 11,
      firstLsn: 1,
      lastLsn: 11,
      provenLsn: 11,
      users: 5,
      operations: { START_BUFFER: 0, ADD_MEASUREMENT: 10, END_BUFFER: 0, CHECKPOINT: 0, COMMIT: 1, ROLLBACK: 0 },
      payloadBytes: appended.reduce((sum, { payload }) => sum + payload.byteLength, 0),
      ring: { found: false, entries: 0 },
      tornTail: null,
      damagedPlaces: 0,
      lostEntries: 0
    })
  })

  it('as a table', async () => {
    const directory = newDirectory()
    await someLog(directory)
    const { code, stdout } = await runCli(['stats', directory])
    expect(code).toBe(0)
    const rows = rowsOf(stdout)
    expect(rows).toMatchObject({
      writer: 'none',
      segments: '1 (1 sealed)',
      entries: '11',
      LSN: '1-11',
      users: '5',
      operations: 'ADD_MEASUREMENT 10, COMMIT 1',
      tail: 'whole',
      damage: 'none'
    })
    expect(Date.parse(rows['first entry'] as string)).toBeLessThanOrEqual(Date.parse(rows['last entry'] as string))
  })

  it('of a log without entries', async () => {
    const directory = newDirectory()
    await closedLog(directory, () => undefined)
    expect(await statsJson(directory)).toMatchObject({ entries: 0, users: 0, lastLsn: 0, firstTimestamp: null, lastTimestamp: null })
    expect(rowsOf((await runCli(['stats', directory])).stdout)).toMatchObject({ LSN: '-', 'first entry': '-', operations: '-' })
  })

  it('of a live log, what is only staged included', async () => {
    const wal = await Wal.open({ directory: newDirectory(), batchIntervalMs: 3_600_000 })
    const recorder = new Recorder(wal)
    recorder.append(Operation.ADD_MEASUREMENT, 'ann', '1')
    recorder.append(Operation.ADD_MEASUREMENT, 'bob', '2')
    expect(await statsJson(wal.directory)).toMatchObject({
      live: true,
      entries: 2,
      firstLsn: 1,
      lastLsn: 2,
      users: 2,
      ring: { found: true, firstLsn: 1, lastLsn: 2, entries: 2 },
      writer: { state: 'ok', batches: 0, syncs: 0, fsync: { count: 0, p50Seconds: null, p99Seconds: null } }
    })
    expect(rowsOf((await runCli(['stats', wal.directory])).stdout)).toMatchObject({
      writer: 'running',
      'staging ring': '2 entries',
      fsync: expect.stringMatching(/^0 syncs since \S+Z$/) as string
    })
    await wal.close()
  })

  it('of the syncs of a live log, whose process is another one', async () => {
    const wal = await Wal.open({ directory: newDirectory(), batchIntervalMs: 3_600_000 })
    await new Recorder(wal).measurements(30, 10)
    const { wal_fsync_duration_seconds: own } = wal.metrics
    expect(own.count).toBe(3)
    const { writer } = (await statsJson(wal.directory)) as { writer: Record<string, unknown> }
    expect(writer).toMatchObject({ batches: 3, syncs: 3, writtenBytes: wal.metrics.wal_written_bytes_total })
    const [p50Seconds, p99Seconds] = [0.5, 0.99].map((quantile) => histogramQuantile(own, quantile))
    expect(writer['fsync']).toEqual({ count: 3, p50Seconds, p99Seconds })
    const times = /^3 syncs since \S+Z: p50 [\d.]+ (µs|ms|s), p99 [\d.]+ (µs|ms|s)$/
    expect(rowsOf((await runCli(['stats', wal.directory])).stdout)['fsync']).toMatch(times)
    await wal.close()
    expect(rowsOf((await runCli(['stats', wal.directory])).stdout)).not.toHaveProperty('fsync')
  })
})

describe('damage', () => {
  it('is counted, told on stderr, and exits with 1', async () => {
    const directory = newDirectory()
    await someLog(directory)
    flipBit(join(directory, segmentFiles(directory)[0] as string), 8192 + 48 + 60)
    const { code, stdout, stderr } = await runCli(['stats', directory])
    expect(code).toBe(1)
    expect(rowsOf(stdout)).toMatchObject({ entries: '10', damage: '1 place, 1 entry lost' })
    expect(stderr).toContain('ingest-wal verify')
  })
})
