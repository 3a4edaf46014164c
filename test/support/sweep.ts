/** Tries one damage after another on copies of a log, a few at a time, and compares what comes back. */
import { closeSync, cpSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Output } from '../../lib/cli/output.js'
import { verify } from '../../lib/cli/verify.js'
import { native } from '../../lib/native.js'

/** Entries as the native reader gives them: rows of `entryColumns`, the bytes that they point into, and the users. */
export interface Delivered {
  columns: Float64Array
  bytes: Buffer
  users: readonly string[]
}

/** What one damaged log answers. */
export interface Outcome {
  /** What `verify` answers and says. */
  exitCode: number
  text: string
  delivered: Delivered
}

const LANES = 4
const NOTHING: Delivered = { columns: new Float64Array(), bytes: Buffer.alloc(0), users: [] }

/** Everything that the log at `path` delivers. It must be small enough for one chunk. */
export async function deliveredBy(path: string): Promise<Delivered> {
  const reader = await native().read(path)
  try {
    let delivered = NOTHING
    for (let chunk = await reader.next(); chunk !== null; chunk = await reader.next()) {
      if (chunk.columns.length === 0) continue
      if (delivered !== NOTHING) throw new Error('the log of a sweep must fit into one chunk')
      const { buffer, byteOffset, byteLength } = chunk.bytes
      delivered = { columns: chunk.columns, bytes: Buffer.from(buffer, byteOffset, byteLength), users: chunk.users }
    }
    return delivered
  } finally {
    await reader.close()
  }
}

/** `verify PATH`, the command's own code, and a read of everything. */
export async function lookAt(path: string): Promise<Outcome> {
  let text = ''
  const output: Output = {
    write: (piece) => {
      text += piece
      return Promise.resolve()
    },
    flush: () => Promise.resolve(),
    note: (line) => void (text += `${line}\n`),
    style: (_, piece) => piece,
    noteStyle: (_, piece) => piece,
    columns: undefined
  }
  const exitCode = await verify(path, { format: 'table' }, { output, signal: new AbortController().signal })
  return { exitCode, text, delivered: await deliveredBy(path) }
}

/**
 * LSNs of `whole` that `delivered` lacks. Throws when it holds anything else: an entry that is not in `whole`, or one
 * that differs in any column or byte, or that comes out of order.
 */
export function missingFrom(whole: Delivered, delivered: Delivered): number[] {
  const stride = native().entryColumns.length
  const [user, payloadAt, payloadBytes] = ['user', 'payloadAt', 'payloadBytes'].map((name) => columnOf(name)) as [number, number, number]
  const missing: number[] = []
  let runStart = 0
  let runShift = 0
  let at = 0
  const { columns, bytes } = delivered
  const endOf = (from: Delivered, row: number) => (from.columns[row + payloadAt] as number) + (from.columns[row + payloadBytes] as number)
  const userOf = (from: Delivered, row: number) => from.users[from.columns[row + user] as number]
  const checkRun = (end: number) => {
    if (end === runStart) return
    const [start, stop] = [columns[runStart + payloadAt] as number, endOf(delivered, end - stride)]
    if (bytes.compare(whole.bytes, start + runShift, stop + runShift, start, stop) !== 0) {
      throw new Error(`LSN ${columns[runStart]} to ${columns[end - stride]}: content differs`)
    }
  }
  for (let row = 0; row < whole.columns.length; row += stride) {
    if (at >= columns.length || columns[at] !== whole.columns[row]) {
      checkRun(at)
      runStart = at
      missing.push(whole.columns[row] as number)
      continue
    }
    if (at === runStart) runShift = (whole.columns[row + payloadAt] as number) - (columns[at + payloadAt] as number)
    if (userOf(delivered, at) !== userOf(whole, row)) throw new Error(`LSN ${columns[at]}: its user is ${userOf(delivered, at)}`)
    for (let column = 0; column < stride; column++) {
      const shift = column === payloadAt ? runShift : 0
      if (column !== user && (columns[at + column] as number) + shift !== whole.columns[row + column]) {
        throw new Error(`LSN ${columns[at]}: ${native().entryColumns[column]} is ${columns[at + column]}`)
      }
    }
    at += stride
  }
  checkRun(at)
  if (at < columns.length) throw new Error(`LSN ${columns[at]} at offset ${columns[at + columnOf('offset')]} was never appended`)
  return missing
}

function columnOf(name: string): number {
  const column = native().entryColumns.indexOf(name)
  if (column < 0) throw new Error(`there is no column ${name}`)
  return column
}

/** A copy of a log that is damaged and put right again, over and over. */
class Lane {
  readonly path: string
  readonly #descriptor: number
  readonly #original: Buffer

  constructor(logDirectory: string, directory: string, file: string) {
    cpSync(logDirectory, directory, { recursive: true })
    this.path = directory
    this.#original = readFileSync(join(directory, file))
    this.#descriptor = openSync(join(directory, file), 'r+')
  }

  async withBitFlipped(offset: number, bit: number): Promise<Outcome> {
    const byte = this.#original.subarray(offset, offset + 1)
    writeSync(this.#descriptor, Uint8Array.of((byte[0] as number) ^ (1 << bit)), 0, 1, offset)
    const outcome = await lookAt(this.path)
    writeSync(this.#descriptor, byte, 0, 1, offset)
    return outcome
  }

  async cutTo(bytes: number): Promise<Outcome> {
    ftruncateSync(this.#descriptor, bytes)
    const outcome = await lookAt(this.path)
    writeSync(this.#descriptor, this.#original, bytes, this.#original.byteLength - bytes, bytes)
    return outcome
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}

export interface SweepTarget {
  /** The log, whole. It is copied, never touched. */
  logDirectory: string
  /** File of it that is damaged. */
  file: string
  newDirectory: () => string
}

async function inLanes(target: SweepTarget, count: number, visit: (lane: Lane, index: number) => Promise<void>): Promise<void> {
  const lanes = Array.from({ length: LANES }, () => new Lane(target.logDirectory, target.newDirectory(), target.file))
  let failures: unknown[] = []
  const work = lanes.map(async (lane, first) => {
    for (let index = first; index < count && failures.length === 0; index += LANES) await visit(lane, index)
  })
  // No lane's file may be closed while it is still at work: its descriptor would be another file's by then.
  await Promise.all(work.map((lane) => lane.catch((error: unknown) => (failures = [...failures, error]))))
  for (const lane of lanes) lane.close()
  if (failures.length > 0) throw failures[0]
}

/** Flips `bits` (each of the 8) of each of the bytes at `offsets` in turn. Returns how many were flipped. */
export async function flipEachBit(
  target: SweepTarget,
  offsets: readonly number[],
  check: (outcome: Outcome, offset: number, bit: number) => void,
  bits: (offset: number) => readonly number[] = () => [0, 1, 2, 3, 4, 5, 6, 7]
): Promise<number> {
  let flipped = 0
  await inLanes(target, offsets.length, async (lane, index) => {
    const offset = offsets[index] as number
    for (const bit of bits(offset)) {
      check(await lane.withBitFlipped(offset, bit), offset, bit)
      flipped++
    }
  })
  return flipped
}

/** Cuts the file to each of the `lengths` in turn. */
export async function cutToEach(
  target: SweepTarget,
  lengths: readonly number[],
  check: (outcome: Outcome, length: number) => void
): Promise<void> {
  await inLanes(target, lengths.length, async (lane, index) => {
    const length = lengths[index] as number
    check(await lane.cutTo(length), length)
  })
}

export function range(from: number, end: number, step = 1): number[] {
  return Array.from({ length: Math.max(0, Math.ceil((end - from) / step)) }, (_, index) => from + index * step)
}
