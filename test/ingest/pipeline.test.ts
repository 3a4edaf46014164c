/**
 * The main job in process: what of a source reaches the log, in which buffers, and how a run goes on where the one before
 * it ended. test/crash/ingest-kill.test.ts proves the same with SIGKILL.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { WalError } from '../../lib/errors.js'
import { ingest, type IngestOptions, type IngestSummary } from '../../lib/ingest/pipeline.js'
import { RejectFile } from '../../lib/ingest/rejects.js'
import { openSource } from '../../lib/ingest/source.js'
import { Operation } from '../../lib/wal/types.js'
import type { ConfigOverrides } from '../../lib/config/config.js'
import { openReplayService, type ReplayService } from '../../lib/service/replay-service.js'
import type { Measurement } from '../../lib/replay/measurement.js'

const HOUR_MS = 3_600_000

interface Sum {
  sum: number
  times: number[]
}

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ingest-wal-pipeline-'))
  file = join(folder, 'rows.csv')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function add(state: Sum, measurement: Measurement): Sum {
  return { sum: state.sum + (measurement.value as number), times: [...state.times, measurement.timestamp as number] }
}

function open(replay: ConfigOverrides['replay'] = {}, processMeasurement = add): Promise<ReplayService<Sum>> {
  return openReplayService<Sum>({
    config: { wal: { directory: join(folder, 'wal') }, replay: { clock: 'event', ...replay } },
    processMeasurement,
    initialState: { sum: 0, times: [] }
  })
}

async function run(service: ReplayService<Sum>, options: IngestOptions = {}): Promise<IngestSummary> {
  const source = await openSource(file, { maxUserIdBytes: 100 })
  return ingest(service as ReplayService, source, options)
}

function rows(...lines: string[]): void {
  writeFileSync(file, ['user,time,value', ...lines, ''].join('\n'))
}

async function operations(service: ReplayService<Sum>): Promise<string[]> {
  const names = new Map(Object.entries(Operation).map(([name, number]) => [number as number, name]))
  const found: string[] = []
  for await (const entry of service.wal.entries()) found.push(`${entry.userId} ${names.get(entry.operation) ?? ''}`)
  return found
}

describe('a run', () => {
  test('logs every row, replays every row, and leaves nothing waiting', async () => {
    rows('a,1,10', 'b,2,20', 'a,3,30')
    const service = await open()
    const summary = await run(service)
    expect(summary).toEqual({ rows: 3, rejected: 0, logged: 3, resumedAfter: 0, replayed: 3, rolledBack: 0, parkedUsers: [] })
    expect(service.manager.states()).toEqual(
      new Map([
        ['a', { sum: 40, times: [1, 3] }],
        ['b', { sum: 20, times: [2] }]
      ])
    )
    expect(service.buffer.stats().measurements).toBe(0)
    expect(service.wal.durableLsn).toBe(service.wal.lastLsn)
    await service.close()
  })

  test('logs every step before it counts, in order', async () => {
    rows('a,1,10', 'a,2,20')
    const service = await open({ maxBufferMeasurements: 2 })
    await run(service)
    const steps = ['START_BUFFER', 'ADD_MEASUREMENT', 'ADD_MEASUREMENT', 'END_BUFFER', 'CHECKPOINT', 'COMMIT']
    expect(await operations(service)).toEqual(steps.map((step) => `a ${step}`))
    await service.close()
  })

  test("closes a window by the measurements' own time: the row behind 72 hours begins the next buffer", async () => {
    rows(`a,0,1`, `a,${71 * HOUR_MS},2`, `a,${72 * HOUR_MS},4`)
    const service = await open()
    const replays: number[] = []
    service.manager.on('commit', ({ measurements }) => replays.push(measurements))
    await run(service)
    expect(replays).toEqual([2, 1])
    await service.close()
  })

  test('gives the processor the rows of a buffer in order of time, not of arrival', async () => {
    rows('a,30,1', 'a,10,1', 'a,20,1')
    const service = await open()
    await run(service)
    expect(service.manager.states().get('a')?.times).toEqual([10, 20, 30])
    await service.close()
  })

  test('leaves open buffers for the next source with keepOpen', async () => {
    rows('a,1,10')
    const service = await open()
    expect((await run(service, { keepOpen: true })).replayed).toBe(0)
    expect(service.buffer.info('a')?.size).toBe(1)
    await service.close()
  })

  test('rejects rows that cannot be read, counts them, and goes on', async () => {
    rows('a,1,10', ',2,20', 'a,yesterday,30', 'a,4,many', 'a,5,50')
    const service = await open()
    const rejects = new RejectFile(join(folder, 'rejects.ndjson'))
    const summary = await run(service, { rejects })
    await rejects.finish()
    expect(summary).toMatchObject({ rows: 5, rejected: 3, logged: 2, replayed: 2 })
    expect(service.manager.states().get('a')?.sum).toBe(60)
    await service.close()
  })

  test('parks a user whose replay keeps failing, and takes the rows of everybody to the end', async () => {
    rows('bad,1,1', 'good,1,1', 'bad,2,-1', 'good,2,1', 'bad,3,1')
    const service = await open({ maxBufferMeasurements: 2, maxAttempts: 2 }, (state, measurement) => {
      if ((measurement.value as number) < 0) throw new Error('a value below zero')
      return add(state, measurement)
    })
    const summary = await run(service)
    expect(summary).toMatchObject({ rows: 5, logged: 5, replayed: 2, rolledBack: 2, parkedUsers: ['bad'] })
    expect(service.buffer.measurements('bad')).toHaveLength(3)
    expect(service.manager.states().get('good')?.sum).toBe(2)
    await service.close()
  })
})

describe('a second run', () => {
  const sourceName = 'rows'

  test('takes no row twice', async () => {
    rows('a,1,10', 'a,2,20')
    const first = await open()
    await run(first, { sourceName })
    await first.close()
    const second = await open()
    expect(await run(second, { sourceName })).toMatchObject({ rows: 2, logged: 0, resumedAfter: 2, replayed: 0 })
    expect(second.manager.states().get('a')?.sum).toBe(30)
    await second.close()
  })

  test('reads a source on that has grown', async () => {
    rows('a,1,10')
    const first = await open()
    await run(first, { sourceName })
    await first.close()
    rows('a,1,10', 'a,2,20')
    const second = await open()
    expect(await run(second, { sourceName })).toMatchObject({ resumedAfter: 1, replayed: 1, logged: 1 })
    expect(second.manager.states().get('a')?.sum).toBe(30)
    await second.close()
  })

  test('counts rejected rows again, so that both runs say the same of the source', async () => {
    rows('a,x,1', 'a,1,10', 'a,y,1')
    const first = await open()
    const once = await run(first, { sourceName })
    await first.close()
    const second = await open()
    const again = await run(second, { sourceName })
    expect([again.rows, again.rejected]).toEqual([once.rows, once.rejected])
    expect([once.logged, again.logged]).toEqual([1, 0])
    await second.close()
  })

  test('refuses another source under the same name: another row where the last one was logged', async () => {
    rows('a,1,10', 'a,2,20')
    const first = await open()
    await run(first, { sourceName })
    await first.close()
    rows('a,1,10', 'b,2,20', 'b,3,30')
    const second = await open()
    await expect(run(second, { sourceName })).rejects.toMatchObject({ code: 'ERR_WAL_SOURCE' })
    await second.close()
  })

  test('refuses a source that has become shorter', async () => {
    rows('a,1,10', 'a,2,20')
    const first = await open()
    await run(first, { sourceName })
    await first.close()
    rows('a,1,10')
    const second = await open()
    await expect(run(second, { sourceName })).rejects.toMatchObject({ code: 'ERR_WAL_SOURCE' })
    await second.close()
  })

  test('takes all rows again where the source has no name', async () => {
    rows('a,1,10')
    const first = await open()
    await run(first)
    await first.close()
    const second = await open()
    await run(second)
    expect(second.manager.states().get('a')?.sum).toBe(20)
    await second.close()
  })
})

test('a ring that is full makes the run wait, and costs no row', async () => {
  rows(...Array.from({ length: 300 }, (_, index) => `user-${index % 7},${index},1`))
  const service = await open()
  const { buffer, wal } = service
  const add = buffer.add.bind(buffer)
  let calls = 0
  vi.spyOn(buffer, 'add').mockImplementation((...given) => {
    if (++calls % 10 === 0) throw new WalError('ERR_WAL_BACKPRESSURE', 'the staging ring is full')
    return add(...given)
  })
  const drained = vi.spyOn(wal, 'drained')
  expect(await run(service)).toMatchObject({ logged: 300, replayed: 300 })
  expect(drained.mock.calls.length).toBeGreaterThanOrEqual(30)
  expect([...service.manager.states().values()].reduce((sum, state) => sum + state.sum, 0)).toBe(300)
  await service.close()
})

test('an aborted run says so, and the next one goes on behind it', async () => {
  rows(...Array.from({ length: 150 }, (_, index) => `a,${index},1`))
  const first = await open()
  const controller = new AbortController()
  first.manager.on('checkpoint', () => controller.abort())
  await expect(run(first, { sourceName: 'rows', signal: controller.signal })).rejects.toMatchObject({ code: 'ERR_WAL_ABORTED' })
  await first.close()
  const second = await open()
  await run(second, { sourceName: 'rows' })
  expect(second.manager.states().get('a')?.sum).toBe(150)
  await second.close()
})
