/** Files that leave a log whole: segments that retention moves away, and checkpoints that are kept under a name. */
import { constants } from 'node:fs'
import { copyFile, link, mkdir, open, rename, rm, rmdir } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { WalError } from '../errors.js'
import { fromNative, native } from '../native.js'
import { checkpointName, syncDirectory } from './files.js'

const DIRECTORY_MODE = 0o700
const FILE_MODE = 0o600
const LABEL = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/

/** Throws `ERR_WAL_INVALID_ARGUMENT` unless a file can be named so. */
export function checkLabel(label: unknown): asserts label is string {
  if (typeof label === 'string' && LABEL.test(label)) return
  throw new WalError(
    'ERR_WAL_INVALID_ARGUMENT',
    `label is ${typeof label === 'string' ? JSON.stringify(label) : String(label)}; allowed: 1 to 100 letters, digits, dots, ` +
      'underscores and hyphens, the first a letter or a digit'
  )
}

/** Copies a checkpoint to `LABEL.ckpt` in `archive`, durably. Throws `ERR_WAL_INVALID_ARGUMENT` when there is one of that label. */
export async function archiveCheckpoint(file: string, archive: string, label: string): Promise<string> {
  await makeDirectory(archive)
  const target = join(archive, `${label}.ckpt`)
  const temporary = await copyDurably(file, target)
  try {
    // A link, and not a rename: it takes the place of nothing.
    await link(temporary, target)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
    throw new WalError('ERR_WAL_INVALID_ARGUMENT', `label is ${JSON.stringify(label)}, and ${target} is there already; allowed: a new one`)
  } finally {
    await rm(temporary, { force: true })
  }
  await syncDirectory(archive)
  return target
}

/** Moves a file into `archive`, onto another disk too; it has its new name for good before the old one is given up. */
export async function moveToArchive(file: string, archive: string): Promise<void> {
  await makeDirectory(archive)
  const target = join(archive, basename(file))
  try {
    // A rename has no moment at which both names are there, and a power cut may take both.
    await link(file, target)
  } catch {
    // Another disk; one without links; a move that was cut short before.
    await rename(await copyDurably(file, target), target)
  }
  await syncDirectory(archive)
  await rm(file)
  await syncDirectory(dirname(file))
}

/**
 * Makes a log out of a checkpoint: a new directory, in which it is what recovery begins with. The checkpoint is looked at first,
 * every byte of it. Throws `ERR_WAL_CORRUPT` when it is not whole, `ERR_WAL_NOT_A_LOG` when it is no checkpoint,
 * `ERR_WAL_INVALID_ARGUMENT` when the directory is there and not empty, and what reading and writing throws.
 */
export async function restoreCheckpoint(file: string, target: string): Promise<void> {
  const number = await wholeCheckpoint(file)
  // Without a slash at its end.
  const directory = resolve(target)
  const parent = dirname(directory)
  await mkdir(parent, { recursive: true, mode: DIRECTORY_MODE })
  const made = `${directory}.restoring`
  // What a run left that was killed, with its staging ring.
  await openOnce(made).catch(() => undefined)
  await rm(made, { recursive: true, force: true })
  await mkdir(made, { mode: DIRECTORY_MODE })
  try {
    const copied = join(made, checkpointName(number))
    await rename(await copyDurably(file, copied), copied)
    // What was read a moment ago is not what was copied, until it is looked at again.
    await wholeCheckpoint(copied)
    await syncDirectory(made)
    await openOnce(made)
    await takeEmptyPlace(made, directory)
  } catch (error) {
    await rm(made, { recursive: true, force: true })
    throw error
  }
  await syncDirectory(parent)
}

/** Writes what else a log has, its identity. */
async function openOnce(directory: string): Promise<void> {
  const { open, limits } = native()
  try {
    const log = await open({
      directory,
      segmentBytes: limits.minSegmentBytes,
      batchIntervalMs: 1,
      batchBytes: 1,
      queueBytes: limits.minQueueBytes,
      requireKillSafe: false,
      create: false,
      onCorruption: 'skip',
      onWake: () => undefined
    })
    await log.close()
  } catch (error) {
    throw fromNative(error)
  }
}

async function takeEmptyPlace(made: string, directory: string): Promise<void> {
  try {
    await rmdir(directory)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code !== 'ENOENT') {
      throw new WalError('ERR_WAL_INVALID_ARGUMENT', `${directory} is there already; allowed: a new or an empty directory`, { cause })
    }
  }
  await rename(made, directory)
}

/** The number of the checkpoint that a file is. */
async function wholeCheckpoint(file: string): Promise<number> {
  let scan: Awaited<ReturnType<ReturnType<typeof native>['scan']>>
  try {
    scan = await native().scan(file)
  } catch (error) {
    throw fromNative(error)
  }
  const [checkpoint] = scan.checkpoints
  const [damage] = scan.damage
  if (damage !== undefined || checkpoint?.state === 'damaged') {
    throw new WalError('ERR_WAL_CORRUPT', `${file} is damaged: ${damage?.detail ?? 'it is not whole'}; nothing was restored`)
  }
  if (checkpoint === undefined) throw new WalError('ERR_WAL_NOT_A_LOG', `${file} is a segment; allowed: a checkpoint`)
  return checkpoint.number
}

/** A copy beside `target`, on stable storage. Returns its temporary name. */
async function copyDurably(file: string, target: string): Promise<string> {
  const temporary = `${target}.tmp`
  try {
    await rm(temporary, { force: true })
    await copyFile(file, temporary, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
    const handle = await open(temporary, 'r+')
    try {
      await handle.chmod(FILE_MODE)
      await handle.sync()
    } finally {
      await handle.close()
    }
    return temporary
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

async function makeDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE })
  if (first !== undefined) await syncDirectory(dirname(first))
}
