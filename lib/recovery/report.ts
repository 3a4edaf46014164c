/** What recovery tells: per user, and about the log as a whole. Plain data. */
import type { BufferRecord } from '../replay/buffer-record.js'
import type { Damage } from '../wal/types.js'

/** One user, as the log's entries leave it. */
export interface RecoveredUser {
  userId: string
  /** Last running number of the user's entries. */
  sequence: number
  /** Number of the user's newest buffer. */
  lastBuffer: number
  /** Whether the log says a state. */
  hasState: boolean
  state: unknown
  /** Measurements of the user that were ever committed. */
  replayed: number
  /** Buffers that wait, oldest first. The last one may be open. */
  buffers: BufferRecord[]
}

/** A user some of whose entries are lost, with what that means. */
export interface TaintedUser {
  userId: string
  /** Number of the buffer concerned, 0 when none is known. */
  buffer: number
  /** Lost entries of the user, as far as it is known. */
  lost: number
  /**
   * 'measurements': the buffer misses some. 'outcome': whether its replay was committed, or it was cleared, is lost, so it
   * runs again from its checkpoint. 'unproven': entries are lost, and nothing proves that none of them was this user's.
   */
  reason: 'measurements' | 'outcome' | 'unproven'
}

/** How far a source that can be read again was logged. */
export interface RecoveredSource {
  source: number
  /** Row of the last measurement logged. */
  position: number
  /** Whose it was, and its time in milliseconds since the Unix epoch: to know the source again. */
  userId: string
  timestamp: number
}

export interface RecoveryReport {
  users: Map<string, RecoveredUser>
  /** Users with a buffer that is to be replayed (again). */
  readyUsers: string[]
  tainted: TaintedUser[]
  /** Stretches of the log that are lost, with the range of LSNs. */
  damage: Damage[]
  sources: Map<number, RecoveredSource>
  entries: number
  /** Entries that no buffer or replay wrote: the service's own. */
  otherEntries: number
  lastLsn: number
  openBuffers: number
  endedBuffers: number
  /** Measurements that wait in buffers. */
  measurements: number
  durationMs: number
}
