/** "Checkpoint" of docs/format.md: when one is whole, and what it holds. */
import type { Header } from './format-reader.js'
import { openSegment, walk, type Segment } from './format-segment-reader.js'

export interface Checkpoint {
  number: number
  file: string
  /** The file, read like a segment. */
  segment: Segment
  isWhole: boolean
}

/** Looks at all of a checkpoint's file. Throws `NewerVersion`. */
export function openCheckpoint(file: string, bytes: Buffer, logId: string | undefined): Checkpoint {
  const segment = openSegment(file, bytes)
  const { header, number } = segment
  if (header === undefined || segment.tooShort) return { number, file, segment, isWhole: false }
  if (header.logId !== logId) segment.rejected = 'foreign_segment'
  else if (header.number !== number || !header.isCheckpoint) segment.rejected = 'misplaced_segment'
  if (segment.rejected !== undefined) return { number, file, segment, isWhole: false }
  walk(segment, header)
  return { number, file, segment, isWhole: isWhole(segment, header) }
}

/** Rules 3 to 5 of "whole". */
function isWhole({ sealed, holes, entries }: Segment, header: Header): boolean {
  const isAllRecords = sealed && holes.length === 0
  return isAllRecords && entries.length === header.entries && (entries.at(-1)?.entry.lsn ?? 0) <= header.coveredLsn
}
