// What the tests of this folder share: a directory for each test, logs that are closed after it, and a check that no rejection
// goes unhandled, whatever a test does.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect } from 'vitest'
import { Wal, WalError, type EntriesOptions, type Entry, type WalOptions } from '../../lib/index.js'

/** Never flushes by itself: what has to do with the ring can be seen. */
export const QUIET = { batchIntervalMs: 3_600_000 }
export const SMALLEST_RING = { queueBytes: 1 << 16 }

export interface TestLog {
  /** The directory of the running test. */
  readonly directory: string
  /** Opens the log in it; closed after the test. */
  open: (options?: Partial<WalOptions>) => Promise<Wal>
}

export function useTestLog(): TestLog {
  let directory = ''
  const opened: Wal[] = []
  const unhandled: unknown[] = []
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason)

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'ingest-wal-wal-'))
    process.on('unhandledRejection', onUnhandled)
  })
  afterEach(async () => {
    await Promise.allSettled(opened.splice(0).map((wal) => wal.close()))
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', onUnhandled)
    rmSync(directory, { recursive: true })
    expect(unhandled.splice(0)).toEqual([])
  })
  return {
    get directory() {
      return directory
    },
    open: async (options = {}) => {
      const wal = await Wal.open({ directory, segmentBytes: 1 << 20, ...options })
      opened.push(wal)
      return wal
    }
  }
}

export async function entriesOf(wal: Wal, options?: EntriesOptions): Promise<Entry[]> {
  const entries: Entry[] = []
  for await (const entry of wal.entries(options)) entries.push(entry)
  return entries
}

export async function lsnsOf(wal: Wal, options?: EntriesOptions): Promise<number[]> {
  return (await entriesOf(wal, options)).map((entry) => entry.lsn)
}

/** What `call` throws. */
export function errorOf(call: () => unknown): WalError {
  try {
    call()
  } catch (error) {
    if (error instanceof WalError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

export function code(expected: string): { code: string; name: string } {
  return { code: expected, name: 'WalError' }
}

/** first, first + 1, …, last */
export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}
