/**
 * Proves that a record inside a payload is never taken for one of the log, whatever bit of the entry around it is
 * damaged: whole entries and marks copied out of the live log, and forged ones with an LSN that would fit, made with the
 * segment's own salt and number and valid in every way but for the place where they lie. Every bit of the log of 200
 * entries that has such payloads is flipped.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, it, vi } from 'vitest'
import { Operation, readLog } from '../../lib/index.js'
import { closedLog, contentOf, type Appended, type Fill } from '../support/logs.js'
import { expectOneBitCostsOneEntry, lookAtWhole, type WholeLog } from '../support/one-bit.js'
import { alignmentBefore, entryRecordAt, FIRST_RECORD_AT, forgeEntry, forgeMark, MARK_BYTES, MARK_MAGIC } from '../support/record.js'
import { flipEachBit, range } from '../support/sweep.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

// Tens of thousands of logs are looked at; a busy machine takes its time.
vi.setConfig({ testTimeout: 900_000 })
const newDirectory = temporaryDirectories()
const SEGMENT = '0000000000000001.wal'
const PLAIN_BEFORE = 160
const EMBEDDING = 24
const PLAIN_BEHIND = 16
const SEAL_SECOND = 4
const FAR_AHEAD = 1_000_000

let logDirectory: string
let appended: Appended[]
let whole: WholeLog

/** What the payload of entry `lsn` hides. `copied` and `at`: an entry of the log, and where it lies. */
type Hidden = (lsn: number, copied: Buffer, at: number, segment: Buffer) => Buffer

function firstMark(segment: Buffer): Buffer {
  return Buffer.from(segment.subarray(FIRST_RECORD_AT, FIRST_RECORD_AT + MARK_BYTES))
}

const HIDDEN: readonly Hidden[] = [
  // Copied out of the live log.
  (_lsn, copied) => copied,
  (_lsn, _copied, _at, segment) => firstMark(segment),
  // Forged: the LSN of the entry that hides it, the next one, one far ahead, a seal that claims entries far ahead.
  (lsn, copied, at, segment) => forgeEntry(copied, lsn, segment, at),
  (lsn, copied, at, segment) => forgeEntry(copied, lsn + 1, segment, at),
  (_lsn, copied, at, segment) => forgeEntry(copied, FAR_AHEAD, segment, at),
  (_lsn, _copied, _at, segment) => forgeMark(firstMark(segment), FAR_AHEAD, SEAL_SECOND, segment, FIRST_RECORD_AT)
]

const fill: Fill = async (recorder, wal) => {
  await recorder.measurements(PLAIN_BEFORE, 40)
  const segment = readFileSync(join(wal.directory, SEGMENT))
  expect(segment.readUInt32LE(FIRST_RECORD_AT)).toBe(MARK_MAGIC)
  const offsets: number[] = []
  for await (const { offset } of readLog(wal.directory)) offsets.push(offset)
  for (let made = 0; made < EMBEDDING; made++) {
    const lsn = recorder.appended.length + 1
    const at = offsets[made * 5] as number
    const record = (HIDDEN[made % HIDDEN.length] as Hidden)(lsn, entryRecordAt(segment, at), at, segment)
    const userId = `user-${made}`
    recorder.append(Operation.ADD_MEASUREMENT, userId, Buffer.concat([alignmentBefore(userId), record, Buffer.from('tail')]))
  }
  await recorder.measurements(PLAIN_BEHIND)
}

beforeAll(async () => {
  logDirectory = newDirectory()
  appended = await closedLog(logDirectory, fill)
  whole = await lookAtWhole(logDirectory, SEGMENT)
})

it('undamaged, the log delivers what was appended, hidden records as payloads', async () => {
  const entries = []
  for await (const entry of readLog(logDirectory)) entries.push(contentOf(entry))
  expect(entries).toEqual(appended.map(contentOf))
  expect(entries).toHaveLength(PLAIN_BEFORE + EMBEDDING + PLAIN_BEHIND)
})

it('the hidden records are sound: each is accepted in the place that it was made for', () => {
  const segment = readFileSync(join(logDirectory, SEGMENT))
  const at = whole.offsetOf(1)
  expect(forgeEntry(entryRecordAt(segment, at), 1, segment, at)).toEqual(entryRecordAt(segment, at))
  const mark = firstMark(segment)
  expect(forgeMark(mark, 0, mark.readUInt8(40), segment, FIRST_RECORD_AT)).toEqual(mark)
})

it('each bit of each byte of that log: at most the entry that holds it is lost, no hidden record comes back', async () => {
  const target = { logDirectory, file: SEGMENT, newDirectory }
  const flipped = await flipEachBit(target, range(0, whole.bytes.byteLength), (outcome, offset, bit) =>
    expectOneBitCostsOneEntry(whole, outcome, offset, bit)
  )
  expect(flipped).toBe(whole.bytes.byteLength * 8)
})
