/** Figures as text: columns, LSNs, times. */
export { formatCount, plural } from '../text/figures.js'

export interface Column {
  title: string
  align?: 'left' | 'right'
}

/** A table whose columns are as wide as they must be; nothing is padded behind the last column. */
export function formatTable(columns: readonly Column[], rows: ReadonlyArray<readonly string[]>): string {
  const widths = columns.map(({ title }, index) => Math.max(title.length, ...rows.map((row) => (row[index] ?? '').length)))
  const line = (cells: readonly string[]) =>
    columns
      .map(({ align }, index) => {
        const cell = cells[index] ?? ''
        return align === 'right' ? cell.padStart(widths[index] as number) : cell.padEnd(widths[index] as number)
      })
      .join('  ')
      .trimEnd()
  return [line(columns.map(({ title }) => title)), ...rows.map(line)].map((text) => `${text}\n`).join('')
}

/** ISO 8601 in UTC; what no date can show is given as milliseconds. */
export function formatTime(timestampMs: number): string {
  const date = new Date(timestampMs)
  return Number.isNaN(date.getTime()) ? `${timestampMs} ms` : date.toISOString()
}

/** "LSN 7" or "LSN 7-9". */
export function formatLsnRange(firstLsn: number, lastLsn: number): string {
  return firstLsn === lastLsn ? `LSN ${firstLsn}` : `LSN ${firstLsn}-${lastLsn}`
}
