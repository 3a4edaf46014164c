// Proves what retention may remove, and what it does: never what recovery reads or would read if the newest checkpoint were
// damaged; by age, by budget, the oldest first and without holes; and nothing by an age that is not known.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LogFiles } from '../../lib/maintenance/files.js'
import { decideRetention, type RetentionDecision, type WholeCheckpoint } from '../../lib/maintenance/retention.js'

const NEVER = { retentionMs: Infinity, budgetBytes: 0 }
const AT_ONCE = { retentionMs: 0, budgetBytes: 0 }
const SEGMENT_BYTES = 100

/** Segments of 100 bytes, checkpoints of 10. */
function files(segments: readonly number[], checkpoints: readonly number[]): LogFiles {
  return {
    segments: segments.map((number) => ({ number, names: [`${number}.wal`], bytes: SEGMENT_BYTES })),
    checkpoints: checkpoints.map((number) => ({ number, name: `${number}.ckpt`, bytes: 10 }))
  }
}

/** Checkpoints 1, 2, … that cover up to these segments. */
function whole(...covered: number[]): WholeCheckpoint[] {
  return covered.map((coveredSegment, index) => ({ number: index + 1, coveredSegment }))
}

const ended = (...times: number[]): Map<number, number> => new Map(times.map((time, index) => [index + 1, time]))
const gone = ({ segments, checkpoints }: RetentionDecision): [number[], number[]] => [segments, checkpoints]

describe('never goes', () => {
  test('anything, without a checkpoint or with one alone', () => {
    expect(gone(decideRetention(files([1, 2, 3], []), [], ended(1, 2, 3), 1e15, AT_ONCE))).toEqual([[], []])
    expect(gone(decideRetention(files([1, 2, 3], [1]), whole(2), ended(1, 2, 3), 1e15, AT_ONCE))).toEqual([[], []])
  })

  test('a segment that the checkpoint before the newest does not cover, a checkpoint that is one of the two newest', () => {
    expect(gone(decideRetention(files([1, 2, 3, 4, 5], [1, 2, 3]), whole(1, 2, 4), ended(), 1e15, AT_ONCE))).toEqual([[1, 2], [1]])
  })

  test('what a checkpoint covers that is not known to be whole, however new', () => {
    expect(gone(decideRetention(files([1, 2, 3], [1, 2, 3]), whole(1, 2), ended(), 1e15, AT_ONCE))).toEqual([[1], []])
  })

  test('whatever there is, whatever the rules', () => {
    const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 20 }).map((list) => list.sort((a, b) => a - b))
    fc.assert(
      fc.property(numbers, numbers, fc.array(fc.tuple(fc.nat(30), fc.nat(1000))), fc.nat(1000), fc.nat(500), fc.nat(3000), (segments, covered, times, nowMs, retentionMs, budgetBytes) => {
        const checkpoints = whole(...covered)
        const found = files(segments, checkpoints.map(({ number }) => number))
        const decision = decideRetention(found, checkpoints, new Map(times), nowMs, { retentionMs, budgetBytes })
        const backup = checkpoints.at(-2)
        for (const number of decision.segments) expect(number).toBeLessThanOrEqual(backup?.coveredSegment ?? 0)
        for (const number of decision.checkpoints) expect(number).toBeLessThan(backup?.number ?? 0)
        // History has no holes: what goes is the oldest there is.
        expect(decision.segments).toEqual(segments.slice(0, decision.segments.length))
      })
    )
  })
})

describe('by age', () => {
  const four = (nowMs: number | undefined, times: Map<number, number>): number[] =>
    decideRetention(files([1, 2, 3, 4], []), whole(4, 4), times, nowMs, { retentionMs: 1000, budgetBytes: 0 }).segments

  test('a segment goes whose last entry is older than the retention', () => {
    expect(four(1999, ended(999, 1000, 1500))).toEqual([])
    expect(four(2001, ended(999, 1000, 1500))).toEqual([1, 2])
    expect(four(1e12, ended(999, 1000, 1500))).toEqual([1, 2, 3])
  })

  test('none goes whose time is not known, nor any behind it', () => {
    expect(four(1e12, new Map([[2, 5]]))).toEqual([])
  })

  test('none goes while the clock may be wrong, nor where it is behind what the log says', () => {
    expect(four(undefined, ended(1, 2, 3, 4))).toEqual([])
    expect(four(-1e12, ended(1, 2, 3, 4))).toEqual([])
  })
})

describe('by budget', () => {
  const decide = (budgetBytes: number): RetentionDecision =>
    decideRetention(files([1, 2, 3, 4, 5], [1, 2]), whole(3, 4), ended(), 0, { ...NEVER, budgetBytes })

  test('the oldest go until the log fits, however young, also where the clock is not trusted', () => {
    expect(decide(520).segments).toEqual([])
    expect(decide(519).segments).toEqual([1])
    expect(decide(320).segments).toEqual([1, 2])
    expect(decideRetention(files([1, 2], []), whole(2, 2), ended(), undefined, { ...NEVER, budgetBytes: 100 }).segments).toEqual([1])
  })

  test('what is still needed stays, and is told', () => {
    expect(decide(100)).toEqual({ segments: [1, 2, 3], checkpoints: [], overBudgetBytes: 120 })
    expect(decide(320).overBudgetBytes).toBe(0)
  })

  test('0 is no budget', () => {
    expect(decide(0)).toEqual({ segments: [], checkpoints: [], overBudgetBytes: 0 })
  })

  test('checkpoints that go make room first', () => {
    const decision = decideRetention(files([1, 2], [1, 2, 3]), whole(1, 1, 1), ended(), 0, { ...NEVER, budgetBytes: 220 })
    expect(gone(decision)).toEqual([[], [1]])
  })
})
