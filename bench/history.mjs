// What a start costs that has the same to bring back from ever longer logs, before and after they were compacted: time until
// the service is back, and the peak of its memory. Needs nothing but the build.
//   node bench/history.mjs [--entries 10000,1000000,10000000] [--rounds 3] [--directory DIR]
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openReplayService } from '../dist/esm/index.js'

const USERS = 80
const BUFFER_MEASUREMENTS = 100
/** START_BUFFER, the measurements, END_BUFFER, CHECKPOINT, COMMIT. */
const ENTRIES_OF_A_REPLAY = BUFFER_MEASUREMENTS + 4
/** What is live in the end, of each user, and a START_BUFFER. */
const WAITING_MEASUREMENTS = 20

const { values } = parseArgs({
  options: {
    entries: { type: 'string', default: '10000,1000000,10000000' },
    rounds: { type: 'string', default: '3' },
    directory: { type: 'string', default: tmpdir() },
    fill: { type: 'string' },
    open: { type: 'string' },
    compact: { type: 'string' },
    replays: { type: 'string' }
  }
})

function service(directory) {
  return openReplayService({
    config: {
      wal: { directory, maintenance: false },
      replay: { maxBufferMeasurements: BUFFER_MEASUREMENTS, triggerMode: 'measurement_count' }
    },
    processMeasurement: ({ count, sum }, { value }) => ({ count: count + 1, sum: sum + value }),
    initialState: { count: 0, sum: 0 },
    waitDurable: false
  })
}

/** Leaves a log whose process died: `replays` of each user are done, and some measurements wait. */
async function fill(directory, replays) {
  const { buffer, manager, wal } = await service(directory)
  const perUser = replays * BUFFER_MEASUREMENTS + WAITING_MEASUREMENTS
  for (let i = 0; i < perUser; i++) {
    for (let user = 0; user < USERS; user++) {
      const userId = `user-${user}`
      if (!wal.hasRoom(10, 20_000)) await wal.drained()
      if (buffer.add(userId, { timestamp: 1_700_000_000_000 + i, value: 60 + (i % 40) }).ready) await manager.replay(userId)
    }
  }
  process.kill(process.pid, 'SIGKILL')
}

async function open(directory) {
  const startedAt = performance.now()
  const opened = await service(directory)
  const ms = performance.now() - startedAt
  const peakBytes = process.resourceUsage().maxRSS * 1024
  const { measurements } = opened.recovery
  if (measurements !== USERS * WAITING_MEASUREMENTS) throw new Error(`${measurements} measurements came back`)
  console.log(JSON.stringify({ ms, peakBytes, entries: opened.wal.lastLsn }))
  process.kill(process.pid, 'SIGKILL')
}

async function compact(directory) {
  const { wal } = await service(directory)
  const startedAt = performance.now()
  await wal.compact({ drop: true })
  console.log(JSON.stringify({ ms: performance.now() - startedAt }))
  await wal.close()
}

function run(...args) {
  const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url), ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  return child.stdout === '' ? undefined : JSON.parse(child.stdout)
}

function measured(directory) {
  const rounds = Array.from({ length: Number(values.rounds) }, () => run('--open', directory))
  const median = (key) => rounds.map((round) => round[key]).sort((a, b) => a - b)[rounds.length >> 1]
  return { ms: median('ms'), peakBytes: median('peakBytes'), entries: median('entries'), diskBytes: sizeOf(directory) }
}

function sizeOf(directory) {
  const names = readdirSync(directory, { recursive: true })
  return names.reduce((sum, name) => sum + statSync(join(directory, name)).blocks * 512, 0)
}

function print(cells) {
  const [name, ...rest] = cells
  console.log(String(name).padEnd(28) + rest.map((cell) => String(cell).padStart(14)).join(''))
}

function printRow(name, { entries, ms, peakBytes, diskBytes }) {
  const megabytes = (bytes) => (bytes / 1e6).toFixed(1)
  print([name, entries.toLocaleString('en'), ms.toFixed(1), megabytes(peakBytes), megabytes(diskBytes)])
}

function main() {
  const work = mkdtempSync(join(values.directory, 'ingest-wal-history-'))
  try {
    print(['', 'entries', 'recovery ms', 'peak MB', 'disk MB'])
    for (const entries of values.entries.split(',').map(Number)) {
      const replays = Math.max(1, Math.round((entries / USERS - WAITING_MEASUREMENTS - 1) / ENTRIES_OF_A_REPLAY))
      const directory = join(work, String(entries))
      run('--fill', directory, '--replays', String(replays))
      // The first start takes over the ring; what is measured begins with a log on the disk.
      run('--open', directory)
      printRow('as it was logged', measured(directory))
      const took = run('--compact', directory)
      printRow(`compacted in ${took.ms.toFixed(0)} ms`, measured(directory))
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

if (values.fill !== undefined) await fill(values.fill, Number(values.replays))
else if (values.open !== undefined) await open(values.open)
else if (values.compact !== undefined) await compact(values.compact)
else main()
