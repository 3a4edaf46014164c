/** The page: one file that asks for nothing else, has no script, and may not load or send anything. */
import { createHash } from 'node:crypto'
import { activitySection } from './activity-section.js'
import { lostEntries } from './damage-words.js'
import { bytes, count, duration, lsnRange, plural, time } from './format.js'
import { html, Html, markup, type Content } from './html.js'
import type { LogReport } from './log-report.js'
import { recoverySection } from './recovery-section.js'
import { segmentSection } from './segment-map.js'
import { STYLE } from './style.js'
import { syncsSection } from './syncs-section.js'
import { usersSection } from './users-section.js'

const SECTIONS = [
  ['segments', 'Segments'],
  ['damage', 'Damage'],
  ['activity', 'Over time'],
  ['syncs', 'Syncs'],
  ['recovery', 'Recovery'],
  ['users', 'Users']
] as const

/** The report as an HTML document. Pure. */
export function reportPage(report: LogReport): string {
  const style = new Html(STYLE)
  // Only this style may apply. No script runs, no connection is made, whatever gets into the page.
  const policy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'`
  return html`${markup('<!doctype html>')}
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Html(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${report.path}: ${report.verdict} – ingest-wal report</title>
<style>${style}</style>
</head>
<body>
${head(report)}
<main>
${segmentSection(report.scan)}
${activitySection(report.activity)}
${syncsSection(report.syncs, report.scan.live)}
${recoverySection(report)}
${usersSection(report)}
</main>
<footer><p>Made by <code>ingest-wal report</code> at ${time(report.createdMs)}; it took ${duration(
    report.durations.scan + report.durations.recovery + report.durations.history
  )}, read only, and took no lock. The page loads and sends nothing.</p></footer>
</body>
</html>
`.text
}

function head(report: LogReport): Html {
  const className = report.verdict === 'damaged' ? 'bad' : report.verdict === 'torn tail' ? 'fair' : 'good'
  return html`<header>
<p class="eyebrow">ingest-wal report</p>
<h1>${report.path}</h1>
<p class="callout ${className}"><strong>${statusWord(report)}</strong> ${statusText(report)}</p>
<dl class="facts">
${factsOf(report).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
<nav aria-label="Sections">${SECTIONS.map(([id, title]) => html`<a href="#${id}">${title}</a>`)}</nav>
</header>
`
}

function statusWord({ verdict }: LogReport): string {
  return verdict === 'damaged' ? 'Damaged.' : verdict === 'torn tail' ? 'Clean, with a torn tail.' : 'Clean.'
}

function statusText({ verdict, scan }: LogReport): string {
  const live = scan.live ? ' A writer has the log open.' : ''
  if (verdict === 'clean') return `Every byte was checked; nothing is torn or damaged.${live}`
  if (verdict === 'torn tail') return 'The last bytes were never acknowledged as durable, as a power cut leaves them. The next start cuts them.'
  const lost = scan.damage.reduce((sum, damage) => sum + lostEntries(damage), 0)
  const users = new Set(scan.damage.flatMap((damage) => damage.users)).size
  const whose = users === 0 ? '' : `; what is damaged still names ${plural(users, 'user', 'users')} of them`
  return `Stored bytes are damaged or missing in ${plural(scan.damage.length, 'place', 'places')}: ${plural(lost, 'entry is', 'entries are')} lost${whose}.${live}`
}

function factsOf({ scan, activity, recovery, createdMs }: LogReport): Array<readonly [string, Content]> {
  const firstLsn = scan.segments.find(({ entries }) => entries > 0)?.firstLsn ?? 0
  const { ring } = scan
  return [
    ['Log', html`<code>${scan.logId}</code>`],
    ['Format', `version ${scan.formatVersion}`],
    ['Writer', scan.live ? 'running' : 'none'],
    ['Looked at', time(createdMs)],
    ['First entry', activity.firstMs === null ? '–' : time(activity.firstMs)],
    ['Last entry', activity.lastMs === null ? '–' : time(activity.lastMs)],
    ['LSN', scan.lastLsn === 0 ? '–' : `${count(Math.max(1, firstLsn))}–${count(Math.max(scan.lastLsn, recovery.lastLsn))}`],
    ['Proven durable', scan.provenLsn === 0 ? '–' : `up to LSN ${count(scan.provenLsn)}`],
    ['Segments', `${count(scan.segments.length)}, ${plural(scan.checkpoints.length, 'checkpoint', 'checkpoints')}`],
    ['On disk', bytes(scan.bytes)],
    ['Entries', count(activity.entries)],
    ['Recovery reads', plural(scan.entries, 'entry', 'entries')],
    ['Staging ring', ring.entries === 0 ? (ring.found ? 'empty' : 'none') : `${plural(ring.entries, 'entry', 'entries')}, ${lsnRange(ring.firstLsn, ring.lastLsn)}`],
    ['Users', count(Math.max(activity.users, recovery.users))]
  ]
}
