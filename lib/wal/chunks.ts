/** Pulls a native reader, chunk by chunk, one chunk ahead of whoever reads. */
import type { NativeChunk, NativeReader } from '../../binding.js'
import { throwIfAborted } from '../errors.js'
import { fromNative } from '../native.js'
import { NativeEntryChunk, ReaderUsers } from './entry-chunk.js'
import type { ChunksOptions, EntryChunk } from './types.js'

export type EntryFilter = Pick<ChunksOptions, 'userId' | 'operations' | 'signal' | 'onDamage' | 'reuse'>

/**
 * The chunks of the reader that `open` gives, which is asked for one with the first pull. The next chunk is read on another
 * thread meanwhile, so two are in memory. Closes the reader at the end, on an error, and when the caller stops early.
 */
export async function* chunksOf(
  open: () => NativeReader | Promise<NativeReader>,
  filter: EntryFilter
): AsyncGenerator<EntryChunk, void, undefined> {
  const { userId, signal } = filter
  const operations = filter.operations === undefined ? undefined : new Set<number>(filter.operations)
  const users = new ReaderUsers()
  let reader: NativeReader | undefined
  let ahead: ReturnType<NativeReader['next']> | undefined
  /** The chunk that the caller had last, where its memory may be used again. */
  let spare: NativeChunk | undefined
  try {
    throwIfAborted(signal)
    reader = await open()
    ahead = reader.next()
    for (;;) {
      const read = await ahead
      throwIfAborted(signal)
      if (read === null) return
      ahead = reader.next(spare)
      if (filter.reuse === true) spare = read
      // Its failure is told when its turn comes, or not at all when nobody comes to ask.
      ahead.catch(() => undefined)
      if (filter.onDamage !== undefined) for (const stretch of read.damage) filter.onDamage(stretch)
      const chunk = new NativeEntryChunk(read, users.with(read), { userId, operations })
      if (chunk.length > 0) yield chunk
      throwIfAborted(signal)
    }
  } catch (error) {
    throw fromNative(error)
  } finally {
    reader?.close()
    // When this is over, no thread reads the log any more.
    await ahead?.catch(() => undefined)
  }
}
