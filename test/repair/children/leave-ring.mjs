// Logs twenty entries durably and five more that are only staged, and dies by SIGKILL: node leave-ring.mjs DIRECTORY
import { Operation, Wal } from '../../../dist/esm/index.js'

const wal = await Wal.open({ directory: process.argv[2], maintenance: false, batchIntervalMs: 3_600_000 })
for (let i = 0; i < 20; i++) wal.append(Operation.ADD_MEASUREMENT, 'u', Buffer.from(`durable ${i}`))
await wal.durable()
for (let i = 0; i < 5; i++) wal.append(Operation.ADD_MEASUREMENT, 'u', Buffer.from(`staged ${i}`))
process.kill(process.pid, 'SIGKILL')
