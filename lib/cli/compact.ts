/** `compact DIR`: writes a checkpoint of a log and removes what nobody needs any more. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { Option } from 'commander'
import { loadConfig, logLimits, Wal, WalError, type CompactResult, type WalOptions } from '../index.js'
import { escapeText, safeJson } from './escape.js'
import { ExitCode } from './exit-codes.js'
import { noteOpened } from './recovery-text.js'
import type { CliSession } from './session.js'
import { formatCount, plural } from './table.js'

export interface CompactCommandOptions {
  drop?: boolean
  label?: string
  config?: string
  format: 'text' | 'json'
}

/** What was done, as it is told. */
interface Compacted extends CompactResult {
  /** Whether the checkpoint is new; one of which nothing has changed since is not written again. */
  written: boolean
  bytesBefore: number
  bytesAfter: number
}

const LOG_FILE = /^\d{16}\.(wal|wal\.gz|ckpt)$/
const DISK_BLOCK_BYTES = 512

export function registerCompact(program: Command, session: CliSession): void {
  program
    .command('compact')
    .argument('<directory>', "the log's directory")
    .summary('drop what finished buffers no longer need')
    .description(
      'Writes a checkpoint: a compacted copy of what recovery needs, with which the next start begins; entries keep their LSNs.\n' +
        'Then segments go that retention does not keep, or, with --drop, all that are not needed any more. May be cut at any\n' +
        'moment and run again. Takes the lock of the log. Exit code 1: the log is damaged; where entries are lost that a checkpoint\n' +
        'would have to hold, none is written and everything is kept (see repair). 4: a writer has the log open.'
    )
    .option('--drop', 'remove all that is not needed any more, whatever retention says')
    .option('--label <name>', 'keep a copy of the checkpoint in the archive under this name')
    .option('--config <file>', 'config.toml: retention, disk budget and archive directory are those of its [wal]')
    .addOption(new Option('--format <format>', 'how to write what was done').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      '\nExamples:\n  ingest-wal compact data/wal\n  ingest-wal compact data/wal --drop --config config.toml\n' +
        '  ingest-wal compact data/wal --label before-upgrade'
    )
    .action(async (directory: string, options: CompactCommandOptions) => {
      session.exitCode = await compact(directory, options, session)
    })
}

/** Compacts the log, writes what was done, and returns the process's answer. Throws what `Wal.open` and `compact` throw. */
export async function compact(
  directory: string,
  options: CompactCommandOptions,
  { output, signal }: Pick<CliSession, 'output' | 'signal'>
): Promise<ExitCode> {
  const settings = await settingsOf(options.config)
  const bytesBefore = await logBytes(directory)
  const wal = await Wal.open({ ...settings, directory, create: false, maintenance: false, signal })
  let done: CompactResult & { written: boolean }
  try {
    noteOpened(wal.recovery, output)
    done = await compactOpened(wal, options, signal)
  } finally {
    await wal.close()
  }
  const compacted: Compacted = { ...done, bytesBefore, bytesAfter: await logBytes(directory) }
  await output.write(options.format === 'json' ? `${safeJson({ directory, ...compacted })}\n` : textOf(compacted))
  return wal.recovery.damage.length === 0 ? ExitCode.clean : ExitCode.corruption
}

/** The least that a log can be opened with: nothing is appended, and the disk may be full. */
async function settingsOf(config: string | undefined): Promise<Omit<WalOptions, 'directory'>> {
  const { minSegmentBytes: segmentBytes, minQueueBytes: queueBytes } = logLimits()
  if (config === undefined) return { segmentBytes, queueBytes }
  const { retentionDays, diskBudgetBytes, archiveDirectory } = (await loadConfig(config)).wal
  return { segmentBytes, queueBytes, retentionDays, diskBudgetBytes, archiveDirectory }
}

async function compactOpened(
  wal: Wal,
  { drop = false, label }: CompactCommandOptions,
  signal: AbortSignal
): Promise<CompactResult & { written: boolean }> {
  let written = false
  wal.once('checkpoint', () => (written = true))
  try {
    // First: a label that is taken is told before anything goes.
    if (label !== undefined) await wal.checkpoint({ label, signal })
    return { ...(await wal.compact({ drop, signal })), written }
  } catch (error) {
    if (!(error instanceof WalError) || error.code !== 'ERR_WAL_CORRUPT') throw error
    throw new WalError(error.code, `${error.message}; nothing was removed: ingest-wal repair makes a log of it that can be compacted`, { cause: error })
  }
}

/** What segments and checkpoints take on the disk; 0 where there is no log. */
async function logBytes(directory: string): Promise<number> {
  let bytes = 0
  for (const name of await readdir(directory).catch(() => [])) {
    if (!LOG_FILE.test(name)) continue
    // One that goes meanwhile takes nothing.
    bytes += await stat(join(directory, name)).then(({ blocks }) => blocks * DISK_BLOCK_BYTES, () => 0)
  }
  return bytes
}

function textOf({ checkpoint, written, removedSegments, removedCheckpoints, bytesBefore, bytesAfter }: Compacted): string {
  if (checkpoint === undefined) return 'the log never held an entry: there is nothing to compact\n'
  const { number, lsn, entries, bytes, file } = checkpoint
  const lines = [
    `checkpoint ${number}${written ? '' : ', which was there already'}: stands for LSN 1-${lsn} with ${plural(entries, 'entry', 'entries')}, ${plural(bytes, 'byte', 'bytes')}`,
    `  ${escapeText(file)}`,
    `removed: ${plural(removedSegments.length, 'segment', 'segments')}, ${plural(removedCheckpoints.length, 'checkpoint', 'checkpoints')}`,
    `on the disk: ${formatCount(bytesBefore)} bytes before, ${formatCount(bytesAfter)} after`
  ]
  return lines.map((line) => `${line}\n`).join('')
}
