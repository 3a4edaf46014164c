// Proves what `tainted` says when any one entry of a log is lost, wherever the log ends: exactly which users, buffers, counts and
// reasons, against a model of docs/recovery.md ("Whose entries are lost"). The log has several users, buffers that wait behind each
// other, replays that fail and are parked, and clears.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Operation, recover, type Entry, type TaintedUser } from '../../lib/index.js'
import { readAdd, readCheckpoint, readCommit, readEnd, readRollback, readStart } from '../../lib/replay/payloads.js'
import { Job, programs, type Program, type Step } from './job.js'
import { MemoryLog } from './memory-log.js'

/** What an entry says: everything the model looks at. */
interface Word {
  lsn: number
  userId: string
  operation: Operation
  buffer: number
  count: number
  attempts: number
  clears: boolean
}

const READERS = {
  [Operation.START_BUFFER]: readStart,
  [Operation.ADD_MEASUREMENT]: readAdd,
  [Operation.END_BUFFER]: readEnd,
  [Operation.CHECKPOINT]: readCheckpoint,
  [Operation.COMMIT]: readCommit,
  [Operation.ROLLBACK]: readRollback
}

function wordOf({ lsn, userId, operation, payload }: Entry): Word {
  const { buffer, count = 0, attempts = 0, discarded: clears = false } = READERS[operation](payload) as Partial<Word> & { buffer: number; discarded?: boolean }
  return { lsn, userId, operation, buffer, count, attempts, clears }
}

const nameOf = ({ operation }: Word): string => Object.entries(Operation).find(([, each]) => each === operation)?.[0] ?? ''
const isReplay = ({ operation, clears }: Word): boolean => operation >= Operation.CHECKPOINT && !clears

/** A buffer that waits, as far as the entries that came back say. */
interface Waiting {
  buffer: number
  measurements: number
  isOpen: boolean
  isUnderWay: boolean
  attempts: number
}

/** What waits behind one more entry of the user. */
function follow(waiting: readonly Waiting[], { operation, buffer, attempts, clears }: Word): Waiting[] {
  if (operation === Operation.COMMIT) return waiting.filter((each) => !clears && each.buffer > buffer)
  const isOfOpen = operation <= Operation.END_BUFFER
  const kept = waiting.filter((each) => isOfOpen || each.buffer >= buffer).map((each) => ({ ...each, isOpen: each.isOpen && each.buffer >= buffer }))
  let about = kept.find((each) => each.buffer === buffer)
  if (about === undefined) kept.push((about = { buffer, measurements: 0, isOpen: true, isUnderWay: false, attempts: 0 }))
  if (operation === Operation.ADD_MEASUREMENT) about.measurements++
  if (operation >= Operation.END_BUFFER) about.isOpen = false
  if (operation >= Operation.CHECKPOINT) Object.assign(about, { attempts, isUnderWay: operation === Operation.CHECKPOINT })
  return kept
}

/** What the next entry proves the lost one to have been, of a user of whom `waiting` waits; `seen`: buffers that were begun. */
type Proof = 'a measurement' | 'an end or a clear' | 'something that leaves no doubt' | undefined

function proofIn(word: Word, waiting: readonly Waiting[], seen: ReadonlySet<number>): Proof {
  const { operation, buffer, count, attempts, clears } = word
  const known = waiting.reduce((sum, each) => sum + each.measurements, 0)
  if (clears) return count > known ? 'something that leaves no doubt' : undefined
  const about = waiting.find((each) => each.buffer === buffer)
  if (operation <= Operation.END_BUFFER) {
    if (waiting.some((each) => each.isOpen && each.buffer < buffer)) return 'an end or a clear'
    if (operation !== Operation.START_BUFFER && !seen.has(buffer)) return 'something that leaves no doubt'
  } else {
    const lacksCommit = waiting.some((each) => each.buffer < buffer)
    const lacksEnd = about?.isOpen === true
    const lacksCheckpoint = about?.isUnderWay === false && operation !== Operation.CHECKPOINT
    const lacksRollback = about?.isUnderWay === true && operation === Operation.CHECKPOINT && attempts > about.attempts
    if (lacksCommit || lacksEnd || lacksCheckpoint || lacksRollback) return 'something that leaves no doubt'
  }
  return operation >= Operation.END_BUFFER && about !== undefined && count > about.measurements ? 'a measurement' : undefined
}

/** The doubts about a user who has lost one entry between `before` and `after`. */
function doubtsOf(userId: string, before: readonly Word[], after: readonly Word[]): TaintedUser[] {
  let waiting = before.reduce<Waiting[]>(follow, [])
  const seen = new Set(before.map(({ buffer }) => buffer))
  const reasons = new Map<number, TaintedUser['reason']>(waiting.map(({ buffer, isOpen }) => [buffer, isOpen ? 'measurements' : 'outcome']))
  let isExplained = false
  let stateIsInDoubt = false
  for (const word of after) {
    const proof = isExplained ? undefined : proofIn(word, waiting, seen)
    if (proof !== undefined) {
      isExplained = true
      reasons.clear()
      stateIsInDoubt = false
      if (proof === 'a measurement') reasons.set(word.buffer, 'measurements')
      if (proof === 'an end or a clear') for (const { buffer } of waiting) reasons.set(buffer, 'outcome')
    }
    // Fewer than there were: some of them were committed before, and nothing says with which state.
    if (!isExplained && word.clears) stateIsInDoubt ||= word.count < waiting.reduce((sum, each) => sum + each.measurements, 0)
    // A count that was reached says that the buffer is whole; a word about a replay, that nothing was committed or cleared.
    if (!isExplained && word.operation >= Operation.END_BUFFER) reasons.delete(word.buffer)
    if (isReplay(word)) {
      stateIsInDoubt = false
      for (const [buffer, reason] of reasons) if (reason === 'outcome') reasons.delete(buffer)
    }
    waiting = follow(waiting, word)
    seen.add(word.buffer)
  }
  const found = waiting.flatMap(({ buffer }) => (reasons.has(buffer) ? [{ userId, buffer, lost: 1, reason: reasons.get(buffer) as TaintedUser['reason'] }] : []))
  return found.length === 0 && stateIsInDoubt ? [{ userId, buffer: waiting.at(-1)?.buffer ?? 0, lost: 1, reason: 'unproven' }] : found
}

function expectedTaints(words: readonly Word[], lost: Word, namesUsers: boolean): TaintedUser[] {
  const of = (userId: string): Word[] => words.filter((word) => word.userId === userId && word !== lost)
  const isBehind = (word: Word): boolean => word.lsn > lost.lsn
  const own = of(lost.userId)
  if (own.some(isBehind)) return doubtsOf(lost.userId, own.filter((word) => !isBehind(word)), own.filter(isBehind))
  // Nothing of the user is behind it: of all who were silent since, one has lost it; the damage may say who.
  const silent = [...new Set(words.filter((word) => word !== lost).map(({ userId }) => userId))].filter((userId) => !of(userId).some(isBehind))
  return (namesUsers ? [lost.userId] : silent).map((userId) => {
    const last = of(userId).reduce<Waiting[]>(follow, []).at(-1)
    return { userId, buffer: last?.buffer ?? 0, lost: 1, reason: last?.isUnderWay === true ? 'outcome' : 'unproven' }
  })
}

const sorted = (tainted: readonly TaintedUser[]): TaintedUser[] =>
  [...tainted].sort((a, b) => (a.userId < b.userId ? -1 : a.userId > b.userId ? 1 : a.buffer - b.buffer))

/** Loses each entry of each beginning of the log, named and not; how often each reason was given. */
async function checkEach(log: MemoryLog, told: Map<string, number>): Promise<void> {
  const words = log.stored.map(wordOf)
  for (let end = 1; end <= words.length; end++) {
    for (const lost of words.slice(0, end)) {
      for (const namesUsers of [true, false]) {
        const damaged = MemoryLog.cut(log, end)
        damaged.lose([lost.lsn], namesUsers)
        const { tainted } = await recover(damaged)
        const expected = expectedTaints(words.slice(0, end), lost, namesUsers)
        const what = `entry ${lost.lsn} (${nameOf(lost)} of ${lost.userId}) of ${end}, ${namesUsers ? '' : 'not '}named`
        expect(sorted(tainted), what).toStrictEqual(sorted(expected))
        for (const reason of new Set(expected.map((taint) => taint.reason))) told.set(reason, (told.get(reason) ?? 0) + 1)
        if (expected.length === 0) told.set('whole', (told.get('whole') ?? 0) + 1)
      }
    }
  }
}

const add = (userId: string, hour: number, failures = 0): Step => ({ do: 'add', userId, hour, failures })
const clear = (userId: string): Step => ({ do: 'clear', userId })

test('a log with all that happens: committed, failed, parked, cleared while open, behind each other', async () => {
  const settings = { bufferHours: 10, maxBufferMeasurements: 3, minMeasurements: 1, triggerMode: 'measurement_count', clock: 'event' } as const
  const steps = [
    ...[add('ann', 1), add('bob', 1), add('ann', 2), add('cyd', 1), add('ann', 3, 1), add('bob', 2)],
    ...[clear('bob'), add('bob', 3), add('cyd', 2, 4), add('cyd', 3), add('cyd', 4), add('ann', 4)],
    ...[add('cyd', 5), add('bob', 4), add('cyd', 6), clear('ann'), add('ann', 5), clear('cyd'), add('cyd', 7), add('bob', 5)]
  ]
  const log = new MemoryLog()
  await (await Job.open(log, { settings, steps } satisfies Program)).finish()
  const told = new Map<string, number>()
  await checkEach(log, told)
  for (const reason of ['measurements', 'outcome', 'unproven', 'whole']) expect(told.get(reason) ?? 0, reason).toBeGreaterThan(50)
})

test('any log', async () => {
  const told = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(programs, async (program) => {
      const log = new MemoryLog()
      await (await Job.open(log, program)).finish()
      await checkEach(MemoryLog.cut(log, Math.min(log.stored.length, 45)), told)
    }),
    { numRuns: 10 }
  )
  for (const reason of ['measurements', 'outcome', 'unproven', 'whole']) expect(told.get(reason) ?? 0, reason).toBeGreaterThan(0)
})
