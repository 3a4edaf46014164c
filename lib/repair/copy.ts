/** Repairs a copy of a log, and leaves the log itself as it is. */
import { constants } from 'node:fs'
import { copyFile, lstat, mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { throwIfAborted, WalError } from '../errors.js'
import { syncDirectory } from '../maintenance/files.js'
import { noteStep } from '../maintenance/steps.js'
import { logLimits } from '../native.js'
import { Wal } from '../wal/wal.js'
import { lookAt, makeWhole, nothingToRepair, type RepairOptions, type RepairResult } from './repair.js'

const DIRECTORY_MODE = 0o700
const LOG_FILE = /^(log\.id|\d{16}\.(wal|wal\.gz|ckpt))$/
const ARCHIVED = /^.+\.(ckpt|wal|wal\.gz)$/

/**
 * Makes a log in `target` of what is sound in the one in `directory`, which is not changed and must not be open. `target` is new, or
 * an empty directory; it has its name only when it is whole. Throws what `repairLog` throws, and `ERR_WAL_INVALID_ARGUMENT` when
 * `target` is there and not empty, or when a process that died has left what a copy cannot take along.
 */
export async function repairCopy(directory: string, target: string, { signal }: RepairOptions = {}): Promise<RepairResult> {
  const original = resolve(directory)
  const place = resolve(target)
  const before = await lookAt(original)
  if (before.damage.length === 0) return nothingToRepair(directory)
  await checkFree(place)
  await mkdir(dirname(place), { recursive: true, mode: DIRECTORY_MODE })
  const made = `${place}.repairing`
  await giveUp(made)
  let result: Omit<RepairResult, 'directory'>
  try {
    await mkdir(made, { mode: DIRECTORY_MODE })
    await copyFiles(original, made, LOG_FILE, signal)
    await copyFiles(join(original, 'archive'), join(made, 'archive'), ARCHIVED, signal)
    noteStep(original, 'repair copied')
    result = await makeWhole(made, before, original, signal)
    // A writer that came meanwhile may have changed what was copied.
    await lookAt(original)
    await takeFreePlace(made, place)
  } catch (error) {
    await rm(made, { recursive: true, force: true })
    throw error
  }
  await syncDirectory(dirname(place))
  const report = result.report === undefined ? undefined : result.report.replace(made, place)
  const checkpoint = result.checkpoint === undefined ? undefined : { ...result.checkpoint, file: result.checkpoint.file.replace(made, place) }
  return { ...result, report, checkpoint, directory: target }
}

/**
 * What a run left that was killed. Opened first: its staging ring has the name of the log's id, and would take one of the few
 * that the log itself can have.
 */
async function giveUp(made: string): Promise<void> {
  const { minSegmentBytes: segmentBytes, minQueueBytes: queueBytes } = logLimits()
  try {
    await (await Wal.open({ directory: made, create: false, maintenance: false, segmentBytes, queueBytes })).close()
  } catch (error) {
    // Not there, as a rule; or what is there is half a copy, which nobody has opened.
    if (!(error instanceof WalError)) throw error
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

/** Copies the regular files whose names fit, durably. What is none is no part of a log. */
async function copyFiles(from: string, to: string, names: RegExp, signal: AbortSignal | undefined): Promise<void> {
  const found = await readdir(from).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  })
  if (found.length === 0) return
  await mkdir(to, { recursive: true, mode: DIRECTORY_MODE })
  for (const name of found.filter((each) => names.test(each))) {
    throwIfAborted(signal)
    if (!(await lstat(join(from, name))).isFile()) continue
    await copyFile(join(from, name), join(to, name), constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
    const handle = await open(join(to, name), 'r+')
    try {
      await handle.chmod(0o600)
      await handle.sync()
    } finally {
      await handle.close()
    }
  }
  await syncDirectory(to)
}
