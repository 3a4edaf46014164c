/**
 * As many measurements as possible: a user of 1,000, a time and a value, durable per 1 MB or 100 ms, and at the end.
 * The clock stops when the log is closed. ingest-wal takes the user's handle; the peers write entries of the same
 * content: a user id of 16 B and two numbers. As in `bulk`, everybody has had a second's rest after some measurements.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { makeUserIds, MEASUREMENT_BYTES } from '../harness/entries.mjs'

const MEASUREMENTS_PER_TURN = 1000
const START_MS = 1_700_000_000_000
const LEAST_PER_SECOND = 20e6
const LEAST_BY_NAME_PER_SECOND = 10e6

export const title = 'lane: measurements (user, time, value), durable per 1 MB or 100 ms, closed at the end'
export const figure = { key: 'entriesPerSecond', unit: 'measurements/s', better: 'higher' }
export const columns = ['syncs', 'writeAmplification', 'deviceAmplification']
export const variants = [{ name: 'lane', entries: 10_000_000 }]
export const entryBytes = MEASUREMENT_BYTES

const WARM_UP_MEASUREMENTS = 500_000
const REST_MS = 1000

/** Until the engine has compiled the loop: a log of its own, before the clock and the counters start. */
export async function warmUp({ competitor, directory }) {
  const log = await competitor.openLane(directory)
  const users = makeUserIds().map((userId) => log.user(userId))
  await measure(log, users, WARM_UP_MEASUREMENTS)
  await log.close()
}

export async function run({ competitor, directory, entries }) {
  const log = await competitor.openLane(directory)
  const users = makeUserIds().map((userId) => log.user(userId))
  await measure(log, users, WARM_UP_MEASUREMENTS)
  await sleep(REST_MS)
  return async () => {
    const startedAt = performance.now()
    await measure(log, users, entries)
    const syncs = log.syncs()
    await log.close()
    return { entriesPerSecond: entries / ((performance.now() - startedAt) / 1000), syncs }
  }
}

async function measure(log, users, count) {
  for (let first = 0; first < count; first += MEASUREMENTS_PER_TURN) {
    const end = Math.min(count, first + MEASUREMENTS_PER_TURN)
    for (let i = first; i < end; i++) {
      while (!log.append(users[i % users.length], START_MS + i, 60 + (i % 40))) await log.drained()
    }
    // Measurements come as from a socket: so many, then a turn of the event loop.
    await new Promise(setImmediate)
  }
  await log.durable()
}

export function fromProgram(result, { entries }) {
  return { ...result, entriesPerSecond: entries / result.seconds }
}

export function goals({ of, elsewhere }) {
  const ringPerSecond = elsewhere('bulk', 'javascript-ring', 'entriesPerSecond')
  const byHandle = of('ingest-wal', 'entriesPerSecond')
  const byName = of('ingest-wal-by-name', 'entriesPerSecond')
  const isSlower = 5 * ringPerSecond < LEAST_PER_SECOND
  const least = isSlower ? 5 * ringPerSecond : LEAST_PER_SECOND
  const because = isSlower ? ', 5 x javascript-ring in bulk on this slower machine' : ''
  return [
    {
      goal: `by handle at least ${(least / 1e6).toFixed(1)} M/s${because}`,
      measured: byHandle,
      reached: byHandle >= least
    },
    { goal: 'by name at least 10 M/s', measured: byName, reached: byName >= LEAST_BY_NAME_PER_SECOND }
  ]
}
