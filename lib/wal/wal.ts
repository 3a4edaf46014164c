/** `Wal`: the log as a service sees it. Everything that touches a file happens in the native core, on its own thread. */
import { EventEmitter } from 'node:events'
import { resolve } from 'node:path'
import type { NativeEvent, NativeHistograms, NativeLog, NativeReader, NativeRecovery, NativeStats } from '../../binding.js'
import { checkpointChannel, openChannel, rotateChannel, syncChannel } from '../diagnostics.js'
import { throwIfAborted, WalError, type WalErrorCode } from '../errors.js'
import {
  Maintenance,
  type CheckpointInfo,
  type CheckpointOptions,
  type CompactOptions,
  type CompactResult,
  type MaintainedLog
} from '../maintenance/maintenance.js'
import { LossLedger } from '../losses/ledger.js'
import type { WalMetrics } from '../metrics/catalogue.js'
import { DiskWatcher, type DiskFigures } from '../metrics/disk-figures.js'
import { logMetrics } from '../metrics/values.js'
import { fromNative, native } from '../native.js'
import type { Appender } from './appender.js'
import { chunksOf, nativeReadOptions } from './chunks.js'
import { entriesOf } from './entries.js'
import type { WalEvents } from './events.js'
import { healthOf, type WalHealth } from './health.js'
import { KnownDamage } from './known-damage.js'
import { NativeAppender } from './native-appender.js'
import { resolveWalOptions, type ResolvedWalOptions, type WalOptions } from './options.js'
import { RingAppender } from './ring-appender.js'
import { closed, eventError, invalidMeasurement, refusal } from './refusals.js'
import { Operation, type ChunksOptions, type EntriesOptions, type Entry, type Damage, type EntryChunk, type EntryLog } from './types.js'
import { abortable, DurableWaiters, ThresholdWaiters } from './waiters.js'

export type WalStats = NativeStats
/** What `Wal.open` found on disk and in shared memory, and did about it. */
export type WalRecovery = NativeRecovery

export class Wal extends EventEmitter<WalEvents> implements EntryLog {
  /** What this start found. */
  readonly recovery: WalRecovery
  readonly directory: string
  readonly maxEntryBytes: number

  readonly #native: NativeLog
  readonly #appender: Appender
  readonly #waiters = new DurableWaiters()
  readonly #maintenance: Maintenance
  /** Whether the log looks after itself. */
  readonly #maintains: boolean
  /** Those who wait for segments to be complete. */
  readonly #completions = new ThresholdWaiters()
  /** Readers of entries that are at work. */
  #readers = 0
  /** What the writer is to be asked for when this turn is over, 0: nothing. */
  #target = 0
  #drainWaiters: Array<{ resolve: () => void; reject: (error: unknown) => void }> = []
  #failure: WalError | undefined
  #closing: Promise<void> | undefined
  #finalStats: WalStats | undefined
  #finalHistograms: NativeHistograms | undefined
  readonly #disk: DiskWatcher
  readonly #damage: KnownDamage
  readonly #losses: LossLedger
  /** Durable LSN of the last message on the channel of syncs. */
  #toldDurableLsn = 0

  private constructor(log: NativeLog, { disk, losses }: Surroundings, directory: string, options: ResolvedWalOptions) {
    super()
    this.#native = log
    this.#disk = disk
    this.#losses = losses
    this.#damage = new KnownDamage(native().damageKinds, log.recovery.damage)
    const memory = log.ringMemory()
    this.#appender = memory === null ? new NativeAppender(log) : new RingAppender(log, memory, native())
    this.recovery = log.recovery
    this.directory = directory
    this.maxEntryBytes = Math.floor(log.stats().queueCapacityBytes / 4) - native().limits.entryOverheadBytes
    this.#maintenance = new Maintenance(this.#maintained(options), options)
    this.#maintains = options.maintenance
    if (this.#maintains) this.#maintenance.start()
    this.on('checkpoint', (checkpoint) => checkpointChannel.publish({ directory: this.directory, ...checkpoint }))
  }

  /**
   * Locks the log's directory, recovers it, and starts its writer.
   * Throws `ERR_WAL_LOCKED` when another writer has it, `ERR_WAL_CORRUPT` with `onCorruption: 'fail'`,
   * `ERR_WAL_NOT_KILL_SAFE` with `requireKillSafe`, `ERR_WAL_NOT_FOUND` and `ERR_WAL_NOT_A_LOG` with `create: false`, and what the
   * disk says.
   */
  static async open(options: WalOptions): Promise<Wal> {
    const given = resolveWalOptions(options)
    // Its paths are used for as long as the log is open, whatever process.chdir does.
    const archiveDirectory = given.archiveDirectory === '' ? '' : resolve(given.archiveDirectory)
    const resolved = { ...given, directory: resolve(given.directory), archiveDirectory }
    throwIfAborted(options.signal)
    // The writer may report before `wal` exists; it reports again when something is asked of it.
    let wal: Wal | undefined
    let log: NativeLog
    try {
      log = await native().open({ ...resolved, onWake: () => (wal === undefined ? undefined : wal.#onWake()) })
    } catch (error) {
      throw fromNative(error)
    }
    wal = new Wal(log, await surroundingsOf(log, resolved.directory), given.directory, resolved)
    wal.#onWake()
    if (options.signal?.aborted) {
      await wal.close()
      throwIfAborted(options.signal)
    }
    openChannel.publish({ directory: wal.directory, wal })
    return wal
  }

  /** LSN of the last entry appended, 0 when there is none. */
  get lastLsn(): number {
    return this.#appender.lastLsn
  }

  /** Everything up to this LSN is on stable storage. */
  get durableLsn(): number {
    // The next writer may go on with the ring of a log that could not be closed.
    return this.#finalStats?.durableLsn ?? this.#appender.durableLsn
  }

  /**
   * Logs one entry and returns its LSN; it now survives the death of the process. Synchronous, no disk access.
   * `payload` is copied. `sequence` is the user's running number, 0 for none.
   * Throws `ERR_WAL_BACKPRESSURE` (nothing was changed; await `drained()`), `ERR_WAL_TOO_LARGE`,
   * `ERR_WAL_INVALID_ARGUMENT`, `ERR_WAL_CLOSED`, `ERR_WAL_FAILED`.
   */
  append(operation: Operation, userId: string, payload?: Uint8Array | null, sequence = 0): number {
    const lsn = this.#appender.append(operation, userId, payload ?? null, sequence)
    if (lsn > 0) return lsn
    throw this.#refused(-lsn, operation, userId, payload?.byteLength ?? 0)
  }

  /**
   * A handle for a user: `appendMeasurement` takes it in place of the id, and is faster with it. Valid while this log is open.
   * Throws `ERR_WAL_INVALID_ARGUMENT`, `ERR_WAL_TOO_LARGE`.
   */
  user(userId: string): number {
    return this.#appender.user(userId)
  }

  /**
   * Logs one measurement that is a time and a number: ADD_MEASUREMENT, with a payload of numbers alone (docs/format.md,
   * "Payloads"). `user` is a handle or an id, `timestamp` is finite, in milliseconds since the Unix epoch. What a replay
   * buffer adds: the user's running number, the number of the buffer, and where the measurement came from (`source` 0: from
   * nowhere that can be read again). Returns and throws what `append` does.
   */
  appendMeasurement(
    user: number | string,
    timestamp: number,
    value: number,
    sequence = 0,
    buffer = 0,
    source = 0,
    position = 0
  ): number {
    // Not a number, an infinity, or no number at all: the difference is not 0.
    const isMeasurement = typeof timestamp === 'number' && timestamp - timestamp === 0 && typeof value === 'number'
    if (!isMeasurement || sequence >>> 0 !== sequence || buffer >>> 0 !== buffer || source >>> 0 !== source || !(position >= 0)) {
      throw invalidMeasurement(timestamp, value, sequence, buffer, source, position)
    }
    const lsn = this.#appender.appendMeasurement(user, timestamp, value, sequence, buffer, source, position)
    if (lsn > 0) return lsn
    throw this.#refused(-lsn, Operation.ADD_MEASUREMENT, String(user), 0)
  }

  /** Whether `entries` entries of together `bytes` bytes of user ids and payloads would all be accepted now. */
  hasRoom(entries: number, bytes: number): boolean {
    if (this.#closing !== undefined) throw closed()
    return this.#appender.hasRoom(entries, bytes)
  }

  /**
   * Resolves when everything up to `lsn` (default: everything so far) is on stable storage. Waiting makes the
   * writer flush at once; all who wait share its sync, and, where they give no signal, one promise. Rejects with the cause
   * when the log fails.
   */
  durable(lsn: number = this.#appender.lastLsn, options?: { signal?: AbortSignal }): Promise<void> {
    if (options?.signal !== undefined) return this.#durableUnlessAborted(lsn, options.signal)
    const last = this.#appender.lastLsn
    if (!Number.isInteger(lsn) || lsn < 0 || lsn > last) {
      const allowed = `a whole number from 0 to ${last}, the last LSN`
      return Promise.reject(new WalError('ERR_WAL_INVALID_ARGUMENT', `lsn is ${lsn}; allowed: ${allowed}`))
    }
    if (lsn <= this.#appender.durableLsn) return Promise.resolve()
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#closing !== undefined) return Promise.reject(closed())
    const { promise, ask } = this.#waiters.wait(lsn, last)
    if (ask === 'now') this.#native.requestDurable(last)
    if (ask !== 'not') this.#request(last)
    return promise
  }

  async #durableUnlessAborted(lsn: number, signal: AbortSignal): Promise<void> {
    throwIfAborted(signal)
    await abortable(this.durable(lsn), signal)
  }

  /**
   * Asks the writer for `target` when the running turn is over, once: those who were woken together append together, and a
   * writer that is asked by the first of them would sync the first of them alone.
   */
  #request(target: number): void {
    const isAsked = this.#target > 0
    this.#target = target
    if (isAsked) return
    this.#native.hold(true)
    queueMicrotask(() => {
      const wanted = this.#target
      this.#target = 0
      // A log that is closing flushes by itself; one that has failed has told its waiters.
      if (this.#closing === undefined && this.#failure === undefined) this.#native.requestDurable(wanted)
    })
  }

  /** Resolves when at least half of the staging ring is free. */
  async drained(options: { signal?: AbortSignal } = {}): Promise<void> {
    throwIfAborted(options.signal)
    if (this.#failure !== undefined) throw this.#failure
    if (this.#call((log) => log.isDrained())) return
    const promise = new Promise<void>((resolve, reject) => this.#drainWaiters.push({ resolve, reject }))
    this.#native.hold(true)
    this.#native.requestDrained()
    await abortable(promise, options.signal)
  }

  /**
   * Every entry appended before this call, in LSN order, from all segments and the ring. Entries that are damaged
   * are passed over and told to `onDamage` and the `corruption` event (with `onCorruption: 'stop'` they end it).
   */
  entries(options: EntriesOptions = {}): AsyncGenerator<Entry, void, undefined> {
    return entriesOf(this.chunks(options))
  }

  /** The same in chunks: several times as fast, with no object for each entry. */
  chunks(options: ChunksOptions = {}): AsyncGenerator<EntryChunk, void, undefined> {
    const reader = this.#call((log) => log.read(nativeReadOptions(options)))
    return chunksOf(() => this.#counted(reader), {
      ...options,
      onDamage: (damage) => {
        options.onDamage?.(damage)
        this.#damage.add(damage)
        this.#losses.add(damage)
        this.emit('corruption', damage)
      }
    })
  }

  /** Figures of this moment. Sizes in bytes. */
  stats(): WalStats {
    return this.#finalStats ?? this.#call((log) => this.#statsOf(log))
  }

  /**
   * Figures of this moment under their Prometheus names (docs/operations.md): numbers, histograms, and numbers by label.
   * What concerns the disk is what was last seen of it; `collectMetrics` looks first.
   */
  get metrics(): WalMetrics {
    return this.#metricsWith(this.#disk.look())
  }

  /** The same after a look at the disk, which the event loop does not wait for. */
  async collectMetrics(): Promise<WalMetrics> {
    return this.#metricsWith(await this.#disk.ask())
  }

  #metricsWith(disk: DiskFigures): WalMetrics {
    return logMetrics({
      stats: this.stats(),
      histograms: this.#finalHistograms ?? this.#call((log) => log.histograms()),
      recovery: this.recovery,
      appendDuration: this.#appender.durations.value(),
      disk,
      maintenance: this.#maintenance.figures(),
      corruptions: this.#damage.counts,
      health: this.health(),
      nowMs: Date.now()
    })
  }

  /** Whether the log does what it promises, and if not, why. */
  health(): WalHealth {
    return healthOf({
      stats: this.stats(),
      failure: this.#failure,
      damage: this.#losses.current,
      losses: this.#losses,
      disk: this.#disk.look(),
      maintenance: this.#maintenance.figures()
    })
  }

  /**
   * Acknowledges every loss that is known now, of this start and of earlier ones: `health()` does not speak of them any more, now
   * and after a restart. Resolves with what was acknowledged, when that is durable. Nothing is repaired by it. Throws
   * `ERR_WAL_PERMISSION`, `ERR_WAL_NO_SPACE`, `ERR_WAL_IO`; nothing is acknowledged then.
   */
  async acknowledgeLoss(): Promise<Damage[]> {
    if (this.#closing !== undefined) throw closed()
    return this.#losses.acknowledge()
  }

  /**
   * Writes a checkpoint of everything appended so far: a compacted copy of what recovery needs, with which the next start
   * begins. With a `label`, a copy of it is kept in the archive. Throws `ERR_WAL_CORRUPT` when the log has lost entries that it
   * would have to hold, `ERR_WAL_INVALID_ARGUMENT`, `ERR_WAL_ABORTED`, and what the disk says; nothing is changed then.
   */
  async checkpoint(options: CheckpointOptions = {}): Promise<CheckpointInfo> {
    if (this.#closing !== undefined) throw closed()
    return this.#maintenance.checkpoint(options)
  }

  /**
   * Writes a checkpoint of everything appended so far, and removes (or archives) what retention does not keep; with `drop` all
   * that is not needed any more. While somebody reads entries, nothing is removed. Throws what `checkpoint` throws.
   */
  async compact(options: CompactOptions = {}): Promise<CompactResult> {
    if (this.#closing !== undefined) throw closed()
    return this.#maintenance.compact(options)
  }

  /**
   * Checkpoints that stand for everything, without the entries that are lost: of what is live, or of the whole history. For
   * repair, which has written down before whose entries those are.
   * @internal
   */
  async checkpointWithoutLost(kept: 'live' | 'history', signal?: AbortSignal): Promise<CheckpointInfo> {
    if (this.#closing !== undefined) throw closed()
    return this.#maintenance.checkpointWithoutLost(kept, signal)
  }

  /**
   * Makes everything durable, seals the last segment, removes the ring and releases the lock. Rejects when something
   * could not be made durable; it then waits in shared memory for the next `open`.
   */
  async close(): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    this.#onWake()
    this.#finalStats = { ...this.#statsOf(this.#native), state: 'closed' }
    this.#finalHistograms = this.#native.histograms()
    this.#appender.close()
    await this.#maintenance.close()
    await this.#losses.close()
    try {
      await this.#native.close()
    } catch (error) {
      throw this.#end(fromNative(error))
    } finally {
      this.#finalStats.lastLsn = this.#native.lastLsn()
      this.#finalStats.durableLsn = this.#native.durableLsn()
      this.#finalStats.queueBytes = 0
    }
    this.#waiters.settle(this.#native.durableLsn())
    this.#end(closed())
  }

  /** Rejects whoever still waits. */
  #end(error: unknown): unknown {
    this.#waiters.rejectAll(error)
    this.#completions.rejectAll(error)
    for (const waiter of this.#drainWaiters.splice(0)) waiter.reject(error)
    return error
  }

  #statsOf(log: NativeLog): WalStats {
    const stats = log.stats()
    return { ...stats, backpressure: stats.backpressure + this.#appender.backpressure }
  }

  #call<Result>(ask: (log: NativeLog) => Result): Result {
    if (this.#closing !== undefined) throw closed()
    try {
      return ask(this.#native)
    } catch (error) {
      throw fromNative(error)
    }
  }

  #onWake(): void {
    for (const event of this.#native.takeEvents()) {
      if (event.kind === 'failed') this.#failure = eventError(event)
      // Each on its own: what a listener throws is an uncaught error, and holds up neither waiters nor other listeners.
      queueMicrotask(() => this.#tell(event))
    }
    // Who is answered while the log closes, and looks, is told the same; then nobody waits any more.
    if (this.#finalStats !== undefined && this.#waiters.size > 0) this.#finalStats.durableLsn = this.#native.durableLsn()
    this.#waiters.settle(this.#native.durableLsn())
    if (this.#completions.size > 0) this.#completions.settle(this.#native.completeThrough())
    if (syncChannel.hasSubscribers) this.#tellSync()
    if (this.#drainWaiters.length > 0 && this.#closing === undefined && this.#native.isDrained()) {
      for (const waiter of this.#drainWaiters.splice(0)) waiter.resolve()
    }
    if (this.#failure !== undefined) this.#end(this.#failure)
    if (this.#waiters.size + this.#completions.size + this.#drainWaiters.length === 0) this.#native.hold(false)
  }

  #tellSync(): void {
    const durableLsn = this.#native.durableLsn()
    if (durableLsn <= this.#toldDurableLsn) return
    this.#toldDurableLsn = durableLsn
    syncChannel.publish({ directory: this.directory, durableLsn })
  }

  #tell(event: NativeEvent): void {
    switch (event.kind) {
      case 'rotate':
        rotateChannel.publish({ directory: this.directory, segment: event.segment, lsn: event.lsn })
        this.emit('rotate', { segment: event.segment, lsn: event.lsn })
        if (this.#maintains) this.#maintenance.onRotate()
        break
      case 'resumed':
        this.emit('resumed', { lsn: event.lsn })
        break
      case 'degraded':
        this.emit('degraded', eventError(event))
        break
      case 'failed':
        this.emit('failed', this.#failure ?? eventError(event))
        break
      case 'corruption':
        break
    }
  }

  #refused(index: number, operation: Operation, userId: string, payloadBytes: number): WalError {
    const code = native().errorCodes[index] as WalErrorCode
    return refusal(code, operation, userId, payloadBytes, this.stats().queueCapacityBytes, this.#failure)
  }

  // --- For maintenance

  /** The reader, counted while it is at work. */
  #counted(reader: NativeReader): NativeReader {
    this.#readers++
    return {
      next: (spare) => reader.next(spare),
      close: () => {
        this.#readers--
        return reader.close()
      }
    }
  }

  #maintained({ directory, segmentBytes }: ResolvedWalOptions): MaintainedLog {
    return {
      directory,
      segmentBytes,
      recovery: this.recovery,
      native: this.#native,
      isRead: () => this.#readers > 0,
      flush: (signal) => this.durable(undefined, { signal }),
      whenComplete: (segment, signal) => this.#whenComplete(segment, signal),
      onCheckpoint: (checkpoint) => queueMicrotask(() => this.emit('checkpoint', checkpoint)),
      onFailure: (job, error) => this.emit('maintenanceFailed', { job, error }),
      onDiskLow: (disk) => queueMicrotask(() => this.emit('diskLow', disk))
    }
  }

  async #whenComplete(segment: number, signal: AbortSignal): Promise<void> {
    if (this.#native.completeThrough() >= segment) return
    if (this.#failure !== undefined) throw this.#failure
    const complete = this.#completions.wait(segment)
    this.#native.hold(true)
    await abortable(complete, signal)
  }
}

/** What lies beside the log. */
interface Surroundings {
  disk: DiskWatcher
  losses: LossLedger
}

/** The log is closed again when they cannot be looked at. */
async function surroundingsOf(log: NativeLog, directory: string): Promise<Surroundings> {
  const { segments, damage } = log.recovery
  const sizeBytes = segments.reduce((bytes, segment) => bytes + segment.fileBytes, 0)
  try {
    const disk = await DiskWatcher.of(directory, { segments: segments.length, sizeBytes })
    // Last, and not beside the other: it writes, which is for who has the lock alone.
    return { disk, losses: await LossLedger.open(directory, damage) }
  } catch (error) {
    await log.close()
    throw error
  }
}
