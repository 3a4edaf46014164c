/**
 * Shapes of plots. A plot is drawn in units of its own and stretched to the room that the page has, so text stands beside it
 * and never in it; lines keep their width, and dots are lines of no length with round ends.
 */
import { html, type Html } from './html.js'

/** Width of every plot in its own units. */
export const PLOT_WIDTH = 1000

/** A coordinate, to a tenth. */
export function at(value: number): string {
  return String(Math.round(value * 10) / 10)
}

export interface Scale {
  (value: number): number
}

/** From values to a length in the plot. A domain without extent lies in the middle. */
export function linear(low: number, high: number, from: number, to: number): Scale {
  // Halves, so that a domain over all of the doubles has a finite extent.
  const extent = high / 2 - low / 2
  return (value) => (extent > 0 ? from + ((value / 2 - low / 2) / extent) * (to - from) : (from + to) / 2)
}

/** The least of 1, 2, 2.5, 5 and 10 times a power of ten that is at least `value`; 1 for nothing. */
export function niceCeiling(value: number): number {
  if (!(value > 0)) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((nice) => nice >= value) ?? value
}

/** A domain around all values whose ends are round numbers. */
export function niceDomain(values: readonly number[]): { low: number; high: number } {
  let low = Infinity
  let high = -Infinity
  for (const value of values) {
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  if (low > high) return { low: 0, high: 1 }
  const step = niceCeiling(low === high ? Math.max(1, Math.abs(low)) * 0.05 : high / 4 - low / 4)
  // Near the ends of the doubles there is no rounder number.
  const end = (value: number, round: (value: number) => number): number => (Math.abs(value) < 1e300 ? round(value / step) * step : value)
  return { low: end(low === high ? low - step : low, Math.floor), high: end(low === high ? high + step : high, Math.ceil) }
}

export interface Bar {
  /** From 0 to 1, both. */
  from: number
  to: number
  height: number
}

/** Bars from the ground, as one path. What is not nothing is seen: at least a hair of it. */
export function barsPath(bars: readonly Bar[], height: number): string {
  return bars
    .filter((bar) => bar.height > 0)
    .map((bar) => {
      const left = bar.from * PLOT_WIDTH
      const width = Math.max(1, (bar.to - bar.from) * PLOT_WIDTH * 0.9)
      return `M${at(left)} ${at(height)}v${at(-Math.max(0.8, bar.height * height))}h${at(width)}V${at(height)}z`
    })
    .join('')
}

/** Dots at places. */
export function dotsPath(places: ReadonlyArray<readonly [number, number]>): string {
  return places.map(([x, y]) => `M${at(x)} ${at(y)}h0`).join('')
}

export function linePath(places: ReadonlyArray<readonly [number, number]>): string {
  return places.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${at(x)} ${at(y)}`).join('')
}

/** The area between two lines over the same x. */
export function bandPath(places: ReadonlyArray<readonly [number, number, number]>): string {
  if (places.length === 0) return ''
  const upper = places.map(([x, high]) => [x, high] as const)
  const lower = places.map(([x, , low]) => [x, low] as const).reverse()
  return `${linePath([...upper, ...lower])}z`
}

/** A plot that is as wide as its place. `label` says in words what is to be seen. */
export function plot(label: string, height: number, content: readonly Html[]): Html {
  return html`<svg class="plot" role="img" aria-label="${label}" viewBox="0 0 ${PLOT_WIDTH} ${height}" preserveAspectRatio="none">${content}</svg>`
}
