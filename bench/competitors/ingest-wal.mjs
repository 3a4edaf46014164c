import { join } from 'node:path'
import { Operation, readLog, Wal } from '../../dist/esm/index.js'

export const name = 'ingest-wal'
export const durability =
  'kill-safe when append returns; pwrite and fdatasync by a thread of its own; entries and batches checksummed'
export const jobs = ['bulk', 'append', 'awaited', 'read', 'recover', 'service']

export async function open(directory) {
  const wal = await Wal.open({ directory: join(directory, 'wal') })
  return {
    append(userId, payload) {
      try {
        wal.append(Operation.ADD_MEASUREMENT, userId, payload)
        return true
      } catch (error) {
        if (error.code !== 'ERR_WAL_BACKPRESSURE') throw error
        return false
      }
    },
    durable: () => wal.durable(),
    drained: () => wal.drained(),
    syncs: () => wal.stats().syncs,
    close: () => wal.close()
  }
}

export async function read(directory, onEntry) {
  for await (const entry of readLog(join(directory, 'wal'))) onEntry(entry)
}
