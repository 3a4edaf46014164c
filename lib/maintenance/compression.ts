/**
 * Compresses a complete segment. Each step is durable before the next is taken, and all may be cut short and taken again:
 *
 *   N.wal ──> N.wal.gz.tmp, synced ──> read back and compared ──> N.wal.gz ──> only then the plain file goes
 *
 * Off the event loop: zlib's and the file system's threads do the work, of which at most two blocks are under way. Memory: these,
 * and what reads back, well below 1 MiB.
 */
import { createReadStream } from 'node:fs'
import { open, rename, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { createGunzip } from 'node:zlib'
import type { NativeScan } from '../../binding.js'
import { throwIfAborted, WalError } from '../errors.js'
import { native } from '../native.js'
import { scanLog } from '../wal/inspect.js'
import { blockMember, Parities } from './compressed-members.js'
import { listLogFiles, segmentName, syncDirectory, type LogFiles } from './files.js'
import type { MaintenanceJob } from './scheduler.js'

/** Each is behind what is done by then, and durable. */
export type CompressionStep = 'written' | 'verified' | 'named' | 'given up'

export interface CompressionRequest {
  directory: string
  segment: number
  /** Gives up the plain file. */
  retire: (segment: number) => void
  signal?: AbortSignal
  onStep?: (step: CompressionStep) => void
}

export interface CompressionResult {
  segment: number
  /** Sizes of the plain and of the compressed file. */
  plainBytes: number
  compressedBytes: number
  /** False: the compressed one would have been no smaller, and the segment was left as it is. */
  compressed: boolean
}

const BLOCKS_UNDER_WAY = 2

/**
 * Compresses one complete segment, and gives its plain file up when the compressed one is whole on stable storage. Throws
 * `ERR_WAL_ABORTED`, `ERR_WAL_CORRUPT` when what was read back is not what was written, and what the system says; the plain file
 * is there then, and nothing else.
 */
export async function compressSegment(request: CompressionRequest): Promise<CompressionResult> {
  const { directory, segment, retire, signal, onStep } = request
  const plain = join(directory, segmentName(segment))
  const compressed = `${plain}.gz`
  const temporary = `${compressed}.tmp`
  try {
    const result = await writeCompressed(plain, temporary, segment, signal)
    if (!result.compressed) return result
    onStep?.('written')
    await compareContent(plain, temporary, signal)
    await compareScans(plain, temporary)
    onStep?.('verified')
    throwIfAborted(signal)
    await rename(temporary, compressed)
    await syncDirectory(directory)
    onStep?.('named')
    retire(segment)
    onStep?.('given up')
    return result
  } finally {
    await rm(temporary, { force: true })
  }
}

async function writeCompressed(plain: string, temporary: string, segment: number, signal?: AbortSignal): Promise<CompressionResult> {
  const from = await open(plain, 'r')
  try {
    const plainBytes = (await from.stat()).size
    await rm(temporary, { force: true })
    const to = await open(temporary, 'wx', 0o600)
    try {
      const compressedBytes = await writeMembers(from, plainBytes, to, signal)
      await to.sync()
      return { segment, plainBytes, compressedBytes, compressed: compressedBytes < plainBytes }
    } finally {
      await to.close()
    }
  } finally {
    await from.close()
  }
}

/** Resolves with the size; less than all is written when that is no smaller than the plain file. */
async function writeMembers(from: FileHandle, plainBytes: number, to: FileHandle, signal?: AbortSignal): Promise<number> {
  const layout = native().compressedLayout
  const { blockBytes } = layout
  const parities = new Parities(layout)
  const underWay: Array<Promise<{ block: Buffer; contentBytes: number }>> = []
  let written = 0
  const take = async (): Promise<void> => {
    const { block, contentBytes } = await (underWay.shift() as (typeof underWay)[number])
    parities.add(block, contentBytes)
    written += await writeAll(to, block, written)
  }
  try {
    for (let at = 0; at < plainBytes && written < plainBytes; at += blockBytes) {
      throwIfAborted(signal)
      const content = await readExactly(from, at, Math.min(blockBytes, plainBytes - at))
      const made = blockMember(layout, content).then((block) => ({ block, contentBytes: content.length }))
      made.catch(() => undefined) // seen when its turn comes
      underWay.push(made)
      if (underWay.length === BLOCKS_UNDER_WAY) await take()
    }
    while (underWay.length > 0) await take()
  } finally {
    await Promise.allSettled(underWay)
  }
  return written < plainBytes ? written + (await writeAll(to, await parities.members(), written)) : written
}

async function writeAll(to: FileHandle, bytes: Buffer, position: number): Promise<number> {
  for (let done = 0; done < bytes.length; ) done += (await to.write(bytes, done, bytes.length - done, position + done)).bytesWritten
  return bytes.length
}

async function readExactly(from: FileHandle, position: number, count: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(count)
  for (let done = 0; done < count; ) {
    const { bytesRead } = await from.read(bytes, done, count - done, position + done)
    if (bytesRead === 0) throw new WalError('ERR_WAL_CORRUPT', 'a segment became shorter while it was compressed')
    done += bytesRead
  }
  return bytes
}

/** Every byte, as zlib makes it of the compressed file. */
async function compareContent(plain: string, temporary: string, signal?: AbortSignal): Promise<void> {
  const from = await open(plain, 'r')
  const content = createReadStream(temporary).pipe(createGunzip())
  try {
    let at = 0
    for await (const part of content as AsyncIterable<Buffer>) {
      throwIfAborted(signal)
      if (!part.equals(await readExactly(from, at, part.length))) throw different(temporary, `at offset ${at}`)
      at += part.length
    }
    if (at !== (await from.stat()).size) throw different(temporary, `it ends at offset ${at}`)
  } catch (cause) {
    if (cause instanceof WalError) throw cause
    throw new WalError('ERR_WAL_CORRUPT', `${temporary} cannot be read back: ${(cause as Error).message}`, { cause })
  } finally {
    content.destroy()
    await from.close()
  }
}

/** What the log's own readers make of both: the same, without a damaged block or parity. */
async function compareScans(plain: string, temporary: string): Promise<void> {
  const [before, after] = [outlineOf(await scanLog(plain)), outlineOf(await scanLog(temporary))]
  if (before !== after) throw different(temporary, `${after} instead of ${before}`)
}

function outlineOf({ segments, damage, entries, lastLsn, provenLsn }: NativeScan): string {
  const places = damage.map(({ kind, offset, endOffset, firstLsn, lastLsn: last }) => [kind, offset, endOffset, firstLsn, last])
  const { number, endOffset, batches } = segments[0] as NativeScan['segments'][number]
  return JSON.stringify({ number, endOffset, batches, entries, lastLsn, provenLsn, places })
}

function different(file: string, where: string): WalError {
  return new WalError('ERR_WAL_CORRUPT', `${file} does not hold what it was made of: ${where}`)
}

/**
 * Which segments are to be compressed, the oldest first: those up to `completeThrough` that have a plain file, but for `except`.
 * Pure.
 */
export function segmentsToCompress({ segments }: LogFiles, completeThrough: number, except: ReadonlySet<number>): number[] {
  return segments
    .filter(({ number, names }) => number <= completeThrough && !except.has(number) && names.includes(segmentName(number)))
    .map(({ number }) => number)
}

/** What compression needs of the log. */
export interface CompressibleLog {
  readonly directory: string
  completeThrough(): number
  retireUncompressed(segment: number): void
  /** Segments that are about to go: compressing them is in vain. */
  aboutToGo(): ReadonlySet<number>
  /** False: something matters more, and the rest is done later. */
  mayGoOn(): boolean
}

/** Compresses every complete segment but the newest, one after the other, the oldest first. */
export class CompressionJob implements MaintenanceJob {
  readonly name = 'compression'
  readonly #log: CompressibleLog
  readonly #onStep: ((step: CompressionStep) => void) | undefined
  /** Those that this process has seen to: their plain files wait to be filled again, or are no larger than compressed. */
  readonly #done = new Set<number>()
  #doneThrough = 0

  constructor(log: CompressibleLog, onStep?: (step: CompressionStep) => void) {
    this.#log = log
    this.#onStep = onStep
  }

  isDue(): boolean {
    return this.#through > this.#doneThrough && this.#log.mayGoOn()
  }

  /** The last one that was completed waits for the next: it may be read right away, and who compresses it takes time from the writer. */
  get #through(): number {
    return this.#log.completeThrough() - 1
  }

  async run(signal: AbortSignal): Promise<void> {
    const { directory } = this.#log
    const through = this.#through
    const files = await listLogFiles(directory)
    const there = new Set(files.segments.map(({ number }) => number))
    for (const number of this.#done) if (!there.has(number)) this.#done.delete(number)
    for (const segment of segmentsToCompress(files, through, new Set([...this.#done, ...this.#log.aboutToGo()]))) {
      const step = this.#onStep === undefined ? {} : { onStep: this.#onStep }
      await compressSegment({ directory, segment, retire: (number) => this.#log.retireUncompressed(number), signal, ...step })
      this.#done.add(segment)
      if (!this.#log.mayGoOn()) return
    }
    this.#doneThrough = through
  }
}
