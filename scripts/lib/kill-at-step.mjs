// Loaded before a program (`node --import`): kills it with SIGKILL at the step of maintenance whose number, counted from its
// start, is INGEST_WAL_KILL_STEP.
import { subscribe } from 'node:diagnostics_channel'

let left = Number(process.env.INGEST_WAL_KILL_STEP)
subscribe('ingest-wal:maintenance', () => {
  if (--left === 0) process.kill(process.pid, 'SIGKILL')
})
