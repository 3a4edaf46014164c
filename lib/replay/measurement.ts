/** What is buffered: measurements, and the checks that each must pass. */
import { WalError } from '../errors.js'

/** One measurement of one user. Whatever else it carries comes back as it was. */
export interface Measurement {
  /** When it was measured: milliseconds since the Unix epoch, or a Date. */
  timestamp: number | Date
  value?: unknown
  [field: string]: unknown
}

/** Where a measurement came from, so that its source can be read on from there after a crash. */
export interface Origin {
  /** The source's number, from 1 to 2^32 - 1. */
  source: number
  /** Row number in the source, from 1, ascending. */
  position: number
}

/** A row of a source, with the time of its measurement in milliseconds since the Unix epoch. */
export interface SourceRow extends Origin {
  timestamp: number
}

const MAX_SOURCE = 2 ** 32 - 1

/** Throws `ERR_WAL_INVALID_ARGUMENT` when the origin cannot be stored as it is. */
export function checkOrigin({ source, position }: Origin): void {
  if (!Number.isInteger(source) || source < 1 || source > MAX_SOURCE) {
    throw new WalError('ERR_WAL_INVALID_ARGUMENT', `origin.source is ${String(source)}; allowed: a whole number from 1 to ${MAX_SOURCE}`)
  }
  if (!Number.isSafeInteger(position) || position < 1) {
    throw new WalError('ERR_WAL_INVALID_ARGUMENT', `origin.position is ${String(position)}; allowed: a whole number from 1`)
  }
}

/** The measurement's time in milliseconds since the Unix epoch. Throws `ERR_WAL_MEASUREMENT`. */
export function timestampOf(measurement: Measurement): number {
  if (typeof measurement !== 'object' || measurement === null) {
    throw new WalError('ERR_WAL_MEASUREMENT', `a measurement is ${String(measurement)}; allowed: an object with a timestamp`)
  }
  const { timestamp } = measurement
  const ms = timestamp instanceof Date ? timestamp.getTime() : timestamp
  if (typeof ms === 'number' && Number.isFinite(ms)) return ms
  throw new WalError(
    'ERR_WAL_MEASUREMENT',
    `the timestamp of a measurement is ${String(timestamp)}; allowed: milliseconds since the Unix epoch, or a valid Date`
  )
}

/** In order of time; what has the same time stays in order of arrival. */
export function inTimeOrder(measurements: Iterable<Measurement>): Measurement[] {
  const timed = Array.from(measurements, (measurement) => ({ measurement, ms: timestampOf(measurement) }))
  timed.sort((a, b) => a.ms - b.ms)
  return timed.map((each) => each.measurement)
}
