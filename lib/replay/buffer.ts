/**
 * `ReplayBuffer`: where measurements of users wait until they are replayed. With a log behind it every step is logged
 * before it counts; without one it does the same in memory alone.
 *
 * A user has at most one open buffer, behind any number of ended ones that wait for their replay, oldest first. So a
 * full buffer never makes a measurement wait or go: it is ended, and the next one begins behind it.
 */
import { WalError } from '../errors.js'
import { MeasurementPayload, Operation, type EntryLog } from '../wal/types.js'
import type { RecoveredUser, RecoveryReport } from '../recovery/report.js'
import { dueReason, LIMITS_LOST, type BufferRecord } from './buffer-record.js'
import { createDefaultCodec, isDefaultCodec, type Codec } from './codec.js'
import { Journal, type JournalUser } from './journal.js'
import { checkOrigin, timestampOf, type Measurement, type Origin } from './measurement.js'
import { isNumeric, MeasurementList, type NumericMeasurement } from './measurement-list.js'
import { resolveBufferSettings, type ReplayBufferSettings, type ResolvedReplayBufferSettings } from './options.js'
import { PayloadWriter, type EndReason } from './payloads.js'

export interface ReplayBufferOptions extends ReplayBufferSettings {
  /** The log behind the buffers; none: they live in memory alone. */
  wal?: EntryLog
  codec?: Codec
  /** The wall clock, milliseconds since the Unix epoch (Date.now). */
  now?: () => number
}

export interface AddResult {
  /** LSN of the measurement's entry, 0 without a log. */
  lsn: number
  /** Measurements of this user that wait now, in all of the user's buffers. */
  size: number
  /** A buffer of this user is to be replayed, and the oldest is not parked. */
  ready: boolean
  /** Why the oldest was ended; undefined while it is open. */
  reason: EndReason | undefined
}

export interface BufferInfo {
  userId: string
  size: number
  ready: boolean
  reason: EndReason | undefined
  /** Failed replays of the oldest buffer, and whether it is parked. */
  attempts: number
  parked: boolean
  tainted: boolean
  /** The user's buffers, oldest first; the last one is open when it has no reason. */
  buffers: Array<Omit<BufferRecord, 'measurements'> & { size: number }>
}

export interface ReplayBufferStats {
  users: number
  measurements: number
  openBuffers: number
  endedBuffers: number
  parkedBuffers: number
  taintedBuffers: number
}

interface UserBuffers {
  readonly userId: string
  readonly journal: JournalUser
  lastNumber: number
  /** Oldest first; only the last can be open. */
  records: BufferRecord[]
}

/** No entry of a buffer but a measurement has a larger payload. */
const CONTROL_BYTES = 64
const HOUR_MS = 3_600_000

export class ReplayBuffer {
  readonly settings: ResolvedReplayBufferSettings
  /** @internal Shared with the ReplayManager, so that a user's entries have one running number. */
  readonly journal: Journal
  /** @internal */
  readonly codec: Codec
  readonly #payloads = new PayloadWriter()
  /** Measurements that are numbers alone are logged without the codec: it would keep them as they are. */
  readonly #logsNumbers: boolean
  readonly #now: () => number
  readonly #users = new Map<string, UserBuffers>()
  readonly #replaying = new Set<string>()

  constructor(options: ReplayBufferOptions = {}) {
    this.settings = resolveBufferSettings(options)
    this.journal = new Journal(options.wal)
    this.codec = options.codec ?? createDefaultCodec()
    this.#logsNumbers = this.journal.takesNumbers && isDefaultCodec(this.codec)
    this.#now = options.now ?? Date.now
  }

  /**
   * Takes one measurement; with a log, it is logged when this returns. It belongs to the buffer then: what the caller
   * changes in it later is not logged. Throws, having changed nothing:
   * `ERR_WAL_MEASUREMENT`, `ERR_WAL_CODEC`, `ERR_WAL_INVALID_ARGUMENT`, `ERR_WAL_BACKPRESSURE` (await the log's
   * `drained()` and add again), `ERR_WAL_TOO_LARGE`, `ERR_WAL_CLOSED`, `ERR_WAL_FAILED`.
   */
  add(userId: string, measurement: Measurement, origin?: Origin): AddResult {
    checkUserId(userId)
    if (origin !== undefined) checkOrigin(origin)
    const timestamp = timestampOf(measurement)
    const user = this.#users.get(userId) ?? this.#newUser(userId)
    const open = openRecord(user)
    // In event time a buffer is as late as its latest measurement, also when an earlier one comes after it.
    const isEventTime = this.settings.clock === 'event'
    const nowMs = isEventTime ? Math.max(timestamp, open?.latestMs ?? -Infinity) : this.#now()
    const due = open === undefined ? undefined : dueReason(open, nowMs)
    const into = due === undefined ? open : undefined
    const payload = this.#payloadOf(measurement, into?.number ?? user.lastNumber + 1, origin)
    const fills = (into?.measurements.length ?? 0) + 1 >= (into?.maxMeasurements ?? this.settings.maxBufferMeasurements)
    const control = (due === undefined ? 0 : 1) + (into === undefined ? 1 : 0) + (fills || due !== undefined ? 1 : 0)
    const bytes = payload?.length ?? MeasurementPayload.BYTES_WITH_ORIGIN
    if (control > 0) this.journal.requireRoom(userId, 1 + control, bytes + control * CONTROL_BYTES, bytes)
    // The payload is in the writer's memory, which the entries before it overwrite.
    const kept = control > 0 && payload !== undefined ? Uint8Array.prototype.slice.call(payload) : payload
    if (open !== undefined && due !== undefined) this.#end(user, open, due)
    const record = into ?? this.#start(user, isEventTime ? timestamp : nowMs)
    const lsn = this.#log(user, record, measurement, kept, origin)
    if (payload === undefined) record.measurements.addNumbers(timestamp, measurement.value as number)
    else record.measurements.add(measurement)
    if (timestamp > record.latestMs) record.latestMs = timestamp
    if (origin !== undefined) record.lastRow = { source: origin.source, position: origin.position, timestamp }
    this.#endIfDue(user, record, isEventTime ? record.latestMs : nowMs)
    const oldest = user.records[0]
    const reason = oldest?.ended
    return { lsn, size: sizeOf(user), ready: reason !== undefined && oldest?.parked === false, reason }
  }

  /** What is logged of a measurement; undefined when the log takes it as the numbers that it is. */
  #payloadOf(measurement: Measurement, number: number, origin: Origin | undefined): Uint8Array | undefined {
    if (this.#logsNumbers && isNumeric(measurement)) return undefined
    return this.#payloads.add(number, this.codec.encode(measurement), origin)
  }

  #log(user: UserBuffers, record: BufferRecord, measurement: Measurement, payload: Uint8Array | undefined, origin: Origin | undefined): number {
    if (payload !== undefined) return this.journal.writeFor(user.journal, Operation.ADD_MEASUREMENT, payload)
    const { timestamp, value } = measurement as NumericMeasurement
    return this.journal.writeNumbers(user.journal, timestamp, value, record.number, origin)
  }

  #newUser(userId: string): UserBuffers {
    return { userId, journal: this.journal.user(userId), lastNumber: 0, records: [] }
  }

  /** The user's waiting measurements, in order of arrival. */
  measurements(userId: string): Measurement[] {
    return (this.#users.get(userId)?.records ?? []).flatMap((record) => record.measurements.toArray())
  }

  /** The user's buffers; undefined when the user has none. */
  info(userId: string): BufferInfo | undefined {
    const user = this.#users.get(userId)
    const oldest = user?.records[0]
    if (user === undefined || oldest === undefined) return undefined
    const reason = this.#reasonNow(oldest)
    return {
      userId,
      size: sizeOf(user),
      ready: reason !== undefined && !oldest.parked,
      reason,
      attempts: oldest.attempts,
      parked: oldest.parked,
      tainted: user.records.some((record) => record.tainted),
      buffers: user.records.map(({ measurements, ...rest }) => ({ ...rest, size: measurements.length }))
    }
  }

  /** Users with a buffer that is to be replayed now. Those whose oldest buffer is parked are left out. */
  readyUsers(): string[] {
    return this.#usersWhere((oldest) => !oldest.parked && this.#reasonNow(oldest) !== undefined)
  }

  /** Users whose oldest buffer failed as often as allowed: replayed only when asked for. */
  parkedUsers(): string[] {
    return this.#usersWhere((oldest) => oldest.parked)
  }

  /** Users that have measurements waiting. */
  users(): string[] {
    return this.#usersWhere(() => true)
  }

  /**
   * Drops the waiting measurements of one user, or of all, for good; logged, so that recovery does not bring them back.
   * Returns how many. Throws `ERR_WAL_REPLAY` while a replay of the user runs, and what the log throws.
   */
  clear(userId?: string): number {
    const userIds = userId === undefined ? this.users() : [userId]
    for (const each of userIds) this.#requireNoReplay(each)
    return userIds.reduce((count, each) => count + this.#clearUser(each), 0)
  }

  /** One entry for all of the user's buffers, so that no crash leaves some of them cleared. */
  #clearUser(userId: string): number {
    const user = this.#users.get(userId)
    const newest = user?.records.at(-1)
    if (user === undefined || newest === undefined) return 0
    const count = sizeOf(user)
    const lastRow = user.records.findLast((record) => record.lastRow !== undefined)?.lastRow
    const discarded = { buffer: newest.number, count, lastRow, discarded: true, replayed: 0, value: new Uint8Array(0) }
    this.journal.write(Operation.COMMIT, userId, this.#payloads.commit(discarded))
    user.records.length = 0
    return count
  }

  stats(): ReplayBufferStats {
    const stats = { users: 0, measurements: 0, openBuffers: 0, endedBuffers: 0, parkedBuffers: 0, taintedBuffers: 0 }
    for (const user of this.#users.values()) {
      if (user.records.length > 0) stats.users++
      for (const record of user.records) {
        stats.measurements += record.measurements.length
        if (record.ended === undefined) stats.openBuffers++
        else stats.endedBuffers++
        if (record.parked) stats.parkedBuffers++
        if (record.tainted) stats.taintedBuffers++
      }
    }
    return stats
  }

  /**
   * Takes over what `recover` found; logs nothing. What was decided before the crash stays decided; a buffer that had
   * become due and whose END_BUFFER was lost with the crash is due still. Throws `ERR_WAL_INVALID_ARGUMENT` unless this buffer is new.
   */
  recoverFromWal(report: RecoveryReport): void {
    if (this.#users.size > 0) {
      throw new WalError('ERR_WAL_INVALID_ARGUMENT', 'recoverFromWal was called on a buffer that has users; allowed: once, at first')
    }
    for (const user of report.users.values()) this.#adopt(user)
  }

  #adopt(recovered: RecoveredUser): void {
    const { userId, sequence, lastBuffer: lastNumber } = recovered
    // Copies: the report stays what it says.
    const records = recovered.buffers.map((record) => ({ ...record, measurements: record.measurements.copy() }))
    const user = { userId, journal: this.journal.restore(userId, sequence), lastNumber, records }
    this.#users.set(userId, user)
    const open = openRecord(user)
    if (open?.maxMeasurements === LIMITS_LOST) this.#restoreLimits(open)
  }

  // --- For the ReplayManager.

  /** @internal Ends what is due now; with `reason`, whatever is open. Then gives the ended buffers, oldest first. */
  endedRecords(userId: string, reason?: EndReason): readonly BufferRecord[] {
    const user = this.#users.get(userId)
    if (user === undefined) return []
    const open = openRecord(user)
    if (open !== undefined && open.measurements.length > 0) {
      const why = this.#reasonNow(open) ?? reason
      if (why !== undefined) this.#end(user, open, why)
    }
    return user.records.filter((record) => record.ended !== undefined)
  }

  /** @internal While it is on, the user's buffers cannot be cleared. Throws `ERR_WAL_REPLAY` when it is on already. */
  setReplaying(userId: string, on: boolean): void {
    if (on) {
      this.#requireNoReplay(userId)
      this.#replaying.add(userId)
    } else {
      this.#replaying.delete(userId)
    }
  }

  /** @internal The oldest buffer was committed. */
  removeOldest(userId: string): void {
    this.#users.get(userId)?.records.shift()
  }

  // --- Steps

  #requireNoReplay(userId: string): void {
    if (this.#replaying.has(userId)) throw new WalError('ERR_WAL_REPLAY', `a replay of user ${JSON.stringify(userId)} is running`)
  }

  #start(user: UserBuffers, nowMs: number): BufferRecord {
    const number = user.lastNumber + 1
    const limits = this.#limitsFrom(nowMs)
    this.journal.writeFor(user.journal, Operation.START_BUFFER, this.#payloads.start({ buffer: number, ...limits }))
    const record: BufferRecord = {
      number,
      ...limits,
      measurements: MeasurementList.of(),
      lastRow: undefined,
      latestMs: -Infinity,
      ended: undefined,
      attempts: 0,
      parked: false,
      tainted: false
    }
    user.lastNumber = number
    user.records.push(record)
    this.#users.set(user.userId, user)
    return record
  }

  /** The entry that said them is damaged: today's settings stand in, from the first measurement on. */
  #restoreLimits(record: BufferRecord): void {
    const first = record.measurements.at(0)
    const windowStart = this.settings.clock === 'event' && first !== undefined ? timestampOf(first) : record.windowStart
    Object.assign(record, this.#limitsFrom(windowStart))
  }

  #limitsFrom(windowStart: number): Pick<BufferRecord, 'windowStart' | 'windowEnd' | 'maxMeasurements' | 'minMeasurements'> {
    const { bufferHours, maxBufferMeasurements, minMeasurements, triggerMode } = this.settings
    const windowEnd = triggerMode === 'time_based' ? windowStart + bufferHours * HOUR_MS : Infinity
    return { windowStart, windowEnd, maxMeasurements: maxBufferMeasurements, minMeasurements }
  }

  #end(user: UserBuffers, record: BufferRecord, reason: EndReason): void {
    const { number, lastRow } = record
    const payload = this.#payloads.end({ buffer: number, count: record.measurements.length, lastRow, reason })
    this.journal.writeFor(user.journal, Operation.END_BUFFER, payload)
    record.ended = reason
  }

  /** The measurement is logged: a log that fails now may not make `add` fail. The buffer stays due, and is ended later. */
  #endIfDue(user: UserBuffers, record: BufferRecord, nowMs: number): void {
    const due = dueReason(record, nowMs)
    if (due === undefined) return
    try {
      this.#end(user, record, due)
    } catch (error) {
      if (!(error instanceof WalError)) throw error
    }
  }

  #reasonNow(record: BufferRecord): EndReason | undefined {
    return record.ended ?? dueReason(record, this.settings.clock === 'event' ? record.latestMs : this.#now())
  }

  #usersWhere(wanted: (oldest: BufferRecord) => boolean): string[] {
    const found: string[] = []
    for (const [userId, { records }] of this.#users) {
      const oldest = records[0]
      if (oldest !== undefined && sizeOf({ records }) > 0 && wanted(oldest)) found.push(userId)
    }
    return found
  }
}

function openRecord(user: { records: readonly BufferRecord[] }): BufferRecord | undefined {
  const last = user.records.at(-1)
  return last?.ended === undefined ? last : undefined
}

function sizeOf(user: { records: readonly BufferRecord[] }): number {
  let size = 0
  for (const record of user.records) size += record.measurements.length
  return size
}

function checkUserId(userId: string): void {
  if (typeof userId === 'string') return
  throw new WalError('ERR_WAL_INVALID_ARGUMENT', `userId is ${String(userId)}; allowed: a string`)
}
