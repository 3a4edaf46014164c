/**
 * What the log still tells of one user's past: measurements of finished buffers with the filter's estimates, and checkpoints,
 * commits and rollbacks. Takes the user's entries in order; keeps a bounded number of each.
 */
import type { KalmanState } from '../ingest/kalman.js'
import { readAdd, readCheckpoint, readCommit, readRollback } from '../replay/payloads.js'
import { Operation, type Entry } from '../wal/types.js'
import { decodeIfPossible, estimates, kalmanStateOf, numbersOf, sameState } from './filter-states.js'
import type { StoryMark, StoryPoint } from './log-report.js'

export const MOST_POINTS = 200
export const MOST_MARKS = 60
/** Of buffers that are not finished. With more, the estimates of the buffer are not computed again. */
export const MOST_PENDING = 10_000

interface PendingPoint {
  timestamp: number
  value: number
}

/** A buffer whose end has not come yet. */
interface PendingBuffer {
  /** In order of arrival. */
  points: PendingPoint[]
  firstMs: number
  lastMs: number
  /** Measurements that are not in `points`. */
  others: number
  withoutNumber: number
  /** State of its last checkpoint. */
  base: KalmanState | undefined
}

export class UserTrail {
  readonly points: StoryPoint[] = []
  readonly marks: StoryMark[] = []
  pointsLeftOut = 0
  marksLeftOut = 0
  withoutNumber = 0
  agreeing = 0
  differing = 0
  readonly #pending = new Map<number, PendingBuffer>()

  /** Throws `ERR_WAL_CODEC` where the payload is not of this version. */
  take(entry: Entry): void {
    switch (entry.operation) {
      case Operation.ADD_MEASUREMENT:
        this.#add(entry)
        break
      case Operation.CHECKPOINT: {
        const checkpoint = readCheckpoint(entry.payload)
        const state = kalmanStateOf(decodeIfPossible(checkpoint.value))
        const buffer = this.#pendingBuffer(checkpoint.buffer)
        buffer.base = state
        this.#mark(entry, { ...checkpoint, kind: 'checkpoint', error: '', atMs: buffer.firstMs, state })
        break
      }
      case Operation.COMMIT: {
        const commit = readCommit(entry.payload)
        const state = kalmanStateOf(decodeIfPossible(commit.value))
        const buffer = this.#pending.get(commit.buffer)
        const atMs = buffer?.lastMs ?? state?.lastTimestamp ?? NaN
        this.#mark(entry, { ...commit, attempts: 0, kind: commit.discarded ? 'clear' : 'commit', error: '', atMs, state })
        this.#finishThrough(commit.buffer, commit.discarded ? undefined : commit, state)
        break
      }
      case Operation.ROLLBACK: {
        const rollback = readRollback(entry.payload)
        const state = kalmanStateOf(decodeIfPossible(rollback.value))
        const atMs = this.#pending.get(rollback.buffer)?.lastMs ?? NaN
        this.#mark(entry, { ...rollback, kind: rollback.parked ? 'parked' : 'rollback', atMs, state })
        break
      }
      case Operation.START_BUFFER:
      case Operation.END_BUFFER:
        break
    }
  }

  #add({ payload }: Entry): void {
    const { buffer: number, value } = readAdd(payload)
    const buffer = this.#pendingBuffer(number)
    const point = numbersOf(value instanceof Uint8Array ? decodeIfPossible(value) : value)
    if (point === undefined) {
      buffer.withoutNumber++
      return
    }
    // NaN until the first.
    buffer.firstMs = point.timestamp >= buffer.firstMs ? buffer.firstMs : point.timestamp
    buffer.lastMs = point.timestamp <= buffer.lastMs ? buffer.lastMs : point.timestamp
    if (buffer.points.length < MOST_PENDING) buffer.points.push(point)
    else buffer.others++
  }

  #pendingBuffer(number: number): PendingBuffer {
    let buffer = this.#pending.get(number)
    if (buffer === undefined) {
      buffer = { points: [], firstMs: NaN, lastMs: NaN, others: 0, withoutNumber: 0, base: undefined }
      this.#pending.set(number, buffer)
    }
    return buffer
  }

  #mark({ lsn, timestamp }: Entry, { kind, buffer, count, attempts, error, atMs, state }: Omit<StoryMark, 'lsn' | 'loggedMs'>): void {
    this.marks.push({ kind, lsn, loggedMs: timestamp, buffer, count, attempts, error, atMs, state })
    if (this.marks.length > MOST_MARKS) {
      this.marks.shift()
      this.marksLeftOut++
    }
  }

  /** Buffers up to `number` are done. `commit`: by the replay of the last of them, which came to `state`. */
  #finishThrough(number: number, commit: { count: number } | undefined, state: KalmanState | undefined): void {
    for (const [each, buffer] of [...this.#pending].sort(([one], [other]) => one - other)) {
      if (each > number) break
      this.#pending.delete(each)
      this.withoutNumber += buffer.withoutNumber
      this.#keep(each, buffer, each === number ? commit : undefined, state)
    }
  }

  #keep(number: number, buffer: PendingBuffer, commit: { count: number } | undefined, state: KalmanState | undefined): void {
    const points = buffer.points.sort((one, other) => one.timestamp - other.timestamp)
    // Whose measurements are not all here cannot be replayed.
    const isWhole = commit?.count === points.length && buffer.others === 0 && buffer.withoutNumber === 0
    const states = isWhole && buffer.base !== undefined && state !== undefined ? estimates(buffer.base, points) : []
    const last = states.at(-1)
    const agrees = last !== undefined && state !== undefined && sameState(last, state)
    if (last !== undefined) {
      if (agrees) this.agreeing++
      else this.differing++
    }
    this.pointsLeftOut += buffer.others
    for (const [index, { timestamp, value }] of points.entries()) {
      const known = agrees ? states[index] : undefined
      this.points.push({ ms: timestamp, value, buffer: number, waiting: false, estimate: known?.estimate ?? NaN, variance: known?.variance ?? NaN })
    }
    const tooMany = this.points.length - MOST_POINTS
    if (tooMany <= 0) return
    this.points.splice(0, tooMany)
    this.pointsLeftOut += tooMany
  }
}
