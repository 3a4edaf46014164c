/**
 * As many entries as possible: durable per 1 MB or 100 ms, and at the end. The clock stops when the log is closed.
 * In `bulk` everybody has taken some entries before, and then had a second's rest, as in a service that runs: what they get
 * ready in that time counts as written bytes. In `bulk-fresh` the clock starts with a log that was just opened.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { ENTRY_BYTES, makeEntries } from '../harness/entries.mjs'

/** Entries come as from a socket: so many, then a turn of the event loop. */
const ENTRIES_PER_TURN = 1000

export const title = 'bulk: entries of 100 B payload and 16 B user id, durable per 1 MB or 100 ms, closed at the end'
export const figure = { key: 'entriesPerSecond', unit: 'entries/s', better: 'higher' }
export const columns = ['syncs', 'writeAmplification', 'deviceAmplification']
export const variants = [
  { name: 'bulk', entries: 1_000_000, restMs: 1000 },
  { name: 'bulk-fresh', entries: 1_000_000, restMs: 0 }
]
/** What of an entry its owner gave, and what write amplification is measured in. */
export const entryBytes = ENTRY_BYTES

const WARM_UP_ENTRIES = 200_000
const ENTRIES_BEFORE_REST = 20_000

/** Until the engine has compiled the loop: a log of its own, before the clock and the counters start. */
export async function warmUp({ competitor, directory }) {
  const log = await competitor.open(directory)
  await fill(log, WARM_UP_ENTRIES)
  await log.close()
}

export async function run({ competitor, directory, entries, restMs }) {
  const log = await competitor.open(directory)
  if (restMs > 0) {
    await fill(log, ENTRIES_BEFORE_REST)
    await sleep(restMs)
  }
  return async () => {
    const startedAt = performance.now()
    await fill(log, entries)
    const syncs = log.syncs()
    await log.close()
    return { entriesPerSecond: entries / ((performance.now() - startedAt) / 1000), syncs }
  }
}

export async function fill(log, count) {
  const { userId, payload } = makeEntries()
  for (let i = 0; i < count; i++) {
    while (!log.append(userId(i), payload(i))) await log.drained()
    if (i % ENTRIES_PER_TURN === ENTRIES_PER_TURN - 1) await new Promise(setImmediate)
  }
  await log.durable()
}

export function fromProgram(result, { entries }) {
  return { ...result, entriesPerSecond: entries / result.seconds }
}

const LEAST_RATIOS = {
  'javascript-ring': 1.7,
  'sonic-boom': 4,
  'buffer-concat': 4,
  lmdb: 8,
  rocksdb: 8,
  leveldb: 6,
  'better-sqlite3': 15,
  'classic-level': 60,
  raw: 0.7
}

export function goals({ times, variant }) {
  if (variant.restMs === 0) return []
  return Object.entries(LEAST_RATIOS).map(([peer, least]) => {
    return { goal: `at least ${least} x ${peer}`, measured: times(peer), reached: times(peer) >= least }
  })
}
