/** States and measurements as a report reads them: whatever codec a service has, nothing in its log ends the report. */
import { initialState, processMeasurement, type KalmanState } from '../ingest/kalman.js'
import { createDefaultCodec, type Codec } from '../replay/codec.js'
import type { Measurement } from '../replay/measurement.js'

/** What stands for a value that was stored: the value, or undefined where the default codec cannot read it. */
export class Stored implements Measurement {
  readonly timestamp: number
  readonly content: unknown;
  [field: string]: unknown

  constructor(content: unknown) {
    this.content = content
    const ms = timeOf(content)
    this.timestamp = Number.isFinite(ms) ? ms : 0
  }
}

const defaultCodec = createDefaultCodec()

/** Reads all that is stored as a `Stored`, and throws nothing. */
export const storedCodec: Codec = {
  encode: (value) => defaultCodec.encode(value),
  decode: (bytes) => new Stored(decodeIfPossible(bytes))
}

export function decodeIfPossible(bytes: Uint8Array): unknown {
  try {
    return defaultCodec.decode(bytes)
  } catch {
    // Bytes of another codec. It is not this program's to say what they mean.
    return undefined
  }
}

function timeOf(content: unknown): number {
  if (typeof content !== 'object' || content === null) return NaN
  const { timestamp } = content as { timestamp?: unknown }
  return timestamp instanceof Date ? timestamp.getTime() : typeof timestamp === 'number' ? timestamp : NaN
}

/** A measurement as a time and a number, undefined where it is something else. */
export function numbersOf(measurement: unknown): { timestamp: number; value: number } | undefined {
  const content = measurement instanceof Stored ? measurement.content : measurement
  const timestamp = timeOf(content)
  if (!Number.isFinite(timestamp)) return undefined
  const { value } = content as { value?: unknown }
  return typeof value === 'number' && Number.isFinite(value) ? { timestamp, value } : undefined
}

const FIELDS = Object.keys(initialState).sort().join()

/** `state` when it is one of the Kalman filter: its fields, no others, and values that the filter can come to. */
export function kalmanStateOf(state: unknown): KalmanState | undefined {
  const content = state instanceof Stored ? state.content : state
  if (typeof content !== 'object' || content === null || Object.keys(content).sort().join() !== FIELDS) return undefined
  const { estimate, variance, count, lastTimestamp } = content as KalmanState
  if (!Number.isFinite(estimate) || !Number.isFinite(variance) || !Number.isFinite(lastTimestamp)) return undefined
  return variance >= 0 && Number.isSafeInteger(count) && count >= 0 ? (content as KalmanState) : undefined
}

export function sameState(one: KalmanState, other: KalmanState): boolean {
  return one.estimate === other.estimate && one.variance === other.variance && one.count === other.count
}

/** The states of the filter behind each of `measurements`, which are in order of time. */
export function estimates(from: KalmanState, measurements: ReadonlyArray<{ timestamp: number; value: number }>): KalmanState[] {
  let state = from
  return measurements.map((measurement) => (state = processMeasurement(state, measurement)))
}
