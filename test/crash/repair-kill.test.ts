/**
 * `ingest-wal repair` killed with SIGKILL behind each of its steps, in place and on a copy, and run again: every sound entry is there,
 * recovery says of the buffers what it said of the damaged log, no original byte is lost, and nothing half made is left. A start of
 * the service in between changes nothing of that.
 */
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { readLog, recover, repairCopy, repairLog, scanLog, Wal } from '../../lib/index.js'
import { feed, openService } from '../maintenance/support.js'
import { runCli } from '../support/command-line.js'
import { flipBit, zeroOut } from '../support/damage.js'
import { fingerprint, segmentFiles } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const KILL_AT_STEP = join(import.meta.dirname, '../../scripts/lib/kill-at-step.mjs')
const newDirectory = temporaryDirectories()

let original: string
/** Files that are damaged. */
let damaged: string[]
let sound: string[]
let expected: unknown

beforeAll(async () => {
  original = newDirectory()
  const service = await openService(original, { segmentBytes: 65_536 })
  await feed(service, 800)
  await service.wal.checkpoint()
  await feed(service, 1607, 800)
  await service.close()
  const last = segmentFiles(original).at(-1) as string
  const lastLsn = (await scanLog(original)).lastLsn
  for (const back of [3, 20]) {
    for await (const { offset } of readLog(original, { fromLsn: lastLsn - back })) {
      flipBit(join(original, last), offset + 32)
      break
    }
  }
  zeroOut(join(original, segmentFiles(original)[0] as string), 20_000, 300)
  damaged = [...new Set((await scanLog(original)).damage.map(({ file }) => file))]
  expect(damaged).toHaveLength(2)
  sound = await contentOf(original)
  const copy = newDirectory()
  cpSync(original, copy, { recursive: true })
  expected = await foundIn(copy)
  expect((expected as { tainted: unknown[] }).tainted).not.toEqual([])
})

async function contentOf(directory: string): Promise<string[]> {
  const content: string[] = []
  for await (const { lsn, timestamp, userId, payload } of readLog(directory)) content.push(`${lsn} ${timestamp} ${userId} ${Buffer.from(payload).toString('hex')}`)
  return content
}

/** What a start of the service finds. */
async function foundIn(directory: string): Promise<unknown> {
  const wal = await Wal.open({ directory, maintenance: false })
  const { users, tainted } = await recover(wal)
  await wal.close()
  const found = [...users.values()].map(({ userId, state, buffers }) => [userId, state, buffers.map((buffer) => ({ ...buffer, measurements: [...buffer.measurements] }))])
  return { found: found.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)), tainted: tainted.map((taint) => JSON.stringify(taint)).sort() }
}

async function expectRepaired(directory: string): Promise<void> {
  expect((await scanLog(directory)).damage).toEqual([])
  expect((await contentOf(directory)).slice(0, sound.length)).toEqual(sound)
  expect(await foundIn(directory)).toEqual(expected)
  for (const file of damaged) expect(readFileSync(join(directory, 'quarantine', file)).equals(readFileSync(join(original, file))), file).toBe(true)
  expect(readdirSync(directory).filter((name) => name.endsWith('.tmp'))).toEqual([])
  // The first report tells all that was lost, whatever those of later runs find.
  const report = JSON.parse(readFileSync(join(directory, 'quarantine', 'repair-1.json'), 'utf8')) as { damage: Array<{ file: string }> }
  expect([...new Set(report.damage.map(({ file }) => file))].sort()).toEqual([...damaged].sort())
}

/** Staging rings that have the log's id in their names. */
async function ringsOf(directory: string): Promise<string[]> {
  const { logId } = await scanLog(directory)
  return existsSync('/dev/shm') ? readdirSync('/dev/shm').filter((name) => name.startsWith(`ingest-wal-${logId.slice(0, 16)}`)) : []
}

/** Runs it until it has passed all steps. Calls `check` behind each kill. */
async function killedAtEachStep(prepare: () => { args: string[]; check: () => Promise<void> }): Promise<number> {
  for (let kills = 0; ; kills++) {
    const { args, check } = prepare()
    const environment = { NODE_OPTIONS: `--import=${KILL_AT_STEP}`, INGEST_WAL_KILL_STEP: String(kills + 1) }
    const { code, signal } = await runCli(['repair', ...args], environment)
    if (code !== 0) expect(signal).toBe('SIGKILL')
    await check()
    if (code === 0) return kills
  }
}

describe('in place', () => {
  test.each([false, true])('killed behind each step, and run again; the service started in between: %s', async (startsBetween) => {
    const kills = await killedAtEachStep(() => {
      const directory = newDirectory()
      cpSync(original, directory, { recursive: true })
      const check = async (): Promise<void> => {
        if (startsBetween) expect(await foundIn(directory)).toEqual(expected)
        await repairLog(directory)
        await expectRepaired(directory)
      }
      return { args: [directory, '--in-place'], check }
    })
    expect(kills).toBeGreaterThan(6)
  })
})

test('on a copy, killed behind each step: the log is as it was, the copy has its name only when it is whole', async () => {
  const before = fingerprint(original)
  const kills = await killedAtEachStep(() => {
    const target = join(newDirectory(), 'repaired')
    const check = async (): Promise<void> => {
      expect(fingerprint(original)).toEqual(before)
      if (existsSync(target)) return expectRepaired(target)
      await repairCopy(original, target)
      await expectRepaired(target)
      expect(existsSync(`${target}.repairing`)).toBe(false)
      expect(await ringsOf(original)).toEqual([])
    }
    return { args: [original, '--out', target], check }
  })
  expect(kills).toBeGreaterThan(7)
})
