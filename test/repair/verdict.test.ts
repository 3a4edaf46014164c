// Proves that a verdict says all that the damage said: recovery of a log whose lost entries are gone without a trace, with the verdicts
// behind it, comes to the same users, buffers, states and taints as recovery of the damaged one; when it is compacted, when the
// service goes on, and until the buffers concerned are done.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Operation, recover, ReplayBuffer, ReplayManager, type RecoveryReport } from '../../lib/index.js'
import { CompactionPlanner } from '../../lib/maintenance/plan.js'
import { isVerdict, LOSS_REASONS, readVerdict, verdictPayload } from '../../lib/replay/payloads.js'
import { taintedIn, writeVerdicts } from '../../lib/repair/verdicts.js'
import { HOUR_MS, Job, programs, type Program } from '../recovery/job.js'
import { MemoryLog } from '../recovery/memory-log.js'

const FILLER = 'what takes the place of lost entries'

async function logOf(program: Program, cut: number): Promise<MemoryLog> {
  const log = new MemoryLog()
  await (await Job.open(log, program)).finish()
  return MemoryLog.cut(log, Math.round(cut * log.stored.length))
}

/** The log as a repair makes it: nothing tells that entries are lost but the verdicts. */
async function repairedLog(damaged: MemoryLog, lost: ReadonlySet<number>, report: RecoveryReport): Promise<MemoryLog> {
  const repaired = new MemoryLog()
  for (const entry of damaged.stored) {
    if (lost.has(entry.lsn)) repaired.append(Operation.COMMIT, FILLER)
    else repaired.stored.push(entry)
  }
  await writeVerdicts(repaired, report, report.tainted)
  repaired.stored.forEach((entry, index) => (repaired.stored[index] = { ...entry, segment: -1 }))
  return repaired
}

async function compact(log: MemoryLog): Promise<void> {
  const planner = new CompactionPlanner()
  for await (const chunk of log.chunks()) planner.takeChunk(chunk)
  const { users, keepFromLsn, alsoLsns } = planner.plan()
  log.stored.forEach((entry, index) => {
    const from = keepFromLsn[users.indexOf(entry.userId)] ?? 0
    if (entry.lsn < from && !alsoLsns.includes(entry.lsn)) log.stored[index] = { ...entry, operation: Operation.COMMIT, userId: FILLER, sequence: 0, payload: new Uint8Array() }
  })
}

function substanceOf({ users, tainted, sources }: RecoveryReport): unknown {
  const byId = (a: { userId: string }, b: { userId: string }): number => (a.userId < b.userId ? -1 : a.userId > b.userId ? 1 : 0)
  return {
    users: [...users.values()].sort(byId).map(({ sequence: _, ...user }) => ({ ...user, buffers: user.buffers.map((buffer) => ({ ...buffer, measurements: [...buffer.measurements] })) })),
    tainted: tainted.map((taint) => JSON.stringify(taint)).sort(),
    sources: [...sources.values()].sort((a, b) => a.source - b.source)
  }
}

/** Some users go on, without a replay, over two starts. */
async function goneOn(log: MemoryLog, program: Program, active: readonly string[]): Promise<RecoveryReport> {
  for (let start = 0; start < 2; start++) {
    const buffer = new ReplayBuffer({ ...program.settings, wal: log })
    buffer.recoverFromWal(await recover(log))
    for (const userId of active) for (let i = 0; i < 3; i++) buffer.add(userId, { timestamp: (100 + i) * HOUR_MS, row: 1000 + i })
  }
  return recover(log)
}

const taintsOf = (report: RecoveryReport): string[] => report.tainted.map((taint) => JSON.stringify(taint)).sort()

/**
 * Of those who were in doubt. Whoever was proven whole stays so behind a repair; in a damaged log that goes on, what is left of
 * the account can put a state in doubt again that was known by then.
 */
const taintsAmong = (report: RecoveryReport, users: ReadonlySet<string>): string[] => taintsOf({ ...report, tainted: report.tainted.filter(({ userId }) => users.has(userId)) })

interface Deed {
  userId: string
  /** 'fail': a replay that fails. */
  does: 'add' | 'replay' | 'fail' | 'clear'
}

const deeds: fc.Arbitrary<Deed[]> = fc.array(
  fc.record({ userId: fc.constantFrom('ann', 'bob', 'cyd'), does: fc.constantFrom('add' as const, 'add' as const, 'add' as const, 'replay' as const, 'fail' as const, 'clear' as const) }),
  { maxLength: 12 }
)

/** A service on a log that does what it is told, one deed after the other. */
async function serviceOn(log: MemoryLog, program: Program): Promise<(deed: Deed, index: number) => Promise<void>> {
  const report = await recover(log)
  const buffer = new ReplayBuffer({ ...program.settings, wal: log, now: () => 100 * HOUR_MS })
  let fails = false
  const processMeasurement = (state: unknown): unknown => {
    if (fails) throw new Error('told to')
    return state
  }
  const manager = new ReplayManager<unknown>({ buffer, processMeasurement, initialState: 0 })
  buffer.recoverFromWal(report)
  await manager.recoverFromWal(report)
  return async ({ userId, does }, index) => {
    fails = does === 'fail'
    if (does === 'add') buffer.add(userId, { timestamp: (100 + index) * HOUR_MS, value: index })
    else if (does === 'clear') buffer.clear(userId)
    else if (buffer.info(userId) !== undefined && !buffer.parkedUsers().includes(userId)) await manager.replay(userId)
  }
}

/** The same deeds on both; behind each, recovery says the same of losses, also of a log that is compacted then. */
async function expectSameLife(damaged: MemoryLog, repaired: MemoryLog, program: Program, all: readonly Deed[]): Promise<void> {
  const inDoubt = new Set((await recover(damaged)).tainted.map(({ userId }) => userId))
  const services = [await serviceOn(damaged, program), await serviceOn(repaired, program)]
  for (const [index, deed] of all.entries()) {
    for (const act of services) await act(deed, index)
    const expected = taintsAmong(await recover(damaged), inDoubt)
    expect(taintsOf(await recover(repaired)), `behind deed ${index}`).toStrictEqual(expected)
    const compacted = MemoryLog.cut(repaired)
    await compact(compacted)
    expect(taintsOf(await recover(compacted)), `behind deed ${index}, compacted`).toStrictEqual(expected)
    if (expected.length > 0) taintedDeeds++
  }
}

const somewhere = fc.double({ min: 0, max: 1, noNaN: true })
const ranges = fc.array(fc.tuple(somewhere, fc.integer({ min: 1, max: 8 })), { minLength: 1, maxLength: 3 })
const cutPoint = fc.oneof(fc.constant(1), somewhere)

let taintedRuns = 0
let taintedDeeds = 0
const reasons = new Set<string>()

test('says what the damage said, whatever is lost', async () => {
  await fc.assert(
    fc.asyncProperty(programs, cutPoint, ranges, fc.boolean(), fc.subarray(['ann', 'bob', 'cyd']), deeds, async (program, cut, stretches, namesUsers, active, life) => {
      const log = await logOf(program, cut)
      const lost = new Set<number>()
      for (const [at, length] of stretches) {
        const first = 1 + Math.floor(at * log.stored.length)
        for (let lsn = first; lsn < first + length && lsn <= log.stored.length; lsn++) lost.add(lsn)
      }
      const damaged = MemoryLog.cut(log)
      damaged.lose(lost, namesUsers)
      const before = await recover(damaged)
      const repaired = await repairedLog(damaged, lost, before)
      expect(substanceOf(await recover(repaired)), 'repaired').toStrictEqual(substanceOf(before))
      const compacted = MemoryLog.cut(repaired)
      await compact(compacted)
      expect(substanceOf(await recover(compacted)), 'compacted').toStrictEqual(substanceOf(before))
      const inDoubt = new Set(before.tainted.map(({ userId }) => userId))
      const expected = taintsAmong(await goneOn(MemoryLog.cut(damaged), program, active), inDoubt)
      expect(taintsOf(await goneOn(MemoryLog.cut(repaired), program, active)), 'gone on').toStrictEqual(expected)
      expect(taintsOf(await goneOn(compacted, program, active)), 'compacted and gone on').toStrictEqual(expected)
      const [outcome, repairedOutcome] = await Promise.all([damaged, repaired].map(async (each) => (await Job.open(MemoryLog.cut(each), program)).finish()))
      expect(repairedOutcome?.states).toStrictEqual(outcome?.states)
      await expectSameLife(MemoryLog.cut(damaged), MemoryLog.cut(repaired), program, life)
      taintedRuns += before.tainted.length > 0 ? 1 : 0
      for (const { reason } of before.tainted) reasons.add(reason)
    }),
    { numRuns: 600 }
  )
  expect(taintedRuns).toBeGreaterThan(50)
  expect(taintedDeeds).toBeGreaterThan(100)
  expect([...reasons].sort()).toEqual(['measurements', 'outcome', 'unproven'])
})

test('nobody is judged where no buffer has written anything, but where nothing is left', () => {
  const tainted = [{ userId: 'u', buffer: 0, lost: 1, reason: 'unproven' as const }]
  const report = (entries: number, otherEntries: number): RecoveryReport => ({ tainted, entries, otherEntries }) as unknown as RecoveryReport
  expect(taintedIn(report(5, 5))).toEqual([])
  expect(taintedIn(report(5, 4))).toEqual(tainted)
  expect(taintedIn(report(0, 0))).toEqual(tainted)
})

test('is read as it was written, and refused when it is not whole', () => {
  const losses = LOSS_REASONS.map((reason, index) => ({ buffer: index, until: 2 ** 32 - 1 - index, lost: index * 3, reason }))
  const payload = verdictPayload(losses)
  expect([isVerdict(payload), readVerdict(payload)]).toEqual([true, losses])
  expect(readVerdict(verdictPayload([{ buffer: 1, until: 1, lost: 2 ** 40, reason: 'unproven' }]))[0]?.lost).toBe(2 ** 32 - 1)
  expect(() => readVerdict(payload.subarray(0, payload.length - 1))).toThrow('too short')
  const unknown = payload.slice()
  unknown[5 + 12] = 9
  expect(() => readVerdict(unknown)).toThrow('unknown reason 9')
})
