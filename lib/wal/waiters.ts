/**
 * Who waits for what to become durable. Everybody who asks between two answers of the writer shares one promise, whatever
 * was appended in between: a thousand waiters cost one, and there are never more than a few groups to look through.
 */

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

function withResolvers(): { promise: Promise<void>; resolve: () => void; reject: (error: unknown) => void } {
  let resolve!: () => void
  let reject!: (error: unknown) => void
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}
