/**
 * CSV (RFC 4180, `"` as the quote, any one-character delimiter) to rows.
 *
 * A line without a quote is a record and is split here; that is nearly every line of nearly every file.
 * Lines with quotes go through csv-parse. A record spans lines exactly while the number of quotes so far is
 * odd, so the lines of a record are known before it is parsed, and each line is looked at a fixed number
 * of times however a file is broken: a quote that is never closed costs the line it stands in, not the rest of
 * the file.
 */
import { CsvError, parse } from 'csv-parse/sync'
import { WalError } from '../errors.js'
import { RowBuilder } from './rows-builder.js'
import { findColumn, missingColumn, type ColumnOptions, type ColumnRole } from './rows-columns.js'
import { detached, rejected, type Line, type RowBatch, type RowReader } from './rows.js'

/** Longest record over several lines, in UTF-16 units; as long as a line may be. */
const MAX_RECORD_CHARACTERS = 1024 * 1024
const OTHER_DELIMITERS = [',', ';', '\t', '|'] as const

const QUOTE_PROBLEMS: Readonly<Record<string, string>> = {
  INVALID_OPENING_QUOTE: 'a quote stands in a field that does not begin with one',
  CSV_INVALID_CLOSING_QUOTE: 'a closing quote is followed by something other than the delimiter',
  CSV_QUOTE_NOT_CLOSED: 'a quoted field is not closed'
}

export interface CsvOptions extends ColumnOptions {
  /** The source's name, for messages. */
  source: string
  /** One character; not a quote, not a line break. */
  delimiter: string
  maxUserIdBytes: number
}

interface Columns {
  count: number
  user: number
  time: number
  value: number
  /** The others: where they stand and the name that they have in `fields`. */
  others: readonly { at: number; name: string }[]
}

export class CsvRowReader implements RowReader {
  readonly #options: CsvOptions
  readonly #builder: RowBuilder
  #columns: Columns | undefined
  #row = 0
  #batch: RowBatch = []
  /** Lines with quotes that are records of their own and wait to be parsed together. */
  #quotedLines: string[] = []
  /** Lines of a record whose quoted field is still open. */
  #openLines: string[] = []
  #openCharacters = 0

  constructor(options: CsvOptions) {
    checkDelimiter(options.delimiter)
    this.#options = options
    this.#builder = new RowBuilder(options.maxUserIdBytes)
  }

  read(lines: readonly Line[]): RowBatch {
    this.#readLines(lines)
    return this.#takeBatch()
  }

  end(): RowBatch {
    if (this.#openLines.length > 0) this.#giveUpOpenRecord()
    if (this.#columns === undefined) {
      throw new WalError('ERR_WAL_SOURCE', `${this.#options.source} is empty: a header row was expected`)
    }
    return this.#takeBatch()
  }

  #takeBatch(): RowBatch {
    this.#parseQuotedLines()
    const batch = this.#batch
    this.#batch = []
    return batch
  }

  #readLines(lines: readonly Line[]): void {
    for (const line of lines) {
      if (this.#openLines.length > 0) this.#continueRecord(line)
      else this.#beginRecord(line)
    }
  }

  #beginRecord(line: Line): void {
    if (typeof line !== 'string') {
      this.#parseQuotedLines()
      this.#reject(line.reason, line.raw)
    } else if (!line.includes('"')) {
      const text = withoutReturn(line)
      if (text === '') return
      this.#parseQuotedLines()
      this.#record(text.split(this.#options.delimiter), text)
    } else if (hasOddQuotes(line)) {
      this.#parseQuotedLines()
      const text = withoutReturn(line)
      const { problem } = this.#parse(text)
      if (problem === 'CSV_QUOTE_NOT_CLOSED') {
        this.#openLines = [line]
        this.#openCharacters = line.length
      } else {
        // Any other problem will not go away with more lines.
        this.#reject(quoteProblem(problem), text)
      }
    } else {
      this.#quotedLines.push(withoutReturn(line))
    }
  }

  #continueRecord(line: Line): void {
    if (typeof line !== 'string') {
      this.#giveUpOpenRecord()
      this.#readLines([line])
      return
    }
    this.#openLines.push(line)
    this.#openCharacters += line.length + 1
    const tooLong = this.#openCharacters > MAX_RECORD_CHARACTERS
    if (tooLong) this.#giveUpOpenRecord()
    if (tooLong || !hasOddQuotes(line)) return
    const text = withoutReturn(this.#openLines.join('\n'))
    const { records, problem } = this.#parse(text)
    const [record] = records
    if (record === undefined) {
      this.#giveUpOpenRecord(problem)
      return
    }
    this.#openLines = []
    this.#record(record, text)
  }

  /**
   * Rejects the line that the open record began with and reads the others again. Only the last of them can
   * have an odd number of quotes, so this does not come back to them a second time.
   */
  #giveUpOpenRecord(problem = 'CSV_QUOTE_NOT_CLOSED'): void {
    const [first = '', ...others] = this.#openLines
    this.#openLines = []
    this.#reject(quoteProblem(problem), withoutReturn(first))
    this.#readLines(others)
  }

  #parseQuotedLines(): void {
    const lines = this.#quotedLines
    if (lines.length === 0) return
    this.#quotedLines = []
    const { records } = this.#parse(lines.join('\n'))
    for (const [index, line] of lines.entries()) {
      const known = records.length === lines.length ? records[index] : undefined
      if (known === undefined) this.#quotedLine(line)
      else this.#record(known, line)
    }
  }

  /** One broken line fails all that are parsed with it; then each is parsed alone. */
  #quotedLine(line: string): void {
    const { records, problem } = this.#parse(line)
    const [record] = records
    if (record === undefined) this.#reject(quoteProblem(problem), line)
    else this.#record(record, line)
  }

  #parse(text: string): { records: string[][]; problem?: string } {
    try {
      const options = { delimiter: this.#options.delimiter, record_delimiter: '\n', relax_column_count: true }
      return { records: parse(text, options) }
    } catch (error) {
      if (error instanceof CsvError) return { records: [], problem: error.code }
      throw error
    }
  }

  #reject(reason: string, raw: string): void {
    if (this.#columns === undefined) {
      throw new WalError('ERR_WAL_SOURCE', `the header row of ${this.#options.source} cannot be read: ${reason}`)
    }
    this.#row += 1
    this.#batch.push(rejected(this.#row, reason, raw))
  }

  #record(record: readonly string[], raw: string): void {
    const columns = this.#columns
    if (columns === undefined) {
      this.#columns = this.#columnsOf(record)
      return
    }
    if (record.length !== columns.count) {
      this.#reject(`${columns.count} columns were expected, the row has ${record.length}`, raw)
      return
    }
    this.#row += 1
    const row = this.#builder.build(this.#row, record[columns.user], record[columns.time], record[columns.value], raw)
    if (columns.others.length > 0 && !('reason' in row)) {
      const fields: Record<string, unknown> = {}
      for (const { at, name } of columns.others) fields[name] = detached(record[at] ?? '')
      row.fields = fields
    }
    this.#batch.push(row)
  }

  #columnsOf(header: readonly string[]): Columns {
    const names = columnNames(header)
    const { source } = this.#options
    const indexOf = (role: ColumnRole): number => {
      const name = findColumn(role, this.#options, names)
      if (name === undefined) throw missingColumn(role, this.#options, names, source, delimiterHint(header))
      return names.indexOf(name)
    }
    const [user, time, value] = [indexOf('user'), indexOf('time'), indexOf('value')]
    const others = names.map((name, at) => ({ at, name })).filter(({ at }) => ![user, time, value].includes(at))
    return { count: names.length, user, time, value, others }
  }
}

/** A header of one column that holds another delimiter was split by the wrong one. */
function delimiterHint(header: readonly string[]): string {
  const [only = ''] = header
  const other = header.length === 1 ? OTHER_DELIMITERS.find((delimiter) => only.includes(delimiter)) : undefined
  return other === undefined ? '' : `; is the delimiter ${JSON.stringify(other)}?`
}

/** Names without blanks around them, each once: a name that is empty or taken gets its position. */
function columnNames(header: readonly string[]): string[] {
  const names: string[] = []
  for (const [index, cell] of header.entries()) {
    const name = detached(cell.trim())
    // '__proto__' would set a prototype where a field is meant.
    const usable = name !== '' && name !== '__proto__' && !names.includes(name)
    names.push(usable ? name : `${name === '__proto__' ? 'proto' : name || 'column'}_${index + 1}`)
  }
  return names
}

function checkDelimiter(delimiter: string): void {
  if (typeof delimiter === 'string' && delimiter.length === 1 && !'"\r\n'.includes(delimiter)) return
  throw new WalError(
    'ERR_WAL_INVALID_ARGUMENT',
    `delimiter is ${JSON.stringify(delimiter)}; allowed: one character that is not a quote and not a line break`
  )
}

function quoteProblem(code: string | undefined): string {
  return QUOTE_PROBLEMS[code ?? ''] ?? `the quotes of the row cannot be read (${code ?? 'unknown'})`
}

function withoutReturn(line: string): string {
  return line.charCodeAt(line.length - 1) === 13 ? line.slice(0, -1) : line
}

function hasOddQuotes(line: string): boolean {
  let odd = false
  for (let at = line.indexOf('"'); at >= 0; at = line.indexOf('"', at + 1)) odd = !odd
  return odd
}
