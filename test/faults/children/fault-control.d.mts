export type Call =
  | 'none' | 'write' | 'sync' | 'allocate' | 'truncate' | 'open' | 'rename' | 'unlink' | 'map' | 'memory'
  | 'directory sync' | 'lock' | 'read'
export type FaultError = 'EIO' | 'ENOSPC' | 'EDQUOT' | 'EINTR' | 'EMFILE' | 'EOPNOTSUPP' | 'short' | 'torn' | 'death' | 'lie'

export const CALLS: readonly Call[]
export const ERRORS: Readonly<Record<FaultError, number>>
export function errorsOf(call: Call): FaultError[]

export interface Fault {
  call: Call
  error: FaultError
  from: number
  always: boolean
}

export class FaultControl {
  constructor(path: string, prefix?: string)
  arm(fault: Fault): void
  disarm(): void
  counts(): { count: number; hits: number }
  note(lastLsn: number, durableLsn: number): void
  noted(): { lastLsn: number; durableLsn: number }
  close(): void
}
