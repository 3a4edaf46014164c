// Lives lives of a log in which a call fails, as it is told line by line on standard input, and answers each with a line.
// Runs with fault_shim.c in LD_PRELOAD.
//   node fault-cases.mjs DIRECTORY CONTROL_FILE
// A line is {phase, call, error, from, always}: in this phase of the log's life, this call fails. The phase 'after death' looks
// at what the process before this one, which was killed, has left.
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { FaultControl } from './fault-control.mjs'
import { expectWhole, Life, openDescriptors } from './faulty-life.mjs'

const [directory, controlFile] = process.argv.slice(2)
const control = new FaultControl(controlFile)
const RINGS = '/dev/shm'
/** Nothing is flushed by itself. */
const LAZY = { batchIntervalMs: 3_600_000, batchBytes: 1 << 16 }

/** Files by path: a log as a process leaves that dies, with its ring. The directory stays, so that the ring is still its own. */
let left
let leftLsn = 0

function ringsOf(path) {
  const id = readFileSync(join(path, 'log.id')).subarray(16, 24).toString('hex')
  return readdirSync(RINGS).filter((name) => name.startsWith('ingest-wal-') && name.includes(id)).map((name) => join(RINGS, name))
}

function filesIn(path) {
  return readdirSync(path).map((name) => join(path, name)).filter((file) => statSync(file).isFile())
}

function removeRings() {
  try {
    for (const ring of ringsOf(directory)) rmSync(ring, { force: true })
  } catch (error) {
    // No identity, so no ring.
    if (error.code !== 'ENOENT') throw error
  }
}

function empty() {
  mkdirSync(directory, { recursive: true })
  removeRings()
  for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true, force: true })
  control.note(0, 0)
}

/** Three segments and more, and entries that only the ring has. */
async function makeLeft() {
  empty()
  const life = new Life(directory, control)
  await life.open(LAZY)
  await life.write(8, 9)
  await life.append(9)
  left = new Map([...filesIn(directory), ...ringsOf(directory)].map((file) => [file, readFileSync(file)]))
  leftLsn = life.lastLsn
  await life.close()
}

function restoreLeft() {
  empty()
  for (const [file, bytes] of left) writeFileSync(file, bytes, { mode: 0o600 })
  control.note(leftLsn, leftLsn)
}

/** Each gets the log to where the fault shall come, and then goes through it. */
const PHASES = {
  open: { prepare: async () => empty(), run: (life) => life.open() },
  append: { prepare: opened, run: (life) => life.write(3, 4) },
  rotation: { prepare: opened, run: (life) => life.write(12, 8) },
  recovery: {
    prepare: async (life) => {
      restoreLeft()
      life.lastLsn = leftLsn
    },
    run: async (life) => {
      // What goes on has to go on behind everything that was there.
      if (await life.open()) await life.write(1, 4)
    }
  },
  read: {
    prepare: async (life) => {
      await opened(life)
      await life.write(8, 8)
    },
    run: (life) => life.read()
  },
  checkpoint: {
    prepare: async (life) => {
      await opened(life)
      await life.write(8, 8)
    },
    run: (life) => life.checkpoint()
  },
  close: {
    prepare: async (life) => {
      await opened(life, LAZY)
      await life.write(2, 4)
      await life.append(4)
    },
    run: (life) => life.close()
  }
}

async function opened(life, options) {
  empty()
  await life.open(options)
}

/** What recovery could not read counts as damage: then it may cost the entries that could not be read, and says so. */
function mayCost({ phase, call, error }) {
  return phase === 'recovery' && call === 'read' && error !== 'EINTR' && error !== 'short'
}

async function live(fault) {
  const before = openDescriptors()
  const life = new Life(directory, control)
  const { prepare, run } = PHASES[fault.phase]
  await prepare(life)
  if (life.problems.length + life.codes.length > 0) throw new Error(`before the fault: ${[...life.problems, ...life.codes].join('; ')}`)
  control.arm(fault)
  await run(life)
  const counts = control.counts()
  control.disarm()
  const told = life.wal?.recovery.damage ?? []
  await life.close()
  const problems = life.problems
  const costs = told.reduce((sum, { firstLsn, lastLsn }) => sum + (lastLsn === 0 ? 0 : lastLsn - firstLsn + 1), 0)
  if (told.length > 0 && !mayCost(fault)) problems.push(`taken for damage: ${JSON.stringify(told[0])}`)
  if (costs === 0 && told.length === 0) await note(problems, () => expectWhole(directory, life.lastLsn, life.lastLsn))
  const after = openDescriptors()
  if (after > before) problems.push(`${after - before} descriptors are left open`)
  if (ringsOf(directory).length > 0) problems.push('a ring is left behind')
  return { ...counts, problems, codes: life.codes, costs }
}

async function note(problems, check) {
  try {
    await check()
  } catch (error) {
    problems.push(error.message)
  }
}

/** The entry whose append was under way may be there or not. */
async function lookAfterDeath() {
  const { lastLsn } = control.noted()
  control.disarm()
  const problems = []
  await note(problems, () => expectWhole(directory, lastLsn, lastLsn + 1))
  return { count: 0, hits: 0, problems, codes: [], costs: 0 }
}

async function answer(line) {
  const fault = JSON.parse(line)
  if (fault.phase === 'after death') return lookAfterDeath()
  if (left === undefined) await makeLeft()
  return live(fault)
}

// The first life opens what stays open for good: descriptors of the engine.
for await (const line of createInterface({ input: process.stdin })) {
  writeSync(1, `${JSON.stringify(await answer(line))}\n`)
}
empty()
