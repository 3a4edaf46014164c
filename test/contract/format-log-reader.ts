/**
 * The last part of the reader made from docs/format.md alone: "Reading a log", with every verdict of the page: what comes
 * back, what is damage, what is a torn tail.
 */
import { baseEntries, checkpointLosses, chooseBase, lastCovered, openCheckpoint, type Base, type Checkpoint } from './format-checkpoint-reader.js'
import { constant, validIdentity, type Header } from './format-reader.js'
import type { DecodedEntry, DecodedRecord } from './format-records.js'
import { openSegment, unwalked, usersOf, walk, type Hole, type Segment } from './format-segment-reader.js'

export interface Verdict {
  /** What recovery reads. */
  entries: DecodedEntry[]
  /** Everything that is there. */
  history: DecodedEntry[]
  records: DecodedRecord[]
  provenLsn: number
  lastLsn: number
  damage: Array<{ kind: string; firstLsn: number; lastLsn: number; file: string; offset: number; endOffset: number; users: string[] }>
  tornTail: { file: string; offset: number; bytes: number; entries: number } | undefined
}

type Damage = Verdict['damage'][number]

const CHAIN_PASSES = 8

/** Reads what a directory holds: names and bytes. No staging ring. Throws `NewerVersion`. */
export function readLogFiles(files: ReadonlyMap<string, Buffer>): Verdict {
  const identity = validIdentity(files.get('log.id'))
  const segments = openFiles(files, /^\d{16}\.wal(\.gz)?$/)
  const checkpointFiles = openFiles(files, /^\d{16}\.ckpt$/)
  const logId = identity ?? mostNamed([...segments, ...checkpointFiles])
  const checkpoints = checkpointFiles.map(({ file, bytes }) => openCheckpoint(file, bytes, logId))
  for (const segment of segments) {
    if (!isUsed(segment)) continue
    if (segment.header?.logId !== logId) segment.rejected = 'foreign_segment'
    else if (segment.header?.number !== segment.number || segment.header.isCheckpoint) segment.rejected = 'misplaced_segment'
  }
  const base = chooseBase(checkpoints, segments.filter(isUsed))
  const isLive = ({ number }: Segment): boolean => number > (base?.header.coveredSegment ?? 0)
  const live = segments.filter(isLive)
  walkAll(live, Infinity, base)
  const covered = lastCovered(base, live.filter(isUsed))
  const coveredSegments = segments.filter((segment) => !isLive(segment))
  walkAll(coveredSegments, covered, undefined)
  const verdict = judge(live, { hasIdentity: identity !== undefined, checkpoints, base, covered })
  const old = historyOf(coveredSegments.filter(isUsed), baseEntries(base, covered))
  return {
    ...verdict,
    history: [...old, ...verdict.entries.filter(({ lsn }) => lsn > covered)],
    damage: [...verdict.damage, ...coveredSegments.flatMap((segment) => damageOfCovered(segment, verdict.provenLsn))]
  }
}

function openFiles(files: ReadonlyMap<string, Buffer>, name: RegExp): Segment[] {
  return [...files.entries()]
    .filter(([file]) => name.test(file) && Number(file.slice(0, 16)) > 0)
    .filter(([file]) => !file.endsWith('.gz') || !files.has(file.slice(0, -'.gz'.length)))
    .map(([file, bytes]) => openSegment(file, bytes))
    .sort((a, b) => a.number - b.number)
}

/** Steps 5 to 7, of segments above whose entries up to `most` nothing is looked at. */
function walkAll(segments: readonly Segment[], most: number, base: Base | undefined): void {
  setBounds(segments, most)
  for (const segment of segments) if (isUsed(segment)) walk(segment, segment.header as Header)
  for (let pass = 0; checkChain(segments, base) && pass < CHAIN_PASSES; pass++) {
    const bounds = segments.map((segment) => segment.bound)
    setBounds(segments, most)
    for (const [index, segment] of segments.entries()) {
      if (!isUsed(segment) || segment.bound === bounds[index]) continue
      Object.assign(segment, unwalked())
      walk(segment, segment.header as Header)
    }
  }
}

function isUsed(segment: Segment): boolean {
  return segment.rejected === undefined && !segment.tooShort
}

function mostNamed(segments: readonly Segment[]): string | undefined {
  const votes = new Map<string, number>()
  let most: string | undefined
  for (const { header } of segments.filter(isUsed)) {
    const id = (header as Header).logId
    const count = (votes.get(id) ?? 0) + 1
    votes.set(id, count)
    if (count > (most === undefined ? 0 : (votes.get(most) as number)) || most === undefined) most = id
  }
  return most
}

function setBounds(segments: readonly Segment[], most: number): void {
  let bound = most
  for (const segment of [...segments].reverse()) {
    segment.bound = bound
    if (isUsed(segment)) bound = Math.min(bound, (segment.header as Header).previousLsn)
  }
}

/** The entries of covered segments, and those that the base alone has. */
function historyOf(coveredSegments: readonly Segment[], ofBase: readonly DecodedEntry[]): DecodedEntry[] {
  const byLsn = new Map(ofBase.map((entry) => [entry.lsn, entry]))
  for (const { entries } of coveredSegments) for (const { entry } of entries) byLsn.set(entry.lsn, entry)
  return [...byLsn.values()].sort((a, b) => a.lsn - b.lsn)
}

/** Whether something was rejected. */
function checkChain(segments: readonly Segment[], base: Base | undefined): boolean {
  let rejected = false
  for (const segment of segments.filter(isUsed)) {
    if (!breaksLinkToBase(base, segment.header as Header)) continue
    segment.rejected = 'broken_chain'
    rejected = true
  }
  const used = segments.filter(isUsed)
  const kept: Segment[] = []
  for (const [index, segment] of used.entries()) {
    const next = used[index + 1]
    const isContinued = next !== undefined && link(segment, next) === 'holds'
    for (let last = kept.at(-1); last !== undefined && link(last, segment) === 'broken'; last = kept.at(-1)) {
      rejected = true
      if (isContinued) (kept.pop() as Segment).rejected = 'broken_chain'
      else {
        segment.rejected = 'broken_chain'
        break
      }
    }
    if (isUsed(segment)) kept.push(segment)
  }
  return rejected
}

function breaksLinkToBase(base: Base | undefined, { previousLsn, previousChecksum }: Header): boolean {
  if (base?.checkpoint.isWhole !== true || previousLsn !== base.header.coveredLsn) return false
  return previousChecksum !== 0 && base.header.coveredChecksum !== 0 && previousChecksum !== base.header.coveredChecksum
}

function link(earlier: Segment, later: Segment): 'holds' | 'broken' | 'unknown' {
  const last = earlier.entries.at(-1)
  const { previousLsn, previousChecksum } = later.header as Header
  if (last === undefined || last.entry.lsn !== previousLsn || previousChecksum === 0) return 'unknown'
  return last.bodyChecksum === previousChecksum ? 'holds' : 'broken'
}

interface Surroundings {
  hasIdentity: boolean
  checkpoints: readonly Checkpoint[]
  base: Base | undefined
  /** C. */
  covered: number
}

/** "Reading a log", from step 9 on, of the segments that are not covered. */
function judge(segments: readonly Segment[], { hasIdentity, checkpoints, base, covered }: Surroundings): Omit<Verdict, 'history'> {
  const used = segments.filter(isUsed)
  const ofThisLog = segments.filter((segment) => isUsed(segment) || segment.rejected === 'broken_chain')
  const provenByCheckpoints = checkpoints.map(({ header }) => header?.coveredLsn ?? 0)
  const proven = Math.max(0, ...provenByCheckpoints, ...ofThisLog.flatMap((segment) => [(segment.header as Header).previousLsn, segment.claim]))
  const damage: Damage[] = []
  if (!hasIdentity && segments.length + checkpoints.length > 0) damage.push(damageAt('identity', 'log.id', 0, constant('identity::kBytes')))
  for (const { file, first, last, users } of checkpointLosses(checkpoints, base, covered)) {
    damage.push({ ...damageAt('checkpoint', file, 0, 0, first, last), users })
  }
  for (const { segment, isWhole } of checkpoints) if (isWhole) damage.push(...headerCopiesOf(segment))
  judgeSegments(segments, used, proven, covered, damage)
  const { entries, last, dropped } = comesBack(used, proven, covered)
  return {
    entries: [...baseEntries(base, covered), ...entries],
    records: used.flatMap((segment) => segment.records),
    provenLsn: proven,
    lastLsn: last,
    damage,
    tornTail: tornTailOf(segments, used.at(-1), proven, last, dropped)
  }
}

function damageAt(kind: string, file: string, offset: number, endOffset: number, firstLsn = 0, lastLsn = 0): Damage {
  return { kind, firstLsn, lastLsn, file, offset, endOffset, users: [] }
}

function headerCopiesOf({ file, badCopies }: Segment): Damage[] {
  const bytes = constant('header::kCopyBytes')
  return badCopies.map((copy) => damageAt('header_copy', file, copy * bytes, (copy + 1) * bytes))
}

/** What was made good, and what is lost of what makes good. */
function compressionOf({ file, compressed }: Segment): Damage[] {
  const { blocks, parity } = compressed ?? { blocks: [], parity: undefined }
  const found = blocks.map(([from, end]) => damageAt('compressed_block', file, from, end))
  return parity === undefined ? found : [...found, damageAt('compressed_parity', file, ...parity)]
}

function damageOfCovered(segment: Segment, proven: number): Damage[] {
  if (!isUsed(segment)) return [damageAt(segment.rejected ?? 'cut_short', segment.file, 0, segment.storedBytes)]
  const ofHoles = segment.holes.map((hole) => damageOfHole(hole, segment, proven))
  return [...headerCopiesOf(segment), ...compressionOf(segment), ...ofHoles.filter((found) => found !== undefined)]
}

function judgeSegments(segments: readonly Segment[], used: readonly Segment[], proven: number, covered: number, damage: Damage[]): void {
  let accounted = covered
  let waiting: Damage[] = []
  const lose = (target: Damage, until: number): void => {
    target.firstLsn = accounted + 1
    target.lastLsn = until
  }
  for (const [index, segment] of segments.entries()) {
    if (!isUsed(segment)) {
      const isLater = segments.slice(index + 1).some(isUsed)
      if (segment.tooShort && !isLater) continue
      const found = damageAt(segment.rejected ?? 'cut_short', segment.file, 0, segment.storedBytes)
      damage.push(found)
      waiting.push(found)
      continue
    }
    const { header, bound } = segment
    const previousLsn = Math.min((header as Header).previousLsn, bound)
    if (previousLsn > accounted) {
      if (waiting.length === 0) {
        waiting = [damageAt('missing_segment', '', 0, 0)]
        damage.push(...waiting)
      }
      lose(waiting[0] as Damage, previousLsn)
    }
    waiting = []
    accounted = Math.max(accounted, Math.min((header as Header).firstLsn - 1, bound))
    damage.push(...headerCopiesOf(segment), ...compressionOf(segment))
    const before = damage.length
    for (const hole of segment.holes) {
      const found = damageOfHole(hole, segment, proven)
      if (found === undefined) continue
      damage.push(found)
      accounted = Math.max(accounted, found.lastLsn)
    }
    accounted = Math.max(accounted, segment.entries.at(-1)?.entry.lsn ?? 0)
    const known = Math.min(segment.bound, segment.sealed ? segment.claim : proven)
    const next = used[used.indexOf(segment) + 1]
    if (known <= accounted && damage.length === before && hasLostSeal(segment, next !== undefined)) {
      damage.push(damageAt('cut_short', segment.file, segment.endOffset, segment.bytes.length))
    }
    if (known <= accounted || !(segment.sealed || next === undefined || next.number === segment.number + 1)) continue
    const found = damageAt('cut_short', segment.file, segment.endOffset, segment.endOffset)
    lose(found, known)
    damage.push(found)
    accounted = known
  }
  if (proven <= accounted) return
  if (waiting.length === 0) {
    const final = segments.at(-1)
    waiting = [final?.tooShort === true ? damageAt('cut_short', final.file, 0, final.bytes.length) : damageAt('missing_segment', '', 0, 0)]
    damage.push(...waiting)
  }
  lose(waiting[0] as Damage, proven)
}

/** Only a file that was sealed is cut. Of the last one that is told as a torn tail. */
function hasLostSeal(segment: Segment, isFollowed: boolean): boolean {
  const isShort = segment.bytes.length < (segment.header as Header).plannedBytes
  const isGivenUp = segment.bytes.length === segment.endOffset
  return isShort && isFollowed && !isGivenUp && !segment.sealed && !segment.superseded
}

/** "How a hole is judged": undefined where it is no damage. */
function damageOfHole(hole: Hole, segment: Segment, proven: number): Damage | undefined {
  const known = Math.min(proven, segment.bound)
  const upper = hole.lsnAfter !== 0 ? hole.lsnAfter - 1 : segment.sealed ? segment.claim : known
  const last = Math.min(upper, known)
  const isLoss = last > hole.lsnBefore
  const isFollowed = hole.lsnAfter !== 0 && hole.lsnAfter <= known
  if (!isLoss && !isFollowed && !segment.sealed) return undefined
  const found = damageAt(hole.kind, segment.file, hole.offset, hole.end)
  return isLoss && !hole.sharesLoss ? { ...found, firstLsn: hole.lsnBefore + 1, lastLsn: last, users: usersOf(hole, last) } : found
}

interface Dropped {
  count: number
  offset: number
  end: number
}

/** "What comes back". */
function comesBack(used: readonly Segment[], proven: number, covered: number): { entries: DecodedEntry[]; last: number; dropped: Dropped | undefined } {
  const entries: DecodedEntry[] = []
  let last = proven
  let dropped: Dropped | undefined
  for (const segment of used) {
    for (const record of segment.entries) {
      const { lsn } = record.entry
      if (lsn <= covered) continue
      if (lsn > last + 1) {
        dropped ??= { count: 0, offset: record.offset, end: 0 }
        dropped.count++
        dropped.end = record.offset + record.size
        continue
      }
      entries.push(record.entry)
      last = Math.max(last, lsn)
    }
  }
  return { entries, last, dropped }
}

/** "Torn tail". */
function tornTailOf(
  segments: readonly Segment[],
  newest: Segment | undefined,
  proven: number,
  lastLsn: number,
  dropped: Dropped | undefined
): Verdict['tornTail'] {
  const final = segments.at(-1)
  if (final?.tooShort === true) return { file: final.file, offset: 0, bytes: final.bytes.length, entries: 0 }
  if (newest === undefined || newest.sealed) return undefined
  const torn = newest.holes.filter((hole) => {
    const comesBackBehind = hole.lsnAfter !== 0 && hole.lsnAfter <= lastLsn
    return damageOfHole(hole, newest, proven) === undefined && !comesBackBehind
  })
  const written = torn.filter((hole) => hole.nonzeroEnd !== 0)
  const offset = Math.min(dropped?.offset ?? newest.endOffset, ...written.map((hole) => hole.offset))
  const end = Math.max(dropped?.end ?? 0, ...written.map((hole) => hole.nonzeroEnd))
  const isShort = newest.bytes.length < (newest.header as Header).plannedBytes
  if (end <= offset && !torn.some((hole) => hole.truncated) && !isShort) return undefined
  return { file: newest.file, offset, bytes: Math.max(0, end - offset), entries: dropped?.count ?? 0 }
}
