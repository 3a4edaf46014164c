/**
 * What a log does for itself: writes checkpoints, removes what is not needed any more, and watches the disk. Decisions are
 * made elsewhere (plan.ts, retention.ts, disk-watch.ts); this carries them out, each step durable before the next is taken:
 *
 *   rotate ──> plan ──> checkpoint written, read back, named ──> only then anything is removed
 *
 * What is removed by the word of two checkpoints is removed only when this process has seen both whole: the one that recovery
 * began with, those that it wrote, and, while it knows of one alone, an older one that it has read for that.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { NativeCheckpoint, NativeLog, NativeRecovery } from '../../binding.js'
import { throwIfAborted, WalError } from '../errors.js'
import { freeBytesOf } from '../metrics/disk-figures.js'
import { checkpointDurations, type MaintenanceFigures } from '../metrics/maintenance-figures.js'
import { scanLog } from '../wal/inspect.js'
import { archiveCheckpoint, checkLabel, moveToArchive } from './archive.js'
import { LogClock, SYSTEM_CLOCKS, type Clocks } from './clock.js'
import { writeCheckpoint } from './compaction.js'
import { CompressionJob } from './compression.js'
import { diskWarnings } from './disk-watch.js'
import { listLogFiles, syncDirectory, type LogFiles } from './files.js'
import { LoadGate } from './load.js'
import { decideRetention, removableThrough, type RetentionRules } from './retention.js'
import { Scheduler, type MaintenanceJob } from './scheduler.js'
import { SegmentTimes } from './segment-times.js'
import { noteStep } from './steps.js'

export interface MaintenanceSettings {
  checkpointBytes: number
  checkpointIntervalMs: number
  retentionDays: number
  compression: 'gzip' | 'none'
  diskBudgetBytes: number
  archiveDirectory: string
}

/** What maintenance needs of the log that it maintains. */
export interface MaintainedLog {
  readonly directory: string
  readonly segmentBytes: number
  readonly recovery: Pick<NativeRecovery, 'checkpoints' | 'segments' | 'damage'>
  readonly native: Pick<NativeLog, 'rotate' | 'completeThrough' | 'retire' | 'retireUncompressed' | 'stats'>
  /** Whether somebody reads entries: nothing is removed meanwhile. */
  isRead(): boolean
  /** Makes everything appended so far durable. */
  flush(signal: AbortSignal): Promise<void>
  /** Resolves when all segments up to this one are complete. */
  whenComplete(segment: number, signal: AbortSignal): Promise<void>
  onCheckpoint(checkpoint: CheckpointInfo): void
  onFailure(job: string, error: WalError): void
  onDiskLow(disk: DiskLow): void
}

export interface CheckpointInfo {
  /** It stands for everything up to this LSN. */
  lsn: number
  number: number
  /** Its path. */
  file: string
  entries: number
  /** Its size on the disk. */
  bytes: number
}

export interface DiskLow {
  freeBytes: number
  /** A sentence for each thing that is wrong. */
  reasons: string[]
}

export interface CheckpointOptions {
  /** Keeps a copy of the checkpoint in the archive, as LABEL.ckpt. */
  label?: string
  signal?: AbortSignal
}

export interface CompactOptions {
  /**
   * Removes all that is not needed any more, whatever retention says (false). For that, a second checkpoint is written where the
   * one before the newest covers less, so that the newest and its backup are both small.
   */
  drop?: boolean
  signal?: AbortSignal
}

export interface CompactResult {
  /** The newest checkpoint; undefined in a log that never held an entry. */
  checkpoint: CheckpointInfo | undefined
  /** Numbers of segments and checkpoints that were removed or archived. */
  removedSegments: number[]
  removedCheckpoints: number[]
}

interface Whole {
  number: number
  coveredSegment: number
  info: CheckpointInfo
}

type Removed = Pick<CompactResult, 'removedSegments' | 'removedCheckpoints'>

const DAY_MS = 24 * 3_600_000
/** Time between two looks at the disk when nothing happens. */
const DISK_LOOK_MS = 600_000
/** Time until the next look at what waits for the log to be less busy; and until the first, which leaves recovery to itself. */
const SOON_MS = 250
/** A checkpoint that is due waits for a quieter moment no longer than until so many times its bytes were logged. */
const OVERDUE_FACTOR = 4

export class Maintenance {
  readonly #log: MaintainedLog
  readonly #settings: MaintenanceSettings
  readonly #clock: LogClock
  readonly #scheduler: Scheduler
  readonly #load: LoadGate
  /** Checkpoints that this process knows to be whole, the oldest first. */
  readonly #whole: Whole[]
  /** Older ones that recovery has not read, the newest last. */
  readonly #unread: NativeCheckpoint[]
  readonly #times: SegmentTimes
  /** Segments that were given up: their files may be there a while. */
  readonly #retired = new Set<number>()
  /** Bytes that had gone to complete segments when the last checkpoint was written; less than 0: before this start. */
  #checkpointedBytes: number
  #checkpointedAtMs: number
  #retentionDueAtMs = 0
  #soon: NodeJS.Timeout | undefined
  #diskReasons: readonly string[] = []
  readonly #durations = checkpointDurations()
  #written = 0
  #removedSegments = 0
  #compressedSegments = 0

  constructor(log: MaintainedLog, settings: MaintenanceSettings, clocks: Clocks = SYSTEM_CLOCKS) {
    this.#log = log
    this.#settings = settings
    const { checkpoints, segments, damage } = log.recovery
    const base = checkpoints.find(({ state }) => state === 'base')
    const isWhole = base !== undefined && damage.every(({ file }) => file !== base.file)
    const live = segments.filter(({ covered }) => !covered)
    const newestMs = Math.max(base?.created ?? 0, ...live.map(({ lastTimestamp }) => lastTimestamp))
    this.#clock = new LogClock(newestMs, clocks)
    this.#whole = isWhole ? [wholeOf(log.directory, base)] : []
    this.#unread = isWhole ? checkpoints.filter(({ number, state }) => number < base.number && state !== 'damaged') : []
    this.#checkpointedBytes = -live.reduce((sum, { endOffset }) => sum + endOffset, 0)
    const since = base?.created ?? live[0]?.firstTimestamp ?? 0
    this.#checkpointedAtMs = -(since > 0 ? Math.max(0, this.#clock.nowMs - since) : 0)
    this.#times = new SegmentTimes(log.directory)
    this.#load = new LoadGate({ writtenBytes: () => log.native.stats().writtenBytes, monotonicMs: clocks.monotonicMs })
    const retention = this.#retentionJob()
    const checkpoint = this.#checkpointJob()
    this.#scheduler = new Scheduler({
      // Before a checkpoint, too: what a process that died has left may go at once.
      jobs: [retention, checkpoint, retention, ...(settings.compression === 'gzip' ? [this.#compressionJob(checkpoint)] : [])],
      monotonicMs: clocks.monotonicMs,
      onFailure: (job, error) => log.onFailure(job, error)
    })
  }

  /** From now on it works by itself. Keeps no process alive. */
  start(): void {
    this.#scheduler.start()
    this.#lookSoon()
  }

  /** A segment was begun. */
  onRotate(): void {
    if (this.#settings.diskBudgetBytes > 0) this.#retentionDueAtMs = 0
    this.#scheduler.look()
  }

  /** Stops at the next safe place. */
  async close(): Promise<void> {
    clearTimeout(this.#soon)
    await this.#scheduler.close()
  }

  /** What it did and what is wrong, for metrics and health. */
  figures(): MaintenanceFigures {
    const held = this.#scheduler.failures.get('checkpoint')
    const isHeld = held?.error.code === 'ERR_WAL_CORRUPT'
    const failures = [...this.#scheduler.failures].filter(([job]) => !(isHeld && job === 'checkpoint'))
    return {
      checkpoints: this.#written,
      checkpointDuration: this.#durations.value(),
      checkpointLsn: this.#whole.at(-1)?.info.lsn ?? 0,
      checkpointedMs: Date.now() - (this.#clock.elapsedMs - this.#checkpointedAtMs),
      compressedSegments: this.#compressedSegments,
      removedSegments: this.#removedSegments,
      held: isHeld ? held.error.message : undefined,
      failures: failures.map(([job, { error }]) => `${job} failed and is tried again: ${error.message}`),
      warnings: this.#diskReasons
    }
  }

  async checkpoint({ label, signal }: CheckpointOptions): Promise<CheckpointInfo> {
    if (label !== undefined) checkLabel(label)
    throwIfAborted(signal)
    return this.#scheduler.exclusively(async (ending) => {
      const newest = await this.#checkpointOfAll(ending)
      if (newest === undefined) throw new WalError('ERR_WAL_INVALID_ARGUMENT', 'the log holds nothing that a checkpoint could keep')
      if (label !== undefined) {
        await archiveCheckpoint(newest.info.file, this.#archive ?? join(this.#log.directory, 'archive'), label)
        noteStep(this.#log.directory, 'labelled')
      }
      return newest.info
    }, signal)
  }

  /** For repair: two checkpoints that go on without entries that are lost, so that one damaged file never costs an entry again. */
  async checkpointWithoutLost(withoutLost: 'live' | 'history', signal: AbortSignal | undefined): Promise<CheckpointInfo> {
    throwIfAborted(signal)
    return this.#scheduler.exclusively(async (ending) => {
      await this.#log.flush(ending)
      const through = await this.#rotate(ending)
      await this.#write(through, false, ending, withoutLost)
      await this.#write(through, false, ending, 'live')
      return (this.#whole.at(-1) as Whole).info
    }, signal)
  }

  async compact({ drop = false, signal }: CompactOptions): Promise<CompactResult> {
    throwIfAborted(signal)
    return this.#scheduler.exclusively(async (ending) => {
      const newest = await this.#checkpointOfAll(ending)
      const through = newest?.coveredSegment ?? 0
      if (drop && removableThrough(this.#whole) < through) await this.#write(through, false, ending)
      const rules = { ...this.#rules(), ...(drop ? { retentionMs: 0 } : {}) }
      const removed = await this.#remove(rules, ending)
      return { checkpoint: this.#whole.at(-1)?.info, ...removed }
    }, signal)
  }

  get #archive(): string | undefined {
    return this.#settings.archiveDirectory === '' ? undefined : this.#settings.archiveDirectory
  }

  #rules(): RetentionRules {
    return { retentionMs: this.#settings.retentionDays * DAY_MS, budgetBytes: this.#settings.diskBudgetBytes }
  }

  // --- Checkpoints

  #checkpointJob(): MaintenanceJob {
    return {
      name: 'checkpoint',
      isDue: () => {
        const stats = this.#log.native.stats()
        const newest = this.#whole.at(-1)
        if (stats.state !== 'ok' || stats.durableLsn <= (newest?.info.lsn ?? 0)) return false
        const loggedBytes = stats.writtenBytes - this.#checkpointedBytes
        const isOld = this.#clock.elapsedMs - this.#checkpointedAtMs >= this.#settings.checkpointIntervalMs
        if (loggedBytes < this.#settings.checkpointBytes && !isOld) return false
        return loggedBytes >= this.#overdueBytes || this.#isQuiet()
      },
      run: async (signal) => {
        const complete = this.#log.native.completeThrough()
        const isNew = complete > (this.#whole.at(-1)?.coveredSegment ?? 0)
        await this.#write(isNew ? complete : await this.#rotate(signal), true, signal)
      }
    }
  }

  get #overdueBytes(): number {
    const { checkpointBytes, diskBudgetBytes } = this.#settings
    const mostBytes = diskBudgetBytes > 0 ? Math.max(checkpointBytes, diskBudgetBytes / 2) : Infinity
    return Math.min(OVERDUE_FACTOR * checkpointBytes, mostBytes)
  }

  /** Whether nobody is disturbed now; otherwise looks again soon. */
  #isQuiet(): boolean {
    if (this.#load.isCalm() && !this.#log.isRead()) return true
    this.#lookSoon()
    return false
  }

  #lookSoon(): void {
    clearTimeout(this.#soon)
    this.#soon = setTimeout(() => this.#scheduler.look(), SOON_MS).unref()
  }

  /** The newest checkpoint, when it stands for everything that is durable now; undefined: there is nothing. */
  async #checkpointOfAll(signal: AbortSignal): Promise<Whole | undefined> {
    await this.#log.flush(signal)
    const newest = this.#whole.at(-1)
    // Segments may have been there without one entry, and be gone.
    if (this.#log.native.stats().durableLsn <= (newest?.info.lsn ?? 0)) return newest
    const through = await this.#rotate(signal)
    if (through > (newest?.coveredSegment ?? 0)) await this.#write(through, false, signal)
    return this.#whole.at(-1)
  }

  async #rotate(signal: AbortSignal): Promise<number> {
    const through = this.#log.native.rotate()
    await this.#log.whenComplete(through, signal)
    return through
  }

  async #write(throughSegment: number, inBackground: boolean, signal: AbortSignal, withoutLost?: 'live' | 'history'): Promise<void> {
    const { writtenBytes, segmentOffset } = this.#log.native.stats()
    const startedMs = performance.now()
    const checkpoint = await writeCheckpoint({
      ...{ directory: this.#log.directory, throughSegment, inBackground, signal },
      ...(withoutLost === undefined ? {} : { withoutLost })
    })
    const whole = wholeOf(this.#log.directory, checkpoint)
    this.#durations.record((performance.now() - startedMs) / 1000)
    this.#written++
    this.#whole.push(whole)
    this.#checkpointedBytes = writtenBytes - segmentOffset
    this.#checkpointedAtMs = this.#clock.elapsedMs
    this.#retentionDueAtMs = 0
    this.#log.onCheckpoint(whole.info)
  }

  // --- Compression

  #compressionJob(checkpoint: MaintenanceJob): MaintenanceJob {
    const { directory, native } = this.#log
    const log = {
      directory,
      completeThrough: () => native.completeThrough(),
      retireUncompressed: (segment: number) => native.retireUncompressed(segment),
      aboutToGo: () => this.#retired,
      mayGoOn: () => !checkpoint.isDue() && this.#isQuiet()
    }
    return new CompressionJob(log, (step) => {
      if (step === 'named') this.#compressedSegments++
      noteStep(directory, `compression ${step}`)
    })
  }

  // --- Retention

  #retentionJob(): MaintenanceJob {
    return {
      name: 'retention',
      isDue: () => this.#clock.elapsedMs >= this.#retentionDueAtMs && !this.#log.isRead(),
      run: async (signal) => {
        await this.#remove(this.#rules(), signal)
        this.#retentionDueAtMs = this.#clock.elapsedMs + DISK_LOOK_MS
      }
    }
  }

  /** Removes what the rules say, as long as nobody reads the log. */
  async #remove(rules: RetentionRules, signal: AbortSignal): Promise<Removed> {
    const removed: Removed = { removedSegments: [], removedCheckpoints: [] }
    await this.#seekBackup()
    const files = await this.#files()
    const endedMs = await this.#endTimes(files, rules, signal)
    const decision = decideRetention(files, this.#whole, endedMs, this.#clock.trustedNowMs, rules)
    for (const segment of files.segments) {
      if (signal.aborted || this.#log.isRead()) break
      if (!decision.segments.includes(segment.number)) continue
      await this.#removeSegment(segment.number, segment.names)
      removed.removedSegments.push(segment.number)
    }
    for (const { number, name } of files.checkpoints) {
      if (signal.aborted || this.#log.isRead()) break
      if (!decision.checkpoints.includes(number)) continue
      await this.#unlink(name)
      noteStep(this.#log.directory, 'checkpoint removed')
      removed.removedCheckpoints.push(number)
    }
    await this.#watchDisk(decision.overBudgetBytes)
    return removed
  }

  /** A process that is killed again and again before it has written a checkpoint must be able to remove things, too. */
  async #seekBackup(): Promise<void> {
    while (this.#whole.length < 2) {
      const checkpoint = this.#unread.pop()
      if (checkpoint === undefined) return
      const { damage } = await scanLog(join(this.#log.directory, checkpoint.file))
      if (damage.length === 0) this.#whole.unshift(wholeOf(this.#log.directory, checkpoint))
    }
  }

  async #files(): Promise<LogFiles> {
    const { segments, checkpoints } = await listLogFiles(this.#log.directory)
    return { segments: segments.filter(({ number }) => !this.#retired.has(number)), checkpoints }
  }

  async #removeSegment(number: number, names: readonly string[]): Promise<void> {
    const { directory } = this.#log
    for (const name of names) {
      if (this.#archive !== undefined) await moveToArchive(join(directory, name), this.#archive)
      // The writer fills the file again.
      else if (name.endsWith('.wal')) this.#log.native.retire(number)
      else await this.#unlink(name)
    }
    this.#retired.add(number)
    this.#removedSegments++
    this.#times.forget(number)
    noteStep(directory, 'segment removed')
  }

  async #unlink(name: string): Promise<void> {
    await rm(join(this.#log.directory, name), { force: true })
    await syncDirectory(this.#log.directory)
  }

  async #endTimes(files: LogFiles, { retentionMs }: RetentionRules, signal: AbortSignal): Promise<Map<number, number>> {
    const nowMs = this.#clock.trustedNowMs
    if (retentionMs === 0 || nowMs === undefined) return new Map()
    return this.#times.endedBefore(nowMs - retentionMs, files, removableThrough(this.#whole), signal)
  }

  // --- Disk

  async #watchDisk(overBudgetBytes: number): Promise<void> {
    const { directory, segmentBytes } = this.#log
    const freeBytes = await freeBytesOf(directory)
    const budgetBytes = this.#settings.diskBudgetBytes
    const reasons = diskWarnings({ freeBytes, segmentBytes, budgetBytes, overBudgetBytes })
    const isNews = reasons.length > this.#diskReasons.length
    this.#diskReasons = reasons
    if (isNews) this.#log.onDiskLow({ freeBytes, reasons })
  }
}

function wholeOf(directory: string, checkpoint: NativeCheckpoint): Whole {
  const { number, coveredSegment, coveredLsn: lsn, file, entries, fileBytes: bytes } = checkpoint
  return { number, coveredSegment, info: { lsn, number, file: join(directory, file), entries, bytes } }
}
