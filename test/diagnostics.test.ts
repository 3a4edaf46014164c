// Proves that what happens to logs and replays is published on the documented channels, with the documented messages:
// once for what happens once, and a replay from its start to its result or its error.
import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openReplayService, Operation, type ReplayService } from '../lib/index.js'
import { temporaryDirectories } from './support/temporary-directory.js'

const newDirectory = temporaryDirectories()
const subscriptions: (() => void)[] = []
let service: ReplayService<number>
let directory: string

beforeEach(() => (directory = newDirectory()))
afterEach(async () => {
  for (const end of subscriptions.splice(0)) end()
  await service.close()
})

async function open(): Promise<void> {
  const processMeasurement = (state: number, { value }: { value?: unknown }): number => {
    if (value === 'bad') throw new Error('bad value')
    return state + 1
  }
  service = await openReplayService<number>({ config: { wal: { directory, segmentBytes: 1 << 16 } }, processMeasurement, initialState: 0 })
}

/** Collects what is published from now on, until the test ends. */
function messagesOf(name: string): Record<string, unknown>[] {
  const messages: Record<string, unknown>[] = []
  const take = (message: unknown): void => void messages.push(message as Record<string, unknown>)
  subscribe(name, take)
  subscriptions.push(() => void unsubscribe(name, take))
  return messages
}

test('open and recovery', async () => {
  const [opened, recovered] = [messagesOf('ingest-wal:open'), messagesOf('ingest-wal:recovery')]
  await open()
  expect(opened).toEqual([{ directory, wal: service.wal }])
  expect(recovered).toEqual([{ log: service.wal, report: service.recovery }])
})

test('sync, once for all who wait, and rotate', async () => {
  await open()
  const [synced, rotated] = [messagesOf('ingest-wal:sync'), messagesOf('ingest-wal:rotate')]
  for (let lsn = 1; lsn <= 100; lsn++) service.wal.append(Operation.COMMIT, 'user', new Uint8Array(1000))
  await Promise.all([service.wal.durable(), service.wal.durable(1)])
  expect(synced.at(-1)).toEqual({ directory, durableLsn: 100 })
  expect(synced.map(({ durableLsn }) => durableLsn)).toEqual([...new Set(synced.map(({ durableLsn }) => durableLsn))])
  expect(rotated[0]).toEqual({ directory, segment: 2, lsn: expect.any(Number) as number })
})

test('checkpoint: what the event tells, with the directory', async () => {
  await open()
  const [published, emitted] = [messagesOf('ingest-wal:checkpoint'), [] as unknown[]]
  service.wal.on('checkpoint', (checkpoint) => emitted.push(checkpoint))
  const checkpoint = { lsn: 7, number: 2, file: '0000000000000002.ckpt', entries: 3, bytes: 16_384 }
  service.wal.emit('checkpoint', checkpoint)
  expect(emitted).toEqual([checkpoint])
  expect(published).toEqual([{ directory, ...checkpoint }])
})

test('a replay is traced from its start to its result', async () => {
  await open()
  const stages: string[] = []
  let context: Record<string, unknown> = {}
  const note = (stage: string) => (message: unknown) => {
    stages.push(stage)
    context = message as Record<string, unknown>
  }
  const subscribers = { start: note('start'), end: note('end'), asyncStart: note('asyncStart'), asyncEnd: note('asyncEnd'), error: note('error') }
  tracingChannel('ingest-wal:replay').subscribe(subscribers)
  subscriptions.push(() => tracingChannel('ingest-wal:replay').unsubscribe(subscribers))

  service.buffer.add('user', { timestamp: 1, value: 1 })
  const result = await service.manager.replay('user')
  expect(stages).toEqual(['start', 'end', 'asyncStart', 'asyncEnd'])
  expect(context).toEqual({ userId: 'user', result })

  // A rollback is a result; an error is what the caller is thrown.
  stages.length = 0
  service.buffer.add('user', { timestamp: 1, value: 'bad' })
  await service.manager.replay('user')
  expect(stages).not.toContain('error')
  expect(context).toMatchObject({ userId: 'user', result: { status: 'rolled_back' } })
  await expect(service.manager.replay('user', { signal: AbortSignal.abort() })).rejects.toThrow()
  expect(stages).toContain('error')
  expect(context).toMatchObject({ userId: 'user', error: { code: 'ERR_WAL_ABORTED' } })
})
