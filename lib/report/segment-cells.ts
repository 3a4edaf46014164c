/** The segments of a log as a row of cells: what there is, what is missing, and where each damage lies. Pure. */
import type { LogScan } from '../wal/inspect.js'
import type { Damage } from '../wal/types.js'

export type Segment = LogScan['segments'][number]

/** 'gone': removed because checkpoints cover them. 'missing': lost. The others are states of `scanLog`. */
export type CellState = Segment['state'] | 'missing' | 'gone'

export interface CellMark {
  kind: 'damage' | 'torn'
  /** Where in the cell, from 0 to 1. */
  from: number
  to: number
}

export interface SegmentCell {
  state: CellState
  /** Numbers of the segments that it stands for. */
  first: number
  last: number
  /** Those that are there; none for 'missing' and 'gone'. */
  segments: readonly Segment[]
  covered: boolean
  /** Part of the files that is in use, from 0 to 1. */
  used: number
  damage: readonly Damage[]
  marks: readonly CellMark[]
}

/** What a cell of several is called by: the worst of them. */
const SEVERITY: readonly CellState[] = ['gone', 'unread', 'compressed', 'sealed', 'unsealed', 'active', 'rejected', 'missing']

/** At most about `mostCells`: with more segments, each stands for several neighbours. */
export function segmentCells(scan: LogScan, mostCells: number): { cells: SegmentCell[]; perCell: number } {
  const single = singleCells(scan)
  const perCell = Math.max(1, Math.ceil(single.length / mostCells))
  if (perCell === 1) return { cells: single, perCell }
  const cells: SegmentCell[] = []
  for (let at = 0; at < single.length; at += perCell) cells.push(joined(single.slice(at, at + perCell), perCell))
  return { cells, perCell }
}

function singleCells(scan: LogScan): SegmentCell[] {
  const byFile = new Map<string, Damage[]>()
  const missing = scan.damage.filter(({ kind, file }) => kind === 'missing_segment' && file === '')
  for (const damage of scan.damage) {
    const known = byFile.get(damage.file)
    if (known === undefined) byFile.set(damage.file, [damage])
    else known.push(damage)
  }
  const cells: SegmentCell[] = []
  const there = [...scan.segments, ...missing.map((damage) => ({ number: damage.segment, damage }))].sort((one, other) => one.number - other.number)
  const covered = scan.checkpoints.reduce((most, { coveredSegment }) => Math.max(most, coveredSegment), 0)
  let next = 1
  for (const each of [...there, { number: Infinity }]) {
    const goneThrough = Math.min(covered, each.number - 1)
    if (goneThrough >= next) cells.push(emptyCell('gone', next, goneThrough, []))
    if ('damage' in each) cells.push(missingCell(each.damage))
    if ('file' in each) cells.push(cellOf(each, scan, byFile.get(each.file) ?? []))
    next = each.number + 1
  }
  return cells
}

function missingCell(damage: Damage): SegmentCell {
  return emptyCell('missing', damage.segment, damage.segment, [damage])
}

function emptyCell(state: CellState, first: number, last: number, damage: readonly Damage[]): SegmentCell {
  return { state, first, last, segments: [], covered: state === 'gone', used: 0, damage, marks: [] }
}

function cellOf(segment: Segment, { tornTail, live }: LogScan, damage: readonly Damage[]): SegmentCell {
  const { fileBytes, endOffset } = segment
  // Offsets of a compressed segment are those of what it was, but for damage to the compressed file itself.
  const plainBytes = Math.max(1, segment.state === 'compressed' ? endOffset : fileBytes)
  // A file that cannot be used is damaged as a whole: its state says so.
  const placed = segment.state === 'rejected' ? [] : damage
  const marks = placed.map(({ kind, offset, endOffset: end }) =>
    markOf('damage', offset, end, kind.startsWith('compressed_') ? Math.max(1, fileBytes) : plainBytes)
  )
  if (tornTail?.file === segment.file && !live) marks.push(markOf('torn', tornTail.offset, tornTail.offset + tornTail.bytes, plainBytes))
  const { number, state, covered } = segment
  const used = state === 'unread' || state === 'rejected' ? 1 : Math.min(1, endOffset / plainBytes)
  return { state, first: number, last: number, segments: [segment], covered, used, damage, marks }
}

function markOf(kind: CellMark['kind'], offset: number, end: number, ofBytes: number): CellMark {
  const from = Math.min(1, offset / ofBytes)
  return { kind, from, to: Math.max(from, Math.min(1, end / ofBytes)) }
}

function joined(cells: readonly SegmentCell[], perCell: number): SegmentCell {
  const worst = cells.reduce((one, other) => (SEVERITY.indexOf(other.state) > SEVERITY.indexOf(one.state) ? other : one))
  return {
    state: worst.state,
    first: Math.min(...cells.map(({ first }) => first)),
    last: Math.max(...cells.map(({ last }) => last)),
    segments: cells.flatMap(({ segments }) => segments),
    covered: cells.every(({ covered }) => covered),
    used: cells.reduce((sum, { used }) => sum + used, 0) / cells.length,
    damage: cells.flatMap(({ damage }) => damage),
    marks: cells.flatMap(({ marks }, index) =>
      marks.map(({ kind, from, to }) => ({ kind, from: (index + from) / perCell, to: (index + to) / perCell }))
    )
  }
}
