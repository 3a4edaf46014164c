/** One pass over everything that a log still has: what was logged when, and the trails of a few users. */
import { WalError } from '../errors.js'
import { isOurs } from '../replay/payloads.js'
import { Operation, type EntryChunk, type OperationName } from '../wal/types.js'
import type { Activity } from './log-report.js'
import { TimeBuckets } from './time-buckets.js'
import { UserTrail } from './user-trail.js'

const NAMES = Object.keys(Operation) as OperationName[]

export class History {
  readonly trails: ReadonlyMap<string, UserTrail>
  readonly #buckets = new TimeBuckets()
  readonly #operations = new Float64Array(NAMES.length + 1)
  readonly #users = new Set<string>()
  #payloadBytes = 0
  #firstMs = Infinity
  #lastMs = -Infinity
  #stepsBack = 0
  #previousMs = -Infinity
  /** The ids of the reader, how many of them were seen, and the trails of its users by number. */
  #ids: readonly string[] = []
  #seenIds = 0
  #numbered: Array<UserTrail | undefined> = []

  constructor(users: Iterable<string>) {
    this.trails = new Map(Array.from(users, (userId) => [userId, new UserTrail()]))
  }

  /** Takes entries up to `throughLsn`. Returns false when what follows is beyond. */
  take(chunk: EntryChunk, throughLsn: number): boolean {
    this.#meetUsers(chunk.users)
    for (let i = 0; i < chunk.length; i++) {
      if (chunk.lsn(i) > throughLsn) return false
      this.#count(chunk.timestamp(i), chunk.operation(i), chunk.payloadBytes(i))
      const trail = this.#numbered[chunk.user(i)]
      if (trail !== undefined) this.#follow(trail, chunk, i)
    }
    return true
  }

  activity(): Activity {
    const operations = Object.fromEntries(NAMES.map((name) => [name, this.#operations[Operation[name]]])) as Record<OperationName, number>
    const entries = this.#operations.reduce((sum, count) => sum + count, 0)
    return {
      entries,
      operations,
      payloadBytes: this.#payloadBytes,
      users: this.#users.size,
      firstMs: entries === 0 ? null : this.#firstMs,
      lastMs: entries === 0 ? null : this.#lastMs,
      stepsBack: this.#stepsBack,
      bucketMs: this.#buckets.widthMs,
      buckets: this.#buckets.buckets()
    }
  }

  #count(timestampMs: number, operation: Operation, payloadBytes: number): void {
    this.#buckets.add(timestampMs, operation, payloadBytes)
    this.#operations[operation] = (this.#operations[operation] as number) + 1
    this.#payloadBytes += payloadBytes
    if (timestampMs < this.#firstMs) this.#firstMs = timestampMs
    if (timestampMs > this.#lastMs) this.#lastMs = timestampMs
    if (timestampMs < this.#previousMs) this.#stepsBack++
    this.#previousMs = timestampMs
  }

  /** The reader's list of ids grows from chunk to chunk, or is a new one. */
  #meetUsers(ids: readonly string[]): void {
    if (ids !== this.#ids) {
      this.#ids = ids
      this.#seenIds = 0
      this.#numbered = []
    }
    for (; this.#seenIds < ids.length; this.#seenIds++) {
      const userId = ids[this.#seenIds] as string
      this.#users.add(userId)
      this.#numbered.push(this.trails.get(userId))
    }
  }

  #follow(trail: UserTrail, chunk: EntryChunk, index: number): void {
    // The service's own entries say nothing about buffers.
    if (chunk.sequence(index) === 0 || !isOurs(chunk.payload(index))) return
    try {
      trail.take(chunk.entry(index))
    } catch (error) {
      // Of a newer version: that recovery would end there is told where recovery is.
      if (!(error instanceof WalError) || error.code !== 'ERR_WAL_CODEC') throw error
    }
  }
}
