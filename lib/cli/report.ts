/** `report DIR --html FILE`: one page to look at. */
import type { Command } from 'commander'
import type { LogReport } from '../report/index.js'
import { ExitCode } from './exit-codes.js'
import { refuseExisting, refuseInside, writeNewFile } from './new-file.js'
import { unlessAborted, type CliSession } from './session.js'
import { formatCount, plural } from './table.js'

export interface ReportOptions {
  html: string
  user?: string[]
  force?: true
}

export function registerReport(program: Command, session: CliSession): void {
  program
    .command('report')
    .argument('<directory>', "the log's directory, or one segment file")
    .summary('a page to look at: segments, damage, activity, recovery, users')
    .description(
      'Writes one HTML page about a log: the map of its segments and checkpoints with damage at its place, entries over\n' +
        'time, how long syncs take, what recovery would do, and users with their measurements against the estimates of the\n' +
        'Kalman filter. The page needs no network and no script. The file gets mode 0600: it shows user ids and values.\n' +
        'Changes nothing in the log, takes no lock; the log may be in use. Exit code 1 when it is damaged (see verify).'
    )
    .requiredOption('--html <file>', 'where to write the page')
    .option('--user <id>', 'show this user; may be given again (default: the 50 most urgent that have a buffer)', collect)
    .option('--force', 'replace the file when there is one')
    .addHelpText(
      'after',
      '\nExamples:\n  ingest-wal report data/wal --html report.html\n  ingest-wal report data/wal --html report.html --force --user user-1 --user user-2'
    )
    .action(async (directory: string, options: ReportOptions) => {
      session.exitCode = await report(directory, options, session)
    })
}

function collect(id: string, previous: string[] = []): string[] {
  return [...previous, id]
}

/** Writes the page and returns the process's answer. */
export async function report(
  directory: string,
  { html: file, user, ...options }: ReportOptions,
  { output, signal }: Pick<CliSession, 'output' | 'signal'>
): Promise<ExitCode> {
  const force = options.force === true
  await refuseInside(file, directory)
  await refuseExisting(file, { force })
  const { collectReport, reportPage } = await import('../report/index.js')
  const found = await unlessAborted(collectReport(directory, { signal, ...(user === undefined ? {} : { users: user }) }), signal)
  await writeNewFile(file, reportPage(found), { force })
  noteFindings(found, file, output)
  return found.verdict === 'damaged' ? ExitCode.corruption : ExitCode.clean
}

function noteFindings({ verdict, scan, activity, usersLeftOut }: LogReport, file: string, output: CliSession['output']): void {
  const { damage } = scan
  if (verdict === 'damaged') {
    output.note(`${output.noteStyle('red', 'corruption')}: damaged in ${plural(damage.length, 'place', 'places')}; the page and ingest-wal verify tell where`)
  }
  if (usersLeftOut.unknown.length > 0) output.note(`${output.noteStyle('yellow', 'warning')}: ${plural(usersLeftOut.unknown.length, 'user is', 'users are')} not in this log`)
  output.note(`${JSON.stringify(file)}: ${formatCount(activity.entries)} entries, ${plural(scan.segments.length, 'segment', 'segments')}, ${verdict}`)
}
