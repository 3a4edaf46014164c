// Power cuts on real file systems. A workload runs on a file system whose disk records what it is told; then the power is cut
// at random places of the recording: what was flushed is there, of the rest all, or some writes, or some pieces of writes. Each
// state is mounted, opened and judged from outside.
//
//   npm run power-cut -- [--fs ext4,xfs,btrfs] [--states 300] [--seed N] [--recording-states 1000] [--measurements 2400]
//                        [--bug NAME] [--first] [--json]
//
// After --recording-states states the workload is recorded anew: it is the places of a recording that differ, and there are a
// thousand or so.
// --first ends at the first failure; --bug plants a bug, which has to lead to one.
// Ends with 0 when nothing was lost (or it cannot be done here, and says why), 1 when something was, 3 when it did not work.
// Needs root, /dev/fuse, loop devices, and the packages libfuse3-dev, fuse3, pkg-config, e2fsprogs, xfsprogs, btrfs-progs.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { judge } from './lib/judge.mjs'
import { BUGS, record } from './lib/record.mjs'
import { buildTools, FILE_SYSTEMS, whyNot } from './lib/tools.mjs'

const MOST_TOLD = 5
const PROGRESS_MS = 2000

const { values } = parseArgs({
  options: {
    fs: { type: 'string', default: 'ext4,xfs,btrfs' },
    states: { type: 'string', default: '300' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    'recording-states': { type: 'string', default: '1000' },
    measurements: { type: 'string', default: '2400' },
    bug: { type: 'string' },
    first: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false }
  }
})
const options = {
  states: Number(values.states),
  seed: Number(values.seed),
  recordingStates: Number(values['recording-states']),
  measurements: Number(values.measurements),
  bug: values.bug
}

function note(text) {
  process.stderr.write(`${text}\n`)
}

/** The current step's process: told to end where this one is interrupted. It cleans up behind itself. */
let exploring
let isInterrupted = false
const isOver = ({ failures }) => isInterrupted || (values.first && failures > 0)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    isInterrupted = true
    exploring?.kill('SIGTERM')
  })
}

/** Judges `states` states, one after the other; what it finds is added to `result`. */
async function explore(folder, { base, recording }, tools, { states, seed }, result) {
  const mountPoint = join(folder, 'state')
  mkdirSync(mountPoint)
  const args = [base, recording, result.fileSystem, mountPoint, String(states), String(seed)]
  exploring = spawn(tools.explore, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  exploring.stdin.on('error', () => undefined)
  const ended = once(exploring, 'exit')
  const progress = process.stderr.isTTY ? setInterval(() => note(lineOf(result)), PROGRESS_MS) : undefined
  try {
    for await (const line of createInterface({ input: exploring.stdout })) {
      const [state, request, unflushed, kind, mark] = line.split(' ')
      result.kinds[kind] = (result.kinds[kind] ?? 0) + 1
      if (kind === 'unmountable') continue
      result.states++
      result.unflushed += Number(unflushed)
      const acknowledged = Number(mark)
      try {
        const total = await judge(join(mountPoint, 'log'), acknowledged)
        result.beyond += total > acknowledged ? 1 : 0
      } catch (error) {
        // What it looked at was unmounted under its eyes.
        if (isInterrupted) break
        result.failures++
        if (result.told.length < MOST_TOLD) result.told.push(`seed ${seed}, state ${state} (request ${request}, ${unflushed} not flushed, ${kind}): ${error.message}`)
      }
      if (isOver(result)) break
      exploring.stdin.write('\n')
    }
  } finally {
    clearInterval(progress)
    exploring.stdin.end()
  }
  const [code, signal] = await ended
  exploring = undefined
  if (code !== 0 && !isOver(result)) throw new Error(`explore ended with ${signal ?? code}`)
}

function lineOf({ fileSystem, states, failures, kinds, beyond, unflushed, seconds }) {
  const counts = Object.entries(kinds).map(([kind, count]) => `${kind} ${count}`).join(', ')
  const time = seconds === undefined ? '' : `, ${seconds.toFixed(0)} s`
  const each = states === 0 ? 0 : unflushed / states
  return `${fileSystem}: ${states} states (${counts}), ${failures} failures, ${beyond} with more than was acknowledged, ` +
    `${each.toFixed(1)} requests not flushed on average${time}, seed ${options.seed}`
}

/** Records the workload and cuts it in `states` places. */
async function round(tools, { states, seed }, result) {
  const folder = mkdtempSync(join(tmpdir(), 'ingest-wal-power-cut-'))
  try {
    const { fileSystem } = result
    const recorded = await record(folder, { fileSystem, tools, measurements: options.measurements, bug: options.bug, seed })
    if (!isInterrupted) await explore(folder, recorded, tools, { states, seed }, result)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function cut(fileSystem, tools) {
  const result = { fileSystem, states: 0, failures: 0, beyond: 0, unflushed: 0, kinds: {}, told: [] }
  const startedAt = performance.now()
  for (let done = 0, seed = options.seed; done < options.states && !isOver(result); done += options.recordingStates, seed++) {
    await round(tools, { states: Math.min(options.recordingStates, options.states - done), seed }, result)
    result.seconds = (performance.now() - startedAt) / 1000
    note(lineOf(result))
  }
  for (const failure of result.told) note(`  ${failure}`)
  return result
}

const fileSystems = values.fs.split(',')
const unknown = fileSystems.find((name) => FILE_SYSTEMS[name] === undefined) ?? (options.bug === undefined || BUGS.includes(options.bug) ? undefined : options.bug)
if (unknown !== undefined) {
  note(`${unknown}? File systems: ${Object.keys(FILE_SYSTEMS).join(', ')}; bugs: ${BUGS.join(', ')}`)
  process.exit(2)
}
const results = []
note(`power-cut: seed ${options.seed}`)
for (const fileSystem of fileSystems) {
  if (isInterrupted) break
  const why = whyNot(fileSystem)
  if (why === undefined) results.push(await cut(fileSystem, buildTools()))
  else {
    note(`power-cut: SKIPPED ${fileSystem}: ${why}`)
    results.push({ fileSystem, skipped: why })
  }
}
if (values.json) process.stdout.write(`${JSON.stringify({ seed: options.seed, results })}\n`)
process.exitCode = isInterrupted ? 130 : results.some(({ failures }) => failures > 0) ? 1 : 0
