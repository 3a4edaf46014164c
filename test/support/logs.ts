/** Logs to look at, with what was appended to them. */
import { createHash } from 'node:crypto'
import { cpSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Operation, Wal, type Entry, type WalOptions } from '../../lib/index.js'
import { compressSegment } from '../../lib/maintenance/compression.js'
import { segmentName } from '../../lib/maintenance/files.js'

/** What was appended: what must come back. */
export interface Appended {
  lsn: number
  operation: Operation
  userId: string
  payload: Uint8Array
  sequence: number
}

/** Appends, and keeps account. */
export class Recorder {
  readonly appended: Appended[] = []
  readonly #wal: Wal

  constructor(wal: Wal) {
    this.#wal = wal
  }

  append(operation: Operation, userId: string, payload: Uint8Array | string, sequence = 0): Appended {
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
    const lsn = this.#wal.append(operation, userId, bytes, sequence)
    const appended = { lsn, operation, userId, payload: bytes, sequence }
    this.appended.push(appended)
    return appended
  }

  /** `count` measurements of five users, in batches of `batch` entries. */
  async measurements(count: number, batch = count): Promise<void> {
    for (let made = 1; made <= count; made++) {
      const index = this.appended.length + 1
      this.append(Operation.ADD_MEASUREMENT, `user-${index % 5}`, `value ${index}`, Math.ceil(index / 5))
      if (made % batch === 0) await this.#wal.durable()
    }
    await this.#wal.durable()
  }
}

export type Fill = (recorder: Recorder, wal: Wal) => Promise<void> | void

// What maintenance does meanwhile depends on the machine's pace; these logs are to be the same on each.
const AS_WRITTEN: Partial<WalOptions> = { maintenance: false }

/** A log that was written and closed cleanly, its files as they were written. */
export async function closedLog(directory: string, fill: Fill, options: Partial<WalOptions> = {}): Promise<Appended[]> {
  const wal = await Wal.open({ directory, ...AS_WRITTEN, ...options })
  const recorder = new Recorder(wal)
  await fill(recorder, wal)
  await wal.close()
  return recorder.appended
}

/**
 * A log as a power cut leaves it: its files at a moment when everything was durable and nothing was closed, without
 * the staging ring. `directory` gets the copy.
 */
export async function unclosedLog(
  directory: string,
  workDirectory: string,
  fill: Fill,
  options: Partial<WalOptions> = {}
): Promise<Appended[]> {
  const wal = await Wal.open({ directory: workDirectory, ...AS_WRITTEN, ...options })
  const recorder = new Recorder(wal)
  await fill(recorder, wal)
  await wal.durable()
  cpSync(workDirectory, directory, { recursive: true })
  await wal.close()
  return recorder.appended
}

/** The parts of an entry that its appender chose. */
export function contentOf({ lsn, operation, userId, payload, sequence }: Entry | Appended): Appended {
  return { lsn, operation, userId, payload: Buffer.from(payload), sequence }
}

/** Names of a log's segment files, oldest first. */
export function segmentFiles(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.wal'))
    .sort()
}

/** Everything about a directory's files that a tool which only reads must leave as it was. */
export function fingerprint(directory: string): Record<string, string> {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()
  const described = ['.', ...files].map((name) => {
    const path = join(directory, name)
    const { ino, mode, size, mtimeNs, isFile } = statInfo(path)
    const content = isFile ? createHash('sha256').update(readFileSync(path)).digest('hex') : 'directory'
    return [name, `inode ${ino}, mode ${mode}, ${size} bytes, modified ${mtimeNs}, ${content}`] as const
  })
  return Object.fromEntries(described)
}

function statInfo(path: string): { ino: bigint; mode: string; size: bigint; mtimeNs: bigint; isFile: boolean } {
  const stat = statSync(path, { bigint: true })
  return { ino: stat.ino, mode: stat.mode.toString(8), size: stat.size, mtimeNs: stat.mtimeNs, isFile: stat.isFile() }
}

/** What a log that was compacted and compressed holds, and where. */
export interface MixedLog {
  /** Everything that is left, in order. */
  held: Appended[]
  /** What is left of the beginning: the entries of its base that are in no segment any more. */
  onlyInBase: Appended[]
  /** Entries of its base. */
  inBase: Appended[]
  /** Names of files: the base and the one before, segments that are compressed, and plain ones. */
  base: string
  backup: string
  compressed: string[]
  plain: string[]
}

/**
 * A closed log with everything in it that there is: an open buffer of long ago, whose segments are gone; covered segments,
 * compressed but for one; segments behind the base, some compressed; a base, a backup and a checkpoint that is neither.
 */
export async function mixedLog(directory: string): Promise<MixedLog> {
  const users = [0, 1, 2, 3, 4].map((index) => `user-${index}`)
  let idle: Appended[] = []
  let commits: Appended[] = []
  let firstLater = 0
  const appended = await closedLog(
    directory,
    async (recorder, wal) => {
      const commitAll = () => users.map((user) => recorder.append(Operation.COMMIT, user, 'state'))
      await recorder.measurements(1500)
      commitAll()
      idle = [1, 2, 3].map((value) => recorder.append(Operation.ADD_MEASUREMENT, 'idle', `open ${value}`, value))
      firstLater = wal.lastLsn + 1
      await wal.compact({ drop: true })
      await recorder.measurements(3000)
      commits = commitAll()
      await wal.checkpoint()
      await recorder.measurements(4000)
    },
    { segmentBytes: 65_536 }
  )
  const numbers = segmentFiles(directory).map((name) => Number.parseInt(name, 10))
  const compress = numbers.filter((_, index) => index !== 1 && index < numbers.length - 2)
  for (const segment of compress) await compressSegment({ directory, segment, retire: (number) => rmSync(join(directory, segmentName(number))) })
  const names = readdirSync(directory).sort()
  const [, backup, base] = names.filter((name) => name.endsWith('.ckpt')) as [string, string, string]
  const held = [...idle, ...appended.filter(({ lsn }) => lsn >= firstLater)]
  return { held, onlyInBase: idle, inBase: [...idle, ...commits], base, backup, compressed: names.filter((name) => name.endsWith('.wal.gz')), plain: segmentFiles(directory) }
}
