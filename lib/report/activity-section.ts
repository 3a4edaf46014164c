/** Entries and bytes over time: a strip for each operation, all over the same time. */
import { Operation, type OperationName } from '../wal/types.js'
import { bytes, count, duration, plural, tick, time } from './format.js'
import { html, table, type Html } from './html.js'
import type { Activity, ActivityBucket } from './log-report.js'
import { barsPath, niceCeiling, plot, PLOT_WIDTH } from './svg.js'

const STRIP_HEIGHT = 44
const MOST_ROWS = 60
const NAMES = Object.keys(Operation) as OperationName[]

interface Strip {
  name: string
  title: string
  total: string
  valueOf: (bucket: ActivityBucket) => number
  format: (value: number) => string
}

export function activitySection(activity: Activity): Html {
  return html`<section id="activity">
<h2>Entries and bytes over time</h2>
${activity.firstMs === null ? html`<p>The log holds no entry.</p>` : plots(activity)}</section>
`
}

function plots(activity: Activity): Html {
  const { bucketMs, buckets, entries, firstMs, lastMs, stepsBack } = activity
  const fromMs = buckets[0]?.startMs ?? 0
  const toMs = (buckets.at(-1)?.startMs ?? 0) + bucketMs
  return html`<p>${plural(entries, 'entry', 'entries')} of ${plural(activity.users, 'user', 'users')}, logged between ${time(firstMs ?? 0)} and ${time(lastMs ?? 0)}; one bar is ${duration(
    bucketMs
  )}, each strip has a scale of its own. What compaction and retention have removed is not in it.${
    stepsBack > 0 && ` The clock was behind itself ${plural(stepsBack, 'time', 'times')}: entries stand where it said.`
  }</p>
<div class="strips">
${stripsOf(activity).map((strip) => stripPlot(strip, buckets, fromMs, toMs))}${timeAxis(fromMs, toMs)}</div>
<details><summary>The same as a table</summary>
${bucketTable(activity)}</details>
`
}

function stripsOf(activity: Activity): Strip[] {
  const { entries, operations, payloadBytes } = activity
  const sum = (bucket: ActivityBucket): number => bucket.operations.reduce((total, each) => total + each, 0)
  const all = { name: 'all', title: 'All entries', total: count(entries), valueOf: sum, format: count }
  const each = NAMES.filter((name) => operations[name] > 0).map((name) => ({
    name: name.toLowerCase().replace('_', '-'),
    title: name,
    total: count(operations[name]),
    valueOf: (bucket: ActivityBucket) => bucket.operations[Operation[name]] ?? 0,
    format: count
  }))
  const payloads = { name: 'bytes', title: 'Payload bytes', total: bytes(payloadBytes), valueOf: (bucket: ActivityBucket) => bucket.payloadBytes, format: bytes }
  return [all, ...each, payloads]
}

function stripPlot({ name, title, total, valueOf, format }: Strip, buckets: readonly ActivityBucket[], fromMs: number, toMs: number): Html {
  const values = buckets.map(valueOf)
  const most = values.reduce((one, other) => Math.max(one, other), 0)
  const ceiling = niceCeiling(most)
  const busiest = buckets[values.indexOf(most)]?.startMs ?? fromMs
  const bars = values.map((value, index) => ({ from: index / values.length, to: (index + 1) / values.length, height: value / ceiling }))
  const label = `${title}: ${total} between ${time(fromMs)} and ${time(toMs)}, at most ${format(most)} in one bar, at ${time(busiest)}`
  return html`<div class="strip"><div class="name"><b>${title}</b> <span>${total}</span></div>${plot(label, STRIP_HEIGHT, [
    html`<path class="ground" d="M0 ${STRIP_HEIGHT}H${PLOT_WIDTH}M0 0H${PLOT_WIDTH}"/>`,
    html`<path class="bars ${name}" d="${barsPath(bars, STRIP_HEIGHT)}"/>`
  ])}<div class="scale" aria-hidden="true"><span>${format(ceiling)}</span><span>0</span></div></div>
`
}

/** The quarters of a time, under a plot. */
export function timeAxis(fromMs: number, toMs: number): Html {
  const at = [0, 0.25, 0.5, 0.75, 1].map((part) => tick(fromMs + (toMs - fromMs) * part, toMs - fromMs))
  return html`<div class="axis" aria-hidden="true">${at.map((text) => html`<span>${text}</span>`)}</div>
`
}

/** Rows that join bars, so that there are not too many. */
function bucketTable({ buckets, bucketMs }: Activity): Html {
  const perRow = Math.max(1, Math.ceil(buckets.length / MOST_ROWS))
  const rows: ActivityBucket[] = []
  for (let at = 0; at < buckets.length; at += perRow) rows.push(joinBuckets(buckets.slice(at, at + perRow)))
  return table(
    `Entries and bytes by ${duration(bucketMs * perRow)}`,
    [
      { title: 'From', cell: ({ startMs }) => time(startMs) },
      ...NAMES.map((name) => ({ title: name, numeric: true, cell: ({ operations }: ActivityBucket) => count(operations[Operation[name]] ?? 0) })),
      { title: 'Payload bytes', numeric: true, cell: ({ payloadBytes }) => bytes(payloadBytes) }
    ],
    rows
  )
}

function joinBuckets(buckets: readonly ActivityBucket[]): ActivityBucket {
  const first = buckets[0] as ActivityBucket
  return {
    startMs: first.startMs,
    operations: first.operations.map((_, operation) => buckets.reduce((sum, bucket) => sum + (bucket.operations[operation] ?? 0), 0)),
    payloadBytes: buckets.reduce((sum, bucket) => sum + bucket.payloadBytes, 0)
  }
}
