/** From the three values of a row to a measurement or a reject: the checks that both formats share. */
import { detached, quoted, rejected, type MeasurementRow, type RejectedRow } from './rows.js'
import { parseTime, TIME_FORMATS } from './time.js'

/** Distinct user ids that are remembered, so that each is checked and copied once, not once a row. */
const MAX_REMEMBERED_USERS = 100_000
const LONE_SURROGATE = /\p{Surrogate}/u
/** Decimal notation only: Number() alone would also read '', ' 5', '0x10' and 'Infinity'. */
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

export class RowBuilder {
  readonly #maxUserIdBytes: number
  readonly #users = new Map<string, string>()
  #lastUser = ''

  /** `maxUserIdBytes`: longest user id (UTF-8) that the log takes. */
  constructor(maxUserIdBytes: number) {
    this.#maxUserIdBytes = maxUserIdBytes
  }

  /** `raw` is the row's text, kept when it is rejected. A missing value is undefined. */
  build(row: number, user: unknown, time: unknown, value: unknown, raw: string): MeasurementRow | RejectedRow {
    const userId = this.#knownUser(user)
    if (userId === undefined) return rejected(row, this.#userProblem(user), raw)
    const timestamp = typeof time === 'string' || typeof time === 'number' ? parseTime(time) : NaN
    if (Number.isNaN(timestamp)) return rejected(row, timeProblem(time), raw)
    const number = parseValue(value)
    if (!Number.isFinite(number)) return rejected(row, `value is not a number: ${quoted(value)}`, raw)
    return { row, userId, timestamp, value: number }
  }

  #knownUser(user: unknown): string | undefined {
    // Files are often grouped by user, and a comparison costs less than a look-up.
    if (user === this.#lastUser && user !== '') return this.#lastUser
    const text = typeof user === 'number' && Number.isSafeInteger(user) ? String(user) : user
    if (typeof text !== 'string') return undefined
    let known = this.#users.get(text)
    if (known === undefined) {
      if (this.#userProblem(text) !== '') return undefined
      if (this.#users.size >= MAX_REMEMBERED_USERS) this.#users.clear()
      known = detached(text)
      this.#users.set(known, known)
    }
    this.#lastUser = known
    return known
  }

  /** Why a user is not accepted, '' when it is. */
  #userProblem(user: unknown): string {
    if (user === undefined || user === null || user === '') return 'user is missing'
    if (typeof user === 'number' && Number.isInteger(user)) {
      // Two such numbers can be one and the same double, and two users would become one.
      return `user is a number beyond 2^53, which JSON readers do not keep exact: ${quoted(user)}; write it as text`
    }
    if (typeof user !== 'string') return `user is not text or a whole number: ${quoted(user)}`
    const bytes = Buffer.byteLength(user)
    if (bytes > this.#maxUserIdBytes) {
      return `user has ${bytes} bytes, at most ${this.#maxUserIdBytes} are allowed: ${quoted(user)}`
    }
    if (LONE_SURROGATE.test(user)) return `user has half of a surrogate pair: ${quoted(user)}`
    return ''
  }
}

/** The number that a value is, in decimal notation when it is text; NaN or an infinity when it is none. */
export function parseValue(value: unknown): number {
  if (typeof value === 'number') return value
  if (typeof value !== 'string') return NaN
  return DECIMAL.test(value) ? Number(value) : NaN
}

function timeProblem(time: unknown): string {
  if (time === undefined || time === null || time === '') return 'time is missing'
  return `not a time: ${quoted(time)}; allowed: ${TIME_FORMATS}`
}
