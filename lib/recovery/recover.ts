/**
 * `recover`: reads a log from its newest checkpoint on, feeds the machine of each user, and says what is there. Reads only.
 * Memory: the live buffers, a state per user, and a few chunks of the log.
 */
import { recoveryChannel } from '../diagnostics.js'
import { throwIfAborted, WalError } from '../errors.js'
import type { BufferRecord } from '../replay/buffer-record.js'
import { createDefaultCodec, type Codec } from '../replay/codec.js'
import { timestampOf, type Measurement } from '../replay/measurement.js'
import type { ChunksOptions, Damage, EntriesOptions, Entry, EntryChunk } from '../wal/types.js'
import { sequenceAfterVerdict } from './gaps.js'
import { LogPass } from './log-pass.js'
import { createMachine, type EncodedBuffer, type UserMachine } from './machine.js'
import type { RecoveredUser, RecoveryReport } from './report.js'
import { taintsOf, unprovenUsers } from './taint.js'

export interface RecoverOptions {
  /** The codec that the entries were written with. */
  codec?: Codec
  signal?: AbortSignal
}

/** The part of a log that recovery needs. `Wal` is one; so is anything that yields a log's entries in order. */
export interface RecoverableLog {
  entries(options?: EntriesOptions): AsyncIterable<Entry>
  /** The same in chunks, which recovery prefers: it is several times as fast on them. */
  chunks?(options?: ChunksOptions): AsyncIterable<EntryChunk>
  /** Told `recovered` with the report, where the log is an event emitter. */
  emit?(event: 'recovered', report: RecoveryReport): unknown
}

/**
 * Rebuilds buffers and states from the log's entries. Throws `ERR_WAL_CODEC` when payloads are of a newer version or
 * another codec, `ERR_WAL_ABORTED`, and what reading throws.
 */
export async function recover(log: RecoverableLog, options: RecoverOptions = {}): Promise<RecoveryReport> {
  const startedAt = performance.now()
  throwIfAborted(options.signal)
  const codec = options.codec ?? createDefaultCodec()
  const pass = new LogPass()
  const reading: EntriesOptions = { onDamage: (stretch) => pass.damage.push(stretch) }
  if (options.signal !== undefined) reading.signal = options.signal
  if (log.chunks === undefined) for await (const entry of log.entries(reading)) pass.takeEntry(entry)
  else for await (const chunk of log.chunks({ ...reading, reuse: true, live: true })) pass.takeChunk(chunk)
  const { entries, otherEntries, lastLsn, damage } = pass
  const report: RecoveryReport = {
    ...assemble(pass.machines, damage, codec),
    ...{ entries, otherEntries, lastLsn },
    sources: pass.sources.decode(codec),
    damage,
    durationMs: performance.now() - startedAt
  }
  recoveryChannel.publish({ log, report })
  log.emit?.('recovered', report)
  return report
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
  const { number, windowStart, windowEnd, maxMeasurements, minMeasurements, ended, attempts, parked, lastRow, lastRowAt } = buffer
  const limits = { windowStart, windowEnd, maxMeasurements, minMeasurements }
  const measurements = buffer.values.decode(codec)
  if (lastRow !== undefined && lastRowAt >= 0) lastRow.timestamp = timestampOf(measurements.at(lastRowAt) as Measurement)
  return { number, ...limits, measurements, lastRow, latestMs: measurements.latestMs(), ended, attempts, parked, tainted }
}
