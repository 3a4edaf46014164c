/** One look at a log after the other, for `stats --watch`: what is cheap each time, what costs something now and then. */
import { histogramQuantile, logDiskUse, logFigures, type HistogramValue, type LogFigures, type WriterFigures } from '../index.js'
import { incompleteBuffers } from './incomplete.js'

/** What one look has found; numbers and nulls only, as JSON has them. */
export interface WatchSample {
  /** Milliseconds since the Unix epoch. */
  time: number
  /** Why the log could not be looked at; then the rest is of the last look that could. */
  problem: string | null
  /** A writer has the log. */
  live: boolean
  /** null: it has nothing staged and is closed, or its ring cannot be seen. */
  writer: {
    begun: number
    state: WriterFigures['state']
    stagedLsn: number
    durableLsn: number
    ringBytes: number
    ringCapacityBytes: number
    syncs: number
    fsyncP50Seconds: number | null
    fsyncP99Seconds: number | null
  } | null
  /** What has come since the look before this; null for the first, and where another writer has begun meanwhile. */
  sinceLastLook: {
    seconds: number
    appends: number
    writtenBytes: number
    syncs: number
    fsyncP50Seconds: number | null
    fsyncP99Seconds: number | null
    batchEntriesP50: number | null
  } | null
  segments: { all: number; active: number; compressed: number }
  checkpoints: number
  checkpoint: { number: number; coveredLsn: number; ageSeconds: number } | null
  disk: { sizeBytes: number; freeBytes: number; ageSeconds: number } | null
  buffers: (BuffersSeen & { ageSeconds: number }) | null
}

/** Buffers that wait, counted by reading what recovery would read. */
export interface BuffersSeen {
  open: number
  ready: number
  /** Replays that were begun and have no outcome yet. */
  replaying: number
  parked: number
  measurements: number
  damagedPlaces: number
  /** How long the look at them took. */
  tookSeconds: number
}

/** How a log is looked at; tests put something else in its place. */
export interface Looks {
  figures(): Promise<LogFigures>
  disk(): Promise<{ sizeBytes: number; freeBytes: number }>
  buffers(signal: AbortSignal): Promise<Omit<BuffersSeen, 'tookSeconds'>>
  nowMs(): number
  /** Of a clock that only goes forward. */
  monotonicMs(): number
}

/** A look that took long is followed by a rest so many times as long: a twentieth of one core at most. */
const REST_PER_LOOK = 19
const LEAST_DISK_REST_MS = 5000
const LEAST_BUFFERS_REST_MS = 10_000

export function looksAt(directory: string): Looks {
  return {
    figures: () => logFigures(directory),
    disk: () => logDiskUse(directory),
    buffers: (signal) => countBuffers(directory, signal),
    nowMs: Date.now,
    monotonicMs: () => performance.now()
  }
}

async function countBuffers(directory: string, signal: AbortSignal): Promise<Omit<BuffersSeen, 'tookSeconds'>> {
  const seen = { open: 0, ready: 0, replaying: 0, parked: 0, measurements: 0, damagedPlaces: 0 }
  for (const { state, measurements } of await incompleteBuffers(directory, { signal, onDamage: () => seen.damagedPlaces++ })) {
    seen[state]++
    seen.measurements += measurements
  }
  return seen
}

/** Something that is asked for again when it has rested; meanwhile the last answer stands. */
class SlowLook<Answer> {
  readonly #ask: () => Promise<Answer>
  readonly #leastRestMs: number
  readonly #monotonicMs: () => number
  #answer: { value: Answer; atMs: number; tookMs: number } | undefined
  #nextMs = -Infinity
  #asking: Promise<void> | undefined

  constructor(ask: () => Promise<Answer>, leastRestMs: number, monotonicMs: () => number) {
    this.#ask = ask
    this.#leastRestMs = leastRestMs
    this.#monotonicMs = monotonicMs
  }

  /** The last answer and how old it is; asks anew when it is time, without waiting. */
  get(): { value: Answer; ageSeconds: number; tookSeconds: number } | null {
    const nowMs = this.#monotonicMs()
    if (this.#asking === undefined && nowMs >= this.#nextMs) this.#asking = this.#look()
    if (this.#answer === undefined) return null
    const { value, atMs, tookMs } = this.#answer
    return { value, ageSeconds: Math.max(0, nowMs - atMs) / 1000, tookSeconds: tookMs / 1000 }
  }

  async settled(): Promise<void> {
    await this.#asking
  }

  async #look(): Promise<void> {
    const begunMs = this.#monotonicMs()
    try {
      const value = await this.#ask()
      this.#answer = { value, atMs: begunMs, tookMs: this.#monotonicMs() - begunMs }
    } catch {
      // The files of a log come and go; what was seen before gets older, which is shown.
    } finally {
      const endedMs = this.#monotonicMs()
      this.#nextMs = endedMs + Math.max(this.#leastRestMs, REST_PER_LOOK * (endedMs - begunMs))
      this.#asking = undefined
    }
  }
}

export class WatchSampler {
  readonly #looks: Looks
  readonly #stop = new AbortController()
  readonly #disk: SlowLook<{ sizeBytes: number; freeBytes: number }>
  readonly #buffers: SlowLook<Omit<BuffersSeen, 'tookSeconds'>>
  #last: { sample: WatchSample; figures: LogFigures; atMs: number } | undefined

  constructor(looks: Looks) {
    this.#looks = looks
    this.#disk = new SlowLook(() => looks.disk(), LEAST_DISK_REST_MS, () => looks.monotonicMs())
    this.#buffers = new SlowLook(() => looks.buffers(this.#stop.signal), LEAST_BUFFERS_REST_MS, () => looks.monotonicMs())
  }

  /** Rejects when the very first look does: there is nothing to watch. Later ones say why in `problem`. */
  async look(): Promise<WatchSample> {
    let figures: LogFigures
    try {
      figures = await this.#looks.figures()
    } catch (error) {
      if (this.#last === undefined) throw error
      const problem = error instanceof Error ? error.message : String(error)
      return { ...this.#last.sample, time: this.#looks.nowMs(), problem, sinceLastLook: null, ...this.#slow() }
    }
    const atMs = this.#looks.monotonicMs()
    const before = this.#last
    const sinceLastLook = before === undefined ? null : difference(figures.writer, before.figures.writer, (atMs - before.atMs) / 1000)
    const sample = { ...sampleOf(figures, this.#looks.nowMs()), sinceLastLook, ...this.#slow() }
    this.#last = { sample, figures, atMs }
    return sample
  }

  /** Ends what is still being asked for. */
  async close(): Promise<void> {
    this.#stop.abort()
    await Promise.all([this.#disk.settled(), this.#buffers.settled()])
  }

  #slow(): Pick<WatchSample, 'disk' | 'buffers'> {
    const [disk, buffers] = [this.#disk.get(), this.#buffers.get()]
    return {
      disk: disk === null ? null : { ...disk.value, ageSeconds: disk.ageSeconds },
      buffers: buffers === null ? null : { ...buffers.value, tookSeconds: buffers.tookSeconds, ageSeconds: buffers.ageSeconds }
    }
  }
}

function sampleOf({ live, segments, compressedSegments, checkpoints, checkpoint, writer }: LogFigures, nowMs: number): Omit<WatchSample, 'sinceLastLook' | 'disk' | 'buffers'> {
  return {
    time: nowMs,
    problem: null,
    live,
    writer: writer === null ? null : writerOf(writer),
    segments: { all: segments, active: live && segments > compressedSegments ? 1 : 0, compressed: compressedSegments },
    checkpoints,
    checkpoint:
      checkpoint === null
        ? null
        : { number: checkpoint.number, coveredLsn: checkpoint.coveredLsn, ageSeconds: Math.max(0, nowMs - checkpoint.created) / 1000 }
  }
}

function writerOf(writer: WriterFigures): WatchSample['writer'] {
  return {
    begun: writer.begun,
    state: writer.state,
    stagedLsn: writer.lastLsn,
    durableLsn: writer.durableLsn,
    ringBytes: writer.queueBytes,
    ringCapacityBytes: writer.queueCapacityBytes,
    syncs: writer.syncs,
    fsyncP50Seconds: quantile(writer.fsyncDuration, 0.5),
    fsyncP99Seconds: quantile(writer.fsyncDuration, 0.99)
  }
}

function difference(now: WriterFigures | null, before: WriterFigures | null, seconds: number): WatchSample['sinceLastLook'] {
  if (now === null || before === null || now.begun !== before.begun || seconds <= 0) return null
  const fsync = histogramSince(now.fsyncDuration, before.fsyncDuration)
  const least0 = (value: number) => Math.max(0, value)
  return {
    seconds,
    appends: least0(now.lastLsn - before.lastLsn),
    writtenBytes: least0(now.writtenBytes - before.writtenBytes),
    syncs: least0(now.syncs - before.syncs),
    fsyncP50Seconds: quantile(fsync, 0.5),
    fsyncP99Seconds: quantile(fsync, 0.99),
    batchEntriesP50: quantile(histogramSince(now.batchEntries, before.batchEntries), 0.5)
  }
}

/** What was counted between two looks at one histogram. */
export function histogramSince(now: HistogramValue, before: HistogramValue): HistogramValue {
  const counts = now.counts.map((count, bucket) => Math.max(0, count - (before.counts[bucket] ?? 0)))
  const count = counts.reduce((sum, each) => sum + each, 0)
  return { bounds: now.bounds, counts, sum: Math.max(0, now.sum - before.sum), count }
}

function quantile(histogram: HistogramValue, part: number): number | null {
  return histogram.count === 0 ? null : histogramQuantile(histogram, part)
}
