/**
 * Writes the operations of users to a log, each with the user's own running number: after a loss, the numbers prove
 * whose entries are whole. Without a log it writes nothing, and everything else works the same.
 */
import { WalError } from '../errors.js'
import type { EntryLog, Operation } from '../wal/types.js'
import type { Origin } from './measurement.js'

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

/** A user whose operations are logged. */
export interface JournalUser {
  readonly userId: string
  /** The running number of its last entry. */
  sequence: number
  /** What the log's `appendMeasurement` is given: the log's handle of the user, where it has such. */
  handle: number | string | undefined
}

export class Journal {
  readonly #log: EntryLog | undefined
  readonly #users = new Map<string, JournalUser>()

  constructor(log: EntryLog | undefined) {
    this.#log = log
  }

  get log(): EntryLog | undefined {
    return this.#log
  }

  /** The user, for those who write for it again and again. */
  user(userId: string): JournalUser {
    return this.#users.get(userId) ?? { userId, sequence: 0, handle: undefined }
  }

  /** Goes on behind `sequence` for this user. */
  restore(userId: string, sequence: number): JournalUser {
    const user = { userId, sequence, handle: undefined }
    this.#users.set(userId, user)
    return user
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
    return this.writeFor(this.user(userId), operation, payload)
  }

  /** The same for a user that `user` gave. */
  writeFor(user: JournalUser, operation: Operation, payload: Uint8Array): number {
    if (this.#log === undefined) return 0
    const sequence = sequenceAfter(user.sequence, 1)
    const lsn = this.#log.append(operation, user.userId, payload, sequence)
    this.#logged(user, sequence)
    return lsn
  }

  /** Whether measurements that are numbers alone are taken as they are: `writeNumbers` is for these only. */
  get takesNumbers(): boolean {
    return this.#log === undefined || this.#log.appendMeasurement !== undefined
  }

  /** Logs a measurement that is numbers alone, like `writeFor`. */
  writeNumbers(user: JournalUser, timestamp: number, value: number, buffer: number, origin: Origin | undefined): number {
    if (this.#log === undefined) return 0
    const log = this.#log as EntryLog & Required<Pick<EntryLog, 'appendMeasurement'>>
    const sequence = sequenceAfter(user.sequence, 1)
    user.handle ??= log.user?.(user.userId) ?? user.userId
    const lsn =
      origin === undefined
        ? log.appendMeasurement(user.handle, timestamp, value, sequence, buffer, 0, 0)
        : log.appendMeasurement(user.handle, timestamp, value, sequence, buffer, origin.source, origin.position)
    this.#logged(user, sequence)
    return lsn
  }

  #logged(user: JournalUser, sequence: number): void {
    // Users whose first entry was refused are not kept.
    if (user.sequence === 0) this.#users.set(user.userId, user)
    user.sequence = sequence
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
