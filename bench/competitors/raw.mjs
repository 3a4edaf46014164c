/** The ceiling: a C++ program that does only the I/O (raw/raw.cc). It is run in place of the child process. */
import { RAW_PROGRAM } from '../harness/native-programs.mjs'
import { FRAME_BYTES, MEASUREMENT_FRAME_BYTES } from '../harness/entries.mjs'

export const name = 'raw'
export const durability =
  'C++ without Node: copy, pwrite and fdatasync of 1 MB batches into a file written before; no checksum'
export const jobs = ['bulk', 'awaited', 'recover', 'lane']

const MODES = { bulk: 'bulk', lane: 'bulk', awaited: 'awaited', recover: 'scan' }

/** Program and arguments for one run of a job. */
export function command({ job, directory, entries, waiters }) {
  const frameBytes = job === 'lane' ? MEASUREMENT_FRAME_BYTES : FRAME_BYTES
  return [RAW_PROGRAM, MODES[job], directory, String(entries), String(frameBytes), String(waiters ?? 1)]
}
