// Runs a program on a real log and on the model, and holds the one against the other at each step.
import { expect } from 'vitest'
import { Operation, Wal, WalError, type EntriesOptions, type Entry } from '../../lib/index.js'
import { contentOf, type Appended } from '../support/logs.js'
import { CrashImage } from './crash-image.js'
import { LogModel, measurementPayload } from './log-model.js'
import type { LogProgram, Settings, Step } from './log-program.js'

interface Reading {
  entries: AsyncGenerator<Entry, void, undefined>
  lastLsn: number
  found: Appended[]
}

type StepOf<Name extends Step['do']> = Extract<Step, { do: Name }>

/** What programs came to, all of them: so that a test which never gets somewhere is noticed. */
export const reached = { rotations: 0, refusals: 0, carried: 0, cut: 0, dropped: 0 }

export class LogRun {
  readonly #directory: string
  readonly #model = new LogModel()
  /** Everything that was asked to be durable and not waited for. */
  #pending: Promise<void>[] = []
  #reading: Reading | undefined
  #wal: Wal

  private constructor(directory: string, wal: Wal) {
    this.#directory = directory
    this.#wal = wal
  }

  static async of(directory: string, { settings, steps }: LogProgram): Promise<void> {
    const run = new LogRun(directory, await Wal.open({ directory, ...settings }))
    try {
      for (const step of steps) await run.#step(step)
      await run.#close()
      await run.#open(settings)
      expect(run.#wal.recovery).toMatchObject({ clean: true, carriedEntries: 0, tornTail: null })
      await run.#read({})
    } finally {
      await run.#wal.close()
    }
  }

  async #step(step: Step): Promise<void> {
    switch (step.do) {
      case 'append':
        return this.#append(step)
      case 'measure':
        return this.#measure(step)
      case 'refused':
        return this.#refused()
      case 'durable':
        return this.#durable(step)
      case 'read':
        return this.#readAsAsked(step)
      case 'begin reading':
        return this.#beginReading()
      case 'read on':
        return this.#readOn(step.entries)
      case 'checkpoint':
        return this.#checkpoint()
      case 'compact':
        return this.#compact(step.drop)
      case 'close':
        await this.#close()
        return this.#open(step.then)
      case 'die':
        return this.#die(step.then)
      case 'cut power':
        return this.#cutPower(step.then)
    }
  }

  // --- Appending

  async #append({ operation, user, payloadBytes, sequence, times }: StepOf<'append'>): Promise<void> {
    for (let i = 0; i < times; i++) {
      const lsn = this.#model.lastLsn + 1
      const payload = payloadOf(lsn, payloadBytes)
      const isAccepted = await this.#withRoom(() => this.#wal.append(operation, user, payload, sequence))
      const fits = Buffer.byteLength(user) + payloadBytes <= this.#wal.maxEntryBytes
      expect(isAccepted, `${payloadBytes} bytes`).toBe(fits)
      if (isAccepted) this.#model.append(operation, user, payload, sequence)
    }
  }

  async #measure({ user, byHandle, timestamp, value, sequence, source, position }: StepOf<'measure'>): Promise<void> {
    const of = byHandle ? this.#wal.user(user) : user
    await this.#withRoom(() => this.#wal.appendMeasurement(of, timestamp, value, sequence, 0, source, position))
    this.#model.append(Operation.ADD_MEASUREMENT, user, measurementPayload(timestamp, value, 0, source, position), sequence)
  }

  /** False when the entry is too large; waits where the ring is full, which has changed nothing. */
  async #withRoom(append: () => number): Promise<boolean> {
    for (;;) {
      try {
        expect(append()).toBe(this.#model.lastLsn + 1)
        return true
      } catch (error) {
        if (!(error instanceof WalError)) throw error
        expect(this.#wal.lastLsn).toBe(this.#model.lastLsn)
        if (error.code === 'ERR_WAL_TOO_LARGE') return false
        expect(error.code).toBe('ERR_WAL_BACKPRESSURE')
        reached.refusals++
        await this.#wal.drained()
      }
    }
  }

  #refused(): void {
    const wal = this.#wal
    const calls = [
      () => wal.append(0 as Operation, 'ann', null),
      () => wal.append(7 as Operation, 'ann', null),
      () => wal.append(Operation.COMMIT, 'ann', null, -1),
      () => wal.append(Operation.COMMIT, 'ann', 'text' as unknown as Uint8Array),
      () => wal.append(Operation.COMMIT, 7 as unknown as string, null),
      () => wal.appendMeasurement('ann', NaN, 1),
      () => wal.appendMeasurement('ann', 1, 1, 1.5),
      () => wal.appendMeasurement(1_000_000, 1, 1)
    ]
    for (const call of calls) expect(call, String(call)).toThrow(expect.objectContaining({ code: 'ERR_WAL_INVALID_ARGUMENT' }) as Error)
    expect(wal.lastLsn).toBe(this.#model.lastLsn)
  }

  // --- Waiting

  async #durable({ place, awaited }: StepOf<'durable'>): Promise<void> {
    const lsn = Math.round(place * this.#model.lastLsn)
    const wal = this.#wal
    const durable = wal.durable(lsn).then(() => expect(wal.durableLsn).toBeGreaterThanOrEqual(lsn))
    this.#pending.push(durable)
    // Nobody may look at it before it is rejected.
    durable.catch(() => undefined)
    if (awaited) await durable
  }

  // --- Reading

  async #readAsAsked({ place, user, operations, by }: StepOf<'read'>): Promise<void> {
    const options: EntriesOptions = { fromLsn: 1 + Math.round(place * this.#model.lastLsn) }
    if (user !== undefined) options.userId = user
    if (operations !== undefined) options.operations = operations
    if (by === 'entries') return this.#read(options)
    const found: Appended[] = []
    for await (const chunk of this.#wal.chunks({ ...options, reuse: by === 'reused chunks' })) {
      for (let i = 0; i < chunk.length; i++) {
        const entry = { lsn: chunk.lsn(i), operation: chunk.operation(i), userId: chunk.userId(i), sequence: chunk.sequence(i) }
        const payload = Buffer.from(chunk.payload(i))
        expect(contentOf(chunk.entry(i))).toEqual({ ...entry, payload })
        found.push({ ...entry, payload })
      }
    }
    this.#model.expectRead(found, options)
  }

  async #read(options: EntriesOptions): Promise<void> {
    const found: Appended[] = []
    for await (const entry of this.#wal.entries(options)) found.push(contentOf(entry))
    this.#model.expectRead(found, options)
    reached.dropped += options.userId === undefined && options.operations === undefined && options.fromLsn === undefined ? this.#model.lastLsn - found.length : 0
  }

  async #beginReading(): Promise<void> {
    await this.#readToEnd()
    this.#reading = { entries: this.#wal.entries(), lastLsn: this.#model.lastLsn, found: [] }
  }

  async #readOn(entries: number): Promise<void> {
    const reading = this.#reading
    for (let i = 0; reading !== undefined && i < entries; i++) {
      const next = await reading.entries.next()
      if (next.done === true) return this.#readToEnd()
      reading.found.push(contentOf(next.value))
    }
  }

  /** What was begun gives what was there at its begin, whatever came since. */
  async #readToEnd(): Promise<void> {
    const reading = this.#reading
    this.#reading = undefined
    if (reading === undefined) return
    for await (const entry of reading.entries) reading.found.push(contentOf(entry))
    this.#model.expectRead(reading.found, {}, reading.lastLsn)
  }

  // --- Maintenance

  async #checkpoint(): Promise<void> {
    const lsn = this.#model.lastLsn
    if (lsn === 0) await expect(this.#wal.checkpoint()).rejects.toMatchObject({ code: 'ERR_WAL_INVALID_ARGUMENT' })
    else expect(await this.#wal.checkpoint()).toMatchObject({ lsn })
    this.#model.checkpoint({ drop: false })
  }

  async #compact(drop: boolean): Promise<void> {
    const { checkpoint } = await this.#wal.compact({ drop })
    expect(checkpoint?.lsn ?? 0).toBe(this.#model.lastLsn)
    this.#model.checkpoint({ drop })
  }

  // --- Ends

  /** Nobody is left waiting. */
  async #close(): Promise<void> {
    await this.#readToEnd()
    await this.#wal.close()
    reached.rotations += this.#wal.stats().rotations
    await Promise.all(this.#pending.splice(0))
    expect(this.#wal.durableLsn).toBe(this.#model.lastLsn)
  }

  async #open(settings: Settings): Promise<void> {
    this.#wal = await Wal.open({ directory: this.#directory, ...settings })
    const { recovery, lastLsn, durableLsn } = this.#wal
    expect(recovery.damage).toEqual([])
    expect(this.#wal.health()).toEqual({ status: 'ok', reasons: [] })
    expect(durableLsn).toBe(lastLsn)
    expect(lastLsn).toBe(this.#model.lastLsn)
  }

  async #die(then: Settings): Promise<void> {
    const stagedBefore = this.#model.lastLsn - this.#wal.durableLsn
    const image = await CrashImage.of(this.#wal)
    const staged = this.#model.lastLsn - this.#wal.durableLsn
    await this.#close()
    image.putBack({ ring: true })
    await this.#open(then)
    const { carriedEntries } = this.#wal.recovery
    expect(carriedEntries).toBeGreaterThanOrEqual(staged)
    expect(carriedEntries).toBeLessThanOrEqual(stagedBefore)
    reached.carried += carriedEntries
    await this.#read({})
  }

  async #cutPower(then: Settings): Promise<void> {
    const { durableLsn } = this.#wal
    const image = await CrashImage.of(this.#wal)
    await this.#close()
    image.putBack({ ring: false })
    const kept = await lastLsnAt(this.#directory, then)
    expect(kept).toBeGreaterThanOrEqual(durableLsn)
    expect(kept).toBeLessThanOrEqual(this.#model.lastLsn)
    reached.cut += this.#model.lastLsn - kept
    this.#model.cut(kept)
    await this.#open(then)
    await this.#read({})
  }
}

async function lastLsnAt(directory: string, settings: Settings): Promise<number> {
  const wal = await Wal.open({ directory, ...settings })
  await wal.close()
  expect(wal.recovery.damage).toEqual([])
  return wal.lastLsn
}

/** Nothing that a buffer or a replay would write. */
function payloadOf(lsn: number, bytes: number): Buffer {
  const payload = Buffer.alloc(bytes)
  for (let at = 0; at < bytes; at++) payload[at] = (lsn * 31 + at) & 0x7f
  return payload
}
