// Buffers and replays in a few lines: the rules of the page "What comes back after a crash", without a log. What a service holds,
// and what the next one finds of it, is compared with that.
import type { ReplayBufferSettings } from '../../lib/index.js'

export const HOUR_MS = 3_600_000

export type Rules = Required<ReplayBufferSettings> & { maxAttempts: number }

/** A measurement: number `row` of the program, which fails in the replays before attempt `failures` (from 0). */
export interface Row {
  row: number
  timestamp: number
  failures: number
}

export interface State {
  rows: number[]
}

interface Buffer {
  number: number
  windowStart: number
  windowEnd: number
  maxMeasurements: number
  minMeasurements: number
  rows: Row[]
  ended: string | undefined
  attempts: number
  parked: boolean
}

interface User {
  lastNumber: number
  buffers: Buffer[]
  state: State | undefined
  replayed: number
}

export interface Outcome {
  status: 'committed' | 'rolled_back'
  buffers: number
  measurements: number
  state: State
  attempts: number
  parked: boolean
}

/** What happens while measurement number `at` of a replay is processed, from 1. */
export type Interruption = { at: number } & ({ do: 'die' } | { do: 'cut power' } | { do: 'abort' } | { do: 'add'; row: Row })

export class ServiceModel {
  rules: Rules
  nowMs = 0
  /** The last row of the source that was taken. */
  position = 0
  #users = new Map<string, User>()
  /** What a power cut brings back: everything, as it was when the log was last made durable. */
  #durable = { position: 0, users: new Map<string, User>() }

  constructor(rules: Rules) {
    this.rules = rules
  }

  /** Everything is durable now. */
  synced(): void {
    this.#durable = { position: this.position, users: structuredClone(this.#users) }
  }

  cutPower(): void {
    this.position = this.#durable.position
    this.#users = structuredClone(this.#durable.users)
  }

  add(userId: string, row: Row): { size: number; ready: boolean; reason: string | undefined } {
    const user = this.#userOf(userId)
    let open = user.buffers.at(-1)
    if (open?.ended !== undefined) open = undefined
    const { timestamp } = row
    const nowMs = this.rules.clock === 'event' ? Math.max(timestamp, ...(open?.rows ?? []).map((each) => each.timestamp)) : this.nowMs
    const reason = open === undefined ? undefined : dueReason(open, nowMs)
    if (open !== undefined && reason !== undefined) {
      open.ended = reason
      open = undefined
    }
    open ??= this.#begin(user, this.rules.clock === 'event' ? timestamp : this.nowMs)
    open.rows.push(row)
    // One that was just begun is as late as what is in it, not as what was before it.
    open.ended = this.#reasonOf(open)
    this.position = Math.max(this.position, row.row)
    const oldest = user.buffers[0] as Buffer
    return { size: sizeOf(user), ready: oldest.ended !== undefined && !oldest.parked, reason: oldest.ended }
  }

  clear(userId: string): number {
    const user = this.#users.get(userId)
    const count = user === undefined ? 0 : sizeOf(user)
    if (user !== undefined) user.buffers = []
    return count
  }

  /** Ends what is due, or what is open when nothing is ended; gives the buffers that are to be replayed. */
  beginReplay(userId: string): Buffer[] {
    const buffers = this.#users.get(userId)?.buffers ?? []
    const open = buffers.at(-1)
    if (open !== undefined && open.ended === undefined) open.ended = this.#reasonOf(open) ?? (buffers.length === 1 ? 'requested' : undefined)
    return buffers.filter(({ ended }) => ended !== undefined)
  }

  replay(userId: string, interruption?: Interruption): Outcome | 'aborted' | 'crashed' {
    const done = { buffers: 0, measurements: 0 }
    let processed = 0
    let isAborted = false
    for (const buffer of this.beginReplay(userId)) {
      const user = this.#userOf(userId)
      // CHECKPOINT: the state that it falls back to is in the log.
      user.state ??= { rows: [] }
      const rows = [...user.state.rows]
      for (const { row, failures } of inTimeOrder(buffer.rows)) {
        if (isAborted) return this.#rollBack(buffer, done, userId, true)
        if (++processed === interruption?.at) {
          if (interruption.do === 'die' || interruption.do === 'cut power') return 'crashed'
          if (interruption.do === 'add') this.add(userId, interruption.row)
          else isAborted = true
        }
        if (failures > buffer.attempts) return this.#rollBack(buffer, done, userId, isAborted)
        rows.push(row)
      }
      user.state = { rows }
      user.replayed += buffer.rows.length
      user.buffers.shift()
      done.buffers++
      done.measurements += buffer.rows.length
      this.synced()
    }
    return { ...done, status: 'committed', state: this.stateOf(userId), attempts: 0, parked: false }
  }

  /** ROLLBACK: nothing of the buffer is applied; an attempt that was aborted does not count. */
  #rollBack(buffer: Buffer, done: Pick<Outcome, 'buffers' | 'measurements'>, userId: string, isAborted: boolean): Outcome | 'aborted' {
    if (!isAborted) buffer.attempts++
    buffer.parked ||= buffer.attempts >= this.rules.maxAttempts
    this.synced()
    const { attempts, parked } = buffer
    return isAborted ? 'aborted' : { ...done, status: 'rolled_back', state: this.stateOf(userId), attempts, parked }
  }

  stateOf(userId: string): State {
    return this.#users.get(userId)?.state ?? { rows: [] }
  }

  users(): string[] {
    return [...this.#users.keys()].filter((userId) => this.#bufferOf(userId) !== undefined).sort()
  }

  readyUsers(): string[] {
    return this.users().filter((userId) => {
      const oldest = this.#bufferOf(userId) as Buffer
      return !oldest.parked && this.#reasonOf(oldest) !== undefined
    })
  }

  /** Everything that a service says of itself. */
  holdings(): unknown {
    const known = [...this.#users].filter(([, { state }]) => state !== undefined).sort()
    return {
      waiting: this.users().map((userId) => [userId, this.#users.get(userId)?.buffers]),
      states: known.map(([userId, { state }]) => [userId, state]),
      replayed: known.map(([userId, { replayed }]) => [userId, replayed]),
      ready: this.readyUsers(),
      parked: this.users().filter((userId) => this.#bufferOf(userId)?.parked)
    }
  }

  #bufferOf(userId: string): Buffer | undefined {
    return this.#users.get(userId)?.buffers[0]
  }

  #userOf(userId: string): User {
    const user = this.#users.get(userId) ?? { lastNumber: 0, buffers: [], state: undefined, replayed: 0 }
    this.#users.set(userId, user)
    return user
  }

  #begin(user: User, windowStart: number): Buffer {
    const { triggerMode, bufferHours, maxBufferMeasurements, minMeasurements } = this.rules
    const windowEnd = triggerMode === 'time_based' ? windowStart + bufferHours * HOUR_MS : Infinity
    const limits = { windowStart, windowEnd, maxMeasurements: maxBufferMeasurements, minMeasurements }
    const buffer: Buffer = { number: ++user.lastNumber, ...limits, rows: [], ended: undefined, attempts: 0, parked: false }
    user.buffers.push(buffer)
    return buffer
  }

  #reasonOf(buffer: Buffer): string | undefined {
    if (buffer.ended !== undefined) return buffer.ended
    return dueReason(buffer, this.rules.clock === 'event' ? Math.max(...buffer.rows.map(({ timestamp }) => timestamp)) : this.nowMs)
  }
}

function dueReason({ rows, maxMeasurements, minMeasurements, windowEnd }: Buffer, nowMs: number): string | undefined {
  if (rows.length >= maxMeasurements) return 'full'
  return nowMs >= windowEnd && rows.length >= minMeasurements ? 'window' : undefined
}

function sizeOf({ buffers }: User): number {
  return buffers.reduce((size, { rows }) => size + rows.length, 0)
}

function inTimeOrder(rows: readonly Row[]): Row[] {
  return [...rows].sort((a, b) => a.timestamp - b.timestamp)
}
