/** A file that a command leaves: whole or not at all, for its owner's eyes, and never in place of another one by accident. */
import { randomBytes } from 'node:crypto'
import { link, lstat, open, realpath, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { WalError } from '../index.js'

const OWNER_ONLY = 0o600

export interface NewFileOptions {
  /** Whether a file that is there is replaced. */
  force: boolean
}

/** Throws `ERR_WAL_INVALID_ARGUMENT` where a file is there already that may not be replaced. */
export async function refuseExisting(file: string, { force }: NewFileOptions): Promise<void> {
  if (!force && (await exists(file))) throw existing(file)
}

/** Throws `ERR_WAL_INVALID_ARGUMENT` where `file` would lie in `directory`: the log's own files are all that belongs there. */
export async function refuseInside(file: string, directory: string): Promise<void> {
  const [inside, outer] = await Promise.all([realpath(dirname(file)), realpath(directory)].map((path) => path.catch(() => undefined)))
  if (inside === undefined || outer === undefined || !`${inside}${sep}`.startsWith(`${outer}${sep}`)) return
  throw new WalError('ERR_WAL_INVALID_ARGUMENT', `${JSON.stringify(file)} would lie in the directory of the log; allowed: a place outside of it`)
}

/**
 * Writes `text`: to a temporary file beside it, synced, which then gets the name. Throws `ERR_WAL_INVALID_ARGUMENT` where a file
 * is there, `ERR_WAL_PERMISSION`, `ERR_WAL_NO_SPACE`, `ERR_WAL_IO`; nothing is left then.
 */
export async function writeNewFile(file: string, text: string, { force }: NewFileOptions): Promise<void> {
  const temporary = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString('hex')}.tmp`)
  try {
    const handle = await open(temporary, 'wx', OWNER_ONLY)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    if (force) await rename(temporary, file)
    else await nameUnlessTaken(temporary, file)
  } catch (cause) {
    throw cause instanceof WalError ? cause : failed(file, cause as NodeJS.ErrnoException)
  } finally {
    await rm(temporary, { force: true })
  }
}

/** A link fails where the name is taken, also if it was taken just now. */
async function nameUnlessTaken(temporary: string, file: string): Promise<void> {
  try {
    await link(temporary, file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw existing(file)
    // A file system without hard links.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP' && code !== 'ENOSYS') throw error
    await refuseExisting(file, { force: false })
    await rename(temporary, file)
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await lstat(file)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return false
    throw failed(file, error as NodeJS.ErrnoException)
  }
}

function existing(file: string): WalError {
  return new WalError('ERR_WAL_INVALID_ARGUMENT', `${JSON.stringify(file)} is there already; allowed: another name, or --force to replace it`)
}

function failed(file: string, cause: NodeJS.ErrnoException): WalError {
  const code = cause.code === 'EACCES' || cause.code === 'EPERM' ? 'ERR_WAL_PERMISSION' : cause.code === 'ENOSPC' ? 'ERR_WAL_NO_SPACE' : 'ERR_WAL_IO'
  return new WalError(code, `${JSON.stringify(file)} cannot be written: ${cause.message}`, { cause })
}
