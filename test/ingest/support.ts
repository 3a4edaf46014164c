/** What the tests of sources share: a source over bytes in memory, and all its rows at once. */
import { Readable } from 'node:stream'
import { expect } from 'vitest'
import type { WalErrorCode } from '../../lib/errors.js'
import { isRejected, type MeasurementRow, type RejectedRow } from '../../lib/ingest/rows.js'
import { openSource, type MeasurementSource, type SourceOptions } from '../../lib/ingest/source.js'

/** As the log has it. */
export const MAX_USER_ID_BYTES = 65535

export interface AllRows {
  measurements: MeasurementRow[]
  rejects: RejectedRow[]
  source: MeasurementSource
}

/** A text that holds `part`, for `toEqual` and `toMatchObject`. */
export function containing(part: string): string {
  return expect.stringContaining(part) as string
}

/** An error with this code whose message holds `part`. */
export function failure(code: WalErrorCode, part: string): { code: WalErrorCode; message: string } {
  return { code, message: containing(part) }
}

/** Reads `content` as standard input, in chunks of `chunkBytes`. */
export async function readRows(
  content: string | Uint8Array,
  options: Partial<SourceOptions> = {},
  chunkBytes = 64 * 1024
): Promise<AllRows> {
  return readAll('-', { ...options, stdin: chunked(content, chunkBytes) })
}

/** Reads a file, or what `options.stdin` gives for '-'. */
export async function readAll(path: string, options: Partial<SourceOptions> = {}): Promise<AllRows> {
  const source = await openSource(path, { maxUserIdBytes: MAX_USER_ID_BYTES, ...options })
  const rows: AllRows = { measurements: [], rejects: [], source }
  for await (const batch of source.batches()) {
    for (const row of batch) {
      if (isRejected(row)) rows.rejects.push(row)
      else rows.measurements.push(row)
    }
  }
  return rows
}

export function chunked(content: string | Uint8Array, chunkBytes: number): Readable {
  const bytes = Buffer.from(content)
  function* chunks(): Generator<Buffer> {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes)
  }
  return Readable.from(chunks(), { objectMode: false })
}
