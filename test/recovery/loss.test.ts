// Proves what recovery says and does when entries of the log are lost, whichever they are: it never fails; whoever may miss
// something is tainted, and whoever is not tainted is exactly as without the loss; a replay is never half applied and no
// row is ever applied twice; and a second recovery, after the service has gone on, comes to the same verdict.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { recover, ReplayBuffer, type RecoveredUser, type RecoveryReport } from '../../lib/index.js'
import { HOUR_MS, Job, programs, rowOf, type Program, type State } from './job.js'
import { MemoryLog } from './memory-log.js'

/** What a user has; without why a buffer was ended and with which limits it was begun. */
function substanceOf(user: RecoveredUser | undefined): unknown {
  return {
    state: (user?.state as State | undefined)?.rows ?? [],
    replayed: user?.replayed ?? 0,
    buffers: (user?.buffers ?? []).map(({ number, measurements, ended, attempts, parked }) => ({
      number,
      rows: measurements.map(rowOf),
      ended: ended !== undefined,
      attempts,
      parked
    }))
  }
}

function taintedUsers(report: RecoveryReport): Set<string> {
  return new Set(report.tainted.map((taint) => taint.userId))
}

function expectNoneTwice(rows: readonly unknown[], what: string): void {
  expect(rows, what).toHaveLength(new Set(rows).size)
}

/** A program, run to its end or killed somewhere in it. */
async function logOf(program: Program, cut: number): Promise<MemoryLog> {
  const log = new MemoryLog()
  await (await Job.open(log, program)).finish()
  return MemoryLog.cut(log, Math.round(cut * log.stored.length))
}

/** Every state that each user ever had. */
async function pastStates(log: MemoryLog): Promise<Map<string, Set<string>>> {
  const past = new Map<string, Set<string>>()
  for (let length = 0; length <= log.stored.length; length++) {
    for (const user of (await recover(MemoryLog.cut(log, length))).users.values()) {
      const states = past.get(user.userId) ?? new Set(['[]'])
      past.set(user.userId, states.add(JSON.stringify((user.state as State | undefined)?.rows ?? [])))
    }
  }
  return past
}

interface Loss {
  program: Program
  log: MemoryLog
  lost: readonly number[]
  namesUsers: boolean
  truth: RecoveryReport
  past: Map<string, Set<string>>
  final: Awaited<ReturnType<Job['finish']>>
}

function damagedLog({ log, lost, namesUsers }: Loss): MemoryLog {
  const damaged = MemoryLog.cut(log)
  damaged.lose(lost, namesUsers)
  return damaged
}

async function checkVerdict(loss: Loss): Promise<RecoveryReport> {
  const { log, lost, namesUsers, truth, past } = loss
  const report = await recover(damagedLog(loss))
  const tainted = taintedUsers(report)
  const losers = new Set(lost.map((lsn) => log.stored[lsn - 1]?.userId))
  for (const userId of truth.users.keys()) {
    const user = report.users.get(userId)
    if (!tainted.has(userId) && (namesUsers || user !== undefined)) {
      expect(substanceOf(user), `${userId} is not tainted`).toStrictEqual(substanceOf(truth.users.get(userId)))
    }
    if (namesUsers && lost.length === 1 && !losers.has(userId)) expect(tainted, `${userId} has lost nothing`).not.toContain(userId)
    const state = (user?.state as State | undefined)?.rows ?? []
    expect([...(past.get(userId) ?? [])], 'a state that was there once').toContain(JSON.stringify(state))
    const waiting = (user?.buffers ?? []).flatMap((buffer) => buffer.measurements.map(rowOf))
    expectNoneTwice([...state, ...waiting], `rows of ${userId} that are applied or wait`)
    const numbers = (user?.buffers ?? []).map((buffer) => buffer.number)
    expect(numbers, 'buffers in order').toStrictEqual([...new Set(numbers)].sort((a, b) => a - b))
    const open = (user?.buffers ?? []).filter((buffer) => buffer.ended === undefined)
    expect(open, 'only the last buffer is open').toStrictEqual((user?.buffers ?? []).slice(-1).filter((buffer) => buffer.ended === undefined))
  }
  return report
}

async function checkGoingOn(loss: Loss, report: RecoveryReport): Promise<void> {
  const outcome = await (await Job.open(damagedLog(loss), loss.program)).finish()
  const tainted = taintedUsers(report)
  for (const [userId, { rows }] of Object.entries(outcome.states)) expectNoneTwice(rows, `rows applied for ${userId}`)
  for (const userId of loss.truth.users.keys()) {
    if (tainted.has(userId) || (!loss.namesUsers && !report.users.has(userId))) continue
    expect(outcome.states[userId], `final state of ${userId}`).toStrictEqual(loss.final.states[userId])
    expect(outcome.replayed[userId], `replayed of ${userId}`).toBe(loss.final.replayed[userId])
  }
}

/** Some users go on, without a replay; then the service is killed again. */
async function checkSecondVerdict(loss: Loss, report: RecoveryReport, active: readonly string[]): Promise<void> {
  const log = damagedLog(loss)
  for (let start = 0; start < 2; start++) {
    const buffer = new ReplayBuffer({ ...loss.program.settings, wal: log })
    buffer.recoverFromWal(await recover(log))
    for (const userId of active) for (let i = 0; i < 3; i++) buffer.add(userId, { timestamp: (100 + i) * HOUR_MS, row: 1000 + i })
    const verdict = await recover(log)
    // Whoever was never heard of before may be new now.
    expect(verdict.tainted.sort(byUser), `verdict of start ${start + 2}`).toStrictEqual(report.tainted.sort(byUser))
  }
}

function byUser(a: { userId: string; buffer: number }, b: { userId: string; buffer: number }): number {
  return a.userId === b.userId ? a.buffer - b.buffer : a.userId < b.userId ? -1 : 1
}

const cutPoint = fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true }))
const someUsers = fc.subarray(['ann', 'bob', 'cyd'])

test('any one entry is lost', async () => {
  await fc.assert(
    fc.asyncProperty(programs, cutPoint, fc.boolean(), someUsers, async (program, cut, namesUsers, active) => {
      const log = await logOf(program, cut)
      const truth = await recover(log)
      const past = await pastStates(log)
      const final = await (await Job.open(MemoryLog.cut(log), program)).finish()
      for (let lsn = 1; lsn <= log.stored.length; lsn++) {
        const loss = { program, log, lost: [lsn], namesUsers, truth, past, final }
        const report = await checkVerdict(loss)
        await checkGoingOn(loss, report)
        await checkSecondVerdict(loss, report, active)
      }
    }),
    { numRuns: 60 }
  )
})

test('any ranges of entries are lost', async () => {
  const range = fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 12 }))
  await fc.assert(
    fc.asyncProperty(programs, cutPoint, fc.array(range, { minLength: 1, maxLength: 3 }), fc.boolean(), someUsers, async (program, cut, ranges, namesUsers, active) => {
      const log = await logOf(program, cut)
      const lost = new Set<number>()
      for (const [at, length] of ranges) {
        const first = 1 + Math.floor(at * log.stored.length)
        for (let lsn = first; lsn < first + length && lsn <= log.stored.length; lsn++) lost.add(lsn)
      }
      const truth = await recover(log)
      const past = await pastStates(log)
      const final = await (await Job.open(MemoryLog.cut(log), program)).finish()
      const loss = { program, log, lost: [...lost], namesUsers, truth, past, final }
      const report = await checkVerdict(loss)
      await checkGoingOn(loss, report)
      await checkSecondVerdict(loss, report, active)
    }),
    { numRuns: 500 }
  )
})
