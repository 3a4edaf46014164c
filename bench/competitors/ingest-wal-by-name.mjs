import { join } from 'node:path'
import { Wal } from '../../dist/esm/index.js'
import { laneAppendOf, surfaceOf } from './ingest-wal.mjs'

export { cannot } from './ingest-wal.mjs'

export const name = 'ingest-wal-by-name'
export const durability = 'ingest-wal, each measurement by the name of its user instead of a handle'
export const jobs = ['lane']

export async function openLane(directory) {
  const wal = await Wal.open({ directory: join(directory, 'wal') })
  return { user: (userId) => userId, append: laneAppendOf(wal), ...surfaceOf(wal) }
}
