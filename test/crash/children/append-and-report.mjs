// Appends for ever and reports, on descriptor 3, as doubles: -1 before open, the last LSN when open, then each LSN as soon
// as append has returned it. Waits to be killed.
//   node append-and-report.mjs DIRECTORY SEED MOST_ENTRIES OPTIONS_AS_JSON
import { writeSync } from 'node:fs'
import { Wal } from '../../../dist/esm/index.js'
import { contentOf } from './content.mjs'

const [directory, seed, mostEntries, options] = process.argv.slice(2)
const bytes = Buffer.alloc(8)

function report(number) {
  bytes.writeDoubleLE(number)
  for (let at = 0; at < 8; ) {
    try {
      at += writeSync(3, bytes, at)
    } catch (error) {
      // The pipe is full; its reader will make room.
      if (error.code !== 'EAGAIN') throw error
    }
  }
}

function append({ operation, userId, payload, sequence, measurement }) {
  if (measurement === undefined) return wal.append(operation, userId, payload, sequence)
  const { timestamp, value, buffer, source, position } = measurement
  return wal.appendMeasurement(wal.user(userId), timestamp, value, sequence, buffer, source, position)
}

report(-1)
const wal = await Wal.open({ directory, ...JSON.parse(options) })
report(wal.lastLsn)
for (let i = 0; i < Number(mostEntries); i++) {
  try {
    report(append(contentOf(Number(seed), wal.lastLsn + 1)))
  } catch (error) {
    if (error.code !== 'ERR_WAL_BACKPRESSURE') throw error
    await wal.drained()
  }
  if (i % 64 === 63) await new Promise((resolve) => setImmediate(resolve))
}
setInterval(() => undefined, 1000)
