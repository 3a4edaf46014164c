/** Native chunks to entries: the one place that knows the columns. */
import type { NativeChunk, NativeReader } from '../../binding.js'
import { throwIfAborted } from '../errors.js'
import { fromNative, native } from '../native.js'
import type { EntriesOptions, Entry, Operation } from './types.js'

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
/** Distinct user ids remembered while reading, so that each is decoded once, not once an entry. */
const MAX_REMEMBERED_USERS = 100_000

export type EntryFilter = Pick<EntriesOptions, 'userId' | 'operations' | 'signal' | 'onDamage'>

/** Pulls `reader` dry. Closes it at the end, on an error, and when the caller stops early. */
export async function* entriesOf(reader: NativeReader, filter: EntryFilter): AsyncGenerator<Entry, void, undefined> {
  const users = new Map<string, string>()
  try {
    for (;;) {
      throwIfAborted(filter.signal)
      const chunk = await reader.next()
      if (chunk === null) return
      const damage = chunk.damage
      if (filter.onDamage !== undefined) for (const stretch of damage) filter.onDamage(stretch)
      yield* entriesOfChunk(chunk, filter, users)
    }
  } catch (error) {
    throw fromNative(error)
  } finally {
    reader.close()
  }
}

function* entriesOfChunk(chunk: NativeChunk, filter: EntryFilter, users: Map<string, string>): Generator<Entry> {
  const stride = native().entryColumns.length
  const { columns, bytes } = chunk
  const wanted = filter.operations === undefined ? undefined : new Set<number>(filter.operations)
  for (let at = 0; at < columns.length; at += stride) {
    const operation = columns[at + 2] as Operation
    if (wanted !== undefined && !wanted.has(operation)) continue
    const userAt = columns[at + 6] as number
    const userId = userOf(bytes.subarray(userAt, userAt + (columns[at + 7] as number)), users)
    if (filter.userId !== undefined && userId !== filter.userId) continue
    const payloadAt = columns[at + 8] as number
    yield {
      lsn: columns[at] as number,
      timestamp: columns[at + 1] as number,
      operation,
      userId,
      payload: bytes.slice(payloadAt, payloadAt + (columns[at + 9] as number)),
      sequence: columns[at + 3] as number,
      segment: columns[at + 4] as number,
      offset: columns[at + 5] as number
    }
  }
}

function userOf(bytes: Uint8Array, users: Map<string, string>): string {
  const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  const known = users.get(key)
  if (known !== undefined) return known
  const userId = decoder.decode(bytes)
  if (users.size >= MAX_REMEMBERED_USERS) users.clear()
  users.set(key, userId)
  return userId
}
