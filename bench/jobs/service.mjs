/**
 * What the log adds to `ReplayBuffer.add`: measurements of 1,000 users, buffers cleared when they are full. The control
 * has no log behind its buffer.
 */
import { join } from 'node:path'
import { ReplayBuffer, Wal } from '../../dist/esm/index.js'
import { distribution } from '../harness/statistics.mjs'

const USERS = 1000
const MEASUREMENTS_PER_TURN = 1000
const START_MS = 1_700_000_000_000

export const title = 'service: ReplayBuffer.add of heart rates, with the log (ingest-wal) and without (control)'
export const figure = { key: 'meanNs', unit: 'ns', better: 'lower' }
export const columns = ['p50Ns', 'p99Ns', 'p999Ns', 'maxNs']
export const variants = [{ name: 'service', entries: 500_000 }]

export async function run({ competitor, directory, entries }) {
  const wal = competitor.name === 'control' ? undefined : await Wal.open({ directory: join(directory, 'wal') })
  const buffer = new ReplayBuffer({ wal })
  await addAll(buffer, wal, Math.min(entries, 50_000), new Float64Array(50_000))
  return async () => {
    const timesNs = new Float64Array(entries)
    const blockNs = await addAll(buffer, wal, entries, timesNs)
    await wal?.durable()
    await wal?.close()
    return { meanNs: blockNs / entries, ...distribution(timesNs, 'Ns') }
  }
}

async function addAll(buffer, wal, count, timesNs) {
  const userIds = Array.from({ length: USERS }, (_, i) => `user-${String(i).padStart(11, '0')}`)
  let totalNs = 0
  for (let i = 0; i < count; i++) {
    const userId = userIds[i % USERS]
    const measurement = { timestamp: START_MS + i * 1000, value: 60 + (i % 40) }
    const startedAt = performance.now()
    const { ready } = buffer.add(userId, measurement)
    timesNs[i] = (performance.now() - startedAt) * 1e6
    totalNs += timesNs[i]
    if (ready) buffer.clear(userId)
    if (i % MEASUREMENTS_PER_TURN === 0) {
      await wal?.drained()
      await new Promise(setImmediate)
    }
  }
  return totalNs
}

export function goals({ of }) {
  const dearerNs = of('ingest-wal', 'meanNs') - of('control', 'meanNs')
  return [{ goal: 'at most 1,500 ns dearer with the log than without', measured: dearerNs, reached: dearerNs <= 1500 }]
}
