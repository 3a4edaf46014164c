/**
 * Records as an attacker would make them: whole and valid, but for another place. Written from the tables of
 * docs/format.md, not from the code: what the native core must refuse is not made by the native core.
 */
import { native } from '../../lib/native.js'

const ENTRY = { headerChecksumAt: 4, lsnAt: 8, bodyChecksumAt: 32, timestampAt: 36, userIdAt: 44 }
const HEADER = { numberAt: 32, saltAt: 40 }
export const FIRST_RECORD_AT = 8192
export const MARK_BYTES = 48
export const MARK_MAGIC = 0x4d4c4157

/** Whole bytes of the entry record at `offset` of a segment. */
export function entryRecordAt(segment: Buffer, offset: number): Buffer {
  const payloadBytes = segment.readUInt32LE(offset + 16)
  const userIdBytes = segment.readUInt16LE(offset + 20)
  const bytes = Math.ceil((ENTRY.userIdAt + userIdBytes + 1 + payloadBytes + 4) / 8) * 8
  return Buffer.from(segment.subarray(offset, offset + bytes))
}

/** What every checksum of a record in this segment at `offset` begins with. */
function placeBytes(segment: Buffer, offset: number): Buffer {
  const place = Buffer.alloc(24)
  segment.copy(place, 0, HEADER.saltAt, HEADER.saltAt + 8)
  segment.copy(place, 8, HEADER.numberAt, HEADER.numberAt + 8)
  place.writeBigUInt64LE(BigInt(offset), 16)
  return place
}

/** `record`, an entry, with another LSN, and valid at `offset` of the segment whose file begins with `segment`. */
export function forgeEntry(record: Buffer, lsn: number, segment: Buffer, offset: number): Buffer {
  const { crc32c } = native()
  const forged = Buffer.from(record)
  forged.writeBigUInt64LE(BigInt(lsn), ENTRY.lsnAt)
  const head = crc32c(forged.subarray(ENTRY.lsnAt, ENTRY.bodyChecksumAt))
  forged.writeUInt32LE(crc32c(forged.subarray(ENTRY.timestampAt), head), ENTRY.bodyChecksumAt)
  const seed = crc32c(placeBytes(segment, offset))
  forged.writeUInt32LE(crc32c(forged.subarray(ENTRY.lsnAt, ENTRY.timestampAt), seed), ENTRY.headerChecksumAt)
  return forged
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

/** Filler before something inside a payload, so that it begins where the scanner looks for records. */
export function alignmentBefore(userId: string): Buffer {
  const payloadAt = ENTRY.userIdAt + Buffer.byteLength(userId) + 1
  return Buffer.alloc((8 - (payloadAt % 8)) % 8)
}
