/**
 * A reader made from docs/format.md alone: offsets, types and constants come from the page's tables, the steps are the
 * page's numbered rules, and the CRC32C is the page's. It shares no code with the package.
 */
import { tableRows } from './format-page.js'

const constants: ReadonlyMap<string, bigint> = new Map(
  tableRows('Constants', 'Constant', 'Value').map((row) => [row['Constant'] as string, BigInt(row['Value'] as string)])
)

/** The value of a constant of the page. */
export function constant(name: string): number {
  const value = constants.get(name)
  if (value === undefined) throw new Error(`docs/format.md has no constant "${name}"`)
  return Number(value)
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
  | { kind: 'mark'; offset: number; size: number; markKind: number; durableLsn: number }
  | { kind: 'damaged' | 'nothing'; offset: number; size: number }

/** "Reading one record". */
function readRecord(file: Buffer, segmentSeed: number, offset: number): DecodedRecord {
  const bytes = file.subarray(offset)
  const place = crc(segmentSeed, u64(BigInt(offset)))
  const magic = bytes.length < 4 ? -1 : bytes.readUInt32LE(0)
  let record: DecodedRecord | undefined
  if (magic === constant('mark::kMagic')) record = readMark(bytes, place, offset)
  if (magic === constant('entry::kMagic')) record = readEntry(bytes, place, offset)
  return record ?? { kind: 'nothing', offset, size: constant('kRecordAlignment') }
}

function readMark(bytes: Buffer, place: number, offset: number): DecodedRecord | undefined {
  const size = constant('mark::kBytes')
  if (bytes.length < size) return undefined
  const checked = bytes.subarray(offsetOf(markLayout, 'next LSN'), size)
  if (Number(load(bytes, markLayout, 'checksum')) !== crc(place, checked)) return undefined
  const markKind = Number(load(bytes, markLayout, 'kind'))
  if (markKind < 1 || markKind > constant('kLastMarkKind')) return undefined
  return { kind: 'mark', offset, size, markKind, durableLsn: Number(load(bytes, markLayout, 'durable LSN')) }
}

function readEntry(bytes: Buffer, place: number, offset: number): DecodedRecord | undefined {
  const field = (name: string): number => Number(load(bytes, entryLayout, name))
  const lsnAt = offsetOf(entryLayout, 'LSN')
  const timestampAt = offsetOf(entryLayout, 'timestamp')
  if (bytes.length < timestampAt) return undefined
  if (field('header checksum') !== crc(place, bytes.subarray(lsnAt, timestampAt))) return undefined
  const lsn = field('LSN')
  if (lsn < 1 || lsn > constant('kMaxLsn') || field('zero') !== 0) return undefined
  if (field('payload bytes') > constant('kMaxPayloadBytes')) return undefined
  const userIdAt = offsetOf(entryLayout, 'user id')
  const operationAt = userIdAt + field('user id bytes')
  const payloadAt = operationAt + constant('entry::kOperationBytes')
  const payloadEnd = payloadAt + field('payload bytes')
  const size = Math.ceil((payloadEnd + constant('entry::kFooterBytes')) / 8) * 8
  if (bytes.length < size) return undefined
  const head = crc(0, bytes.subarray(lsnAt, offsetOf(entryLayout, 'body checksum')))
  const operation = bytes.readUInt8(operationAt)
  const whole =
    field('body checksum') === crc(head, bytes.subarray(timestampAt, size)) &&
    bytes.readUInt32LE(size - constant('entry::kFooterBytes')) === size &&
    operation >= 1 &&
    operation <= constant('kLastOperation')
  if (!whole) return { kind: 'damaged', offset, size }
  const userId = bytes.subarray(userIdAt, operationAt).toString()
  const payload = bytes.subarray(payloadAt, payloadEnd).toString()
  const entry = { offset, lsn, sequence: field('sequence'), operation, userId, payload, timestamp: field('timestamp') }
  return { kind: 'entry', offset, size, entry }
}

/** "Reading one segment", the header: where its first valid copy is, undefined when none is. */
function validHeaderAt(file: Buffer): number | undefined {
  const copyBytes = constant('header::kCopyBytes')
  if (file.length < constant('kSegmentDataAt')) return undefined
  for (let copy = 0; copy < constant('header::kCopies'); copy++) {
    const block = file.subarray(copy * copyBytes, (copy + 1) * copyBytes)
    const checksumAt = offsetOf(headerLayout, 'checksum')
    const checksum = crc(crc(0, block.subarray(0, checksumAt)), block.subarray(checksumAt + 4))
    if (load(block, headerLayout, 'magic') !== constants.get('header::kMagic')) continue
    if (load(block, headerLayout, 'version') !== 1n) continue
    if (Number(load(block, headerLayout, 'checksum')) !== checksum) continue
    if (Number(load(block, headerLayout, 'copy')) !== copy) continue
    if (load(block, headerLayout, 'first LSN') > load(block, headerLayout, 'previous LSN')) return copy * copyBytes
  }
  return undefined
}

/** "Reading one segment", the walk, and "What comes back" of a log that is this one segment. */
export function readSegment(file: Buffer): { records: DecodedRecord[]; entries: DecodedEntry[] } {
  const header = validHeaderAt(file)
  if (header === undefined) return { records: [], entries: [] }
  const seed = crc(0, u64(load(file, headerLayout, 'salt', header), load(file, headerLayout, 'number', header)))
  const records: DecodedRecord[] = []
  let last = Number(load(file, headerLayout, 'first LSN', header)) - 1
  let proven = Number(load(file, headerLayout, 'previous LSN', header))
  let ended = false
  for (let offset = constant('kSegmentDataAt'); offset < file.length && !ended; ) {
    const record = readRecord(file, seed, offset)
    offset += record.size
    if (record.kind === 'nothing') continue
    if (record.kind === 'mark') {
      proven = Math.max(proven, record.durableLsn)
      ended = record.markKind === 4
    }
    if (record.kind === 'entry') {
      if (record.entry.lsn <= last) continue
      last = record.entry.lsn
    }
    records.push(record)
  }
  const entries: DecodedEntry[] = []
  let end = proven
  for (const record of records) {
    if (record.kind !== 'entry') continue
    if (record.entry.lsn > proven && record.entry.lsn !== end + 1) break
    end = Math.max(end, record.entry.lsn)
    entries.push(record.entry)
  }
  return { records, entries }
}
