/**
 * One pass over a log: feeds each user's machine and keeps account of sources. Takes chunks, where the log has them, or
 * entries; keeps none of their memory.
 */
import { WalError } from '../errors.js'
import { isOurs } from '../replay/payloads.js'
import { MeasurementPayload, type Damage, type Entry, type EntryChunk } from '../wal/types.js'
import type { Losses } from './gaps.js'
import { applyEntry, applyMeasurement, createMachine, type UserMachine } from './machine.js'
import { NumberArena } from './number-arena.js'
import { SourceEnds } from './sources.js'

const NO_USERS: readonly string[] = []

export class LogPass implements Losses {
  readonly machines = new Map<string, UserMachine>()
  readonly sources = new SourceEnds()
  /** What was met in the log so far. */
  readonly damage: Damage[] = []
  checkpointedLsn = 0
  entries = 0
  otherEntries = 0
  lastLsn = 0
  readonly #arena = new NumberArena()
  /** The machines of `#users`, by number. */
  #numbered: Array<UserMachine | undefined> = []
  #users = NO_USERS

  takeEntry(entry: Entry): void {
    this.#noteEntries(1, entry.lsn)
    if (entry.segment < 0) this.checkpointedLsn = entry.lsn
    if (this.#isOther(entry)) return
    this.#apply(this.#machineOf(entry.userId), entry)
    this.sources.keepOwn()
  }

  takeChunk(chunk: EntryChunk): void {
    if (chunk.length === 0) return
    this.#noteEntries(chunk.length, chunk.lsn(chunk.length - 1))
    this.#noteCheckpointed(chunk)
    if (chunk.users !== this.#users) {
      this.#users = chunk.users
      this.#numbered = []
    }
    for (let i = 0; i < chunk.length; i++) {
      if (!this.#takeMeasurement(chunk, i)) this.#takeOther(chunk, i)
    }
    this.sources.keepOwn()
  }

  /** The entries of a checkpoint come first. */
  #noteCheckpointed(chunk: EntryChunk): void {
    if (chunk.segment(0) >= 0) return
    let last = chunk.length - 1
    while (chunk.segment(last) >= 0) last--
    this.checkpointedLsn = chunk.lsn(last)
  }

  /** Takes an entry that is numbers alone and whole. */
  #takeMeasurement(chunk: EntryChunk, i: number): boolean {
    if (!chunk.isMeasurement(i)) return false
    const buffer = chunk.payloadUint32(i, MeasurementPayload.BUFFER_AT)
    const sequence = chunk.sequence(i)
    if (buffer === 0 || sequence === 0) return false
    const origin = chunk.payloadUint8(i, MeasurementPayload.ORIGIN_AT)
    if (origin > 1 || (origin === 1 && chunk.payloadBytes(i) < MeasurementPayload.BYTES_WITH_ORIGIN)) return false
    const source = origin === 0 ? 0 : chunk.payloadUint32(i, MeasurementPayload.SOURCE_AT)
    const position = origin === 0 ? 0 : chunk.payloadFloat64(i, MeasurementPayload.POSITION_AT)
    const timestamp = chunk.measurementTimestamp(i)
    const value = chunk.measurementValue(i)
    const machine = this.#numbered[chunk.user(i)] ?? this.#machineNumbered(chunk.user(i))
    applyMeasurement(machine, chunk.lsn(i), sequence, chunk.timestamp(i), buffer, timestamp, value, source, position, this)
    if (origin === 1) this.sources.noteRow(machine.userId, source, position, timestamp)
    return true
  }

  #takeOther(chunk: EntryChunk, i: number): void {
    const entry = chunk.entry(i)
    if (!this.#isOther(entry)) this.#apply(this.#machineNumbered(chunk.user(i)), entry)
  }

  /** Counts entries that no buffer and no replay wrote: the service's own. */
  #isOther(entry: Entry): boolean {
    const isOther = entry.sequence === 0 || !isOurs(entry.payload)
    if (isOther) this.otherEntries++
    return isOther
  }

  #apply(machine: UserMachine, entry: Entry): void {
    try {
      applyEntry(machine, entry, this)
    } catch (cause) {
      if (!(cause instanceof WalError)) throw cause
      const { lsn, segment, offset } = entry
      throw new WalError(cause.code, `entry ${lsn} of user ${JSON.stringify(entry.userId)}: ${cause.message}`, { lsn, segment, offset, cause })
    }
    this.sources.noteEntry(entry)
  }

  #noteEntries(count: number, lastLsn: number): void {
    this.entries += count
    this.lastLsn = lastLsn
  }

  #machineNumbered(number: number): UserMachine {
    return (this.#numbered[number] ??= this.#machineOf(this.#users[number] as string))
  }

  #machineOf(userId: string): UserMachine {
    let machine = this.machines.get(userId)
    if (machine === undefined) {
      machine = createMachine(userId, this.#arena)
      this.machines.set(userId, machine)
    }
    return machine
  }
}
