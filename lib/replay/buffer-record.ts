/** One buffer of one user, and when it is ready: the rules, without log or clock. */
import type { SourceRow } from './measurement.js'
import type { MeasurementList } from './measurement-list.js'
import type { EndReason } from './payloads.js'

/** A buffer as it lives in memory. The limits are those it was started with, so that no later setting re-decides it. */
export interface BufferRecord {
  /** The user's running number of buffers, from 1. */
  number: number
  /** Milliseconds since the Unix epoch; `windowEnd` is Infinity where only the count ends a buffer. */
  windowStart: number
  windowEnd: number
  /** LIMITS_LOST where the entry that said the limits is lost. */
  maxMeasurements: number
  minMeasurements: number
  /** In order of arrival. */
  measurements: MeasurementList
  /** The last of them that came from a source. */
  lastRow: SourceRow | undefined
  /** Latest time of a measurement in it, milliseconds since the Unix epoch. */
  latestMs: number
  /** Why it was ended; undefined while it is open. */
  ended: EndReason | undefined
  /** Replays of it that failed. */
  attempts: number
  /** It failed as often as allowed and is replayed only when asked for. */
  parked: boolean
  /** Entries of it are lost: it may miss measurements. */
  tainted: boolean
}

export const LIMITS_LOST = 0

/** Why the buffer is ready at time `nowMs`, or undefined when it is not. Full comes before the window. */
export function dueReason(record: BufferRecord, nowMs: number): 'full' | 'window' | undefined {
  const count = record.measurements.length
  if (count >= record.maxMeasurements) return 'full'
  if (nowMs >= record.windowEnd && count >= Math.max(1, record.minMeasurements)) return 'window'
  return undefined
}
