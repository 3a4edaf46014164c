/**
 * Whether a process grows as its log grows: memory after a collection when 1 M to 50 M measurements have been appended
 * and are durable, in one process.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { makeEntries } from '../harness/entries.mjs'

const STAGES = [1, 5, 10, 25, 50]
const PAYLOAD_BYTES = 16
const ENTRIES_PER_TURN = 1000
const MOST_GROWTH = 1.1

export const title = 'memory: of one process as its log grows (entries of 16 B payload; one round)'
export const figure = { key: 'rssBytes', unit: 'MB', better: 'lower', keepsOrder: true }
export const columns = ['externalBytes', 'heapBytes']
export const variants = [{ name: 'memory', entries: 50_000_000 }]
/** Bytes do not vary as times do, and the log is long. */
export const rounds = 1

export async function run({ competitor, directory, entries }) {
  const log = await competitor.open(directory)
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  return async () => {
    const stages = []
    let count = 0
    for (const share of STAGES) {
      const upTo = Math.round((entries * share) / STAGES.at(-1))
      await append(log, count, upTo)
      count = upTo
      collect()
      const { rss, external, arrayBuffers, heapUsed } = process.memoryUsage()
      const name = `${count.toLocaleString('en-US')} entries`
      stages.push({ name, count, rssBytes: rss, externalBytes: external + arrayBuffers, heapBytes: heapUsed })
    }
    await log.close()
    return { stages }
  }
}

/** One row for each stage. */
export function rowsOf({ stages }) {
  return stages.map(({ name, ...metrics }) => ({ competitor: name, metrics }))
}

async function append(log, from, to) {
  const { userId, payload } = makeEntries()
  const payloads = Array.from({ length: 256 }, (_, i) => payload(i).subarray(0, PAYLOAD_BYTES))
  for (let i = from; i < to; i++) {
    while (!log.append(userId(i), payloads[i % 256])) await log.drained()
    if (i % ENTRIES_PER_TURN === 0) await new Promise(setImmediate)
  }
  await log.durable()
}

const size = (row) => row.metrics.count.median

export function plots({ rows }) {
    const line = (name, key) => ({ name, points: rows.map((row) => [size(row), row.metrics[key].median / 1e6]) })
  const lines = [line('resident', 'rssBytes'), line('external', 'externalBytes'), line('heap', 'heapBytes')]
  return [{ title: 'Memory over the length of the log', x: { label: 'entries' }, y: { label: 'MB' }, lines }]
}

export function goals({ rows }) {
    const measured = rows.at(-1).metrics.rssBytes.median / rows[0].metrics.rssBytes.median
  const [first, last] = [rows[0], rows.at(-1)].map((row) => size(row).toLocaleString('en-US'))
  const goal = `memory at ${last} entries at most ${MOST_GROWTH} x that at ${first}`
  return [{ goal, measured, reached: measured <= MOST_GROWTH }]
}
