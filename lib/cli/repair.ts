/** `repair PATH`: makes a damaged log whole, on a copy unless told otherwise, and says what is lost. */
import type { Command } from 'commander'
import { Option } from 'commander'
import { repairCopy, repairLog, type Damage, type RepairResult } from '../index.js'
import { damageText } from './damage-text.js'
import { escapeText, safeJson } from './escape.js'
import { ExitCode } from './exit-codes.js'
import type { CliSession } from './session.js'
import { plural } from './table.js'
import { lossOf } from './verify.js'

export interface RepairCommandOptions {
  inPlace?: boolean
  out?: string
  format: 'text' | 'json'
}

const SHOWN_TAINTS = 20

export function registerRepair(program: Command, session: CliSession): void {
  program
    .command('repair')
    .argument('<path>', "the log's directory")
    .summary('make a damaged log whole, without what is lost')
    .description(
      'Makes a log that verify finds clean out of a damaged one: every sound entry is in it under its LSN, in a checkpoint or a\n' +
        'sound segment; what is lost stays lost, and recovery goes on marking the buffers that may miss it. The damaged files are in\n' +
        'its quarantine/, as they were, with a report of the losses. May be cut at any moment and run again.\n' +
        'Works on a copy, which needs as much room again, and leaves the log alone; with --in-place on the log itself, which no\n' +
        'writer may have open (exit code 4). Exit code 0: the result is clean, or there was nothing to repair.'
    )
    .addOption(new Option('--in-place', 'repair the log itself').conflicts('out'))
    .option('--out <directory>', 'where the copy goes: a new or an empty directory (PATH.repaired)')
    .addOption(new Option('--format <format>', 'how to write what was done').choices(['text', 'json']).default('text'))
    .addHelpText('after', '\nExamples:\n  ingest-wal repair data/wal\n  ingest-wal repair data/wal --out data/whole\n  ingest-wal repair data/wal --in-place')
    .action(async (path: string, options: RepairCommandOptions) => {
      session.exitCode = await repair(path, options, session)
    })
}

/** Repairs, writes what was lost and done, and returns the process's answer. Throws what `repairLog` and `repairCopy` throw. */
export async function repair(path: string, options: RepairCommandOptions, { output, signal }: Pick<CliSession, 'output' | 'signal'>): Promise<ExitCode> {
  const target = options.out ?? `${path.replace(/\/+$/, '')}.repaired`
  const result = options.inPlace === true ? await repairLog(path, { signal }) : await repairCopy(path, target, { signal })
  if (options.format === 'json') await output.write(`${safeJson(jsonResult(path, result))}\n`)
  else await output.write(textResult(path, result, output))
  return result.remaining.length === 0 ? ExitCode.clean : ExitCode.corruption
}

function jsonResult(path: string, result: RepairResult): object {
  const { directory, damage, tainted, quarantined, report, checkpoint, stagedEntries, remaining } = result
  const made = { directory: damage.length === 0 ? null : directory, checkpoint: checkpoint ?? null, report: report ?? null, quarantined, stagedEntries }
  return { path, repaired: damage.length > 0, lost: lossOf(damage), damage, tainted, ...made, remaining }
}

function textResult(path: string, result: RepairResult, output: CliSession['output']): string {
  const { directory, damage, tainted, quarantined, report, checkpoint, stagedEntries, remaining } = result
  if (damage.length === 0) return `${output.style('green', 'clean')}: nothing in ${escapeText(path)} is damaged, and nothing was changed\n`
  const lost = lossOf(damage)
  const lines = [
    ...damage.map((stretch) => `${output.style('red', 'corruption')}: ${damageText(stretch)}`),
    `lost: ${plural(lost.entries, 'entry', 'entries')}${lost.users.length === 0 ? '' : ` of ${plural(lost.users.length, 'known user', 'known users')}`}`,
    ...tainted
      .slice(0, SHOWN_TAINTS)
      .map(({ userId, buffer, lost: count, reason }) => `  user ${escapeText(userId)}, buffer ${buffer}: up to ${plural(count, 'entry', 'entries')} lost (${reason})`),
    ...(tainted.length > SHOWN_TAINTS ? [`  and ${plural(tainted.length - SHOWN_TAINTS, 'buffer', 'buffers')} more`] : []),
    ...(stagedEntries === 0 ? [] : [`taken from the staging ring: ${plural(stagedEntries, 'entry', 'entries')}, logged now`]),
    `quarantined: ${quarantined.length === 0 ? 'no file' : quarantined.map(escapeText).join(', ')}`,
    `report: ${escapeText(report ?? '')}`,
    `health tells the losses until they are acknowledged: ingest-wal verify ${escapeText(directory)} --acknowledge`,
    ...remaining.map((stretch: Damage) => `${output.style('red', 'still damaged')}: ${damageText(stretch)}`)
  ]
  const held = checkpoint === undefined ? '' : `, checkpoint ${checkpoint.number} stands for LSN 1-${checkpoint.lsn} with ${plural(checkpoint.entries, 'entry', 'entries')}`
  const verdict = remaining.length === 0 ? output.style('green', 'clean') : output.style('red', 'corrupt')
  return [...lines, `${verdict}: ${escapeText(directory)}${held}`].map((line) => `${line}\n`).join('')
}
