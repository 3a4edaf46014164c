/** The figures of a log at a glance, from outside: read-only, without its lock, beside a live writer in another process. */
import { fromNative, native } from '../native.js'
import { WalError, type WalErrorCode } from '../errors.js'
import { freeBytesOf, usedBy } from '../metrics/disk-figures.js'
import { fromNativeHistogram, type HistogramValue } from '../metrics/histogram.js'

/** What the writer of a log has told about itself; of a dead writer, what it told last. */
export interface WriterFigures {
  /** When it began, milliseconds since the Unix epoch; counts and histograms count from then. */
  begun: number
  state: 'ok' | 'degraded' | 'failed' | 'closed'
  /** LSN of the last entry appended. */
  lastLsn: number
  durableLsn: number
  /** Bytes staged in the ring and not durable yet, and the size of the ring. */
  queueBytes: number
  queueCapacityBytes: number
  batches: number
  syncs: number
  writtenBytes: number
  rotations: number
  /** Number of the segment that is written to, and up to where it is durable. */
  segment: number
  segmentOffset: number
  /** Seconds. */
  fsyncDuration: HistogramValue
  flushDuration: HistogramValue
  batchEntries: HistogramValue
  batchBytes: HistogramValue
}

export interface LogFigures {
  /** '' where nothing tells. */
  logId: string
  /** A writer holds the log right now. */
  live: boolean
  /** Compressed ones included. */
  segments: number
  compressedSegments: number
  checkpoints: number
  /** The newest; `created` in milliseconds since the Unix epoch. */
  checkpoint: { number: number; coveredLsn: number; created: number } | null
  /** null: nobody's staging ring is there, or it is another user's, or in the heap of its process. */
  writer: WriterFigures | null
}

/** What the files of a log take, quarantine included, and what their file system has left for it. */
export interface LogDiskUse {
  sizeBytes: number
  freeBytes: number
}

const NANOSECONDS = 1e9

/**
 * What can be seen of a log without reading it: it takes as long as its files have names. `directory` is the log's.
 * Throws `ERR_WAL_NOT_FOUND`, `ERR_WAL_NOT_A_LOG`, `ERR_WAL_INVALID_ARGUMENT` (a file), `ERR_WAL_FORMAT_VERSION`,
 * `ERR_WAL_PERMISSION`, `ERR_WAL_IO`.
 */
export async function logFigures(directory: string): Promise<LogFigures> {
  let seen: Awaited<ReturnType<ReturnType<typeof native>['figures']>>
  try {
    seen = await native().figures(directory)
  } catch (error) {
    throw fromNative(error)
  }
  const { ring, ...files } = seen
  if (ring === null) return { ...files, writer: null }
  const { histograms, ...counted } = ring
  return {
    ...files,
    writer: {
      ...counted,
      fsyncDuration: fromNativeHistogram(histograms.syncNs, NANOSECONDS),
      flushDuration: fromNativeHistogram(histograms.flushNs, NANOSECONDS),
      batchEntries: fromNativeHistogram(histograms.batchEntries),
      batchBytes: fromNativeHistogram(histograms.batchBytes)
    }
  }
}

/** Asks for the size of each file. Throws `ERR_WAL_NOT_FOUND`, `ERR_WAL_PERMISSION`, `ERR_WAL_IO`. */
export async function logDiskUse(directory: string): Promise<LogDiskUse> {
  try {
    const [{ sizeBytes }, freeBytes] = await Promise.all([usedBy(directory), freeBytesOf(directory)])
    return { sizeBytes, freeBytes }
  } catch (cause) {
    const { message, code = '' } = cause as NodeJS.ErrnoException
    throw new WalError(CODES[code] ?? 'ERR_WAL_IO', message, { cause })
  }
}

const CODES: Readonly<Record<string, WalErrorCode>> = {
  ENOENT: 'ERR_WAL_NOT_FOUND',
  EACCES: 'ERR_WAL_PERMISSION',
  EPERM: 'ERR_WAL_PERMISSION'
}
