/** `ingest FILE|-`: measurements through buffers, log and processor. Recovers first, resumes, writes final states. */
import { realpath, rename, rm, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Option, type Command } from 'commander'
import {
  ingest,
  kalmanFilter,
  logLimits,
  openReplayService,
  openSource,
  RejectFile,
  SOURCE_FORMATS,
  WalError,
  type ConfigOverrides,
  type IngestSummary,
  type MeasurementProcessor,
  type MeasurementSource,
  type ReplayConfig,
  type ReplayService,
  type SourceFormat,
  type SourceOptions
} from '../index.js'
import { escapeText, safeJson } from './escape.js'
import { ExitCode } from './exit-codes.js'
import { PROGRESS_MODES, progressBar, type ProgressMode } from './progress-bar.js'
import { noteRecovery } from './recovery-text.js'
import type { CliSession } from './session.js'
import { sortedJson } from './sorted-json.js'
import { formatCount, plural } from './table.js'

interface IngestCommandOptions {
  userColumn?: string
  timeColumn?: string
  valueColumn?: string
  format?: SourceFormat
  delimiter?: string
  config?: string
  directory?: string
  clock?: ReplayConfig['clock']
  processor?: string
  sourceName?: string
  out?: string
  rejects?: string
  keepOpen?: boolean
  json?: boolean
  progress: ProgressMode
}

const EXAMPLES = `
Examples:
  ingest-wal ingest readings.csv.gz --user-column Id --time-column Time --value-column Value --out states.json
  zcat readings.ndjson.gz | ingest-wal ingest - --source-name readings --directory data/wal
  ingest-wal ingest readings.csv --config config.toml --processor ./processor.mjs

The processor is a module that exports processMeasurement(state, measurement, context), which returns the new state, and
initialState. Without one, a scalar Kalman filter estimates each user's value.
A source is known by its path (or --source-name) and read on behind its last logged row when it is run again.
Exit codes: 0 all rows are logged and replayed, 1 the log is damaged or a replay is parked, 2 usage, 3 the source or the
log cannot be read or written, 4 the log is open in another writer, 130 interrupted (run again to go on).`

export function registerIngest(program: Command, session: CliSession): void {
  program
    .command('ingest')
    .argument('<file>', 'CSV or NDJSON, plain or gzip; - for standard input')
    .summary('take measurements through buffers, log and processor')
    .description('Takes measurements through buffers, log and processor. Recovers the log first and goes on where it was.')
    .option('--user-column <name>', 'column of the user (user, user_id, id, ...)')
    .option('--time-column <name>', 'column of the time (time, timestamp, ...): ISO 8601, epoch ms, M/D/YYYY h:mm:ss AM|PM')
    .option('--value-column <name>', 'column of the value (value, reading, ...); other columns are kept as fields')
    .addOption(new Option('--format <format>', 'format of the source (told by its name or first bytes)').choices(SOURCE_FORMATS))
    .option('--delimiter <character>', "delimiter of CSV (',', a tab for .tsv)")
    .option('--config <file>', 'config.toml with [wal] and [replay]')
    .option('--directory <directory>', "the log's directory (data/wal)")
    .addOption(
      new Option('--clock <clock>', "what windows follow: the measurements' times, or the wall clock (config, else event)").choices([
        'event',
        'wall'
      ])
    )
    .option('--processor <file>', 'module with processMeasurement and initialState (a scalar Kalman filter)')
    .option('--source-name <name>', 'what the source is called in the log (its path; standard input has none)')
    .option('--out <file>', 'write the final state of each user as sorted JSON; - for stdout')
    .option('--rejects <file>', 'where rows go that cannot be read (<directory>.rejects.ndjson)')
    .option('--keep-open', 'leave buffers that are not ready for the next source')
    .option('--json', 'write the summary to stdout as JSON')
    .addOption(
      new Option('--progress <mode>', 'progress on stderr: a bar on a terminal, a JSON object a line, or none')
        .choices(PROGRESS_MODES)
        .default('auto')
    )
    .addHelpText('after', EXAMPLES)
    .action(async (file: string, options: IngestCommandOptions) => {
      session.exitCode = await runIngest(file, options, session)
    })
}

async function runIngest(file: string, options: IngestCommandOptions, session: CliSession): Promise<ExitCode> {
  const { signal } = session
  refuseToOverwrite(file, options)
  const processor = options.processor === undefined ? kalmanProcessor() : await loadProcessor(options.processor)
  // The source first: when it is of no use, the log is not touched.
  const source = await openSource(file, sourceOptions(options, signal))
  try {
    const service = await openReplayService<unknown>({
      ...(options.config === undefined ? {} : { config: options.config }),
      overrides: overridesOf(options),
      ...processor,
      // Rows can be read again, so no replay has to wait for the disk by itself; everything is durable at the end.
      waitDurable: false,
      signal
    })
    try {
      noteRecovery(service, session.output)
      return await ingestAll(file, source, service, options, session)
    } finally {
      await service.close()
    }
  } finally {
    await source.close()
  }
}

async function ingestAll(
  file: string,
  source: MeasurementSource,
  service: ReplayService,
  options: IngestCommandOptions,
  session: CliSession
): Promise<ExitCode> {
  const { output, signal } = session
  const rejects = new RejectFile(options.rejects ?? `${service.wal.directory.replace(/\/+$/, '')}.rejects.ndjson`)
  const sourceName = options.sourceName ?? (file === '-' ? undefined : await realpath(file))
  const bar = progressBar(options.progress, source.totalBytes)
  let summary: IngestSummary
  try {
    summary = await ingest(service, source, {
      ...(sourceName === undefined ? {} : { sourceName }),
      rejects,
      keepOpen: options.keepOpen === true,
      onProgress: (progress) => bar.update(progress),
      signal
    })
    await rejects.finish()
  } finally {
    bar.stop()
    await rejects.close()
  }
  await writeStates(service, options, session)
  noteSummary(summary, rejects, output)
  if (options.json === true) await output.write(`${safeJson({ ...summary, users: service.manager.states().size })}\n`)
  return summary.parkedUsers.length > 0 || service.wal.recovery.damage.length > 0 ? ExitCode.corruption : ExitCode.clean
}

function sourceOptions(options: IngestCommandOptions, signal: AbortSignal): SourceOptions {
  const { userColumn, timeColumn, valueColumn, format, delimiter } = options
  return {
    ...(userColumn === undefined ? {} : { userColumn }),
    ...(timeColumn === undefined ? {} : { timeColumn }),
    ...(valueColumn === undefined ? {} : { valueColumn }),
    ...(format === undefined ? {} : { format }),
    ...(delimiter === undefined ? {} : { delimiter }),
    maxUserIdBytes: logLimits().maxUserIdBytes,
    signal
  }
}

function refuseToOverwrite(file: string, { out, rejects }: IngestCommandOptions): void {
  for (const [option, target] of Object.entries({ '--out': out, '--rejects': rejects })) {
    if (file === '-' || target === undefined || target === '-' || resolve(target) !== resolve(file)) continue
    throw new WalError('ERR_WAL_INVALID_ARGUMENT', `${option} is ${JSON.stringify(target)}, the source itself; allowed: another file`)
  }
}

/** Old data behaves as it did when it was new, unless a configuration or an option says otherwise. */
function overridesOf({ clock, config, directory }: IngestCommandOptions): ConfigOverrides {
  const decided = clock ?? (config === undefined ? 'event' : undefined)
  return {
    wal: directory === undefined ? {} : { directory },
    replay: decided === undefined ? {} : { clock: decided }
  }
}

interface Processor {
  processMeasurement: MeasurementProcessor<unknown>
  initialState: unknown
}

function kalmanProcessor(): Processor {
  return { processMeasurement: kalmanFilter.processMeasurement as Processor['processMeasurement'], initialState: kalmanFilter.initialState }
}

async function loadProcessor(file: string): Promise<Processor> {
  let module: Partial<Processor> & { default?: Partial<Processor> }
  try {
    module = (await import(pathToFileURL(resolve(file)).href)) as typeof module
  } catch (cause) {
    throw new WalError('ERR_WAL_INVALID_ARGUMENT', `the processor ${file} cannot be loaded: ${(cause as Error).message}`, { cause })
  }
  // A CommonJS module's exports are its default export.
  const { processMeasurement, initialState } = module.processMeasurement === undefined ? (module.default ?? {}) : module
  if (typeof processMeasurement !== 'function') {
    throw new WalError('ERR_WAL_INVALID_ARGUMENT', `the processor ${file} exports no function processMeasurement`)
  }
  return { processMeasurement, initialState }
}

/** A file is replaced at once, so that nobody ever reads half of it. */
async function writeStates(service: ReplayService, { out }: IngestCommandOptions, { output }: CliSession): Promise<void> {
  if (out === undefined) return
  const text = `${sortedJson(Object.fromEntries(service.manager.states()))}\n`
  if (out === '-') return output.write(text)
  const temporary = `${out}.${process.pid}.tmp`
  try {
    await writeFile(temporary, text, { flush: true })
    await rename(temporary, out)
  } catch (cause) {
    await rm(temporary, { force: true })
    throw new WalError('ERR_WAL_IO', `the states cannot be written to ${out}: ${(cause as Error).message}`, { cause })
  }
}

function noteSummary(summary: IngestSummary, rejects: RejectFile, output: CliSession['output']): void {
  const { rows, rejected, logged, resumedAfter, replayed, rolledBack, parkedUsers } = summary
  output.note(
    `${plural(rows, 'row', 'rows')} in, ${formatCount(rejected)} rejected; ` +
      `${formatCount(logged)} logged and ${formatCount(replayed)} replayed by this run` +
      (resumedAfter > 0 ? `, which went on behind row ${formatCount(resumedAfter)}` : '')
  )
  if (rejected > 0) output.note(`rejected rows and the reasons: ${rejects.path}`)
  if (rolledBack > 0) output.note(`${plural(rolledBack, 'replay', 'replays')} failed and ${rolledBack === 1 ? 'was' : 'were'} rolled back`)
  if (parkedUsers.length === 0) return
  const warning = output.noteStyle('yellow', 'warning')
  output.note(`${warning}: the replay of ${plural(parkedUsers.length, 'user', 'users')} is parked, first ${escapeText(parkedUsers[0] ?? '')}`)
}
