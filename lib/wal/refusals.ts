/** Why a log refuses a call, in words. */
import type { NativeEvent } from '../../binding.js'
import { WalError, type WalErrorCode } from '../errors.js'
import { native } from '../native.js'
import type { Operation } from './types.js'

/** Why an entry was not taken. */
export function refusal(
  code: WalErrorCode,
  operation: Operation,
  userId: string,
  payloadBytes: number,
  queueBytes: number,
  failure: WalError | undefined
): WalError {
  const { limits } = native()
  switch (code) {
    case 'ERR_WAL_BACKPRESSURE':
      return new WalError(code, 'the staging ring is full; nothing was changed: await drained() and append again')
    case 'ERR_WAL_TOO_LARGE':
      return new WalError(
        code,
        `an entry of ${Buffer.byteLength(userId)} bytes of user id and ${payloadBytes} bytes of payload is ` +
          `too large; allowed: user ids up to ${limits.maxUserIdBytes} bytes, entries up to a quarter of queueBytes ` +
          `(${queueBytes})`
      )
    case 'ERR_WAL_FAILED':
      return failure ?? new WalError(code, 'the log has failed and takes no more entries')
    case 'ERR_WAL_CLOSED':
      return closed()
    default:
      return new WalError(
        'ERR_WAL_INVALID_ARGUMENT',
        `append(${String(operation)}, …) was refused; allowed: an Operation, a string, a Uint8Array or null, and a ` +
          'sequence from 0 to 4294967295'
      )
  }
}

export function closed(): WalError {
  return new WalError('ERR_WAL_CLOSED', 'the log is closed')
}

export function eventError(event: NativeEvent): WalError {
  const code = event.kind === 'failed' ? 'ERR_WAL_FAILED' : (event.code as WalErrorCode)
  return new WalError(code, event.message, { errno: event.errno, segment: event.segment, lsn: event.lsn })
}

export function invalidMeasurement(...given: unknown[]): WalError {
  return new WalError(
    'ERR_WAL_INVALID_ARGUMENT',
    `appendMeasurement(user, ${given.map(String).join(', ')}) was refused; allowed: a finite timestamp, a number, then ` +
      'sequence, buffer and source from 0 to 4294967295 and a position from 0'
  )
}
