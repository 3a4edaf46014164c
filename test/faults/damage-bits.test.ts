/**
 * Proves, bit by bit over the whole of a log of 200 entries, that no damage is delivered as good and that none costs
 * more than it touches: for each of the 8 bits of each byte of the segment and of log.id, `verify` exits with 1 and names
 * file, byte range and LSN, exactly the entry that holds the bit is lost, and all others come back unchanged.
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
import { expectOneBitCostsOneEntry, lookAtWhole, type WholeLog } from '../support/one-bit.js'
import { deliveredBy, flipEachBit, lookAt, missingFrom, range } from '../support/sweep.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const newDirectory = temporaryDirectories()
const SEGMENT = '0000000000000001.wal'
const ENTRIES = 200
const IDENTITY_BYTES = 64
// 185,000 logs are looked at: 40 s on two idle cores.
const SWEEP_TIMEOUT_MS = 900_000

let logDirectory: string
let appended: Appended[]
let whole: WholeLog

beforeAll(async () => {
  logDirectory = newDirectory()
  appended = await closedLog(logDirectory, (recorder) => recorder.measurements(ENTRIES, 50))
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

describe('one flipped bit', () => {
  it('each bit of each byte of the segment: detected, placed, and at most one entry lost', { timeout: SWEEP_TIMEOUT_MS }, async () => {
    const target = { logDirectory, file: SEGMENT, newDirectory }
    const flipped = await flipEachBit(target, range(0, whole.bytes.byteLength), (outcome, offset, bit) =>
      expectOneBitCostsOneEntry(whole, outcome, offset, bit)
    )
    expect(flipped).toBe(whole.bytes.byteLength * 8)
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

describe('the command itself, one flipped bit in each field of the format', () => {
  const HEADER_FIELDS = { magic: 0, version: 8, checksum: 12, 'log id': 20, number: 32, salt: 40, 'first LSN': 48, 'previous LSN': 56, 'previous checksum': 64, 'copy number': 68, created: 72, planned: 80, zeros: 2000 }
  const MARK_FIELDS = { magic: 0, checksum: 4, 'next LSN': 8, 'durable LSN': 16, timestamp: 24, 'batch entries': 32, 'batch bytes': 36, kind: 40, zeros: 44 }
  const ENTRY_FIELDS = { magic: 0, 'header checksum': 4, LSN: 8, 'payload size': 16, 'user size': 20, zero: 22, sequence: 24, 'user id checksum': 28, 'body checksum': 32, timestamp: 36, 'user id': 44, operation: 50, payload: 51 }

  const places = [
    ...[0, 4096].flatMap((copy) => Object.entries(HEADER_FIELDS).map(([field, at]) => ({ place: `header copy ${copy / 4096}, ${field}`, at: () => copy + at }))),
    ...Object.entries(MARK_FIELDS).map(([field, at]) => ({ place: `batch mark, ${field}`, at: () => 8192 + at })),
    ...Object.entries(ENTRY_FIELDS).map(([field, at]) => ({ place: `entry 77, ${field}`, at: () => whole.offsetOf(77) + at })),
    { place: 'entry 77, footer', at: () => whole.offsetOf(78) - 2 },
    ...[96, 48].flatMap((fromEnd) => Object.entries(MARK_FIELDS).map(([field, at]) => ({ place: `seal mark ${fromEnd} from the end, ${field}`, at: () => whole.bytes.byteLength - fromEnd + at })))
  ]

  it.each(places)('$place', async ({ at }) => {
    const directory = newDirectory()
    const offset = at()
    whole.copyTo(directory)
    flipBit(join(directory, SEGMENT), offset, 3)
    const { code, stdout, stderr } = await runCli(['verify', directory])
    expect(stderr).toBe('')
    expectOneBitCostsOneEntry(whole, { exitCode: code ?? -1, text: stdout, delivered: await deliveredBy(directory) }, offset, 3)
  })
})
