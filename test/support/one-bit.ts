/** The promise about a single damaged bit of a closed log, checked against what the whole log says. */
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Operation } from '../../lib/index.js'
import { native } from '../../lib/native.js'
import type { Fill } from './logs.js'
import { recordsIn, UNNUMBERED_USER, type RecordForm, type RecordPlace } from './record.js'
import { deliveredBy, missingFrom, type Delivered, type Outcome } from './sweep.js'

export interface WholeLog {
  file: string
  bytes: Buffer
  delivered: Delivered
  /** All records of the segment, in their order. */
  records: RecordPlace[]
  /** LSN of the entry whose record holds the byte at `offset`, 0 when none does: in headers, marks and user records. */
  lsnAt(offset: number): number
  offsetOf(lsn: number): number
  /** The offset behind the entry's record. */
  endOf(lsn: number): number
  copyTo(directory: string): void
}

/**
 * `count` entries in batches of `batch`, with every kind of record that a segment can hold: each batch begins with an
 * entry in full and one of a user who is new, so that first and second copies of user records stand in all of them;
 * third copies stand before later batches and before the seal.
 */
export function inEveryForm(count: number, batch: number): Fill {
  return async (recorder) => {
    for (let done = 0; done < count; done += batch) {
      recorder.append(Operation.ADD_MEASUREMENT, UNNUMBERED_USER, `full ${done}`, done + 1)
      recorder.append(Operation.ADD_MEASUREMENT, `new-${done}`, `new ${done}`, done + 1)
      await recorder.measurements(batch - 2)
    }
  }
}

/** What there is to compare with: the only segment of an undamaged log whose LSNs begin with 1. */
export async function lookAtWhole(directory: string, file: string): Promise<WholeLog> {
  const bytes = readFileSync(join(directory, file))
  const delivered = await deliveredBy(directory)
  const records = recordsIn(bytes)
  const entries = records.filter(({ form }) => form === 'entry' || form === 'short entry')
  const owner = new Uint32Array(bytes.byteLength)
  const { columns } = delivered
  const { entryColumns } = native()
  const offsetColumn = entryColumns.indexOf('offset')
  if (columns.length !== entries.length * entryColumns.length) throw new Error(`${entries.length} entries stand in ${file}, other ones are delivered`)
  for (const [index, { offset, end }] of entries.entries()) {
    const row = index * entryColumns.length
    if (columns[row] !== index + 1 || columns[row + offsetColumn] !== offset) {
      throw new Error(`entry ${index + 1} stands at ${offset}; LSN ${columns[row]} is delivered, from ${columns[row + offsetColumn]}`)
    }
    owner.fill(index + 1, offset, end)
  }
  return {
    file,
    bytes,
    delivered,
    records,
    lsnAt: (offset) => owner[offset] as number,
    offsetOf: (lsn) => (entries[lsn - 1] as RecordPlace).offset,
    endOf: (lsn) => (entries[lsn - 1] as RecordPlace).end,
    copyTo: (to) => cpSync(directory, to, { recursive: true })
  }
}

/** How many records of each form there are. */
export function countForms(records: readonly RecordPlace[]): Partial<Record<RecordForm, number>> {
  const counts: Partial<Record<RecordForm, number>> = {}
  for (const { form } of records) counts[form] = (counts[form] ?? 0) + 1
  return counts
}

interface Place {
  file: string
  firstByte: number
  lastByte: number
  firstLsn: number
  lastLsn: number
}

/** The damages that `verify` names, read back from its text. */
export function placesIn(text: string): Place[] {
  const lines = text.matchAll(/^corruption: \S+ in (\S+), bytes (\d+)-(\d+): (?:LSN (\d+)(?:-(\d+))? lost|no entry lost)/gm)
  return [...lines].map(([, file, firstByte, lastByte, firstLsn, lastLsn]) => ({
    file: file as string,
    firstByte: Number(firstByte),
    lastByte: Number(lastByte),
    firstLsn: Number(firstLsn ?? 0),
    lastLsn: Number(lastLsn ?? firstLsn ?? 0)
  }))
}

/**
 * Throws, with bit and offset, unless the outcome is what one flipped bit may cost: the entry that holds it. One in a
 * header, a mark or a copy of a user record costs none, and is named all the same.
 */
export function expectOneBitCostsOneEntry(whole: WholeLog, outcome: Outcome, offset: number, bit: number): void {
  const fail = (why: string): never => {
    throw new Error(`bit ${bit} of byte ${offset} (entry ${whole.lsnAt(offset)}): ${why}\n${outcome.text}`)
  }
  if (outcome.exitCode !== 1) fail(`verify exits with ${outcome.exitCode}`)
  const places = placesIn(outcome.text)
  const place = places.find(({ file, firstByte, lastByte }) => file === whole.file && firstByte <= offset && offset <= lastByte)
  if (places.length !== 1 || place === undefined) return fail('verify does not name the place, and nothing else')
  const lost = whole.lsnAt(offset)
  if (place.firstLsn !== lost || place.lastLsn !== lost) fail(`verify says that LSN ${place.firstLsn} to ${place.lastLsn} are lost`)
  let missing: number[]
  try {
    missing = missingFrom(whole.delivered, outcome.delivered)
  } catch (error) {
    return fail(`wrong content was delivered: ${String(error)}`)
  }
  if (missing.length !== (lost === 0 ? 0 : 1) || (lost !== 0 && missing[0] !== lost)) fail(`not delivered: LSN ${missing.join(', ')}`)
}
