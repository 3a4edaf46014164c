/**
 * Proves that docs/format.md says what the code does.
 *
 * A reader is made here from the page alone: it takes offsets and types from the page's tables and follows the page's
 * numbered rules, with a CRC32C of its own. It must decode the page's dump, agree with the native reader on that dump
 * under every damaged byte and every truncation, and decode what the native writer writes today. Besides, each constant of
 * the C++ headers must stand in the page with its value, each damage kind with its name, and the page may have no others.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { Operation, readLog, scanLog, Wal } from '../../lib/index.js'
import { native } from '../../lib/native.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(join(root, 'docs/format.md'), 'utf8')
const source = (name: string): string => readFileSync(join(root, 'native/core', name), 'utf8').replace(/\/\/.*$/gm, '')

// --- The page: tables and dumps

type Row = Record<string, string>

/** The text below a heading, up to the next heading of the same or a higher level. */
function section(title: string): string {
  const lines = page.split('\n')
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === title)
  if (start < 0) throw new Error(`docs/format.md has no heading "${title}"`)
  const level = (lines[start] as string).indexOf(' ')
  const length = lines.slice(start + 1).findIndex((line) => /^#+ /.test(line) && line.indexOf(' ') <= level)
  return lines.slice(start + 1, length < 0 ? undefined : start + 1 + length).join('\n')
}

/** Rows of all tables below a heading that have the given columns; back-ticks are taken off. */
function tableRows(title: string, ...columns: string[]): Row[] {
  const rows: Row[] = []
  let names: string[] = []
  for (const line of section(title).split('\n')) {
    if (!line.startsWith('| ')) {
      if (!line.startsWith('|-')) names = []
      continue
    }
    const cells = line.slice(1, -1).split('|').map((cell) => cell.trim().replace(/^`(.*)`$/, '$1'))
    if (names.length === 0) names = cells
    else if (columns.every((column) => names.includes(column))) {
      rows.push(Object.fromEntries(names.map((name, index) => [name, cells[index] as string])))
    }
  }
  if (rows.length === 0) throw new Error(`no table with ${columns.join(', ')} below "${title}"`)
  return rows
}

/** The bytes of a dump in the style of `hexdump -C`. */
function dumpedBytes(file: string): Buffer {
  const text = new RegExp('```hexdump ' + file.replaceAll('.', '\\.') + '\n([^`]*)\n```').exec(page.replace(/\|[^\n]*\|$/gm, ''))
  if (text === null) throw new Error(`docs/format.md has no dump of ${file}`)
  const bytes: number[] = []
  let repeats = false
  for (const line of (text[1] as string).split('\n')) {
    if (line === '*') {
      repeats = true
      continue
    }
    const [offset, ...hex] = line.trim().split(/\s+/) as [string, ...string[]]
    const until = parseInt(offset, 16)
    while (repeats && bytes.length < until) bytes.push(...bytes.slice(-16))
    repeats = false
    expect(bytes.length, `offset of the dump's line ${line}`).toBe(until)
    bytes.push(...hex.map((byte) => parseInt(byte, 16)))
  }
  return Buffer.from(bytes)
}

// --- The reader that the page describes

const constants = new Map(tableRows('Constants', 'Constant', 'Value').map((row) => [row.Constant, BigInt(row.Value as string)]))
const constant = (name: string): number => Number(constants.get(name))

type Layout = Map<string, { offset: number; type: string }>
const layoutOf = (title: string): Layout =>
  new Map(
    tableRows(title, 'Offset', 'Type', 'Field', 'Constant').map((row) => [
      row.Field as string,
      { offset: Number(row.Offset), type: row.Type as string }
    ])
  )
const headerLayout = layoutOf('Segment header')
const entryLayout = layoutOf('Entry')
const markLayout = layoutOf('Mark')

function offsetOf(layout: Layout, field: string): number {
  const found = layout.get(field)
  if (found === undefined) throw new Error(`docs/format.md has no field "${field}"`)
  return found.offset
}

function load(bytes: Buffer, layout: Layout, field: string, base = 0): bigint {
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

function crc(seed: number, bytes: Uint8Array): number {
  let register = ~seed
  for (const byte of bytes) register = (crcTable[(register ^ byte) & 0xff] as number) ^ (register >>> 8)
  return ~register >>> 0
}

function u64(...values: bigint[]): Buffer {
  const bytes = Buffer.alloc(8 * values.length)
  values.forEach((value, index) => bytes.writeBigUInt64LE(value, 8 * index))
  return bytes
}

interface Decoded {
  kind: 'entry' | 'mark' | 'damaged' | 'nothing'
  offset: number
  size: number
  lsn?: number
  sequence?: number
  operation?: number
  userId?: string
  payload?: string
  timestamp?: number
  markKind?: number
  durableLsn?: number
}

/** "Reading one record". */
function readRecord(file: Buffer, segmentSeed: number, offset: number): Decoded {
  const nothing: Decoded = { kind: 'nothing', offset, size: constant('kRecordAlignment') }
  const bytes = file.subarray(offset)
  const place = crc(segmentSeed, u64(BigInt(offset)))
  const magic = bytes.length < 4 ? -1 : bytes.readUInt32LE(0)
  if (magic === constant('mark::kMagic')) {
    const size = constant('mark::kBytes')
    if (bytes.length < size) return nothing
    const checked = bytes.subarray(offsetOf(markLayout, 'next LSN'), size)
    if (Number(load(bytes, markLayout, 'checksum')) !== crc(place, checked)) return nothing
    const markKind = Number(load(bytes, markLayout, 'kind'))
    if (markKind < 1 || markKind > constant('kLastMarkKind')) return nothing
    return { kind: 'mark', offset, size, markKind, durableLsn: Number(load(bytes, markLayout, 'durable LSN')) }
  }
  const timestampAt = offsetOf(entryLayout, 'timestamp')
  if (magic !== constant('entry::kMagic') || bytes.length < timestampAt) return nothing
  const field = (name: string): number => Number(load(bytes, entryLayout, name))
  const lsnAt = offsetOf(entryLayout, 'LSN')
  if (field('header checksum') !== crc(place, bytes.subarray(lsnAt, timestampAt))) return nothing
  const lsn = field('LSN')
  if (lsn < 1 || lsn > constant('kMaxLsn') || field('payload bytes') > constant('kMaxPayloadBytes') || field('zero') !== 0) {
    return nothing
  }
  const userIdAt = offsetOf(entryLayout, 'user id')
  const operationAt = userIdAt + field('user id bytes')
  const payloadEnd = operationAt + constant('entry::kOperationBytes') + field('payload bytes')
  const size = Math.ceil((payloadEnd + constant('entry::kFooterBytes')) / 8) * 8
  if (bytes.length < size) return nothing
  const head = crc(0, bytes.subarray(lsnAt, offsetOf(entryLayout, 'body checksum')))
  const operation = bytes.readUInt8(operationAt)
  const whole =
    field('body checksum') === crc(head, bytes.subarray(timestampAt, size)) &&
    bytes.readUInt32LE(size - constant('entry::kFooterBytes')) === size &&
    operation >= 1 &&
    operation <= constant('kLastOperation')
  if (!whole) return { kind: 'damaged', offset, size }
  return {
    kind: 'entry',
    offset,
    size,
    lsn,
    sequence: field('sequence'),
    operation,
    userId: bytes.subarray(userIdAt, operationAt).toString(),
    payload: bytes.subarray(operationAt + 1, payloadEnd).toString(),
    timestamp: field('timestamp')
  }
}

/** "Reading one segment", rules of the header; undefined when no copy is valid. */
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

/** The rest of "Reading one segment", and what comes back of a log of one segment. */
function readSegment(file: Buffer): { records: Decoded[]; entries: Decoded[] } {
  const header = validHeaderAt(file)
  if (header === undefined) return { records: [], entries: [] }
  const seed = crc(0, u64(load(file, headerLayout, 'salt', header), load(file, headerLayout, 'number', header)))
  const records: Decoded[] = []
  let last = Number(load(file, headerLayout, 'first LSN', header)) - 1
  let proven = Number(load(file, headerLayout, 'previous LSN', header))
  let sealedBehind = false
  for (let offset = constant('kSegmentDataAt'); offset < file.length && !sealedBehind; ) {
    const record = readRecord(file, seed, offset)
    offset += record.size
    if (record.kind === 'mark') {
      proven = Math.max(proven, record.durableLsn as number)
      sealedBehind = record.markKind === 4
    }
    if (record.kind === 'entry') {
      if ((record.lsn as number) <= last) continue
      last = record.lsn as number
    }
    if (record.kind !== 'nothing') records.push(record)
  }
  const entries: Decoded[] = []
  let end = 0
  for (const record of records) {
    if (record.kind !== 'entry') continue
    const lsn = record.lsn as number
    if (lsn > proven && lsn !== Math.max(end, proven) + 1) break
    end = lsn
    entries.push(record)
  }
  return { records, entries }
}

const segment = dumpedBytes('0000000000000001.wal')
const identity = dumpedBytes('log.id')

// --- The C++ side

/** Evaluates the integer expressions that the headers use: + - * <<, brackets, names, EntryRecordBytes(a, b). */
function evaluate(expression: string, resolve: (name: string) => bigint): bigint {
  const text = expression.replace(/static_cast<\w+>/g, '').replace(/\b(?:size_t|uint\d+_t)\{(\w+)\}/g, '$1')
  const tokens = text.match(/0x[0-9a-f]+|\d+|[A-Za-z_][\w:]*|<<|[-+*(),]/gi) ?? []
  let next = 0
  const primary = (): bigint => {
    const token = tokens[next++] as string
    if (/^\d/.test(token)) return BigInt(token)
    if (token === '(') {
      const inner = shift()
      next++
      return inner
    }
    if (token !== 'EntryRecordBytes') return resolve(token)
    next++
    const userIdBytes = shift()
    next++
    const payloadBytes = shift()
    next++
    return ((44n + userIdBytes + 1n + payloadBytes + 4n + 7n) / 8n) * 8n
  }
  const chain = (operand: () => bigint, operators: Record<string, (a: bigint, b: bigint) => bigint>) => (): bigint => {
    let value = operand()
    for (let operator = operators[tokens[next] ?? '']; operator !== undefined; operator = operators[tokens[next] ?? '']) {
      next++
      value = operator(value, operand())
    }
    return value
  }
  const product = chain(primary, { '*': (a, b) => a * b })
  const sum = chain(product, { '+': (a, b) => a + b, '-': (a, b) => a - b })
  const shift = chain(sum, { '<<': (a, b) => a << b })
  return shift()
}

/** Every constant and enumerator of a C++ file, by qualified name. */
function declaredConstants(text: string): Record<string, bigint> {
  const declared: Record<string, bigint> = {}
  let scope = ''
  const resolve = (name: string): bigint => {
    const value = declared[scope + name] ?? declared[name]
    if (value === undefined) throw new Error(`${name} is not declared before it is used`)
    return value
  }
  const pattern =
    /namespace (\w*) ?\{|^\}|enum class (\w+) : \w+ \{([^}]*)\}|constexpr \w+ (k\w+) =\s*([^;]+);/gm
  for (const match of text.matchAll(pattern)) {
    const [whole, namespace, enumeration, enumerators, name, expression] = match
    if (namespace !== undefined) scope = namespace === 'ingest_wal' || namespace === '' ? '' : `${namespace}::`
    else if (whole === '}') scope = ''
    else if (enumeration !== undefined) {
      for (const [, enumerator, value] of (enumerators as string).matchAll(/(k\w+) = (\d+)/g)) {
        declared[`${enumeration}::${enumerator}`] = BigInt(value as string)
      }
    } else declared[scope + name] = evaluate(expression as string, resolve)
  }
  return declared
}

/** Every constant that a part of the page names, with the value beside it. */
function documentedConstants(titles: string[], column: string): Record<string, bigint> {
  const rows = titles.flatMap((title) => tableRows(title, column, 'Constant'))
  return Object.fromEntries(rows.map((row) => [row.Constant as string, BigInt(row[column] as string)]))
}

describe('the tables of docs/format.md', () => {
  const ring = declaredConstants(source('staging_ring.cc'))

  it('hold every constant of format.h with its value, and no other', () => {
    const inRing = new Set(Object.keys(ring))
    const others = Object.fromEntries([...constants].filter(([name]) => !inRing.has(name as string)))
    expect({
      ...documentedConstants(['Segment header', 'Entry', 'Mark', 'log.id'], 'Offset'),
      ...documentedConstants(['Operations', 'Mark'], 'Value'),
      ...others
    }).toEqual(declaredConstants(source('format.h')))
  })

  it('hold every constant of the staging ring with its value, and no other', () => {
    const values = Object.fromEntries([...constants].filter(([name]) => (name as string) in ring))
    expect({ ...documentedConstants(['Staging ring'], 'Offset'), ...values }).toEqual(ring)
  })

  it('hold every damage kind of damage.h, and no other', () => {
    const kinds = [...source('damage.h').matchAll(/constexpr const char\* k\w+ = "(\w+)";/g)].map((match) => match[1])
    expect(tableRows('Damage', 'Kind').map((row) => row.Kind)).toEqual(kinds)
  })

  it('name every file that segment_name.h names', () => {
    const names = tableRows('Files', 'Name').map((row) => (row.Name as string).replace(/\/$/, ''))
    const declared = [...source('segment_name.h').matchAll(/constexpr const char\* k\w+Name = "([^"]+)";/g)]
    expect(declared.length).toBeGreaterThan(0)
    for (const [, name] of declared) expect(names).toContain(name)
  })

  it('give operations the numbers that the package and the native module give them', () => {
    const documented = Object.fromEntries(tableRows('Operations', 'Operation').map((row) => [row.Operation, Number(row.Value)]))
    expect(documented).toEqual({ ...Operation })
    expect(documented).toEqual({ ...native().operations })
    expect(constant('kFormatVersion')).toBe(native().formatVersion)
  })
})

describe('the worked example of docs/format.md', () => {
  const directories: string[] = []
  afterAll(() => {
    for (const directory of directories) rmSync(directory, { recursive: true, force: true })
  })

  function newDirectory(): string {
    const directory = mkdtempSync(join(tmpdir(), 'ingest-wal-format-'))
    directories.push(directory)
    return directory
  }

  const documented = tableRows('Worked example', 'LSN', 'User').map((row) => ({
    offset: Number(row.Offset),
    lsn: Number(row.LSN),
    sequence: Number(row.Sequence),
    operation: Operation[row.Operation as keyof typeof Operation],
    userId: row.User as string,
    payload: row.Payload as string,
    timestamp: Number(row.Timestamp)
  }))

  function ofNative(entry: { payload: Uint8Array; segment?: number }): object {
    const { segment: _, ...rest } = { ...entry, payload: Buffer.from(entry.payload).toString() }
    return rest
  }

  async function nativeEntries(directory: string): Promise<object[]> {
    const entries: object[] = []
    for await (const entry of readLog(directory)) entries.push(ofNative(entry))
    return entries
  }

  const plain = ({ kind: _, size: __, ...entry }: Decoded): object => entry

  function outline(file: Buffer): string[] {
    const markNames = ['', 'batch mark', 'idle mark', 'first seal', 'second seal']
    const headers = ['0x0000 header copy 0', '0x1000 header copy 1']
    return headers.concat(
      readSegment(file).records.map((record) => {
        const what = record.kind === 'mark' ? markNames[record.markKind as number] : record.kind
        return `0x${record.offset.toString(16)} ${what}`
      })
    )
  }

  it('is decoded by a reader made from the tables to the entries listed under it', () => {
    expect(readSegment(segment).entries.map(plain)).toEqual(documented)
    expect(outline(segment)).toEqual(tableRows('Worked example', 'Offset', 'Record').map((row) => `${row.Offset} ${row.Record}`))
  })

  it('is decoded by the native reader to the same entries, and is a clean log', async () => {
    const directory = newDirectory()
    writeFileSync(join(directory, 'log.id'), identity)
    writeFileSync(join(directory, '0000000000000001.wal'), segment)
    expect(await nativeEntries(directory)).toEqual(documented)
    const scan = await scanLog(directory)
    expect(scan).toMatchObject({ damage: [], tornTail: null, lastLsn: 3, provenLsn: 3, entries: 3 })
    expect(scan.segments).toMatchObject([{ number: 1, state: 'sealed', fileBytes: segment.length, batches: 1 }])
    expect(identity.subarray(16, 32).toString('hex')).toBe(scan.logId)
    expect(section('Worked example')).toContain(scan.logId)
  })

  it('has the checksums that the page computes step by step', () => {
    const shown = Object.fromEntries(tableRows('Worked example', 'Value', 'Result').map((row) => [row.Value, Number(row.Result)]))
    const at = 0x2030
    const seed = crc(0, u64(load(segment, headerLayout, 'salt'), load(segment, headerLayout, 'number')))
    const place = crc(seed, u64(BigInt(at)))
    const body = crc(crc(0, segment.subarray(at + 8, at + 32)), segment.subarray(at + 36, at + 56))
    expect(shown).toEqual({
      'segment seed': seed,
      place,
      'user id checksum': crc(0, Buffer.from('user-1')),
      'body checksum': body,
      'header checksum': crc(place, segment.subarray(at + 8, at + 36))
    })
    expect(Number(load(segment, entryLayout, 'header checksum', at))).toBe(shown['header checksum'])
    expect(Number(load(segment, entryLayout, 'body checksum', at))).toBe(shown['body checksum'])
    expect(Number(load(segment, entryLayout, 'user id checksum', at))).toBe(shown['user id checksum'])
    expect(crc(0, Buffer.from('123456789'))).toBe(0xe3069283)
    const inIdentity = crc(crc(0, identity.subarray(0, 12)), identity.subarray(16))
    expect(identity.readUInt32LE(offsetOf(layoutOf('log.id'), 'checksum'))).toBe(inIdentity)
  })

  it('comes back alike from both readers whichever byte is damaged: at most one entry is lost', async () => {
    const directory = newDirectory()
    writeFileSync(join(directory, 'log.id'), identity)
    const fields = constant('header::kUsedBytes')
    const offsets = [0, constant('header::kCopyBytes')].flatMap((base) => Array.from({ length: fields }, (_, at) => base + at))
    for (let at = constant('kSegmentDataAt'); at < segment.length; at++) offsets.push(at)
    for (const offset of offsets) {
      const damaged = Buffer.from(segment)
      damaged.writeUInt8(damaged.readUInt8(offset) ^ (1 << offset % 8), offset)
      writeFileSync(join(directory, '0000000000000001.wal'), damaged)
      const expected = readSegment(damaged).entries.map(plain)
      expect(await nativeEntries(directory), `byte ${offset}`).toEqual(expected)
      expect(expected.length, `byte ${offset}`).toBeGreaterThanOrEqual(documented.length - 1)
    }
  })

  it('comes back alike from both readers wherever the file is cut: a prefix', async () => {
    const directory = newDirectory()
    writeFileSync(join(directory, 'log.id'), identity)
    for (let size = constant('kSegmentDataAt') - 1; size < segment.length; size++) {
      writeFileSync(join(directory, '0000000000000001.wal'), segment.subarray(0, size))
      const expected = readSegment(segment.subarray(0, size)).entries.map(plain)
      expect(await nativeEntries(directory), `${size} bytes`).toEqual(expected)
      expect(expected, `${size} bytes`).toEqual(documented.slice(0, expected.length))
    }
  })

  it('is what the program above it writes today, but for ids, salt and times', async () => {
    const directory = newDirectory()
    // No batch may fall due between two of the appends.
    const wal = await Wal.open({ directory, batchIntervalMs: 3_600_000 })
    for (const entry of documented) {
      wal.append(entry.operation, entry.userId, entry.payload === '' ? null : Buffer.from(entry.payload), entry.sequence)
    }
    await wal.durable()
    await wal.close()
    const written = readFileSync(join(directory, '0000000000000001.wal'))
    const timeless = (entries: Decoded[]): object[] => entries.map((entry) => ({ ...plain(entry), timestamp: 0 }))
    expect(timeless(readSegment(written).entries)).toEqual(timeless(readSegment(segment).entries))
    expect(outline(written)).toEqual(outline(segment))
    expect(written.length).toBe(segment.length)
    for (const field of ['version', 'number', 'first LSN', 'previous LSN', 'previous checksum', 'planned bytes']) {
      expect(load(written, headerLayout, field), field).toBe(load(segment, headerLayout, field))
    }
  })
})
