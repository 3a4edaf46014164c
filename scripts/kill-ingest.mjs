// Holds `ingest` with SIGKILLs against an unbroken run.
//   node scripts/kill-ingest.mjs FILE [--kills 20] [--seeds 1,2,3] [-- options of ingest]
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { compareWithUnbroken, unbrokenRun } from './lib/kill-ingest.mjs'

const separator = process.argv.indexOf('--')
const own = process.argv.slice(2, separator < 0 ? undefined : separator)
const options = separator < 0 ? [] : process.argv.slice(separator + 1)
const { values, positionals } = parseArgs({
  args: own,
  allowPositionals: true,
  options: { kills: { type: 'string', default: '20' }, seeds: { type: 'string', default: '1,2,3' } }
})
const [file] = positionals
if (file === undefined) {
  console.error('usage: node scripts/kill-ingest.mjs FILE [--kills 20] [--seeds 1,2,3] [-- options of ingest]')
  process.exit(2)
}

const work = mkdtempSync(join(tmpdir(), 'ingest-wal-kills-'))
let failed = false
try {
  const unbroken = await unbrokenRun({ file, work, options })
  const { rows, logged: expected, replayed, rejected } = unbroken.summary
  console.log(`unbroken: ${rows} rows in, ${expected} logged, ${replayed} replayed, ${rejected} rejected`)
  for (const seed of values.seeds.split(',').map(Number)) {
    const { broken, logged, same } = await compareWithUnbroken({ file, work, options, kills: Number(values.kills), seed, unbroken })
    const { summary, kills } = broken
    const agree = same && logged === expected && summary.rows === rows && summary.rejected === rejected
    failed ||= !agree
    console.log(
      `seed ${seed}: ${kills} kills, ${summary.rows} rows in, ${logged} logged, ${summary.rejected} rejected, ` +
        `states ${same ? 'identical byte for byte' : 'DIFFERENT'}`
    )
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
process.exitCode = failed ? 1 : 0
