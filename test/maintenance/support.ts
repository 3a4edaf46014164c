// A service that counts what it is given: its states say which measurements were applied, how often and in which order.
import { openReplayService, type ReplayService, type WalConfig } from '../../lib/index.js'

export interface Counted {
  rows: number
  /** Depends on each row and on their order. */
  digest: number
}

export const USERS = 20
export const SOURCE = 1

/** Small segments, buffers of ten. The log does nothing by itself unless the settings say so. */
export function openService(directory: string, wal: Partial<WalConfig> = {}): Promise<ReplayService<Counted>> {
  return openReplayService<Counted>({
    config: {
      wal: { directory, segmentBytes: 1 << 17, maintenance: false, ...wal },
      replay: { maxBufferMeasurements: 10, triggerMode: 'measurement_count' }
    },
    processMeasurement: ({ rows, digest }, { value }) => ({ rows: rows + 1, digest: (digest * 31 + (value as number)) % 1_000_003 }),
    initialState: { rows: 0, digest: 7 },
    waitDurable: false
  })
}

/** Goes on with row 1, 2, … behind the last one logged, up to `rows`. */
export async function feed({ wal, buffer, manager, recovery }: ReplayService<Counted>, rows: number, from = recovery.sources.get(SOURCE)?.position ?? 0): Promise<void> {
  for (const userId of buffer.readyUsers()) await manager.replay(userId)
  for (let row = from + 1; row <= rows; row++) {
    const userId = `user-${row % USERS}`
    while (!wal.hasRoom(8, 2000)) await wal.drained()
    const { ready } = buffer.add(userId, { timestamp: row, value: row }, { source: SOURCE, position: row })
    if (ready) await manager.replay(userId)
  }
}

/** All that a service holds: states, and what waits. */
export function holdings({ buffer, manager }: ReplayService<Counted>): unknown {
  const users = [...new Set([...manager.states().keys(), ...buffer.users()])].sort()
  return users.map((userId) => [userId, manager.states().get(userId), manager.replayedMeasurements(userId), buffer.measurements(userId)])
}
