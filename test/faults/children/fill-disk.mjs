// Appends as fast as it may to a log whose disk becomes full, stays full, and has room again. Tells on standard output, a line of
// JSON each, what the log says, and twice a second its figures. Ends by itself a while behind 'resumed', with the log closed.
//   node fill-disk.mjs DIRECTORY
import { writeSync } from 'node:fs'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { Wal } from '../../../dist/esm/index.js'
import { contentOf } from './faulty-life.mjs'

const [directory] = process.argv.slice(2)
const ENTRIES_A_TURN = 50
const ENTRIES_BEHIND = 3000
const REPORT_MS = 500

const wal = await Wal.open({ directory, segmentBytes: 2 << 20, queueBytes: 1 << 20, maintenance: false })
let refused = 0
let waiting = 0
let endAt = Infinity

function tell(event, more = {}) {
  const { state, preallocated, killSafe } = wal.stats()
  const figures = { accepted: wal.lastLsn, durable: wal.durableLsn, refused, waiting, rssBytes: process.memoryUsage.rss() }
  writeSync(1, `${JSON.stringify({ event, state, preallocated, killSafe, health: wal.health(), ...figures, ...more })}\n`)
}

wal.on('degraded', (error) => tell('degraded', { code: error.code }))
wal.on('failed', (error) => tell('failed', { code: error.code }))
wal.on('resumed', () => {
  tell('resumed')
  endAt = Math.min(endAt, wal.lastLsn + ENTRIES_BEHIND)
})
setInterval(() => tell('figures'), REPORT_MS).unref()

/** False when the ring has no room. */
function appendOne() {
  const lsn = wal.lastLsn + 1
  const { operation, userId, payload } = contentOf(lsn)
  try {
    wal.append(operation, userId, payload, lsn)
    return true
  } catch (error) {
    if (error.code !== 'ERR_WAL_BACKPRESSURE') throw error
    refused++
    return false
  }
}

while (wal.lastLsn < endAt) {
  let taken = true
  for (let i = 0; i < ENTRIES_A_TURN && taken; i++) taken = appendOne()
  // More and more wait while the disk is full; all have to be answered.
  waiting++
  wal.durable().then(() => waiting--, (error) => tell('rejected', { code: error.code }))
  await (taken ? setImmediate() : setTimeout(5))
}
await wal.durable()
tell('done')
await wal.close()
