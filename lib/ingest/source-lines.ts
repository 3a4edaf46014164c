/** Bytes to lines. Memory is bounded by the longest line that is allowed, whatever the source holds. */
import { isUtf8 } from 'node:buffer'
import { WalError } from '../errors.js'
import { MAX_RAW_BYTES, type Line } from './rows.js'

/** Longest line in bytes, line feed excluded. Longer ones are passed over as they arrive. */
export const MAX_LINE_BYTES = 1024 * 1024
/** Chunks are cut to this, so that a line that is too long is seen before it is decoded. */
const MAX_CHUNK_BYTES = 256 * 1024
const LINE_FEED = 10
const TOO_LONG = `the line is longer than ${MAX_LINE_BYTES} bytes`
const UTF8_MARK = Buffer.from([0xef, 0xbb, 0xbf])
const UTF16_MARKS = [Buffer.from([0xff, 0xfe]), Buffer.from([0xfe, 0xff])]

/** The lines of `chunks`, in groups as they become complete; a group is never empty. `name` is for messages. */
export async function* linesOf(chunks: AsyncIterable<Buffer>, name: string): AsyncGenerator<Line[], void, undefined> {
  const splitter = new LineSplitter(name)
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += MAX_CHUNK_BYTES) {
      const lines = splitter.push(chunk.subarray(at, at + MAX_CHUNK_BYTES))
      if (lines.length > 0) yield lines
    }
  }
  const lines = splitter.end()
  if (lines.length > 0) yield lines
}

class LineSplitter {
  readonly #name: string
  /** The beginning of the line that is not complete yet. */
  #parts: Buffer[] = []
  #partBytes = 0
  /** Set while the rest of a line that is too long is passed over: its beginning. */
  #tooLong: Buffer | undefined
  #atStart = true

  constructor(name: string) {
    this.#name = name
  }

  push(chunk: Buffer): Line[] {
    const first = chunk.indexOf(LINE_FEED)
    if (first < 0) {
      this.#keep(chunk)
      return []
    }
    this.#keep(chunk.subarray(0, first))
    const lines = this.#takeLine()
    const last = chunk.lastIndexOf(LINE_FEED)
    if (last > first) for (const line of decodeLines(chunk.subarray(first + 1, last))) lines.push(line)
    this.#keep(chunk.subarray(last + 1))
    return lines
  }

  /** The last line, when no line feed ends it. */
  end(): Line[] {
    return this.#partBytes > 0 || this.#tooLong !== undefined ? this.#takeLine() : []
  }

  #keep(bytes: Buffer): void {
    if (bytes.length === 0 || this.#tooLong !== undefined) return
    this.#parts.push(bytes)
    this.#partBytes += bytes.length
    if (this.#partBytes <= MAX_LINE_BYTES) return
    this.#tooLong = Buffer.from(Buffer.concat(this.#parts).subarray(0, MAX_RAW_BYTES))
    this.#parts = []
    this.#partBytes = 0
  }

  #takeLine(): Line[] {
    const tooLong = this.#tooLong
    let bytes = tooLong ?? joined(this.#parts)
    this.#parts = []
    this.#partBytes = 0
    this.#tooLong = undefined
    if (this.#atStart) {
      this.#atStart = false
      bytes = this.#withoutMark(bytes)
    }
    return tooLong === undefined ? decodeLines(bytes) : [{ reason: TOO_LONG, raw: bytes.toString() }]
  }

  #withoutMark(bytes: Buffer): Buffer {
    if (UTF16_MARKS.some((mark) => bytes.subarray(0, 2).equals(mark))) {
      throw new WalError('ERR_WAL_SOURCE', `${this.#name} is UTF-16; allowed: UTF-8`, { offset: 0 })
    }
    return bytes.subarray(0, 3).equals(UTF8_MARK) ? bytes.subarray(3) : bytes
  }
}

/** The parts in one piece, without a copy when there is only one. */
function joined(parts: readonly Buffer[]): Buffer {
  const [only] = parts
  return only !== undefined && parts.length === 1 ? only : Buffer.concat(parts)
}

function decodeLines(bytes: Buffer): Line[] {
  if (isUtf8(bytes)) return bytes.toString().split('\n')
  const lines: Line[] = []
  for (let at = 0; at <= bytes.length; ) {
    const found = bytes.indexOf(LINE_FEED, at)
    const end = found < 0 ? bytes.length : found
    const line = bytes.subarray(at, end)
    // Replacement characters would make one user of two.
    lines.push(isUtf8(line) ? line.toString() : { reason: 'the line is not valid UTF-8', raw: line.toString() })
    at = end + 1
  }
  return lines
}
