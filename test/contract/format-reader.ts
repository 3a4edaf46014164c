/**
 * A reader made from docs/format.md alone: offsets, types and constants come from the page's tables, the steps are the
 * page's numbered rules, and the CRC32C is the page's. It shares no code with the package. Here: single fields and
 * headers; records are in format-records.ts, segments in format-segment-reader.ts, logs in format-log-reader.ts.
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

/** A segment's header, as one of its copies says. */
export interface Header {
  logId: string
  number: number
  /** Whether it is a checkpoint's. */
  isCheckpoint: boolean
  seed: number
  firstLsn: number
  previousLsn: number
  previousChecksum: number
  plannedBytes: number
  /** Segment seed of what the file was before, undefined where it was no segment. */
  formerSeed: number | undefined
  /** "Checkpoint". */
  coveredSegment: number
  coveredLsn: number
  coveredChecksum: number
  entries: number
}

/** "Versions". */
const VERSIONS = tableRows('Versions', 'Version').map((row) => Number(row['Version']))

function isKnown(version: number): boolean {
  return VERSIONS.includes(version)
}

/** "Header": a valid copy, else undefined. */
export function validHeader(block: Buffer, copy: number): Header | undefined {
  const field = (name: string): number => Number(load(block, headerLayout, name))
  if (load(block, headerLayout, 'magic') !== bigConstant('header::kMagic')) return undefined
  if (!isKnown(field('version'))) return undefined
  if (field('checksum') !== crc(crc(0, block.subarray(0, 12)), block.subarray(16))) return undefined
  if (field('copy') !== copy || field('kind') > constant('kLastFileKind')) return undefined
  if (field('first LSN') <= field('previous LSN') || field('first LSN') > constant('kMaxLsn')) return undefined
  return {
    logId: block.subarray(16, 32).toString('hex'),
    number: field('number'),
    isCheckpoint: field('kind') !== 0,
    seed: segmentSeed(load(block, headerLayout, 'salt'), load(block, headerLayout, 'number')),
    firstLsn: field('first LSN'),
    previousLsn: field('previous LSN'),
    previousChecksum: field('previous checksum'),
    plannedBytes: field('planned bytes'),
    formerSeed: field('former number') === 0 ? undefined : segmentSeed(load(block, headerLayout, 'former salt'), load(block, headerLayout, 'former number')),
    coveredSegment: field('covered segment'),
    coveredLsn: field('covered LSN'),
    coveredChecksum: field('covered checksum'),
    entries: field('entries')
  }
}

function segmentSeed(salt: bigint, number: bigint): number {
  return crc(0, u64(salt, number))
}

const identityLayout = layoutOf('log.id', 'Constant')

/** The log id of a valid log.id, else undefined. */
export function validIdentity(bytes: Buffer | undefined): string | undefined {
  if (bytes?.length !== constant('identity::kBytes')) return undefined
  if (load(bytes, identityLayout, 'magic') !== bigConstant('identity::kMagic')) return undefined
  if (!isKnown(Number(load(bytes, identityLayout, 'version')))) return undefined
  if (Number(load(bytes, identityLayout, 'checksum')) !== crc(crc(0, bytes.subarray(0, 12)), bytes.subarray(16))) return undefined
  return bytes.subarray(16, 32).toString('hex')
}
