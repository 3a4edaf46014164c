/**
 * A source of measurements: CSV or NDJSON, plain or gzip, a file or standard input, as batches of rows.
 *
 *     stored bytes ─> gzip? ─> lines ─> CSV or NDJSON ─> rows and rejects
 *
 * Everything is pulled by the consumer: nothing is read ahead of it but a few chunks.
 */
import type { Readable } from 'node:stream'
import { throwIfAborted, WalError } from '../errors.js'
import { CsvRowReader } from './csv.js'
import { NdjsonRowReader } from './ndjson.js'
import type { ColumnOptions } from './rows-columns.js'
import type { Line, RowBatch, RowReader } from './rows.js'
import { detectGzip, openFile, storedChunks, unpackedChunks, type StoredBytes } from './source-bytes.js'
import { linesOf } from './source-lines.js'

export type SourceFormat = 'csv' | 'ndjson'

export const SOURCE_FORMATS = ['csv', 'ndjson'] as const

export interface SourceOptions extends ColumnOptions {
  /** Else told by the extension (.csv .tsv .ndjson .jsonl, .gz behind it or not), else by the first character. */
  format?: SourceFormat
  /** Delimiter of CSV, one character; ',' by default, a tab for .tsv. */
  delimiter?: string
  /** Longest user id in bytes that the log takes; rows with longer ones are rejected. */
  maxUserIdBytes: number
  /** What '-' reads (process.stdin). */
  stdin?: Readable
  signal?: AbortSignal
}

export interface MeasurementSource extends AsyncDisposable {
  /** The path, or 'standard input'. */
  readonly name: string
  readonly format: SourceFormat
  readonly gzip: boolean
  /** Size of the file as stored; undefined for a pipe. `readBytes` reaches it at the end. */
  readonly totalBytes: number | undefined
  /** Bytes read so far, as stored: grows while batches are taken. */
  readonly readBytes: number
  /**
   * The rows in order, to be taken once. Leaving the loop closes the source. Throws `ERR_WAL_SOURCE` where the
   * source cannot be read further, `ERR_WAL_ABORTED` through the signal.
   */
  batches(): AsyncGenerator<RowBatch, void, undefined>
  /** Closes a source that is not read to its end. May be called again. */
  close(): Promise<void>
}

/**
 * Opens a file, or standard input for '-', and reads its beginning: as far as the first line, whose
 * columns are looked up, so that a source that is of no use is refused before anything is logged.
 * Throws `ERR_WAL_SOURCE` for what cannot be opened or lacks a column, `ERR_WAL_INVALID_ARGUMENT` for an option.
 */
export async function openSource(path: string, options: SourceOptions): Promise<MeasurementSource> {
  checkOptions(options)
  throwIfAborted(options.signal)
  const stored = path === '-' ? streamOf(options.stdin ?? process.stdin) : await openFile(path)
  try {
    const { gzip, chunks } = await detectGzip(storedChunks(stored, options.signal))
    const lines = linesOf(gzip ? unpackedChunks(chunks, stored) : chunks, stored.name)
    const first = await firstLines(lines)
    const format = options.format ?? formatOfName(path) ?? formatOfLines(first, stored.name)
    const reader = readerOf(format, path, stored.name, options)
    const firstBatch = reader.read(first)
    return new OpenSource(stored, format, gzip, rowsOf(reader, firstBatch, lines, options.signal))
  } catch (error) {
    stored.stream.destroy()
    throw error
  }
}

class OpenSource implements MeasurementSource {
  readonly #stored: StoredBytes
  readonly #rows: AsyncGenerator<RowBatch, void, undefined>

  constructor(
    stored: StoredBytes,
    readonly format: SourceFormat,
    readonly gzip: boolean,
    rows: AsyncGenerator<RowBatch, void, undefined>
  ) {
    this.#stored = stored
    this.#rows = rows
  }

  get name(): string {
    return this.#stored.name
  }

  get totalBytes(): number | undefined {
    return this.#stored.totalBytes
  }

  get readBytes(): number {
    return this.#stored.readBytes
  }

  batches(): AsyncGenerator<RowBatch, void, undefined> {
    return this.#rows
  }

  async close(): Promise<void> {
    this.#stored.stream.destroy()
    await this.#rows.return()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

async function* rowsOf(
  reader: RowReader,
  firstBatch: RowBatch,
  lines: AsyncGenerator<Line[], void, undefined>,
  signal: AbortSignal | undefined
): AsyncGenerator<RowBatch, void, undefined> {
  try {
    if (firstBatch.length > 0) yield firstBatch
    for await (const group of lines) {
      throwIfAborted(signal)
      const batch = reader.read(group)
      if (batch.length > 0) yield batch
    }
    throwIfAborted(signal)
    const batch = reader.end()
    if (batch.length > 0) yield batch
  } finally {
    // A loop left at the first batch has not begun with the lines, and would leave them open.
    await lines.return()
  }
}

/** The lines up to and with the first group that is not blank. */
async function firstLines(lines: AsyncGenerator<Line[], void, undefined>): Promise<Line[]> {
  for (;;) {
    const next = await lines.next()
    if (next.done === true) return []
    if (next.value.some((line) => typeof line !== 'string' || line.trim() !== '')) return next.value
  }
}

function formatOfName(path: string): SourceFormat | undefined {
  const extension = /\.(csv|tsv|ndjson|jsonl)(?:\.gz)?$/i.exec(path)?.[1]?.toLowerCase()
  if (extension === undefined) return undefined
  return extension === 'csv' || extension === 'tsv' ? 'csv' : 'ndjson'
}

function formatOfLines(lines: readonly Line[], name: string): SourceFormat {
  const text = lines.map((line) => (typeof line === 'string' ? line : line.raw).trim()).find((line) => line !== '')
  if (text?.startsWith('[')) {
    const problem = `begins with '[': a JSON array is not read; allowed: one JSON object a line`
    throw new WalError('ERR_WAL_SOURCE', `${name} ${problem}`)
  }
  return text?.startsWith('{') ? 'ndjson' : 'csv'
}

function readerOf(format: SourceFormat, path: string, name: string, options: SourceOptions): RowReader {
  if (format === 'ndjson') return new NdjsonRowReader({ ...options, source: name })
  const delimiter = options.delimiter ?? (/\.tsv(?:\.gz)?$/i.test(path) ? '\t' : ',')
  return new CsvRowReader({ ...options, source: name, delimiter })
}

function streamOf(stdin: Readable): StoredBytes {
  return { name: 'standard input', stream: stdin, totalBytes: undefined, readBytes: 0 }
}

function checkOptions({ format, maxUserIdBytes }: SourceOptions): void {
  if (format !== undefined && !SOURCE_FORMATS.includes(format)) {
    throw invalid('format', JSON.stringify(format), SOURCE_FORMATS.join(', '))
  }
  if (!Number.isInteger(maxUserIdBytes) || maxUserIdBytes < 1) {
    throw invalid('maxUserIdBytes', String(maxUserIdBytes), 'a whole number from 1')
  }
}

function invalid(name: string, value: string, allowed: string): WalError {
  return new WalError('ERR_WAL_INVALID_ARGUMENT', `${name} is ${value}; allowed: ${allowed}`)
}
