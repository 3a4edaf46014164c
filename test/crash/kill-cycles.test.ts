// Proves that a log survives being killed again and again, wherever that hits it. Half of the SIGKILLs hit what they are aimed at: the
// k-th system call of a kind, or the midst of a write, of recovery with the ring of the process before, or of batches and rotations;
// the others come from outside at a random moment. What append returned is there, and nothing else. Last, rings that are lost are
// seen to be noticed.
//   INGEST_WAL_KILL_CYCLES   how many kills (24); by hand: npm run kill-cycles -- --cycles 1000
//   INGEST_WAL_SEED          repeats a run
// Calls are hit by LD_PRELOAD (test/faults/shim). Without a C compiler the test says so and proves nothing.
import { expect, test } from 'vitest'
import { buildShim } from '../faults/shim/build.mjs'
import { KillCycles } from './cycles/engine.mjs'
import { printedSeed, temporaryDirectory } from './support.js'

const CYCLES = Number(process.env['INGEST_WAL_KILL_CYCLES'] ?? 24)
const HOUR_MS = 3_600_000

function engineOf(what: string, options: { losesRings?: boolean } = {}): KillCycles | undefined {
  const work = temporaryDirectory()
  const shim = buildShim(work)
  if ('path' in shim) return new KillCycles({ seed: printedSeed(what), work, shim: shim.path, ...options })
  process.stderr.write(`kill-cycles: ${shim.why}: not checked\n`)
  return undefined
}

test(`${CYCLES} kills, half of them aimed: nothing lost, nothing forged`, { timeout: HOUR_MS }, async () => {
  const engine = engineOf('kill-cycles')
  if (engine === undefined) return
  const counts = await engine.run(CYCLES)
  process.stderr.write(`kill-cycles: ${JSON.stringify(counts)}\n`)
  expect(counts.cycles).toBeGreaterThanOrEqual(CYCLES)
  expect(2 * (counts.recovery + counts.rotation)).toBeGreaterThanOrEqual(counts.cycles)
  expect(counts.recovery).toBeGreaterThan(0)
  expect(counts.rotation).toBeGreaterThan(0)
  expect(counts.entries).toBeGreaterThan(CYCLES)
})

test('a ring that is lost does not go unnoticed', { timeout: HOUR_MS }, async () => {
  await expect(engineOf('kill-cycles, rings lost', { losesRings: true })?.run(100) ?? Promise.reject(new Error('entries are there'))).rejects.toThrow('entries are there')
})
