/** "Checkpoint" and "Base" of docs/format.md: when a checkpoint is whole, which one recovery begins with, what is lost with it. */
import type { Header } from './format-reader.js'
import type { DecodedEntry } from './format-records.js'
import { openSegment, usersOf, walk, type Segment } from './format-segment-reader.js'

export interface Checkpoint {
  number: number
  file: string
  /** The file, read like a segment. */
  segment: Segment
  /** Of one that may be the base: of this log, and what its name says. */
  header: Header | undefined
  isWhole: boolean
}

/** Looks at all of a checkpoint's file. Throws `NewerVersion`. */
export function openCheckpoint(file: string, bytes: Buffer, logId: string | undefined): Checkpoint {
  const segment = openSegment(file, bytes)
  const { header, number } = segment
  const belongs = header?.logId === logId && header?.number === number && header.isCheckpoint
  if (header === undefined || !belongs || segment.tooShort) return { number, file, segment, header: undefined, isWhole: false }
  walk(segment, header)
  return { number, file, segment, header, isWhole: isWhole(segment, header) }
}

/** Rules 3 to 5 of "whole". */
function isWhole({ sealed, holes, entries }: Segment, header: Header): boolean {
  const isAllRecords = sealed && holes.length === 0
  return isAllRecords && entries.length === header.entries && (entries.at(-1)?.entry.lsn ?? 0) <= header.coveredLsn
}

export interface Base {
  checkpoint: Checkpoint
  header: Header
}

/** `used` are the segments that are not rejected; both by number. */
export function chooseBase(checkpoints: readonly Checkpoint[], used: readonly Segment[]): Base | undefined {
  const newest = [...checkpoints].reverse()
  const whole = newest.find(({ isWhole }) => isWhole)
  const reachesBack = used[0]?.header?.previousLsn === 0
  const checkpoint = whole ?? (reachesBack ? undefined : newest.find(({ header }) => header !== undefined))
  return checkpoint?.header === undefined ? undefined : { checkpoint, header: checkpoint.header }
}

/** C. `live` are the segments that are not rejected and not covered. */
export function lastCovered(base: Base | undefined, live: readonly Segment[]): number {
  if (base === undefined) return 0
  return Math.min(base.header.coveredLsn, ...live.map((segment) => (segment.header as Header).previousLsn))
}

/** The base's entries up to C. */
export function baseEntries(base: Base | undefined, covered: number): DecodedEntry[] {
  const entries = base?.checkpoint.segment.entries ?? []
  return entries.map(({ entry }) => entry).filter(({ lsn }) => lsn <= covered)
}

/** LSNs that a damage of a checkpoint costs; `last` 0: none. */
export interface Loss {
  file: string
  first: number
  last: number
  users: string[]
}

/** Damages of the kind `checkpoint`, of those that are not the base first. */
export function checkpointLosses(checkpoints: readonly Checkpoint[], base: Base | undefined, covered: number): Loss[] {
  const others = checkpoints
    .filter((checkpoint) => !checkpoint.isWhole && checkpoint !== base?.checkpoint)
    .map(({ file }) => ({ file, first: 0, last: 0, users: [] }))
  return base === undefined || base.checkpoint.isWhole ? others : [...others, ...lossesOfBase(base, covered)]
}

function lossesOfBase({ checkpoint: { file, segment } }: Base, covered: number): Loss[] {
  const losses: Loss[] = []
  const lose = (before: number, until: number, users: string[] = []): void => {
    losses.push(before < until ? { file, first: before + 1, last: until, users } : { file, first: 0, last: 0, users: [] })
  }
  let accounted = segment.entries.at(-1)?.entry.lsn ?? 0
  for (const hole of segment.holes) {
    const { lsnBefore, lsnAfter, sharesLoss } = hole
    const until = Math.min(covered, lsnAfter === 0 ? covered : lsnAfter - 1)
    lose(lsnBefore, sharesLoss ? 0 : until, usersOf(hole, until))
    accounted = Math.max(accounted, until)
  }
  if (!segment.sealed && accounted < covered) lose(accounted, covered)
  if (losses.length === 0) lose(0, 0)
  return losses
}
