// What a crash leaves of a log that is open in this process: its files, and its ring in shared memory, taken at a moment when
// its writer sleeps. Put back in its place when the log is closed, it is what the next `open` finds after a death; without the
// ring, after a power cut.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Wal } from '../../lib/index.js'
import { sleep } from '../crash/support.js'

const SHARED_MEMORY = '/dev/shm'
/** Time that the writer is given to fall asleep again, between two looks. */
const LOOK_AGAIN_MS = 1

function ringFiles(logId: string): string[] {
  const name = `ingest-wal-${logId.replaceAll('-', '').slice(0, 16)}`
  return readdirSync(SHARED_MEMORY).filter((each) => each.startsWith(name)).map((each) => join(SHARED_MEMORY, each))
}

function filesBelow(directory: string): string[] {
  const found = readdirSync(directory, { recursive: true, withFileTypes: true })
  return found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

/** Undefined when a file went meanwhile. */
function contentsOf(files: readonly string[]): Map<string, Buffer> | undefined {
  try {
    return new Map(files.map((file) => [file, readFileSync(file)]))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function isSame(one: ReadonlyMap<string, Buffer>, other: ReadonlyMap<string, Buffer>): boolean {
  return one.size === other.size && [...one].every(([file, bytes]) => other.get(file)?.equals(bytes))
}

export class CrashImage {
  readonly #directory: string
  readonly #files: ReadonlyMap<string, Buffer>
  readonly #rings: ReadonlyMap<string, Buffer>

  private constructor(directory: string, files: ReadonlyMap<string, Buffer>, rings: ReadonlyMap<string, Buffer>) {
    this.#directory = directory
    this.#files = files
    this.#rings = rings
  }

  /** Files change in their own time; an image is of one moment when two looks have seen the same. */
  static async of(wal: Wal): Promise<CrashImage> {
    const { directory } = wal
    const { logId } = wal.stats()
    const look = (): (Map<string, Buffer> | undefined)[] => [contentsOf(ringFiles(logId)), contentsOf(filesBelow(directory))]
    for (let [rings, files] = look(); ; await sleep(LOOK_AGAIN_MS)) {
      const [nextRings, nextFiles] = look()
      if (rings && files && nextRings && nextFiles && isSame(rings, nextRings) && isSame(files, nextFiles)) {
        return new CrashImage(directory, files, rings)
      }
      ;[rings, files] = [nextRings, nextFiles]
    }
  }

  /** Call when the log is closed. `ring`: whether shared memory is left as well. */
  putBack({ ring }: { ring: boolean }): void {
    for (const name of readdirSync(this.#directory)) rmSync(join(this.#directory, name), { recursive: true })
    for (const [file, bytes] of [...this.#files, ...(ring ? this.#rings : [])]) {
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, bytes, { mode: 0o600 })
    }
  }
}
