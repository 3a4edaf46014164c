/** Every entry into JavaScript: user id as a string, payload as bytes of its own. The files are in the page cache. */
import { checksumOf, expectedChecksum } from '../harness/entries.mjs'
import { fill } from './bulk.mjs'

export const title = 'read: all entries into JavaScript, from the page cache'
export const figure = { key: 'entriesPerSecond', unit: 'entries/s', better: 'higher' }
export const columns = []
export const variants = [{ name: 'read', entries: 1_000_000 }]

export async function prepare({ competitor, directory, entries }) {
  const log = await competitor.open(directory)
  await fill(log, entries)
  await log.close()
}

export async function run({ competitor, directory, entries }) {
  const expected = expectedChecksum(entries)
  return async () => {
    let count = 0
    let sum = 0
    const startedAt = performance.now()
    await competitor.read(directory, ({ userId, payload }) => {
      count++
      sum += checksumOf(userId, payload)
    })
    const seconds = (performance.now() - startedAt) / 1000
    if (count !== entries) throw new Error(`${count} of ${entries} entries came back`)
    if (sum !== expected) throw new Error('entries did not come back as they were written')
    return { entriesPerSecond: count / seconds }
  }
}

export function goals({ times, peers }) {
  const best = Math.min(...peers.map(times))
  return [{ goal: 'at least 2 x the best peer', measured: best, reached: best >= 2 }]
}
