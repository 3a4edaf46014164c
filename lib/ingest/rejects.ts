/** The file of rejected rows: NDJSON, one `{ row, reason, raw }` a line. */
import { constants } from 'node:fs'
import { lstat, open, unlink, type FileHandle } from 'node:fs/promises'
import { WalError } from '../errors.js'
import { safeJson } from '../text/escape.js'
import type { RejectedRow } from './rows.js'

const BUFFER_CHARACTERS = 64 * 1024
/** Rows of measurements are people's data: nobody else's to read. */
const FILE_MODE = 0o600

/**
 * Writes the rejects of one run. A run reads its source from the first row whatever it resumes, so the file is
 * begun anew with the first reject, and after a resumed run holds what an unbroken one would have written.
 * Every method throws `ERR_WAL_SOURCE` naming the file when it cannot be written.
 */
export class RejectFile {
  readonly path: string
  #handle: FileHandle | undefined
  #buffer = ''
  #rows = 0

  /** Touches nothing yet: the file is made at the first reject. */
  constructor(path: string) {
    this.path = path
  }

  /** Rejects taken so far. */
  get rows(): number {
    return this.#rows
  }

  /** Takes rejects in the order of the source; resolves when the buffer has room again. */
  async write(rejects: readonly RejectedRow[]): Promise<void> {
    if (rejects.length === 0) return
    for (const { row, reason, raw } of rejects) this.#buffer += `${safeJson({ row, reason, raw })}\n`
    this.#rows += rejects.length
    if (this.#handle === undefined || this.#buffer.length >= BUFFER_CHARACTERS) await this.#flush()
  }

  /** Writes what is buffered and closes the file. May be called again. */
  async close(): Promise<void> {
    try {
      await this.#flush()
    } finally {
      const handle = this.#handle
      this.#handle = undefined
      await this.#told(async () => handle?.close())
    }
  }

  /**
   * Closes after a source that was read to its end. A run without rejects leaves no file, since one of an earlier
   * run would be taken for its own. Only a regular file is removed.
   */
  async finish(): Promise<void> {
    await this.close()
    if (this.#rows > 0) return
    await this.#told(async () => {
      const status = await lstat(this.path).catch(absent)
      if (status?.isFile() === true) await unlink(this.path)
    })
  }

  async #flush(): Promise<void> {
    if (this.#buffer === '') return
    const text = this.#buffer
    this.#buffer = ''
    await this.#told(async () => {
      this.#handle ??= await createFile(this.path)
      await this.#handle.appendFile(text)
    })
  }

  async #told(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (cause) {
      const { message } = cause as Error
      throw new WalError('ERR_WAL_SOURCE', `the reject file ${this.path} cannot be written: ${message}`, { cause })
    }
  }
}

async function createFile(path: string): Promise<FileHandle> {
  const { O_WRONLY, O_CREAT, O_TRUNC } = constants
  const handle = await open(path, O_WRONLY | O_CREAT | O_TRUNC, FILE_MODE)
  // The mode given to open() is for a file that is made; one that was there keeps its own. Not so for /dev/null,
  // which root would close to everyone else.
  if ((await handle.stat()).isFile()) await handle.chmod(FILE_MODE)
  return handle
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error
}
