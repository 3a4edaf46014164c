/**
 * What a source is read into: rows, in batches. A row is either a measurement or a reject with its reason;
 * nothing that a source holds is passed over in silence, and no row stops a run.
 */

/** A row that could be read. */
export interface MeasurementRow {
  /** Number of the data row in the source, from 1; header and blank lines do not count, rejected rows do. */
  row: number
  userId: string
  /** Milliseconds since the Unix epoch. */
  timestamp: number
  /** Always finite. */
  value: number
  /** The other columns: text as it was for CSV, JSON values for NDJSON. Absent when there are none. */
  fields?: Record<string, unknown>
}

/** A row that could not be read. */
export interface RejectedRow {
  /** Number of the data row in the source, as in `MeasurementRow`. */
  row: number
  /** What is wrong with it; names the value. */
  reason: string
  /** The row as it was, its first `MAX_RAW_BYTES` bytes. */
  raw: string
}

/** Rows in the order of the source. Its size follows from the size of a chunk read, not from the source. */
export type RowBatch = (MeasurementRow | RejectedRow)[]

/** Bytes (UTF-8) of a rejected row that are kept. */
export const MAX_RAW_BYTES = 1024
/** Characters of a value that a reason repeats. */
const MAX_QUOTED_CHARACTERS = 64

/** Turns lines into rows; knows one format. Holds a few lines at most between calls. */
export interface RowReader {
  /** Rows that are complete with these lines. Throws `ERR_WAL_SOURCE` when the source lacks a column. */
  read(lines: readonly Line[]): RowBatch
  /** Rows that only the end of the source completes. Throws as `read` does. */
  end(): RowBatch
}

/** A line without its line feed, or what is left of one that is too long or not text. */
export type Line = string | UnreadableLine

export interface UnreadableLine {
  reason: string
  /** Its beginning. */
  raw: string
}

export function isRejected(row: MeasurementRow | RejectedRow): row is RejectedRow {
  return 'reason' in row
}

/** A reject, its raw text cut to what is kept. */
export function rejected(row: number, reason: string, raw: string): RejectedRow {
  return { row, reason, raw: firstBytes(raw, MAX_RAW_BYTES) }
}

/** A value as a reason shows it: quoted, escaped, and no longer than a line of a terminal. */
export function quoted(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object'
  const text = typeof value === 'string' ? JSON.stringify(value.slice(0, MAX_QUOTED_CHARACTERS)) : String(value)
  return typeof value === 'string' && value.length > MAX_QUOTED_CHARACTERS ? `${text}…` : text
}

/**
 * The same text in memory of its own. A slice of a string keeps the whole string alive: an id that is
 * remembered would hold on to the chunk that it was read from.
 */
export function detached(text: string): string {
  // V8 copies slices shorter than this. Slicing what was joined makes it write the joined text out first, a third
  // of the price of a copy through a Buffer; a test holds V8 to it.
  return text.length < 13 ? text : ` ${text}`.slice(1)
}

/** Whether a byte is inside a UTF-8 character, not its first. */
function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80
}

/** The longest beginning of `text` that takes at most `bytes` bytes in UTF-8, in memory of its own. */
function firstBytes(text: string, bytes: number): string {
  const encoded = Buffer.from(text.slice(0, bytes))
  if (encoded.length <= bytes && text.length <= bytes) return detached(text)
  let end = Math.min(bytes, encoded.length)
  while (end > 0 && end < encoded.length && isContinuation(encoded[end])) end -= 1
  return encoded.toString('utf8', 0, end)
}
