/** `restore CHECKPOINT DIR`: makes a log of a checkpoint that was kept. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { Option } from 'commander'
import { restoreCheckpoint, scanLog } from '../index.js'
import { escapeText, safeJson } from './escape.js'
import { ExitCode } from './exit-codes.js'
import { unlessAborted, type CliSession } from './session.js'
import { plural } from './table.js'

export interface RestoreCommandOptions {
  format: 'text' | 'json'
}

export function registerRestore(program: Command, session: CliSession): void {
  program
    .command('restore')
    .argument('<checkpoint>', 'a checkpoint file, such as data/wal/archive/before-upgrade.ckpt')
    .argument('<directory>', 'where the new log goes: a directory that is not there yet, or is empty')
    .summary('make a log of a checkpoint')
    .description(
      'Makes a log of a checkpoint, which is checked first, every byte, and stays where it is. The new log is as the old one\n' +
        'was at that LSN: states, open buffers, unfinished replays. Exit code 1: the checkpoint is damaged, and nothing was\n' +
        'made; 2: the directory is not empty; 3: there is no such checkpoint.'
    )
    .addOption(new Option('--format <format>', 'how to write what was done').choices(['text', 'json']).default('text'))
    .addHelpText('after', '\nExamples:\n  ingest-wal restore data/wal/archive/before-upgrade.ckpt data/restored')
    .action(async (checkpoint: string, directory: string, options: RestoreCommandOptions) => {
      session.exitCode = await restore(checkpoint, directory, options, session)
    })
}

/** Restores, writes what was done, and returns the process's answer. Throws what `restoreCheckpoint` throws. */
export async function restore(
  checkpoint: string,
  directory: string,
  options: RestoreCommandOptions,
  { output, signal }: Pick<CliSession, 'output' | 'signal'>
): Promise<ExitCode> {
  await restoreCheckpoint(resolve(checkpoint), resolve(directory))
  const { entries, bytes, lastLsn, logId } = await unlessAborted(scanLog(directory), signal)
  const text =
    `restored ${escapeText(checkpoint)} to ${escapeText(directory)}: log ${logId} as of LSN ${lastLsn}, ` +
    `${plural(entries, 'entry', 'entries')}, ${plural(bytes, 'byte', 'bytes')}\n`
  await output.write(options.format === 'json' ? `${safeJson({ checkpoint, directory, logId, lastLsn, entries, bytes })}\n` : text)
  return ExitCode.clean
}
