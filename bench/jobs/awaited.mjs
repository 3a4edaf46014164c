/**
 * Each entry awaited until it is durable, by so many waiters at once: what an acknowledged write costs. RocksDB and
 * LevelDB in C++ get the best case there is: one batch of one entry a waiter, and nobody to wake.
 */
import { makeEntries } from '../harness/entries.mjs'
import { latencyPlots } from '../harness/plots.mjs'
import { distribution } from '../harness/statistics.mjs'

export const title = 'awaited: each entry awaited durable by so many waiters at once'
export const figure = { key: 'entriesPerSecond', unit: 'entries/s', better: 'higher' }
export const columns = ['p50Us', 'p99Us', 'p999Us', 'maxUs', 'syncs']
export const variants = [
  { name: 'awaited-1', entries: 5_000, waiters: 1 },
  { name: 'awaited-64', entries: 100_000, waiters: 64 },
  { name: 'awaited-1024', entries: 400_000, waiters: 1024 }
]

export async function run({ competitor, directory, entries, waiters }) {
  const log = await competitor.open(directory)
  await acknowledge(log, Math.min(waiters * 10, entries), waiters)
  return async () => {
    const syncsBefore = log.syncs()
    const startedAt = performance.now()
    const latenciesUs = await acknowledge(log, entries, waiters)
    const seconds = (performance.now() - startedAt) / 1000
    const syncs = log.syncs() - syncsBefore
    await log.close()
    return { entriesPerSecond: latenciesUs.length / seconds, ...distribution(latenciesUs, 'Us'), syncs }
  }
}

const WITHOUT_WAITERS = ['rocksdb', 'leveldb']

/** Appends `count` entries in all, each waiter one at a time. Resolves to the microseconds that each took. */
async function acknowledge(log, count, waiters) {
  const { userId, payload } = makeEntries()
  const latenciesUs = new Float64Array(count)
  let next = 0
  const waiter = async () => {
    while (next < count) {
      const i = next++
      const startedAt = performance.now()
      while (!log.append(userId(i), payload(i))) await log.drained()
      await log.durable()
      latenciesUs[i] = (performance.now() - startedAt) * 1000
    }
  }
  await Promise.all(Array.from({ length: waiters }, waiter))
  return latenciesUs
}

export const plots = latencyPlots

export function fromProgram(result) {
  return { ...result, entriesPerSecond: result.entries / result.seconds }
}

export function goals({ of, times, peers, variant }) {
  if (variant.waiters === 1) {
    const ratio = of('ingest-wal', 'p50Us') / of('raw', 'p50Us')
    return [{ goal: 'p50 at most 1.2 x the raw sync of the same bytes', measured: ratio, reached: ratio <= 1.2 }]
  }
  const inNode = least(peers.filter((peer) => !WITHOUT_WAITERS.includes(peer)).map(times))
  const inCpp = least(WITHOUT_WAITERS.map(times))
  return [
    { goal: 'at least 1.5 x the best peer in Node', measured: inNode, reached: inNode >= 1.5 },
    {
      goal: 'at least 1.5 x RocksDB and LevelDB in C++, which have no waiters to wake',
      measured: inCpp,
      reached: inCpp >= 1.5
    }
  ]
}

/** The least of those that were measured, NaN when none was. */
function least(values) {
  const measured = values.filter(Number.isFinite)
  return measured.length === 0 ? NaN : Math.min(...measured)
}
