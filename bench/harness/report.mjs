/** From the runs of all rounds to medians and ratios, and from those to tables and to what is reached. */
import { medianCurve, summary } from './statistics.mjs'

const OURS = 'ingest-wal'

/**
 * `rows` of one variant: for each competitor the median, least and greatest of each metric, and `times`: how many times
 * better ours is than it in the same run (the median over the rounds of each round's ratio).
 */
export function summarise(variant, figure, runs) {
  const competitors = [...new Set(runs.map((run) => run.competitor))]
  const oursByRound = new Map(
    runs.filter((run) => run.competitor === OURS).map((run) => [run.round, run.metrics[figure.key]])
  )
  const rows = competitors.map((competitor) => {
    const own = runs.filter((run) => run.competitor === competitor)
    const keys = [...new Set(own.flatMap((run) => Object.keys(run.metrics)))]
    const values = (key) => own.map((run) => run.metrics[key]).filter(Number.isFinite)
    const present = keys.filter((key) => values(key).length > 0)
    const metrics = Object.fromEntries(present.map((key) => [key, summary(values(key))]))
    const ratios = own
      .filter((run) => oursByRound.has(run.round))
      .map((run) => timesBetter(figure, oursByRound.get(run.round), run.metrics[figure.key]))
      .filter(Number.isFinite)
    const curves = own.map((run) => run.metrics.curve).filter((curve) => curve !== undefined)
    return {
      competitor,
      rounds: own.length,
      metrics,
      curve: curves.length > 0 ? medianCurve(curves) : undefined,
      times: ratios.length > 0 ? summary(ratios) : undefined
    }
  })
  const direction = figure.better === 'higher' ? -1 : 1
  const rank = (row) => direction * (row.metrics[figure.key]?.median ?? Infinity * direction)
  return { variant: variant.name, figure, rows: figure.keepsOrder ? rows : rows.sort((a, b) => rank(a) - rank(b)) }
}

const NOT_PEERS = new Set([OURS, 'ingest-wal-by-name', 'ingest-wal-for-await', 'raw', 'bare-call', 'control'])

/**
 * What the job is to reach, beside what it reached: `{ goal, measured, reached }`, NaN where a competitor that a goal
 * names was not measured. `earlier`: the results of the jobs before it.
 */
export function goalsOf(job, variant, { rows }, earlier) {
  if (rows.length === 0) return []
  const row = (competitor) => rows.find((each) => each.competitor === competitor)
  return job.goals({
    variant,
    rows,
    peers: rows.map((each) => each.competitor).filter((each) => !NOT_PEERS.has(each)),
    of: (competitor, key) => medianOf(rows, competitor, key),
    times: (competitor) => row(competitor)?.times?.median ?? NaN,
    elsewhere: (name, competitor, key) => {
      const other = earlier.find(({ result }) => result.variant === name)
      return medianOf(other?.result.rows ?? [], competitor, key)
    }
  })
}

function medianOf(rows, competitor, key) {
  return rows.find((each) => each.competitor === competitor)?.metrics[key]?.median ?? NaN
}

export function goalLines(goals) {
  return goals.map((goal) => `${outcome(goal).padEnd(12)} ${goal.goal}: ${format('', goal.measured)}`)
}

/** Every goal of every job: what is to be reached, what was measured, whether that is enough. */
export function goalsTable(results) {
  const rows = results.flatMap(({ result, goals }) => {
    return goals.map((goal) => [result.variant, outcome(goal), format('', goal.measured), goal.goal])
  })
  const counted = rows.filter((row) => row[1] === 'reached').length
  return [...aligned([['job', '', 'measured', 'goal'], ...rows], [0, 1, 3]), `${counted} of ${rows.length} reached`]
}

export function outcome({ measured, reached }) {
  if (!Number.isFinite(measured)) return 'not measured'
  return reached ? 'reached' : 'not reached'
}

function timesBetter(figure, ours, theirs) {
  return figure.better === 'higher' ? ours / theirs : theirs / ours
}

const COMMON = ['cpuSeconds', 'peakMemoryBytes', 'diskBytes']

const HEADINGS = {
  entriesPerSecond: 'entries/s',
  meanNs: 'mean ns',
  milliseconds: 'ms',
  cpuSeconds: 'CPU s',
  peakMemoryBytes: 'memory MB',
  diskBytes: 'disk MB',
  scannedBytesPerSecond: 'scan MB/s',
  logMs: 'log ms',
  buffersMs: 'buffers ms',
  writeAmplification: 'written x',
  deviceAmplification: 'device x',
  rssBytes: 'RSS MB',
  externalBytes: 'external MB',
  heapBytes: 'heap MB',
  appendMeanNs: 'append mean ns',
  appendP99Ns: 'append p99 ns',
  durableP50Us: 'durable p50 us',
  durableP99Us: 'durable p99 us',
  wakeUpsPerBatch: 'wake-ups/batch'
}

/** Lines of a table for people: a heading and a row a competitor. */
export function tableOf({ figure, rows }, columns) {
  const keys = [...columns, ...COMMON].filter((key) => rows.some((row) => row.metrics[key] !== undefined))
  const name = (key) => HEADINGS[key] ?? key
  const heading = ['', name(figure.key), 'min to max', 'ours is', ...keys.map(name)]
  const lines = rows.map(({ competitor, metrics, times }) => {
    const main = metrics[figure.key]
    return [
      competitor,
      format(figure.key, main?.median),
      main === undefined ? '' : `${format(figure.key, main.min)} to ${format(figure.key, main.max)}`,
      times === undefined || competitor === OURS ? '' : `${times.median.toFixed(2)} x`,
      ...keys.map((key) => format(key, metrics[key]?.median))
    ]
  })
  return aligned([heading, ...lines])
}

/** Columns side by side; those of `left` begin together, the others end together. */
function aligned(cells, left = [0]) {
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)))
  const padded = (cell, column) => (left.includes(column) ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))
  return cells.map((row) => row.map(padded).join('  ').trimEnd())
}

export function format(key, value) {
  if (value === undefined || Number.isNaN(value)) return ''
  if (/bytes/i.test(key)) return grouped(value / 1e6, 1)
  return grouped(value, 3)
}

/** Three significant digits below 1,000, whole numbers with separators above. */
function grouped(value, digits) {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US')
  if (Math.abs(value) >= 100 || Number.isInteger(value)) return value.toFixed(0)
  return value.toPrecision(Math.abs(value) >= 1 ? digits + (digits === 1 ? 1 : 0) : 2)
}
