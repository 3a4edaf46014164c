// Proves, on ext4, xfs and btrfs and the built addon, that a power cut loses nothing that durable() has promised: a workload
// with rotation, checkpoints, compression, retention, a SIGKILL and reopenings runs on a file system whose disk records what it
// is told; the power is cut at random places of that, with all, some, or pieces of the unflushed writes on the disk; and each
// state is mounted, recovered twice, used and recovered again, under the eyes of a judge outside of the log. Then proves the
// proof: no sync, no directory sync and an early acknowledgement are each caught.
//
// Needs root, FUSE and loop devices (run.mjs says what is missing, and nothing is proven then).
//   INGEST_WAL_POWER_CUTS   states of each file system (300); by hand: npm run power-cut -- --states 10000
//   INGEST_WAL_SEED         repeats a run
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { printedSeed } from '../crash/support.js'

const STATES = Number(process.env['INGEST_WAL_POWER_CUTS'] ?? 300)
/**
 * A planted bug shows only where the file system has not committed what was left out for a reason of its own, and a recording
 * may have no such place: many recordings, of a few states each, until it shows.
 */
const BUGGY = { states: 4000, recordingStates: 200 }
const TIMEOUT_MS = 3_600_000

interface Result {
  skipped?: string
  states: number
  failures: number
  /** States that held more than was acknowledged: cut in the midst of something. */
  beyond: number
  /** How many states had which part of the unflushed writes. */
  kinds: Record<string, number>
  told: string[]
}

async function cutPower(fileSystem: string, states: number, ...more: string[]): Promise<Result> {
  const seed = printedSeed(`power-cut, ${fileSystem}`)
  const args = [join(import.meta.dirname, 'run.mjs'), '--fs', fileSystem, '--states', String(states), '--seed', String(seed), '--json', ...more]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  // It unmounts what it has mounted.
  onTestFinished(() => void child.kill('SIGTERM'))
  let output = ''
  child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  expect([0, 1]).toContain(code)
  return (JSON.parse(output) as { results: [Result] }).results[0]
}

test.each(['ext4', 'xfs', 'btrfs'])('a power cut on %s loses nothing that was acknowledged', { timeout: TIMEOUT_MS }, async (fileSystem) => {
  const { skipped, states, told, failures, beyond, kinds } = await cutPower(fileSystem, STATES)
  if (skipped !== undefined) return
  expect(told).toEqual([])
  expect(failures).toBe(0)
  expect(states).toBe(STATES)
  expect(Object.keys(kinds).sort()).toEqual(['pieces', 'prefix', 'subset'])
  expect(beyond).toBeGreaterThan(0)
})

test.each(['no-sync', 'no-directory-sync', 'early-acknowledgement'])('a planted bug is caught: %s', { timeout: TIMEOUT_MS }, async (bug) => {
  const { skipped, failures } = await cutPower('ext4', BUGGY.states, '--recording-states', String(BUGGY.recordingStates), '--bug', bug, '--first')
  if (skipped !== undefined) return
  expect(failures).toBeGreaterThan(0)
})
