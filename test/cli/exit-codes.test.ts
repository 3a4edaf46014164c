/** Proves which answer each error of the package leads to: the table of the README. */
import { describe, expect, it } from 'vitest'
import { ExitCode, exitCodeOf } from '../../lib/cli/exit-codes.js'
import { errorCatalogue, WalError, type WalErrorCode } from '../../lib/index.js'

const EXPECTED: Partial<Record<WalErrorCode, number>> = {
  ERR_WAL_CORRUPT: 1,
  ERR_WAL_CODEC: 1,
  ERR_WAL_INVALID_ARGUMENT: 2,
  ERR_WAL_CONFIG: 2,
  ERR_WAL_TOO_LARGE: 2,
  ERR_WAL_MEASUREMENT: 2,
  ERR_WAL_REPLAY: 2,
  ERR_WAL_LOCKED: 4,
  ERR_WAL_ABORTED: 130
}

describe('exit codes', () => {
  it.each(Object.keys(errorCatalogue) as WalErrorCode[])('%s', (code) => {
    expect(exitCodeOf(new WalError(code, 'x'))).toBe(EXPECTED[code] ?? 3)
  })

  it('an error that is none of the package is I/O', () => {
    expect(exitCodeOf(Object.assign(new Error('x'), { code: 'EIO' }))).toBe(ExitCode.io)
  })
})
