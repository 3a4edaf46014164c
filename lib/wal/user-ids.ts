/**
 * The user ids that an appender has met, each with a number from 1 and its bytes ready to be copied. Numbers never change
 * while the log is open. Ids that get none, because they are long or too many, are written by their bytes alone.
 */
import { WalError } from '../errors.js'

/** Longer ids get no number; `user_record::kMaxUserIdBytes` of format.h. */
const MAX_NUMBERED_BYTES = 256
/** `user_record::kMaxNumber` of format.h. */
const MAX_NUMBER = 2 ** 20
/** Bytes that are kept of ids and their lengths: nearly a million ids of 64 bytes. */
const MAX_KEPT_BYTES = 64 * 1024 * 1024
const MAX_ID_BYTES = 65_535
const WORD_BYTES = 4
const ALIGNMENT_BYTES = 8
/** A power of two. */
const RECENT_PLACES = 4096
/** Where the id that has no number stands while it is written. */
const SCRATCH_WORDS = 1 + (MAX_ID_BYTES + 1) / WORD_BYTES

export class UserIds {
  /**
   * Of each id one word with its bytes' number, then its bytes, padded to a multiple of 8: what one entry needs lies together.
   * The first SCRATCH_WORDS words are the scratch.
   */
  words = new Int32Array(SCRATCH_WORDS + 4096)
  /** By number: where in `words` the id is. 0: the scratch. */
  starts = new Int32Array(1024)
  readonly #numbers = new Map<string, number>()
  readonly #recentIds = new Array<string | undefined>(RECENT_PLACES).fill(undefined)
  readonly #recentNumbers = new Int32Array(RECENT_PLACES)
  /** Ids without a number that are referred to by a handle all the same. */
  readonly #unnumbered: string[] = []
  readonly #unnumberedHandles = new Map<string, number>()
  #nextWord = SCRATCH_WORDS

  /** The number of an id that was met before, undefined otherwise. */
  numberOf(userId: string): number | undefined {
    if (typeof userId !== 'string') return undefined
    // The same few users come again and again: a look at one place, found by how the id ends, saves the hash table's way.
    const last = userId.length - 1
    // Ids that end in a running number are never at the same place as their neighbours.
    const place =
      (userId.charCodeAt(last) +
        10 * userId.charCodeAt(last - 1) +
        100 * userId.charCodeAt(last - 2) +
        1000 * userId.charCodeAt(last - 3)) &
      (RECENT_PLACES - 1)
    if (this.#recentIds[place] === userId) return this.#recentNumbers[place]
    const number = this.#numbers.get(userId)
    if (number !== undefined) {
      this.#recentIds[place] = userId
      this.#recentNumbers[place] = number
    }
    return number
  }

  /**
   * Takes an id that has no number yet. Returns its number, or 0: then its bytes are in the scratch until the next call.
   * Throws `ERR_WAL_INVALID_ARGUMENT` and `ERR_WAL_TOO_LARGE`.
   */
  add(userId: string): number {
    const bytes = checkedUserIdBytes(userId)
    const number = this.#numbers.size + 1
    const words = 1 + paddedWords(bytes)
    const keptBytes = (this.#nextWord - SCRATCH_WORDS + words) * WORD_BYTES
    if (bytes > MAX_NUMBERED_BYTES || number > MAX_NUMBER || keptBytes > MAX_KEPT_BYTES) {
      this.#write(userId, 0, bytes)
      return 0
    }
    if (number >= this.starts.length) this.starts = grown(this.starts)
    if (this.#nextWord + words > this.words.length) this.words = grown(this.words)
    this.#write(userId, this.#nextWord, bytes)
    this.starts[number] = this.#nextWord
    this.#nextWord += words
    this.#numbers.set(userId, number)
    return number
  }

  /** A handle for the id: its number, or a greater one. Throws what `add` throws. */
  handleOf(userId: string): number {
    const number = this.#numbers.get(userId) ?? this.add(userId)
    if (number > 0) return number
    const known = this.#unnumberedHandles.get(userId)
    if (known !== undefined) return known
    const handle = MAX_NUMBER + this.#unnumbered.push(userId)
    this.#unnumberedHandles.set(userId, handle)
    return handle
  }

  /** The number of a handle, 0 with its bytes in the scratch. Throws `ERR_WAL_INVALID_ARGUMENT` when it is none of this log. */
  numberOfHandle(handle: number): number {
    if (handle > 0 && handle <= this.#numbers.size && Number.isInteger(handle)) return handle
    const userId = this.#unnumbered[handle - MAX_NUMBER - 1]
    if (userId === undefined) throw unknownHandle(handle)
    return this.add(userId)
  }

  #write(userId: string, start: number, bytes: number): void {
    this.words[start] = bytes
    const target = Buffer.from(this.words.buffer, (start + 1) * WORD_BYTES, paddedWords(bytes) * WORD_BYTES)
    target.fill(0)
    target.write(userId, 'utf8')
  }
}

/**
 * Bytes of a user id. Throws `ERR_WAL_INVALID_ARGUMENT` unless it is a string that UTF-8 can carry, `ERR_WAL_TOO_LARGE` when it
 * is too long.
 */
export function checkedUserIdBytes(userId: unknown): number {
  if (typeof userId !== 'string' || !(userId as string & { isWellFormed(): boolean }).isWellFormed()) {
    const shown = typeof userId === 'string' ? JSON.stringify(userId) : String(userId)
    throw new WalError('ERR_WAL_INVALID_ARGUMENT', `userId is ${shown}; allowed: a string without lone surrogates`)
  }
  const bytes = Buffer.byteLength(userId)
  if (bytes <= MAX_ID_BYTES) return bytes
  throw new WalError('ERR_WAL_TOO_LARGE', `userId is ${bytes} bytes long; allowed: up to ${MAX_ID_BYTES} bytes of UTF-8`)
}

export function unknownHandle(handle: unknown): WalError {
  return new WalError('ERR_WAL_INVALID_ARGUMENT', `user is ${String(handle)}; allowed: what user() of this log returned, or a user id`)
}

function paddedWords(bytes: number): number {
  return (Math.ceil(bytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES) / WORD_BYTES
}

function grown(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2)
  larger.set(array)
  return larger
}
