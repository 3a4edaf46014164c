// One life of a log in which a call fails, and what has to be true behind it. Content follows from the LSN, so that whoever
// looks later needs to know nothing but how far it went.
import { readdirSync } from 'node:fs'
import { Wal, WalError } from '../../../dist/esm/index.js'

/** As small as they may be: a few entries fill a segment. */
export const OPTIONS = { segmentBytes: 1 << 16, queueBytes: 1 << 17, batchBytes: 1 << 14, batchIntervalMs: 5, maintenance: false }
/** How long a full disk stays full: long enough for the log to have tried again. */
const FULL_MS = 150

export function contentOf(lsn) {
  return { operation: 1 + (lsn % 6), userId: `user-${lsn % 5}`, payload: Buffer.alloc(1 + ((lsn * 997) % 6000), lsn) }
}

export class Life {
  wal
  lastLsn = 0
  durableLsn = 0
  /** What is not as it has to be. */
  problems = []
  /** Codes of errors that callers got. */
  codes = []

  constructor(directory, control) {
    this.directory = directory
    this.control = control
  }

  /** Opens; false when that fails, clearly. */
  async open(options = {}) {
    try {
      this.wal = await Wal.open({ directory: this.directory, ...OPTIONS, ...options })
    } catch (error) {
      this.#take(error, 'open')
      return false
    }
    this.wal.on('degraded', () => setTimeout(() => this.control.disarm(), FULL_MS))
    return true
  }

  /** Appends `count` entries; false when the log takes no more. */
  async append(count) {
    for (let i = 0; i < count; i++) {
      const lsn = this.lastLsn + 1
      const { operation, userId, payload } = contentOf(lsn)
      try {
        const given = this.wal.append(operation, userId, payload, lsn)
        if (given !== lsn) this.problems.push(`LSN ${given} was given, not ${lsn}`)
        this.lastLsn = lsn
        this.control.note(this.lastLsn, this.durableLsn)
      } catch (error) {
        if (error.code !== 'ERR_WAL_BACKPRESSURE') return this.#take(error, 'append')
        i--
        if (!(await this.#waited(this.wal.drained(), 'drained'))) return false
      }
    }
    return true
  }

  async durable() {
    const upTo = this.lastLsn
    if (!(await this.#waited(this.wal.durable(), 'durable'))) return false
    if (this.wal.durableLsn < upTo) this.problems.push(`durable() resolved for ${upTo}, durableLsn is ${this.wal.durableLsn}`)
    this.durableLsn = upTo
    this.control.note(this.lastLsn, this.durableLsn)
    return true
  }

  /** Batches of `entries` entries, each awaited. */
  async write(batches, entries) {
    for (let batch = 0; batch < batches; batch++) {
      if (!(await this.append(entries)) || !(await this.durable())) return this.#expectFailed()
    }
  }

  async checkpoint() {
    await this.#waited(this.wal.checkpoint(), 'checkpoint')
  }

  async close() {
    if (this.wal === undefined) return
    await this.#waited(this.wal.close(), 'close')
    this.wal = undefined
  }

  /** Reads everything; what comes is right, and what does not come is told. */
  async read() {
    const told = []
    let last = 0
    try {
      for await (const entry of this.wal.entries({ onDamage: (damage) => told.push(damage) })) {
        expectContent(entry)
        for (let lsn = last + 1; lsn < entry.lsn; lsn++) {
          if (!told.some(({ firstLsn, lastLsn }) => firstLsn <= lsn && lsn <= lastLsn)) throw new Error(`LSN ${lsn} is passed over in silence`)
        }
        last = entry.lsn
      }
    } catch (error) {
      if (!(error instanceof WalError)) throw error
      this.#take(error, 'read')
    }
  }

  /** A log that has failed says so to everybody, at once. */
  async #expectFailed() {
    const state = this.wal.stats().state
    if (state !== 'failed') return void this.problems.push(`a waiter was rejected and the log is ${state}`)
    if (this.wal.health().status !== 'failed') this.problems.push('the log has failed and its health does not say so')
    for (const call of [async () => this.wal.append(1, 'late', null), () => this.wal.durable(), () => this.wal.drained()]) {
      const answer = await call().then(() => 'nothing', (error) => error.code)
      if (answer !== 'ERR_WAL_FAILED') this.problems.push(`a failed log answers ${answer}`)
    }
  }

  async #waited(promise, what) {
    try {
      await promise
      return true
    } catch (error) {
      return this.#take(error, what)
    }
  }

  #take(error, what) {
    if (error instanceof WalError) this.codes.push(`${what} ${error.code}`)
    else this.problems.push(`${what}: ${error.stack}`)
    return false
  }
}

/** The log at `directory` holds the entries 1 to n, `least` <= n <= `most`, and nothing is wrong with it; and goes on. Returns n. */
export async function expectWhole(directory, least, most) {
  const count = await expectEntries(directory, least, most, async (wal, last) => {
    const { operation, userId, payload } = contentOf(last + 1)
    wal.append(operation, userId, payload, last + 1)
    await wal.durable()
  })
  // And what recovery did, and what was written behind it, is there again.
  await expectEntries(directory, count + 1, count + 1, async () => undefined)
  return count
}

async function expectEntries(directory, least, most, then) {
  const wal = await Wal.open({ directory, ...OPTIONS })
  try {
    const { damage } = wal.recovery
    if (damage.length > 0) throw new Error(`taken for damage: ${JSON.stringify(damage[0])}`)
    let last = 0
    for await (const entry of wal.entries()) {
      if (entry.lsn !== last + 1) throw new Error(`LSN ${entry.lsn} comes behind ${last}`)
      expectContent(entry)
      last = entry.lsn
    }
    if (last < least || last > most) throw new Error(`${last} entries are there, of ${least} to ${most}`)
    await then(wal, last)
    return last
  } finally {
    await wal.close()
  }
}

function expectContent({ lsn, operation, userId, payload, sequence }) {
  const expected = contentOf(lsn)
  const same = operation === expected.operation && userId === expected.userId && sequence === lsn
  if (!same || expected.payload.compare(payload) !== 0) throw new Error(`entry ${lsn} is not what was appended`)
}

export function openDescriptors() {
  return readdirSync('/proc/self/fd').length
}
