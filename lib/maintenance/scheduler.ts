/**
 * Runs what a log does for itself: one job at a time, each when it is due, in the order of the list. A job that fails is told
 * of, and tried again later, ever later; it fails nobody else. What is asked for by hand takes its turn in between.
 */
import { WalError } from '../errors.js'

export interface MaintenanceJob {
  readonly name: string
  /** Whether there is something to do. Cheap: asked at every look. */
  isDue(): boolean
  run(signal: AbortSignal): Promise<void>
}

export interface SchedulerOptions {
  jobs: readonly MaintenanceJob[]
  monotonicMs: () => number
  onFailure: (job: string, error: WalError) => void
  /** Time between two looks, in milliseconds. */
  lookEveryMs?: number
}

const LOOK_EVERY_MS = 60_000
const FIRST_RETRY_MS = 60_000
const LAST_RETRY_MS = 3_600_000

interface Failure {
  error: WalError
  times: number
  /** Not tried again before. */
  untilMs: number
}

export class Scheduler {
  readonly #options: SchedulerOptions
  readonly #failures = new Map<string, Failure>()
  readonly #closing = new AbortController()
  /** The end of the job that runs, and of those that wait behind it. */
  #last: Promise<unknown> = Promise.resolve()
  #isLooking = false
  #timer: NodeJS.Timeout | undefined

  constructor(options: SchedulerOptions) {
    this.#options = options
  }

  /** Looks now and then. Keeps no process alive. */
  start(): void {
    this.#timer = setInterval(() => this.look(), this.#options.lookEveryMs ?? LOOK_EVERY_MS).unref()
  }

  /** The last failure of each job that has not succeeded since. */
  get failures(): ReadonlyMap<string, { readonly error: WalError }> {
    return this.#failures
  }

  /** Runs what is due, unless it does so already. */
  look(): void {
    if (this.#isLooking || this.#closing.signal.aborted) return
    this.#isLooking = true
    this.exclusively((signal) => this.#runDue(signal))
      .catch((error: unknown) => this.#note('maintenance', error))
      .finally(() => (this.#isLooking = false))
  }

  /**
   * Runs `work` when nothing else does. Its signal fires with `signal` and when the log is closed. Rejects with
   * `ERR_WAL_CLOSED` when it is closed already.
   */
  exclusively<Result>(work: (signal: AbortSignal) => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    const ending = signal === undefined ? this.#closing.signal : AbortSignal.any([this.#closing.signal, signal])
    const result = this.#last.then(() => {
      if (this.#closing.signal.aborted) throw closed()
      return work(ending).catch((error: unknown) => {
        // What closing stopped was not aborted by its caller.
        const isStopped = error instanceof WalError && error.code === 'ERR_WAL_ABORTED' && signal?.aborted !== true
        throw isStopped && this.#closing.signal.aborted ? closed() : error
      })
    })
    this.#last = result.catch(() => undefined)
    return result
  }

  /** Stops the job that runs where it may stop. Resolves when it has. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#closing.abort(closed())
    await this.#last
  }

  async #runDue(signal: AbortSignal): Promise<void> {
    for (const job of this.#options.jobs) {
      const failure = this.#failures.get(job.name)
      if (signal.aborted) return
      if (failure !== undefined && this.#options.monotonicMs() < failure.untilMs) continue
      try {
        if (job.isDue()) await job.run(signal)
        // What was not tried again has not succeeded.
        else continue
        this.#failures.delete(job.name)
      } catch (error) {
        if (!signal.aborted) this.#note(job.name, error)
      }
    }
  }

  #note(job: string, cause: unknown): void {
    const error = asWalError(job, cause)
    const times = (this.#failures.get(job)?.times ?? 0) + 1
    const waitMs = Math.min(FIRST_RETRY_MS * 2 ** (times - 1), LAST_RETRY_MS)
    this.#failures.set(job, { error, times, untilMs: this.#options.monotonicMs() + waitMs })
    // What a listener throws is an uncaught error of its own.
    queueMicrotask(() => this.#options.onFailure(job, error))
  }
}

function closed(): WalError {
  return new WalError('ERR_WAL_CLOSED', 'the log is closed')
}

function asWalError(job: string, cause: unknown): WalError {
  if (cause instanceof WalError) return cause
  const { message, errno } = cause as NodeJS.ErrnoException
  return new WalError('ERR_WAL_IO', `${job} failed: ${message}`, { cause, ...(errno === undefined ? {} : { errno: Math.abs(errno) }) })
}
