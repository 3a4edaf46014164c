// Everything that tries to break the log, for as long as it is given: engines take turns, each run with a seed of its own, and
// what they tried and found is written as JSON and as a page. Fails when one of them fails, or does not end.
//   npm run torture -- [--minutes 10] [--seed N] [--only power-cut,kill] [--out build/torture]
import { spawn } from 'node:child_process'
import { cpus, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { ENGINES } from './torture/engines.mjs'
import { countsText, writeReport } from './torture/report.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const FIRST_SIZE = 0.1
/** Sizes grow to this: a long time is better spent in long runs. */
const LARGEST_SIZE = 10
/** A run that takes longer has hung. */
const LONGEST_RUN_S = 900
const KEPT_OUTPUT_CHARACTERS = 20_000
const DRAW_EVERY_MS = 500

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    only: { type: 'string', default: '' },
    out: { type: 'string', default: 'build/torture' }
  }
})
const minutes = Number(values.minutes)
const firstSeed = Number(values.seed)
if (!(minutes > 0) || !Number.isSafeInteger(firstSeed)) throw new Error(`--minutes ${values.minutes} --seed ${values.seed}: numbers are expected`)
const only = values.only === '' ? ENGINES.map(({ name }) => name) : values.only.split(',')
const unknown = only.filter((name) => ENGINES.every((engine) => engine.name !== name))
if (unknown.length > 0) throw new Error(`no engine ${unknown.join(', ')}; there are ${ENGINES.map(({ name }) => name).join(', ')}`)

const startedAt = new Date().toISOString()
const beganMs = performance.now()
const endsMs = beganMs + minutes * 60_000
const secondsSince = (ms) => (performance.now() - ms) / 1000

const records = ENGINES.filter(({ name }) => only.includes(name)).map((engine) => ({
  engine,
  name: engine.name,
  proves: engine.proves,
  missing: engine.missing(),
  runs: 0,
  counts: {},
  seeds: '',
  seconds: 0,
  failures: []
}))

let running
process.on('SIGINT', () => {
  running?.kill('SIGKILL')
  finish()
  process.exit(130)
})

console.log(`torture: ${minutes} minutes, seed ${firstSeed}`)
for (const { name, missing } of records) if (missing !== undefined) console.log(`not run  ${name}: ${missing}`)
await rounds(records.filter(({ missing }) => missing === undefined))
process.exitCode = finish() ? 0 : 1

async function rounds(active) {
  let size = FIRST_SIZE
  // The first round is whole, so that no engine is left out.
  for (let round = 0; active.length > 0 && (round === 0 || performance.now() < endsMs); round++) {
    for (const record of active) {
      if (round > 0 && performance.now() >= endsMs) return
      await runOnce(record, firstSeed + round, size)
    }
    size = Math.min(LARGEST_SIZE, 2 * size)
  }
}

async function runOnce(record, seed, size) {
  const { command, args, environment } = record.engine.run(seed, size)
  const began = performance.now()
  const stopDrawing = draw(record, seed)
  const { output, why } = await outcomeOf(command, args, environment)
  stopDrawing()
  record.runs++
  record.seconds += secondsSince(began)
  record.seeds = record.runs === 1 ? String(seed) : `${firstSeed} to ${seed}`
  for (const [what, count] of Object.entries(record.engine.counts(output, size))) record.counts[what] = (record.counts[what] ?? 0) + count
  if (why !== undefined) {
    const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
    const line = [...variables, command, ...args].join(' ').replaceAll(root, '')
    record.failures.push({ seed, why, command: line, output: output.slice(-KEPT_OUTPUT_CHARACTERS) })
    console.log(`BROKEN   ${record.name}, seed ${seed}: ${why}\n  ${line}\n${output.slice(-3000)}`)
  } else {
    console.log(`holds    ${record.name.padEnd(18)} seed ${seed}, ${secondsSince(began).toFixed(1)} s; so far ${countsText(record.runs, record.counts)}`)
  }
}

function outcomeOf(command, args, environment) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env: { ...process.env, ...stringsOf(environment) }, stdio: ['ignore', 'pipe', 'pipe'] })
    running = child
    let output = ''
    let hasHung = false
    const keep = (chunk) => (output += String(chunk))
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    const timer = setTimeout(() => {
      hasHung = true
      child.kill('SIGKILL')
    }, LONGEST_RUN_S * 1000)
    const end = (why) => {
      clearTimeout(timer)
      resolve({ output, why })
    }
    child.on('error', (error) => end(error.message))
    child.on('close', (code, signal) => {
      if (hasHung) end(`not ended after ${LONGEST_RUN_S} s`)
      else end(code === 0 ? undefined : `ended with ${code ?? signal}`)
    })
  })
}

function stringsOf(environment) {
  return Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, String(value)]))
}

/** One line that changes, on a terminal. */
function draw({ name }, seed) {
  if (!process.stderr.isTTY) return () => undefined
  const began = performance.now()
  const show = () => {
    const left = Math.max(0, (endsMs - performance.now()) / 1000).toFixed(0)
    process.stderr.write(`\r\u001b[K${name}, seed ${seed}: ${secondsSince(began).toFixed(0)} s; ${left} s left`)
  }
  const timer = setInterval(show, DRAW_EVERY_MS)
  show()
  return () => {
    clearInterval(timer)
    process.stderr.write('\r\u001b[K')
  }
}

function finish() {
  const engines = records.map(({ engine: _, ...record }) => record)
  const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`
  writeReport(values.out, { startedAt, seconds: secondsSince(beganMs), seed: firstSeed, machine, engines })
  const broken = engines.filter(({ failures }) => failures.length > 0)
  console.log(`\n${engines.filter(({ runs }) => runs > 0).length} engines, ${secondsSince(beganMs).toFixed(0)} s; ${broken.length === 0 ? 'everything holds' : `BROKEN: ${broken.map(({ name }) => name).join(', ')}`}; report in ${values.out}`)
  return broken.length === 0
}
