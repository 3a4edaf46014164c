/**
 * Proves, byte by byte over the whole of a log of 100 entries, that no damage is delivered as good and that none costs
 * more than it touches: for a bit of each byte of the segment, and each bit of log.id, `verify` exits with 1 and names
 * file, byte range and LSN, exactly the entry that holds the bit is lost, and all others come back unchanged. A bit in a copy of a user record costs
 * no entry: the others still say whose the number is. Entries of both forms and all copies of user records are in the log.
 *
 * Each bit of each byte, of every kind of file: native/test/mixed_damage_test.cc. Here is what a user sees of it.
 *
 * The log was closed, so its seal proves all of it. Cuts, and logs that were not closed: damage-tail.test.ts. Payloads
 * that hold records: damage-embedded.test.ts.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { readLog } from '../../lib/index.js'
import { runCli } from '../support/command-line.js'
import { flipBit } from '../support/damage.js'
import { closedLog, contentOf, type Appended } from '../support/logs.js'
import { countForms, expectOneBitCostsOneEntry, inEveryForm, lookAtWhole, type WholeLog } from '../support/one-bit.js'
import { FIRST_RECORD_AT, userRecordAt } from '../support/record.js'
import { deliveredBy, flipEachBit, lookAt, missingFrom, range } from '../support/sweep.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const newDirectory = temporaryDirectories()
const SEGMENT = '0000000000000001.wal'
const ENTRIES = 100
const BATCH = 25
const FULL = 51
const IDENTITY_BYTES = 64
// 10,000 logs are looked at: a part of the header's bytes, and each of the records'.
const SWEEP_TIMEOUT_MS = 120_000

let logDirectory: string
let appended: Appended[]
let whole: WholeLog

beforeAll(async () => {
  logDirectory = newDirectory()
  appended = await closedLog(logDirectory, inEveryForm(ENTRIES, BATCH))
  whole = await lookAtWhole(logDirectory, SEGMENT)
})

it('undamaged, the log is clean and delivers what was appended', async () => {
  const { exitCode, text, delivered } = await lookAt(logDirectory)
  expect(exitCode).toBe(0)
  expect(text).toContain(`clean: 1 segment, ${ENTRIES} entries`)
  expect(missingFrom(whole.delivered, delivered)).toEqual([])
  const entries = []
  for await (const entry of readLog(logDirectory)) entries.push(contentOf(entry))
  expect(entries).toEqual(appended.map(contentOf))
})

it('it holds entries of both forms, and of each user record three copies', () => {
  const copies: Record<string, number> = {}
  for (const { form, offset } of whole.records) {
    if (form !== 'user record') continue
    const { number, userId } = userRecordAt(whole.bytes, offset)
    copies[`${number}: ${userId}`] = (copies[`${number}: ${userId}`] ?? 0) + 1
  }
  const batches = ENTRIES / BATCH
  const users = 5 + batches
  expect(countForms(whole.records)).toMatchObject({ entry: batches, 'short entry': ENTRIES - batches, 'user record': 3 * users })
  expect(Object.values(copies)).toEqual(Array.from({ length: users }, () => 3))
  expect(whole.records.at(-1)?.end).toBe(whole.bytes.byteLength)
})

describe('one flipped bit', () => {
  it('a bit of each byte of the segment: detected, placed, and at most one entry lost', { timeout: SWEEP_TIMEOUT_MS }, async () => {
    const target = { logDirectory, file: SEGMENT, newDirectory }
    const offsets = [...range(0, FIRST_RECORD_AT, 13), ...range(FIRST_RECORD_AT, whole.bytes.byteLength)]
    const flipped = await flipEachBit(
      target,
      offsets,
      (outcome, offset, bit) => expectOneBitCostsOneEntry(whole, outcome, offset, bit),
      (offset) => [(offset * 3) % 8]
    )
    expect(flipped).toBe(offsets.length)
  })

  it('each bit of each byte of log.id: detected, no entry lost', async () => {
    const target = { logDirectory, file: 'log.id', newDirectory }
    expect(readFileSync(join(logDirectory, 'log.id')).byteLength).toBe(IDENTITY_BYTES)
    await flipEachBit(target, range(0, IDENTITY_BYTES), ({ exitCode, text, delivered }, offset, bit) => {
      if (exitCode !== 1 || !text.includes('corruption: identity in log.id, bytes 0-63: no entry lost')) {
        throw new Error(`bit ${bit} of byte ${offset} of log.id: exit ${exitCode}\n${text}`)
      }
      expect(missingFrom(whole.delivered, delivered)).toEqual([])
    })
  })
})

describe('one flipped bit in each field of the format', () => {
  const HEADER_FIELDS = { magic: 0, version: 8, checksum: 12, 'log id': 20, number: 32, salt: 40, 'first LSN': 48, 'previous LSN': 56, 'previous checksum': 64, 'copy number': 68, created: 72, planned: 80, 'former salt': 88, 'former number': 96, zeros: 2000 }
  const MARK_FIELDS = { magic: 0, checksum: 4, 'next LSN': 8, 'durable LSN': 16, timestamp: 24, 'batch entries': 32, 'batch bytes': 36, kind: 40, zeros: 44 }
  const ENTRY_FIELDS = { magic: 0, 'header checksum': 4, LSN: 8, 'payload size': 16, 'user size': 20, zero: 22, sequence: 24, 'user id checksum': 28, 'body checksum': 32, timestamp: 36, 'user id': 44, operation: 301, payload: 302 }
  const SHORT_FIELDS = { magic: 0, 'payload size': 2, 'header checksum': 4, 'body checksum': 8, 'LSN offset': 12, 'user number': 16, sequence: 20, timestamp: 24, operation: 29, 'user check': 30, payload: 32 }
  const USER_FIELDS = { magic: 0, checksum: 4, number: 8, 'user size': 12, zero: 14, 'user id': 16 }

  /** Where copy 0, 1 or 2 of the first user record stands. */
  function copyOfFirstUser(copy: number): number {
    const copies = whole.records.filter(({ form, offset }) => form === 'user record' && userRecordAt(whole.bytes, offset).number === 1)
    return copies[copy]?.offset ?? Number.NaN
  }

  const places = [
    ...[0, 4096].flatMap((copy) => Object.entries(HEADER_FIELDS).map(([field, at]) => ({ place: `header copy ${copy / 4096}, ${field}`, at: () => copy + at }))),
    ...Object.entries(MARK_FIELDS).map(([field, at]) => ({ place: `batch mark, ${field}`, at: () => FIRST_RECORD_AT + at })),
    ...Object.entries(ENTRY_FIELDS).map(([field, at]) => ({ place: `entry ${FULL}, ${field}`, at: () => whole.offsetOf(FULL) + at })),
    { place: `entry ${FULL}, footer`, at: () => whole.endOf(FULL) - 2 },
    ...Object.entries(SHORT_FIELDS).map(([field, at]) => ({ place: `short entry 77, ${field}`, at: () => whole.offsetOf(77) + at })),
    ...[0, 1, 2].flatMap((copy) => Object.entries(USER_FIELDS).map(([field, at]) => ({ place: `user record, copy ${copy}, ${field}`, at: () => copyOfFirstUser(copy) + at }))),
    ...[96, 48].flatMap((fromEnd) => Object.entries(MARK_FIELDS).map(([field, at]) => ({ place: `seal mark ${fromEnd} from the end, ${field}`, at: () => whole.bytes.byteLength - fromEnd + at })))
  ]

  it.each(places)('$place', async ({ at }) => {
    const directory = newDirectory()
    const offset = at()
    whole.copyTo(directory)
    flipBit(join(directory, SEGMENT), offset, 3)
    expectOneBitCostsOneEntry(whole, await lookAt(directory), offset, 3)
  })

  it('the command itself says the same', async () => {
    const directory = newDirectory()
    const offset = whole.offsetOf(77) + SHORT_FIELDS.payload
    whole.copyTo(directory)
    flipBit(join(directory, SEGMENT), offset, 3)
    const { code, stdout, stderr } = await runCli(['verify', directory])
    expect(stderr).toBe('')
    expectOneBitCostsOneEntry(whole, { exitCode: code ?? -1, text: stdout, delivered: await deliveredBy(directory) }, offset, 3)
  })
})
