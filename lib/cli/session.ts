/** What every command is given: where to write, when to stop, and where to leave its answer. */
import type { Command } from 'commander'
import { WalError } from '../index.js'
import type { ExitCode } from './exit-codes.js'
import type { Output } from './output.js'

export interface CliSession {
  readonly output: Output
  /** Fires on SIGINT and SIGTERM, and when the reader of stdout is gone. */
  readonly signal: AbortSignal
  /** What the process will answer; the command sets it. */
  exitCode: ExitCode
}

/** Adds one command to the program. */
export type RegisterCommand = (program: Command, session: CliSession) => void

/** What `promise` gives, or `ERR_WAL_ABORTED` as soon as `signal` fires: the work behind it is left alone. */
export async function unlessAborted<Result>(promise: Promise<Result>, signal: AbortSignal): Promise<Result> {
  let onAbort!: () => void
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(new WalError('ERR_WAL_ABORTED', 'interrupted', { cause: signal.reason }))
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
