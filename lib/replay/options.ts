/** Options of buffers: defaults and checks. */
import { WalError } from '../errors.js'

export interface ReplayBufferSettings {
  /** Length of a buffer's window in hours (72). */
  bufferHours?: number
  /** Measurements at which a buffer is full (100). */
  maxBufferMeasurements?: number
  /** 'time_based': ready when the window has passed or it is full. 'measurement_count': only when it is full. */
  triggerMode?: 'time_based' | 'measurement_count'
  /** A buffer whose window has passed waits until it has as many measurements (1). */
  minMeasurements?: number
  /**
   * What windows are measured by. 'wall': the system's clock. 'event': the measurements' own times, so that old data
   * behaves as it did when it was new.
   */
  clock?: 'wall' | 'event'
}

export type ResolvedReplayBufferSettings = Required<ReplayBufferSettings>

const DEFAULTS: ResolvedReplayBufferSettings = {
  bufferHours: 72,
  maxBufferMeasurements: 100,
  triggerMode: 'time_based',
  minMeasurements: 1,
  clock: 'wall'
}
const TRIGGER_MODES = ['time_based', 'measurement_count']
const CLOCKS = ['wall', 'event']
export const MAX_BUFFER_HOURS = 24 * 366 * 100
export const MAX_BUFFER_MEASUREMENTS = 10_000_000

/** With defaults filled in. Throws `ERR_WAL_INVALID_ARGUMENT` naming option, value and what is allowed. */
export function resolveBufferSettings(given: ReplayBufferSettings): ResolvedReplayBufferSettings {
  const settings = { ...DEFAULTS }
  for (const key of Object.keys(DEFAULTS) as Array<keyof ResolvedReplayBufferSettings>) {
    if (given[key] !== undefined) Object.assign(settings, { [key]: given[key] })
  }
  if (typeof settings.bufferHours !== 'number' || !(settings.bufferHours > 0 && settings.bufferHours <= MAX_BUFFER_HOURS)) {
    throw invalid('bufferHours', settings.bufferHours, `a number above 0, up to ${MAX_BUFFER_HOURS}`)
  }
  checkCount('maxBufferMeasurements', settings.maxBufferMeasurements, MAX_BUFFER_MEASUREMENTS)
  checkCount('minMeasurements', settings.minMeasurements, settings.maxBufferMeasurements)
  if (!TRIGGER_MODES.includes(settings.triggerMode)) throw invalid('triggerMode', settings.triggerMode, TRIGGER_MODES.join(', '))
  if (!CLOCKS.includes(settings.clock)) throw invalid('clock', settings.clock, CLOCKS.join(', '))
  return settings
}

function checkCount(name: string, value: unknown, most: number): void {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) return
  throw invalid(name, value, `a whole number from 1 to ${most}`)
}

function invalid(name: string, value: unknown, allowed: string): WalError {
  const shown = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return new WalError('ERR_WAL_INVALID_ARGUMENT', `${name} is ${shown}; allowed: ${allowed}`)
}
