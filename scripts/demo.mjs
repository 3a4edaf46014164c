// The main job, shown: 500,000 generated measurements of 1,000 users are ingested by a process that is killed with SIGKILL
// at 10 random moments; then the states are held against those of a run that was never killed.
//   npm run demo    or    node scripts/demo.mjs [--measurements 500000] [--users 1000] [--kills 10] [--seed N] [--keep]
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { SingleBar } from 'cli-progress'
import { generateMeasurements } from './lib/generate-measurements.mjs'
import { compareWithUnbroken, unbrokenRun } from './lib/kill-ingest.mjs'

const { values } = parseArgs({
  options: {
    measurements: { type: 'string', default: '500000' },
    users: { type: 'string', default: '1000' },
    kills: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    keep: { type: 'boolean', default: false }
  }
})
const measurements = Number(values.measurements)
const kills = Number(values.kills)
const seed = Number(values.seed)
const START_MS = Date.UTC(2026, 0, 1)
const count = (number) => number.toLocaleString('en-US')

/** A bar of rows on a terminal; a line at the end elsewhere. */
function rowsBar(label) {
  const bar = new SingleBar({
    format: `${label.padEnd(24)} {bar} {percentage} %  {value} of {total} rows  {state}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    stream: process.stdout
  })
  const drawn = process.stdout.isTTY === true
  if (drawn) bar.start(measurements, 0, { state: '' })
  let state = ''
  return {
    rows: ({ rows }) => drawn && bar.update(rows, { state }),
    state: (text) => (state = text),
    done(text) {
      if (drawn) bar.update(measurements, { state: text })
      if (drawn) bar.stop()
      else console.log(`${label}: ${text}`)
    }
  }
}

const work = mkdtempSync(join(tmpdir(), 'ingest-wal-demo-'))
try {
  const file = join(work, 'measurements.csv')
  generateMeasurements({ users: Number(values.users), measurements, seed, startMs: START_MS, file })
  console.log(`${count(measurements)} measurements of ${count(Number(values.users))} users, seed ${seed}`)

  const wholeBar = rowsBar('never killed')
  const unbroken = await unbrokenRun({ file, work, onProgress: wholeBar.rows })
  wholeBar.done(`${count(unbroken.summary.replayed)} replayed in ${(unbroken.durationMs / 1000).toFixed(1)} s`)

  const brokenBar = rowsBar(`killed ${kills} times`)
  const { broken, logged, same } = await compareWithUnbroken({
    file,
    work,
    kills,
    seed,
    unbroken,
    onProgress: brokenBar.rows,
    onKill: (killed) => brokenBar.state(`SIGKILL ${killed}`)
  })
  brokenBar.done(`${broken.kills} SIGKILLs survived`)
  for (const note of broken.notes) console.log(`  last start: ${note}`)

  const { rows, rejected } = broken.summary
  console.log(`rows in ${count(rows)}, rows logged ${count(logged)}, rejected ${count(rejected)}`)
  if (!same || logged !== measurements || rows !== measurements) {
    console.error(`The states DIFFER. Seed ${seed}; node scripts/demo.mjs --seed ${seed} --keep does it again and keeps ${work}`)
    process.exitCode = 1
  } else {
    console.log(`The final states of all ${count(broken.summary.users)} users are identical, byte for byte, to those of the run that was never killed.`)
  }
} finally {
  if (values.keep) console.log(`kept: ${work}`)
  else rmSync(work, { recursive: true, force: true })
}
