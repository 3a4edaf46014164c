/** What the next start would do, step by step, and what it would find. */
import type { LogScan } from '../wal/inspect.js'
import { lostEntries } from './damage-words.js'
import { count, duration, lsnRange, plural, time } from './format.js'
import { html, markup, table, userName, type Content, type Html } from './html.js'
import type { LogReport, RecoveryPreview, WaitingBuffer } from './log-report.js'
import { at, linear, plot, PLOT_WIDTH } from './svg.js'

const LINE_HEIGHT = 36

export function recoverySection(report: LogReport): Html {
  const { scan, recovery } = report
  return html`<section id="recovery">
<h2>Recovery</h2>
<p>${scan.live ? 'A writer is running. If it died now, the next start would do this' : 'The next start would do this'}; nothing of it has been done. Times are of this report, which did the same reading on this machine; what it did not do has none.</p>
${recovery.failure !== undefined && html`<p class="callout bad"><strong>It would not come to an end.</strong> ${recovery.failure}</p>`}
${lsnLine(scan)}${steps(report)}
${recovery.failure === undefined && found(recovery)}</section>
`
}

interface Stretch {
  name: string
  title: string
  first: number
  last: number
}

/** What is read, over the numbers of entries: the base, the segments behind it, the ring; and what is lost. */
function lsnLine(scan: LogScan): Html {
  const base = baseOf(scan)
  const stretches: Stretch[] = []
  if (base !== undefined) stretches.push({ name: 'base', title: `checkpoint ${base.number}`, first: 1, last: base.coveredLsn })
  for (const { covered, entries, firstLsn, lastLsn, number, state } of scan.segments) {
    if (!covered && entries > 0) stretches.push({ name: state, title: `segment ${number}`, first: firstLsn, last: lastLsn })
  }
  if (scan.ring.entries > 0) stretches.push({ name: 'ring', title: 'staging ring', first: scan.ring.firstLsn, last: scan.ring.lastLsn })
  const last = Math.max(scan.lastLsn, ...stretches.map((stretch) => stretch.last))
  if (last === 0) return html``
  const from = Math.min(...stretches.map((stretch) => stretch.first), last)
  const x = linear(from, last + 1, 0, PLOT_WIDTH)
  // What the base covers is not needed, and what is lost of it is in the map.
  const lost = scan.damage.filter(({ firstLsn, lastLsn }) => lastLsn > 0 && firstLsn > (base?.coveredLsn ?? 0))
  const label = `LSN ${count(from)} to ${count(last)}: ${base === undefined ? 'no checkpoint' : `checkpoint ${base.number} up to LSN ${count(base.coveredLsn)}`}, ${plural(
    stretches.length - (base === undefined ? 0 : 1),
    'stretch',
    'stretches'
  )} behind it, ${plural(lost.length, 'stretch', 'stretches')} lost`
  const rect = (name: string, first: number, end: number, least: number): Html =>
    html`<rect class="${name}" x="${at(Math.min(PLOT_WIDTH - least, x(first)))}" width="${at(Math.max(least, x(end + 1) - x(first) - 0.6))}" height="${LINE_HEIGHT}"/>`
  return html`<figure class="lsn-line">${plot(label, LINE_HEIGHT, [
    ...joinedStretches(stretches).map(({ name, first, last: end }) => rect(name, first, end, 0.6)),
    ...lost.slice(0, 500).map(({ firstLsn, lastLsn }) => rect('damage', firstLsn, lastLsn, 3))
  ])}<div class="axis" aria-hidden="true"><span>LSN ${count(from)}</span><span>LSN ${count(last)}</span></div>
<ul class="legend">${[...new Set(stretches.map(({ name }) => name))].map((name) => html`<li><i class="swatch ${name}"></i> ${name === 'base' ? 'base: a checkpoint' : name === 'ring' ? 'staging ring' : `${name} segments`}</li>`)}${
    lost.length > 0 && html`<li><i class="swatch damage"></i> lost</li>`
  }</ul></figure>
`
}

/** At most as many as can be told apart: neighbours of one kind become one. */
function joinedStretches(stretches: readonly Stretch[]): Stretch[] {
  if (stretches.length <= 400) return [...stretches]
  const joined: Stretch[] = []
  for (const stretch of stretches) {
    const before = joined.at(-1)
    if (before?.name === stretch.name) before.last = stretch.last
    else joined.push({ ...stretch })
  }
  return joined
}

function baseOf({ checkpoints }: LogScan): LogScan['checkpoints'][number] | undefined {
  return checkpoints.find(({ state }) => state === 'base')
}

interface Step {
  what: string
  finds: Content
  /** Milliseconds; undefined: not done by the report. */
  ms: number | undefined
  means: string
}

function steps(report: LogReport): Html {
  const all = [...readingSteps(report), ...mendingSteps(report), ...replaySteps(report)]
  const total = Math.max(1e-3, all.reduce((sum, { ms }) => sum + (ms ?? 0), 0))
  const begins = new Map<Step, number>()
  let behind = 0
  for (const step of all) {
    begins.set(step, behind)
    behind += step.ms ?? 0
  }
  /** One behind the other, as they would run. */
  const bar = (step: Step): Html =>
    html`<svg class="duration" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="all" x="${at(((begins.get(step) ?? 0) / total) * 100)}" width="${at(
      Math.max(0.5, ((step.ms ?? 0) / total) * 100)
    )}" height="10"/></svg>`
  return table(
    'Steps of the next start',
    [
      { title: 'Step', cell: ({ what }) => html`<b>${what}</b>` },
      { title: 'Finds', cell: ({ finds }) => html`<span class="text">${finds}</span>` },
      { title: 'Takes', cell: (step) => takes(step, bar(step)) }
    ],
    all
  )
}

function takes({ ms, means }: Step, bar: Html): Html {
  return ms === undefined ? html`<span class="dim">${means}</span>` : html`${bar}<b>${duration(ms)}</b> <span class="dim">${means}</span>`
}

function readingSteps({ scan, durations }: LogReport): Step[] {
  const base = baseOf(scan)
  const behind = scan.segments.filter(({ covered }) => !covered)
  const read = behind.reduce((sum, { entries }) => sum + entries, 0)
  return [
    {
      what: 'Find the base',
      finds: base === undefined ? 'no checkpoint: it begins with the first segment' : `checkpoint ${base.number} of ${time(base.created)}: ${plural(base.entries, 'entry', 'entries')} stand for LSN 1–${count(base.coveredLsn)}`,
      ms: undefined,
      means: 'part of the next step'
    },
    {
      what: 'Check the files',
      finds: `${plural(behind.length, 'segment', 'segments')} behind the base, ${plural(read, 'entry', 'entries')}`,
      ms: durations.scan,
      means: scan.checkpoints.length === 0 ? 'all files' : 'at most: the report checked all files, a start only the base and what is behind it'
    }
  ]
}

function mendingSteps({ scan }: LogReport): Step[] {
  const { ring, tornTail, damage, live } = scan
  const lost = damage.reduce((sum, each) => sum + lostEntries(each), 0)
  const notDone = 'not done by the report'
  const steps: Step[] = []
  if (tornTail !== null && !live) {
    steps.push({ what: 'Cut the torn tail', finds: `${plural(tornTail.bytes, 'byte', 'bytes')} of ${tornTail.file}, copied to quarantine first`, ms: undefined, means: notDone })
  }
  if (damage.length > 0) {
    steps.push({ what: 'Pass over damage', finds: `${plural(damage.length, 'place', 'places')}, ${plural(lost, 'entry', 'entries')} lost; the bytes are copied to quarantine`, ms: undefined, means: notDone })
  }
  const staged = ring.entries === 0 ? 'nothing that is not in a segment' : `${plural(ring.entries, 'entry', 'entries')}, ${lsnRange(ring.firstLsn, ring.lastLsn)}: written and synced before anything new`
  steps.push({ what: 'Take over the ring', finds: ring.found ? staged : 'there is none', ms: undefined, means: ring.found ? notDone : 'nothing to do' })
  return steps
}

function replaySteps({ recovery, durations }: LogReport): Step[] {
  if (recovery.failure !== undefined) return [{ what: 'Rebuild buffers and states', finds: recovery.failure, ms: durations.recovery, means: 'until the error' }]
  const { ready, replaying } = recovery.buffers
  return [
    {
      what: 'Rebuild buffers and states',
      finds: `${plural(recovery.entries, 'entry', 'entries')} give ${plural(recovery.users, 'user', 'users')} and ${plural(recovery.measurements, 'waiting measurement', 'waiting measurements')}`,
      ms: durations.recovery,
      means: 'reading included'
    },
    {
      what: 'Replay what is ready',
      finds: `${plural(ready + replaying, 'buffer', 'buffers')}, of which ${count(replaying)} had a replay under way`,
      ms: undefined,
      means: 'the service’s own work'
    }
  ]
}

function found(recovery: RecoveryPreview): Html {
  const { buffers, waiting, tainted, taintedLeftOut } = recovery
  const total = buffers.open + buffers.ready + buffers.replaying + buffers.parked
  const left = total - waiting.length
  return html`<h3>Buffers that wait</h3>
<p>${count(buffers.open)} open, ${count(buffers.ready)} ready, ${plural(buffers.replaying, 'replay', 'replays')} without an outcome, ${count(buffers.parked)} parked. ${
    recovery.otherEntries > 0 && `${plural(recovery.otherEntries, 'entry is', 'entries are')} the service’s own, in no buffer.`
  }</p>
${waiting.length > 0 && html`<details${waiting.length <= 12 && html` open`}><summary>${left > 0 ? `The most urgent ${count(waiting.length)}` : 'All of them'}</summary>${waitingTable(waiting)}</details>`}
${left > 0 && html`<p class="left-out">${plural(left, 'buffer is', 'buffers are')} not listed: <code>ingest-wal inspect --incomplete</code> lists all.</p>`}
<h3>Users of whom entries are lost</h3>
${tainted.length === 0 ? html`<p>None: every buffer is proven whole.</p>` : taintedTable(tainted)}
${taintedLeftOut > 0 && html`<p class="left-out">${plural(taintedLeftOut, 'more is', 'more are')} not listed.</p>`}`
}

function waitingTable(waiting: readonly WaitingBuffer[]): Html {
  return table(
    'Buffers that wait',
    [
      { title: 'User', cell: ({ userId }) => userName(userId) },
      { title: 'Buffer', numeric: true, cell: ({ buffer }) => count(buffer) },
      { title: 'State', cell: ({ state, tainted }) => [state === 'parked' ? markup('<strong class="bad">parked</strong>') : state, tainted && markup(', <strong class="bad">tainted</strong>')] },
      { title: 'Measurements', numeric: true, cell: ({ measurements }) => count(measurements) },
      { title: 'Failed replays', numeric: true, cell: ({ attempts }) => count(attempts) },
      { title: 'Window', cell: ({ windowStart, windowEnd }) => `${time(windowStart)} – ${Number.isFinite(windowEnd) ? time(windowEnd) : 'until full'}` }
    ],
    waiting
  )
}

const REASONS = {
  measurements: 'the buffer misses measurements',
  outcome: 'whether its replay was committed, or it was cleared, is lost; it runs again',
  unproven: 'entries are lost, and nothing proves that none was this user’s'
} as const

function taintedTable(tainted: RecoveryPreview['tainted']): Html {
  return table(
    'Users of whom entries are lost, or may be',
    [
      { title: 'User', cell: ({ userId }) => userName(userId) },
      { title: 'Buffer', numeric: true, cell: ({ buffer }) => (buffer === 0 ? 'not known' : count(buffer)) },
      { title: 'Lost entries', numeric: true, cell: ({ lost }) => count(lost) },
      { title: 'What it means', cell: ({ reason }) => html`<span class="text">${REASONS[reason]}</span>` }
    ],
    tainted
  )
}
