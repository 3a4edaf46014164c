/**
 * Writes the operations of users to a log, each with the user's own running number: after a loss, the numbers prove
 * whose entries are whole. Without a log it writes nothing, and everything else works the same.
 */
import type { EntryLog, Operation } from '../wal/types.js'
import { WalError } from '../errors.js'

/** Running numbers go from 1 to this and begin again; 0 means none. */
const MAX_SEQUENCE = 2 ** 32 - 1

/** The running number `steps` (at least 1) behind `sequence`. */
export function sequenceAfter(sequence: number, steps: number): number {
  return ((sequence + steps - 1) % MAX_SEQUENCE) + 1
}

/** How many running numbers lie between `sequence` and the one that came next. */
export function skippedSequences(sequence: number, next: number): number {
  return (next - sequenceAfter(sequence, 1) + MAX_SEQUENCE) % MAX_SEQUENCE
}

export class Journal {
  readonly #log: EntryLog | undefined
  readonly #sequences = new Map<string, number>()

  constructor(log: EntryLog | undefined) {
    this.#log = log
  }

  get log(): EntryLog | undefined {
    return this.#log
  }

  /** Goes on behind `sequence` for this user. */
  restore(userId: string, sequence: number): void {
    this.#sequences.set(userId, sequence)
  }

  /**
   * Throws `ERR_WAL_BACKPRESSURE` or `ERR_WAL_TOO_LARGE` unless `entries` entries of this user with together
   * `payloadBytes`, the largest of `largestBytes`, would all be accepted now.
   */
  requireRoom(userId: string, entries: number, payloadBytes: number, largestBytes: number): void {
    if (this.#log === undefined) return
    const userIdBytes = Buffer.byteLength(userId)
    if (userIdBytes + largestBytes > this.#log.maxEntryBytes) {
      throw new WalError(
        'ERR_WAL_TOO_LARGE',
        `an entry of ${userIdBytes} bytes of user id and ${largestBytes} bytes of payload is too large; allowed: together ` +
          `${this.#log.maxEntryBytes} bytes`
      )
    }
    if (this.#log.hasRoom(entries, entries * userIdBytes + payloadBytes)) return
    throw new WalError('ERR_WAL_BACKPRESSURE', 'the staging ring is full; nothing was changed: await drained() and try again')
  }

  /** Logs one operation. Returns its LSN, 0 without a log. Throws what `append` throws, with nothing changed. */
  write(operation: Operation, userId: string, payload: Uint8Array): number {
    if (this.#log === undefined) return 0
    const sequence = sequenceAfter(this.#sequences.get(userId) ?? 0, 1)
    const lsn = this.#log.append(operation, userId, payload, sequence)
    this.#sequences.set(userId, sequence)
    return lsn
  }

  /** Like `write`, but waits for room in the ring instead of refusing. */
  async writeWhenRoom(operation: Operation, userId: string, payload: () => Uint8Array): Promise<number> {
    for (;;) {
      try {
        return this.write(operation, userId, payload())
      } catch (error) {
        if (!(error instanceof WalError) || error.code !== 'ERR_WAL_BACKPRESSURE' || this.#log === undefined) throw error
        await this.#log.drained()
      }
    }
  }
}
