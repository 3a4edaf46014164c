// Works on the recorded disk, and marks what was acknowledged as durable.
//   node workload.mjs DIRECTORY MARK_FILE UP_TO SEED [kill | early]
// Goes on behind what is there, up to measurement UP_TO. With 'kill' the process dies by SIGKILL there, with entries that only
// the ring has; with 'early' it is wrong: it marks before it waits, which the judge has to see.
import { existsSync, openSync, writeSync } from 'node:fs'
import { addTo, countsOf, openJob, totalOf } from './job.mjs'
import { mulberry32 } from '../../../scripts/lib/generate-measurements.mjs'

const [directory, markFile, upTo, seed, way] = process.argv.slice(2)
const FAULT_CONTROL = process.env['INGEST_WAL_FAULT_CONTROL']
const MOST_IN_A_BURST = 40

const random = mulberry32(Number(seed))
const mark = openSync(markFile, 'w')
if (FAULT_CONTROL !== undefined && existsSync(FAULT_CONTROL)) {
  // A call that is only said to have been made, from now on.
  const { FaultControl } = await import('../../faults/children/fault-control.mjs')
  new FaultControl(FAULT_CONTROL).arm({ call: process.env['INGEST_WAL_FAULT_CALL'], error: 'lie', from: 1, always: true })
}
const service = await openJob(directory, { checkpointBytes: 300_000, diskBudgetBytes: 600_000 })
const counts = await countsOf(service)
let total = totalOf(counts)

/** In the order of the calls: promises of durable() resolve in it. */
async function acknowledge(number) {
  if (way === 'early') writeSync(mark, String(number))
  await service.wal.durable()
  if (way !== 'early') writeSync(mark, String(number))
}

while (total < Number(upTo)) {
  const burst = 1 + Math.floor(random() * MOST_IN_A_BURST)
  for (let i = 0; i < burst; i++) await addTo(service, total++, counts)
  const acknowledged = acknowledge(total)
  // Now and then more is added while it is waited for.
  if (random() < 0.5) await acknowledged
  else acknowledged.catch((error) => process.nextTick(() => Promise.reject(error)))
}
await acknowledge(total)
if (way === 'kill') {
  for (let i = 0; i < MOST_IN_A_BURST; i++) await addTo(service, total++, counts)
  process.kill(process.pid, 'SIGKILL')
}
await service.close()
