// A service that works under maintenance and kills itself at a step of it.
//   node maintain.mjs MODE DIRECTORY ROWS [STEP NTH]
// Goes on behind the last logged row, compacts every 1,500 rows while more come in, and prints what it holds in the end. With
// STEP it dies by SIGKILL at the NTH time that maintenance says it has come there. MODE is
//   drop      compaction removes all that is not needed; nothing is compressed
//   compress  nothing is removed, and segments are compressed as they are completed
import { subscribe } from 'node:diagnostics_channel'
import { openReplayService } from '../../../dist/esm/index.js'

const [mode, directory, rowsText, step, nth] = process.argv.slice(2)
const rows = Number(rowsText)
const USERS = 20
const COMPACT_EVERY_ROWS = 1500

let times = 0
subscribe('ingest-wal:maintenance', (message) => {
  if (message.step === step && ++times === Number(nth)) process.kill(process.pid, 'SIGKILL')
})

const { buffer, manager, wal, recovery, ...service } = await openReplayService({
  config: {
    wal: { directory, segmentBytes: 1 << 17, maintenance: mode === 'compress' },
    replay: { maxBufferMeasurements: 10, triggerMode: 'measurement_count' }
  },
  processMeasurement: ({ rows: applied, digest }, { value }) => ({ rows: applied + 1, digest: (digest * 31 + value) % 1_000_003 }),
  initialState: { rows: 0, digest: 7 },
  waitDurable: false
})
for (const userId of buffer.readyUsers()) await manager.replay(userId)
let compacting
for (let row = (recovery.sources.get(1)?.position ?? 0) + 1; row <= rows; row++) {
  const userId = `user-${row % USERS}`
  while (!wal.hasRoom(8, 2000)) await wal.drained()
  if (buffer.add(userId, { timestamp: row, value: row }, { source: 1, position: row }).ready) await manager.replay(userId)
  if (row % COMPACT_EVERY_ROWS !== 0) continue
  await compacting
  const label = row % 3000 === 0 ? `row-${row}` : undefined
  compacting = label === undefined ? wal.compact({ drop: mode === 'drop' }) : wal.checkpoint({ label }).catch(toleratedLabel)
}
await compacting
await wal.compact({ drop: mode === 'drop' })
const users = [...manager.states()].sort(([a], [b]) => (a < b ? -1 : 1))
process.stdout.write(JSON.stringify(users.map(([userId, state]) => [userId, state, buffer.measurements(userId)])))
await wal.close()
void service

/** A run that was killed may have kept it already. */
function toleratedLabel(error) {
  if (error.code !== 'ERR_WAL_INVALID_ARGUMENT') throw error
}
