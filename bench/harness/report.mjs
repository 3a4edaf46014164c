/** From the runs of all rounds to medians and ratios, and from those to tables and to what is reached. */
import { summary } from './statistics.mjs'

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
    return { competitor, rounds: own.length, metrics, times: ratios.length > 0 ? summary(ratios) : undefined }
  })
  const direction = figure.better === 'higher' ? -1 : 1
  const rank = (row) => direction * (row.metrics[figure.key]?.median ?? Infinity * direction)
  return { variant: variant.name, figure, rows: rows.sort((a, b) => rank(a) - rank(b)) }
}

const NOT_PEERS = new Set([OURS, 'raw', 'bare-call', 'control'])

/** What the job is to reach, beside what it reached; nothing where a competitor that a goal names was not measured. */
export function goalsOf(job, variant, { rows }) {
  const row = (competitor) => rows.find((each) => each.competitor === competitor)
  const goals = job.goals({
    variant,
    peers: rows.map((each) => each.competitor).filter((each) => !NOT_PEERS.has(each)),
    of: (competitor, key) => row(competitor)?.metrics[key]?.median ?? NaN,
    times: (competitor) => row(competitor)?.times?.median ?? NaN
  })
  return goals.filter(({ measured }) => Number.isFinite(measured))
}

export function goalLines(goals) {
  return goals.map(({ goal, measured, reached }) => {
    return `${reached ? 'reached    ' : 'not reached'} ${goal}: ${format('', measured)}`
  })
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
  buffersMs: 'buffers ms'
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

function aligned(cells) {
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)))
  return cells.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])))
      .join('  ')
      .trimEnd()
  )
}

export function format(key, value) {
  if (value === undefined) return ''
  if (/bytes/i.test(key)) return grouped(value / 1e6, 1)
  return grouped(value, 3)
}

/** Three significant digits below 1,000, whole numbers with separators above. */
function grouped(value, digits) {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US')
  if (Math.abs(value) >= 100 || Number.isInteger(value)) return value.toFixed(0)
  return value.toPrecision(Math.abs(value) >= 1 ? digits + (digits === 1 ? 1 : 0) : 2)
}
