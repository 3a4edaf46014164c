/** JSON in which equal values are equal text: the keys of every object in order, a user a line. */

import { escapeJson } from '../text/escape.js'

/** `value` as JSON that is safe on a terminal, indented by two spaces at the outermost level only. Dates become ISO 8601, bigints decimal text. */
export function sortedJson(value: Record<string, unknown>): string {
  const lines = Object.keys(value)
    .sort()
    .map((key) => escapeJson(`  ${JSON.stringify(key)}: ${JSON.stringify(value[key], ordered) ?? 'null'}`))
  return lines.length === 0 ? '{}' : `{\n${lines.join(',\n')}\n}`
}

function ordered(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Map) return [...value]
  if (value instanceof Set) return [...value]
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
}
