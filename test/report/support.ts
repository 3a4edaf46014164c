/** Logs for reports: a service whose processor is the filter, and one that looks at what was found. */
import { kalmanFilter, openReplayService, type Config, type ReplayService } from '../../lib/index.js'
import type { KalmanState } from '../../lib/ingest/kalman.js'

export type FilterService = ReplayService<KalmanState>

/** What no filter takes: its replay fails. */
export const UNREADABLE = -1

/** A service over `directory`: buffers of `size` measurements, small segments, no maintenance. */
export async function withFilter(
  directory: string,
  work: (service: FilterService) => Promise<void> | void,
  { size = 5, wal = {} }: { size?: number; wal?: Partial<Config['wal']> } = {}
): Promise<void> {
  const service = await openReplayService<KalmanState>({
    overrides: {
      wal: { directory, segmentBytes: 65_536, maintenance: false, ...wal },
      replay: { maxBufferMeasurements: size, triggerMode: 'measurement_count', maxAttempts: 2 }
    },
    initialState: kalmanFilter.initialState,
    processMeasurement: (state, { timestamp, value }) => {
      if (value === UNREADABLE) throw new Error('out of range')
      return kalmanFilter.processMeasurement(state, { timestamp: timestamp as number, value: value as number })
    }
  })
  await work(service)
  await service.close()
}

/** Adds `count` measurements, a minute apart from `fromMs` on, and replays whenever a buffer is full. */
export async function feed({ buffer, manager }: FilterService, userId: string, count: number, fromMs = 0, valueOf = (index: number) => 60 + (index % 7)): Promise<void> {
  for (let index = 0; index < count; index++) {
    const { ready } = buffer.add(userId, { timestamp: fromMs + 60_000 * index, value: valueOf(index) })
    if (ready) await manager.replay(userId)
  }
}
