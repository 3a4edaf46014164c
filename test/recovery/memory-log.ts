// A log in memory with the promises of the real one, and what no real one offers: its entries can be cut anywhere, lost
// anywhere, and its ring can be full at any append.
import { MeasurementPayload, Operation, WalError, type Damage, type EntriesOptions, type Entry, type EntryChunk, type EntryLog } from '../../lib/index.js'
import { chunkOf } from './memory-chunk.js'

const CHUNK_ENTRIES = 5
const MAX_USERS = 2

export class MemoryLog implements EntryLog {
  readonly stored: Entry[] = []
  /** LSNs that are lost, and whether the damaged bytes still name the users. */
  readonly #lost = new Set<number>()
  #namesUsers = true
  /** Appends until the ring is full; `drained()` makes room again for as many. */
  #room = Infinity
  #roomAfterDrain = Infinity
  #failure: WalError | undefined
  /** What was asked of it, beside entries. */
  readonly calls: string[] = []
  maxEntryBytes = 1_000_000

  /** A log that holds the first `count` entries of `log`, as a crash may leave it. */
  static cut(log: MemoryLog, count = log.stored.length): MemoryLog {
    const cut = new MemoryLog()
    cut.stored.push(...log.stored.slice(0, count))
    for (const lsn of log.#lost) if (lsn <= count) cut.#lost.add(lsn)
    cut.#namesUsers = log.#namesUsers
    return cut
  }

  get lastLsn(): number {
    return this.stored.length
  }

  get durableLsn(): number {
    return this.stored.length
  }

  append(operation: Operation, userId: string, payload: Uint8Array | null = null, sequence = 0): number {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#room <= 0) throw new WalError('ERR_WAL_BACKPRESSURE', 'full')
    if (Buffer.byteLength(userId) + (payload?.length ?? 0) > this.maxEntryBytes) throw new WalError('ERR_WAL_TOO_LARGE', 'too large')
    this.#room--
    const lsn = this.stored.length + 1
    const bytes = Uint8Array.from(payload ?? [])
    this.stored.push({ lsn, timestamp: 1_000_000 + lsn, operation, userId, payload: bytes, sequence, segment: 1, offset: lsn * 100 })
    return lsn
  }

  appendMeasurement(user: number | string, timestamp: number, value: number, sequence = 0, buffer = 0, source = 0, position = 0): number {
    const payload = Buffer.alloc(source === 0 ? MeasurementPayload.BYTES : MeasurementPayload.BYTES_WITH_ORIGIN)
    payload[0] = MeasurementPayload.VERSION
    payload.writeUInt32LE(buffer, MeasurementPayload.BUFFER_AT)
    payload.writeDoubleLE(timestamp, MeasurementPayload.TIMESTAMP_AT)
    payload.writeDoubleLE(value, MeasurementPayload.VALUE_AT)
    if (source !== 0) {
      payload[MeasurementPayload.ORIGIN_AT] = 1
      payload.writeUInt32LE(source, MeasurementPayload.SOURCE_AT)
      payload.writeDoubleLE(position, MeasurementPayload.POSITION_AT)
    }
    return this.append(Operation.ADD_MEASUREMENT, String(user), payload, sequence)
  }

  hasRoom(entries: number): boolean {
    return entries <= this.#room
  }

  async drained(): Promise<void> {
    await Promise.resolve()
    this.calls.push('drained')
    this.#room = this.#roomAfterDrain
  }

  async durable(lsn = this.lastLsn): Promise<void> {
    await Promise.resolve()
    this.calls.push(`durable ${lsn}`)
  }

  /** The ring takes `appends` more; each `drained()` makes room for `appendsAfterDrain`. */
  limitRoom(appends: number, appendsAfterDrain = Infinity): void {
    this.#room = appends
    this.#roomAfterDrain = appendsAfterDrain
  }

  /** Every further append fails with `failure`. */
  fail(failure: WalError | undefined): void {
    this.#failure = failure
  }

  /** The entries with these LSNs are damaged. `namesUsers`: the damaged bytes still say whose they were. */
  lose(lsns: Iterable<number>, namesUsers: boolean): void {
    for (const lsn of lsns) this.#lost.add(lsn)
    this.#namesUsers = namesUsers
  }

  /** Entries that are not needed any more are removed, as retention and compaction do: no damage. */
  remove(lsns: Iterable<number>): void {
    for (const lsn of lsns) {
      const at = this.stored.findIndex((entry) => entry.lsn === lsn)
      if (at >= 0) this.stored.splice(at, 1)
    }
  }

  async *entries(options: EntriesOptions = {}): AsyncGenerator<Entry, void, undefined> {
    await Promise.resolve()
    let lost: Entry[] = []
    for (const entry of [...this.stored]) {
      if (this.#lost.has(entry.lsn)) {
        lost.push(entry)
        continue
      }
      if (lost.length > 0) options.onDamage?.(this.#damageOf(lost))
      lost = []
      yield { ...entry, payload: entry.payload.slice() }
    }
    if (lost.length > 0) options.onDamage?.(this.#damageOf(lost))
  }

  /** The same in chunks of a few entries, with users numbered anew now and then. */
  async *chunks(options: EntriesOptions = {}): AsyncGenerator<EntryChunk, void, undefined> {
    let users: string[] = []
    const entries: Entry[] = []
    for await (const entry of this.entries(options)) {
      entries.push(entry)
      if (entries.length < CHUNK_ENTRIES) continue
      if (users.length > MAX_USERS) users = []
      yield chunkOf(entries.splice(0), users)
    }
    if (entries.length > 0) yield chunkOf(entries, users)
  }

  #damageOf(lost: readonly Entry[]): Damage {
    const firstLsn = lost[0]?.lsn ?? 0
    const lastLsn = lost.at(-1)?.lsn ?? 0
    const users = this.#namesUsers ? [...new Set(lost.map((entry) => entry.userId))] : []
    const place = { segment: 1, file: 'memory', offset: firstLsn * 100, endOffset: (lastLsn + 1) * 100 }
    return { kind: 'entry', ...place, firstLsn, lastLsn, previousLsn: firstLsn - 1, users, detail: 'lost by the test' }
  }
}
