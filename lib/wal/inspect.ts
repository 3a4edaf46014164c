/** Looking at a log from outside: read-only, without its lock, beside a live writer too. */
import type { NativeScan } from '../../binding.js'
import { fromNative, native } from '../native.js'
import { chunksOf, nativeReadOptions, type EntryFilter } from './chunks.js'
import { entriesOf } from './entries.js'
import type { ChunksOptions, Entry, EntryChunk } from './types.js'

export type LogScan = NativeScan

/**
 * Checks every byte of a log's directory, or of one segment or checkpoint.
 * Throws `ERR_WAL_NOT_FOUND`, `ERR_WAL_NOT_A_LOG`, `ERR_WAL_FORMAT_VERSION`, `ERR_WAL_PERMISSION`, `ERR_WAL_IO`.
 */
export async function scanLog(path: string): Promise<LogScan> {
  try {
    return await native().scan(path)
  } catch (error) {
    throw fromNative(error)
  }
}

export interface ReadLogOptions extends Omit<EntryFilter, 'reuse'>, Pick<ChunksOptions, 'live' | 'throughSegment'> {
  /** First LSN to yield (1). */
  fromLsn?: number
}

/**
 * The entries of a log's directory (what a live writer has staged included), or of one segment or checkpoint, in LSN order.
 * An entry of a checkpoint is given where its segment is gone.
 */
export function readLog(path: string, options: ReadLogOptions = {}): AsyncGenerator<Entry, void, undefined> {
  return entriesOf(readLogChunks(path, options))
}

/** The same in chunks: several times as fast, with no object for each entry. */
export function readLogChunks(path: string, options: ReadLogOptions & Pick<ChunksOptions, 'reuse'> = {}): AsyncGenerator<EntryChunk, void, undefined> {
  return chunksOf(() => native().read(path, nativeReadOptions(options)), options)
}
