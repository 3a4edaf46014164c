/** Repairs a copy of a log, and leaves the log itself as it is. */
import { lstat, readdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { throwIfAborted } from '../errors.js'
import { copySynced, makeDirectory, syncDirectory } from '../maintenance/files.js'
import { makeLog } from '../maintenance/new-log.js'
import { noteStep } from '../maintenance/steps.js'
import { ARCHIVED_FILE } from './quarantine.js'
import { lookAt, makeWhole, nothingToRepair, type RepairOptions, type RepairResult } from './repair.js'

/** What nobody has acknowledged is not acknowledged in a copy. */
const LOG_FILE = /^(log\.id|losses\.json|acknowledged\.json|\d{16}\.(wal|wal\.gz|ckpt))$/

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
  const { made, ...done } = await makeLog(place, 'repairing', async (made) => {
    await copyFiles(original, made, LOG_FILE, signal)
    await copyFiles(join(original, 'archive'), join(made, 'archive'), ARCHIVED_FILE, signal)
    noteStep(original, 'repair copied')
    const repaired = await makeWhole(made, before, original, signal)
    // A writer that came meanwhile may have changed what was copied.
    await lookAt(original)
    return { ...repaired, made }
  })
  const report = done.report?.replace(made, place)
  const checkpoint = done.checkpoint && { ...done.checkpoint, file: done.checkpoint.file.replace(made, place) }
  return { ...done, report, checkpoint, directory: target }
}

/** Copies the regular files whose names fit, durably. What is none is no part of a log; a page that nobody can read is zeros in the copy. */
async function copyFiles(from: string, to: string, names: RegExp, signal: AbortSignal | undefined): Promise<void> {
  const found = await readdir(from).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  })
  if (found.length === 0) return
  await makeDirectory(to, dirname(to))
  for (const name of found.filter((each) => names.test(each))) {
    throwIfAborted(signal)
    if (!(await lstat(join(from, name))).isFile()) continue
    await copySynced(join(from, name), join(to, name), 'zeros')
  }
  await syncDirectory(to)
}
