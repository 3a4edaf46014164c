/** Proves that the map has a cell for each segment, for what is missing and for what is gone, with damage at its place. */
import { describe, expect, it } from 'vitest'
import type { Damage, LogScan } from '../../lib/index.js'
import { segmentCells, type Segment } from '../../lib/report/segment-cells.js'

function segment(number: number, changes: Partial<Segment> = {}): Segment {
  return {
    ...{ number, file: `${number}.wal`, state: 'sealed', fileBytes: 1000, endOffset: 1000, firstLsn: number, lastLsn: number },
    ...{ entries: 1, batches: 1, firstTimestamp: 0, lastTimestamp: 0, covered: false },
    ...changes
  }
}

function damage(changes: Partial<Damage>): Damage {
  return { kind: 'bytes', segment: 1, file: '1.wal', offset: 0, endOffset: 0, firstLsn: 0, lastLsn: 0, previousLsn: 0, users: [], detail: '', ...changes }
}

function scan(changes: Partial<LogScan>): LogScan {
  return {
    ...{ logId: '', formatVersion: 3, segments: [], checkpoints: [], damage: [], tornTail: null, lastLsn: 0, provenLsn: 0, entries: 0, bytes: 0 },
    ...{ ring: { found: false, firstLsn: 0, lastLsn: 0, entries: 0 }, live: false },
    ...changes
  }
}

const CHECKPOINT: LogScan['checkpoints'][number] = {
  ...{ number: 1, file: '1.ckpt', state: 'base', fileBytes: 1, coveredSegment: 4, coveredLsn: 4, entries: 1, firstLsn: 1, lastLsn: 1, created: 0 }
}

function statesOf(found: LogScan, mostCells = 1000): string[] {
  return segmentCells(found, mostCells).cells.map(({ state, first, last }) => (first === last ? `${first} ${state}` : `${first}-${last} ${state}`))
}

describe('cells', () => {
  it('stand for segments in order, and for those that checkpoints made unnecessary', () => {
    expect(statesOf(scan({ segments: [segment(4, { covered: true }), segment(5)], checkpoints: [CHECKPOINT] }))).toEqual(['1-3 gone', '4 sealed', '5 sealed'])
    expect(statesOf(scan({ checkpoints: [CHECKPOINT] }))).toEqual(['1-4 gone'])
    expect(statesOf(scan({ segments: [segment(1), segment(4), segment(6)], checkpoints: [CHECKPOINT] }))).toEqual(['1 sealed', '2-3 gone', '4 sealed', '6 sealed'])
    expect(statesOf(scan({ segments: [segment(7)], checkpoints: [CHECKPOINT] }))).toEqual(['1-4 gone', '7 sealed'])
  })

  it('stand for segments that are missing: between others, and behind the last', () => {
    const missing = (number: number): Damage => damage({ kind: 'missing_segment', file: '', segment: number, firstLsn: 5, lastLsn: 9 })
    const { cells } = segmentCells(scan({ segments: [segment(1), segment(3)], damage: [missing(2), missing(4)] }), 1000)
    expect(cells.map(({ state, first, damage: found }) => [state, first, found.length])).toEqual([['sealed', 1, 0], ['missing', 2, 1], ['sealed', 3, 0], ['missing', 4, 1]])
    expect(statesOf(scan({ damage: [missing(1)] }))).toEqual(['1 missing'])
  })

  it('have damage and the torn tail where they are in the file', () => {
    const torn = { segment: 2, file: '2.wal', offset: 900, bytes: 50, entries: 0 }
    const { cells } = segmentCells(scan({ segments: [segment(1), segment(2)], damage: [damage({ offset: 250, endOffset: 500 })], tornTail: torn }), 1000)
    expect(cells.map(({ marks }) => marks)).toEqual([[{ kind: 'damage', from: 0.25, to: 0.5 }], [{ kind: 'torn', from: 0.9, to: 0.95 }]])
  })

  it('tell the bytes of a compressed file from those of what it was', () => {
    const compressed = segment(1, { state: 'compressed', file: '1.wal', fileBytes: 100, endOffset: 1000 })
    const found = [damage({ offset: 500, endOffset: 500 }), damage({ kind: 'compressed_block', offset: 50, endOffset: 60 })]
    const { cells } = segmentCells(scan({ segments: [compressed], damage: found }), 1000)
    expect(cells[0]?.marks.map(({ from }) => from)).toEqual([0.5, 0.5])
  })

  it('have no mark for the tail of a live writer, nor for damage to a checkpoint', () => {
    const tail = { segment: 1, file: '1.wal', offset: 900, bytes: 50, entries: 0 }
    const found = scan({ segments: [segment(1)], damage: [damage({ kind: 'checkpoint', file: '1.ckpt' })], tornTail: tail, live: true })
    expect(segmentCells(found, 1000).cells[0]).toMatchObject({ marks: [], damage: [] })
  })

  it('stand for several where there are too many: named by the worst, with marks at their share', () => {
    const segments = Array.from({ length: 100_000 }, (_, index) => segment(index + 1))
    segments[150] = segment(151, { state: 'rejected' })
    const { cells, perCell } = segmentCells(scan({ segments, damage: [damage({ file: '250.wal', offset: 500, endOffset: 600 })] }), 1000)
    expect([cells.length, perCell]).toEqual([1000, 100])
    expect(cells.map(({ state }) => state).indexOf('rejected')).toBe(1)
    expect(cells[2]?.marks).toEqual([{ kind: 'damage', from: 0.495, to: 0.496 }])
  })
})
