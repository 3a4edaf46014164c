// Proves that a checkpoint keeps all that recovery can need: whatever a service has done, and however often and wherever its
// log is compacted, recovery comes to the same users, buffers, states, numbers and sources, and so does every life after it;
// what damage does to a compacted log makes nobody wrongly whole; and what is kept does not grow with history.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createDefaultCodec, Operation, recover, ReplayBuffer, ReplayManager, type Entry, type RecoveryReport } from '../../lib/index.js'
import { CompactionPlanner, type CompactionPlan } from '../../lib/maintenance/plan.js'
import { PayloadWriter } from '../../lib/replay/payloads.js'
import { Job, programs, rowOf, type Program, type State } from '../recovery/job.js'
import { MemoryLog } from '../recovery/memory-log.js'

async function planOf(log: MemoryLog, throughLsn = Infinity): Promise<CompactionPlan> {
  const planner = new CompactionPlanner()
  const until: MemoryLog = MemoryLog.cut(log)
  until.remove(log.stored.filter(({ lsn }) => lsn > throughLsn).map(({ lsn }) => lsn))
  for await (const chunk of until.chunks()) planner.takeChunk(chunk)
  return planner.plan()
}

function isKept({ users, keepFromLsn, alsoLsns }: CompactionPlan, { userId, lsn }: Entry): boolean {
  const at = users.indexOf(userId)
  return at < 0 || lsn >= (keepFromLsn[at] as number) || alsoLsns.includes(lsn)
}

/** Leaves of the log what a checkpoint of everything up to `throughLsn` keeps, and what is behind it. */
async function compact(log: MemoryLog, throughLsn = Infinity): Promise<void> {
  const plan = await planOf(log, throughLsn)
  log.remove(log.stored.filter((entry) => entry.lsn <= throughLsn && !isKept(plan, entry)).map(({ lsn }) => lsn))
  log.stored.forEach((entry, index) => {
    if (entry.lsn <= throughLsn) log.stored[index] = { ...entry, segment: -1 }
  })
}

async function logOf(program: Program, cut = 1): Promise<MemoryLog> {
  const log = new MemoryLog()
  await (await Job.open(log, program)).finish()
  return MemoryLog.cut(log, Math.round(cut * log.stored.length))
}

/** All that a report says of users and sources. */
function substanceOf({ users, tainted, sources, lastLsn, openBuffers, endedBuffers, measurements }: RecoveryReport): unknown {
  // Users come in the order of their first entries, of which compaction may have removed some.
  const byId = (a: { userId: string }, b: { userId: string }): number => (a.userId < b.userId ? -1 : a.userId > b.userId ? 1 : 0)
  const all = { users: [...users.values()].sort(byId), tainted: [...tainted].sort(byId) }
  return { ...all, sources: [...sources.values()].sort((a, b) => a.source - b.source), lastLsn, openBuffers, endedBuffers, measurements }
}

const somewhere = fc.double({ min: 0, max: 1, noNaN: true })
const cutPoint = fc.oneof(fc.constant(1), somewhere)

describe('recovery of a compacted log', () => {
  test('is that of the whole log, wherever it ends and is compacted', async () => {
    await fc.assert(
      fc.asyncProperty(programs, cutPoint, fc.array(cutPoint, { minLength: 1, maxLength: 4 }), async (program, cut, places) => {
        const log = await logOf(program, cut)
        const whole = substanceOf(await recover(log))
        for (const place of places) {
          await compact(log, Math.round(place * (log.stored.at(-1)?.lsn ?? 0)))
          expect(substanceOf(await recover(log))).toStrictEqual(whole)
        }
      }),
      { numRuns: 400 }
    )
  })

  test('is that of the whole log also behind further entries, whenever it was compacted', async () => {
    await fc.assert(
      fc.asyncProperty(programs, fc.array(somewhere, { minLength: 1, maxLength: 5 }), async (program, places) => {
        const log = await logOf(program)
        const compacted = new MemoryLog()
        const ends = places.map((place) => Math.round(place * log.stored.length)).sort((a, b) => a - b)
        let taken = 0
        for (const end of [...ends, log.stored.length]) {
          compacted.stored.push(...log.stored.slice(taken, end))
          taken = end
          await compact(compacted)
          expect(substanceOf(await recover(compacted)), `compacted at ${end}`).toStrictEqual(substanceOf(await recover(MemoryLog.cut(log, end))))
        }
      }),
      { numRuns: 200 }
    )
  })

  test('plans the same from entries as from chunks', async () => {
    await fc.assert(
      fc.asyncProperty(programs, cutPoint, async (program, cut) => {
        const log = await logOf(program, cut)
        const planner = new CompactionPlanner()
        for await (const entry of log.entries()) planner.takeEntry(entry)
        expect(planner.plan()).toStrictEqual(await planOf(log))
      }),
      { numRuns: 60 }
    )
  })

  test('compacting again removes nothing more', async () => {
    await fc.assert(
      fc.asyncProperty(programs, cutPoint, async (program, cut) => {
        const log = await logOf(program, cut)
        await compact(log)
        const once = log.stored.map(({ lsn }) => lsn)
        await compact(log)
        expect(log.stored.map(({ lsn }) => lsn)).toEqual(once)
      }),
      { numRuns: 100 }
    )
  })
})

describe('damage behind a checkpoint', () => {
  test('costs and taints what it would have without it', async () => {
    await fc.assert(
      fc.asyncProperty(programs, cutPoint, somewhere, fc.boolean(), async (program, cut, place, namesUsers) => {
        const log = await logOf(program, cut)
        const through = Math.round(place * log.stored.length)
        for (let lsn = through + 1; lsn <= log.stored.length; lsn++) {
          const damaged = MemoryLog.cut(log)
          damaged.lose([lsn], namesUsers)
          const expected = substanceOf(await recover(damaged))
          const compacted = MemoryLog.cut(log)
          await compact(compacted, through)
          compacted.lose([lsn], namesUsers)
          const found = substanceOf(await recover(compacted))
          expect(found, `without entry ${lsn}, compacted up to ${through}`).toStrictEqual(expected)
        }
      }),
      { numRuns: 80 }
    )
  })
})

test('a checkpoint that has lost any one entry, with nothing to fall back to: nobody is whole who is not', async () => {
  await fc.assert(
    fc.asyncProperty(programs, cutPoint, async (program, cut) => {
      const log = await logOf(program, cut)
      await compact(log)
      const truth = await recover(log)
      for (const { lsn } of log.stored) {
        const damaged = MemoryLog.cut(log)
        damaged.lose([lsn], true)
        const report = await recover(damaged)
        const tainted = new Set(report.tainted.map(({ userId }) => userId))
        for (const [userId, user] of truth.users) {
          if (tainted.has(userId)) continue
          const found = report.users.get(userId)
          expect(essenceOf(found), `${userId} without entry ${lsn}`).toStrictEqual(essenceOf(user))
        }
      }
    }),
    { numRuns: 600 }
  )
})

/** State, and what waits; without why a buffer was ended and with which limits it was begun. */
function essenceOf(user: RecoveryReport['users'] extends Map<string, infer User> ? User | undefined : never): unknown {
  return {
    rows: (user?.state as State | undefined)?.rows ?? [],
    replayed: user?.replayed ?? 0,
    buffers: (user?.buffers ?? []).map(({ number, measurements, ended }) => ({ number, rows: measurements.map(rowOf), ended: ended !== undefined }))
  }
}

test('a user of more entries than a recovery jumps over in running numbers is not taken for one that lost some', async () => {
  const payloads = new PayloadWriter()
  const log = new MemoryLog()
  for (const userId of ['early', 'busy']) {
    const sequence = userId === 'busy' ? 3 * 2 ** 20 : 1
    log.append(Operation.START_BUFFER, userId, start(payloads, 10), sequence)
    log.append(Operation.ADD_MEASUREMENT, userId, measurement(payloads, 10), sequence + 1)
  }
  log.stored.forEach((entry, index) => (log.stored[index] = { ...entry, segment: -1 }))
  expect((await recover(log)).tainted).toEqual([])
  // Damage before it in the checkpoint: one entry is lost, whosever it was.
  log.lose([2], true)
  expect((await recover(log)).tainted.map(({ userId, lost }) => [userId, lost])).toEqual([
    ['early', 1],
    ['busy', 1]
  ])
})

function measurement(payloads: PayloadWriter, buffer: number): Uint8Array {
  return payloads.add(buffer, createDefaultCodec().encode({ timestamp: 1 }), undefined)
}

function start(payloads: PayloadWriter, buffer: number): Uint8Array {
  return payloads.start({ buffer, windowStart: 0, windowEnd: Infinity, maxMeasurements: 9, minMeasurements: 1 })
}

describe('what is kept', () => {
  const settings = { maxBufferMeasurements: 3, triggerMode: 'measurement_count' } as const

  async function busy(rounds: number): Promise<MemoryLog> {
    const log = new MemoryLog()
    const buffer = new ReplayBuffer({ ...settings, wal: log })
    const manager = new ReplayManager<number>({ buffer, processMeasurement: (count) => count + 1, initialState: 0 })
    buffer.add('idle', { timestamp: 1, value: 1 })
    for (let i = 0; i < 3 * rounds; i++) {
      for (const userId of ['a', 'b']) {
        buffer.add(userId, { timestamp: i, value: i }, { source: 1, position: 2 * i + (userId === 'a' ? 1 : 2) })
        if (i % 3 === 2) await manager.replay(userId)
      }
    }
    return log
  }

  test('does not grow with history: an idle user’s open buffer, a COMMIT for each of the others', async () => {
    for (const rounds of [1, 50]) {
      const log = await busy(rounds)
      await compact(log)
      const kept = log.stored.map(({ userId, operation }) => `${userId} ${operation}`)
      const { START_BUFFER, ADD_MEASUREMENT, COMMIT } = Operation
      // Where reading goes on is in the last row's own entry.
      expect(kept, `${rounds} rounds`).toEqual([`idle ${START_BUFFER}`, `idle ${ADD_MEASUREMENT}`, `a ${COMMIT}`, `b ${ADD_MEASUREMENT}`, `b ${COMMIT}`])
    }
  })

  test('of users that the plan does not list is everything', () => {
    const plan = new CompactionPlanner().plan()
    expect(isKept(plan, { userId: 'unheard of', lsn: 1 } as Entry)).toBe(true)
  })

  test('of the service’s own entries is everything from the user’s last COMMIT on', async () => {
    const log = new MemoryLog()
    const own = (operation: Operation, userId: string): number => log.append(operation, userId, Buffer.from('own'))
    own(Operation.ADD_MEASUREMENT, 'never committed')
    own(Operation.ADD_MEASUREMENT, 'committed')
    own(Operation.COMMIT, 'committed')
    own(Operation.ADD_MEASUREMENT, 'committed')
    own(Operation.COMMIT, 'committed')
    own(Operation.START_BUFFER, 'committed')
    own(Operation.ADD_MEASUREMENT, 'never committed')
    await compact(log)
    expect(log.stored.map(({ lsn }) => lsn)).toEqual([1, 5, 6, 7])
  })

  test('of a user with entries of both kinds is what either needs', async () => {
    const log = new MemoryLog()
    const buffer = new ReplayBuffer({ ...settings, wal: log })
    const manager = new ReplayManager<number>({ buffer, processMeasurement: (count) => count + 1, initialState: 0 })
    for (let i = 0; i < 9; i++) {
      buffer.add('u', { timestamp: i, value: i })
      if (i % 3 === 2) await manager.replay('u')
      if (i === 4) log.append(Operation.ADD_MEASUREMENT, 'u', Buffer.from('own'))
    }
    const whole = substanceOf(await recover(log))
    await compact(log)
    expect(substanceOf(await recover(log))).toStrictEqual(whole)
    expect((await recover(log)).otherEntries).toBe(1)
  })

  test('of a buffer that was cleared behind its CHECKPOINT is not the buffer', async () => {
    const log = new MemoryLog()
    const buffer = new ReplayBuffer({ ...settings, wal: log })
    const manager = new ReplayManager<number>({
      buffer,
      processMeasurement: () => {
        throw new Error('never')
      },
      initialState: 0
    })
    for (let i = 0; i < 3; i++) buffer.add('u', { timestamp: i, value: i })
    await manager.replay('u')
    buffer.clear('u')
    buffer.add('u', { timestamp: 9, value: 9 })
    const whole = substanceOf(await recover(log))
    await compact(log)
    expect(substanceOf(await recover(log))).toStrictEqual(whole)
    expect((await recover(log)).users.get('u')?.buffers.map(({ number }) => number)).toEqual([2])
  })

  test('is not decided where a payload is of a newer version', async () => {
    const log = new MemoryLog()
    log.append(Operation.END_BUFFER, 'u', Uint8Array.of(0xa3, 1), 1)
    await expect(planOf(log)).rejects.toMatchObject({ code: 'ERR_WAL_CODEC' })
  })
})
