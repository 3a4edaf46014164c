import { openReplayService } from 'ingest-wal'

const service = await openReplayService({
  config: { wal: { directory: process.argv[2] ?? 'data/wal' }, replay: { maxBufferMeasurements: 3 } },
  initialState: { count: 0, mean: 0 },
  processMeasurement(state, { value }) {
    const count = state.count + 1
    return { count, mean: state.mean + (value - state.mean) / count }
  }
})
console.log(`recovered ${service.recovery.measurements} waiting measurements`)
await service.manager.replayReady() // what was ready when the last process ended

for (const value of [60, 62, 64, 66]) {
  const added = service.buffer.add('user-1', { timestamp: Date.now(), value }) // logged when it returns
  if (added.ready) await service.manager.replay('user-1') // CHECKPOINT, replay, COMMIT
}
await service.wal.durable() // on stable storage
console.log(await service.manager.state('user-1'), service.buffer.info('user-1')?.size, 'waiting')
await service.close()
