/**
 * What a log takes of its disk and what is left, asked for off the event loop and remembered: whoever only looks gets the
 * last answer, whoever can wait asks anew.
 */
import { opendir, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'

export interface DiskFigures {
  segments: number
  /** All files of the log, those in `quarantine/` included. */
  sizeBytes: number
  /** What the file system has left for a user that is not its administrator. */
  freeBytes: number
  /** Why the last question was not answered, and the figures are older; undefined: it was. */
  problem: string | undefined
}

/** An answer that is older is asked for anew by whoever looks. */
const FRESH_MS = 5000
const SEGMENT_NAME = /^\d{16}\.wal(\.gz)?$/

export class DiskWatcher {
  readonly #directory: string
  #figures: DiskFigures
  #askedMs = performance.now()
  #asking: Promise<DiskFigures> | undefined

  private constructor(directory: string, figures: DiskFigures) {
    this.#directory = directory
    this.#figures = figures
  }

  /** Begins with what recovery has just seen, so that opening a log of many segments asks for nothing but the free space. */
  static async of(directory: string, seen: Pick<DiskFigures, 'segments' | 'sizeBytes'>): Promise<DiskWatcher> {
    return new DiskWatcher(directory, { ...seen, freeBytes: await freeBytesOf(directory), problem: undefined })
  }

  /** The last answer. */
  get figures(): DiskFigures {
    return this.#figures
  }

  /** The last answer; one that is old is asked for anew meanwhile. */
  look(): DiskFigures {
    if (performance.now() - this.#askedMs >= FRESH_MS) void this.ask()
    return this.#figures
  }

  /** Asks the disk; who comes while it is being asked shares the answer. Never rejects: see `problem`. */
  async ask(): Promise<DiskFigures> {
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined))
    return this.#asking
  }

  async #ask(): Promise<DiskFigures> {
    this.#askedMs = performance.now()
    try {
      const used = await usedBy(this.#directory)
      this.#figures = { ...used, freeBytes: await freeBytesOf(this.#directory), problem: undefined }
    } catch (error) {
      this.#figures = { ...this.#figures, problem: error instanceof Error ? error.message : String(error) }
    }
    return this.#figures
  }
}

export async function freeBytesOf(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory)
  return bavail * bsize
}

/** One file after the other: a log of many segments takes one thread of the pool, and little memory. */
export async function usedBy(directory: string): Promise<Pick<DiskFigures, 'segments' | 'sizeBytes'>> {
  const used = { segments: 0, sizeBytes: 0 }
  for await (const entry of await opendir(directory)) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) used.sizeBytes += (await usedBy(path)).sizeBytes
    if (!entry.isFile()) continue
    if (SEGMENT_NAME.test(entry.name)) used.segments++
    used.sizeBytes += await bytesOf(path)
  }
  return used
}

/** 0 for a file that was removed since its name was read. */
async function bytesOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
}
