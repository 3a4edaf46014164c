/** The events of a log. */
import type { WalError } from '../errors.js'
import type { CheckpointInfo, DiskLow } from '../maintenance/maintenance.js'

/** What each event carries. */
export interface WalEvents {
  /** A new segment was begun: its number, and the LSN of its first entry. */
  rotate: [{ segment: number; lsn: number }]
  /** Damage met while reading. */
  corruption: [{ segment: number; offset: number; firstLsn: number; lastLsn: number; kind: string }]
  /** The disk is full: entries wait in the ring. */
  degraded: [WalError]
  /** Space has come back, and everything that waited was written. */
  resumed: [{ lsn: number }]
  /** The log takes no more entries. */
  failed: [WalError]
  /** A checkpoint was written. */
  checkpoint: [CheckpointInfo]
  /** Something that the log does for itself has failed; it is tried again. */
  maintenanceFailed: [{ job: string; error: WalError }]
  /** The disk, or the log's budget of it, is about to be full. */
  diskLow: [DiskLow]
  /** `recover` has finished on this log. */
  recovered: [unknown]
}
