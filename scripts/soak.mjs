// A service that runs for months, in minutes: `ingest` with small segments, checkpoints, compression and a small disk budget,
// killed again and again, at random moments and inside the steps of maintenance. Prints what each restart found: how long
// recovery took, and what is on the disk against what is live. Fails unless the states are those of an unbroken run, the disk
// holds no more than twice the live data and the retained window, and recovery is no slower in the end than in the beginning.
//   node scripts/soak.mjs [--measurements 2000000] [--users 1000] [--kills 50] [--seed 1] [--out FILE.json]
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { generateMeasurements, mulberry32 } from './lib/generate-measurements.mjs'
import { runIngest, unbrokenRun } from './lib/kill-ingest.mjs'

const KILL_AT_STEP = pathToFileURL(fileURLToPath(new URL('./lib/kill-at-step.mjs', import.meta.url))).href
/** Each third run is killed at a step of maintenance, the others where a row was reached. */
const RUNS_TO_ONE_AT_A_STEP = 3
const MOST_STEPS = 6
const MOST_LATE_MS = 15

/** What a processor might do with a measurement, in the place of work that takes its time: lives are long enough for checkpoints. */
const PROCESSOR = `
export const initialState = { count: 0, digest: 1 }
export function processMeasurement({ count, digest }, { timestamp, value }) {
  let mixed = (digest ^ timestamp ^ value) >>> 0
  for (let round = 0; round < 15_000; round++) mixed = (Math.imul(mixed, 1_664_525) + 1_013_904_223) >>> 0
  return { count: count + 1, digest: mixed }
}
`
const SEGMENT_BYTES = 256 << 10
const CHECKPOINT_BYTES = 2 << 20
const BUDGET_BYTES = 16 << 20
/** The segment in use and a spare are as long as planned from the beginning, and what waits for a checkpoint is in neither. */
const IN_USE_BYTES = 2 * SEGMENT_BYTES + 2 * CHECKPOINT_BYTES

const COLUMNS = ['kill', 'at', 'recoveryMs', 'entriesRead', 'segments', 'checkpoints', 'diskBytes', 'checkpointBytes']
const SENTENCES = {
  isSame: 'states identical, byte for byte, to those of an unbroken run',
  isSmall: 'never more on the disk than twice the live data, the budget, and what is in use',
  isQuick: 'recovery of the last ten restarts takes no longer than that of the 6th to 15th'
}

const { values } = parseArgs({
  options: {
    measurements: { type: 'string', default: '2000000' },
    users: { type: 'string', default: '1000' },
    kills: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string' }
  }
})
const measurements = Number(values.measurements)
const kills = Number(values.kills)
const seed = Number(values.seed)

const work = mkdtempSync(join(tmpdir(), 'ingest-wal-soak-'))
try {
  process.exitCode = (await soak()) ? 0 : 1
} finally {
  rmSync(work, { recursive: true, force: true })
}

async function soak() {
  const file = join(work, 'measurements.csv')
  generateMeasurements({ users: Number(values.users), measurements, seed, startMs: Date.UTC(2026, 0, 1), file })
  const config = join(work, 'config.toml')
  writeFileSync(
    config,
    `[wal]\nsegment_bytes = ${SEGMENT_BYTES}\ncheckpoint_bytes = ${CHECKPOINT_BYTES}\ndisk_budget_bytes = ${BUDGET_BYTES}\n\n[replay]\nclock = "event"\n`
  )
  const processor = join(work, 'processor.mjs')
  writeFileSync(processor, PROCESSOR)
  const options = ['--config', config, '--processor', processor]
  const unbroken = await unbrokenRun({ file, work, options })
  console.log(`${unbroken.summary.rows} rows, unbroken in ${(unbroken.durationMs / 1000).toFixed(1)} s; ${kills} kills, seed ${seed}`)
  console.log(lineOf(COLUMNS))
  const directory = join(work, 'killed')
  const out = join(work, 'killed.json')
  const random = mulberry32(seed)
  const restarts = []
  for (let kill = 1; kill <= kills + 1; kill++) {
    const moment = kill > kills ? {} : momentOf(kill, random)
    const { killed, notes } = await runIngest({ file, directory, out, options, ...moment })
    if (!killed && kill <= kills) throw new Error(`a run finished before kill ${kill}: fewer kills, or more measurements`)
    const restart = { kill, at: kill > kills ? 'end' : moment.environment === undefined ? 'row' : 'step', ...found(notes), ...onDisk(directory) }
    restarts.push(restart)
    console.log(lineOf(COLUMNS.map((column) => restart[column] ?? '-')))
  }
  const isSame = existsSync(out) && readFileSync(out).equals(readFileSync(unbroken.out))
  const verdict = { isSame, ...bounds(restarts) }
  for (const [what, holds] of Object.entries(verdict)) console.log(`${holds ? 'holds ' : 'BROKEN'}  ${SENTENCES[what]}`)
  if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify({ measurements, kills, seed, restarts, verdict }, null, 2)}\n`)
  return Object.values(verdict).every(Boolean)
}

function lineOf(cells) {
  return cells.map((cell) => String(cell).padStart(16)).join('')
}

/** Behind a random row of this run's part; or at a step of maintenance, where one comes before the part ends. */
function momentOf(kill, random) {
  const target = Math.floor(((kill - random()) / (kills + 1)) * measurements)
  const killWhen = ({ rows }) => rows >= target
  const delayMs = random() * MOST_LATE_MS
  if (kill % RUNS_TO_ONE_AT_A_STEP !== 0) return { killWhen, delayMs }
  const step = 1 + Math.floor(random() * MOST_STEPS)
  const environment = { NODE_OPTIONS: `--import ${KILL_AT_STEP}`, INGEST_WAL_KILL_STEP: String(step) }
  return { killWhen: ({ rows }) => rows >= target + measurements / kills, delayMs, environment }
}

/** What the start of a run said of its recovery. */
function found(notes) {
  const line = notes.find((note) => note.startsWith('recovered ')) ?? ''
  const [, entries, ms] = / ([\d,]+) entr(?:y|ies), .* in (\d+) ms$/.exec(line) ?? []
  return ms === undefined ? {} : { recoveryMs: Number(ms), entriesRead: Number(entries.replaceAll(',', '')) }
}

function onDisk(directory) {
  const files = readdirSync(directory).map((name) => ({ name, bytes: statSync(join(directory, name)).size }))
  const bytesOf = (chosen) => chosen.reduce((sum, { bytes }) => sum + bytes, 0)
  const checkpoints = files.filter(({ name }) => name.endsWith('.ckpt'))
  return {
    segments: files.filter(({ name }) => /\.wal(\.gz)?$/.test(name)).length,
    checkpoints: checkpoints.length,
    diskBytes: bytesOf(files),
    checkpointBytes: Math.max(0, ...checkpoints.map(({ bytes }) => bytes))
  }
}

function bounds(restarts) {
  const isSmall = restarts.every(({ diskBytes, checkpointBytes }) => diskBytes <= 2 * checkpointBytes + BUDGET_BYTES + IN_USE_BYTES)
  const times = restarts.map(({ recoveryMs }) => recoveryMs).filter((ms) => ms !== undefined)
  const early = median(times.slice(5, 15))
  const late = median(times.slice(-10))
  // The clock of a busy machine: half as long again, and never for less than the time of a few reads of a disk.
  return { isSmall, isQuick: times.length < 25 || late <= 1.5 * early + 20 }
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0
}
