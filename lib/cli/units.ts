/** Sizes and times with their units, short enough for a screen. */
import { threeDigits } from '../text/figures.js'

export { formatBytes } from '../text/figures.js'

/** 0.00123 -> "1.23 ms"; "-" for NaN. */
export function formatSeconds(seconds: number): string {
  if (Number.isNaN(seconds)) return '-'
  if (seconds < 0.0009995) return `${threeDigits(seconds * 1e6)} µs`
  if (seconds < 0.9995) return `${threeDigits(seconds * 1e3)} ms`
  return `${threeDigits(seconds)} s`
}

const AGE_UNITS = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'm']
] as const

/** 312 -> "5 m 12 s": two units at most, nothing is rounded up. */
export function formatAge(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  for (const [index, [unitSeconds, unit]] of AGE_UNITS.entries()) {
    if (whole < unitSeconds) continue
    const [nextSeconds, next] = AGE_UNITS[index + 1] ?? [1, 's']
    return `${Math.floor(whole / unitSeconds)} ${unit} ${Math.floor((whole % unitSeconds) / nextSeconds)} ${next}`
  }
  return `${whole} s`
}
