/** The promise about a single damaged bit of a closed log, checked against what the whole log says. */
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { native } from '../../lib/native.js'
import { deliveredBy, missingFrom, type Delivered, type Outcome } from './sweep.js'

export interface WholeLog {
  file: string
  bytes: Buffer
  delivered: Delivered
  /** LSN of the entry whose record holds the byte at `offset`, 0 when none does. */
  lsnAt(offset: number): number
  offsetOf(lsn: number): number
  copyTo(directory: string): void
}

/** What there is to compare with: the only segment of an undamaged log whose LSNs begin with 1. */
export async function lookAtWhole(directory: string, file: string): Promise<WholeLog> {
  const bytes = readFileSync(join(directory, file))
  const delivered = await deliveredBy(directory)
  const owner = new Uint32Array(bytes.byteLength)
  const offsets = new Map<number, number>()
  const { entryColumns, limits } = native()
  const stride = entryColumns.length
  const row = Object.fromEntries(entryColumns.map((name, index) => [name, index])) as Record<string, number>
  const cell = (at: number, name: string) => delivered.columns[at + (row[name] as number)] as number
  for (let at = 0; at < delivered.columns.length; at += stride) {
    const [lsn, offset] = [cell(at, 'lsn'), cell(at, 'offset')]
    // The overhead is an upper bound with one alignment to spare; a record's size is a multiple of 8.
    const userBytes = Buffer.byteLength(delivered.users[cell(at, 'user')] as string)
    const size = Math.floor((userBytes + cell(at, 'payloadBytes') + limits.entryOverheadBytes - 8) / 8) * 8
    owner.fill(lsn, offset, offset + size)
    offsets.set(lsn, offset)
  }
  return {
    file,
    bytes,
    delivered,
    lsnAt: (offset) => owner[offset] as number,
    offsetOf: (lsn) => offsets.get(lsn) as number,
    copyTo: (to) => cpSync(directory, to, { recursive: true })
  }
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

/** Throws, with bit and offset, unless the outcome is what one flipped bit may cost. */
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
