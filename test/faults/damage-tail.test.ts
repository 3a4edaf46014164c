/**
 * Proves how a log's end is judged. Cut at every length, the newest segment gives back a prefix, `verify` exits with 0 and
 * names the torn tail: what a cut leaves never contradicts itself, because a mark only proves what lies before it. What
 * later bytes do prove is damage, not a tail: a segment that another one follows, and bits flipped before the last mark.
 *
 * A bit flipped in a segment that was not closed, behind everything that is proven durable, cannot be told from a write
 * that a power cut left half done. There the promise is a prefix: nothing wrong, and nothing behind a hole.
 *
 * Bits are flipped in every third byte here: each byte of a closed log has its turn in damage-bits.test.ts.
 */
import { copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { scanLog } from '../../lib/index.js'
import { closedLog, segmentFiles, unclosedLog } from '../support/logs.js'
import { lookAtWhole, placesIn, type WholeLog } from '../support/one-bit.js'
import { FIRST_RECORD_AT, MARK_BYTES } from '../support/record.js'
import { cutToEach, flipEachBit, lookAt, missingFrom, range, type Outcome } from '../support/sweep.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

// Tens of thousands of logs are looked at; a busy machine takes its time.
vi.setConfig({ testTimeout: 900_000 })
const newDirectory = temporaryDirectories()
const SEGMENT = '0000000000000001.wal'
const ENTRIES = 200
const SMALL = { segmentBytes: 65_536 }

/** How many entries came back; throws unless they are the first ones, unchanged. */
function prefixLength(whole: WholeLog, outcome: Outcome, what: string): number {
  const missing = missingFrom(whole.delivered, outcome.delivered)
  if (missing.some((lsn, index) => lsn !== ENTRIES - missing.length + 1 + index)) {
    throw new Error(`${what}: no prefix, LSN ${missing.join(', ')} are missing\n${outcome.text}`)
  }
  return ENTRIES - missing.length
}

/** How many entries a file of `length` bytes holds whole. */
function wholeEntries(whole: WholeLog, length: number): number {
  let count = 0
  while (count < ENTRIES && endOf(whole, count + 1) <= length) count++
  return count
}

function endOf(whole: WholeLog, lsn: number): number {
  let end = whole.offsetOf(lsn)
  while (whole.lsnAt(end) === lsn) end++
  return end
}

function expectTornTail(whole: WholeLog, outcome: Outcome, length: number): void {
  const torn = /^torn tail: (\S+) at offset (\d+), /m.exec(outcome.text)
  if (outcome.exitCode !== 0 || torn?.[1] !== SEGMENT || Number(torn[2]) > length) {
    throw new Error(`cut to ${length}: exit ${outcome.exitCode}, no torn tail named\n${outcome.text}`)
  }
  const came = prefixLength(whole, outcome, `cut to ${length}`)
  if (came !== wholeEntries(whole, length)) throw new Error(`cut to ${length}: ${came} entries came back\n${outcome.text}`)
}

/** A log as a power cut leaves it. Returns when the mark behind the last batch is in the file, which proves all of it. */
async function provenUnclosedLog(): Promise<{ directory: string; whole: WholeLog; markAt: number }> {
  const directory = newDirectory()
  await unclosedLog(
    directory,
    newDirectory(),
    async (recorder, wal) => {
      await recorder.measurements(ENTRIES, 50)
      const file = join(wal.directory, SEGMENT)
      while ((await scanLog(file)).provenLsn < ENTRIES) await new Promise((resolve) => setTimeout(resolve, 5))
    },
    SMALL
  )
  const whole = await lookAtWhole(directory, SEGMENT)
  return { directory, whole, markAt: endOf(whole, ENTRIES) }
}

describe('cut at every length', () => {
  it('a log that was closed: a prefix, the torn tail named, exit 0', async () => {
    const logDirectory = newDirectory()
    await closedLog(logDirectory, (recorder) => recorder.measurements(ENTRIES, 50))
    const whole = await lookAtWhole(logDirectory, SEGMENT)
    const target = { logDirectory, file: SEGMENT, newDirectory }
    await cutToEach(target, range(0, whole.bytes.byteLength), (outcome, length) => expectTornTail(whole, outcome, length))
  })

  it('a log that was not: the same, and in the reserved space behind its end as well', async () => {
    const { directory, whole, markAt } = await provenUnclosedLog()
    const target = { logDirectory: directory, file: SEGMENT, newDirectory }
    const lengths = [...range(0, markAt + 2 * MARK_BYTES), ...range(markAt + 2 * MARK_BYTES, whole.bytes.byteLength, 509)]
    await cutToEach(target, lengths, (outcome, length) => expectTornTail(whole, outcome, length))
  })

  it('not cut at all, it is whole and clean', async () => {
    const { directory, whole } = await provenUnclosedLog()
    const outcome = await lookAt(directory)
    expect(outcome.exitCode).toBe(0)
    expect(outcome.text).not.toContain('torn')
    expect(prefixLength(whole, outcome, 'uncut')).toBe(ENTRIES)
  })
})

describe('a segment that another one follows', () => {
  it('cut at any length is damage: its successor proves what it held', async () => {
    const logDirectory = newDirectory()
    await closedLog(logDirectory, (recorder) => recorder.measurements(900, 300), SMALL)
    const [first, second] = segmentFiles(logDirectory)
    expect([first, second]).toEqual([SEGMENT, '0000000000000002.wal'])
    const { segments } = await scanLog(logDirectory)
    const held = segments[0]?.lastLsn ?? 0
    expect(held).toBeGreaterThan(100)
    const size = statSync(join(logDirectory, SEGMENT)).size
    const directory = newDirectory()
    for (const file of [SEGMENT, '0000000000000002.wal', 'log.id']) copyFileSync(join(logDirectory, file), join(directory, file))
    const bytes = readFileSync(join(logDirectory, SEGMENT))
    for (const length of [...range(0, size - MARK_BYTES, 997), size - 2 * MARK_BYTES - 1]) {
      writeFileSync(join(directory, SEGMENT), bytes.subarray(0, length))
      const scan = await scanLog(directory)
      const lost = scan.damage.filter(({ lastLsn }) => lastLsn !== 0)
      expect(scan.tornTail, `cut to ${length}`).toBeNull()
      expect(lost.map(({ file, lastLsn }) => ({ file, lastLsn })), `cut to ${length}`).toEqual([{ file: SEGMENT, lastLsn: held }])
    }
  })
})

describe('one flipped bit in a log that was not closed', () => {
  it('before its last mark: as in one that was, but for a mark that proves nothing any more', async () => {
    const { directory, whole, markAt } = await provenUnclosedLog()
    const target = { logDirectory: directory, file: SEGMENT, newDirectory }
    await flipEachBit(target, range(FIRST_RECORD_AT, markAt, 3), (outcome, offset, bit) => {
      const lost = whole.lsnAt(offset)
      const missing = missingFrom(whole.delivered, outcome.delivered)
      const named = placesIn(outcome.text).some(({ firstByte, lastByte, firstLsn, lastLsn }) =>
        firstByte <= offset && offset <= lastByte && firstLsn === lost && lastLsn === lost)
      if (!named || outcome.exitCode !== 1 || missing.join() !== (lost === 0 ? '' : String(lost))) {
        throw new Error(`bit ${bit} of byte ${offset}: exit ${outcome.exitCode}, missing ${missing.join()}\n${outcome.text}`)
      }
    })
  })

  it('in or behind the last mark: nothing is lost, nothing is delivered that was not appended', async () => {
    const { directory, whole, markAt } = await provenUnclosedLog()
    const target = { logDirectory: directory, file: SEGMENT, newDirectory }
    const offsets = [...range(markAt, markAt + 3 * MARK_BYTES), ...range(markAt + 3 * MARK_BYTES, whole.bytes.byteLength, 211)]
    await flipEachBit(target, offsets, (outcome, offset, bit) => {
      if (prefixLength(whole, outcome, `bit ${bit} of byte ${offset}`) !== ENTRIES || outcome.exitCode !== 0) {
        throw new Error(`bit ${bit} of byte ${offset}: exit ${outcome.exitCode}\n${outcome.text}`)
      }
    })
  })

  it('in the last batch, with nothing behind it that proves it: a prefix, told as a torn tail', async () => {
    const { directory, whole, markAt } = await provenUnclosedLog()
    const file = join(directory, SEGMENT)
    writeFileSync(file, Buffer.concat([whole.bytes.subarray(0, markAt), Buffer.alloc(whole.bytes.byteLength - markAt)]))
    expect((await scanLog(directory)).provenLsn).toBe(ENTRIES - 50)
    const target = { logDirectory: directory, file: SEGMENT, newDirectory }
    await flipEachBit(target, range(whole.offsetOf(ENTRIES - 49), markAt, 3), (outcome, offset, bit) => {
      const came = prefixLength(whole, outcome, `bit ${bit} of byte ${offset}`)
      if (outcome.exitCode !== 0 || !outcome.text.includes(`torn tail: ${SEGMENT} at offset `) || came !== whole.lsnAt(offset) - 1) {
        throw new Error(`bit ${bit} of byte ${offset}: exit ${outcome.exitCode}, ${came} entries\n${outcome.text}`)
      }
    })
  })
})
