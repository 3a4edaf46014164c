/**
 * What the reader made from docs/format.md says of a log's files, and what the native one says of them: the same, or one of the two
 * is wrong. Besides: dice for what is done to the files.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readLog, scanLog, WalError } from '../../lib/index.js'
import { readLogFiles, type Verdict } from './format-log-reader.js'
import { NewerVersion } from './format-segment-reader.js'

export type Files = Map<string, Buffer>
/** A whole number from 0 to `below` - 1. */
export type Dice = (below: number) => number

export function diceOf(seed: number): Dice {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

export const REFUSED = 'of a newer version'
export type Outcome = Omit<Verdict, 'records' | 'history'> | typeof REFUSED

export function pageOutcome(files: Files): Outcome {
  try {
    const { records: _, history: __, ...verdict } = readLogFiles(files)
    return verdict
  } catch (error) {
    if (error instanceof NewerVersion) return REFUSED
    throw error
  }
}

export async function nativeOutcome(directory: string): Promise<Outcome> {
  try {
    return await nativeVerdict(directory)
  } catch (error) {
    if (error instanceof WalError && error.code === 'ERR_WAL_FORMAT_VERSION') return REFUSED
    throw error
  }
}

async function nativeVerdict(directory: string): Promise<Outcome> {
  const scan = await scanLog(directory)
  const entries: Verdict['entries'] = []
  for await (const { segment: _, payload, ...entry } of readLog(directory)) {
    entries.push({ ...entry, payload: Buffer.from(payload).toString() })
  }
  const damage = scan.damage.map(({ kind, firstLsn, lastLsn, file, offset, endOffset, users }) => {
    return { kind, firstLsn, lastLsn, file, offset, endOffset, users }
  })
  const { tornTail, provenLsn, lastLsn } = scan
  const torn = tornTail === null ? undefined : { file: tornTail.file, offset: tornTail.offset, bytes: tornTail.bytes, entries: tornTail.entries }
  return { entries, provenLsn, lastLsn, damage, tornTail: torn }
}

/** A directory that holds these files and no others. */
export function writeFiles(directory: string, files: Files): void {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory)
  for (const [file, bytes] of files) writeFileSync(join(directory, file), bytes)
}

/** Another bit in one byte. */
export function damageBytes(bytes: Buffer, at: number, dice: Dice): void {
  bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << dice(8)), at)
}
