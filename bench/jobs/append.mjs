/**
 * What one append costs the event loop: 200 entries each millisecond, half of them timed one by one (p50 to max), half
 * as one block (the mean, without the clock's own cost). The control does nothing in the same loop.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { makeEntries } from '../harness/entries.mjs'
import { latencyPlots } from '../harness/plots.mjs'
import { distribution } from '../harness/statistics.mjs'

const ENTRIES_PER_BURST = 200
const HALF = ENTRIES_PER_BURST / 2
const PAUSE_MS = 1
/** Until the engine has compiled the loop. */
const WARM_UP_BURSTS = 50

export const title = 'append: time of one append on the event loop, 200 entries a millisecond'
export const figure = { key: 'meanNs', unit: 'ns', better: 'lower' }
export const columns = ['p50Ns', 'p99Ns', 'p999Ns', 'maxNs', 'loopP99Ms', 'loopMaxMs', 'syncs']
export const variants = [{ name: 'append', entries: 400_000 }]

export async function run({ competitor, directory, entries }) {
  const log = await competitor.open(directory)
  const bursts = Math.max(5, Math.ceil(entries / ENTRIES_PER_BURST))
  await burstsOf(log, WARM_UP_BURSTS, new Float64Array(WARM_UP_BURSTS * HALF))
  return async () => {
    const delay = monitorEventLoopDelay({ resolution: 1 })
    const timesNs = new Float64Array(bursts * HALF)
    delay.enable()
    const blockNs = await burstsOf(log, bursts, timesNs)
    delay.disable()
    const syncs = log.syncs()
    const stats = log.stats?.()
    await log.close()
    return {
      meanNs: blockNs / (bursts * HALF),
      ...distribution(timesNs, 'Ns'),
      loopP99Ms: delay.percentile(99) / 1e6,
      loopMaxMs: delay.max / 1e6,
      syncs,
      ...(stats === undefined ? {} : { wakeUpsPerBatch: stats.wakeups / stats.batches })
    }
  }
}

/** Fills `timesNs` and returns the nanoseconds of all appends that were timed as blocks. */
async function burstsOf(log, bursts, timesNs) {
  const { userId, payload } = makeEntries()
  let blockNs = 0
  for (let burst = 0; burst < bursts; burst++) {
    const first = burst * ENTRIES_PER_BURST
    blockNs += timedBlock(log, userId, payload, first)
    timedOneByOne(log, userId, payload, first + HALF, timesNs, burst * HALF)
    // A peer that cannot keep up waits here, outside of what is timed.
    await log.drained()
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
  return blockNs
}

function timedBlock(log, userId, payload, first) {
  const startedAt = performance.now()
  for (let i = first; i < first + HALF; i++) log.append(userId(i), payload(i))
  return (performance.now() - startedAt) * 1e6
}

function timedOneByOne(log, userId, payload, first, timesNs, at) {
  for (let i = 0; i < HALF; i++) {
    const startedAt = performance.now()
    log.append(userId(first + i), payload(first + i))
    timesNs[at + i] = (performance.now() - startedAt) * 1e6
  }
}

export const plots = latencyPlots

export function goals({ of }) {
  const mean = of('ingest-wal', 'meanNs') / of('bare-call', 'meanNs')
  const wakeUps = of('ingest-wal', 'wakeUpsPerBatch')
  const aboveNs = of('ingest-wal', 'p999Ns') - of('control', 'p999Ns')
  return [
    { goal: 'mean at most 1.25 x the bare call', measured: mean, reached: mean <= 1.25 },
    { goal: 'p99.9 at most 1,500 ns above the control', measured: aboveNs, reached: aboveNs <= 1500 },
    { goal: 'wake-ups of the writer at most 1 a batch', measured: wakeUps, reached: wakeUps <= 1 }
  ]
}
