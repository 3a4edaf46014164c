// Proves that the SDK of OpenTelemetry collects every figure of a log, with unit and attributes, as it is at that moment;
// histograms as counters of their buckets; and that a log that was taken away is not asked any more.
import { InMemoryMetricExporter, AggregationTemporality, MeterProvider, PeriodicExportingMetricReader, DataPointType } from '@opentelemetry/sdk-metrics'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { METRICS, Operation, Wal } from '../../lib/index.js'
import { registerWalMetrics } from '../../lib/metrics/otel.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const newDirectory = temporaryDirectories()
let exporter: InMemoryMetricExporter
let provider: MeterProvider
let wal: Wal

beforeEach(async () => {
  exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  // An hour: nothing is collected but when it is asked for.
  provider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })] })
  wal = await Wal.open({ directory: newDirectory(), segmentBytes: 1 << 20 })
})
afterEach(async () => {
  await provider.shutdown()
  await wal.close()
})

interface Collected {
  unit: string
  description: string
  isCounter: boolean
  points: { value: unknown; attributes: Record<string, unknown> }[]
}

async function collect(): Promise<Map<string, Collected>> {
  exporter.reset()
  await provider.forceFlush()
  const metrics = exporter.getMetrics().flatMap((resource) => resource.scopeMetrics).flatMap((scope) => scope.metrics)
  return new Map(
    metrics.map(({ descriptor, dataPoints, dataPointType }) => [
      descriptor.name,
      {
        unit: descriptor.unit,
        description: descriptor.description,
        isCounter: dataPointType === DataPointType.SUM,
        points: dataPoints.map(({ value, attributes }) => ({ value, attributes }))
      }
    ])
  )
}

test('every metric of the catalogue that is of logs is collected, with its description', async () => {
  registerWalMetrics(wal, { meter: provider.getMeter('test') })
  const collected = await collect()
  for (const { name, type, help } of METRICS.filter((metric) => metric.of === 'log')) {
    const names = type === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => name + suffix) : [name]
    for (const each of names) expect(collected.get(each), each).toMatchObject({ description: help, isCounter: type !== 'gauge' })
  }
  expect([...collected.keys()].filter((name) => !METRICS.some((metric) => name.startsWith(metric.name)))).toEqual([])
})

test('values are those of the moment, with unit and attributes', async () => {
  registerWalMetrics(wal, { meter: provider.getMeter('test'), attributes: { log: 'orders' } })
  expect((await collect()).get('wal_appends_total')?.points).toEqual([{ value: 0, attributes: { log: 'orders' } }])
  for (let i = 0; i < 5; i++) wal.append(Operation.COMMIT, 'user', null)
  await wal.durable()
  const collected = await collect()
  expect(collected.get('wal_appends_total')).toMatchObject({ unit: '{entry}', points: [{ value: 5 }] })
  expect(collected.get('wal_durable_lsn')?.points).toEqual([{ value: 5, attributes: { log: 'orders' } }])
  expect(collected.get('wal_disk_free_bytes')?.unit).toBe('By')
  expect(collected.get('wal_health')?.points).toContainEqual({ value: 1, attributes: { log: 'orders', status: 'ok' } })
  expect(collected.get('wal_batch_entries_sum')?.points).toEqual([{ value: 5, attributes: { log: 'orders' } }])
  expect(collected.get('wal_fsync_duration_seconds_sum')?.unit).toBe('s')
  expect(collected.get('wal_fsync_duration_seconds_bucket')?.points).toContainEqual({
    value: wal.stats().syncs,
    attributes: { log: 'orders', le: '+Inf' }
  })
})

test('taken away, it is not asked any more', async () => {
  const remove = registerWalMetrics(wal, { meter: provider.getMeter('test') })
  wal.append(Operation.COMMIT, 'user', null)
  expect((await collect()).get('wal_last_lsn')?.points).toEqual([{ value: 1, attributes: {} }])
  remove()
  wal.append(Operation.COMMIT, 'user', null)
  // The SDK goes on telling what it was told last.
  expect((await collect()).get('wal_last_lsn')?.points).toEqual([{ value: 1, attributes: {} }])
})
