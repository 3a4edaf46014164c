/** What `stats --watch` shows: looks in, lines out. Pure. */
import { cutTo, escapeText } from './escape.js'
import type { Style } from './output.js'
import { sparkline } from './sparkline.js'
import { formatCount, plural } from './table.js'
import { formatAge, formatBytes, formatSeconds } from './units.js'
import type { WatchSample } from './watch-sample.js'

export interface ScreenView {
  directory: string
  columns: number
  /** Lines that fit; what is less important goes first. */
  rows: number
  style: (style: Style, text: string) => string
  /** Shown at the bottom: keys. '' where there are none. */
  help: string
}

/** A piece of a line, and how it is painted. */
type Span = readonly [text: string, style?: Style]
type Line = readonly Span[]
type Since = NonNullable<WatchSample['sinceLastLook']>

/** Looks that are kept for the bars: more than a line has room for. */
export const KEPT_LOOKS = 300

const LABEL_COLUMNS = 12
const TEXT_COLUMNS = 34
const RING_BAR_COLUMNS = 20
const RING_FULL = 0.8
const SHOWN_HAPPENINGS = 3
const NOTHING: Since = { seconds: 1, appends: 0, writtenBytes: 0, syncs: 0, fsyncP50Seconds: null, fsyncP99Seconds: null, batchEntriesP50: null }

/** The screen after `looks`, the newest last: at most `rows` lines of at most `columns` characters. */
export function screenLines(looks: readonly WatchSample[], view: ScreenView): string[] {
  const sample = looks.at(-1)
  if (sample === undefined) return []
  const happened = happenings(looks)
  const body = [
    ...title(sample, view),
    [],
    ...positions(sample),
    ...rates(looks, sample, view.columns),
    ...files(sample),
    ...(happened.length === 0 ? [] : [[]]),
    ...happened.map(([timeMs, text, style]): Line => [[clock(timeMs), 'dim'], [`  ${text}`, style]])
  ]
  const lines = view.help === '' ? body.slice(0, view.rows) : [...body.slice(0, Math.max(1, view.rows - 2)), [], [[view.help, 'dim'] as const]]
  return lines.slice(0, view.rows).map((line) => paint(line, view))
}

/** Cut before it is painted: what paints takes no column. */
function paint(line: Line, { columns, style }: ScreenView): string {
  let left = columns
  let painted = ''
  for (const [text, how] of line) {
    if (left <= 0) break
    const shown = cutTo(text, left)
    left -= shown.length
    painted += how === undefined || shown === '' ? shown : style(how, shown)
  }
  return painted.trimEnd()
}

function row(label: string, ...spans: Span[]): Line {
  return [[label.padEnd(LABEL_COLUMNS), 'dim'], ...spans]
}

function title(sample: WatchSample, { directory, columns }: ScreenView): Line[] {
  const time = `${clock(sample.time)} UTC`
  const room = Math.max(10, columns - time.length - 2)
  const name = escapeText(directory)
  // The end of a path tells more than its beginning.
  const shown = name.length <= room ? name : `…${name.slice(1 - room)}`
  return [[[shown.padEnd(room), 'bold'], [`  ${time}`, 'dim']], writerLine(sample)]
}

function writerLine({ live, writer, time, problem }: WatchSample): Line {
  if (problem !== null) return [[`cannot be looked at: ${escapeText(problem)}`, 'red']]
  if (!live) {
    const waiting = writer === null ? 0 : writer.stagedLsn - writer.durableLsn
    if (writer === null) return [['no writer: the log is closed', 'yellow']]
    return [['no writer', 'red'], [`: it left ${plural(waiting, 'entry', 'entries')} in the staging ring for the next start`]]
  }
  if (writer === null) return [['running', 'green'], [', its figures cannot be seen (heap, or another user)']]
  const age = writer.begun === 0 ? '' : `, for ${formatAge((time - writer.begun) / 1000)}`
  return writer.state === 'ok' ? [['running', 'green'], [age]] : [[writer.state, 'red'], [age]]
}

function positions({ writer, checkpoint, checkpoints }: WatchSample): Line[] {
  const lines: Line[] = []
  if (writer !== null) {
    const behind = Math.max(0, writer.stagedLsn - writer.durableLsn)
    lines.push(row('staged', [`LSN ${formatCount(writer.stagedLsn)}`]))
    lines.push(row('durable', pad(`LSN ${formatCount(writer.durableLsn)}`), [`${formatCount(behind)} behind`, 'dim']))
  }
  if (checkpoint === null) return [...lines, row('checkpoint', ['none'])]
  const text = `${formatAge(checkpoint.ageSeconds)} old, ${formatCount(checkpoints)} kept`
  lines.push(row('checkpoint', pad(`LSN ${formatCount(checkpoint.coveredLsn)}`), [text, 'dim']))
  return lines
}

function rates(looks: readonly WatchSample[], { writer, sinceLastLook: since }: WatchSample, columns: number): Line[] {
  if (writer === null) return [[]]
  const barRow = (label: string, text: string, value: (since: Since) => number | null): Line => {
    const values = looks.map(({ sinceLastLook }) => (sinceLastLook === null ? null : value(sinceLastLook)))
    const padded = pad(since === null ? '-' : text)
    return row(label, padded, [sparkline(values, columns - LABEL_COLUMNS - padded[0].length), 'green'])
  }
  const { seconds, appends, writtenBytes, syncs, fsyncP50Seconds, fsyncP99Seconds, batchEntriesP50 } = since ?? NOTHING
  const each = batchEntriesP50 === null ? '' : `, p50 ${formatCount(Math.round(batchEntriesP50))} a batch`
  const part = writer.ringBytes / writer.ringCapacityBytes
  return [
    row('ring', ...ringBar(part), [`  ${percent(part)} % of ${formatBytes(writer.ringCapacityBytes)}`]),
    [],
    barRow('appends', `${perSecond(appends, seconds)} /s`, (look) => look.appends / look.seconds),
    barRow('written', `${formatBytes(writtenBytes / seconds)}/s`, (look) => look.writtenBytes / look.seconds),
    barRow('syncs', `${perSecond(syncs, seconds)} /s${each}`, (look) => look.syncs / look.seconds),
    barRow('fsync', times(fsyncP50Seconds, fsyncP99Seconds), (look) => look.fsyncP99Seconds),
    row('', [overall(writer), 'dim']),
    []
  ]
}

function percent(part: number): string {
  return part > 0 && part < 0.01 ? '<1' : String(Math.round(100 * part))
}

function perSecond(count: number, seconds: number): string {
  return formatCount(Math.round(count / seconds))
}

function times(p50Seconds: number | null, p99Seconds: number | null): string {
  return p50Seconds === null || p99Seconds === null ? 'none' : `p50 ${formatSeconds(p50Seconds)}, p99 ${formatSeconds(p99Seconds)}`
}

function overall({ syncs, fsyncP50Seconds, fsyncP99Seconds }: NonNullable<WatchSample['writer']>): string {
  return syncs === 0 ? 'none since the writer began' : `${times(fsyncP50Seconds, fsyncP99Seconds)} of all ${formatCount(syncs)}`
}

function ringBar(part: number): Span[] {
  const full = Math.min(RING_BAR_COLUMNS, Math.ceil(part * RING_BAR_COLUMNS))
  return [['█'.repeat(full), part > RING_FULL ? 'yellow' : 'green'], ['░'.repeat(RING_BAR_COLUMNS - full), 'dim']]
}

function files({ segments, disk, buffers, live }: WatchSample): Line[] {
  const plain = segments.all - segments.active - segments.compressed
  const kinds = live ? [`${segments.active} active`, `${formatCount(plain)} sealed`] : [`${formatCount(plain)} not compressed`]
  const lines: Line[] = [row('segments', [`${formatCount(segments.all)}: ${[...kinds, `${formatCount(segments.compressed)} compressed`].join(', ')}`])]
  if (disk === null) lines.push(row('disk', ['being looked at', 'dim']))
  else lines.push(row('disk', [`${formatBytes(disk.sizeBytes)}, ${formatBytes(disk.freeBytes)} free`], [ageText(disk.ageSeconds), 'dim']))
  if (buffers === null) return [...lines, row('buffers', ['being looked at', 'dim'])]
  const { open, ready, replaying, parked, damagedPlaces } = buffers
  const parts = [`${formatCount(open)} open`, `${formatCount(ready)} ready`, plural(replaying, 'unfinished replay', 'unfinished replays')]
  lines.push(row('buffers', [parts.join(', ')], parked > 0 ? [`, ${formatCount(parked)} parked`, 'yellow'] : [''], [ageText(buffers.ageSeconds), 'dim']))
  lines.push(row('waiting', [plural(buffers.measurements, 'measurement', 'measurements')]))
  if (damagedPlaces > 0) lines.push(row('damage', [`${plural(damagedPlaces, 'place', 'places')}; ingest-wal verify tells where`, 'red']))
  return lines
}

function ageText(seconds: number): string {
  return seconds < 1 ? '' : ` (${formatAge(seconds)} ago)`
}

/** Padded so that bars begin below each other; what is longer pushes them. */
function pad(text: string): readonly [string] {
  return [text.length < TEXT_COLUMNS - 1 ? text.padEnd(TEXT_COLUMNS) : `${text}  `]
}

/** What has changed from one look to the next, the last few: when, what, and how it is painted. */
function happenings(looks: readonly WatchSample[]): Array<readonly [number, string, Style]> {
  const happened: Array<readonly [number, string, Style]> = []
  for (const [index, now] of looks.entries()) {
    const before = looks[index - 1]
    const change = before === undefined ? undefined : changeOf(before, now)
    if (change !== undefined) happened.push([now.time, ...change])
  }
  return happened.slice(-SHOWN_HAPPENINGS)
}

function changeOf(before: WatchSample, now: WatchSample): readonly [string, Style] | undefined {
  if (now.problem !== null) return before.problem === null ? ['the log cannot be looked at', 'red'] : undefined
  if (before.problem !== null) return ['the log can be looked at again', 'green']
  if (before.live && !now.live) return now.writer === null ? ['the writer has closed the log', 'yellow'] : ['the writer has died', 'red']
  if (!before.live && now.live) return ['a writer has come', 'green']
  if (before.writer?.begun !== now.writer?.begun) return ['another writer has come', 'green']
  const [was, is] = [before.writer?.state, now.writer?.state]
  if (was === is || is === undefined) return undefined
  return is === 'ok' ? ['the log has resumed', 'green'] : [`the log is ${is}`, 'red']
}

function clock(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(11, 19)
}
