/** Sizes and times with their units, short enough for a screen. */

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

/** 1234567 -> "1.23 MB". */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  // What would be rounded to 1000 is 1 of the next unit.
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 ? Math.round(value) : threeDigits(value)} ${BYTE_UNITS[unit]}`
}

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

function threeDigits(value: number): string {
  return value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)
}
