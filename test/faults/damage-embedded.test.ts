/**
 * Proves that a record inside a payload is never taken for one of the log, whatever bit of the entry around it is
 * damaged: whole entries of both forms, user records and marks copied out of the live log, and forged ones with an LSN
 * that would fit or with the number of another user, made with the segment's own salt and number and valid in every way
 * but for the place where they lie. Each is hidden in an entry of each form. Every bit of the log of 200 entries that has
 * such payloads is flipped.
 *
 * One that is valid where it lies as well can be made by whoever reads the segment. It is not delivered either, as long
 * as the header of the entry around it is sound: that alone says where the next record begins.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, it, vi } from 'vitest'
import { Operation, readLog } from '../../lib/index.js'
import { closedLog, contentOf, type Appended, type Fill } from '../support/logs.js'
import { expectOneBitCostsOneEntry, lookAtWhole, type WholeLog } from '../support/one-bit.js'
import {
  alignmentBefore,
  FIRST_RECORD_AT,
  forgeEntry,
  forgeMark,
  forgeUserRecord,
  MARK_BYTES,
  MARK_MAGIC,
  recordsIn,
  UNNUMBERED_USER,
  userRecordAt,
  type RecordForm
} from '../support/record.js'
import { deliveredBy, flipEachBit, missingFrom, range } from '../support/sweep.js'
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

/** What a payload hides is made of an entry of the log, `copied`, which lies at `at`. */
interface Surroundings {
  /** LSN of the entry that hides it. */
  lsn: number
  copied: Buffer
  at: number
  segment: Buffer
  /** Number of the user who comes next. */
  nextUser: number
}
type Hidden = (around: Surroundings) => Buffer

function recordAt(segment: Buffer, at: number): Buffer {
  return Buffer.from(segment.subarray(at, recordsIn(segment).find(({ offset }) => offset === at)?.end))
}

function firstOf(segment: Buffer, wanted: RecordForm): number {
  return recordsIn(segment).find(({ form }) => form === wanted)?.offset ?? Number.NaN
}

function firstMark(segment: Buffer): Buffer {
  return Buffer.from(segment.subarray(FIRST_RECORD_AT, FIRST_RECORD_AT + MARK_BYTES))
}

/** Hidden once for each form that `copied` can have. */
const OF_AN_ENTRY: readonly Hidden[] = [
  // Copied out of the live log.
  ({ copied }) => copied,
  // Forged: the LSN of the entry that hides it, the next one, one far ahead.
  ({ lsn, copied, at, segment }) => forgeEntry(copied, lsn, segment, at),
  ({ lsn, copied, at, segment }) => forgeEntry(copied, lsn + 1, segment, at),
  ({ copied, at, segment }) => forgeEntry(copied, FAR_AHEAD, segment, at)
]
const OF_NO_ENTRY: readonly Hidden[] = [
  ({ segment }) => firstMark(segment),
  // Forged: a seal that claims entries far ahead.
  ({ segment }) => forgeMark(firstMark(segment), FAR_AHEAD, SEAL_SECOND, segment, FIRST_RECORD_AT),
  // A user record copied out of the live log, and one that gives the next user's number to somebody else.
  ({ segment }) => recordAt(segment, firstOf(segment, 'user record')),
  ({ segment, nextUser }) => forgeUserRecord(nextUser, 'somebody', segment, firstOf(segment, 'user record'))
]
const FORMS = ['short entry', 'entry'] as const

/** Everything that is hidden, with the form of the entry that it is made of, in an entry of each form. */
const HIDDEN = FORMS.flatMap((host) => [
  ...OF_AN_ENTRY.flatMap((make) => FORMS.map((form) => ({ host, make, form }))),
  ...OF_NO_ENTRY.map((make) => ({ host, make, form: FORMS[0] }))
])

const fill: Fill = async (recorder, wal) => {
  recorder.append(Operation.ADD_MEASUREMENT, UNNUMBERED_USER, 'in full')
  await recorder.measurements(PLAIN_BEFORE - 1, 40)
  const segment = readFileSync(join(wal.directory, SEGMENT))
  expect(segment.readUInt32LE(FIRST_RECORD_AT)).toBe(MARK_MAGIC)
  const numbers = recordsIn(segment).filter(({ form }) => form === 'user record').map(({ offset }) => userRecordAt(segment, offset).number)
  let nextUser = Math.max(...numbers) + 1
  for (const [made, { host, make, form }] of HIDDEN.entries()) {
    const userId = host === 'entry' ? UNNUMBERED_USER : `host-${made}`
    if (host === 'short entry') nextUser++
    const at = firstOf(segment, form)
    const record = make({ lsn: recorder.appended.length + 1, copied: recordAt(segment, at), at, segment, nextUser })
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
  expect(HIDDEN).toHaveLength(EMBEDDING)
  expect(entries).toHaveLength(PLAIN_BEFORE + EMBEDDING + PLAIN_BEHIND)
})

it('the hidden records are sound: each is accepted in the place that it was made for', () => {
  const segment = whole.bytes
  for (const form of FORMS) {
    const at = firstOf(segment, form)
    expect(forgeEntry(recordAt(segment, at), whole.lsnAt(at), segment, at)).toEqual(recordAt(segment, at))
  }
  const mark = firstMark(segment)
  expect(forgeMark(mark, 0, mark.readUInt8(40), segment, FIRST_RECORD_AT)).toEqual(mark)
  const at = firstOf(segment, 'user record')
  const { number, userId } = userRecordAt(segment, at)
  expect(forgeUserRecord(number, userId, segment, at)).toEqual(recordAt(segment, at))
})

it('each lies where the scanner looks for records, in an entry of the form that it is to be hidden in', () => {
  for (const [index, { host }] of HIDDEN.entries()) {
    const lsn = PLAIN_BEFORE + 1 + index
    const record = whole.records.find(({ offset }) => offset === whole.offsetOf(lsn))
    expect(record?.form).toBe(host)
    const payload = Buffer.from((appended[lsn - 1] as Appended).payload)
    const filler = alignmentBefore(host === 'entry' ? UNNUMBERED_USER : 'host').byteLength
    const at = whole.bytes.indexOf(payload.subarray(filler), whole.offsetOf(lsn))
    expect(at).toBeLessThan(whole.endOf(lsn))
    expect(at % 8).toBe(0)
  }
})

it('each bit of each byte of that log: at most the entry that holds it is lost, no hidden record comes back', async () => {
  const target = { logDirectory, file: SEGMENT, newDirectory }
  const flipped = await flipEachBit(target, range(0, whole.bytes.byteLength), (outcome, offset, bit) =>
    expectOneBitCostsOneEntry(whole, outcome, offset, bit)
  )
  expect(flipped).toBe(whole.bytes.byteLength * 8)
})

it.each(FORMS)('valid where it lies, in an entry of form %s: not delivered, whatever bit behind its header is damaged', async (host) => {
  const lsn = PLAIN_BEFORE + 1 + HIDDEN.findIndex((hidden) => hidden.host === host && hidden.form === 'short entry')
  const directory = newDirectory()
  whole.copyTo(directory)
  const bytes = Buffer.from(whole.bytes)
  const [from, end] = [whole.offsetOf(lsn), whole.endOf(lsn)]
  const original = recordAt(bytes, firstOf(bytes, 'short entry'))
  const at = bytes.indexOf(original, from)
  expect(at).toBeLessThan(end)
  forgeEntry(original, lsn + 1, bytes, at).copy(bytes, at)
  // The entry around it gets checksums for what it holds now.
  forgeEntry(bytes.subarray(from, end), lsn, bytes, from).copy(bytes, from)
  writeFileSync(join(directory, SEGMENT), bytes)
  const changed = await lookAtWhole(directory, SEGMENT)
  expect(missingFrom(changed.delivered, await deliveredBy(directory))).toEqual([])
  const headerBytes = host === 'entry' ? 36 : 32
  await flipEachBit({ logDirectory: directory, file: SEGMENT, newDirectory }, range(from + headerBytes, end), (outcome, offset, bit) =>
    expectOneBitCostsOneEntry(changed, outcome, offset, bit)
  )
})
