/**
 * When a peer that has no group commit of its own writes and syncs: by the rules that ingest-wal goes by. A batch is
 * due when 1 MB is staged, when 100 ms have passed, or when somebody waits. One is under way at a time; what arrives
 * meanwhile goes into the next one, up to 4 MB of it. At most 16 MiB are staged, then the caller has to wait.
 */
import { MEASUREMENT_BYTES } from './entries.mjs'

export const BATCH_BYTES = 1_000_000
export const MAX_BATCH_BYTES = 4 * BATCH_BYTES
export const QUEUE_BYTES = 16 * 1024 * 1024
const BATCH_INTERVAL_MS = 100

export class GroupCommit {
  /** Batches made durable. */
  commits = 0
  #commit
  #stagedBytes = 0
  #staged = 0
  #durable = 0
  #busy = false
  #timer
  /** Groups of waiters, oldest first; all of a group share one promise. */
  #groups = []
  /** The group that whoever comes now joins: the one whose batch is not begun. */
  #joinable
  #drain

  /** `commit` makes a prefix of what is staged durable and resolves to its `{ entries, bytes }`. */
  constructor(commit) {
    this.#commit = commit
  }

  get hasRoom() {
    return this.#stagedBytes < QUEUE_BYTES
  }

  /** Tells that an entry of so many bytes was staged. */
  add(bytes) {
    this.#staged++
    this.#stagedBytes += bytes
    if (this.#busy) return
    if (this.#stagedBytes >= BATCH_BYTES) this.#run()
    else this.#timer ??= setTimeout(() => this.#run(), BATCH_INTERVAL_MS)
  }

  /** Resolves when everything staged so far is durable. */
  durable() {
    if (this.#durable === this.#staged) return Promise.resolve()
    if (this.#joinable === undefined) {
      this.#joinable = deferred()
      this.#groups.push(this.#joinable)
    }
    this.#joinable.upTo = this.#staged
    if (!this.#busy) this.#run()
    return this.#joinable.promise
  }

  /** Resolves when at least half of the queue is free. */
  drained() {
    if (this.#stagedBytes <= QUEUE_BYTES / 2) return Promise.resolve()
    this.#drain ??= deferred()
    return this.#drain.promise
  }

  async #run() {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#busy = true
    do {
      // Waiters that one batch resumes append one after the other; a turn of the loop lets them all share the next.
      if (this.#stagedBytes < BATCH_BYTES) await new Promise(setImmediate)
      this.#joinable = undefined
      this.#settle(await this.#commit())
    } while (this.#stagedBytes >= BATCH_BYTES || this.#groups.length > 0)
    this.#busy = false
    if (this.#staged > this.#durable) this.#timer = setTimeout(() => this.#run(), BATCH_INTERVAL_MS)
  }

  #settle({ entries, bytes }) {
    this.commits++
    this.#durable += entries
    this.#stagedBytes -= bytes
    while (this.#groups.length > 0 && this.#groups[0].upTo <= this.#durable) this.#groups.shift().resolve()
    if (this.#drain !== undefined && this.#stagedBytes <= QUEUE_BYTES / 2) {
      this.#drain.resolve()
      this.#drain = undefined
    }
  }
}

/** What is staged as a list of items, for peers whose own batch is a list. */
export class StagedItems {
  #items = []
  #sizes = []
  #bytes = 0

  push(item, bytes) {
    this.#items.push(item)
    this.#sizes.push(bytes)
    this.#bytes += bytes
  }

  /** The next batch: everything, or the first 4 MB of it. */
  take() {
    const all = { items: this.#items, bytes: this.#bytes }
    const sizes = this.#sizes
    this.#items = []
    this.#sizes = []
    this.#bytes = 0
    if (all.bytes <= MAX_BATCH_BYTES) return all
    let count = 0
    let bytes = 0
    while (bytes + sizes[count] <= MAX_BATCH_BYTES) bytes += sizes[count++]
    this.#items = all.items.slice(count)
    this.#sizes = sizes.slice(count)
    this.#bytes = all.bytes - bytes
    return { items: all.items.slice(0, count), bytes }
  }
}

/**
 * The log of a peer that takes a list of items: `write(items)` makes them durable. What is appended is a user id and a
 * payload or, where `encode` is for measurements, a user id and two numbers.
 */
export function listLog({ encode, write, close }) {
  const staged = new StagedItems()
  const group = new GroupCommit(async () => {
    const { items, bytes } = staged.take()
    await write(items)
    return { entries: items.length, bytes }
  })
  let lsn = 0
  return {
    append(userId, payload, number) {
      if (!group.hasRoom) return false
      const bytes = number === undefined ? userId.length + payload.length : MEASUREMENT_BYTES
      staged.push(encode(++lsn, userId, payload, number), bytes)
      group.add(bytes)
      return true
    },
    durable: () => group.durable(),
    drained: () => group.drained(),
    syncs: () => group.commits,
    async close() {
      await group.durable()
      await close()
    }
  }
}

function deferred() {
  let resolve
  const promise = new Promise((done) => (resolve = done))
  return { promise, resolve }
}
