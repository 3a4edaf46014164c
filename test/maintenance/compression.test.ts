// Proves that a compressed segment is the segment that it was made of, for any gunzip and for the log's own readers; that damage
// costs what it touches beyond repair and is told; that the plain file goes only when the compressed one is whole; and that
// compression may be stopped, or fail, at any point without a trace.
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { Operation, readLog, recover, scanLog, Wal, type Entry, type WalError } from '../../lib/index.js'
import { blockMember, Parities } from '../../lib/maintenance/compressed-members.js'
import { CompressionJob, compressSegment, segmentsToCompress, type CompressionStep } from '../../lib/maintenance/compression.js'
import { segmentName } from '../../lib/maintenance/files.js'
import { native } from '../../lib/native.js'
import { closedLog, contentOf, type Appended } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const temporaryDirectory = temporaryDirectories()
const LAYOUT = native().compressedLayout
const BLOCK_BYTES = LAYOUT.blockBytes
const SEGMENT_BYTES = 400_000
const ENTRIES = 20_000

/** A closed log of several segments, and what was appended. */
async function writtenLog(directory: string, entries = ENTRIES): Promise<Appended[]> {
  const fill = async (recorder: { measurements(count: number, batch: number): Promise<void> }): Promise<void> => recorder.measurements(entries, 500)
  return closedLog(directory, fill, { segmentBytes: SEGMENT_BYTES })
}

function plainFiles(directory: string): string[] {
  return readdirSync(directory).filter((name) => name.endsWith('.wal')).sort()
}

const keep = (): void => undefined

/** Compresses every segment of a closed log. */
async function compressAll(directory: string): Promise<void> {
  for (const name of plainFiles(directory)) {
    await compressSegment({ directory, segment: Number(name.slice(0, 16)), retire: () => rmSync(join(directory, name)) })
  }
}

async function entriesOf(path: string): Promise<Entry[]> {
  const entries: Entry[] = []
  for await (const entry of readLog(path)) entries.push(entry)
  return entries
}

/** Members of a compressed file: where each begins, and the end. */
function membersOf(bytes: Buffer): number[] {
  const members = [0]
  while ((members.at(-1) as number) < bytes.length) {
    const at = members.at(-1) as number
    members.push(at + bytes.readUInt16LE(at + 16) + 1)
  }
  return members
}

describe('a compressed log', () => {
  const directory = join(temporaryDirectory(), 'log')
  let appended: Appended[]
  let plain: Map<string, Buffer>
  beforeAll(async () => {
    appended = await writtenLog(directory)
    plain = new Map(plainFiles(directory).map((name) => [name, readFileSync(join(directory, name))]))
    await compressAll(directory)
  })

  test('is made back by any gunzip, byte for byte', () => {
    expect(plain.size).toBeGreaterThan(2)
    expect(plainFiles(directory)).toEqual([])
    for (const [name, bytes] of plain) {
      const compressed = readFileSync(join(directory, `${name}.gz`))
      expect(gunzipSync(compressed).equals(bytes), name).toBe(true)
      expect(compressed.length).toBeLessThan(bytes.length)
    }
  })

  test('is read, verified and recovered as if it were not', async () => {
    expect((await entriesOf(directory)).map(contentOf)).toEqual(appended.map(contentOf))
    const scan = await scanLog(directory)
    expect(scan).toMatchObject({ entries: ENTRIES, lastLsn: ENTRIES, damage: [], tornTail: null })
    expect(scan.segments.map(({ state, file }) => [state, file])).toEqual([...plain.keys()].map((name) => ['compressed', `${name}.gz`]))
    const copy = join(temporaryDirectory(), 'log')
    mkdirSync(copy)
    for (const name of readdirSync(directory)) if (name !== 'LOCK') copyFileSync(join(directory, name), join(copy, name))
    const wal = await Wal.open({ directory: copy, segmentBytes: SEGMENT_BYTES })
    expect(wal.recovery).toMatchObject({ damage: [], lastLsn: ENTRIES })
    expect(wal.append(Operation.ADD_MEASUREMENT, 'user-1', null)).toBe(ENTRIES + 1)
    expect((await recover(wal)).entries).toBe(ENTRIES + 1)
    await wal.close()
  })

  test('has each of its files read on its own', async () => {
    const [first] = [...plain.keys()] as [string]
    const scan = await scanLog(join(directory, `${first}.gz`))
    expect(scan.segments).toMatchObject([{ number: 1, state: 'compressed' }])
    expect((await entriesOf(join(directory, `${first}.gz`))).map(({ lsn }) => lsn)).toEqual(
      Array.from({ length: scan.entries }, (_, index) => index + 1)
    )
  })

  test('loses nothing by a damaged byte, wherever it is, and tells of it', async () => {
    const file = join(directory, `${[...plain.keys()][0]}.gz`)
    const sound = readFileSync(file)
    const place = fc.tuple(fc.nat(sound.length - 1), fc.integer({ min: 1, max: 255 }))
    await fc.assert(
      fc.asyncProperty(place, async ([at, flip]) => {
        const damaged = Buffer.from(sound)
        damaged[at] = (damaged[at] as number) ^ flip
        writeFileSync(file, damaged)
        const scan = await scanLog(file)
        expect(scan.entries).toBe((await scanOf(sound)).entries)
        expect(scan.damage).toHaveLength(1)
        expect(scan.damage[0]?.kind).toMatch(/^compressed_(block|parity)$/)
        expect(scan.damage[0]).toMatchObject({ firstLsn: 0, lastLsn: 0 })
        expect(at).toBeGreaterThanOrEqual(scan.damage[0]?.offset as number)
        expect(at).toBeLessThan(scan.damage[0]?.endOffset as number)
      }),
      { numRuns: 60 }
    )
    writeFileSync(file, sound)
    async function scanOf(bytes: Buffer): ReturnType<typeof scanLog> {
      const path = join(temporaryDirectory(), 'sound.gz')
      writeFileSync(path, bytes)
      return scanLog(path)
    }
  })

  test('loses by two damaged blocks under one parity exactly the entries that lie in them', async () => {
    const file = join(directory, `${[...plain.keys()][0]}.gz`)
    const sound = readFileSync(file)
    const before = await entriesOf(file)
    const members = membersOf(sound)
    const damaged = Buffer.from(sound)
    for (const block of [1, 3]) damaged[(members[block] as number) + 1000] = (damaged[(members[block] as number) + 1000] as number) ^ 1
    writeFileSync(file, damaged)
    const after = new Set((await entriesOf(file)).map(({ lsn }) => lsn))
    writeFileSync(file, sound)
    const isHit = (offset: number): boolean => [1, 3].includes(Math.floor(offset / BLOCK_BYTES))
    // Records of these entries have 72 bytes at most.
    for (const { lsn, offset } of before) {
      if (isHit(offset)) expect(after.has(lsn), `entry ${lsn} at ${offset}`).toBe(false)
      else if (!isHit(offset + 72)) expect(after.has(lsn), `entry ${lsn} at ${offset}`).toBe(true)
    }
  })
})

describe('compressing a segment', () => {
  async function oneSegment(): Promise<{ directory: string; plain: Buffer; file: string }> {
    const directory = join(temporaryDirectory(), 'log')
    await writtenLog(directory, 6_000)
    const file = join(directory, segmentName(1))
    return { directory, plain: readFileSync(file), file }
  }

  test('gives the plain file up last, each step behind the one before', async () => {
    const { directory, file } = await oneSegment()
    const steps: string[] = []
    const seen = (step: CompressionStep): void => {
      const names = [file, `${file}.gz`, `${file}.gz.tmp`].map((name) => existsSync(name))
      steps.push(`${step} ${names.join(' ')}`)
    }
    await compressSegment({ directory, segment: 1, retire: () => rmSync(file), onStep: seen })
    expect(steps).toEqual(['written true false true', 'verified true false true', 'named true true false', 'given up false true false'])
  })

  test('that is stopped leaves the plain file and nothing else', async () => {
    const { directory, file, plain } = await oneSegment()
    for (const last of [undefined, 'written', 'verified'] as const) {
      const stop = new AbortController()
      if (last === undefined) stop.abort()
      const onStep = (step: CompressionStep): void => {
        if (step === last) stop.abort()
      }
      const stopped = compressSegment({ directory, segment: 1, retire: keep, signal: stop.signal, onStep })
      await expect(stopped).rejects.toMatchObject({ code: 'ERR_WAL_ABORTED' })
      expect(readdirSync(directory).filter((name) => name.includes('.gz'))).toEqual([])
      expect(readFileSync(file).equals(plain)).toBe(true)
    }
  })

  test('is refused when what was stored is not what was written', async () => {
    const { directory, file } = await oneSegment()
    const temporary = `${file}.gz.tmp`
    const size = readFileSync(file).length
    // Every place: blocks (zlib sees them), headers and parities (only the log's reader does).
    for (let at = 0; at < size; at = at * 2 + 5) {
      let isDamaged = false
      const damage = (step: CompressionStep): void => {
        if (step !== 'written') return
        const bytes = readFileSync(temporary)
        if (at >= bytes.length) return
        isDamaged = true
        bytes[bytes.length - 1 - at] = (bytes[bytes.length - 1 - at] as number) ^ 0x10
        writeFileSync(temporary, bytes)
      }
      const compressing = compressSegment({ directory, segment: 1, retire: keep, onStep: damage })
      const code = await compressing.then(() => undefined, (error: unknown) => (error as WalError).code)
      expect(code, `byte ${at} from the end damaged: ${isDamaged}`).toBe(isDamaged ? 'ERR_WAL_CORRUPT' : undefined)
    }
    rmSync(`${file}.gz`, { force: true })
  })

  test('that is no smaller compressed leaves it plain', async () => {
    const directory = join(temporaryDirectory(), 'log')
    const noise = Buffer.from(Array.from({ length: 60_000 }, (_, index) => (Math.imul(index + 1, 2654435761) >>> 13) & 0xff))
    let state = 1
    for (let index = 0; index < noise.length; index++) noise[index] = (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 16
    await closedLog(directory, (recorder) => void recorder.append(Operation.ADD_MEASUREMENT, 'a', noise))
    const retired: number[] = []
    const result = await compressSegment({ directory, segment: 1, retire: (number) => void retired.push(number) })
    expect([result.compressed, retired]).toEqual([false, []])
    expect(readdirSync(directory).filter((name) => name.includes('.gz'))).toEqual([])
  })

  test('begins anew over what a killed process left', async () => {
    const { directory, file, plain } = await oneSegment()
    writeFileSync(`${file}.gz.tmp`, 'half')
    writeFileSync(`${file}.gz`, 'another')
    await compressSegment({ directory, segment: 1, retire: keep })
    expect(gunzipSync(readFileSync(`${file}.gz`)).equals(plain)).toBe(true)
  })
})

describe('the members of a compressed segment', () => {
  test('are one block for each 60,000 bytes, two parities and the end mark, whatever the content', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 * BLOCK_BYTES }), fc.nat(255), async (count, byte) => {
        const content = Buffer.alloc(count, byte)
        const parities = new Parities(LAYOUT)
        const blocks: Buffer[] = []
        for (let at = 0; at < count; at += BLOCK_BYTES) {
          const part = content.subarray(at, at + BLOCK_BYTES)
          const block = await blockMember(LAYOUT, part)
          parities.add(block, part.length)
          blocks.push(block)
        }
        const file = Buffer.concat([...blocks, await parities.members()])
        expect(membersOf(file)).toHaveLength(Math.ceil(count / BLOCK_BYTES) + 4)
        expect(gunzipSync(file).equals(content)).toBe(true)
      }),
      { numRuns: 20 }
    )
  })
})

describe('the job', () => {
  test('takes complete segments that are not about to go, the oldest first, each once', async () => {
    const directory = join(temporaryDirectory(), 'log')
    await writtenLog(directory)
    const count = plainFiles(directory).length
    const retired: number[] = []
    let complete = 0
    const job = new CompressionJob({
      directory,
      completeThrough: () => complete,
      retireUncompressed: (segment) => void retired.push(segment),
      aboutToGo: () => new Set([1]),
      mayGoOn: () => true
    })
    expect(job.isDue()).toBe(false)
    // The newest of them waits for the next.
    complete = count
    expect(job.isDue()).toBe(true)
    await job.run(new AbortController().signal)
    expect(retired).toEqual(Array.from({ length: count - 2 }, (_, index) => index + 2))
    expect(job.isDue()).toBe(false)
    complete = count + 1
    await job.run(new AbortController().signal)
    expect(retired.at(-1)).toBe(count)
    expect(retired).toHaveLength(count - 1)
  })

  test('leaves what is being written, what is compressed only, and what it is told to leave', () => {
    const segments = [
      { number: 1, names: [`${segmentName(1)}.gz`], bytes: 1 },
      { number: 2, names: [segmentName(2), `${segmentName(2)}.gz`], bytes: 1 },
      { number: 3, names: [segmentName(3)], bytes: 1 },
      { number: 4, names: [segmentName(4)], bytes: 1 }
    ]
    expect(segmentsToCompress({ segments, checkpoints: [] }, 3, new Set())).toEqual([2, 3])
    expect(segmentsToCompress({ segments, checkpoints: [] }, 3, new Set([2]))).toEqual([3])
  })
})
