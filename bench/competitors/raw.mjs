/** The ceiling: a C++ program that does only the I/O (raw/raw.cc). It is run in place of the child process. */
import { RAW_PROGRAM } from '../harness/native-programs.mjs'
import { FRAME_BYTES } from '../harness/entries.mjs'

export const name = 'raw'
export const durability =
  'C++ without Node: copy, pwrite and fdatasync of 1 MB batches into a file written before; no checksum'
export const jobs = ['bulk', 'awaited', 'recover']

/** Program and arguments for one run of a job. */
export function command({ job, directory, entries, waiters }) {
  const mode = job.startsWith('awaited') ? 'awaited' : job.startsWith('recover') ? 'scan' : 'bulk'
  return [RAW_PROGRAM, mode, directory, String(entries), String(FRAME_BYTES), String(waiters ?? 1)]
}
