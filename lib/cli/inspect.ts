/** `inspect PATH`: the entries of a log, or of one segment or checkpoint, one a line. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { Option } from 'commander'
import { readLog, type Damage, type Entry, type Operation } from '../index.js'
import { moment, operationList, wholeNumber } from './arguments.js'
import { damageText } from './damage-text.js'
import { ENTRY_FORMATS, entryFormat, type EntryFormat, type EntryFormatName } from './entry-format.js'
import { ExitCode } from './exit-codes.js'
import { formatIncomplete, incompleteBuffers } from './incomplete.js'
import { unlessAborted, type CliSession } from './session.js'
import { formatLsnRange } from './table.js'

export interface InspectOptions {
  format: EntryFormatName
  user?: string
  op?: Operation[]
  fromLsn?: number
  toLsn?: number
  /** Milliseconds since the epoch. */
  since?: number
  limit?: number
  follow?: boolean
  incomplete?: boolean
}

const POLL_MS = 200
// A look at a large log takes its time; looking takes no more than a fifth of it.
const REST_PER_LOOK = 4

export function registerInspect(program: Command, session: CliSession): void {
  program
    .command('inspect')
    .argument('<path>', "the log's directory, or one segment or checkpoint file")
    .summary('entries, one a line')
    .description(
      'Lists the entries of a log in LSN order, one a line, what a running writer has staged included; or those of one file:\n' +
        'a segment, compressed or not, or a checkpoint. Control characters and backslashes are escaped as in JSON strings; payloads that are not UTF-8 are\n' +
        'shown as hexadecimal in the table and as base64 elsewhere.\n' +
        'Changes nothing, takes no lock; the log may be in use. Damage is passed over, told on stderr, and ends in exit code 1.'
    )
    .option('--user <id>', "only this user's entries")
    .option('--op <names>', 'only these operations: ADD_MEASUREMENT,COMMIT', operationList)
    .option('--from-lsn <lsn>', 'first LSN', wholeNumber(1))
    .option('--to-lsn <lsn>', 'last LSN', wholeNumber(1))
    .option('--since <time>', 'only entries logged since: ISO 8601, epoch milliseconds, or an age such as 15m', moment(Date.now))
    .option('--limit <count>', 'stop after so many entries', wholeNumber(1))
    .option('--follow', 'go on with entries as they are logged, until Ctrl-C')
    .addOption(
      new Option('--incomplete', 'buffers that are open, and replays that were not committed, instead of entries').conflicts([
        'op',
        'fromLsn',
        'toLsn',
        'since',
        'follow'
      ])
    )
    .addOption(new Option('--format <format>', 'how to write them').choices([...ENTRY_FORMATS]).default('table'))
    .addHelpText(
      'after',
      '\nExamples:\n  ingest-wal inspect data/wal --user user-1 --op CHECKPOINT,COMMIT\n' +
        '  ingest-wal inspect data/wal --since 15m --format jsonl | jq .payload\n' +
        '  ingest-wal inspect data/wal --follow\n  ingest-wal inspect data/wal --incomplete'
    )
    .action(async (path: string, options: InspectOptions) => {
      session.exitCode = await inspect(path, options, session)
    })
}

/** Writes the entries and returns the process's answer. Throws what `readLog` throws. */
export async function inspect(path: string, options: InspectOptions, session: Pick<CliSession, 'output' | 'signal'>): Promise<ExitCode> {
  if (options.incomplete === true) return inspectIncomplete(path, options, session)
  return new Inspection(path, options, session).run()
}

async function inspectIncomplete(
  path: string,
  { user, limit, format }: InspectOptions,
  { output, signal }: Pick<CliSession, 'output' | 'signal'>
): Promise<ExitCode> {
  const damage: Damage[] = []
  const buffers = await incompleteBuffers(path, {
    ...(user === undefined ? {} : { user }),
    signal,
    onDamage: (stretch) => damage.push(stretch)
  })
  for (const stretch of damage) output.note(`${output.noteStyle('red', 'corruption')}: ${damageText(stretch)}`)
  await output.write(formatIncomplete(buffers.slice(0, limit), format))
  return damage.length > 0 ? ExitCode.corruption : ExitCode.clean
}

class Inspection {
  readonly #path: string
  readonly #options: InspectOptions
  readonly #session: Pick<CliSession, 'output' | 'signal'>
  readonly #format: EntryFormat
  #nextLsn: number
  #begun = false
  #written = 0
  #looks = 0
  /** What was told of damage: a look meets again what costs no entry. */
  readonly #told = new Set<string>()

  constructor(path: string, options: InspectOptions, session: Pick<CliSession, 'output' | 'signal'>) {
    this.#path = path
    this.#options = options
    this.#session = session
    this.#format = entryFormat(options.format, session.output.columns)
    this.#nextLsn = options.fromLsn ?? 1
  }

  async run(): Promise<ExitCode> {
    const { output, signal } = this.#session
    try {
      for (;;) {
        const startedMs = performance.now()
        const ended = await this.#look()
        await this.#begin()
        if (ended || this.#options.follow !== true) break
        await output.flush()
        const restMs = Math.max(POLL_MS, REST_PER_LOOK * (performance.now() - startedMs))
        await unlessAborted(sleep(restMs, undefined, { signal }), signal)
      }
    } finally {
      // Also what an interrupted run has written so far is whole. A path that cannot be read has written nothing.
      if (this.#begun) await output.write(this.#format.tail(this.#written))
    }
    return this.#told.size > 0 ? ExitCode.corruption : ExitCode.clean
  }

  /** Writes what has come since the last look. True: nothing that is wanted can follow. */
  async #look(): Promise<boolean> {
    const { user, op, toLsn = Infinity, since = -Infinity, limit = Infinity } = this.#options
    const entries = readLog(this.#path, {
      fromLsn: this.#nextLsn,
      signal: this.#session.signal,
      onDamage: (damage) => this.#tell(damage)
    })
    for await (const entry of entries) {
      if (entry.lsn > toLsn) return true
      if (this.#looks > 0 && entry.lsn > this.#nextLsn) this.#noteRemoved(entry.lsn - 1)
      this.#nextLsn = entry.lsn + 1
      if (user !== undefined && entry.userId !== user) continue
      if (op !== undefined && !op.includes(entry.operation)) continue
      if (entry.timestamp < since) continue
      await this.#write(entry)
      if (this.#written >= limit) return true
    }
    this.#looks++
    return this.#nextLsn > toLsn
  }

  async #begin(): Promise<void> {
    if (this.#begun) return
    this.#begun = true
    await this.#session.output.write(this.#format.head)
  }

  async #write(entry: Entry): Promise<void> {
    await this.#begin()
    await this.#session.output.write(this.#format.line(entry, this.#written))
    this.#written++
  }

  #tell(damage: Damage): void {
    const { output } = this.#session
    if (damage.firstLsn > (this.#options.toLsn ?? Infinity)) return
    this.#nextLsn = Math.max(this.#nextLsn, damage.lastLsn + 1)
    const { kind, file, offset, endOffset, firstLsn, lastLsn } = damage
    const place = JSON.stringify([kind, file, offset, endOffset, firstLsn, lastLsn])
    if (this.#told.has(place)) return
    this.#told.add(place)
    output.note(`${output.noteStyle('red', 'corruption')}: ${damageText(damage)}`)
  }
  /** Between two looks the log was compacted, and what nobody needs any more went before it was seen. */
  #noteRemoved(lastLsn: number): void {
    const { output } = this.#session
    output.note(`${output.noteStyle('yellow', 'note')}: ${formatLsnRange(this.#nextLsn, lastLsn)} went by compaction before it was seen`)
  }
}
