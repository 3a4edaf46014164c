/** A log that is made of another one: it has its name only when it is whole. */
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { WalError } from '../errors.js'
import { fromNative, native } from '../native.js'
import { makeDirectory, syncDirectory } from './files.js'

const DIRECTORY_MODE = 0o700

/**
 * `fill` is given a directory beside `target`, which gets the name when it has resolved, durably. Throws
 * `ERR_WAL_INVALID_ARGUMENT` when `target` is there and not empty, `ERR_WAL_LOCKED` when somebody makes it right now, and what
 * `fill` throws; nothing is left then.
 */
export async function makeLog<Result>(target: string, suffix: string, fill: (directory: string) => Promise<Result>): Promise<Result> {
  // Without a slash at its end.
  const place = resolve(target)
  const made = `${place}.${suffix}`
  await checkFree(place)
  await makeDirectory(dirname(place))
  await giveUp(made)
  await mkdir(made, { mode: DIRECTORY_MODE })
  let result: Result
  try {
    result = await fill(made)
    await takeFreePlace(made, place)
  } catch (error) {
    await rm(made, { recursive: true, force: true })
    throw error
  }
  await syncDirectory(dirname(place))
  return result
}

/** Opens a log and closes it, which writes what else a log has: its identity. */
export async function openOnce(directory: string): Promise<void> {
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

/**
 * What a run left that was killed. Opened first: its staging ring has the name of the log's id, and would take one of the few
 * that the log itself can have.
 */
async function giveUp(made: string): Promise<void> {
  try {
    await openOnce(made)
  } catch (error) {
    // Otherwise: not there, as a rule; or half a copy, which nobody has ever opened.
    if (!(error instanceof WalError) || error.code === 'ERR_WAL_LOCKED') throw error
  }
  await rm(made, { recursive: true, force: true })
}

async function checkFree(place: string): Promise<void> {
  let names: string[]
  try {
    names = await readdir(place)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return
    if (code !== 'ENOTDIR') throw error
    names = [place]
  }
  if (names.length > 0) throw new WalError('ERR_WAL_INVALID_ARGUMENT', `${place} is there already; allowed: a new or an empty directory`)
}

async function takeFreePlace(made: string, place: string): Promise<void> {
  try {
    await rmdir(place)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') await checkFree(place)
  }
  await rename(made, place)
}
