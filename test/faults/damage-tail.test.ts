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
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { scanLog } from '../../lib/index.js'
import { closedLog, segmentFiles, unclosedLog } from '../support/logs.js'
import { inEveryForm, lookAtWhole, placesIn, type WholeLog } from '../support/one-bit.js'
import { FIRST_RECORD_AT, MARK_BYTES, recordsIn } from '../support/record.js'
import { cutToEach, flipEachBit, lookAt, missingFrom, range, type Outcome } from '../support/sweep.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

// Tens of thousands of logs are looked at; a busy machine takes its time.
vi.setConfig({ testTimeout: 900_000 })
const newDirectory = temporaryDirectories()
const SEGMENT = '0000000000000001.wal'
const ENTRIES = 200
const BATCH = 50
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
  while (count < ENTRIES && whole.endOf(count + 1) <= length) count++
  return count
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
      await inEveryForm(ENTRIES, BATCH)(recorder, wal)
      const file = join(wal.directory, SEGMENT)
      while ((await scanLog(file)).provenLsn < ENTRIES) await new Promise((resolve) => setTimeout(resolve, 5))
    },
    SMALL
  )
  const whole = await lookAtWhole(directory, SEGMENT)
  // Behind the last entry stand copies of its batch's user records; the idle mark is behind those.
  const mark = whole.records.find(({ form, offset }) => form === 'mark' && offset >= whole.endOf(ENTRIES))
  if (mark === undefined) throw new Error('no mark stands behind the last batch')
  return { directory, whole, markAt: mark.offset }
}

describe('cut at every length', () => {
  it('a log that was closed: a prefix, the torn tail named, exit 0', async () => {
    const logDirectory = newDirectory()
    await closedLog(logDirectory, inEveryForm(ENTRIES, BATCH))
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
    await closedLog(logDirectory, (recorder) => recorder.measurements(1800, 300), SMALL)
    const [first, second] = segmentFiles(logDirectory)
    expect([first, second]).toEqual([SEGMENT, '0000000000000002.wal'])
    const { segments } = await scanLog(logDirectory)
    const held = segments[0]?.lastLsn ?? 0
    expect(held).toBeGreaterThan(100)
    const directory = newDirectory()
    for (const file of [SEGMENT, '0000000000000002.wal', 'log.id']) copyFileSync(join(logDirectory, file), join(directory, file))
    const bytes = readFileSync(join(logDirectory, SEGMENT))
    const lastEntry = recordsIn(bytes).findLast(({ form }) => form === 'short entry')
    const end = lastEntry?.end ?? 0
    expect(end).toBeGreaterThan(FIRST_RECORD_AT)
    for (const length of [...range(0, end, 997), end - 1]) {
      writeFileSync(join(directory, SEGMENT), bytes.subarray(0, length))
      const scan = await scanLog(directory)
      const lost = scan.damage.filter(({ lastLsn }) => lastLsn !== 0)
      expect(scan.tornTail, `cut to ${length}`).toBeNull()
      expect(lost.map(({ file, lastLsn }) => ({ file, lastLsn })), `cut to ${length}`).toEqual([{ file: SEGMENT, lastLsn: held }])
    }
  })
})

describe('one flipped bit in a log that was not closed', () => {
  it('up to its last entry: as in one that was, but for a mark that proves nothing any more', async () => {
    const { directory, whole } = await provenUnclosedLog()
    const target = { logDirectory: directory, file: SEGMENT, newDirectory }
    await flipEachBit(target, range(FIRST_RECORD_AT, whole.endOf(ENTRIES), 3), (outcome, offset, bit) => {
      const lost = whole.lsnAt(offset)
      const missing = missingFrom(whole.delivered, outcome.delivered)
      const named = placesIn(outcome.text).some(({ firstByte, lastByte, firstLsn, lastLsn }) =>
        firstByte <= offset && offset <= lastByte && firstLsn === lost && lastLsn === lost)
      if (!named || outcome.exitCode !== 1 || missing.join() !== (lost === 0 ? '' : String(lost))) {
        throw new Error(`bit ${bit} of byte ${offset}: exit ${outcome.exitCode}, missing ${missing.join()}\n${outcome.text}`)
      }
    })
  })

  // A hole is judged by the entries before and behind it. No entry stands behind these copies, so they are told as a tail,
  // although the mark behind them shows that they were synced. Nothing is lost with them: the first copies are sound.
  it('in the copies of user records behind the last entry: nothing is lost, the place is named as a torn tail', async () => {
    const { directory, whole, markAt } = await provenUnclosedLog()
    const target = { logDirectory: directory, file: SEGMENT, newDirectory }
    expect(markAt).toBeGreaterThan(whole.endOf(ENTRIES))
    await flipEachBit(target, range(whole.endOf(ENTRIES), markAt), (outcome, offset, bit) => {
      const copy = whole.records.find(({ end }) => offset < end)
      const named = outcome.text.includes(`torn tail: ${SEGMENT} at offset ${copy?.offset}, `)
      if (prefixLength(whole, outcome, `bit ${bit} of byte ${offset}`) !== ENTRIES || outcome.exitCode !== 0 || !named) {
        throw new Error(`bit ${bit} of byte ${offset}: exit ${outcome.exitCode}\n${outcome.text}`)
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
    expect((await scanLog(directory)).provenLsn).toBe(ENTRIES - BATCH)
    const batchAt = whole.endOf(ENTRIES - BATCH)
    const target = { logDirectory: directory, file: SEGMENT, newDirectory }
    await flipEachBit(target, range(batchAt, markAt, 3), (outcome, offset, bit) => {
      const lost = whole.lsnAt(offset)
      const came = prefixLength(whole, outcome, `bit ${bit} of byte ${offset}`)
      // A mark or a copy of a user record holds no entry, so the prefix is all of them. The tail is torn at such a
      // record only where no entry follows: what stands before an entry that comes back is not cut.
      const torn = outcome.text.includes(`torn tail: ${SEGMENT} at offset `)
      const expectTorn = lost !== 0 || offset >= whole.endOf(ENTRIES)
      if (outcome.exitCode !== 0 || torn !== expectTorn || came !== (lost === 0 ? ENTRIES : lost - 1)) {
        throw new Error(`bit ${bit} of byte ${offset}: exit ${outcome.exitCode}, ${came} entries\n${outcome.text}`)
      }
    })
  })
})
