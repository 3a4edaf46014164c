/**
 * Every entry into JavaScript: its user id as a string, its payload as a Uint8Array, which may be a view of what was
 * read. The files are in the page cache. RocksDB and LevelDB in C++ stay there: they show what their iterators do.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { checksumOf, expectedChecksum } from '../harness/entries.mjs'
import { fill } from './bulk.mjs'

const WARM_UP_ENTRIES = 50_000
const STAY_OUTSIDE = new Set(['rocksdb', 'leveldb'])

export const title = 'read: all entries into JavaScript, from the page cache'
export const figure = { key: 'entriesPerSecond', unit: 'entries/s', better: 'higher' }
export const columns = []
export const variants = [{ name: 'read', entries: 1_000_000 }]

/** Fills the log, and a small one that is read first, until the engine has compiled the loop. */
export async function prepare({ competitor, directory, entries }) {
  await mkdir(warmUpDirectory(directory))
  for (const [path, count] of [[directory, entries], [warmUpDirectory(directory), WARM_UP_ENTRIES]]) {
    const log = await competitor.open(path)
    await fill(log, count)
    await log.close()
  }
}

export async function run({ competitor, directory, entries }) {
  await readAll(competitor, warmUpDirectory(directory), WARM_UP_ENTRIES)
  const expected = expectedChecksum(entries)
  return async () => {
    const startedAt = performance.now()
    const sum = await readAll(competitor, directory, entries)
    const seconds = (performance.now() - startedAt) / 1000
    if (sum !== expected) throw new Error('entries did not come back as they were written')
    return { entriesPerSecond: entries / seconds }
  }
}

const warmUpDirectory = (directory) => join(directory, 'warm-up')

async function readAll(competitor, directory, entries) {
  let count = 0
  let sum = 0
  await competitor.read(directory, (userId, payload) => {
    count++
    sum += checksumOf(userId, payload)
  })
  if (count !== entries) throw new Error(`${count} of ${entries} entries came back`)
  return sum
}

export function fromProgram(result) {
  return { ...result, entriesPerSecond: result.entries / result.seconds }
}

export function goals({ times, peers }) {
  const best = Math.min(...peers.filter((peer) => !STAY_OUTSIDE.has(peer)).map(times))
  return [{ goal: 'at least 2 x the best peer', measured: best, reached: best >= 2 }]
}
