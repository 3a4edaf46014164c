/**
 * The one error type of the package. Codes that the native core can give come from
 * `native/core/status.h`; those that only TypeScript gives are added here. docs/errors.md explains each,
 * and a test fails when a code is missing there or listed without being here.
 */

/** Every code with the sentence docs/errors.md repeats. */
export const errorCatalogue = Object.freeze({
  ERR_WAL_LOCKED: 'Another writer has this log open.',
  ERR_WAL_BACKPRESSURE: 'The staging ring is full; nothing was changed. Await drained() and try again.',
  ERR_WAL_TOO_LARGE: 'A user id, a payload or an entry is larger than the log can hold.',
  ERR_WAL_INVALID_ARGUMENT: 'An argument or an option has a value that is not allowed.',
  ERR_WAL_CLOSED: 'The log was closed before or during the call.',
  ERR_WAL_FAILED: 'The log could not be written even to a fresh segment; it takes no more entries.',
  ERR_WAL_CORRUPT: 'Stored bytes are damaged and the log was told not to pass over damage.',
  ERR_WAL_FORMAT_VERSION: 'The log was written by a newer version of the format.',
  ERR_WAL_NOT_A_LOG: 'The path is not a log directory or a segment file.',
  ERR_WAL_NOT_KILL_SAFE: 'Shared memory is not available and requireKillSafe is set.',
  ERR_WAL_NO_SPACE: 'The disk or the quota is full.',
  ERR_WAL_NOT_FOUND: 'A file or directory does not exist.',
  ERR_WAL_PERMISSION: 'The operating system refused access.',
  ERR_WAL_IO: 'Reading or writing failed.',
  ERR_WAL_ABORTED: 'The call was aborted through its signal.',
  ERR_WAL_CONFIG: 'The configuration has an unknown key or a value that is not allowed.',
  ERR_WAL_CODEC: 'A value could not be encoded, or stored bytes could not be decoded.',
  ERR_WAL_MEASUREMENT: 'A measurement cannot be accepted as it is.',
  ERR_WAL_REPLAY: 'A replay was asked for that cannot be done.',
  ERR_WAL_SOURCE: 'A measurement source cannot be read, or is not the one that was logged before.',
  ERR_WAL_NATIVE: 'The native module could not be loaded.',
} as const)

export type WalErrorCode = keyof typeof errorCatalogue

export interface WalErrorDetails {
  /** Log sequence number the error is about. */
  lsn?: number
  /** Segment number and byte offset the error is about. */
  segment?: number
  offset?: number
  /** errno of the failed system call. */
  errno?: number
  cause?: unknown
}

/** An error of the log. `code` is stable; the message is for people. */
export class WalError extends Error {
  readonly code: WalErrorCode
  // Declared, not defined: an error has only what there is to say.
  declare readonly lsn?: number
  declare readonly segment?: number
  declare readonly offset?: number
  declare readonly errno?: number

  constructor(code: WalErrorCode, message: string, details: WalErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'WalError'
    this.code = code
    if (details.lsn !== undefined) this.lsn = details.lsn
    if (details.segment !== undefined) this.segment = details.segment
    if (details.offset !== undefined) this.offset = details.offset
    if (details.errno !== undefined) this.errno = details.errno
  }
}

/** Throws `ERR_WAL_ABORTED` when the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new WalError('ERR_WAL_ABORTED', 'the call was aborted', { cause: signal.reason })
}
