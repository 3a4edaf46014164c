/**
 * `recover`: reads a log from the beginning, feeds the machine of each user, and says what is there. Reads only. Memory:
 * the live buffers, a state per user, and one chunk of the log.
 */
import { throwIfAborted, WalError } from '../errors.js'
import type { BufferRecord } from '../replay/buffer-record.js'
import { createDefaultCodec, type Codec } from '../replay/codec.js'
import { timestampOf, type Measurement, type SourceRow } from '../replay/measurement.js'
import { isOurs, readAdd, readCheckpoint, readCommit, readEnd, readOrigin, readRollback } from '../replay/payloads.js'
import { Operation, type Damage, type EntriesOptions, type Entry } from '../wal/types.js'
import { sequenceAfterVerdict } from './gaps.js'
import { applyEntry, createMachine, type EncodedBuffer, type UserMachine } from './machine.js'
import type { RecoveredSource, RecoveredUser, RecoveryReport } from './report.js'
import { taintsOf, unprovenUsers } from './taint.js'

export interface RecoverOptions {
  /** The codec that the entries were written with. */
  codec?: Codec
  signal?: AbortSignal
}

/** The part of a log that recovery needs. `Wal` is one; so is anything that yields a log's entries in order. */
export interface RecoverableLog {
  entries(options?: EntriesOptions): AsyncIterable<Entry>
  /** Told `recovered` with the report, where the log is an event emitter. */
  emit?(event: 'recovered', report: RecoveryReport): unknown
}

/** How far a source was logged. The time is that of the measurement in `payload`, where there is one to be decoded. */
interface SourceEnd extends RecoveredSource {
  payload: Uint8Array | undefined
}

/**
 * Rebuilds buffers and states from the log's entries. Throws `ERR_WAL_CODEC` when payloads are of a newer version or
 * another codec, `ERR_WAL_ABORTED`, and what reading throws.
 */
export async function recover(log: RecoverableLog, options: RecoverOptions = {}): Promise<RecoveryReport> {
  const startedAt = performance.now()
  throwIfAborted(options.signal)
  const codec = options.codec ?? createDefaultCodec()
  const machines = new Map<string, UserMachine>()
  const ends = new Map<number, SourceEnd>()
  const damage: Damage[] = []
  const counts = { entries: 0, otherEntries: 0, lastLsn: 0 }
  const reading: EntriesOptions = { onDamage: (stretch) => damage.push(stretch) }
  if (options.signal !== undefined) reading.signal = options.signal
  for await (const entry of log.entries(reading)) {
    counts.entries++
    counts.lastLsn = entry.lsn
    if (entry.sequence === 0 || !isOurs(entry.payload)) {
      counts.otherEntries++
      continue
    }
    apply(machines, entry, damage)
    noteSource(ends, entry)
  }
  const report: RecoveryReport = {
    ...assemble(machines, damage, codec),
    ...counts,
    sources: sourcesOf(ends, codec),
    damage,
    durationMs: performance.now() - startedAt
  }
  log.emit?.('recovered', report)
  return report
}

function apply(machines: Map<string, UserMachine>, entry: Entry, damage: readonly Damage[]): void {
  let machine = machines.get(entry.userId)
  if (machine === undefined) {
    machine = createMachine(entry.userId)
    machines.set(entry.userId, machine)
  }
  try {
    applyEntry(machine, entry, damage)
  } catch (cause) {
    if (!(cause instanceof WalError)) throw cause
    const { lsn, segment, offset } = entry
    throw new WalError(cause.code, `entry ${lsn} of user ${JSON.stringify(entry.userId)}: ${cause.message}`, { lsn, segment, offset, cause })
  }
}

function noteSource(ends: Map<number, SourceEnd>, entry: Entry): void {
  if (entry.operation === Operation.ADD_MEASUREMENT) {
    const origin = readOrigin(entry.payload)
    if (origin === undefined) return
    const end = endOf(ends, origin.source)
    end.rows++
    if (origin.position <= end.position) return
    end.position = origin.position
    end.userId = entry.userId
    end.payload = entry.payload
    return
  }
  // The row's own entry may be lost; what tells of it is a control entry of its buffer.
  const lastRow = lastRowOf(entry)
  if (lastRow === undefined) return
  const end = endOf(ends, lastRow.source)
  if (lastRow.position > end.position) Object.assign(end, lastRow, { userId: entry.userId, payload: undefined })
}

function endOf(ends: Map<number, SourceEnd>, source: number): SourceEnd {
  let end = ends.get(source)
  if (end === undefined) {
    end = { source, position: 0, rows: 0, userId: '', timestamp: 0, payload: undefined }
    ends.set(source, end)
  }
  return end
}

function lastRowOf({ operation, payload }: Entry): SourceRow | undefined {
  switch (operation) {
    case Operation.END_BUFFER:
      return readEnd(payload).lastRow
    case Operation.CHECKPOINT:
      return readCheckpoint(payload).lastRow
    case Operation.COMMIT:
      return readCommit(payload).lastRow
    case Operation.ROLLBACK:
      return readRollback(payload).lastRow
    default:
      return undefined
  }
}

function sourcesOf(ends: Map<number, SourceEnd>, codec: Codec): Map<number, RecoveredSource> {
  const sources = new Map<number, RecoveredSource>()
  for (const [number, { payload, ...source }] of ends) {
    if (payload !== undefined) source.timestamp = timestampOf(codec.decode(readAdd(payload).value) as Measurement)
    sources.set(number, source)
  }
  return sources
}

type Assembled = Pick<
  RecoveryReport,
  'users' | 'readyUsers' | 'tainted' | 'openBuffers' | 'endedBuffers' | 'measurements'
>

function assemble(machines: Map<string, UserMachine>, damage: readonly Damage[], codec: Codec): Assembled {
  const unproven = unprovenUsers(machines, damage)
  for (const userId of unproven.keys()) if (!machines.has(userId)) machines.set(userId, createMachine(userId))
  const found: Assembled = { users: new Map(), readyUsers: [], tainted: [], openBuffers: 0, endedBuffers: 0, measurements: 0 }
  for (const machine of machines.values()) {
    const lostAtEnd = unproven.get(machine.userId) ?? 0
    const tainted = taintsOf(machine, lostAtEnd)
    const taintedBuffers = new Set(tainted.map((taint) => taint.buffer))
    const user = decodeUser(machine, codec, taintedBuffers)
    if (tainted.length > machine.verdicts.length) user.sequence = sequenceAfterVerdict(user.sequence, lostAtEnd)
    found.users.set(user.userId, user)
    found.tainted.push(...tainted)
    for (const buffer of user.buffers) {
      found.measurements += buffer.measurements.length
      if (buffer.ended === undefined) found.openBuffers++
      else found.endedBuffers++
    }
    if (user.buffers[0]?.ended !== undefined) found.readyUsers.push(user.userId)
  }
  return found
}

function decodeUser(machine: UserMachine, codec: Codec, taintedBuffers: ReadonlySet<number>): RecoveredUser {
  try {
    return {
      userId: machine.userId,
      sequence: machine.sequence,
      lastBuffer: machine.lastBuffer,
      hasState: machine.state !== undefined,
      state: machine.state === undefined ? undefined : codec.decode(machine.state),
      replayed: machine.replayed,
      buffers: machine.buffers.map((buffer) => decodeBuffer(buffer, codec, taintedBuffers.has(buffer.number)))
    }
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause
    throw new WalError('ERR_WAL_CODEC', `what is stored of user ${JSON.stringify(machine.userId)}: ${cause.message}`, { cause })
  }
}

function decodeBuffer(buffer: EncodedBuffer, codec: Codec, tainted: boolean): BufferRecord {
  const measurements = buffer.values.map((value) => codec.decode(value) as Measurement)
  const latestMs = measurements.reduce((latest, measurement) => Math.max(latest, timestampOf(measurement)), -Infinity)
  const { number, windowStart, windowEnd, maxMeasurements, minMeasurements, ended, attempts, parked } = buffer
  const limits = { windowStart, windowEnd, maxMeasurements, minMeasurements }
  return { number, ...limits, measurements, lastRow: decodeLastRow(buffer, codec), latestMs, ended, attempts, parked, tainted }
}

function decodeLastRow({ lastRow }: EncodedBuffer, codec: Codec): SourceRow | undefined {
  if (lastRow === undefined || !('value' in lastRow)) return lastRow
  const { source, position, value } = lastRow
  return { source, position, timestamp: timestampOf(codec.decode(value) as Measurement) }
}
