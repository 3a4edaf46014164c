/** Users with their measurements against the estimates of the filter. */
import { timeAxis } from './activity-section.js'
import { count, figure, figureWithin, plural, time } from './format.js'
import { html, listed, markup, table, userName, type Html } from './html.js'
import type { LogReport, StoryMark, StoryPoint, UserStory } from './log-report.js'
import { at, bandPath, dotsPath, linear, linePath, niceDomain, plot, PLOT_WIDTH, type Scale } from './svg.js'

const HEIGHT = 220
const TABLE_POINTS = 20
const MOST_ERROR = 200

export function usersSection({ users, usersLeftOut, recovery }: LogReport): Html {
  return html`<section id="users">
<h2>Users and their measurements</h2>
${introduction(users, usersLeftOut)}
${users.length > 0 && legend()}
${users.map((user, index) => userArticle(user, index + 1))}
${users.length === 0 && html`<p>${recovery.failure === undefined ? 'No user has a buffer that waits.' : 'Recovery does not say who waits.'}</p>`}</section>
`
}

function introduction(users: readonly UserStory[], left: LogReport['usersLeftOut']): Html {
  const shown = plural(users.length, 'user', 'users')
  return html`${users.length > 0 && html`<p>${shown}, the most urgent first. The estimate is computed again by this report, by the Kalman filter of <code>ingest</code>: for what was replayed, from the state of its CHECKPOINT, and shown where it comes to the state of its COMMIT; for what waits, from the last state, as a replay now would.</p>`}
${left.users > 0 && html`<p class="left-out">${plural(left.users, 'more user has', 'more users have')} a buffer, with ${plural(left.measurements, 'measurement', 'measurements')}, and ${left.users === 1 ? 'is' : 'are'} not shown: <code>--user ID</code> shows one.</p>`}
${left.unknown.length > 0 && html`<p class="left-out">Not in this log: ${listed(left.unknown.map(userName))}.</p>`}`
}

function legend(): Html {
  return markup(`<ul class="legend">
<li><i class="swatch point"></i> measurement</li><li><i class="swatch point waiting"></i> measurement that waits</li>
<li><i class="swatch estimate"></i> estimate, with two standard deviations</li>
<li><i class="swatch checkpoint"></i> CHECKPOINT: before the buffer</li><li><i class="swatch commit"></i> COMMIT: behind it</li>
<li><i class="swatch rollback"></i> ROLLBACK</li></ul>`)
}

function userArticle(user: UserStory, number: number): Html {
  const heading = `user-${number}`
  return html`<article class="user" aria-labelledby="${heading}">
<h3 id="${heading}">${userName(user.userId)}</h3>
<p>${facts(user)}</p>
${user.points.length > 0 ? userPlot(user) : html`<p class="dim">There is no measurement with a number to draw.</p>`}
<details><summary>Marks and last measurements as tables</summary>
${user.marks.length > 0 ? marksTable(user) : html`<p>No checkpoint, commit or rollback of this user is in the log.</p>`}
${user.points.length > 0 && pointsTable(user.points)}</details>
</article>
`
}

function facts(user: UserStory): Html {
  const { waiting, taints, replayed, stateKind, state, pointsLeftOut, withoutNumber, differing, marksLeftOut } = user
  const parts = waiting.map(({ buffer, state: each, measurements }) => html`buffer ${count(buffer)} ${each === 'parked' ? markup('<strong class="bad">parked</strong>') : each} with ${plural(measurements, 'measurement', 'measurements')}`)
  parts.push(html`${count(replayed)} replayed before`)
  if (taints.length > 0) parts.push(html`<strong class="bad">tainted</strong>: entries are lost, or may be`)
  if (state !== undefined) parts.push(html`last state: estimate ${figure(state.estimate)} ± ${figure(Math.sqrt(state.variance))} of ${count(state.count)}`)
  if (stateKind === 'other') parts.push(html`its state is not the filter’s, so there is no estimate`)
  if (stateKind === 'none') parts.push(html`no state is logged yet: the estimate, if any, begins anew`)
  if (differing > 0) parts.push(html`${plural(differing, 'replay', 'replays')} came to another state than the filter does, and have no estimate`)
  if (withoutNumber > 0) parts.push(html`${plural(withoutNumber, 'measurement has', 'measurements have')} no number as value`)
  if (pointsLeftOut > 0) parts.push(html`<span class="left-out">${plural(pointsLeftOut, 'earlier measurement', 'earlier measurements')} left out</span>`)
  if (marksLeftOut > 0) parts.push(html`<span class="left-out">${plural(marksLeftOut, 'earlier mark', 'earlier marks')} left out</span>`)
  return html`${listed(parts, '; ')}.`
}

function userPlot(user: UserStory): Html {
  const { points, marks } = user
  const { low, high } = valueDomain(points)
  const times = points.map(({ ms }) => ms)
  const from = times.reduce((one, other) => Math.min(one, other), Infinity)
  const to = times.reduce((one, other) => Math.max(one, other), -Infinity)
  const x = linear(from, to, 8, PLOT_WIDTH - 8)
  const y = linear(low, high, HEIGHT, 0)
  const place = ({ ms, value }: StoryPoint): readonly [number, number] => [x(ms), y(value)]
  const waiting = points.filter((point) => point.waiting)
  const label = `${plural(points.length, 'measurement', 'measurements')} between ${time(from)} and ${time(to)}, values from ${figure(low)} to ${figure(high)}, ${plural(
    waiting.length,
    'of them waits',
    'of them wait'
  )}`
  const plotted = plot(label, HEIGHT, [
    html`<path class="ground" d="M0 0H${PLOT_WIDTH}M0 ${HEIGHT / 2}H${PLOT_WIDTH}M0 ${HEIGHT}H${PLOT_WIDTH}"/>`,
    ...estimateRuns(points).flatMap((run) => [
      html`<path class="band" d="${bandPath(run.map(({ ms, estimate, variance }) => [x(ms), y(estimate + 2 * Math.sqrt(variance)), y(estimate - 2 * Math.sqrt(variance))]))}"/>`,
      html`<path class="estimate" d="${linePath(run.map(({ ms, estimate }) => [x(ms), y(estimate)]))}"/>`
    ]),
    ...marks.filter(({ atMs }) => atMs >= from && atMs <= to).map((mark) => markLine(mark, x)),
    ...[points.filter((point) => !point.waiting), waiting]
      .filter((some) => some.length > 0)
      .map((some) => html`<path class="points${some === waiting && ' waiting'}" d="${dotsPath(some.map(place))}"/>`)
  ])
  const scale = [high, high / 2 + low / 2, low].map((value) => html`<span>${figureWithin(value, high / 2 - low / 2)}</span>`)
  return html`<div class="strips"><div class="strip tall"><div class="scale" aria-hidden="true">${scale}</div>${plotted}</div>${timeAxis(
    from,
    to
  )}</div>
`
}

/** Around all measurements and estimates. The deviations may run out of it: early ones are wide. */
function valueDomain(points: readonly StoryPoint[]): { low: number; high: number } {
  const estimates = points.map(({ estimate }) => estimate).filter((estimate) => Number.isFinite(estimate))
  return niceDomain([...points.map(({ value }) => value), ...estimates])
}

/** Stretches of neighbours that have an estimate and go on in time. */
function estimateRuns(points: readonly StoryPoint[]): StoryPoint[][] {
  const runs: StoryPoint[][] = []
  let before: StoryPoint | undefined
  for (const point of points) {
    if (Number.isFinite(point.estimate)) {
      if (before === undefined || before.waiting !== point.waiting || point.ms < before.ms) runs.push([])
      runs.at(-1)?.push(point)
      before = point
    } else before = undefined
  }
  return runs
}

function markLine({ kind, lsn, buffer, atMs }: StoryMark, x: Scale): Html {
  const name = kind === 'parked' ? 'rollback' : kind
  return html`<path class="mark ${name}" d="M${at(x(atMs))} 0V${HEIGHT}"><title>${kind} of buffer ${buffer}, LSN ${lsn}</title></path>`
}

function marksTable({ marks }: UserStory): Html {
  return table(
    'Checkpoints, commits and rollbacks',
    [
      { title: 'LSN', numeric: true, cell: ({ lsn }) => count(lsn) },
      { title: 'What', cell: ({ kind }) => (kind === 'parked' ? 'rollback, parked' : kind) },
      { title: 'Logged', cell: ({ loggedMs }) => time(loggedMs) },
      { title: 'Buffer', numeric: true, cell: ({ buffer }) => count(buffer) },
      { title: 'Measurements', numeric: true, cell: (mark) => count(mark.count) },
      { title: 'Estimate', numeric: true, cell: ({ state }) => (state === undefined ? '–' : `${figure(state.estimate)} ± ${figure(Math.sqrt(state.variance))}`) },
      { title: 'Error', cell: ({ error }) => html`<span class="text">${error.length > MOST_ERROR ? `${error.slice(0, MOST_ERROR)}…` : error}</span>` }
    ],
    marks
  )
}

function pointsTable(points: readonly StoryPoint[]): Html {
  const rows = points.slice(-TABLE_POINTS)
  return table(
    rows.length < points.length ? `The last ${rows.length} measurements` : 'Measurements',
    [
      { title: 'Measured', cell: ({ ms }) => time(ms) },
      { title: 'Value', numeric: true, cell: ({ value }) => figure(value) },
      { title: 'Estimate', numeric: true, cell: ({ estimate, variance }) => (Number.isFinite(estimate) ? `${figure(estimate)} ± ${figure(Math.sqrt(variance))}` : '–') },
      { title: 'Buffer', numeric: true, cell: ({ buffer }) => count(buffer) },
      { title: 'Waits', cell: ({ waiting }) => (waiting ? 'yes' : 'no') }
    ],
    rows
  )
}
