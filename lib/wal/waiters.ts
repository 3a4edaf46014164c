/**
 * Who waits for what to become durable. Everybody who asks between two answers of the writer shares one promise, whatever
 * was appended in between: a thousand waiters cost one, and there are never more than a few groups to look through.
 */
import { WalError } from '../errors.js'

interface Group {
  lsn: number
  /** How many asked for what nobody in front of them had asked for. */
  askers: number
  promise: Promise<void>
  resolve: () => void
  reject: (error: unknown) => void
}

/**
 * From so many on that are woken together, half of them are worth a sync of their own: it runs while the event loop is busy
 * with the other half (0.4 µs each), instead of after it.
 */
const LEAST_TO_SPLIT = 512

export class DurableWaiters {
  /** Oldest first; LSNs ascend. */
  #groups: Group[] = []
  /** The last of them, until the writer answers: who comes later must not put off those who are in it any longer. */
  #open: Group | undefined
  /** Askers that the last answer woke. */
  #woken = 0

  get size(): number {
    return this.#groups.length
  }

  /**
   * A promise for `lsn`. `lastLsn` is the last LSN appended so far: the group waits for that, so that those who come
   * before the writer answers can join it. `ask` tells when the writer has to be asked for `lastLsn`: by the end of the turn, or
   * at once.
   */
  wait(lsn: number, lastLsn: number): { promise: Promise<void>; ask: 'not' | 'soon' | 'now' } {
    for (const group of this.#groups) {
      if (lsn <= group.lsn) return { promise: group.promise, ask: 'not' }
    }
    const group = (this.#open ??= this.#begin())
    group.lsn = lastLsn
    group.askers++
    const isHalf = this.#woken >= LEAST_TO_SPLIT && group.askers * 2 >= this.#woken && this.#groups.length === 1
    // The other half waits for an answer of its own.
    if (isHalf) this.#open = undefined
    return { promise: group.promise, ask: isHalf ? 'now' : 'soon' }
  }

  #begin(): Group {
    const { promise, resolve, reject } = withResolvers()
    // Nobody may be listening yet when the log fails; the waiters themselves see the rejection.
    promise.catch(() => undefined)
    const group = { lsn: 0, askers: 0, promise, resolve, reject }
    this.#groups.push(group)
    return group
  }

  /** The writer's answer: everything up to `durableLsn` is durable. */
  settle(durableLsn: number): void {
    this.#open = undefined
    let settled = 0
    let woken = 0
    for (const group of this.#groups) {
      if (group.lsn > durableLsn) break
      group.resolve()
      settled++
      woken += group.askers
    }
    if (settled === 0) return
    this.#groups.splice(0, settled)
    this.#woken = woken
  }

  rejectAll(error: unknown): void {
    this.#open = undefined
    for (const group of this.#groups.splice(0)) group.reject(error)
  }
}

/** Those who wait until a number that only grows has come to theirs. */
export class ThresholdWaiters {
  #waiting: Array<{ threshold: number; resolve: () => void; reject: (error: unknown) => void }> = []

  get size(): number {
    return this.#waiting.length
  }

  wait(threshold: number): Promise<void> {
    const { promise, resolve, reject } = withResolvers()
    // Whoever gave up waiting sees no rejection.
    promise.catch(() => undefined)
    this.#waiting.push({ threshold, resolve, reject })
    return promise
  }

  settle(reached: number): void {
    for (const { threshold, resolve } of this.#waiting) if (threshold <= reached) resolve()
    this.#waiting = this.#waiting.filter(({ threshold }) => threshold > reached)
  }

  rejectAll(error: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void; reject: (error: unknown) => void } {
  let resolve!: () => void
  let reject!: (error: unknown) => void
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}

/** `promise`, or a rejection with `ERR_WAL_ABORTED` when the signal fires first. */
export async function abortable(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return promise
  let onAbort!: () => void
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => {
      reject(new WalError('ERR_WAL_ABORTED', 'the wait was aborted; the log goes on', { cause: signal.reason }))
    }
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
