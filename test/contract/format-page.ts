/** A page of docs/ as data: its sections, its tables, and the bytes of the dumps in docs/format.md. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const FORMAT = 'docs/format.md'

export type Row = Record<string, string>

/** Text of a page, by its path in the repository. */
export function pageText(page: string): string {
  return readFileSync(join(import.meta.dirname, '../..', page), 'utf8')
}

/** The text below a heading of docs/format.md, up to the next heading of the same or a higher level. */
export function section(title: string, page: string = FORMAT): string {
  const lines = pageText(page).split('\n')
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === title)
  if (start < 0) throw new Error(`${page} has no heading "${title}"`)
  const level = (lines[start] as string).indexOf(' ')
  const length = lines.slice(start + 1).findIndex((line) => /^#+ /.test(line) && line.indexOf(' ') <= level)
  return lines.slice(start + 1, length < 0 ? undefined : start + 1 + length).join('\n')
}

/** Rows of all tables below a heading of docs/format.md that have the given columns; back-ticks are taken off. */
export function tableRows(title: string, ...columns: string[]): Row[] {
  return tableRowsOf(FORMAT, title, ...columns)
}

/** The same of another page. */
export function tableRowsOf(page: string, title: string, ...columns: string[]): Row[] {
  const rows: Row[] = []
  let names: string[] = []
  for (const line of section(title, page).split('\n')) {
    if (!line.startsWith('| ')) {
      if (!line.startsWith('|-')) names = []
      continue
    }
    const cells = line.slice(1, -1).split('|').map((cell) => cell.trim().replace(/^`(.*)`$/, '$1'))
    if (names.length === 0) names = cells
    else if (columns.every((column) => names.includes(column))) {
      rows.push(Object.fromEntries(names.map((name, index) => [name, cells[index] as string])))
    }
  }
  if (rows.length === 0) throw new Error(`no table with ${columns.join(', ')} below "${title}"`)
  return rows
}

/** The bytes of a dump in the style of `hexdump -C`. Throws when an offset does not follow from what is before it. */
export function dumpedBytes(file: string): Buffer {
  const withoutText = pageText(FORMAT).replace(/\|[^\n]*\|$/gm, '')
  const dump = new RegExp('```hexdump ' + file.replaceAll('.', '\\.') + '\n([^`]*)\n```').exec(withoutText)
  if (dump === null) throw new Error(`docs/format.md has no dump of ${file}`)
  const bytes: number[] = []
  let repeats = false
  for (const line of (dump[1] as string).split('\n')) {
    if (line === '*') {
      repeats = true
      continue
    }
    const [offset, ...hex] = line.trim().split(/\s+/) as [string, ...string[]]
    const until = parseInt(offset, 16)
    while (repeats && bytes.length < until) bytes.push(...bytes.slice(-16))
    repeats = false
    if (bytes.length !== until) throw new Error(`the dump of ${file} has ${bytes.length} bytes before its line ${line}`)
    bytes.push(...hex.map((byte) => parseInt(byte, 16)))
  }
  return Buffer.from(bytes)
}
