// Kills a log's process again and again, half of the time at chosen system calls that it hits, and judges what is left.
//   npm run kill-cycles -- [--cycles 1000] [--seed N]
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildShim } from '../../faults/shim/build.mjs'
import { KillCycles } from './engine.mjs'

const { values } = parseArgs({ options: { cycles: { type: 'string', default: '1000' }, seed: { type: 'string', default: String(Date.now() % 1_000_000) } } })
const [cycles, seed] = [Number(values.cycles), Number(values.seed)]
if (!(cycles > 0) || !Number.isSafeInteger(seed)) throw new Error(`--cycles ${values.cycles} --seed ${values.seed}: numbers are expected`)

const work = mkdtempSync(join(tmpdir(), 'ingest-wal-cycles-'))
try {
  const shim = buildShim(work)
  if ('why' in shim) throw new Error(shim.why)
  console.log(`kill-cycles: seed ${seed}`)
  const engine = new KillCycles({ seed, work, shim: shim.path })
  const began = performance.now()
  await engine.run(cycles, (counts) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${counts.cycles} of ${cycles}`)
  })
  const { random, recovery, rotation, missed, beforeOpen, entries, carried, calls } = engine.counts
  const hits = Object.entries(calls).map(([call, times]) => `${call} ${times}`).join(', ')
  console.log(
    `${engine.counts.cycles} kills in ${((performance.now() - began) / 1000).toFixed(0)} s: ${random} from outside, ${recovery} at a call of recovery, ` +
      `${rotation} at a call of batches and rotation, ${missed} that missed theirs; ${beforeOpen} before the log was open`
  )
  console.log(`at ${hits}`)
  console.log(`${entries} entries judged, ${carried} of them out of a ring alone: nothing lost, nothing forged`)
} finally {
  rmSync(work, { recursive: true, force: true })
}
