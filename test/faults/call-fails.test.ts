// Proves, on the built addon and real files, that a system call which fails costs nothing that append() took: for each kind of
// call that the log makes, the first, the second, … of it fails, once or for ever after, with each error there is, while the log
// is opened, appends, rotates, recovers, is read, writes a checkpoint and is closed. Each waiter is answered, with a WalError or
// none; a log that has failed says so to everybody; nothing hangs, no descriptor and no ring is left open. Then the log opens
// and holds every entry whose append returned, unchanged and undamaged, and no other; it goes on, and opens once more like that.
// The process is killed at such calls as well, and in the midst of a write. Last, a planted bug is seen to be caught.
//
// Calls fail by LD_PRELOAD (shim/fault_shim.c). Without a C compiler the tests say so and prove nothing. INGEST_WAL_FAULTS=all
// tries every case; otherwise a sample, drawn with INGEST_WAL_SEED.
import { afterAll, expect, test } from 'vitest'
import { printedSeed, seededRandom } from '../crash/support.js'
import { temporaryDirectories } from '../support/temporary-directory.js'
import { CALLS, errorsOf, type Call, type FaultError } from './children/fault-control.mjs'
import { FaultChild, type Answer, type Case, type Phase } from './fault-child.js'
import { buildShim } from './shim/build.mjs'

const PHASES: readonly Phase[] = ['open', 'append', 'rotation', 'recovery', 'read', 'checkpoint', 'close']
const ALL = process.env['INGEST_WAL_FAULTS'] === 'all'
/** Of a sample: cases of each phase and kind of call, beside that where all fail from the first on; and kills in all. */
const SAMPLED_CASES = 3
const SAMPLED_KILLS = 12
/** Phases and kinds of which one case is a disk that stays full, which takes its time. */
const SAMPLED_FULL_SHARE = 0.2
const NEVER = 2 ** 32 - 1
const HOUR_MS = 3_600_000

const newDirectory = temporaryDirectories()
const shim = buildShim(newDirectory())
if ('why' in shim) process.stderr.write(`call-fails: ${shim.why}: not checked\n`)
const children: FaultChild[] = []
afterAll(() => children.forEach((child) => child.kill()))

function newChild(): FaultChild | undefined {
  if ('why' in shim) return undefined
  const child = new FaultChild(shim.path, newDirectory())
  children.push(child)
  return child
}

/** What was seen, so that a sweep which proves nothing is noticed. */
class Tally {
  cases = 0
  readonly failedCalls = new Set<string>()
  readonly codes = new Map<string, number>()
  readonly wrong: string[] = []

  take(tried: Case, answer: Answer): void {
    this.cases++
    if (answer.hits > 0) this.failedCalls.add(tried.call)
    for (const code of answer.codes) this.codes.set(code, (this.codes.get(code) ?? 0) + 1)
    for (const problem of answer.problems) this.wrong.push(`${describe(tried)}: ${problem}`)
  }
}

function describe({ phase, call, error, from, always }: Case): string {
  return `${phase}: ${call} ${from}${always ? ' and all behind it' : ''}: ${error}`
}

async function ask(child: FaultChild, tried: Case): Promise<Answer> {
  const answer = await child.ask(tried)
  if (answer === 'killed') throw new Error(`${describe(tried)}: the process died`)
  return answer
}

/** How many calls of the kind the phase makes when nothing fails. */
async function callsOf(child: FaultChild, phase: Phase, call: Call): Promise<number> {
  return (await ask(child, { phase, call, error: 'EIO', from: NEVER, always: false })).count
}

const isFull = (error: FaultError) => error === 'ENOSPC' || error === 'EDQUOT'

/** Every way in which one of the first `count` calls can fail. */
function casesOf(phase: Phase, call: Call, count: number): Case[] {
  const froms = Array.from({ length: count }, (_, index) => index + 1)
  return froms.flatMap((from) =>
    errorsOf(call).flatMap((error) => [false, true].map((always) => ({ phase, call, error, from, always })))
  )
}

function sampleOf(cases: readonly Case[], random: () => number): Case[] {
  const draw = (from: readonly Case[], most: number) =>
    [...from].map((item) => ({ item, order: random() })).sort((a, b) => a.order - b.order).slice(0, most).map(({ item }) => item)
  const waits = ({ error, always }: Case) => isFull(error) && always
  const first = cases.filter(({ error, from, always }) => error === 'EIO' && from === 1 && always)
  const full = random() < SAMPLED_FULL_SHARE ? 1 : 0
  return [...first, ...draw(cases.filter((item) => !waits(item)), SAMPLED_CASES), ...draw(cases.filter(waits), full)]
}

/** The calls that follow those of a run without a fault: as many more as faults lead to. */
async function sweepOn(child: FaultChild, phase: Phase, call: Call, from: number, tally: Tally): Promise<void> {
  for (let next = from; ; next++) {
    let hits = 0
    for (const tried of casesOf(phase, call, next).filter((item) => item.from === next)) {
      const answer = await ask(child, tried)
      tally.take(tried, answer)
      hits += answer.hits
    }
    if (hits === 0) return
  }
}

test('whichever call fails, nothing that was appended is lost, and nobody is left waiting', { timeout: HOUR_MS }, async () => {
  const child = newChild()
  if (child === undefined) return
  const random = seededRandom(printedSeed('call-fails'))
  const tally = new Tally()
  for (const phase of PHASES) {
    for (const call of CALLS.slice(1)) {
      const count = await callsOf(child, phase, call)
      const cases = casesOf(phase, call, count)
      for (const tried of ALL ? cases : sampleOf(cases, random)) tally.take(tried, await ask(child, tried))
      if (ALL) await sweepOn(child, phase, call, count + 1, tally)
    }
  }
  expect(await child.end()).toBe(0)
  process.stderr.write(`call-fails: ${tally.cases} cases; ${[...tally.codes].map(([code, times]) => `${times} × ${code}`).join(', ')}\n`)
  expect(tally.wrong).toEqual([])
  expect([...tally.failedCalls].sort()).toEqual(CALLS.slice(1).sort())
  for (const code of ['open ERR_WAL_IO', 'durable ERR_WAL_FAILED', 'close ERR_WAL_IO']) expect([...tally.codes.keys()]).toContain(code)
})

test('a process that dies at a call, or in the midst of a write, loses nothing that was appended', { timeout: HOUR_MS }, async () => {
  const child = newChild()
  if (child === undefined) return
  const random = seededRandom(printedSeed('call-fails, killed'))
  const deaths: Case[] = []
  for (const phase of PHASES) {
    for (const call of CALLS.slice(1)) {
      const count = await callsOf(child, phase, call)
      for (let from = 1; from <= count; from++) deaths.push({ phase, call, error: 'death', from, always: false })
      if (call !== 'write') continue
      for (let from = 1; from <= count; from++) deaths.push({ phase, call, error: 'torn', from, always: false })
    }
  }
  const chosen = ALL ? deaths : Array.from({ length: SAMPLED_KILLS }, () => deaths[Math.floor(random() * deaths.length)] as Case)
  let killed = 0
  const wrong: string[] = []
  for (const tried of chosen) {
    // Threads come to their calls in their own time: one life in many has fewer of a kind than the one that was counted.
    const answer = await child.ask(tried)
    if (answer === 'killed') killed++
    const seen = answer === 'killed' ? await child.ask({ phase: 'after death' }) : answer
    if (seen === 'killed') throw new Error(`${describe(tried)}: the process behind it died`)
    wrong.push(...seen.problems.map((problem) => `${describe(tried)}: ${problem}`))
  }
  await child.end()
  process.stderr.write(`call-fails: ${killed} processes killed, of ${chosen.length} that were to be\n`)
  expect(wrong).toEqual([])
  expect(killed).toBeGreaterThan(chosen.length / 2)
})

test('a write of which a half is missing, and which says that it is whole, does not go unnoticed', async () => {
  const child = newChild()
  if (child === undefined) return
  const unnoticed: number[] = []
  let tried = 0
  // Batches of an append phase, one by one; writes of zeros ahead of them, and of marks, may be short without harm.
  const count = await callsOf(child, 'append', 'write')
  for (let from = 1; from <= count; from++) {
    const answer = await ask(child, { phase: 'append', call: 'write', error: 'lie', from, always: true })
    tried++
    if (answer.problems.length === 0) unnoticed.push(from)
  }
  expect(await child.end()).toBe(0)
  expect(tried).toBeGreaterThan(3)
  expect(unnoticed.length).toBeLessThan(tried / 2)
})
