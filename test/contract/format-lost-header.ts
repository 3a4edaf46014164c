/** "Whose lost entries were" of docs/format.md: what is left of a header, by its checksum and the page's tables alone. */
import { constant, crc, load, offsetOf, u64, type Header } from './format-reader.js'
import { entryLayout, factsOf, shortLayout } from './format-records.js'

/** Of an entry that is lost: whose it was. */
export interface Named {
  userId: string
  lsn: number
}

/** What damaged bytes that begin at `offset` of the file still say of the entry that stood there; `users` are those defined by now. */
export function namedBy(bytes: Buffer, { seed, firstLsn }: Pick<Header, 'seed' | 'firstLsn'>, offset: number, users: ReadonlyMap<number, string>): Named | undefined {
  const place = crc(seed, u64(BigInt(offset)))
  return namedByShort(bytes, place, firstLsn, users) ?? namedByEntry(bytes, place)
}

function namedByShort(bytes: Buffer, place: number, firstLsn: number, users: ReadonlyMap<number, string>): Named | undefined {
  const headerBytes = offsetOf(shortLayout, 'payload')
  if (bytes.length < headerBytes) return undefined
  const covered = [...range(offsetOf(shortLayout, 'body checksum'), headerBytes), ...range(0, offsetOf(shortLayout, 'header checksum'))]
  const header = madeGood(bytes.subarray(0, headerBytes), place, covered)
  if (header?.readUInt16LE(0) !== constant('short_entry::kMagic')) return undefined
  const userId = users.get(Number(load(header, shortLayout, 'user number')))
  if (userId === undefined || factsOf(header).userCheck !== (crc(0, Buffer.from(userId)) & 0xffff)) return undefined
  return { userId, lsn: firstLsn + Number(load(header, shortLayout, 'LSN offset')) }
}

function namedByEntry(bytes: Buffer, place: number): Named | undefined {
  const userIdAt = offsetOf(entryLayout, 'user id')
  if (bytes.length < userIdAt) return undefined
  const headerBytes = offsetOf(entryLayout, 'timestamp')
  const magic = Buffer.alloc(4)
  magic.writeUInt32LE(constant('entry::kMagic'))
  const inMagic = magic.filter((byte, at) => byte !== bytes[at]).length
  const header = madeGood(bytes.subarray(0, headerBytes), place, range(offsetOf(entryLayout, 'LSN'), headerBytes))
  // The magic is not covered: where a byte of it is damaged, no other may be.
  if (header === undefined || inMagic > 1 || (inMagic === 1 && !header.equals(bytes.subarray(0, headerBytes)))) return undefined
  const userIdBytes = Number(load(header, entryLayout, 'user id bytes'))
  const userId = bytes.subarray(userIdAt, userIdAt + userIdBytes)
  if (userId.length < userIdBytes || crc(0, userId) !== Number(load(header, entryLayout, 'user id checksum'))) return undefined
  return { userId: userId.toString(), lsn: Number(load(header, entryLayout, 'LSN')) }
}

/** A header whose checksum fits, perhaps with one byte of it changed: with that byte as it was. `covered`: in the checksum's order. */
function madeGood(header: Buffer, place: number, covered: readonly number[]): Buffer | undefined {
  const good = Buffer.from(header)
  const checksumAt = offsetOf(entryLayout, 'header checksum')
  const fitting = crc(place, Buffer.from(covered.map((at) => header.readUInt8(at))))
  const difference = (header.readUInt32LE(checksumAt) ^ fitting) >>> 0
  if (difference === 0) return good
  if ([0xff, 0xff00, 0xff0000, 0xff000000].some((byte) => (difference & byte) >>> 0 === difference)) {
    good.writeUInt32LE(fitting, checksumAt)
    return good
  }
  const { at, bits } = changesOf(covered.length).get(difference) ?? { at: -1, bits: 0 }
  const changed = covered[at]
  if (changed === undefined) return undefined
  good.writeUInt8(good.readUInt8(changed) ^ bits, changed)
  return good
}

const changes = new Map<number, ReadonlyMap<number, { at: number; bits: number }>>()

/** By how a checksum over so many bytes changes with one of them: which byte, and in which bits. */
function changesOf(count: number): ReadonlyMap<number, { at: number; bits: number }> {
  let found = changes.get(count)
  if (found !== undefined) return found
  const of = new Map<number, { at: number; bits: number }>()
  const bytes = Buffer.alloc(count)
  const none = crc(0, bytes)
  for (let at = 0; at < count; at++) {
    for (let bits = 1; bits < 256; bits++) {
      bytes[at] = bits
      of.set((crc(0, bytes) ^ none) >>> 0, { at, bits })
    }
    bytes[at] = 0
  }
  changes.set(count, (found = of))
  return found
}

function range(from: number, end: number): number[] {
  return Array.from({ length: end - from }, (_, i) => from + i)
}
