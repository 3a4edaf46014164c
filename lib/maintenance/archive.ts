/** Files that leave a log whole: segments that retention moves away, and checkpoints that are kept under a name. */
import { link, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { WalError } from '../errors.js'
import { fromNative, native } from '../native.js'
import { checkpointName, copySynced, makeDirectory, moveDurably, syncDirectory } from './files.js'
import { makeLog, openOnce } from './new-log.js'

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
    // Made by a process that died, it may not be there for good yet.
    await syncDirectory(archive)
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
  // Of a move that was cut short, and that needs no copy this time.
  await rm(temporaryOf(target), { force: true })
  // Another disk; one without links; a move that was cut short before.
  await moveDurably(file, target, async () => rename(await copyDurably(file, target), target))
}

/**
 * Makes a log out of a checkpoint: a new directory, in which it is what recovery begins with. The checkpoint is looked at first,
 * every byte of it. Throws `ERR_WAL_CORRUPT` when it is not whole, `ERR_WAL_NOT_A_LOG` when it is no checkpoint,
 * `ERR_WAL_INVALID_ARGUMENT` when the directory is there and not empty, and what reading and writing throws.
 */
export async function restoreCheckpoint(file: string, target: string): Promise<void> {
  const number = await wholeCheckpoint(file)
  await makeLog(target, 'restoring', async (made) => {
    const copied = join(made, checkpointName(number))
    await rename(await copyDurably(file, copied), copied)
    // What was read a moment ago is not what was copied, until it is looked at again.
    await wholeCheckpoint(copied)
    await syncDirectory(made)
    await openOnce(made)
  })
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
  const temporary = temporaryOf(target)
  try {
    await rm(temporary, { force: true })
    await copySynced(file, temporary)
    return temporary
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

function temporaryOf(target: string): string {
  return `${target}.tmp`
}
