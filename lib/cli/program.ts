/** The program: its commands, its options, and the way from an error to an exit code. */
import { Command, CommanderError } from 'commander'
import { packageVersion, WalError } from '../index.js'
import { escapeText } from './escape.js'
import { ExitCode, exitCodeOf } from './exit-codes.js'
import { registerCompact } from './compact.js'
import { registerIngest } from './ingest.js'
import { registerInspect } from './inspect.js'
import { StdoutClosed, StreamOutput } from './output.js'
import { registerRepair } from './repair.js'
import { registerReport } from './report.js'
import { registerRestore } from './restore.js'
import type { CliSession, RegisterCommand } from './session.js'
import { registerStats } from './stats.js'
import { registerVerify } from './verify.js'

/** Every command, in the order of `--help`. */
const COMMANDS: readonly RegisterCommand[] = [
  registerIngest,
  registerInspect,
  registerVerify,
  registerRepair,
  registerCompact,
  registerRestore,
  registerStats,
  registerReport
]

/** Commands that also work as options: `ingest-wal --verify PATH`. */
const COMMAND_OPTIONS = ['inspect', 'verify', 'compact'] as const

const HELP = `
Examples:
  ingest-wal ingest readings.csv --out states.json
  ingest-wal inspect data/wal --user user-1 --limit 20
  ingest-wal verify data/wal
  ingest-wal compact data/wal --drop
  ingest-wal stats data/wal --watch
  ingest-wal report data/wal --html report.html

Exit codes: 0 clean (a torn tail is clean), 1 corruption, 2 usage, 3 the log cannot be read or written (I/O, permission,
no log, a newer format), 4 locked by a live writer, 130 interrupted. Data goes to stdout, everything else to stderr.`

export function buildProgram(session: CliSession): Command {
  const program = new Command('ingest-wal')
    .description('Write-ahead log for ingestion services: the log from the command line')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addHelpText('after', HELP)
    .showHelpAfterError('(ingest-wal --help tells what there is)')
    .enablePositionalOptions()
    .exitOverride()
  for (const register of COMMANDS) register(program, session)
  // For the help and for suggestions: `commandOptionsToCommands` has replaced them before the program is asked.
  for (const name of COMMAND_OPTIONS.filter((option) => commandNames(program).includes(option))) {
    program.option(`--${name} <path>`, `the command ${name}`)
  }
  return program
}

function commandNames(program: Command): string[] {
  return program.commands.map((command) => command.name())
}

/** `--verify PATH` as `verify PATH`. Only where no command was given: then the name is that option's value. */
export function commandOptionsToCommands(commandLine: readonly string[], commands: readonly string[]): string[] {
  if (commands.includes(commandLine[0] ?? '')) return [...commandLine]
  const end = commandLine.indexOf('--')
  for (const [index, argument] of commandLine.slice(0, end < 0 ? undefined : end).entries()) {
    const name = COMMAND_OPTIONS.find((option) => argument === `--${option}` || argument.startsWith(`--${option}=`))
    if (name === undefined || !commands.includes(name)) continue
    const value = argument.includes('=') ? [argument.slice(argument.indexOf('=') + 1)] : []
    return [name, ...commandLine.slice(0, index), ...value, ...commandLine.slice(index + 1)]
  }
  return [...commandLine]
}

/** Runs one command line and returns the answer of the process. Reports errors on stderr; throws none. */
export async function run(commandLine: readonly string[]): Promise<ExitCode> {
  const controller = new AbortController()
  const output = new StreamOutput(process.stdout, process.stderr, process.env, () => controller.abort(new StdoutClosed()))
  const session: CliSession = { output, signal: controller.signal, exitCode: ExitCode.clean }
  const interrupt = () => {
    // The second one does not wait for the first to be heard.
    if (controller.signal.aborted) process.exit(ExitCode.interrupted)
    controller.abort(new Error('interrupted by a signal'))
  }
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  try {
    const program = buildProgram(session)
    await program.parseAsync(commandOptionsToCommands(commandLine, commandNames(program)), { from: 'user' })
    await output.flush()
    return session.exitCode
  } catch (error) {
    return await report(error, output, controller.signal)
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }
}

async function report(error: unknown, output: StreamOutput, signal: AbortSignal): Promise<ExitCode> {
  if (error instanceof StdoutClosed || signal.reason instanceof StdoutClosed) return ExitCode.clean
  // Commander has said what it had to say.
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.clean : ExitCode.usage
  // What was found before the error is still of use; that stdout cannot take it does not hide the error.
  await output.flush().catch((lost: unknown) => output.note(`stdout: ${messageOf(lost)}`))
  const name = output.noteStyle('red', 'error')
  output.note(`${name}: ${messageOf(error)}`)
  return exitCodeOf(error)
}

/** A sentence for errors that have a code; a stack for those that should not exist. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as NodeJS.ErrnoException
  if (code === undefined) return error.stack ?? error.message
  const message = error.message.split('\n').map(escapeText).join('\n')
  return error instanceof WalError ? `${message} (${code})` : message
}
