/** "Reading one record" of docs/format.md: what starts at an offset of a segment, by the page's tables and rules alone. */
import { constant, crc, layoutOf, load, offsetOf, u64, type Header, type Layout } from './format-reader.js'

export const entryLayout = layoutOf('Entry', 'Constant')
export const shortLayout = layoutOf('Short entry', 'Constant')
export const userLayout = layoutOf('User record', 'Constant')
const markLayout = layoutOf('Mark', 'Constant')

export interface DecodedEntry {
  offset: number
  lsn: number
  sequence: number
  operation: number
  userId: string
  payload: string
  timestamp: number
}

interface Place {
  offset: number
  size: number
}

export type EntryRecord = Place & {
  kind: 'entry' | 'short entry'
  bodyChecksum: number
  /** Of a short entry: who it is, is for the segment's user records to say; `entry.userId` is empty until then. */
  userNumber: number
  entry: DecodedEntry
}

export type DecodedRecord =
  | EntryRecord
  | (Place & { kind: 'user record'; userNumber: number; userId: string })
  | (Place & { kind: 'mark'; markKind: number; nextLsn: number; durableLsn: number })
  /** `userNumber` is 0 where it is no short entry. */
  | (Place & { kind: 'damaged'; userNumber: number })
  | { kind: 'nothing'; offset: number; truncated: boolean }

type Found = DecodedRecord | 'none' | 'truncated'

/** What the bytes from the beginning of a record to the end of the file are checked with. */
interface Context {
  bytes: Buffer
  offset: number
  /** "place of a record" */
  place: number
  firstLsn: number
}

const readers: ReadonlyArray<[magic: number, magicBytes: 2 | 4, read: (context: Context) => Found]> = [
  [constant('entry::kMagic'), 4, readEntry],
  [constant('short_entry::kMagic'), 2, readShortEntry],
  [constant('user_record::kMagic'), 4, readUserRecord],
  [constant('mark::kMagic'), 4, readMark]
]

/** Whether bytes begin with the magic of a record. */
export function beginsLikeARecord(bytes: Buffer): boolean {
  return bytes.length >= 4 && readers.some(([magic, magicBytes]) => bytes.readUIntLE(0, magicBytes) === magic)
}

/** "Reading one record". */
export function readRecord(file: Buffer, { seed, firstLsn }: Pick<Header, 'seed' | 'firstLsn'>, offset: number): DecodedRecord {
  const nothing = { kind: 'nothing', offset, truncated: false } as const
  if (file.length - offset < 4) return nothing
  for (const [magic, magicBytes, read] of readers) {
    if (file.readUIntLE(offset, magicBytes) !== magic) continue
    const found = read({ bytes: file.subarray(offset), offset, place: crc(seed, u64(BigInt(offset))), firstLsn })
    return typeof found === 'string' ? { ...nothing, truncated: found === 'truncated' } : found
  }
  return nothing
}

function fieldsOf(bytes: Buffer, layout: Layout): (name: string) => number {
  return (name) => Number(load(bytes, layout, name))
}

function padded(bytes: number): number {
  return Math.ceil(bytes / constant('kRecordAlignment')) * constant('kRecordAlignment')
}

function readMark({ bytes, offset, place }: Context): Found {
  const field = fieldsOf(bytes, markLayout)
  const size = constant('mark::kBytes')
  if (bytes.length < size) return 'truncated'
  if (field('checksum') !== crc(place, bytes.subarray(offsetOf(markLayout, 'next LSN'), size))) return 'none'
  const markKind = field('kind')
  const zero = bytes.subarray(offsetOf(markLayout, 'zero'), size)
  if (markKind < 1 || markKind > constant('kLastMarkKind') || zero.some((byte) => byte !== 0)) return 'none'
  const nextLsn = field('next LSN')
  const durableLsn = field('durable LSN')
  if (nextLsn > 2 ** 53 || durableLsn >= nextLsn) return 'none'
  return { kind: 'mark', offset, size, markKind, nextLsn, durableLsn }
}

function readEntry({ bytes, offset, place }: Context): Found {
  const field = fieldsOf(bytes, entryLayout)
  const lsnAt = offsetOf(entryLayout, 'LSN')
  const timestampAt = offsetOf(entryLayout, 'timestamp')
  if (bytes.length < timestampAt) return 'truncated'
  if (field('header checksum') !== crc(place, bytes.subarray(lsnAt, timestampAt))) return 'none'
  const lsn = field('LSN')
  if (lsn < 1 || lsn > constant('kMaxLsn') || field('zero') !== 0) return 'none'
  if (field('payload bytes') > constant('kMaxPayloadBytes')) return 'none'
  const userIdAt = offsetOf(entryLayout, 'user id')
  const operationAt = userIdAt + field('user id bytes')
  const payloadAt = operationAt + constant('entry::kOperationBytes')
  const payloadEnd = payloadAt + field('payload bytes')
  const size = padded(payloadEnd + constant('entry::kFooterBytes'))
  if (bytes.length < size) return 'truncated'
  const head = crc(0, bytes.subarray(lsnAt, offsetOf(entryLayout, 'body checksum')))
  const bodyChecksum = field('body checksum')
  const operation = bytes.readUInt8(operationAt)
  const whole =
    bodyChecksum === crc(head, bytes.subarray(timestampAt, size)) &&
    bytes.readUInt32LE(size - constant('entry::kFooterBytes')) === size &&
    isOperation(operation)
  if (!whole) return { kind: 'damaged', offset, size, userNumber: 0 }
  const userId = bytes.subarray(userIdAt, operationAt).toString()
  const payload = bytes.subarray(payloadAt, payloadEnd).toString()
  const entry = { offset, lsn, sequence: field('sequence'), operation, userId, payload, timestamp: field('timestamp') }
  return { kind: 'entry', offset, size, bodyChecksum, userNumber: 0, entry }
}

function readShortEntry({ bytes, offset, place, firstLsn }: Context): Found {
  const field = fieldsOf(bytes, shortLayout)
  const payloadAt = offsetOf(shortLayout, 'payload')
  const headerChecksumAt = offsetOf(shortLayout, 'header checksum')
  if (bytes.length < payloadAt) return 'truncated'
  const behind = crc(place, bytes.subarray(offsetOf(shortLayout, 'body checksum'), payloadAt))
  if (field('header checksum') !== crc(behind, bytes.subarray(0, headerChecksumAt))) return 'none'
  const lsn = firstLsn + field('LSN offset')
  const userNumber = field('user number')
  if (lsn > constant('kMaxLsn') || !isUserNumber(userNumber)) return 'none'
  const payloadEnd = payloadAt + field('payload bytes')
  const size = padded(payloadEnd)
  if (bytes.length < size) return 'truncated'
  const bodyChecksum = field('body checksum')
  const { timestamp, operation } = factsOf(bytes)
  const whole = bodyChecksum === crc(0, bytes.subarray(offsetOf(shortLayout, 'LSN offset'), size)) && isOperation(operation)
  if (!whole) return { kind: 'damaged', offset, size, userNumber }
  const payload = bytes.subarray(payloadAt, payloadEnd).toString()
  const entry = { offset, lsn, sequence: field('sequence'), operation, userId: '', payload, timestamp }
  return { kind: 'short entry', offset, size, bodyChecksum, userNumber, entry }
}

/** The three fields of `facts`. */
export function factsOf(bytes: Buffer): { timestamp: number; operation: number; userCheck: number } {
  const facts = load(bytes, shortLayout, 'facts')
  const bits = (from: number, end: number): number => Number(BigInt.asUintN(end - from, facts >> BigInt(from)))
  const operationAt = constant('short_entry::kOperationShift')
  const userCheckAt = constant('short_entry::kUserCheckShift')
  return { timestamp: bits(0, operationAt), operation: bits(operationAt, userCheckAt), userCheck: bits(userCheckAt, 64) }
}

function readUserRecord({ bytes, offset, place }: Context): Found {
  const field = fieldsOf(bytes, userLayout)
  const userIdAt = offsetOf(userLayout, 'user id')
  if (bytes.length < userIdAt) return 'truncated'
  const userIdBytes = field('user id bytes')
  const userNumber = field('number')
  if (userIdBytes > constant('user_record::kMaxUserIdBytes') || !isUserNumber(userNumber) || field('zero') !== 0) return 'none'
  const size = padded(userIdAt + userIdBytes)
  if (bytes.length < size) return 'truncated'
  if (field('checksum') !== crc(place, bytes.subarray(offsetOf(userLayout, 'number'), size))) return 'none'
  return { kind: 'user record', offset, size, userNumber, userId: bytes.subarray(userIdAt, userIdAt + userIdBytes).toString() }
}

function isOperation(operation: number): boolean {
  return operation >= 1 && operation <= constant('kLastOperation')
}

function isUserNumber(number: number): boolean {
  return number >= 1 && number <= constant('user_record::kMaxNumber')
}
