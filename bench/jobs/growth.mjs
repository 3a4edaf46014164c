/**
 * Whether a log gets slower as it gets longer: the cost of an append and of a lone durable acknowledgement when it has
 * 1, 10, 100 and 1,000 segments. One log, one process; it is filled between the stages. `entries` are segments here.
 */
import { makeEntries } from '../harness/entries.mjs'
import { distribution } from '../harness/statistics.mjs'

const SEGMENT_BYTES = 1 << 20
const STAGES = [1, 10, 100, 1000]
/** Bursts of appends at each stage, of which the median is taken: less than two segments in all. */
const BURSTS = 50
const ENTRIES_PER_BURST = 200
const ACKNOWLEDGEMENTS = 1000
const WARM_UP_STAGES = 10
const MOST_GROWTH = 1.25

export const title = 'growth: append and durable latency of a log as its segments (1 MiB) become many'
export const figure = { key: 'appendMeanNs', unit: 'ns', better: 'lower', keepsOrder: true }
export const columns = ['appendP99Ns', 'durableP50Us', 'durableP99Us', 'rssBytes']
export const variants = [{ name: 'growth', entries: 1000, unit: 'segments' }]

export async function run({ competitor, directory, entries }) {
  const log = await competitor.open(directory, { segmentBytes: SEGMENT_BYTES })
  const source = makeEntries()
  const warmUp = await competitor.open(`${directory}/warm-up`, { segmentBytes: SEGMENT_BYTES })
  for (let i = 0; i < WARM_UP_STAGES; i++) await measureStage(warmUp, source)
  await warmUp.close()
  return async () => {
    const stages = []
    for (const segments of STAGES.filter((each) => each <= entries)) {
      await growTo(log, source, segments)
      stages.push({ name: nameOf(segments), segments, ...(await measureStage(log, source)) })
    }
    await log.close()
    return { stages }
  }
}

/** One row for each stage. */
export function rowsOf({ stages }) {
  return stages.map(({ name, ...metrics }) => ({ competitor: name, metrics }))
}

async function growTo(log, { userId, payload }, segments) {
  for (let i = 0; log.stats().segment < segments; i++) {
    while (!log.append(userId(i), payload(i))) await log.drained()
    if (i % 1000 === 999) await new Promise(setImmediate)
  }
  await log.durable()
}

async function measureStage(log, source) {
  const appends = await appendTimes(log, source)
  const latenciesUs = await acknowledgementTimes(log, source)
  const { p50Us: durableP50Us, p99Us: durableP99Us } = distribution(latenciesUs, 'Us')
  return { ...appends, durableP50Us, durableP99Us, rssBytes: process.memoryUsage.rss() }
}

/** The mean is that of the median burst. */
async function appendTimes(log, { userId, payload }) {
  const burstNs = new Float64Array(BURSTS)
  const timesNs = new Float64Array(BURSTS * ENTRIES_PER_BURST)
  for (let burst = 0; burst < BURSTS; burst++) {
    const first = burst * ENTRIES_PER_BURST
    let startedAt = performance.now()
    for (let i = first; i < first + ENTRIES_PER_BURST / 2; i++) log.append(userId(i), payload(i))
    burstNs[burst] = ((performance.now() - startedAt) * 1e6) / (ENTRIES_PER_BURST / 2)
    for (let i = first + ENTRIES_PER_BURST / 2; i < first + ENTRIES_PER_BURST; i++) {
      startedAt = performance.now()
      log.append(userId(i), payload(i))
      timesNs[i] = (performance.now() - startedAt) * 1e6
    }
    await log.drained()
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await log.durable()
  const timed = timesNs.filter((time) => time > 0)
  return { appendMeanNs: distribution(burstNs, 'Ns').p50Ns, appendP99Ns: distribution(timed, 'Ns').p99Ns }
}

async function acknowledgementTimes(log, { userId, payload }) {
  const latenciesUs = new Float64Array(ACKNOWLEDGEMENTS)
  for (let i = 0; i < ACKNOWLEDGEMENTS; i++) {
    const startedAt = performance.now()
    log.append(userId(i), payload(i))
    await log.durable()
    latenciesUs[i] = (performance.now() - startedAt) * 1000
  }
  return latenciesUs
}

const PLOTTED = {
  appendMeanNs: 'append mean',
  appendP99Ns: 'append p99',
  durableP50Us: 'durable p50',
  durableP99Us: 'durable p99'
}

export function plots({ rows }) {
  const lines = Object.entries(PLOTTED).map(([key, name]) => ({
    name,
    points: rows.map((row) => [size(row), row.metrics[key].median / (key.endsWith('Us') ? 1 : 1000)])
  }))
  return [{ title: 'Latency over the length of the log', x: { label: 'segments' }, y: { label: 'µs' }, lines }]
}

const nameOf = (segments) => (segments === 1 ? '1 segment' : `${segments.toLocaleString('en-US')} segments`)
const size = (row) => row.metrics.segments.median

/** Of the stages before the last the best counts: the first may still be paying for memory that it touches first. */
export function goals({ rows }) {
  const last = rows.at(-1)
  const before = rows.slice(0, -1)
  return [
    ['append mean', 'appendMeanNs'],
    ['durable p50', 'durableP50Us']
  ].map(([what, key]) => {
    const measured = last.metrics[key].median / Math.min(...before.map((row) => row.metrics[key].median))
    const goal = `${what} with ${nameOf(size(last))} at most ${MOST_GROWTH} x the best with fewer`
    return { goal, measured, reached: measured <= MOST_GROWTH }
  })
}
