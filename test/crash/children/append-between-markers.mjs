// Appends entries between two system calls that a trace shows: looks for files that do not exist.
//   node append-between-markers.mjs DIRECTORY ENTRIES [--touch]
// With --touch the event loop itself looks at a file of the log meanwhile, which a trace has to show.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Operation, Wal } from '../../../dist/esm/index.js'

const [directory, entries, touch] = process.argv.slice(2)
const wal = await Wal.open({ directory, segmentBytes: 1 << 24, queueBytes: 1 << 25 })
const payload = new Uint8Array(100).fill(7)
const users = Array.from({ length: 100 }, (_, index) => `user-${index}`)

existsSync('/ingest-wal-marker-begin')
if (touch === '--touch') readFileSync(join(directory, readdirSync(directory).find((name) => name.endsWith('.wal'))), { flag: 'r' })
for (let i = 0; i < Number(entries); i++) wal.append(Operation.ADD_MEASUREMENT, users[i % users.length], payload)
// The event loop may be done before the writer's thread has had a turn: the trace has to show both.
while (Number(entries) > 10_000 && wal.durableLsn === 0);
existsSync('/ingest-wal-marker-end')

await wal.durable()
if (wal.durableLsn !== Number(entries)) throw new Error(`durable up to ${wal.durableLsn}`)
await wal.close()
