/**
 * Records as an attacker would make them: whole and valid, but for another place. Written from the tables of
 * docs/format.md, not from the code: what the native core must refuse is not made by the native core.
 */
import { native } from '../../lib/native.js'

const ENTRY = { headerChecksumAt: 4, lsnAt: 8, payloadBytesAt: 16, userIdBytesAt: 20, bodyChecksumAt: 32, timestampAt: 36, userIdAt: 44 }
const SHORT = { payloadBytesAt: 2, headerChecksumAt: 4, bodyChecksumAt: 8, lsnOffsetAt: 12, payloadAt: 32 }
const USER = { checksumAt: 4, numberAt: 8, userIdBytesAt: 12, userIdAt: 16 }
const HEADER = { numberAt: 32, saltAt: 40, firstLsnAt: 48 }
const ENTRY_MAGIC = 0x454c4157
const SHORT_MAGIC = 0x7377
const USER_MAGIC = 0x554c4157
const MOST_NUMBERED_BYTES = 256
export const FIRST_RECORD_AT = 8192
export const MARK_BYTES = 48
export const MARK_MAGIC = 0x4d4c4157

/** A user id of 257 bytes: too long to get a number, so its entries stand in full. */
export const UNNUMBERED_USER = 'u'.repeat(MOST_NUMBERED_BYTES + 1)

export type RecordForm = 'entry' | 'short entry' | 'user record' | 'mark'

export interface RecordPlace {
  form: RecordForm
  offset: number
  /** The offset behind its last byte. */
  end: number
}

/** The records of an undamaged segment in their order, as their magics and sizes say. They end before the first that is none. */
export function recordsIn(segment: Buffer): RecordPlace[] {
  const records: RecordPlace[] = []
  let offset = FIRST_RECORD_AT
  while (offset + 4 <= segment.byteLength) {
    const form = formAt(segment, offset)
    if (form === undefined) break
    const end = offset + Math.ceil(bytesAt(segment, offset, form) / 8) * 8
    records.push({ form, offset, end })
    offset = end
  }
  return records
}

function formAt(segment: Buffer, offset: number): RecordForm | undefined {
  if (segment.readUInt16LE(offset) === SHORT_MAGIC) return 'short entry'
  const magic = segment.readUInt32LE(offset)
  if (magic === ENTRY_MAGIC) return 'entry'
  if (magic === USER_MAGIC) return 'user record'
  return magic === MARK_MAGIC ? 'mark' : undefined
}

/** Bytes of the record at `offset` before they are rounded up. */
function bytesAt(segment: Buffer, offset: number, form: RecordForm): number {
  if (form === 'mark') return MARK_BYTES
  if (form === 'user record') return USER.userIdAt + segment.readUInt16LE(offset + USER.userIdBytesAt)
  if (form === 'short entry') return SHORT.payloadAt + segment.readUInt16LE(offset + SHORT.payloadBytesAt)
  const payloadBytes = segment.readUInt32LE(offset + ENTRY.payloadBytesAt)
  return ENTRY.userIdAt + segment.readUInt16LE(offset + ENTRY.userIdBytesAt) + 1 + payloadBytes + 4
}

/** What a user record says. */
export function userRecordAt(segment: Buffer, offset: number): { number: number; userId: string } {
  const bytes = segment.readUInt16LE(offset + USER.userIdBytesAt)
  const userId = segment.toString('utf8', offset + USER.userIdAt, offset + USER.userIdAt + bytes)
  return { number: segment.readUInt32LE(offset + USER.numberAt), userId }
}

/** What every checksum of a record in this segment at `offset` begins with. */
function placeBytes(segment: Buffer, offset: number): Buffer {
  const place = Buffer.alloc(24)
  segment.copy(place, 0, HEADER.saltAt, HEADER.saltAt + 8)
  segment.copy(place, 8, HEADER.numberAt, HEADER.numberAt + 8)
  place.writeBigUInt64LE(BigInt(offset), 16)
  return place
}

/** `record`, an entry in either form, with another LSN, and valid at `offset` of the segment whose file begins with `segment`. */
export function forgeEntry(record: Buffer, lsn: number, segment: Buffer, offset: number): Buffer {
  const { crc32c } = native()
  const forged = Buffer.from(record)
  const place = crc32c(placeBytes(segment, offset))
  if (formAt(record, 0) === 'short entry') {
    forged.writeUInt32LE(lsn - Number(segment.readBigUInt64LE(HEADER.firstLsnAt)), SHORT.lsnOffsetAt)
    forged.writeUInt32LE(crc32c(forged.subarray(SHORT.lsnOffsetAt)), SHORT.bodyChecksumAt)
    const fields = crc32c(forged.subarray(SHORT.bodyChecksumAt, SHORT.payloadAt), place)
    forged.writeUInt32LE(crc32c(forged.subarray(0, SHORT.headerChecksumAt), fields), SHORT.headerChecksumAt)
    return forged
  }
  forged.writeBigUInt64LE(BigInt(lsn), ENTRY.lsnAt)
  const head = crc32c(forged.subarray(ENTRY.lsnAt, ENTRY.bodyChecksumAt))
  forged.writeUInt32LE(crc32c(forged.subarray(ENTRY.timestampAt), head), ENTRY.bodyChecksumAt)
  forged.writeUInt32LE(crc32c(forged.subarray(ENTRY.lsnAt, ENTRY.timestampAt), place), ENTRY.headerChecksumAt)
  return forged
}

/** A user record that says that `number` is `userId`, valid at `offset` of the segment. */
export function forgeUserRecord(number: number, userId: string, segment: Buffer, offset: number): Buffer {
  const idBytes = Buffer.byteLength(userId)
  const record = Buffer.alloc(Math.ceil((USER.userIdAt + idBytes) / 8) * 8)
  record.writeUInt32LE(USER_MAGIC, 0)
  record.writeUInt32LE(number, USER.numberAt)
  record.writeUInt16LE(idBytes, USER.userIdBytesAt)
  record.write(userId, USER.userIdAt)
  const { crc32c } = native()
  record.writeUInt32LE(crc32c(record.subarray(USER.numberAt), crc32c(placeBytes(segment, offset))), USER.checksumAt)
  return record
}

/** `original`, a mark, made to claim everything up to `durableLsn`, valid at `offset` of the segment. `kind` 4 ends a segment. */
export function forgeMark(original: Buffer, durableLsn: number, kind: number, segment: Buffer, offset: number): Buffer {
  const mark = Buffer.from(original)
  mark.writeBigUInt64LE(BigInt(durableLsn + 1), 8)
  mark.writeBigUInt64LE(BigInt(durableLsn), 16)
  mark.writeUInt8(kind, 40)
  mark.writeUInt32LE(native().crc32c(mark.subarray(8), native().crc32c(placeBytes(segment, offset))), 4)
  return mark
}

/** Filler before something inside a payload of this user, so that it begins where the scanner looks for records. */
export function alignmentBefore(userId: string): Buffer {
  const userBytes = Buffer.byteLength(userId)
  const payloadAt = userBytes > MOST_NUMBERED_BYTES ? ENTRY.userIdAt + userBytes + 1 : SHORT.payloadAt
  return Buffer.alloc((8 - (payloadAt % 8)) % 8)
}
