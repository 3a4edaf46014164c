// ingest-wal and what its users might take instead: the same jobs, on the same files, in the same run.
//   npm run bench -- [--jobs bulk,append] [--only ingest-wal,lmdb] [--rounds 3] [--scale 1] [--directory D] [--out D]
// Each run is a process of its own; competitors take turns, in an order that moves on with each round. Printed are
// medians with least and greatest, and how many times better ours is than each in the same round.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describeMachine } from './harness/machine.mjs'
import { bytesOnDisk, deviceWrittenBytes, syncDevice } from './harness/meter.mjs'
import { compilePrograms } from './harness/native-programs.mjs'
import { pageOf } from './harness/page.mjs'
import { endOnSignals, outputOf } from './harness/process.mjs'
import { goalLines, goalsOf, goalsTable, summarise, tableOf } from './harness/report.mjs'

// Jobs whose goals look at another's figures come after it.
const JOBS = ['bulk', 'lane', 'append', 'awaited', 'read', 'recover', 'service', 'growth', 'memory']
const COMPETITORS = [
  'ingest-wal', 'ingest-wal-by-name', 'ingest-wal-for-await', 'raw', 'javascript-ring', 'buffer-concat', 'append-file',
  'json-lines', 'sonic-boom', 'lmdb', 'rocksdb', 'leveldb', 'nxtedition-rocksdb', 'hypercore', 'classic-level',
  'better-sqlite3', 'bare-call', 'control'
]
const CHILD = fileURLToPath(new URL('child.mjs', import.meta.url))
const LIMITS = { timeoutMs: 600_000 }
const LEAST_ENTRIES = 100

const options = readOptions()
/** Directories that hold what a job's competitors are to find. */
const prepared = new Set()
/** Runs that went wrong, and why. */
const failed = {}

await main()

function parseOptions(options) {
  try {
    return parseArgs({ options }).values
  } catch (error) {
    return usage(`${error.message}; allowed: ${Object.keys(options).map((name) => `--${name}`).join(', ')} (README.md)`)
  }
}

function readOptions() {
  const values = parseOptions({
    jobs: { type: 'string', default: JOBS.join(',') },
    only: { type: 'string', default: COMPETITORS.join(',') },
    rounds: { type: 'string', default: '3' },
    scale: { type: 'string', default: '1' },
    directory: { type: 'string', default: tmpdir() },
    out: { type: 'string', default: fileURLToPath(new URL('results', import.meta.url)) }
  })
  const only = list('only', values.only, COMPETITORS)
  return {
    // bulk, or one variant of a job: awaited-64.
    jobs: values.jobs.split(','),
    only,
    rounds: positive('rounds', values.rounds),
    scale: positive('scale', values.scale),
    directory: resolve(values.directory),
    out: resolve(values.out)
  }
}

function list(name, text, allowed) {
  const unknown = text.split(',').find((each) => !allowed.includes(each))
  if (unknown !== undefined) usage(`--${name} has ${unknown}; allowed: ${allowed.join(', ')}`)
  return text.split(',')
}

function positive(name, text) {
  if (!(Number(text) > 0)) usage(`--${name} is ${text}; allowed: a number above 0`)
  return Number(text)
}

function usage(message) {
  console.error(message)
  process.exit(2)
}

async function main() {
  mkdirSync(options.directory, { recursive: true })
  const machine = describeMachine(options.directory)
  console.log(Object.entries(machine).map(([key, value]) => `${key.padEnd(12)} ${value}`).join('\n'))
  const { competitors, skipped } = await loadCompetitors()
  const variants = await selectedVariants()
  const work = mkdtempSync(join(options.directory, 'ingest-wal-bench-'))
  endOnSignals(() => rmSync(work, { recursive: true, force: true }))
  const startedAt = new Date().toISOString()
  const results = []
  try {
    for (const { name, job, variant } of variants) {
      const taking = competitors.filter((competitor) => takesPart(competitor, name, skipped))
      const runs = await runVariant({ name, job, variant, competitors: taking, work })
      const result = summarise(variant, job.figure, runs)
      const goals = goalsOf(job, variant, result, results)
      const plots = result.rows.length > 0 ? (job.plots?.(result) ?? []) : []
      results.push({ title: job.title, columns: job.columns, result, goals, plots, runs })
      const amount = `${variant.entries.toLocaleString('en-US')} ${variant.unit ?? 'entries'}`
      console.log(`\n${variant.name} (${job.title}; ${amount})`)
      console.log([...tableOf(result, job.columns), ...goalLines(goals)].join('\n'))
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  const durabilities = Object.fromEntries(competitors.map(({ name, durability }) => [name, durability]))
  console.log(`\n${goalsTable(results).join('\n')}`)
  if (options.scale !== 1) console.log(`at scale ${options.scale}: what is to be reached is meant for scale 1`)
  console.log('\ndurability')
  for (const [name, text] of Object.entries(durabilities)) console.log(`  ${name.padEnd(20)} ${text}`)
  for (const [name, reason] of Object.entries(skipped)) console.log(`not measured: ${name}: ${reason}`)
  for (const [name, reason] of Object.entries(failed)) console.log(`failed: ${name}: ${reason}`)
  const { rounds, scale } = options
  write({ machine, startedAt, options: { rounds, scale }, durabilities, skipped: { ...skipped, ...failed }, results })
  if (Object.keys(failed).length > 0 || skipped['ingest-wal'] !== undefined) process.exitCode = 1
}

/** Those of `--only` that can be run here, and why the others cannot. */
async function loadCompetitors() {
  const skipped = compilePrograms(options.only)
  const competitors = []
  for (const name of options.only.filter((each) => skipped[each] === undefined)) {
    try {
      competitors.push(await import(`./competitors/${name}.mjs`))
    } catch (error) {
      skipped[name] = `not installed or not built here: ${error.message.split('\n')[0]}`
    }
  }
  return { competitors, skipped }
}

function takesPart(competitor, job, skipped) {
  if (!competitor.jobs.includes(job)) return false
  const reason = competitor.cannot?.(job)
  if (reason !== undefined) skipped[`${competitor.name} in ${job}`] = reason
  return reason === undefined
}

async function selectedVariants() {
  const all = []
  for (const name of JOBS) {
    const job = await import(`./jobs/${name}.mjs`)
    for (const variant of job.variants) {
      const entries = Math.max(LEAST_ENTRIES, Math.round(variant.entries * options.scale))
      all.push({ name, job, variant: { ...variant, entries } })
    }
  }
  const names = [...JOBS, ...all.map(({ variant }) => variant.name)]
  list('jobs', options.jobs.join(','), [...new Set(names)])
  return all.filter(({ name, variant }) => options.jobs.includes(name) || options.jobs.includes(variant.name))
}

/** All rounds of one variant. A competitor that fails is left out from then on, and named with the reason. */
async function runVariant({ name, job, variant, competitors, work }) {
  const runs = []
  let taking = [...competitors]
  const rounds = Math.min(options.rounds, job.rounds ?? options.rounds)
  for (let round = 0; round < rounds; round++) {
    for (const competitor of inTurn(taking, round, job.sharedFiles)) {
      const owner = job.sharedFiles ?? competitor.name
      const directory = join(work, variant.name, owner)
      try {
        tell(`${variant.name} round ${round + 1}: ${competitor.name}`)
        await prepare({ name, job, variant, competitor, owner, directory, round })
        const metrics = await runOnce({ name, job, variant, competitor, directory })
        const rows = job.rowsOf?.(metrics) ?? [{ competitor: competitor.name, metrics }]
        for (const row of rows) runs.push({ ...row, round })
      } catch (error) {
        failed[`${competitor.name} in ${variant.name}`] = error.message
        taking = taking.filter((each) => each !== competitor)
      }
      if (job.prepare === undefined) rmSync(directory, { recursive: true, force: true })
    }
    if (round + 1 === rounds) rmSync(join(work, variant.name), { recursive: true, force: true })
  }
  return runs
}

/** The order moves on with each round; the owner of shared files, which changes them, always comes last. */
function inTurn(competitors, round, owner) {
  const shift = round % Math.max(1, competitors.length)
  const order = [...competitors.slice(shift), ...competitors.slice(0, shift)]
  return [...order.filter(({ name }) => name !== owner), ...order.filter(({ name }) => name === owner)]
}

/** Makes the directory, empty or with what competitors are to find. Big files are filled once, for all rounds. */
async function prepare({ name, job, variant, competitor, owner, directory, round }) {
  const key = variant.filledEachRound ? `${directory} ${round}` : directory
  if (prepared.has(key)) return
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  if (job.prepare === undefined) return
  prepared.add(key)
  const spec = { job: name, competitor: owner, directory, ...variant, phase: 'prepare' }
  if (competitor.command === undefined || owner !== competitor.name) await node(spec, job.endsKilled)
  else await outputOf(...commandOf(competitor, spec), LIMITS)
}

async function runOnce({ name, job, variant, competitor, directory }) {
  // What earlier runs left to be written belongs to them.
  syncDevice()
  const startedAt = deviceWrittenBytes(directory)
  const spec = { job: name, competitor: competitor.name, directory, ...variant, phase: 'run' }
  const metrics = competitor.command === undefined ? await runModule(spec) : await runProgram(job, competitor, spec)
  if (job.entryBytes === undefined) return metrics
  syncDevice()
  const bytes = variant.entries * job.entryBytes
  const deviceBytes = deviceWrittenBytes(directory) - (metrics.deviceBefore ?? startedAt)
  return { ...metrics, writeAmplification: metrics.writtenBytes / bytes, deviceAmplification: deviceBytes / bytes }
}

async function runModule(spec) {
  const output = await node(spec)
  return JSON.parse(output.trim().split('\n').at(-1))
}

/** A competitor that is no Node module: its program is run in place of the child. */
async function runProgram(job, competitor, spec) {
  const directory = competitor.name === 'raw' ? (job.rawDirectory?.(spec.directory) ?? spec.directory) : spec.directory
  const output = await outputOf(...commandOf(competitor, { ...spec, directory }), LIMITS)
  return { ...job.fromProgram(JSON.parse(output), spec), diskBytes: bytesOnDisk(directory) }
}

function commandOf(competitor, spec) {
  const [program, ...args] = competitor.command(spec)
  return [program, args]
}

function node(spec, endsKilled = false) {
  const heapMegabytes = Math.floor((totalmem() / 2 ** 20) * 0.75)
  const args = [`--max-old-space-size=${heapMegabytes}`, CHILD, JSON.stringify(spec)]
  return outputOf(process.execPath, args, { ...LIMITS, endsKilled })
}

/** Progress, on a terminal only. */
function tell(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}\r`)
}

function write(report) {
  mkdirSync(options.out, { recursive: true })
  const name = report.startedAt.replace(/[:.]/g, '-')
  const json = join(options.out, `${name}.json`)
  const page = join(options.out, `${name}.html`)
  writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`)
  writeFileSync(page, pageOf(report))
  console.log(`\n${json}\n${page}`)
}
