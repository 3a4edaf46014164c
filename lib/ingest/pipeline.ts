/**
 * The main job: rows of a source through buffers, log and processor.
 *
 *   rows ──> ReplayBuffer.add (logged, with its row number) ──> full or window passed ──> ReplayManager.replay
 *
 * Run again after a crash, it goes on behind the last logged row. What a user's state becomes depends on nothing but
 * the user's rows and the log's decisions, so any number of crashes ends in the states of an unbroken run.
 */
import { throwIfAborted, WalError } from '../errors.js'
import { native } from '../native.js'
import type { RecoveredSource } from '../recovery/report.js'
import type { AddResult, ReplayBuffer } from '../replay/buffer.js'
import type { Measurement, Origin } from '../replay/measurement.js'
import type { ReplayManager } from '../replay/manager.js'
import type { Wal } from '../wal/wal.js'
import type { RejectFile } from './rejects.js'
import { isRejected, type MeasurementRow, type RejectedRow } from './rows.js'
import type { MeasurementSource } from './source.js'

/** What the job needs of a service; `openReplayService` gives it. */
export interface IngestService {
  readonly wal: Wal
  readonly buffer: ReplayBuffer
  readonly manager: ReplayManager<never> | ReplayManager
  readonly recovery: { readonly sources: ReadonlyMap<number, RecoveredSource> }
}

export interface IngestProgress {
  /** Rows read, those of earlier runs included. */
  rows: number
  rejected: number
  /** Measurements committed by this run. */
  replayed: number
  /** Bytes of the source read so far, and how many there are where that is known. */
  readBytes: number
  totalBytes: number | undefined
}

export interface IngestOptions {
  /**
   * What the source is called in the log. A source with a name is read on behind its last logged row by the next run;
   * without a name every run takes all rows.
   */
  sourceName?: string
  rejects?: RejectFile
  /** Leave buffers that are not ready as they are at the end, for the next source (false: replay them too). */
  keepOpen?: boolean
  /** Called after each batch of rows. */
  onProgress?: (progress: IngestProgress) => void
  signal?: AbortSignal
}

export interface IngestSummary {
  /** Rows of the source. */
  rows: number
  /** Rows that could not be read; each is in the reject file. */
  rejected: number
  /** Rows that this run logged; those up to `resumedAfter` were logged or rejected by the runs before. */
  logged: number
  /** Row behind which this run went on; 0 when it began at the first. */
  resumedAfter: number
  /** Measurements that this run committed, and replays that failed. */
  replayed: number
  rolledBack: number
  /** Users whose replay failed as often as allowed. */
  parkedUsers: string[]
}

/** The number under which a named source stands in the log. */
export function sourceNumber(name: string): number {
  const number = native().crc32c(Buffer.from(name))
  return number === 0 ? 1 : number
}

/**
 * Takes the source to its end. Rows that cannot be read are counted and rejected; a replay that fails is tried again
 * until it is parked. Everything is on stable storage when it resolves. Throws `ERR_WAL_SOURCE` when the source breaks
 * off or is not the one that was logged under its name, `ERR_WAL_ABORTED`, and what the log throws.
 */
export async function ingest(service: IngestService, source: MeasurementSource, options: IngestOptions = {}): Promise<IngestSummary> {
  return new Ingestion(service, source, options).run()
}

class Ingestion {
  readonly #service: IngestService
  readonly #source: MeasurementSource
  readonly #options: IngestOptions
  readonly #number: number
  readonly #resumed: RecoveredSource | undefined
  readonly #parked: Set<string>
  readonly #summary: IngestSummary

  constructor(service: IngestService, source: MeasurementSource, options: IngestOptions) {
    this.#service = service
    this.#source = source
    this.#options = options
    this.#number = options.sourceName === undefined ? 0 : sourceNumber(options.sourceName)
    this.#resumed = service.recovery.sources.get(this.#number)
    this.#parked = new Set(service.manager.parkedUsers())
    const resumedAfter = this.#resumed?.position ?? 0
    this.#summary = { rows: 0, rejected: 0, logged: 0, resumedAfter, replayed: 0, rolledBack: 0, parkedUsers: [] }
  }

  async run(): Promise<IngestSummary> {
    const { wal, buffer, manager } = this.#service
    // What was ready when the last run died is replayed before its user gets further rows.
    for (const userId of buffer.readyUsers()) await this.#replay(userId)
    for await (const batch of this.#source.batches()) {
      await this.#takeBatch(batch)
      this.#tellProgress()
    }
    if (this.#summary.rows < this.#summary.resumedAfter) throw this.#anotherSource(`it has only ${this.#summary.rows} rows`)
    if (this.#options.keepOpen !== true) {
      for (const userId of buffer.users().sort()) if (!this.#parked.has(userId)) await this.#replay(userId)
    }
    await wal.durable()
    this.#tellProgress()
    this.#summary.parkedUsers = manager.parkedUsers().sort()
    return this.#summary
  }

  async #takeBatch(batch: ReadonlyArray<MeasurementRow | RejectedRow>): Promise<void> {
    const rejects: RejectedRow[] = []
    for (const row of batch) {
      throwIfAborted(this.#options.signal)
      this.#summary.rows = row.row
      if (isRejected(row)) rejects.push(row)
      else if (row.row > this.#summary.resumedAfter) await this.#take(row)
      else if (row.row === this.#summary.resumedAfter) this.#checkResumedRow(row)
    }
    this.#summary.rejected += rejects.length
    await this.#options.rejects?.write(rejects)
  }

  #checkResumedRow(row: MeasurementRow): void {
    const logged = this.#resumed
    if (logged === undefined || (row.userId === logged.userId && row.timestamp === logged.timestamp)) return
    throw this.#anotherSource(`its row ${row.row} is of user ${JSON.stringify(row.userId)} at ${row.timestamp}`)
  }

  #anotherSource(found: string): WalError {
    const { position, userId, timestamp } = this.#resumed ?? { position: 0, userId: '', timestamp: 0 }
    return new WalError(
      'ERR_WAL_SOURCE',
      `${this.#source.name} is not the source that was logged under this name: ${found}, but row ${position} was logged ` +
        `of user ${JSON.stringify(userId)} at ${timestamp}; allowed: the same source, longer or not, or another name`
    )
  }

  async #take(row: MeasurementRow): Promise<void> {
    const { userId, timestamp, value, fields } = row
    const measurement: Measurement = fields === undefined ? { timestamp, value } : { timestamp, value, fields }
    const origin = this.#number === 0 ? undefined : { source: this.#number, position: row.row }
    const added = this.#tryAdd(userId, measurement, origin) ?? (await this.#addWhenRoom(userId, measurement, origin))
    this.#summary.logged++
    if (added.ready && !this.#parked.has(userId)) await this.#replay(userId)
  }

  /** Undefined when the ring is full. */
  #tryAdd(userId: string, measurement: Measurement, origin: Origin | undefined): AddResult | undefined {
    try {
      return this.#service.buffer.add(userId, measurement, origin)
    } catch (error) {
      if (error instanceof WalError && error.code === 'ERR_WAL_BACKPRESSURE') return undefined
      throw error
    }
  }

  async #addWhenRoom(userId: string, measurement: Measurement, origin: Origin | undefined): Promise<AddResult> {
    const { signal } = this.#options
    for (;;) {
      await this.#service.wal.drained(signal === undefined ? {} : { signal })
      const added = this.#tryAdd(userId, measurement, origin)
      if (added !== undefined) return added
    }
  }

  /** Until the user's buffers are committed, or the oldest is parked. */
  async #replay(userId: string): Promise<void> {
    for (;;) {
      throwIfAborted(this.#options.signal)
      const result = await this.#service.manager.replay(userId)
      this.#summary.replayed += result.measurements
      if (result.status === 'committed') return
      this.#summary.rolledBack++
      if (result.parked) {
        this.#parked.add(userId)
        return
      }
    }
  }

  #tellProgress(): void {
    const { rows, rejected, replayed } = this.#summary
    const { readBytes, totalBytes } = this.#source
    this.#options.onProgress?.({ rows, rejected, replayed, readBytes, totalBytes })
  }
}
