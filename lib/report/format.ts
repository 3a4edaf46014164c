/** Figures of the page as text, the same in every locale. */
import { formatCount as count } from '../text/figures.js'

export { formatBytes as bytes, formatCount as count, plural } from '../text/figures.js'

/** "LSN 7", "LSN 7–9", or a dash. */
export function lsnRange(first: number, last: number): string {
  if (last === 0) return '–'
  return first === last ? `LSN ${count(first)}` : `LSN ${count(first)}–${count(last)}`
}

/** UTC, to the second; what no date can show is given as milliseconds. */
export function time(timestampMs: number): string {
  const date = new Date(timestampMs)
  return Number.isNaN(date.getTime()) ? `${timestampMs} ms` : `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** The same, as short as a plot of `spanMs` allows. */
export function tick(timestampMs: number, spanMs: number): string {
  const date = new Date(timestampMs)
  if (Number.isNaN(date.getTime())) return `${timestampMs} ms`
  const iso = date.toISOString()
  if (spanMs >= 4 * DAY_MS) return iso.slice(0, 10)
  if (spanMs >= 4 * HOUR_MS) return iso.slice(5, 16).replace('T', ' ')
  return spanMs >= 4000 ? iso.slice(11, 19) : iso.slice(11, 23)
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const SPANS = [
  [DAY_MS, 'd'],
  [HOUR_MS, 'h'],
  [60_000, 'min'],
  [1000, 's'],
  [1, 'ms'],
  [1e-3, 'µs']
] as const

/** "250 ms", "1.5 s", "2.1 h". */
export function duration(ms: number): string {
  if (ms === 0) return '0 ms'
  const [unitMs, unit] = SPANS.find(([each]) => ms >= each) ?? [1e-6, 'ns']
  const value = ms / unitMs
  return `${value >= 100 ? Math.round(value) : Number(value.toPrecision(3))} ${unit}`
}

/** A number on an axis of twice `halfRange`: with the digits that tell its places apart. */
export function figureWithin(value: number, halfRange: number): string {
  const digits = 2 - Math.floor(Math.log10(halfRange))
  return digits >= 0 && digits <= 12 ? String(Number(value.toFixed(digits))) : figure(value)
}

/** A number of a measurement: up to five digits. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  return String(Number(value.toPrecision(5)))
}
