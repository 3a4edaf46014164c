/**
 * A reader made from docs/format.md alone: offsets, types and constants come from the page's tables, the steps are the
 * page's numbered rules, and the CRC32C is the page's. It shares no code with the package. Here: single fields,
 * records and headers; the rest is in format-log-reader.ts.
 */
import { tableRows } from './format-page.js'

const constants: ReadonlyMap<string, bigint> = new Map(
  tableRows('Constants', 'Constant', 'Value').map((row) => [row['Constant'] as string, BigInt(row['Value'] as string)])
)

/** The value of a constant of the page. */
export function bigConstant(name: string): bigint {
  const value = constants.get(name)
  if (value === undefined) throw new Error(`docs/format.md has no constant "${name}"`)
  return value
}

export function constant(name: string): number {
  return Number(bigConstant(name))
}

export type Layout = ReadonlyMap<string, { offset: number; type: string }>

/** The fields of the table below a heading. */
export function layoutOf(title: string, ...columns: string[]): Layout {
  const rows = tableRows(title, 'Offset', 'Type', 'Field', ...columns)
  return new Map(rows.map((row) => [row['Field'] as string, { offset: Number(row['Offset']), type: row['Type'] as string }]))
}

export function offsetOf(layout: Layout, field: string): number {
  const found = layout.get(field)
  if (found === undefined) throw new Error(`docs/format.md has no field "${field}"`)
  return found.offset
}

/** An integer field, as its type says. */
export function load(bytes: Buffer, layout: Layout, field: string, base = 0): bigint {
  const at = base + offsetOf(layout, field)
  switch (layout.get(field)?.type) {
    case 'u8':
      return BigInt(bytes.readUInt8(at))
    case 'u16':
      return BigInt(bytes.readUInt16LE(at))
    case 'u32':
      return BigInt(bytes.readUInt32LE(at))
    case 'u64':
      return bytes.readBigUInt64LE(at)
    case 'i64':
      return bytes.readBigInt64LE(at)
    default:
      throw new Error(`"${field}" is no integer`)
  }
}

const crcTable = Uint32Array.from({ length: 256 }, (_, index) => {
  let register = index
  for (let bit = 0; bit < 8; bit++) register = (register & 1) === 1 ? (register >>> 1) ^ 0x82f63b78 : register >>> 1
  return register
})

export function crc(seed: number, bytes: Uint8Array): number {
  let register = ~seed
  for (const byte of bytes) register = (crcTable[(register ^ byte) & 0xff] as number) ^ (register >>> 8)
  return ~register >>> 0
}

export function u64(...values: bigint[]): Buffer {
  const bytes = Buffer.alloc(8 * values.length)
  values.forEach((value, index) => bytes.writeBigUInt64LE(value, 8 * index))
  return bytes
}

export const headerLayout = layoutOf('Segment header', 'Constant')
export const entryLayout = layoutOf('Entry', 'Constant')
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

export type DecodedRecord =
  | { kind: 'entry'; offset: number; size: number; entry: DecodedEntry }
  | { kind: 'mark'; offset: number; size: number; markKind: number; nextLsn: number; durableLsn: number }
  | { kind: 'damaged'; offset: number; size: number; userId: string | undefined }
  | { kind: 'nothing'; offset: number; truncated: boolean }

const ENTRY_MAGIC = constant('entry::kMagic')
const MARK_MAGIC = constant('mark::kMagic')

/** "Reading one record". */
export function readRecord(file: Buffer, segmentSeed: number, offset: number): DecodedRecord {
  const magic = file.length - offset < 4 ? -1 : file.readUInt32LE(offset)
  const nothing = { kind: 'nothing', offset, truncated: false } as const
  if (magic !== ENTRY_MAGIC && magic !== MARK_MAGIC) return nothing
  const bytes = file.subarray(offset)
  const place = crc(segmentSeed, u64(BigInt(offset)))
  const record = magic === MARK_MAGIC ? readMark(bytes, place, offset) : readEntry(bytes, place, offset)
  return record === 'none' || record === 'truncated' ? { ...nothing, truncated: record === 'truncated' } : record
}

function readMark(bytes: Buffer, place: number, offset: number): DecodedRecord | 'none' | 'truncated' {
  const size = constant('mark::kBytes')
  if (bytes.length < size) return 'truncated'
  const checked = bytes.subarray(offsetOf(markLayout, 'next LSN'), size)
  if (Number(load(bytes, markLayout, 'checksum')) !== crc(place, checked)) return 'none'
  const markKind = Number(load(bytes, markLayout, 'kind'))
  const zero = bytes.subarray(offsetOf(markLayout, 'zero'), size)
  if (markKind < 1 || markKind > constant('kLastMarkKind') || zero.some((byte) => byte !== 0)) return 'none'
  const nextLsn = Number(load(bytes, markLayout, 'next LSN'))
  const durableLsn = Number(load(bytes, markLayout, 'durable LSN'))
  if (nextLsn > 2 ** 53 || durableLsn >= nextLsn) return 'none'
  return { kind: 'mark', offset, size, markKind, nextLsn, durableLsn }
}

function readEntry(bytes: Buffer, place: number, offset: number): DecodedRecord | 'none' | 'truncated' {
  const field = (name: string): number => Number(load(bytes, entryLayout, name))
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
  const size = Math.ceil((payloadEnd + constant('entry::kFooterBytes')) / 8) * 8
  if (bytes.length < size) return 'truncated'
  const head = crc(0, bytes.subarray(lsnAt, offsetOf(entryLayout, 'body checksum')))
  const operation = bytes.readUInt8(operationAt)
  const whole =
    field('body checksum') === crc(head, bytes.subarray(timestampAt, size)) &&
    bytes.readUInt32LE(size - constant('entry::kFooterBytes')) === size &&
    operation >= 1 &&
    operation <= constant('kLastOperation')
  if (!whole) return { kind: 'damaged', offset, size, userId: userOf(bytes.subarray(0, size)) }
  const userId = bytes.subarray(userIdAt, operationAt).toString()
  const payload = bytes.subarray(payloadAt, payloadEnd).toString()
  const entry = { offset, lsn, sequence: field('sequence'), operation, userId, payload, timestamp: field('timestamp') }
  return { kind: 'entry', offset, size, entry }
}

/** Whose the entry at the beginning of damaged bytes was, as far as they prove it. */
export function userOf(bytes: Buffer): string | undefined {
  const userIdAt = offsetOf(entryLayout, 'user id')
  if (bytes.length < userIdAt) return undefined
  const userIdBytes = Number(load(bytes, entryLayout, 'user id bytes'))
  const userId = bytes.subarray(userIdAt, userIdAt + userIdBytes)
  if (userIdBytes === 0 || userId.length < userIdBytes) return undefined
  return crc(0, userId) === Number(load(bytes, entryLayout, 'user id checksum')) ? userId.toString() : undefined
}

/** A segment's header, as one of its copies says. */
export interface Header {
  logId: string
  number: number
  seed: number
  firstLsn: number
  previousLsn: number
  previousChecksum: number
  plannedBytes: number
}

/** "Header": a valid copy, else undefined. */
export function validHeader(block: Buffer, copy: number): Header | undefined {
  const field = (name: string): number => Number(load(block, headerLayout, name))
  if (load(block, headerLayout, 'magic') !== bigConstant('header::kMagic')) return undefined
  if (field('version') !== 1) return undefined
  if (field('checksum') !== crc(crc(0, block.subarray(0, 12)), block.subarray(16))) return undefined
  if (field('copy') !== copy) return undefined
  if (field('first LSN') <= field('previous LSN') || field('first LSN') > constant('kMaxLsn')) return undefined
  return {
    logId: block.subarray(16, 32).toString('hex'),
    number: field('number'),
    seed: crc(0, u64(load(block, headerLayout, 'salt'), load(block, headerLayout, 'number'))),
    firstLsn: field('first LSN'),
    previousLsn: field('previous LSN'),
    previousChecksum: field('previous checksum'),
    plannedBytes: field('planned bytes')
  }
}

const identityLayout = layoutOf('log.id', 'Constant')

/** The log id of a valid log.id, else undefined. */
export function validIdentity(bytes: Buffer | undefined): string | undefined {
  if (bytes?.length !== constant('identity::kBytes')) return undefined
  if (load(bytes, identityLayout, 'magic') !== bigConstant('identity::kMagic')) return undefined
  if (load(bytes, identityLayout, 'version') !== 1n) return undefined
  if (Number(load(bytes, identityLayout, 'checksum')) !== crc(crc(0, bytes.subarray(0, 12)), bytes.subarray(16))) return undefined
  return bytes.subarray(16, 32).toString('hex')
}
