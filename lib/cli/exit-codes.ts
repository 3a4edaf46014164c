/** What the process answers, and which error leads to which answer. */
import { WalError, type WalErrorCode } from '../index.js'

export const ExitCode = Object.freeze({
  /** Nothing is wrong. A torn tail is clean: it was never acknowledged as durable. */
  clean: 0,
  /** Stored bytes are damaged. */
  corruption: 1,
  /** The command line or the configuration asks for something that there is not. */
  usage: 2,
  /** The log cannot be read or written: not there, not a log, no permission, of a newer format, an I/O error. */
  io: 3,
  /** A live writer has the log. */
  locked: 4,
  /** Ctrl-C: 128 and the number of SIGINT, as shells have it. */
  interrupted: 130
} as const)

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

// A full record: a new error code does not compile before its answer is decided.
const BY_ERROR_CODE: Readonly<Record<WalErrorCode, ExitCode>> = {
  ERR_WAL_LOCKED: ExitCode.locked,
  ERR_WAL_BACKPRESSURE: ExitCode.io,
  ERR_WAL_TOO_LARGE: ExitCode.usage,
  ERR_WAL_INVALID_ARGUMENT: ExitCode.usage,
  ERR_WAL_CLOSED: ExitCode.io,
  ERR_WAL_FAILED: ExitCode.io,
  ERR_WAL_CORRUPT: ExitCode.corruption,
  // Not corruption: the bytes may be sound, this version of the program cannot tell.
  ERR_WAL_FORMAT_VERSION: ExitCode.io,
  ERR_WAL_NOT_A_LOG: ExitCode.io,
  ERR_WAL_NOT_KILL_SAFE: ExitCode.io,
  ERR_WAL_NO_SPACE: ExitCode.io,
  ERR_WAL_NOT_FOUND: ExitCode.io,
  ERR_WAL_PERMISSION: ExitCode.io,
  ERR_WAL_IO: ExitCode.io,
  ERR_WAL_ABORTED: ExitCode.interrupted,
  ERR_WAL_CONFIG: ExitCode.usage,
  ERR_WAL_CODEC: ExitCode.corruption,
  ERR_WAL_MEASUREMENT: ExitCode.usage,
  ERR_WAL_REPLAY: ExitCode.usage,
  ERR_WAL_SOURCE: ExitCode.io,
  ERR_WAL_NATIVE: ExitCode.io
}

export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof WalError ? BY_ERROR_CODE[error.code] : ExitCode.io
}
