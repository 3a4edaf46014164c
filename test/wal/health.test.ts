// Proves for each thing that can be wrong with a log or its replays that health says it, with the status it deserves; that the
// worst status wins; and that the list of reasons stays one that a person reads.
import { describe, expect, test } from 'vitest'
import { WalError, type Damage } from '../../lib/index.js'
import { healthOf, serviceHealthOf, type LogHealthFacts } from '../../lib/wal/health.js'

const WELL: LogHealthFacts = {
  stats: { killSafe: true, state: 'ok', segmentBytes: 1000 },
  failure: undefined,
  damage: [],
  losses: { earlier: [], problems: [] },
  disk: { freeBytes: 1000, problem: undefined },
  maintenance: { held: undefined, failures: [], warnings: [] }
}
const LOST: Damage = {
  kind: 'entry',
  segment: 2,
  file: '0000000000000002.wal',
  offset: 8960,
  endOffset: 9032,
  firstLsn: 11,
  lastLsn: 12,
  previousLsn: 10,
  users: ['user-4'],
  detail: ''
}
const EARLIER = { id: 'a', foundAt: '2026-01-02T03:04:05.678Z', damage: LOST, moreUsers: 7, quarantine: [] }

describe('a log', () => {
  test('with nothing wrong is ok, without a reason', () => {
    expect(healthOf(WELL)).toEqual({ status: 'ok', reasons: [] })
    expect(healthOf({ ...WELL, stats: { ...WELL.stats, state: 'closed' } })).toEqual({ status: 'ok', reasons: [] })
  })

  test.each<[string, Partial<LogHealthFacts>, string, string]>([
    ['staged in the heap', { stats: { ...WELL.stats, killSafe: false } }, 'degraded', 'without shared memory, what is not durable dies with the process'],
    ['on a full disk', { stats: { ...WELL.stats, state: 'degraded' } }, 'degraded', 'the disk is full: entries wait in the ring'],
    ['with no room for a segment', { disk: { freeBytes: 999, problem: undefined } }, 'degraded', 'the disk has 999 bytes left, fewer than a segment takes (1000)'],
    ['whose directory cannot be looked at', { disk: { freeBytes: 1000, problem: 'EACCES' } }, 'degraded', 'cannot be looked at: EACCES'],
    ['the disk watch warns of', { maintenance: { ...WELL.maintenance, warnings: ['the budget is nearly used'] } }, 'degraded', 'the budget is nearly used'],
    ['whose maintenance fails', { maintenance: { ...WELL.maintenance, failures: ['compression failed: EIO'] } }, 'degraded', 'compression failed: EIO'],
    ['whose compaction is held by a loss that is acknowledged', { maintenance: { ...WELL.maintenance, held: 'LSN 7 is lost' } }, 'degraded', 'compaction waits and every segment is kept: LSN 7 is lost; run ingest-wal repair'],
    ['that lost entries', { damage: [LOST] }, 'damaged', 'entry damage in 0000000000000002.wal, LSN 11 to 12 lost, of "user-4"'],
    ['that lost one entry of unknown users', { damage: [{ ...LOST, lastLsn: 11, users: [] }] }, 'damaged', 'entry damage in 0000000000000002.wal, LSN 11 lost'],
    ['that lost entries before it was opened', { losses: { earlier: [EARLIER], problems: [] } }, 'damaged', 'LSN 11 to 12 lost, of "user-4" and 7 more, found by an earlier start (2026-01-02T03:04:05.678Z)'],
    ['whose losses cannot be written down', { losses: { earlier: [], problems: ['losses cannot be written down: EROFS'] } }, 'damaged', 'EROFS'],
    ['with damage that costs nothing', { damage: [{ ...LOST, kind: 'ring', file: '', firstLsn: 0, lastLsn: 0 }] }, 'damaged', 'ring damage in the log, no entry is known to be lost'],
    ['that has failed', { failure: new WalError('ERR_WAL_FAILED', 'fsync: EIO') }, 'failed', 'fsync: EIO'],
    ['that has failed without a word', { stats: { ...WELL.stats, state: 'failed' } }, 'failed', 'the log has failed']
  ])('%s', (_, wrong, status, reason) => {
    const health = healthOf({ ...WELL, ...wrong })
    expect(health.status).toBe(status)
    expect(health.reasons).toEqual([expect.stringContaining(reason)])
  })

  test('that waits for a full disk is told so once', () => {
    const full = { ...WELL, stats: { ...WELL.stats, state: 'degraded' as const }, disk: { freeBytes: 0, problem: undefined } }
    expect(healthOf(full).reasons).toEqual([expect.stringContaining('full')])
  })

  test('has the worst status of all that is wrong, and every reason', () => {
    const wrong = { ...WELL, stats: { ...WELL.stats, killSafe: false }, damage: [LOST], failure: new WalError('ERR_WAL_FAILED', 'EIO') }
    expect(healthOf(wrong)).toMatchObject({ status: 'failed', reasons: [/heap/, /damage/, /EIO/].map((reason) => expect.stringMatching(reason) as string) })
    expect(healthOf({ ...wrong, failure: undefined }).status).toBe('damaged')
    expect(healthOf({ ...wrong, failure: undefined, damage: [] }).status).toBe('degraded')
  })

  test('whose compaction is held by a loss that nobody has acknowledged is damaged', () => {
    const held = { ...WELL, damage: [LOST], maintenance: { ...WELL.maintenance, held: 'LSN 7 is lost' } }
    expect(healthOf(held)).toEqual({ status: 'damaged', reasons: [expect.stringContaining('entry damage'), expect.stringContaining('compaction waits')] })
  })

  test('damaged in a thousand places, to the harm of a thousand users, names ten of each and counts the others', () => {
    const users = Array.from({ length: 1000 }, (_, index) => `user-${index}`)
    const { reasons } = healthOf({ ...WELL, damage: Array<Damage>(1000).fill({ ...LOST, users }) })
    expect(reasons.length).toBe(11)
    expect(reasons[0]).toMatch(/"user-9" and 990 more$/)
    expect(reasons[10]).toBe('990 more places are damaged')
  })
})

describe('a service', () => {
  const OK = healthOf(WELL)
  const REPLAYS_WELL = { parkedUsers: [], taintedBuffers: 0 }

  test('with nothing wrong has the health of its log', () => {
    expect(serviceHealthOf(OK, REPLAYS_WELL)).toEqual(OK)
    const degraded = { status: 'degraded' as const, reasons: ['the disk is full'] }
    expect(serviceHealthOf(degraded, REPLAYS_WELL)).toEqual(degraded)
  })

  test('with parked replays is degraded', () => {
    const reason = '2 users have a parked replay, the first is "a"'
    expect(serviceHealthOf(OK, { ...REPLAYS_WELL, parkedUsers: ['a', 'b'] })).toEqual({ status: 'degraded', reasons: [reason] })
  })

  test('with tainted buffers is damaged', () => {
    const reason = '3 buffers miss entries that are damaged'
    expect(serviceHealthOf(OK, { ...REPLAYS_WELL, taintedBuffers: 3 })).toEqual({ status: 'damaged', reasons: [reason] })
  })

  test('is never better than its log', () => {
    const failed = { status: 'failed' as const, reasons: ['EIO'] }
    expect(serviceHealthOf(failed, { parkedUsers: ['a'], taintedBuffers: 1 })).toMatchObject({ status: 'failed' })
    expect(failed.reasons).toEqual(['EIO'])
  })
})
