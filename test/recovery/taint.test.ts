// Proves whom recovery suspects of having lost entries: those whom no gap and no later entry clears, and nobody else; and that
// a verdict outlives the recoveries behind it until the buffer concerned is done.
import { describe, expect, test } from 'vitest'
import { Operation, recover, ReplayBuffer, ReplayManager, type Damage, type RecoveryReport } from '../../lib/index.js'
import type { Gap } from '../../lib/recovery/gaps.js'
import { createMachine, type UserMachine } from '../../lib/recovery/machine.js'
import { unprovenUsers } from '../../lib/recovery/taint.js'
import { MemoryLog } from './memory-log.js'

function damage(firstLsn: number, lastLsn: number, users: string[] = []): Damage {
  return { kind: 'entry', segment: 1, file: '', offset: 0, endOffset: 0, firstLsn, lastLsn, previousLsn: firstLsn - 1, users, detail: '' }
}

/** User ids with the LSN of their last entry and their gaps. */
function users(...list: Array<[userId: string, lastLsn: number, gaps?: Gap[]]>): Map<string, UserMachine> {
  return new Map(list.map(([userId, lastLsn, gaps = []]) => [userId, { ...createMachine(userId), lastLsn, gaps }]))
}

const gap = (afterLsn: number, beforeLsn: number, lost: number, kind: Gap['kind'] = 'proof'): Gap => ({ afterLsn, beforeLsn, lost, kind })
const suspects = (machines: Map<string, UserMachine>, ...stretches: Damage[]): Record<string, number> =>
  Object.fromEntries(unprovenUsers(machines, stretches))

describe('suspected is', () => {
  test('nobody, without damage or where no entry is lost', () => {
    expect(suspects(users(['a', 5]))).toEqual({})
    expect(suspects(users(['a', 5]), damage(0, 0))).toEqual({})
  })

  test('nobody, where gaps explain all that is lost', () => {
    expect(suspects(users(['a', 9, [gap(4, 7, 1)]], ['b', 8, [gap(3, 8, 1)]], ['silent', 2]), damage(5, 6))).toEqual({})
  })

  test('whoever is silent behind the damage, where they do not', () => {
    expect(suspects(users(['a', 9, [gap(4, 7, 1)]], ['s', 2], ['t', 4]), damage(5, 6))).toEqual({ s: 1, t: 1 })
  })

  test('whoever is named and silent, where that is enough', () => {
    expect(suspects(users(['a', 9], ['s', 2], ['t', 4]), damage(5, 5, ['s']))).toEqual({ s: 1 })
    expect(suspects(users(['a', 9], ['s', 2], ['t', 4]), damage(5, 6, ['s', 't']))).toEqual({ s: 2, t: 2 })
  })

  test('everybody silent, where those named are too few', () => {
    expect(suspects(users(['s', 2], ['t', 4]), damage(5, 6, ['s']))).toEqual({ s: 2, t: 2 })
  })

  test('whoever is named, also when nothing of the user came back', () => {
    expect(suspects(users(['a', 9]), damage(5, 5, ['new']))).toEqual({ new: 1 })
  })

  test('nobody who logged behind the damage without a gap', () => {
    expect(suspects(users(['a', 9], ['s', 2]), damage(5, 5, ['a']))).toEqual({ s: 1 })
  })

  test('for each stretch of its own', () => {
    expect(suspects(users(['a', 20], ['s', 2], ['t', 8]), damage(5, 5), damage(10, 12))).toEqual({ s: 4, t: 3 })
  })

  test('not cleared by the gap of another where numbers are missing for another reason as well', () => {
    expect(suspects(users(['a', 9, [gap(0, 7, 2, 'bound')]], ['s', 2]), damage(5, 6))).toEqual({ s: 2 })
  })

  test('not cleared by one who went on behind a recovery, and that one keeps the earlier verdict', () => {
    const machines = users(['a', 9, [gap(3, 8, 1, 'recovery')]], ['s', 2])
    expect(suspects(machines, damage(5, 5))).toEqual({ s: 1 })
    expect(suspects(machines, damage(5, 5, ['a']))).toEqual({})
  })
})

describe('a verdict', () => {
  const settings = { maxBufferMeasurements: 3, triggerMode: 'measurement_count' } as const
  const add = (buffer: ReplayBuffer, userId: string, count: number): void => {
    for (let i = 0; i < count; i++) buffer.add(userId, { timestamp: i })
  }
  const told = (report: RecoveryReport): string[] => report.tainted.map(({ userId, buffer, reason, lost }) => `${userId} ${buffer} ${reason} ${lost}`)

  async function restarted(log: MemoryLog): Promise<{ buffer: ReplayBuffer; manager: ReplayManager; found: string[] }> {
    const report = await recover(log)
    const buffer = new ReplayBuffer({ ...settings, wal: log })
    const manager = new ReplayManager<unknown>({ buffer, processMeasurement: () => undefined })
    buffer.recoverFromWal(report)
    await manager.recoverFromWal(report)
    return { buffer, manager, found: told(report) }
  }

  test('about a missing measurement outlives counts that were made without it, until the buffer is committed', async () => {
    const log = new MemoryLog()
    add(new ReplayBuffer({ ...settings, wal: log }), 'u', 2)
    log.lose([2], true)
    const first = await restarted(log)
    expect(first.found).toEqual(['u 1 measurements 1'])
    expect(first.buffer.info('u')).toMatchObject({ tainted: true, size: 1 })
    expect(first.buffer.stats().taintedBuffers).toBe(1)
    add(first.buffer, 'u', 2)
    expect(first.buffer.info('u')).toMatchObject({ reason: 'full', size: 3 })
    const second = await restarted(log)
    expect(second.found).toEqual(['u 1 measurements 1'])
    expect(second.buffer.info('u')).toMatchObject({ tainted: true, size: 3 })
    await second.manager.replay('u')
    expect((await restarted(log)).found).toEqual([])
  })

  test('about a loss at the end of several users stays with those who stay silent and with those who do not', async () => {
    const log = new MemoryLog()
    const before = new ReplayBuffer({ ...settings, wal: log })
    for (const userId of ['a', 'b']) add(before, userId, 1)
    log.append(Operation.ADD_MEASUREMENT, 'b', Uint8Array.of(0), 3)
    log.lose([5], false)
    const first = await restarted(log)
    expect(first.found).toEqual(['a 1 unproven 1', 'b 1 unproven 1'])
    add(first.buffer, 'a', 1)
    const second = await restarted(log)
    expect(second.found).toEqual(['a 1 unproven 1', 'b 1 unproven 1'])
    add(second.buffer, 'a', 1)
    await second.manager.replay('a')
    expect((await restarted(log)).found).toEqual(['b 1 unproven 1'])
  })

  test('about a user of whom nothing came back holds until the first replay', async () => {
    const log = new MemoryLog()
    add(new ReplayBuffer({ ...settings, wal: log }), 'u', 1)
    log.lose([1, 2], true)
    const first = await restarted(log)
    expect(first.found).toEqual(['u 0 unproven 2'])
    expect(first.buffer.users()).toEqual([])
    add(first.buffer, 'u', 1)
    const second = await restarted(log)
    expect(second.found).toEqual(['u 0 unproven 2'])
    await second.manager.replay('u')
    expect((await restarted(log)).found).toEqual([])
  })

  test('is not renewed at each start: running numbers jump once', async () => {
    const log = new MemoryLog()
    add(new ReplayBuffer({ ...settings, wal: log, maxBufferMeasurements: 100 }), 'u', 2)
    log.lose([2], true)
    for (let start = 0; start < 5; start++) add((await restarted(log)).buffer, 'u', 1)
    const sequences = log.stored.map((entry) => entry.sequence)
    expect(sequences.filter((sequence, i) => i > 0 && sequence !== (sequences[i - 1] as number) + 1)).toHaveLength(1)
  })
})
