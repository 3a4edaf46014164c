/** "Reading one segment" of docs/format.md: its header, the walk from record to record, and whose its short entries are. */
import { readCompressed, type CompressedContent } from './format-compressed-reader.js'
import { bigConstant, constant, headerLayout, load, validHeader, type Header } from './format-reader.js'
import { namedBy, type Named } from './format-lost-header.js'
import { beginsLikeARecord, readRecord, type DecodedRecord, type EntryRecord } from './format-records.js'

export interface Hole {
  kind: 'entry' | 'bytes' | 'missing_entries' | 'unreadable'
  offset: number
  end: number
  lsnBefore: number
  lsnAfter: number
  /** Behind its last byte that is not zero and was not left by a former segment; 0 when there is none. */
  nonzeroEnd: number
  truncated: boolean
  /** Another one before it has the same LSNs before and after it. */
  sharesLoss: boolean
  /** Each user with the least LSN of an entry that is proven to have stood here. */
  named: Named[]
}

/** Whose entries up to `last` are known to be lost with a hole. */
export function usersOf({ named }: Hole, last: number): string[] {
  return named.filter(({ lsn }) => lsn <= last).map(({ userId }) => userId)
}

export interface Segment {
  number: number
  file: string
  /** Of a compressed one: its content. */
  bytes: Buffer
  /** What was found on the way to it. */
  compressed: CompressedContent | undefined
  /** Bytes of the file. */
  storedBytes: number
  header: Header | undefined
  /** Kind of the damage for which it cannot be used. */
  rejected: string | undefined
  tooShort: boolean
  badCopies: number[]
  bound: number
  records: DecodedRecord[]
  /** Those of `records` that are delivered. */
  entries: EntryRecord[]
  holes: Hole[]
  claim: number
  sealed: boolean
  /** An entry beyond the bound ended the walk. */
  superseded: boolean
  /** Behind the last whole record, seals left out. */
  endOffset: number
}

/** "Versions": the log is refused. */
export class NewerVersion extends Error {}

const DATA_AT = constant('kSegmentDataAt')
const MARK_BYTES = constant('mark::kBytes')
const STEP = constant('kRecordAlignment')

export function openSegment(file: string, stored: Buffer): Segment {
  const isCompressed = file.endsWith('.gz')
  const compressed = isCompressed ? readCompressed(stored) : undefined
  const bytes = isCompressed ? (compressed?.content ?? Buffer.alloc(0)) : stored
  const segment: Segment = {
    number: Number(file.slice(0, 16)),
    file,
    bytes,
    compressed,
    storedBytes: stored.length,
    header: undefined,
    rejected: undefined,
    tooShort: bytes.length < DATA_AT && !isCompressed,
    badCopies: [],
    bound: Infinity,
    ...unwalked()
  }
  if (isCompressed && compressed === undefined) return { ...segment, rejected: 'not_a_file', storedBytes: 0 }
  if (isCompressed && bytes.length < DATA_AT) return { ...segment, rejected: 'segment_header' }
  if (segment.tooShort) return segment
  findHeader(segment)
  if (isCompressed && segment.header !== undefined) segment.bytes = bytes.subarray(0, segment.header.plannedBytes)
  return segment
}

/** Whether it names the number and the kind that the file's name has; a name without them fits all. */
function isOfFile({ number, isCheckpoint }: Header, file: string): boolean {
  const name = /^(\d{16})\.(wal|wal\.gz|ckpt)$/.exec(file)
  return name === null || (Number(name[1]) === number && (name[2] === 'ckpt') === isCheckpoint)
}

/** All but `checksum` and `copy`. */
function saidAlike(one: Buffer, other: Buffer): boolean {
  const [first, second] = [one, other].map((block) => Buffer.from(block).fill(0, 12, 16).fill(0, 68, 72)) as [Buffer, Buffer]
  return first.equals(second)
}

function findHeader(segment: Segment): void {
  const { file, bytes } = segment
  const copyBytes = constant('header::kCopyBytes')
  const blocks = Array.from({ length: constant('header::kCopies') }, (_, copy) => bytes.subarray(copy * copyBytes, (copy + 1) * copyBytes))
  const headers = blocks.map((block, copy) => validHeader(block, copy))
  const counts = headers.findIndex((header) => header !== undefined && isOfFile(header, file))
  const chosen = counts >= 0 ? counts : headers.findIndex((header) => header !== undefined)
  segment.header = headers[chosen]
  segment.badCopies = blocks.flatMap((block, copy) => (headers[copy] === undefined || !saidAlike(block, blocks[chosen] as Buffer) ? [copy] : []))
  if (segment.header !== undefined) return
  const versions = [0, 1].map((copy) => {
    const block = bytes.subarray(copy * copyBytes)
    return load(block, headerLayout, 'magic') === bigConstant('header::kMagic') ? load(block, headerLayout, 'version') : 0n
  })
  if (versions[0] === versions[1] && (versions[0] as bigint) > bigConstant('kFormatVersion')) throw new NewerVersion(file)
  segment.rejected = 'segment_header'
}

/** A segment before its walk. */
export function unwalked(): Pick<Segment, 'records' | 'entries' | 'holes' | 'claim' | 'sealed' | 'superseded' | 'endOffset'> {
  return { records: [], entries: [], holes: [], claim: 0, sealed: false, superseded: false, endOffset: DATA_AT }
}

/** "Walk". */
export function walk(segment: Segment, header: Header): void {
  new Walk(segment, header).run()
  if (segment.compressed !== undefined) {
    segment.sealed = true
    for (const hole of segment.holes) if (isUnreadable(hole, segment.compressed)) hole.kind = 'unreadable'
  }
  if (segment.sealed || header.formerSeed === undefined) return
  for (const hole of segment.holes) if (hole.nonzeroEnd !== 0) takeOutStale(hole, segment.bytes, header.formerSeed)
}

function isUnreadable({ offset, end }: Hole, { unreadable }: CompressedContent): boolean {
  return unreadable.some(([from, until]) => from < end && offset < until)
}

/** "Stale bytes". */
function takeOutStale(hole: Hole, file: Buffer, seed: number): void {
  const bytes = file.subarray(0, hole.end)
  const former = { seed, firstLsn: 1 }
  let mayBeARest = !beginsLikeARecord(bytes.subarray(hole.offset))
  hole.nonzeroEnd = 0
  hole.truncated = false
  for (let offset = hole.offset; offset < hole.end; mayBeARest = false) {
    const record = readRecord(bytes, former, offset)
    if (record.kind !== 'nothing') {
      offset += record.size
      if (record.kind === 'damaged') hole.nonzeroEnd = offset
      continue
    }
    const run = nothingFrom(bytes, former, offset)
    const isRest = mayBeARest && run.end < hole.end && readRecord(bytes, former, run.end).kind !== 'damaged'
    if (!isRest) {
      hole.nonzeroEnd = Math.max(hole.nonzeroEnd, nonzeroEnd(bytes, offset, run.end))
      hole.truncated ||= run.truncated
    }
    offset = run.end
  }
}

/** From an offset where no record starts to the next one that is one, or to the end. */
function nothingFrom(bytes: Buffer, header: Pick<Header, 'seed' | 'firstLsn'>, offset: number): { end: number; truncated: boolean } {
  let truncated = false
  for (; offset < bytes.length; offset += STEP) {
    const record = readRecord(bytes, header, offset)
    if (record.kind !== 'nothing') break
    truncated ||= record.truncated
  }
  return { end: Math.min(offset, bytes.length), truncated }
}

class Walk {
  readonly #segment: Segment
  readonly #header: Header
  #last: number
  /** Holes from here on have no LSN after them yet. */
  #open = 0
  /** "Users by number". */
  readonly #users = new Map<number, string>()
  #hasLookedAhead = false

  constructor(segment: Segment, header: Header) {
    this.#segment = segment
    this.#header = header
    this.#last = header.firstLsn - 1
  }

  run(): void {
    const { bytes } = this.#segment
    for (let offset = DATA_AT; offset < bytes.length; ) {
      const record = readRecord(bytes, this.#header, offset)
      if (record.kind === 'nothing') {
        const { end, truncated } = nothingFrom(bytes, this.#header, offset)
        this.#addHole('bytes', offset, end, nonzeroEnd(bytes, offset, end), truncated)
        offset = end
        continue
      }
      offset += record.size
      if (!this.#take(record)) return
    }
  }

  /** False where the walk ends. */
  #take(record: Exclude<DecodedRecord, { kind: 'nothing' }>): boolean {
    const end = record.offset + record.size
    if (record.kind === 'mark') return this.#takeMark(record)
    if (record.kind === 'user record') {
      this.#segment.records.push(record)
      this.#segment.endOffset = end
      this.#define(record)
      return true
    }
    const { userNumber } = record
    if (userNumber !== 0 && !this.#users.has(userNumber)) this.#lookAhead(record.offset)
    const isUnknown = userNumber !== 0 && !this.#users.has(userNumber)
    if (record.kind === 'damaged' || isUnknown) {
      this.#addHole('entry', record.offset, end, end)
      return true
    }
    if (userNumber !== 0) record.entry.userId = this.#users.get(userNumber) as string
    return this.#takeEntry(record)
  }

  #takeMark(record: Extract<DecodedRecord, { kind: 'mark' }>): boolean {
    const segment = this.#segment
    const end = record.offset + record.size
    segment.records.push(record)
    segment.claim = Math.max(segment.claim, record.durableLsn)
    if (segment.holes.length > this.#open && record.nextLsn > this.#last + 1 && record.nextLsn <= segment.bound + 1) {
      this.#closeHoles(record.nextLsn)
      this.#last = record.nextLsn - 1
    }
    if (record.markKind <= 2) segment.endOffset = end
    if (record.markKind === 3 && end + MARK_BYTES === segment.bytes.length) segment.sealed = true
    if (record.markKind === 4 && end === segment.bytes.length) segment.sealed = true
    return record.markKind !== 4
  }

  #takeEntry(record: EntryRecord): boolean {
    const segment = this.#segment
    const { lsn } = record.entry
    const end = record.offset + record.size
    if (lsn > segment.bound) {
      segment.superseded = true
      this.#closeHoles(lsn)
      return false
    }
    if (lsn <= this.#last) {
      this.#addHole('missing_entries', record.offset, end, 0)
      return true
    }
    const isGap = lsn !== this.#last + 1 && !this.#header.isCheckpoint
    if (isGap && segment.holes.length === this.#open) {
      this.#addHole('missing_entries', record.offset, record.offset, 0)
    }
    this.#closeHoles(lsn)
    this.#last = lsn
    segment.endOffset = end
    segment.records.push(record)
    segment.entries.push(record)
    return true
  }

  #define({ userNumber, userId }: Extract<DecodedRecord, { kind: 'user record' }>): void {
    if (!this.#users.has(userNumber)) this.#users.set(userNumber, userId)
  }

  #lookAhead(from: number): void {
    if (this.#hasLookedAhead) return
    this.#hasLookedAhead = true
    const { bytes } = this.#segment
    for (let offset = from; offset < bytes.length; ) {
      const record = readRecord(bytes, this.#header, offset)
      if (record.kind === 'user record') this.#define(record)
      offset += record.kind === 'nothing' ? STEP : record.size
    }
  }

  #addHole(kind: Hole['kind'], offset: number, end: number, nonzeroEnd: number, truncated = false): void {
    const { holes, bytes } = this.#segment
    let hole = holes.length > this.#open ? holes.at(-1) : undefined
    if (hole?.end === offset) {
      if (hole.kind !== kind) hole.kind = 'bytes'
      hole.end = end
      hole.nonzeroEnd = Math.max(hole.nonzeroEnd, nonzeroEnd)
      hole.truncated ||= truncated
    } else {
      const sharesLoss = hole !== undefined
      hole = { kind, offset, end, lsnBefore: this.#last, lsnAfter: 0, nonzeroEnd, truncated, sharesLoss, named: [] }
      holes.push(hole)
    }
    const found = namedBy(bytes.subarray(offset, end), this.#header, offset, this.#users)
    const { named, lsnBefore } = holes[this.#open] as Hole
    if (found === undefined || found.lsn <= lsnBefore) return
    const known = named.find(({ userId }) => userId === found.userId)
    if (known === undefined) named.push(found)
    else known.lsn = Math.min(known.lsn, found.lsn)
  }

  #closeHoles(lsnAfter: number): void {
    const { holes } = this.#segment
    for (; this.#open < holes.length; this.#open++) (holes[this.#open] as Hole).lsnAfter = lsnAfter
  }
}

function nonzeroEnd(bytes: Buffer, from: number, end: number): number {
  while (end > from && bytes[end - 1] === 0) end--
  return end === from ? 0 : end
}
