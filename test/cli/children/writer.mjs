// A writer that does what it is told, a line a step on stdin: "measure COUNT", "flush", "checkpoint", "close". Says "ready"
// when its log is open, and "done" behind each step.
//   node writer.mjs DIRECTORY
import { createInterface } from 'node:readline'
import { openReplayService } from '../../../dist/esm/index.js'

const service = await openReplayService({
  config: {
    wal: { directory: process.argv[2], batchIntervalMs: 86_400_000, maintenance: false },
    replay: { maxBufferMeasurements: 10, bufferHours: 72 }
  },
  initialState: { count: 0 },
  processMeasurement: ({ count }) => ({ count: count + 1 })
})
let made = 0
const steps = {
  measure: (count) => {
    for (let i = 0; i < Number(count); i++) service.buffer.add(`user-${made++ % 7}`, { timestamp: Date.now(), value: made })
  },
  flush: () => service.wal.durable(),
  checkpoint: () => service.wal.checkpoint(),
  close: () => service.close()
}
console.log('ready')
for await (const line of createInterface({ input: process.stdin })) {
  const [step, argument] = line.split(' ')
  await steps[step](argument)
  console.log('done')
  if (step === 'close') break
}
// Nobody says more: nothing keeps the process.
process.stdin.destroy()
