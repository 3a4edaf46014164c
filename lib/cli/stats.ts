/** `stats DIR`: the figures of a log. */
import type { Command } from 'commander'
import { Option } from 'commander'
import { histogramQuantile, logFigures, Operation, readLog, scanLog, type LogScan, type WriterFigures } from '../index.js'
import { archivedFiles, archiveSummary, type ArchivedFile } from './archived.js'
import { numberBetween } from './arguments.js'
import { lostEntries, tornTailText } from './damage-text.js'
import { safeJson } from './escape.js'
import { ExitCode } from './exit-codes.js'
import { unlessAborted, type CliSession } from './session.js'
import { formatCount, formatTime, plural } from './table.js'
import { formatSeconds } from './units.js'
import { watch } from './watch.js'

export interface StatsOptions {
  format: 'table' | 'json'
  watch?: boolean
  /** Seconds. */
  interval?: number
}

const WATCH_SECONDS = 1
const LEAST_WATCH_SECONDS = 0.1
const MOST_WATCH_SECONDS = 86_400

/** What the entries themselves say; found by reading all of them. */
interface EntryFigures {
  /** That are in the log, each once: in segments, or in a checkpoint that has taken their place. */
  entries: number
  users: number
  operations: Record<string, number>
  payloadBytes: number
  firstTimestamp: number | null
  lastTimestamp: number | null
}

interface Seen {
  scan: LogScan
  figures: EntryFigures
  archived: readonly ArchivedFile[]
  /** null: none is running. */
  writer: WriterFigures | null
}

export function registerStats(program: Command, session: CliSession): void {
  program
    .command('stats')
    .argument('<directory>', "the log's directory, or one segment or checkpoint file")
    .summary('figures of a log')
    .description(
      'Counts segments, checkpoints, bytes, entries, users and operations of a log; reads all of it.\n' +
        'With --watch, shows what a running log does now: appends, syncs, ring, checkpoints, buffers, disk. On a terminal one\n' +
        'screen that is kept up to date, until q or Ctrl-C; elsewhere a block, or with --format json an object on a line, an interval.\n' +
        'Changes nothing, takes no lock; the log may be in use. Exit code 1 when it is damaged (see verify).'
    )
    .option('--watch', 'go on looking, and show what changes')
    .option(
      '--interval <seconds>',
      `time between two looks of --watch (${WATCH_SECONDS})`,
      numberBetween(LEAST_WATCH_SECONDS, MOST_WATCH_SECONDS)
    )
    .addOption(new Option('--format <format>', 'how to write it').choices(['table', 'json']).default('table'))
    .addHelpText('after', '\nExamples:\n  ingest-wal stats data/wal\n  ingest-wal stats data/wal --format json | jq .entries\n  ingest-wal stats data/wal --watch')
    .action(async (directory: string, options: StatsOptions, command: Command) => {
      const { watch: watches = false, interval, format } = options
      if (interval !== undefined && !watches) command.error("error: option '--interval' goes with '--watch'")
      session.exitCode = watches
        ? await watch({ directory, intervalSeconds: interval ?? WATCH_SECONDS, format }, session)
        : await stats(directory, options, session)
    })
}

/** Writes the figures and returns the process's answer. */
export async function stats(
  directory: string,
  options: StatsOptions,
  { output, signal }: Pick<CliSession, 'output' | 'signal'>
): Promise<ExitCode> {
  const scan = await unlessAborted(scanLog(directory), signal)
  const figures = await countEntries(directory, signal)
  const archived = await archivedFiles(directory, signal)
  const writer = scan.live ? (await logFigures(directory)).writer : null
  const seen = { scan, figures, archived, writer }
  if (options.format === 'json') await output.write(`${safeJson(jsonFigures(directory, seen))}\n`)
  else await output.write(textFigures(seen))
  if (scan.damage.length === 0) return ExitCode.clean
  output.note(`${output.noteStyle('red', 'corruption')}: damaged in ${plural(scan.damage.length, 'place', 'places')}; ingest-wal verify tells where`)
  return ExitCode.corruption
}

async function countEntries(directory: string, signal: AbortSignal): Promise<EntryFigures> {
  const users = new Set<string>()
  const names = new Map<number, string>(Object.entries(Operation).map(([name, operation]) => [operation, name]))
  const operations: Record<string, number> = Object.fromEntries([...names.values()].map((name) => [name, 0]))
  const figures: EntryFigures = { entries: 0, users: 0, operations, payloadBytes: 0, firstTimestamp: null, lastTimestamp: null }
  for await (const { userId, operation, payload, timestamp } of readLog(directory, { signal })) {
    users.add(userId)
    figures.entries++
    const name = names.get(operation) as string
    operations[name] = (operations[name] ?? 0) + 1
    figures.payloadBytes += payload.byteLength
    // Clocks jump: the first entry need not be the earliest.
    figures.firstTimestamp = Math.min(figures.firstTimestamp ?? timestamp, timestamp)
    figures.lastTimestamp = Math.max(figures.lastTimestamp ?? timestamp, timestamp)
  }
  figures.users = users.size
  return figures
}

function jsonFigures(directory: string, { scan, figures, archived, writer }: Seen): object {
  return {
    directory,
    logId: scan.logId,
    formatVersion: scan.formatVersion,
    live: scan.live,
    segments: scan.segments.length,
    segmentStates: Object.fromEntries(countStates(scan)),
    coveredSegments: scan.segments.filter(({ covered }) => covered).length,
    checkpoints: scan.checkpoints.map(({ number, state, entries, coveredLsn, created, fileBytes }) => ({
      ...{ number, state, entries, coveredLsn, created, bytes: fileBytes }
    })),
    archived: archived.map(({ damage, ...file }) => ({ ...file, damagedPlaces: damage.length })),
    bytes: scan.bytes,
    neededEntries: scan.entries,
    firstLsn: firstLsnOf(scan),
    lastLsn: scan.lastLsn,
    provenLsn: scan.provenLsn,
    ...figures,
    ring: scan.ring,
    writer: writer === null ? null : jsonWriter(writer),
    tornTail: scan.tornTail,
    damagedPlaces: scan.damage.length,
    lostEntries: lostIn(scan)
  }
}

function jsonWriter({ begun, state, batches, syncs, writtenBytes, fsyncDuration }: WriterFigures): object {
  const [p50Seconds, p99Seconds] = [0.5, 0.99].map((quantile) => histogramQuantile(fsyncDuration, quantile))
  return { begun, state, batches, syncs, writtenBytes, fsync: { count: fsyncDuration.count, p50Seconds, p99Seconds } }
}

function fsyncText({ begun, fsyncDuration }: WriterFigures): string {
  const [p50, p99] = [0.5, 0.99].map((quantile) => formatSeconds(histogramQuantile(fsyncDuration, quantile)))
  const times = fsyncDuration.count === 0 ? '' : `: p50 ${p50}, p99 ${p99}`
  return `${plural(fsyncDuration.count, 'sync', 'syncs')} since ${formatTime(begun)}${times}`
}

function textFigures({ scan, figures, archived, writer }: Seen): string {
  const { ring, tornTail } = scan
  const used = Object.entries(figures.operations).filter(([, count]) => count > 0)
  const rows: Array<readonly [string, string]> = [
    ['log', `${scan.logId} (format version ${scan.formatVersion})`],
    ['writer', scan.live ? 'running' : 'none'],
    ...(writer === null ? [] : [['fsync', fsyncText(writer)] as const]),
    ['segments', segmentsText(scan)],
    ['checkpoints', checkpointsText(scan)],
    ['archived', archiveSummary(archived)],
    ['bytes', formatCount(scan.bytes)],
    ['entries', formatCount(figures.entries)],
    ['needed by recovery', plural(scan.entries, 'entry', 'entries')],
    ['LSN', figures.entries === 0 ? '-' : `${firstLsnOf(scan)}-${scan.lastLsn}`],
    ['proven durable', scan.provenLsn === 0 ? '-' : `up to LSN ${scan.provenLsn}`],
    ['staging ring', ring.found ? plural(ring.entries, 'entry', 'entries') : 'none'],
    ['users', formatCount(figures.users)],
    ['operations', used.length === 0 ? '-' : used.map(([name, count]) => `${name} ${formatCount(count)}`).join(', ')],
    ['payload bytes', formatCount(figures.payloadBytes)],
    ['first entry', figures.firstTimestamp === null ? '-' : formatTime(figures.firstTimestamp)],
    ['last entry', figures.lastTimestamp === null ? '-' : formatTime(figures.lastTimestamp)],
    ['tail', tornTail === null ? 'whole' : tornTailText(tornTail, scan.live)],
    ['damage', scan.damage.length === 0 ? 'none' : `${plural(scan.damage.length, 'place', 'places')}, ${plural(lostIn(scan), 'entry', 'entries')} lost`]
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('')
}

const SEGMENT_STATES = ['active', 'sealed', 'compressed', 'unsealed', 'rejected'] as const

/** How many segments are in which state, where there are any. */
function countStates(scan: LogScan): Array<[string, number]> {
  return SEGMENT_STATES.map((state): [string, number] => [state, scan.segments.filter((segment) => segment.state === state).length]).filter(
    ([, count]) => count > 0
  )
}

function segmentsText(scan: LogScan): string {
  const covered = scan.segments.filter((segment) => segment.covered).length
  const counted = countStates(scan).map(([state, count]) => `${formatCount(count)} ${state}`)
  const more = [...(counted.length === 0 ? [] : [counted.join(', ')]), ...(covered === 0 ? [] : [`${formatCount(covered)} covered by a checkpoint`])]
  return `${formatCount(scan.segments.length)}${more.length === 0 ? '' : ` (${more.join('; ')})`}`
}

function checkpointsText({ checkpoints }: LogScan): string {
  if (checkpoints.length === 0) return 'none'
  const states = checkpoints.map(({ number, state }) => `${state} ${number}`).join(', ')
  const base = checkpoints.find(({ state }) => state === 'base')
  const covers = base === undefined ? '' : `; the base covers up to LSN ${base.coveredLsn}, made ${formatTime(base.created)}`
  return `${formatCount(checkpoints.length)} (${states})${covers}`
}

/** Of what is in the log, wherever it is; 0 where nothing is. */
function firstLsnOf(scan: LogScan): number {
  const base = scan.checkpoints.filter(({ state }) => state === 'base')
  const held = [...base, ...scan.segments].filter(({ firstLsn }) => firstLsn > 0).map(({ firstLsn }) => firstLsn)
  return held.length > 0 ? Math.min(...held) : scan.ring.firstLsn
}

function lostIn(scan: LogScan): number {
  return scan.damage.reduce((sum, damage) => sum + lostEntries(damage), 0)
}
