// How long a service takes to be back: a log with measurements waiting in buffers is opened and rebuilt. The design's
// limit is 30 s for 10,000 measurements. Needs nothing but the build; run.mjs has the same job beside the others.
//   node bench/recover.mjs [--measurements 10000] [--users 500] [--rounds 5]
import { spawnSync } from 'node:child_process'
import { cpus, tmpdir } from 'node:os'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openReplayService } from '../dist/esm/index.js'

const LIMIT_S = 30

const { values } = parseArgs({
  options: {
    measurements: { type: 'string', default: '10000' },
    users: { type: 'string', default: '500' },
    rounds: { type: 'string', default: '5' },
    fill: { type: 'string' },
    open: { type: 'string' }
  }
})
const measurements = Number(values.measurements)

function service(directory) {
  return openReplayService({
    config: { wal: { directory }, replay: { maxBufferMeasurements: 1_000_000 } },
    processMeasurement: (state) => state,
    initialState: 0
  })
}

/** Leaves a log whose process died with all measurements in buffers. */
async function fill(directory) {
  const { buffer, wal } = await service(directory)
  for (let i = 0; i < measurements; i++) {
    buffer.add(`user-${i % Number(values.users)}`, { timestamp: 1_700_000_000_000 + i, value: 60 + (i % 40) })
    if (!wal.hasRoom(10, 10_000)) await wal.drained()
  }
  process.kill(process.pid, 'SIGKILL')
}

async function open(directory) {
  const startedAt = performance.now()
  const opened = await service(directory)
  const totalMs = performance.now() - startedAt
  const cameBack = opened.recovery.measurements
  if (cameBack !== measurements) throw new Error(`${cameBack} measurements came back`)
  const [scanMs, rebuildMs] = [opened.wal.recovery.durationMs, opened.recovery.durationMs]
  console.log(JSON.stringify({ totalMs, scanMs, rebuildMs }))
  await opened.close()
}

function run(...args) {
  const script = fileURLToPath(import.meta.url)
  const common = ['--measurements', values.measurements, '--users', values.users]
  const options = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }
  return spawnSync(process.execPath, [script, ...common, ...args], options)
}

function main() {
  const work = mkdtempSync(join(tmpdir(), 'ingest-wal-recover-'))
  const rounds = []
  try {
    for (let round = 0; round < Number(values.rounds); round++) {
      const directory = join(work, String(round))
      run('--fill', directory)
      rounds.push(JSON.parse(run('--open', directory).stdout))
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  const median = (key) => rounds.map((round) => round[key]).sort((a, b) => a - b)[rounds.length >> 1].toFixed(1)
  const all = rounds.map((round) => round.totalMs)
  const range = `${Math.min(...all).toFixed(1)} to ${Math.max(...all).toFixed(1)}`
  const processor = cpus()[0]?.model ?? 'unknown'
  console.log(`${measurements} measurements of ${values.users} users, ${rounds.length} rounds, ${processor}`)
  console.log(`open and rebuild, median ${median('totalMs')} ms (${range}); limit ${LIMIT_S * 1000} ms`)
  console.log(`  of it log and ring ${median('scanMs')} ms, buffers and states ${median('rebuildMs')} ms`)
}

if (values.fill !== undefined) await fill(values.fill)
else if (values.open !== undefined) await open(values.open)
else main()
