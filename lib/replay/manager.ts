/**
 * `ReplayManager`: replays ended buffers through the service's processor. CHECKPOINT, with the state to fall back to, is
 * logged before; COMMIT, with the new state, after success; ROLLBACK after a failure. So whatever moment a crash picks,
 * a replay has either happened whole or not at all.
 */
import { EventEmitter } from 'node:events'
import { inspect } from 'node:util'
import { replayChannel } from '../diagnostics.js'
import { throwIfAborted, WalError } from '../errors.js'
import { Histogram, type HistogramValue } from '../metrics/histogram.js'
import { Operation } from '../wal/types.js'
import type { RecoveryReport } from '../recovery/report.js'
import type { ReplayBuffer } from './buffer.js'
import type { BufferRecord } from './buffer-record.js'
import { inTimeOrder, type Measurement } from './measurement.js'
import { PayloadWriter, type RollbackPayload } from './payloads.js'
import { MemoryStateStore, type StateStore } from './state-store.js'

export interface ReplayContext {
  userId: string
  /** Failed replays of this buffer before this one. */
  attempts: number
  signal: AbortSignal | undefined
}

/**
 * The service's own function: one measurement, in time order, into the user's state. What it returns is the new state;
 * when it returns undefined, the state that it was given (and may have changed) is. `state` and `measurement` are copies of
 * its own, made anew for each attempt.
 */
export type MeasurementProcessor<State> = (
  state: State,
  measurement: Measurement,
  context: ReplayContext
) => State | undefined | void | Promise<State | undefined | void>

export interface ReplayManagerOptions<State> {
  buffer: ReplayBuffer
  processMeasurement: MeasurementProcessor<State>
  /** State of a user that has none yet: a value (each user gets a copy of its own), or a function of the user id. */
  initialState?: State | ((userId: string) => State)
  /** Failed replays of a buffer after which it is parked (3). */
  maxAttempts?: number
  stateStore?: StateStore<State>
  /** Whether `replay` resolves only when its COMMIT or ROLLBACK is on stable storage (true; always with a `stateStore`). */
  waitDurable?: boolean
}

export interface ReplayResult<State> {
  status: 'committed' | 'rolled_back'
  userId: string
  /** Buffers and measurements committed by this call. */
  buffers: number
  measurements: number
  /** The user's state after it. */
  state: State
  /** LSN of the last COMMIT or ROLLBACK, 0 when nothing was to be replayed or there is no log. */
  lsn: number
  /** Failed replays of the buffer that is the oldest now. */
  attempts: number
  parked: boolean
  /** Why it was rolled back. */
  error?: unknown
}

export interface ReplayManagerStats {
  /** Replays of a buffer since this manager was made, by their outcome. */
  committed: number
  rolledBack: number
  /** Measurements of those committed. */
  measurements: number
  /** How long they took, whatever the outcome, in seconds. */
  duration: HistogramValue
}

export interface ReplayEvents {
  checkpoint: [{ userId: string; lsn: number; buffer: number }]
  commit: [{ userId: string; lsn: number; buffer: number; measurements: number }]
  rollback: [{ userId: string; lsn: number; buffer: number; attempts: number; parked: boolean; error: unknown }]
}

const DEFAULT_MAX_ATTEMPTS = 3

export class ReplayManager<State = unknown> extends EventEmitter<ReplayEvents> {
  readonly #buffer: ReplayBuffer
  readonly #process: MeasurementProcessor<State>
  readonly #initialState: State | ((userId: string) => State) | undefined
  readonly #maxAttempts: number
  readonly #store: StateStore<State>
  readonly #waitDurable: boolean
  readonly #payloads = new PayloadWriter()
  readonly #replayed = new Map<string, number>()
  /** States that were committed and that the store has not taken yet. */
  readonly #unstored = new Map<string, State>()
  readonly #counts = { committed: 0, rolledBack: 0, measurements: 0 }
  /** 100 µs to 52 s. */
  readonly #duration = new Histogram(0.0001, 20)

  constructor(options: ReplayManagerOptions<State>) {
    super()
    if (typeof options.processMeasurement !== 'function') {
      throw new WalError('ERR_WAL_INVALID_ARGUMENT', `processMeasurement is ${typeof options.processMeasurement}; allowed: a function`)
    }
    const maxAttempts = options.maxAttempts ?? DEFAULT_MAX_ATTEMPTS
    if (!Number.isInteger(maxAttempts) || maxAttempts < 1) {
      throw new WalError('ERR_WAL_INVALID_ARGUMENT', `maxAttempts is ${String(maxAttempts)}; allowed: a whole number from 1`)
    }
    this.#buffer = options.buffer
    this.#process = options.processMeasurement
    this.#initialState = options.initialState
    this.#maxAttempts = maxAttempts
    this.#store = options.stateStore ?? new MemoryStateStore<State>()
    // A store of the service's own may outlive a power cut: it is never given a state that the log may still lose.
    this.#waitDurable = options.stateStore !== undefined || (options.waitDurable ?? true)
  }

  /**
   * Replays the user's ended buffers, oldest first, until all are committed or one fails; when none is ended, the open
   * one is ended first. A parked buffer is tried again. Throws `ERR_WAL_REPLAY` while a replay of the user runs,
   * `ERR_WAL_ABORTED` when the signal fires (rolled back, the attempt not counted), and what the log throws.
   */
  async replay(userId: string, options: { signal?: AbortSignal } = {}): Promise<ReplayResult<State>> {
    return replayChannel.tracePromise(() => this.#replay(userId, options.signal), { userId })
  }

  async #replay(userId: string, signal: AbortSignal | undefined): Promise<ReplayResult<State>> {
    throwIfAborted(signal)
    this.#buffer.setReplaying(userId, true)
    try {
      return await this.#replayAll(userId, signal)
    } finally {
      this.#buffer.setReplaying(userId, false)
    }
  }

  /** Replays every ready user that is not parked, one behind the other. */
  async replayReady(options: { signal?: AbortSignal } = {}): Promise<Array<ReplayResult<State>>> {
    const results: Array<ReplayResult<State>> = []
    for (const userId of this.#buffer.readyUsers()) results.push(await this.replay(userId, options))
    return results
  }

  /** Users whose oldest buffer failed `maxAttempts` times; `replay(userId)` tries again. */
  parkedUsers(): string[] {
    return this.#buffer.parkedUsers()
  }

  /** The user's state: what the last COMMIT said, else the store's, else the initial one. */
  async state(userId: string): Promise<State> {
    if (this.#unstored.has(userId)) return this.#unstored.get(userId) as State
    const stored: State | undefined = await this.#store.get(userId)
    if (stored !== undefined) return stored
    return this.#initial(userId)
  }

  /** States of all users that have one, where the store can list them. */
  states(): Map<string, State> {
    return new Map(this.#store.entries?.() ?? [])
  }

  /** What was replayed since this manager was made. */
  stats(): ReplayManagerStats {
    return { ...this.#counts, duration: this.#duration.value() }
  }

  /** Measurements of the user that were ever committed. */
  replayedMeasurements(userId: string): number {
    return this.#replayed.get(userId) ?? 0
  }

  /** Takes over the states that `recover` found. */
  async recoverFromWal(report: RecoveryReport): Promise<void> {
    for (const user of report.users.values()) {
      this.#replayed.set(user.userId, user.replayed)
      if (user.hasState) await this.#store.set(user.userId, user.state as State)
    }
  }

  async #replayAll(userId: string, signal: AbortSignal | undefined): Promise<ReplayResult<State>> {
    await this.#storeState(userId)
    const done = { status: 'committed' as const, userId, buffers: 0, measurements: 0, lsn: 0, attempts: 0, parked: false }
    const ended = await this.#endedRecords(userId)
    let state: State = await this.state(userId)
    for (const record of ended) {
      const startedAt = performance.now()
      const outcome = await this.#replayOne(userId, record, state, signal).finally(() => {
        this.#duration.record((performance.now() - startedAt) / 1000)
      })
      if (outcome.error !== undefined) {
        const { attempts, parked } = record
        return { ...done, status: 'rolled_back', state, lsn: outcome.lsn, attempts, parked, error: outcome.error.cause }
      }
      state = outcome.state
      done.buffers++
      done.measurements += record.measurements.length
      done.lsn = outcome.lsn
    }
    return { ...done, state }
  }

  async #endedRecords(userId: string): Promise<readonly BufferRecord[]> {
    for (;;) {
      try {
        const ended = this.#buffer.endedRecords(userId)
        return ended.length > 0 ? ended : this.#buffer.endedRecords(userId, 'requested')
      } catch (error) {
        const log = this.#buffer.journal.log
        if (!(error instanceof WalError) || error.code !== 'ERR_WAL_BACKPRESSURE' || log === undefined) throw error
        await log.drained()
      }
    }
  }

  async #replayOne(
    userId: string,
    record: BufferRecord,
    before: State,
    signal: AbortSignal | undefined
  ): Promise<{ lsn: number; state: State; error?: { cause: unknown } }> {
    const { journal, codec } = this.#buffer
    const count = record.measurements.length
    const replayed = this.replayedMeasurements(userId)
    const about = { buffer: record.number, count, lastRow: record.lastRow }
    const fallback = copyOf(codec.encode(before))
    const checkpoint = { ...about, attempts: record.attempts, replayed, value: fallback }
    const lsn = await journal.writeWhenRoom(Operation.CHECKPOINT, userId, () => this.#payloads.checkpoint(checkpoint))
    this.emit('checkpoint', { userId, lsn, buffer: record.number })
    let value: Uint8Array
    try {
      value = copyOf(codec.encode(await this.#run(userId, record, codec.decode(fallback) as State, signal)))
    } catch (cause) {
      return { lsn: await this.#rollBack(userId, record, fallback, cause, signal), state: before, error: { cause } }
    }
    // What is kept is what the log would give back, not the processor's own object.
    const state = codec.decode(value) as State
    const commit = { ...about, discarded: false, replayed: replayed + count, value }
    let committed: number
    try {
      committed = await journal.writeWhenRoom(Operation.COMMIT, userId, () => this.#payloads.commit(commit))
    } catch (cause) {
      if (!isTooLarge(cause)) throw cause
      return { lsn: await this.#rollBack(userId, record, fallback, cause, signal), state: before, error: { cause } }
    }
    this.#replayed.set(userId, replayed + count)
    this.#counts.committed++
    this.#counts.measurements += count
    this.#unstored.set(userId, state)
    this.#buffer.removeOldest(userId)
    if (this.#waitDurable) await journal.log?.durable(committed)
    await this.#storeState(userId)
    this.emit('commit', { userId, lsn: committed, buffer: record.number, measurements: count })
    return { lsn: committed, state }
  }

  /** A state is kept here until the store has it, so that a store that fails loses none. */
  async #storeState(userId: string): Promise<void> {
    if (!this.#unstored.has(userId)) return
    await this.#store.set(userId, this.#unstored.get(userId) as State)
    this.#unstored.delete(userId)
  }

  async #run(userId: string, record: BufferRecord, copy: State, signal: AbortSignal | undefined): Promise<State> {
    const context: ReplayContext = { userId, attempts: record.attempts, signal }
    const { codec } = this.#buffer
    let state = copy
    for (const original of inTimeOrder(record.measurements)) {
      throwIfAborted(signal)
      const measurement = codec.decode(codec.encode(original)) as Measurement
      const result = this.#process(state, measurement, context)
      const next = isThenable(result) ? await result : result
      if (next !== undefined) state = next
    }
    return state
  }

  async #rollBack(
    userId: string,
    record: BufferRecord,
    fallback: Uint8Array,
    cause: unknown,
    signal: AbortSignal | undefined
  ): Promise<number> {
    const aborted = signal?.aborted === true
    const attempts = record.attempts + (aborted ? 0 : 1)
    const parked = record.parked || attempts >= this.#maxAttempts
    const payload = {
      buffer: record.number,
      count: record.measurements.length,
      lastRow: record.lastRow,
      attempts,
      parked,
      replayed: this.replayedMeasurements(userId),
      error: cause instanceof Error ? cause.message : inspect(cause),
      value: fallback
    }
    const lsn = await this.#logRollback(userId, payload)
    record.attempts = attempts
    record.parked = parked
    this.#counts.rolledBack++
    // The log says this state now, also of a user that had none before.
    this.#unstored.set(userId, this.#buffer.codec.decode(fallback) as State)
    if (this.#waitDurable) await this.#buffer.journal.log?.durable(lsn)
    await this.#storeState(userId)
    this.emit('rollback', { userId, lsn, buffer: record.number, attempts, parked, error: cause })
    if (aborted) throwIfAborted(signal)
    return lsn
  }

  /** A state that fills an entry leaves no room for the text of the error. */
  async #logRollback(userId: string, payload: RollbackPayload): Promise<number> {
    const { journal } = this.#buffer
    try {
      return await journal.writeWhenRoom(Operation.ROLLBACK, userId, () => this.#payloads.rollback(payload))
    } catch (error) {
      if (!isTooLarge(error)) throw error
      return journal.writeWhenRoom(Operation.ROLLBACK, userId, () => this.#payloads.rollback({ ...payload, error: '' }))
    }
  }

  #initial(userId: string): State {
    if (typeof this.#initialState === 'function') return (this.#initialState as (userId: string) => State)(userId)
    const { codec } = this.#buffer
    return codec.decode(codec.encode(this.#initialState)) as State
  }
}

function copyOf(bytes: Uint8Array): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes)
}

function isTooLarge(error: unknown): boolean {
  return error instanceof WalError && error.code === 'ERR_WAL_TOO_LARGE'
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
