/** The map of segments: a cell for each, in order, under the checkpoints that cover them; and the tables beside it. */
import type { LogScan } from '../wal/inspect.js'
import type { Damage } from '../wal/types.js'
import { bytesText, lossText, placeText, usersText } from './damage-words.js'
import { bytes, count, lsnRange, plural, time } from './format.js'
import { html, markup, table, type Content, type Html } from './html.js'
import { segmentCells, type CellState, type Segment, type SegmentCell } from './segment-cells.js'
import { at } from './svg.js'

const MOST_CELLS = 1000
const MOST_ROWS = 300
const MOST_DAMAGE_ROWS = 500
const DAMAGE_IN_NOTE = 4

/** By how many cells there are, and how many hundredths of its cell a mark takes at least, so that it is seen. */
const SIZES = [
  { name: 'large', most: 24, leastMark: 4 },
  { name: 'medium', most: 120, leastMark: 8 },
  { name: 'small', most: Infinity, leastMark: 16 }
] as const

const STATES: Readonly<Record<CellState, { letter: string; word: string }>> = {
  active: { letter: 'A', word: 'active: being written' },
  unsealed: { letter: 'U', word: 'unsealed: left by a writer that ended' },
  sealed: { letter: 'S', word: 'sealed: complete' },
  compressed: { letter: 'C', word: 'compressed' },
  unread: { letter: '–', word: 'covered, and not read' },
  rejected: { letter: 'R', word: 'rejected: cannot be used' },
  missing: { letter: '?', word: 'missing' },
  gone: { letter: '…', word: 'removed: checkpoints cover them' }
}

export function segmentSection(scan: LogScan): Html {
  const { cells, perCell } = segmentCells(scan, MOST_CELLS)
  const size = SIZES.find(({ most }) => cells.length <= most) ?? SIZES[2]
  const rows = rowsOf(scan)
  const linked = new Set(rows.map(({ file }) => file))
  return html`<section id="segments">
<h2>Segments and checkpoints</h2>
<p>${cellsText(cells.length, perCell)}</p>
${cells.length > 0 && html`<ol class="map ${size.name}">
${cells.map((cell) => mapCell(cell, scan, linked, size.leastMark))}</ol>
${legend(cells, scan)}`}
${checkpointTable(scan)}
${damageTable(scan)}
${segmentTable(scan, rows)}</section>
`
}

function cellsText(cells: number, perCell: number): string {
  if (cells === 0) return 'There is no segment yet.'
  const each = perCell === 1 ? 'One cell is one segment' : `One cell is ${count(perCell)} neighbouring segments, named by the worst of them`
  return `${each}, in order. From left to right it is the bytes of the file: the filled part is in use, marks stand where damage lies. Point at a cell, or step to it with Tab, to read about it; it leads to its row below.`
}

function mapCell(cell: SegmentCell, scan: LogScan, linked: ReadonlySet<string>, leastMark: number): Html {
  const target = cell.segments.find(({ file }) => linked.has(file))
  const href = cell.damage.length > 0 ? '#damage' : target === undefined ? '#segments' : `#segment-${target.number}`
  const classes = ['cell', cell.state, cell.covered && 'covered', cell.damage.length > 0 && 'hurt'].filter((name) => name !== false)
  return html`<li class="${classes.join(' ')}"><a href="${href}" aria-label="${labelOf(cell)}">${covers(cell, scan)}<svg viewBox="0 0 100 40" preserveAspectRatio="none" aria-hidden="true">
<rect class="used" width="${at(cell.used * 100)}" height="40"/>${cell.marks.map(
    ({ kind, from, to }) => html`<rect class="${kind}" x="${at(Math.min(100 - leastMark, from * 100))}" width="${at(Math.max(leastMark, (to - from) * 100))}" height="40"/>`
  )}</svg><span class="letter" aria-hidden="true">${STATES[cell.state].letter}</span></a>${note(cell)}</li>
`
}

/** Stripes of the checkpoints that stand for the cell. */
function covers(cell: SegmentCell, { checkpoints }: LogScan): Html {
  const stripes = checkpoints
    .filter(({ state, coveredSegment }) => (state === 'base' || state === 'backup') && coveredSegment >= cell.last)
    .map(({ state, coveredSegment }) => html`<i class="${state}${coveredSegment === cell.last && ' end'}"></i>`)
  return html`<span class="covers" aria-hidden="true">${stripes}</span>`
}

function numbersText({ first, last }: SegmentCell): string {
  return first === last ? `Segment ${count(first)}` : `Segments ${count(first)}–${count(last)}`
}

function labelOf(cell: SegmentCell): string {
  const damaged = cell.damage.length === 0 ? '' : `, damaged in ${plural(cell.damage.length, 'place', 'places')}`
  const torn = cell.marks.some(({ kind }) => kind === 'torn') ? ', torn tail' : ''
  return `${numbersText(cell)}: ${STATES[cell.state].word}${damaged}${torn}`
}

/** What is shown while the cell is pointed at or has the focus. */
function note(cell: SegmentCell): Html {
  const entries = cell.segments.reduce((sum, segment) => sum + segment.entries, 0)
  const held = cell.segments.reduce((sum, segment) => sum + segment.fileBytes, 0)
  const firstLsn = cell.segments.find((segment) => segment.entries > 0)?.firstLsn ?? 0
  const lastLsn = Math.max(0, ...cell.segments.map((segment) => segment.lastLsn))
  const lines: Content[] = [html`<b>${labelOf(cell)}</b>`]
  if (cell.segments.length > 0) lines.push(`${plural(entries, 'entry', 'entries')}, ${lsnRange(firstLsn, lastLsn)}, ${bytes(held)}`)
  if (cell.covered && cell.state !== 'gone') lines.push('Recovery does not need it: the base covers it')
  for (const damage of cell.damage.slice(0, DAMAGE_IN_NOTE)) lines.push(damageLine(damage))
  if (cell.damage.length > DAMAGE_IN_NOTE) lines.push(`${count(cell.damage.length - DAMAGE_IN_NOTE)} more in the table of damage`)
  return html`<span class="note" role="tooltip">${lines.map((line) => html`<span>${line}</span>`)}</span>`
}

function damageLine(damage: Damage): Html {
  return html`${damage.kind}, bytes ${bytesText(damage)}: ${lossText(damage)}, users: ${usersText(damage)}`
}

function legend(cells: readonly SegmentCell[], { checkpoints }: LogScan): Html {
  const used = (Object.keys(STATES) as CellState[]).filter((state) => cells.some((cell) => cell.state === state))
  const marked = (kind: string): boolean => cells.some(({ marks }) => marks.some((mark) => mark.kind === kind))
  const stripes = checkpoints.filter(({ state }) => state === 'base' || state === 'backup').reverse()
  return html`<ul class="legend">
${used.map((state) => html`<li><i class="swatch ${state}">${STATES[state].letter}</i> ${STATES[state].word}</li>`)}
${marked('damage') && html`<li><i class="swatch damage"></i> damage</li>`}
${marked('torn') && html`<li><i class="swatch torn"></i> torn tail</li>`}
${stripes.map(({ state, number, coveredSegment }) => html`<li><i class="swatch stripe ${state}"></i> ${state}: checkpoint ${number}, covers up to segment ${coveredSegment}</li>`)}
</ul>`
}

function checkpointTable({ checkpoints }: LogScan): Html {
  if (checkpoints.length === 0) return html`<p>There is no checkpoint: recovery reads every segment.</p>`
  return table(
    'Checkpoints',
    [
      { title: 'Checkpoint', cell: ({ file }) => file },
      { title: 'State', cell: ({ state }) => (state === 'damaged' ? markup('<strong class="bad">damaged</strong>') : state) },
      { title: 'Covers', cell: ({ coveredSegment, coveredLsn }) => `up to segment ${count(coveredSegment)}, LSN ${count(coveredLsn)}` },
      { title: 'Entries', numeric: true, cell: ({ entries }) => count(entries) },
      { title: 'Bytes', numeric: true, cell: ({ fileBytes }) => bytes(fileBytes) },
      { title: 'Made', cell: ({ created }) => time(created) }
    ],
    [...checkpoints].reverse()
  )
}

function damageTable(scan: LogScan): Html {
  const { damage, tornTail, live } = scan
  const torn = tornTail === null ? '' : tornText(tornTail, live)
  if (damage.length === 0) return html`<p id="damage">No damage was found. ${torn}</p>`
  const left = damage.length - MOST_DAMAGE_ROWS
  return html`<div id="damage">${table(
    'Damage',
    [
      { title: 'Where', cell: placeText },
      { title: 'Kind', cell: ({ kind }) => html`<strong class="bad">${kind}</strong>` },
      { title: 'Bytes', numeric: true, cell: bytesText },
      { title: 'Lost', cell: lossText },
      { title: 'Users', cell: usersText },
      { title: 'Detail', cell: ({ detail }) => html`<span class="text">${detail}</span>` }
    ],
    damage.slice(0, MOST_DAMAGE_ROWS)
  )}${left > 0 && html`<p class="left-out">${plural(left, 'more place is', 'more places are')} not listed: <code>ingest-wal verify</code> lists all.</p>`}
${torn !== '' && html`<p>${torn}</p>`}</div>
`
}

function tornText({ file, offset, bytes: length, entries }: NonNullable<LogScan['tornTail']>, live: boolean): string {
  const place = `${file}, ${plural(length, 'byte', 'bytes')} from offset ${count(offset)}`
  if (live) return `The writer is at the tail just now: ${place}.`
  const dropped = entries === 0 ? '' : ` ${plural(entries, 'whole entry', 'whole entries')} behind a hole go with it.`
  return `Torn tail: ${place}. It was never acknowledged as durable; the next start cuts it.${dropped}`
}

/** All segments, or those that matter most: the damaged ones and the newest. */
function rowsOf({ segments, damage }: LogScan): readonly Segment[] {
  if (segments.length <= MOST_ROWS) return segments
  const files = new Set(damage.map(({ file }) => file))
  const newest = segments.slice(-MOST_ROWS / 2)
  const hurt = segments.slice(0, -newest.length).filter(({ file, state }) => files.has(file) || state === 'rejected')
  return [...hurt.slice(0, MOST_ROWS - newest.length), ...newest]
}

function segmentTable({ segments }: LogScan, rows: readonly Segment[]): Html {
  if (segments.length === 0) return html``
  const left = segments.length - rows.length
  return html`<details${left === 0 && rows.length <= 24 && html` open`}><summary>Segments as a table</summary>
${table(
  'Segments',
  [
    { title: 'Segment', cell: ({ file }) => file },
    { title: 'State', cell: ({ state, covered }) => (covered && state !== 'unread' ? `${state}, covered` : state) },
    { title: 'Entries', numeric: true, cell: ({ entries }) => count(entries) },
    { title: 'LSN', numeric: true, cell: ({ entries, firstLsn, lastLsn }) => (entries === 0 ? '–' : `${count(firstLsn)}–${count(lastLsn)}`) },
    { title: 'Batches', numeric: true, cell: ({ batches }) => count(batches) },
    { title: 'Bytes', numeric: true, cell: ({ fileBytes }) => bytes(fileBytes) },
    { title: 'First entry', cell: ({ entries, firstTimestamp }) => (entries === 0 ? '–' : time(firstTimestamp)) },
    { title: 'Last entry', cell: ({ entries, lastTimestamp }) => (entries === 0 ? '–' : time(lastTimestamp)) }
  ],
  rows,
  ({ number }) => `segment-${number}`
)}${left > 0 && html`<p class="left-out">${plural(left, 'sound segment is', 'sound segments are')} not listed.</p>`}</details>
`
}
