/** Pulls a native reader, chunk by chunk. */
import { setImmediate } from 'node:timers/promises'
import type { NativeChunk, NativeReader, NativeReadOptions } from '../../binding.js'
import { throwIfAborted } from '../errors.js'
import { fromNative } from '../native.js'
import { NativeEntryChunk, ReaderUsers } from './entry-chunk.js'
import type { ChunksOptions, EntryChunk } from './types.js'

export type EntryFilter = Pick<ChunksOptions, 'userId' | 'operations' | 'signal' | 'onDamage' | 'reuse'>

/** What the native reader is asked for. */
export function nativeReadOptions(options: Pick<ChunksOptions, 'fromLsn' | 'live' | 'throughSegment'>): NativeReadOptions {
  return {
    fromLsn: options.fromLsn ?? 1,
    live: options.live ?? false,
    throughSegment: options.throughSegment ?? 0
  }
}

/**
 * The chunks of the reader that `open` gives, which is asked for one with the first pull. It reads on meanwhile, on another
 * thread, some chunks ahead. Closes the reader at the end, on an error, and when the caller stops early.
 */
export async function* chunksOf(
  open: () => NativeReader | Promise<NativeReader>,
  filter: EntryFilter
): AsyncGenerator<EntryChunk, void, undefined> {
  const { userId, signal } = filter
  const operations = filter.operations === undefined ? undefined : new Set<number>(filter.operations)
  const users = new ReaderUsers()
  let reader: NativeReader | undefined
  /** The chunk that the caller had last, where its memory may be used again. */
  let spare: NativeChunk | undefined
  try {
    throwIfAborted(signal)
    reader = await open()
    for (;;) {
      const read = await reader.next(spare)
      throwIfAborted(signal)
      if (read === null) return
      if (filter.reuse === true) spare = read
      if (filter.onDamage !== undefined) for (const stretch of read.damage) filter.onDamage(stretch)
      const chunk = new NativeEntryChunk(read, users.with(read), { userId, operations })
      if (chunk.length > 0) yield chunk
      // The next chunk may be there already: others on this event loop have their turn all the same.
      await setImmediate()
      throwIfAborted(signal)
    }
  } catch (error) {
    throw fromNative(error)
  } finally {
    // When this is over, no thread reads the log any more.
    await reader?.close()
  }
}
