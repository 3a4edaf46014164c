/**
 * Proves that a file with a compressed segment's name is read in bounded memory whatever it holds: what inflates to gigabytes, what
 * says that it does, rows of empty members, members of somebody else, garbage behind, and a file cut anywhere. Each is damage of that
 * file alone, and what the other files hold comes back. Memory is bounded by the process's peak, which only grows.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateRawSync, gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import { Operation, readLog, scanLog } from '../../lib/index.js'
import { compressSegment } from '../../lib/maintenance/compression.js'
import { segmentName } from '../../lib/maintenance/files.js'
import { closedLog } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const MIB = 1 << 20
const MOST_MORE_BYTES = 64 * MIB
const FIRST = segmentName(1)
const LAST_OF_FIRST = 2000

const temporaryDirectory = temporaryDirectories()
let directory: string
/** Segment 1, compressed; segment 2 is plain. */
let file: string
let sound: Buffer

beforeAll(async () => {
  directory = join(temporaryDirectory(), 'log')
  for (let life = 0; life < 2; life++) {
    await closedLog(directory, async (_, wal) => {
      for (let count = 0; count < LAST_OF_FIRST; count++) wal.append(Operation.ADD_MEASUREMENT, `user-${count % 7}`, Buffer.from(`value ${count} `.repeat(5)))
      await wal.durable()
    })
  }
  file = join(directory, `${FIRST}.gz`)
  await compressSegment({ directory, segment: 1, retire: () => rmSync(join(directory, FIRST)) })
  sound = readFileSync(file)
})

/** One member in the way of compressed segments, of these deflated bytes, that says what it likes of its content. */
function member(deflated: Buffer, contentBytes: number): Buffer {
  const header = Buffer.from('1f8b080400000000 00ff 0600 42430200 0000'.replaceAll(' ', ''), 'hex')
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(contentBytes, 4)
  const whole = Buffer.concat([header, deflated, trailer])
  whole.writeUInt16LE(whole.length - 1, 16)
  return whole
}

const EMPTY = member(Buffer.from('0300', 'hex'), 0)

function peakBytes(): number {
  return process.resourceUsage().maxRSS * 1024
}

/** What becomes of the log with these bytes in place of segment 1. */
async function withFile(bytes: Buffer): Promise<{ kinds: string[]; lsns: number[]; moreBytes: number }> {
  writeFileSync(file, bytes)
  const before = peakBytes()
  const { damage } = await scanLog(directory)
  const lsns: number[] = []
  for await (const { lsn } of readLog(directory)) lsns.push(lsn)
  return { kinds: [...new Set(damage.map(({ kind }) => kind))], lsns, moreBytes: peakBytes() - before }
}

function expectOnlyFirstLost({ kinds, lsns, moreBytes }: Awaited<ReturnType<typeof withFile>>, kind: string): void {
  expect(kinds).toEqual([kind])
  expect(lsns).toEqual(Array.from({ length: LAST_OF_FIRST }, (_, index) => LAST_OF_FIRST + 1 + index))
  expect(moreBytes).toBeLessThan(MOST_MORE_BYTES)
}

describe('a file under a compressed segment’s name that', () => {
  test('inflates to four gigabytes, as gzip makes them, is no compressed segment', async () => {
    const part = gzipSync(Buffer.alloc(32 * MIB))
    expectOnlyFirstLost(await withFile(Buffer.concat(Array.from({ length: 128 }, () => part))), 'not_a_file')
  })

  test.each([60_000, 60_000_000, 0xffffffff])('has blocks of which each inflates to 60 MB and says %d', async (said) => {
    const bomb = member(deflateRawSync(Buffer.alloc(60_000_000)), said)
    expect(bomb.length).toBeLessThan(65_536)
    const damagedHeader = Buffer.from(EMPTY).fill(0, 0, 1)
    // The last one must be inflated to tell whether its size is right: what follows it has no header.
    const bytes = Buffer.concat([...Array.from({ length: 40 }, () => bomb), damagedHeader, bomb, EMPTY])
    expectOnlyFirstLost(await withFile(bytes), 'segment_header')
  })

  test('has a hundred thousand empty members is no compressed segment', async () => {
    expectOnlyFirstLost(await withFile(Buffer.concat(Array.from({ length: 100_000 }, () => EMPTY))), 'not_a_file')
  })

  test('is all headers, and never ends where the next one stands', async () => {
    const header = EMPTY.subarray(0, 18)
    expectOnlyFirstLost(await withFile(Buffer.concat(Array.from({ length: 200_000 }, () => header))), 'not_a_file')
  })

  test('has another log’s members behind its own, or garbage, keeps its entries', async () => {
    for (const behind of [EMPTY, sound.subarray(0, sound.readUInt16LE(16) + 1), Buffer.alloc(100_000), Buffer.alloc(100_000, 0x1f), gzipSync('more')]) {
      const { lsns, kinds, moreBytes } = await withFile(Buffer.concat([sound, behind]))
      expect(lsns).toHaveLength(2 * LAST_OF_FIRST)
      expect(kinds).toEqual(['compressed_parity'])
      expect(moreBytes).toBeLessThan(MOST_MORE_BYTES)
    }
  })

  test('is cut anywhere loses what is behind the cut and no other entry, and tells of it', async () => {
    const whole = Array.from({ length: LAST_OF_FIRST }, (_, index) => index + 1)
    for (let left = sound.length - 1; left >= 0; left -= Math.ceil(sound.length / 60)) {
      const { lsns, kinds } = await withFile(sound.subarray(0, left))
      const ofFirst = lsns.filter((lsn) => lsn <= LAST_OF_FIRST)
      expect(ofFirst, `${left} bytes left`).toEqual(whole.slice(0, ofFirst.length))
      expect(lsns.length - ofFirst.length, `${left} bytes left`).toBe(LAST_OF_FIRST)
      expect(kinds.length, `${left} bytes left`).toBeGreaterThan(0)
    }
  })
})
