/** Numbers as a row of bars, a character each. */

const BARS = '▁▂▃▄▅▆▇█'

/**
 * The last `width` of `values`, the newest at the right end, as parts of the largest that is shown. 0 is the lowest bar and
 * nothing else is; null is a gap.
 */
export function sparkline(values: ReadonlyArray<number | null>, width: number): string {
  const shown = width <= 0 ? [] : values.slice(-width)
  const most = Math.max(0, ...shown.filter((value) => value !== null))
  return shown.map((value) => (value === null ? ' ' : barOf(value, most))).join('')
}

function barOf(value: number, most: number): string {
  const level = most === 0 ? 0 : Math.ceil((Math.max(0, value) / most) * (BARS.length - 1))
  return BARS[level] as string
}
