/** Proves that `inspect --incomplete` lists what waits: open buffers, ready ones, replays without an outcome, parked ones. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { IncompleteBuffer } from '../../lib/cli/incomplete.js'
import { openReplayService, type ReplayService } from '../../lib/index.js'
import { runCli } from '../support/command-line.js'
import { flipBit } from '../support/damage.js'
import { fingerprint, segmentFiles } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const newDirectory = temporaryDirectories()

async function withService(directory: string, work: (service: ReplayService<number>) => Promise<void> | void): Promise<void> {
  const service = await openReplayService<number>({
    overrides: { wal: { directory }, replay: { maxBufferMeasurements: 3, maxAttempts: 1, clock: 'event' } },
    initialState: 0,
    processMeasurement: (state, measurement) => {
      if (measurement.value === 'bad') throw new Error('cannot be processed')
      return state + 1
    }
  })
  await work(service)
  await service.close()
}

function add(service: ReplayService<number>, user: string, count: number, value: unknown = 1): void {
  for (let made = 0; made < count; made++) service.buffer.add(user, { timestamp: 1_000 + made, value })
}

async function incomplete(directory: string, ...options: string[]): Promise<IncompleteBuffer[]> {
  const { code, stdout } = await runCli(['inspect', directory, '--incomplete', '--format', 'json', ...options])
  expect(code).toBe(0)
  return JSON.parse(stdout) as IncompleteBuffer[]
}

/** ann: open. bob: full. cid: replayed. dan: parked. */
async function fourUsers(): Promise<string> {
  const directory = newDirectory()
  await withService(directory, async (service) => {
    add(service, 'dan', 3, 'bad')
    add(service, 'ann', 2)
    add(service, 'cid', 3)
    expect(await service.manager.replay('cid')).toMatchObject({ status: 'committed' })
    expect(await service.manager.replay('dan')).toMatchObject({ status: 'rolled_back' })
    add(service, 'bob', 3)
  })
  return directory
}

describe('--incomplete', () => {
  it('lists what waits and why, and not what is done', async () => {
    const listed = await incomplete(await fourUsers())
    expect(listed.map(({ user, state, measurements, attempts, tainted }) => ({ user, state, measurements, attempts, tainted }))).toEqual([
      { user: 'ann', state: 'open', measurements: 2, attempts: 0, tainted: false },
      { user: 'bob', state: 'ready', measurements: 3, attempts: 0, tainted: false },
      { user: 'dan', state: 'parked', measurements: 3, attempts: 1, tainted: false }
    ])
  })

  it('tells a replay that was under way when the process died', async () => {
    const directory = newDirectory()
    let seen: IncompleteBuffer[] = []
    const service = await openReplayService<number>({
      overrides: { wal: { directory }, replay: { maxBufferMeasurements: 1 } },
      initialState: 0,
      processMeasurement: async (state) => {
        seen = await incomplete(directory)
        return state
      }
    })
    add(service, 'ann', 1)
    await service.manager.replay('ann')
    await service.close()
    expect(seen).toMatchObject([{ user: 'ann', buffer: 1, state: 'replaying', measurements: 1 }])
    expect(await incomplete(directory)).toEqual([])
  })

  it('takes --user and --limit, and changes nothing', async () => {
    const directory = await fourUsers()
    const before = fingerprint(directory)
    expect((await incomplete(directory, '--user', 'bob')).map(({ user }) => user)).toEqual(['bob'])
    expect((await incomplete(directory, '--limit', '1')).map(({ user }) => user)).toEqual(['ann'])
    expect(fingerprint(directory)).toEqual(before)
  })

  it.each([
    { format: 'table', lines: [/^USER +BUFFER +STATE/, /^ann +1 +open +2 +0 +1970-01-01T00:00:01/, /^bob/, /^dan +1 +parked +3 +1 /] },
    { format: 'csv', lines: [/^user,buffer,state,/, /^ann,1,open,2,0,1000,/, /^bob,/, /^dan,1,parked,3,1,/] },
    { format: 'jsonl', lines: [/^\{"user":"ann"/, /^\{"user":"bob"/, /^\{"user":"dan"/] }
  ])('as $format', async ({ format, lines }) => {
    const { stdout } = await runCli(['inspect', await fourUsers(), '--incomplete', '--format', format])
    const written = stdout.split('\n').slice(0, -1)
    expect(written).toHaveLength(lines.length)
    for (const [index, line] of lines.entries()) expect(written[index]).toMatch(line)
  })

  it('a buffer that lost a measurement is tainted, and exit is 1', async () => {
    const directory = newDirectory()
    await withService(directory, (service) => add(service, 'ann', 2))
    const { stdout } = await runCli(['inspect', directory, '--op', 'ADD_MEASUREMENT', '--format', 'jsonl'])
    const { offset } = JSON.parse(stdout.split('\n')[0] as string) as { offset: number }
    flipBit(join(directory, segmentFiles(directory)[0] as string), offset + 60)
    const result = await runCli(['inspect', directory, '--incomplete', '--format', 'json'])
    expect(result.code).toBe(1)
    expect(result.stderr).toContain('lost, 1 entry of')
    expect(JSON.parse(result.stdout)).toMatchObject([{ user: 'ann', state: 'open', measurements: 1, tainted: true }])
  })

  it('goes with no option that is about entries', async () => {
    const { code, stderr } = await runCli(['inspect', 'x', '--incomplete', '--follow'])
    expect(code).toBe(2)
    expect(stderr).toContain("'--incomplete' cannot be used with option '--follow'")
  })
})
