import { join } from 'node:path'
import * as ingestWal from '../../dist/esm/index.js'

const { Operation, readLog, readLogChunks, Wal } = ingestWal

export const name = 'ingest-wal'
export const durability =
  'kill-safe when append returns; pwrite and fdatasync by a thread of its own; entries and batches checksummed'
export const jobs = ['bulk', 'append', 'awaited', 'read', 'recover', 'service', 'lane', 'growth', 'memory']

/** Why this build cannot take part in a job, if it cannot. */
export function cannot(job) {
  return job === 'lane' && Wal.prototype.appendMeasurement === undefined ? 'it has no appendMeasurement' : undefined
}

/** `options`: those of Wal.open. */
export async function open(directory, options = {}) {
  const wal = await Wal.open({ directory: join(directory, 'wal'), ...options })
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
    ...surfaceOf(wal)
  }
}

/** Measurements by the handle of their user. */
export async function openLane(directory) {
  const wal = await Wal.open({ directory: join(directory, 'wal') })
  return { user: (userId) => wal.user(userId), append: laneAppendOf(wal), ...surfaceOf(wal) }
}

/** A user is a handle or a name. */
export function laneAppendOf(wal) {
  return (user, timestamp, value) => {
    try {
      wal.appendMeasurement(user, timestamp, value)
      return true
    } catch (error) {
      if (error.code !== 'ERR_WAL_BACKPRESSURE') throw error
      return false
    }
  }
}

export function surfaceOf(wal) {
  return {
    durable: () => wal.durable(),
    drained: () => wal.drained(),
    syncs: () => wal.stats().syncs,
    stats: () => wal.stats(),
    close: () => wal.close()
  }
}

/** By the chunk reader, where this build has it. */
export async function read(directory, onEntry) {
  if (readLogChunks === undefined) return readOneByOne(directory, onEntry)
  for await (const chunk of readLogChunks(join(directory, 'wal'))) {
    for (let i = 0; i < chunk.length; i++) onEntry(chunk.userId(i), chunk.payload(i))
  }
}

export async function readOneByOne(directory, onEntry) {
  for await (const { userId, payload } of readLog(join(directory, 'wal'))) onEntry(userId, payload)
}
