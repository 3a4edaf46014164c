/** `verify PATH`: checks every byte of a log, or of one segment or checkpoint, and says what is torn, damaged, and lost. */
import type { Command } from 'commander'
import { Option } from 'commander'
import { acknowledgeLosses, readLosses, scanLog, type Damage, type LogScan, type Loss, type LossReport } from '../index.js'
import { archivedFiles, archiveTable, type ArchivedFile } from './archived.js'
import { damageText, lostEntries, tornTailText } from './damage-text.js'
import { escapeText, safeJson } from './escape.js'
import { ExitCode } from './exit-codes.js'
import { checkpointTable, segmentTable } from './log-tables.js'
import { unlessAborted, type CliSession } from './session.js'
import { formatLsnRange, plural } from './table.js'

export interface VerifyOptions {
  acknowledge?: boolean
  format: 'table' | 'json'
}

export type Verdict = 'clean' | 'torn tail' | 'corrupt'

export function registerVerify(program: Command, session: CliSession): void {
  program
    .command('verify')
    .argument('<path>', "the log's directory, or one segment or checkpoint file")
    .summary('check every byte; tell torn tail from corruption')
    .description(
      'Checks every byte of a log, of what is archived in it, or of one file: a segment, compressed or not, or a checkpoint.\n' +
        'Says for each damage the file, the bytes, the entries and the users it costs. Exit code 0: clean, or only a torn\n' +
        'tail, which was never acknowledged as durable; 1: corruption; 3: it cannot be read, or is of a newer format version.\n' +
        'Lists what earlier starts found and the log does not show any more, until it is acknowledged.\n' +
        'Changes nothing but with --acknowledge, takes no lock; the log may be in use.'
    )
    .option('--acknowledge', "acknowledge the losses that are listed: the log's health does not speak of them any more")
    .addOption(new Option('--format <format>', 'how to write it').choices(['table', 'json']).default('table'))
    .addHelpText('after', '\nExamples:\n  ingest-wal verify data/wal\n  ingest-wal verify data/wal --format json | jq .lost')
    .action(async (path: string, options: VerifyOptions) => {
      session.exitCode = await verify(path, options, session)
    })
}

/** Writes the report and returns the process's answer. Throws what `scanLog` throws. */
export async function verify(
  path: string,
  options: VerifyOptions,
  { output, signal }: Pick<CliSession, 'output' | 'signal'>
): Promise<ExitCode> {
  const scan = await unlessAborted(scanLog(path), signal)
  const archived = await archivedFiles(path, signal)
  const losses = await unlessAborted(readLosses(path, scan.damage), signal)
  const verdict = losses.problems.length > 0 ? 'corrupt' : verdictOf(scan, archived)
  const looked: Looked = { path, scan, archived, losses, verdict, acknowledged: options.acknowledge === true ? toAcknowledge(losses) : 0 }
  // Before it is said to be done.
  if (looked.acknowledged > 0) await acknowledgeLosses(path, losses.losses, losses.unacknowledged, scan.damage)
  if (options.format === 'json') await output.write(`${safeJson(jsonReport(looked))}\n`)
  else await writeText(looked, output)
  return verdict === 'corrupt' ? ExitCode.corruption : ExitCode.clean
}

interface Looked {
  path: string
  scan: LogScan
  archived: readonly ArchivedFile[]
  losses: LossReport
  verdict: Verdict
  /** Losses that were acknowledged by this. */
  acknowledged: number
}

function toAcknowledge({ earlier, unacknowledged }: LossReport): number {
  return earlier.length + unacknowledged.length
}

/** Damage of what is archived costs the log nothing, and is no less what the operator counts on. */
export function verdictOf(scan: LogScan, archived: readonly ArchivedFile[]): Verdict {
  if (scan.damage.length > 0 || archived.some(({ damage }) => damage.length > 0)) return 'corrupt'
  return scan.tornTail !== null && !scan.live ? 'torn tail' : 'clean'
}

/** Its keys are kept from version to version: docs/operations.md lists them. */
function jsonReport({ path, scan, archived, losses, verdict, acknowledged }: Looked): object {
  return {
    path,
    verdict,
    logId: scan.logId,
    formatVersion: scan.formatVersion,
    live: scan.live,
    entries: scan.entries,
    bytes: scan.bytes,
    lastLsn: scan.lastLsn,
    provenLsn: scan.provenLsn,
    lost: lossOf(scan.damage),
    damage: scan.damage,
    tornTail: scan.tornTail,
    ring: scan.ring,
    segments: scan.segments,
    checkpoints: scan.checkpoints,
    archived,
    earlierLosses: losses.earlier.map(({ damage, ...loss }) => ({ ...loss, ...damage })),
    unacknowledged: toAcknowledge(losses) - acknowledged,
    acknowledged,
    lossProblems: losses.problems
  }
}

/** What damage costs, in all. */
export function lossOf(damage: readonly Damage[]): { entries: number; lsnRanges: Array<[number, number]>; users: string[] } {
  const costly = damage.filter(({ lastLsn }) => lastLsn !== 0)
  return {
    entries: costly.reduce((sum, stretch) => sum + lostEntries(stretch), 0),
    lsnRanges: costly.map(({ firstLsn, lastLsn }) => [firstLsn, lastLsn]),
    users: [...new Set(costly.flatMap(({ users }) => users))].sort()
  }
}

async function writeText(looked: Looked, output: CliSession['output']): Promise<void> {
  const { scan, archived } = looked
  const tables = [segmentTable(scan), checkpointTable(scan), archiveTable(archived)]
  await output.write(tables.filter((table) => table !== '').join('\n'))
  for (const damage of scan.damage) await output.write(`${output.style('red', 'corruption')}: ${damageText(damage)}\n`)
  if (scan.damage.some(({ file, endOffset, offset }) => file !== '' && endOffset > offset)) {
    await output.write('  the next start passes over the damage and first copies the damaged bytes to quarantine/\n')
  }
  for (const damage of archived.flatMap((file) => file.damage)) {
    await output.write(`${output.style('red', 'corruption')}, archived: ${damageText(damage)}\n`)
  }
  if (scan.tornTail !== null) {
    await output.write(`${tornTailText(scan.tornTail, scan.live)}\n`)
    if (!scan.live) await output.write('  the next start cuts it and first copies the bytes to quarantine/\n')
  }
  if (scan.ring.entries > 0) {
    await output.write(
      `staging ring: ${plural(scan.ring.entries, 'entry', 'entries')}, ` +
        `${formatLsnRange(scan.ring.firstLsn, scan.ring.lastLsn)}${scan.live ? '' : '; the next start writes them to disk'}\n`
    )
  }
  await writeLosses(looked, output)
  await output.write(`${summary(looked, output)}\n`)
}

async function writeLosses({ path, losses, acknowledged }: Looked, output: CliSession['output']): Promise<void> {
  for (const problem of losses.problems) await output.write(`${output.style('red', 'corruption')}: ${escapeText(problem)}\n`)
  for (const loss of losses.earlier) await output.write(`${output.style('yellow', 'earlier loss')}: ${earlierText(loss)}\n`)
  if (losses.truncated) await output.write('  more losses were found than are remembered\n')
  const waiting = toAcknowledge(losses) - acknowledged
  if (acknowledged > 0) await output.write(`acknowledged: ${plural(acknowledged, 'loss', 'losses')}\n`)
  if (waiting > 0) {
    await output.write(`  not acknowledged: ${plural(waiting, 'loss', 'losses')}; ingest-wal verify ${escapeText(path)} --acknowledge does it\n`)
  }
}

function earlierText({ damage, foundAt, moreUsers, quarantine }: Loss): string {
  const others = moreUsers === 0 ? '' : `, and of ${plural(moreUsers, 'user', 'users')} more`
  const copies = quarantine.length === 0 ? '' : `; copied to ${quarantine.map(escapeText).join(', ')}`
  return `${damageText(damage)}${others}, found ${escapeText(foundAt)}${copies}`
}

function summary({ scan, archived, losses, verdict }: Looked, output: CliSession['output']): string {
  const checkpoints = scan.checkpoints.length === 0 ? [] : [plural(scan.checkpoints.length, 'checkpoint', 'checkpoints')]
  const segments = scan.segments.length === 0 && checkpoints.length > 0 ? [] : [plural(scan.segments.length, 'segment', 'segments')]
  const held = [...segments, ...checkpoints, plural(scan.entries, 'entry', 'entries'), plural(scan.bytes, 'byte', 'bytes')].join(', ')
  const live = scan.live ? '; a writer has it open' : ''
  switch (verdict) {
    case 'clean':
      return `${output.style('green', 'clean')}: ${held}${live}`
    case 'torn tail':
      return `${output.style('green', 'clean')}, with a torn tail: ${held}`
    case 'corrupt': {
      const lost = lossOf(scan.damage)
      const places = scan.damage.length + losses.problems.length + archived.reduce((sum, { damage }) => sum + damage.length, 0)
      const whose = lost.users.length === 0 ? '' : ` of ${plural(lost.users.length, 'known user', 'known users')}`
      return (
        `${output.style('red', 'corrupt')}: ${held}${live}; damaged in ${plural(places, 'place', 'places')}, ` +
        `${plural(lost.entries, 'entry', 'entries')} lost${whose}`
      )
    }
  }
}
