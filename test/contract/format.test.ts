/**
 * Proves that docs/format.md says what the code does.
 *
 * A reader made from the page alone (format-reader.ts and those behind it) must decode the page's dump, agree with the native reader on that
 * dump under every damaged byte and every truncation, and decode what the native writer writes today. Besides, each
 * constant of the C++ headers must stand in the page with its value, and each damage kind with its name; the page may
 * have no others.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { Operation, readLog, scanLog, Wal, type Entry } from '../../lib/index.js'
import { native } from '../../lib/native.js'
import { coreSource, declaredConstants } from './cpp-constants.js'
import { readLogFiles, type Verdict } from './format-log-reader.js'
import { dumpedBytes, section, tableRows } from './format-page.js'
import { constant, crc, headerLayout, layoutOf, load, offsetOf, u64 } from './format-reader.js'
import { entryLayout, shortLayout, userLayout, type DecodedEntry } from './format-records.js'

/** Every constant that parts of the page name, with the value beside it. */
function documentedConstants(column: string, ...titles: string[]): Record<string, bigint> {
  const rows = titles.flatMap((title) => tableRows(title, column, 'Constant'))
  return Object.fromEntries(rows.map((row) => [row['Constant'] as string, BigInt(row[column] as string)]))
}

describe('the tables of docs/format.md', () => {
  const ring = ['writer_figures.h', 'staged_entry.h', 'staging_ring.h', 'staging_ring.cc'].reduce<Record<string, bigint>>(
    (known, file) => ({ ...known, ...declaredConstants(coreSource(file), declaredConstants(coreSource('format.h'))) }),
    {}
  )
  const others = Object.entries(documentedConstants('Value', 'Constants'))

  it('hold every constant of format.h with its value, and no other', () => {
    expect({
      ...documentedConstants('Offset', 'Segment header', 'Entry', 'Short entry', 'User record', 'Mark', 'Compressed segment', 'log.id'),
      ...documentedConstants('Value', 'Segment header', 'Operations', 'Mark'),
      ...Object.fromEntries(others.filter(([name]) => !(name in ring)))
    }).toEqual(declaredConstants(coreSource('format.h')))
  })

  it('hold every constant of the staging ring with its value, and no other', () => {
    const values = Object.fromEntries(others.filter(([name]) => name in ring))
    expect({ ...documentedConstants('Offset', 'Staging ring'), ...values }).toEqual(ring)
  })

  it('hold every damage kind of damage.h, and no other', () => {
    const kinds = [...coreSource('damage.h').matchAll(/constexpr const char\* k\w+ = "(\w+)";/g)].map(([, kind]) => kind)
    expect(tableRows('Damage', 'Kind').map((row) => row['Kind'])).toEqual(kinds)
  })

  it('name every file that segment_name.h names', () => {
    const names = tableRows('Files', 'Name').map((row) => (row['Name'] as string).replace(/\/$/, ''))
    const declared = [...coreSource('segment_name.h').matchAll(/constexpr const char\* k\w+Name = "([^"]+)";/g)]
    expect(declared.length).toBeGreaterThan(0)
    for (const [, name] of declared) expect(names).toContain(name)
  })

  it('give operations the numbers that the package and the native module give them', () => {
    const rows = tableRows('Operations', 'Operation')
    const documented = Object.fromEntries(rows.map((row) => [row['Operation'] as string, Number(row['Value'])]))
    expect(documented).toEqual({ ...Operation })
    expect(documented).toEqual({ ...native().operations })
    expect(constant('kFormatVersion')).toBe(native().formatVersion)
  })
})

describe('the worked example of docs/format.md', () => {
  const segment = dumpedBytes('0000000000000001.wal')
  const identity = dumpedBytes('log.id')
  const documented = tableRows('Worked example', 'LSN', 'User').map((row): DecodedEntry => ({
    offset: Number(row['Offset']),
    lsn: Number(row['LSN']),
    sequence: Number(row['Sequence']),
    operation: Operation[row['Operation'] as keyof typeof Operation],
    userId: userIdOf(row['User'] as string),
    payload: row['Payload'] as string,
    timestamp: Number(row['Timestamp'])
  }))

  /** "300 x" is 300 times that letter. */
  function userIdOf(shown: string): string {
    const [, count, letter = ''] = /^(\d+) (.)$/.exec(shown) ?? []
    return count === undefined ? shown : letter.repeat(Number(count))
  }

  const directories: string[] = []
  afterAll(() => {
    for (const directory of directories) rmSync(directory, { recursive: true, force: true })
  })

  /** A directory with the example's log.id, and a function that puts a segment there. */
  function newLog(): { directory: string; put: (bytes: Buffer) => void } {
    const directory = newDirectory()
    writeFileSync(join(directory, 'log.id'), identity)
    return { directory, put: (bytes) => writeFileSync(join(directory, '0000000000000001.wal'), bytes) }
  }

  function newDirectory(): string {
    const directory = mkdtempSync(join(tmpdir(), 'ingest-wal-format-'))
    directories.push(directory)
    return directory
  }

  async function nativeEntries(directory: string): Promise<DecodedEntry[]> {
    const entries: DecodedEntry[] = []
    for await (const entry of readLog(directory)) entries.push(decodedOf(entry))
    return entries
  }

  function decodedOf({ segment: _, payload, ...rest }: Entry): DecodedEntry {
    return { ...rest, payload: Buffer.from(payload).toString() }
  }

  /** The example's log.id with a segment, read as the page says. */
  function readSegment(bytes: Buffer, logId: Buffer = identity): Verdict {
    return readLogFiles(new Map([['log.id', logId], ['0000000000000001.wal', bytes]]))
  }

  /** The records as the page lists them. */
  function outlineOf({ records }: Verdict): string[] {
    const markNames = ['', 'batch mark', 'idle mark', 'first seal', 'second seal']
    const listed = records.map((record) => {
      const name = record.kind === 'mark' ? (markNames[record.markKind] as string) : record.kind
      return `0x${record.offset.toString(16)} ${name}`
    })
    return ['0x0000 header copy 0', '0x1000 header copy 1', ...listed]
  }

  it('is decoded by a reader made from the tables to the entries listed under it', () => {
    expect(readSegment(segment).entries).toEqual(documented)
    const listed = tableRows('Worked example', 'Offset', 'Record').map((row) => `${row['Offset']} ${row['Record']}`)
    expect(outlineOf(readSegment(segment))).toEqual(listed)
  })

  it('is decoded by the native reader to the same entries, and is a clean log', async () => {
    const { directory, put } = newLog()
    put(segment)
    expect(await nativeEntries(directory)).toEqual(documented)
    const scan = await scanLog(directory)
    expect(scan).toMatchObject({ damage: [], tornTail: null, lastLsn: 4, provenLsn: 4, entries: 4 })
    expect(scan.segments).toMatchObject([{ number: 1, state: 'sealed', fileBytes: segment.length, batches: 1 }])
    expect(identity.subarray(16, 32).toString('hex')).toBe(scan.logId)
    expect(section('Worked example')).toContain(scan.logId)
  })

  it('has the checksums that the page computes step by step', () => {
    const rows = tableRows('Worked example', 'Value', 'Result')
    const shown = Object.fromEntries(rows.map((row) => [row['Value'] as string, Number(row['Result'])]))
    const seed = crc(0, u64(load(segment, headerLayout, 'salt'), load(segment, headerLayout, 'number')))
    const placeOf = (at: number): number => crc(seed, u64(BigInt(at)))
    const [short, user, full] = [0x2048, 0x2030, 0x20e0] as const
    expect(shown).toEqual({
      'segment seed': seed,
      place: placeOf(short),
      'body checksum': crc(0, segment.subarray(short + 12, short + 32)),
      'header checksum': crc(crc(placeOf(short), segment.subarray(short + 8, short + 32)), segment.subarray(short, short + 4)),
      'user check': crc(0, Buffer.from('user-1')) & 0xffff,
      checksum: crc(placeOf(user), segment.subarray(user + 8, user + 24)),
      'user id checksum': crc(0, Buffer.from(userIdOf('300 x'))),
      'body checksum of the entry': crc(crc(0, segment.subarray(full + 8, full + 32)), segment.subarray(full + 36, full + 368)),
      'header checksum of the entry': crc(placeOf(full), segment.subarray(full + 8, full + 36))
    })
    for (const field of ['body checksum', 'header checksum']) {
      expect(Number(load(segment, shortLayout, field, short)), field).toBe(shown[field])
      expect(Number(load(segment, entryLayout, field, full)), field).toBe(shown[`${field} of the entry`])
    }
    expect(Number(load(segment, shortLayout, 'facts', short) >> 48n)).toBe(shown['user check'])
    expect(Number(load(segment, userLayout, 'checksum', user))).toBe(shown['checksum'])
    expect(Number(load(segment, entryLayout, 'user id checksum', full))).toBe(shown['user id checksum'])
    expect(crc(0, Buffer.from('123456789'))).toBe(0xe3069283)
    const ofIdentity = crc(crc(0, identity.subarray(0, 12)), identity.subarray(16))
    expect(identity.readUInt32LE(offsetOf(layoutOf('log.id'), 'checksum'))).toBe(ofIdentity)
  })

  it('comes back alike from both readers whichever byte is damaged: at most one entry is lost', async () => {
    const { directory, put } = newLog()
    const headers = [0, constant('header::kCopyBytes')].map((base) => [base, base + constant('header::kUsedBytes')])
    for (const [from, end] of [...headers, [constant('kSegmentDataAt'), segment.length]] as Array<[number, number]>) {
      for (let offset = from; offset < end; offset++) {
        const damaged = Buffer.from(segment)
        damaged.writeUInt8(damaged.readUInt8(offset) ^ (1 << offset % 8), offset)
        put(damaged)
        const expected = readSegment(damaged).entries
        expect(await nativeEntries(directory), `byte ${offset}`).toEqual(expected)
        expect(expected.length, `byte ${offset}`).toBeGreaterThanOrEqual(documented.length - 1)
      }
    }
  })

  it('comes back alike from both readers wherever the file is cut: a prefix', async () => {
    const { directory, put } = newLog()
    for (let size = constant('kSegmentDataAt') - 1; size < segment.length; size++) {
      const cut = segment.subarray(0, size)
      put(cut)
      const expected = readSegment(cut).entries
      expect(await nativeEntries(directory), `${size} bytes`).toEqual(expected)
      expect(expected, `${size} bytes`).toEqual(documented.slice(0, expected.length))
    }
  })

  it('is what the program above it writes today, but for ids, salt and times', async () => {
    const directory = newDirectory()
    // No batch may fall due between two of the appends.
    const wal = await Wal.open({ directory, batchIntervalMs: 3_600_000 })
    for (const { operation, userId, payload, sequence } of documented) {
      wal.append(operation as Entry['operation'], userId, payload === '' ? null : Buffer.from(payload), sequence)
    }
    await wal.durable()
    await wal.close()
    const written = readFileSync(join(directory, '0000000000000001.wal'))
    const verdict = readSegment(written, readFileSync(join(directory, 'log.id')))
    const timeless = (entries: DecodedEntry[]): DecodedEntry[] => entries.map((entry) => ({ ...entry, timestamp: 0 }))
    expect(timeless(verdict.entries)).toEqual(timeless(documented))
    expect(outlineOf(verdict)).toEqual(outlineOf(readSegment(segment)))
    expect(written.length).toBe(segment.length)
    for (const field of ['version', 'number', 'first LSN', 'previous LSN', 'previous checksum', 'planned bytes']) {
      expect(load(written, headerLayout, field), field).toBe(load(segment, headerLayout, field))
    }
  })
})
