/** What a report of a log says. Plain data: `collect.ts` makes it, the pages are functions of it. */
import type { KalmanState } from '../ingest/kalman.js'
import type { HistogramValue } from '../metrics/histogram.js'
import type { TaintedUser } from '../recovery/report.js'
import type { LogScan } from '../wal/inspect.js'
import type { OperationName } from '../wal/types.js'

export interface LogReport {
  path: string
  /** When it was made, milliseconds since the Unix epoch. */
  createdMs: number
  verdict: 'clean' | 'torn tail' | 'damaged'
  scan: LogScan
  activity: Activity
  recovery: RecoveryPreview
  /** Those who are shown, the most urgent first. */
  users: UserStory[]
  usersLeftOut: LeftOutUsers
  /** Null where no writer has left any to be seen. */
  syncs: WriterSyncs | null
  /** What this run took, milliseconds. */
  durations: { scan: number; recovery: number; history: number }
}

/** How long syncs have taken, of the running writer or of one that died. */
export interface WriterSyncs {
  /** Seconds. */
  durations: HistogramValue
  /** When the writer began to count, milliseconds since the Unix epoch. */
  beganMs: number
}

/** Entries over the time at which they were logged. */
export interface Activity {
  entries: number
  operations: Record<OperationName, number>
  payloadBytes: number
  users: number
  firstMs: number | null
  lastMs: number | null
  /** How often an entry has an earlier time than the one before it. */
  stepsBack: number
  bucketMs: number
  buckets: ActivityBucket[]
}

export interface ActivityBucket {
  startMs: number
  /** By `Operation`, from 1; 0 is not used. */
  operations: readonly number[]
  payloadBytes: number
}

/** What the next start of a service would find. */
export interface RecoveryPreview {
  /** The error with which it would end; undefined when it would not. */
  failure: string | undefined
  entries: number
  /** Entries that no buffer and no replay wrote. */
  otherEntries: number
  lastLsn: number
  users: number
  measurements: number
  /** Of all users. */
  buffers: Record<WaitingState, number>
  /** The most urgent of them. */
  waiting: WaitingBuffer[]
  tainted: TaintedUser[]
  taintedLeftOut: number
}

/**
 * 'open': it takes measurements. 'ready': it is replayed at the next start. 'replaying': the same, but a replay of it was begun
 * and its outcome is not in the log. 'parked': its replay failed too often and waits to be asked for.
 */
export type WaitingState = 'open' | 'ready' | 'replaying' | 'parked'

export interface WaitingBuffer {
  userId: string
  buffer: number
  state: WaitingState
  measurements: number
  attempts: number
  windowStart: number
  /** Infinity where only the count ends the buffer. */
  windowEnd: number
  tainted: boolean
}

export interface LeftOutUsers {
  users: number
  measurements: number
  /** Asked for by name, and not in the log. */
  unknown: string[]
}

export interface UserStory {
  userId: string
  waiting: WaitingBuffer[]
  taints: TaintedUser[]
  /** Measurements of the user that were ever committed. */
  replayed: number
  /** What the log's last state of the user is: one of the Kalman filter, of something else, or there is none. */
  stateKind: 'kalman' | 'other' | 'none'
  state: KalmanState | undefined
  /** In order of buffers, and of time within each. */
  points: StoryPoint[]
  /** Measurements of finished buffers and of waiting ones that are older than the points. */
  pointsLeftOut: number
  /** Measurements that have no number as their value. */
  withoutNumber: number
  /** Replays of the filter that were computed again and gave the state in the log, and that gave another. */
  agreeing: number
  differing: number
  marks: StoryMark[]
  marksLeftOut: number
}

export interface StoryPoint {
  /** When it was measured, milliseconds since the Unix epoch. */
  ms: number
  value: number
  buffer: number
  /** It waits in a buffer. */
  waiting: boolean
  /** The filter's estimate behind this measurement, and its variance; NaN where it cannot be known. */
  estimate: number
  variance: number
}

export interface StoryMark {
  kind: 'checkpoint' | 'commit' | 'clear' | 'rollback' | 'parked'
  lsn: number
  /** When it was logged. */
  loggedMs: number
  buffer: number
  /** Measurements of the buffer. */
  count: number
  /** Replays that had failed by then. */
  attempts: number
  error: string
  /** Its place on the axis of measurements: where the buffer begins for a checkpoint, else where it ends. NaN: not known. */
  atMs: number
  state: KalmanState | undefined
}
