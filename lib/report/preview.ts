/** What the next start would find: recovery, run for its answer alone. */
import { WalError } from '../errors.js'
import type { BufferRecord } from '../replay/buffer-record.js'
import { recover } from '../recovery/recover.js'
import type { RecoveredUser, RecoveryReport } from '../recovery/report.js'
import { readLog, readLogChunks } from '../wal/inspect.js'
import { Operation, type ChunksOptions, type EntriesOptions, type EntryChunk } from '../wal/types.js'
import { storedCodec } from './filter-states.js'
import type { RecoveryPreview, WaitingBuffer, WaitingState } from './log-report.js'

export const MOST_WAITING = 200
export const MOST_TAINTED = 200
/** The most urgent first. */
const URGENCY: readonly WaitingState[] = ['parked', 'replaying', 'ready', 'open']

export interface Preview {
  preview: RecoveryPreview
  /** Undefined where recovery would fail. */
  report: RecoveryReport | undefined
  /** Buffers that wait, by user. */
  waiting: Map<string, WaitingBuffer[]>
}

/** Throws what reading throws; that the entries cannot be understood is an answer. */
export async function previewRecovery(path: string, signal?: AbortSignal): Promise<Preview> {
  const replaying = new Set<string>()
  const log = {
    entries: (options?: EntriesOptions) => readLog(path, { ...options, live: true }),
    chunks: (options?: ChunksOptions) => noting(readLogChunks(path, options), replaying)
  }
  let report: RecoveryReport
  try {
    report = await recover(log, { codec: storedCodec, ...(signal === undefined ? {} : { signal }) })
  } catch (error) {
    if (!(error instanceof WalError) || error.code !== 'ERR_WAL_CODEC') throw error
    return { preview: failed(error), report: undefined, waiting: new Map() }
  }
  const waiting = waitingByUser(report, replaying)
  return { preview: summary(report, waiting), report, waiting }
}

/** Passes `chunks` on and keeps account of users whose last CHECKPOINT has no outcome. */
async function* noting(chunks: AsyncIterable<EntryChunk>, replaying: Set<string>): AsyncGenerator<EntryChunk> {
  for await (const chunk of chunks) {
    for (let i = 0; i < chunk.length; i++) {
      const operation = chunk.operation(i)
      if (operation < Operation.CHECKPOINT) continue
      if (operation === Operation.CHECKPOINT) replaying.add(chunk.userId(i))
      else replaying.delete(chunk.userId(i))
    }
    yield chunk
  }
}

function waitingByUser(report: RecoveryReport, replaying: ReadonlySet<string>): Map<string, WaitingBuffer[]> {
  const waiting = new Map<string, WaitingBuffer[]>()
  for (const { userId, buffers } of report.users.values()) {
    if (buffers.length === 0) continue
    waiting.set(userId, buffers.map((record, index) => describe(userId, record, index === 0 && replaying.has(userId))))
  }
  return waiting
}

function describe(userId: string, record: BufferRecord, isReplaying: boolean): WaitingBuffer {
  return {
    userId,
    buffer: record.number,
    state: record.ended === undefined ? 'open' : record.parked ? 'parked' : isReplaying ? 'replaying' : 'ready',
    measurements: record.measurements.length,
    attempts: record.attempts,
    windowStart: record.windowStart,
    windowEnd: record.windowEnd,
    tainted: record.tainted
  }
}

/** Below 0: `one` is more urgent. Then comes who has more measurements, then the id. */
export function byUrgency(one: WaitingBuffer, other: WaitingBuffer): number {
  return (
    Number(other.tainted) - Number(one.tainted) ||
    URGENCY.indexOf(one.state) - URGENCY.indexOf(other.state) ||
    other.measurements - one.measurements ||
    (one.userId < other.userId ? -1 : one.userId > other.userId ? 1 : one.buffer - other.buffer)
  )
}

function summary(report: RecoveryReport, waiting: ReadonlyMap<string, WaitingBuffer[]>): RecoveryPreview {
  const all = [...waiting.values()].flat()
  const buffers = { open: 0, ready: 0, replaying: 0, parked: 0 }
  for (const { state } of all) buffers[state]++
  const { entries, otherEntries, lastLsn, users, measurements, tainted } = report
  return {
    failure: undefined,
    ...{ entries, otherEntries, lastLsn, users: users.size, measurements, buffers },
    waiting: all.sort(byUrgency).slice(0, MOST_WAITING),
    tainted: tainted.slice(0, MOST_TAINTED),
    taintedLeftOut: Math.max(0, tainted.length - MOST_TAINTED)
  }
}

function failed({ code, message }: WalError): RecoveryPreview {
  const nothing = { entries: 0, otherEntries: 0, lastLsn: 0, users: 0, measurements: 0, waiting: [], tainted: [], taintedLeftOut: 0 }
  return { failure: `${code}: ${message}`, ...nothing, buffers: { open: 0, ready: 0, replaying: 0, parked: 0 } }
}

/** Measurements that wait in a user's buffers. */
export function waitingMeasurements(user: RecoveredUser | undefined): number {
  return user?.buffers.reduce((sum, { measurements }) => sum + measurements.length, 0) ?? 0
}
