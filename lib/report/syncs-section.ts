/** How long syncs take: the histogram that a writer keeps where others see it. */
import { histogramQuantile } from '../metrics/histogram.js'
import { count, duration, plural, time } from './format.js'
import { html, table, type Html } from './html.js'
import type { WriterSyncs } from './log-report.js'
import { barsPath, niceCeiling, plot, PLOT_WIDTH } from './svg.js'

const HEIGHT = 140
const MS = 1000

interface Bucket {
  /** Upper bound in seconds; Infinity for the last. */
  bound: number
  count: number
}

export function syncsSection(syncs: WriterSyncs | null, live: boolean): Html {
  return html`<section id="syncs">
<h2>Syncs</h2>
${syncs === null || syncs.durations.count === 0 ? html`<p>${absence(syncs, live)}</p>` : histogram(syncs, live)}</section>
`
}

function absence(syncs: WriterSyncs | null, live: boolean): string {
  if (syncs !== null) return live ? 'The running writer has not synced yet.' : 'The last writer, which was killed, had not synced.'
  if (!live) return 'How long syncs take is not to be had: no writer is running, and the last one has taken its figures with it.'
  return 'How long syncs take is not to be had: the running writer keeps its figures where no other process sees them.'
}

function histogram({ durations: syncs, beganMs }: WriterSyncs, live: boolean): Html {
  const { bounds, counts, count: total } = syncs
  const all = counts.map((each, index) => ({ bound: bounds[index] ?? Infinity, count: each }))
  const first = counts.findIndex((each) => each > 0)
  const last = counts.findLastIndex((each) => each > 0)
  // One empty bucket on each side, so that a lone bar has surroundings.
  const buckets = all.slice(Math.max(0, first - 1), last + 2)
  const quantile = (part: number): string => duration(histogramQuantile(syncs, part) * MS)
  const ceiling = niceCeiling(Math.max(...buckets.map((bucket) => bucket.count)))
  const bars = buckets.map((bucket, index) => ({ from: index / buckets.length, to: (index + 1) / buckets.length, height: bucket.count / ceiling }))
  const label = `${plural(total, 'sync', 'syncs')}: half took at most ${quantile(0.5)}, 99 in 100 at most ${quantile(0.99)}`
  return html`<p>${label}; ${quantile(0.999)} for 999 in 1,000, ${duration((syncs.sum / total) * MS)} on average. Counted by ${live ? 'the running writer' : 'the last writer, which was killed,'} since ${time(beganMs)}; the bounds of buckets double.</p>
<div class="strips"><div class="strip tall"><div class="name"><b>Syncs</b> <span>${count(total)}</span></div>${plot(label, HEIGHT, [
    html`<path class="ground" d="M0 ${HEIGHT}H${PLOT_WIDTH}M0 0H${PLOT_WIDTH}"/>`,
    html`<path class="bars all" d="${barsPath(bars, HEIGHT)}"/>`
  ])}<div class="scale" aria-hidden="true"><span>${count(ceiling)}</span><span>0</span></div></div>
<div class="axis buckets" aria-hidden="true">${axisLabels(buckets).map((text) => html`<span>${text}</span>`)}</div></div>
<details><summary>The same as a table</summary>
${table(
  'Syncs by how long they took',
  [
    { title: 'At most', cell: ({ bound }) => boundText(bound) },
    { title: 'Syncs', numeric: true, cell: (bucket) => count(bucket.count) },
    { title: 'Share', numeric: true, cell: (bucket) => `${((bucket.count / total) * 100).toFixed(1)} %` }
  ],
  buckets
)}</details>
`
}

function axisLabels(buckets: readonly Bucket[]): string[] {
  const shown = buckets.length <= 8 ? buckets : [0, 0.25, 0.5, 0.75, 1].map((part) => buckets[Math.round((buckets.length - 1) * part)] as Bucket)
  return shown.map(({ bound }) => boundText(bound))
}

function boundText(bound: number): string {
  return Number.isFinite(bound) ? `≤ ${duration(bound * MS)}` : 'more'
}
