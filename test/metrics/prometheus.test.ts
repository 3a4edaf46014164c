// Proves that a registry of prom-client has, when it is scraped, every figure of every log that was registered, as it is at
// that moment; that Prometheus' own checker finds no fault with the text; and that logs come and go without a trace.
import { Registry } from 'prom-client'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { METRICS, openReplayService, Operation, Wal, type ReplayService } from '../../lib/index.js'
import { registerWalMetrics } from '../../lib/metrics/prometheus.js'
import { promtool } from '../support/promtool.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const newDirectory = temporaryDirectories()
const SMALL = { segmentBytes: 1 << 20, queueBytes: 1 << 16 }

let registry: Registry
const open: { close: () => Promise<void> }[] = []
beforeEach(() => (registry = new Registry()))
afterEach(async () => {
  for (const log of open.splice(0)) await log.close()
})

async function openLog(): Promise<Wal> {
  const wal = await Wal.open({ directory: newDirectory(), ...SMALL })
  open.push(wal)
  return wal
}

async function openService(): Promise<ReplayService<number>> {
  const config = { wal: { directory: newDirectory(), ...SMALL }, replay: { maxBufferMeasurements: 2 } }
  const processMeasurement = (state: number, { value }: { value?: unknown }): number => {
    if (value === 'bad') throw new Error('bad value')
    return state + 1
  }
  const service = await openReplayService<number>({ config, processMeasurement, initialState: 0 })
  open.push(service)
  return service
}

/** The scraped value of one line, by its name and labels. */
async function scraped(line: string): Promise<number | undefined> {
  const found = (await registry.metrics()).split('\n').find((each) => each.startsWith(`${line} `))
  return found === undefined ? undefined : Number(found.slice(line.length))
}

function scrapedNames(text: string): string[] {
  return [...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name as string)
}

test('a log has the metrics of the catalogue that are of logs, with type and help', async () => {
  registerWalMetrics(await openLog(), { registry })
  const text = await registry.metrics()
  const ofLogs = METRICS.filter((metric) => metric.of === 'log')
  expect(scrapedNames(text)).toEqual(ofLogs.map((metric) => metric.name))
  for (const { name, type, help } of ofLogs) {
    expect(text).toContain(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name}`)
  }
})

test('a service has all of the catalogue', async () => {
  registerWalMetrics(await openService(), { registry })
  expect(scrapedNames(await registry.metrics())).toEqual(METRICS.map((metric) => metric.name))
})

test.each(['text/plain', 'application/openmetrics-text'])('promtool finds no fault with what a busy service tells as %s', async (kind) => {
  if (kind !== 'text/plain') registry.setContentType('application/openmetrics-text; version=1.0.0; charset=utf-8' as never)
  const service = await openService()
  registerWalMetrics(service, { registry, labels: { log: 'orders' } })
  for (const value of [1, 2, 3]) service.buffer.add('user', { timestamp: value, value })
  await service.manager.replay('user')
  const text = await registry.metrics()
  expect(text).toMatch(/^wal_fsync_duration_seconds_bucket\{log="orders",le="0.000016"\} \d+$/m)
  // The checker reads the plain format; in the other one counters are named without their `_total`.
  if (kind !== 'text/plain') return expect(text).toMatch(/# TYPE wal_appends counter\nwal_appends_total\{log="orders"\} \d+\n/)
  expect(promtool(['check', 'metrics'], text) ?? { status: 0, output: '' }).toEqual({ status: 0, output: '' })
})

test('the checker sees what is wrong', () => {
  const text = '# HELP wal_appends Entries.\n# TYPE wal_appends counter\nwal_appends 1\n'
  expect(promtool(['check', 'metrics'], text)?.status ?? 3).toBe(3)
})

describe('a scrape tells of its moment', () => {
  test('counters and gauges', async () => {
    const wal = await openLog()
    registerWalMetrics(wal, { registry })
    expect(await scraped('wal_appends_total')).toBe(0)
    wal.append(Operation.COMMIT, 'user', null)
    expect([await scraped('wal_appends_total'), await scraped('wal_last_lsn')]).toEqual([1, 1])
    await wal.durable()
    expect(await scraped('wal_durable_lsn')).toBe(1)
    expect(await scraped('wal_appends_total'), 'scraped once more, nothing is counted again').toBe(1)
    expect(await scraped('wal_segments')).toBe(1)
  })

  test('histograms: buckets add up to the count', async () => {
    const wal = await openLog()
    registerWalMetrics(wal, { registry })
    for (let batch = 0; batch < 3; batch++) {
      for (let i = 0; i < 4; i++) wal.append(Operation.COMMIT, 'user', null)
      await wal.durable()
    }
    expect(await scraped('wal_batch_entries_count')).toBe(wal.stats().batches)
    expect(await scraped('wal_batch_entries_sum')).toBe(12)
    expect(await scraped('wal_batch_entries_bucket{le="+Inf"}')).toBe(wal.stats().batches)
    expect(await scraped('wal_batch_entries_bucket{le="8192"}')).toBe(wal.stats().batches)
  })

  test('labelled ones have a value for each label from the beginning', async () => {
    registerWalMetrics(await openLog(), { registry })
    expect(await scraped('wal_health{status="ok"}')).toBe(1)
    expect(await scraped('wal_health{status="failed"}')).toBe(0)
    expect(await scraped('wal_corruptions_total{kind="entry"}')).toBe(0)
  })

  test('buffers and replays of a service, with the health of the service', async () => {
    const service = await openService()
    registerWalMetrics(service, { registry })
    for (const value of [1, 2, 3]) service.buffer.add('good', { timestamp: value, value })
    expect(await scraped('wal_replay_measurements')).toBe(3)
    expect([await scraped('wal_replay_open_buffers'), await scraped('wal_replay_ended_buffers')]).toEqual([1, 1])
    await service.manager.replay('good')
    service.buffer.add('bad', { timestamp: 1, value: 'bad' })
    for (let attempt = 0; attempt < 3; attempt++) await service.manager.replay('bad')
    expect(await scraped('wal_replays_total{outcome="committed"}')).toBe(1)
    expect(await scraped('wal_replays_total{outcome="rolled_back"}')).toBe(3)
    expect(await scraped('wal_replayed_measurements_total')).toBe(2)
    expect(await scraped('wal_replay_parked_buffers')).toBe(1)
    expect(await scraped('wal_replay_duration_seconds_count')).toBe(4)
    expect([await scraped('wal_health{status="ok"}'), await scraped('wal_health{status="degraded"}')]).toEqual([0, 1])
  })

  test('a log that is closed tells its last figures', async () => {
    const wal = await openLog()
    registerWalMetrics(wal, { registry })
    wal.append(Operation.COMMIT, 'user', null)
    await wal.close()
    expect(await scraped('wal_durable_lsn')).toBe(1)
  })
})

describe('several logs in one registry', () => {
  test('are told apart by their labels', async () => {
    const [one, other] = [await openLog(), await openLog()]
    registerWalMetrics(one, { registry, labels: { log: 'one' } })
    registerWalMetrics(other, { registry, labels: { log: 'other' } })
    one.append(Operation.COMMIT, 'user', null)
    expect([await scraped('wal_appends_total{log="one"}'), await scraped('wal_appends_total{log="other"}')]).toEqual([1, 0])
    const text = await registry.metrics()
    expect(text.match(/# TYPE wal_appends_total/g)?.length).toBe(1)
    expect(promtool(['check', 'metrics'], text)?.output ?? '').toBe('')
  })

  test('with the same labels are refused', async () => {
    const wal = await openLog()
    registerWalMetrics(wal, { registry, labels: { log: 'one' } })
    const again = (): unknown => registerWalMetrics(wal, { registry, labels: { log: 'one' } })
    expect(again).toThrow(expect.objectContaining({ code: 'ERR_WAL_INVALID_ARGUMENT' }) as Error)
  })

  test('go one by one, and with the last one the metrics go; what else is in the registry stays', async () => {
    const { Counter } = await import('prom-client')
    new Counter({ name: 'mine_total', help: 'Mine.', registers: [registry] })
    const removers = []
    for (const name of ['one', 'other']) removers.push(registerWalMetrics(await openLog(), { registry, labels: { log: name } }))
    removers[0]?.()
    expect([await scraped('wal_last_lsn{log="one"}'), await scraped('wal_last_lsn{log="other"}')]).toEqual([undefined, 0])
    removers[1]?.()
    expect(scrapedNames(await registry.metrics())).toEqual(['mine_total'])
  })

  test('of a registry that was cleared are forgotten', async () => {
    const wal = await openLog()
    registerWalMetrics(wal, { registry })
    registry.clear()
    registerWalMetrics(wal, { registry })
    expect(await scraped('wal_last_lsn')).toBe(0)
  })
})
