/** `inspect --incomplete`: buffers that are open, and replays that have not been committed. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Operation, readLog, recover, type BufferRecord, type Codec, type Damage, type EntriesOptions, type Entry } from '../index.js'
import { csvField, cutTo, escapeText, safeJson } from './escape.js'
import type { EntryFormatName } from './entry-format.js'
import { formatCount, formatTable, formatTime } from './table.js'

/** One buffer that waits. */
export interface IncompleteBuffer {
  user: string
  buffer: number
  /**
   * 'open': it takes measurements. 'ready': it is replayed at the next start. 'replaying': the same, but a replay of it was
   * begun and its outcome is not in the log. 'parked': its replay failed too often and waits to be asked for.
   */
  state: 'open' | 'ready' | 'replaying' | 'parked'
  measurements: number
  /** Replays that failed. */
  attempts: number
  /** Milliseconds since the Unix epoch; null where only the count ends the buffer. */
  windowStart: number
  windowEnd: number | null
  /** Entries of it are lost. */
  tainted: boolean
}

// What is in the measurements is not shown, so that this works whatever codec the service has.
const opaque: Codec = { encode: () => new Uint8Array(), decode: () => ({ timestamp: 0 }) }

/** What is incomplete in the log at `path`, by user and number. Reads all of it. */
export async function incompleteBuffers(
  path: string,
  options: { user?: string; signal: AbortSignal; onDamage: (damage: Damage) => void }
): Promise<IncompleteBuffer[]> {
  const replaying = new Set<string>()
  const entries = (reading?: EntriesOptions) => noting(readLog(path, { ...reading, live: true }), replaying)
  const report = await recover({ entries }, { codec: opaque, signal: options.signal })
  report.damage.forEach(options.onDamage)
  const users = [...report.users.values()].filter(({ userId }) => options.user === undefined || userId === options.user)
  users.sort((a, b) => (a.userId < b.userId ? -1 : 1))
  return users.flatMap(({ userId, buffers }) =>
    buffers.map((record, index) => describe(userId, record, index === 0 && replaying.has(userId)))
  )
}

// A log that is read ahead may have the next entries there at once, always: then nothing else would have a turn, signals and
// keys neither.
const ENTRIES_A_TURN = 8192

/** Passes `entries` on and keeps account of users whose last CHECKPOINT has no outcome. */
async function* noting(entries: AsyncIterable<Entry>, replaying: Set<string>): AsyncGenerator<Entry> {
  let left = ENTRIES_A_TURN
  for await (const entry of entries) {
    if (left-- === 0) {
      left = ENTRIES_A_TURN
      await nextTurn()
    }
    if (entry.operation === Operation.CHECKPOINT) replaying.add(entry.userId)
    if (entry.operation === Operation.COMMIT || entry.operation === Operation.ROLLBACK) replaying.delete(entry.userId)
    yield entry
  }
}

function describe(user: string, record: BufferRecord, replaying: boolean): IncompleteBuffer {
  const state = record.ended === undefined ? 'open' : record.parked ? 'parked' : replaying ? 'replaying' : 'ready'
  return {
    user,
    buffer: record.number,
    state,
    measurements: record.measurements.length,
    attempts: record.attempts,
    windowStart: record.windowStart,
    windowEnd: Number.isFinite(record.windowEnd) ? record.windowEnd : null,
    tainted: record.tainted
  }
}

const USER_WIDTH = 40

export function formatIncomplete(buffers: readonly IncompleteBuffer[], format: EntryFormatName): string {
  switch (format) {
    case 'table':
      return incompleteTable(buffers)
    case 'jsonl':
      return buffers.map((buffer) => `${safeJson(buffer)}\n`).join('')
    case 'json':
      return buffers.length === 0 ? '[]\n' : `[\n${buffers.map((buffer) => `  ${safeJson(buffer)}`).join(',\n')}\n]\n`
    case 'csv':
      return ['user,buffer,state,measurements,attempts,windowStart,windowEnd,tainted', ...buffers.map(csvRow)].map((line) => `${line}\n`).join('')
  }
}

function incompleteTable(buffers: readonly IncompleteBuffer[]): string {
  const columns = [
    { title: 'USER' },
    { title: 'BUFFER', align: 'right' },
    { title: 'STATE' },
    { title: 'MEASUREMENTS', align: 'right' },
    { title: 'ATTEMPTS', align: 'right' },
    { title: 'WINDOW' }
  ] as const
  const rows = buffers.map((buffer) => [
    cutTo(escapeText(buffer.user), USER_WIDTH),
    String(buffer.buffer),
    buffer.tainted ? `${buffer.state}, tainted` : buffer.state,
    formatCount(buffer.measurements),
    formatCount(buffer.attempts),
    `${formatTime(buffer.windowStart)} - ${buffer.windowEnd === null ? 'until full' : formatTime(buffer.windowEnd)}`
  ])
  return formatTable(columns, rows)
}

function csvRow(buffer: IncompleteBuffer): string {
  const { user, buffer: number, state, measurements, attempts, windowStart, windowEnd, tainted } = buffer
  return [escapeText(user), number, state, measurements, attempts, windowStart, windowEnd ?? '', String(tainted)].map(csvField).join(',')
}
