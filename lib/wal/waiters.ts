/**
 * Who waits for what to become durable. Everybody who asks between two answers of the writer shares one promise, whatever
 * was appended in between: a thousand waiters cost one, and there are never more than a few groups to look through.
 */
import { WalError } from '../errors.js'

interface Group {
  lsn: number
  promise: Promise<void>
  resolve: () => void
  reject: (error: unknown) => void
}

export class DurableWaiters {
  /** Oldest first; LSNs ascend. */
  #groups: Group[] = []
  /** The last of them, until the writer answers: who comes later must not put off those who are in it any longer. */
  #open: Group | undefined

  get size(): number {
    return this.#groups.length
  }

  /**
   * A promise for `lsn`. `lastLsn` is the last LSN appended so far: the group waits for that, so that those who come
   * before the writer answers can join it. `isNew` tells that the writer has to be asked for `target`.
   */
  wait(lsn: number, lastLsn: number): { promise: Promise<void>; isNew: boolean; target: number } {
    for (const group of this.#groups) {
      if (lsn <= group.lsn) return { promise: group.promise, isNew: false, target: group.lsn }
    }
    this.#open ??= this.#begin()
    this.#open.lsn = lastLsn
    return { promise: this.#open.promise, isNew: true, target: lastLsn }
  }

  #begin(): Group {
    const { promise, resolve, reject } = withResolvers()
    // Nobody may be listening yet when the log fails; the waiters themselves see the rejection.
    promise.catch(() => undefined)
    const group = { lsn: 0, promise, resolve, reject }
    this.#groups.push(group)
    return group
  }

  /** The writer's answer: everything up to `durableLsn` is durable. */
  settle(durableLsn: number): void {
    this.#open = undefined
    let settled = 0
    for (const group of this.#groups) {
      if (group.lsn > durableLsn) break
      group.resolve()
      settled++
    }
    if (settled > 0) this.#groups.splice(0, settled)
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
