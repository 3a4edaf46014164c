/**
 * Makes a damaged log whole: what is sound goes on under the LSNs that it has, what is lost is written down, and the damaged files
 * are kept in quarantine. Each step is durable before the next is taken, and all may be cut short and taken again:
 *
 *   open: lock, ring, torn tail ──> report of the losses ──> verdicts in the log ──> two checkpoints of all that is sound
 *                                                        ──> only then damaged files are moved to quarantine/
 *
 * Which buffers may miss entries, recovery knows from the damage that it meets. When that is gone, the verdicts say it.
 */
import { lstat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { throwIfAborted, WalError } from '../errors.js'
import type { CheckpointInfo } from '../maintenance/maintenance.js'
import { noteStep } from '../maintenance/steps.js'
import { logLimits } from '../native.js'
import { recover } from '../recovery/recover.js'
import type { TaintedUser } from '../recovery/report.js'
import type { Codec } from '../replay/codec.js'
import { readLog, scanLog, type LogScan } from '../wal/inspect.js'
import type { Damage } from '../wal/types.js'
import { Wal } from '../wal/wal.js'
import { damagedArchives, moveToQuarantine, writeLossReport } from './quarantine.js'
import { taintedIn, writeVerdicts } from './verdicts.js'

export interface RepairOptions {
  signal?: AbortSignal
}

export interface RepairResult {
  /** The log that is whole now. */
  directory: string
  /** What was damaged; empty: there was nothing to repair, and nothing was changed. */
  damage: Damage[]
  /** Users whose buffers may miss entries: recovery goes on saying so. */
  tainted: TaintedUser[]
  /** Files that were moved, by their names in `quarantine/`. */
  quarantined: string[]
  /** The report of this in `quarantine/`; undefined where there was nothing to repair. */
  report: string | undefined
  /** What the log begins with now; undefined where there was nothing to repair. */
  checkpoint: CheckpointInfo | undefined
  /** Entries that were in the staging ring of a process that died only, and are in the copy now. */
  stagedEntries: number
  /** What is damaged still; empty, unless something has changed the files meanwhile. */
  remaining: Damage[]
}

/** What is in the measurements and states does not matter here: any codec's log can be repaired. */
const opaque: Codec = { encode: () => new Uint8Array(), decode: () => ({ timestamp: 0 }) }
/** A damaged file may have hidden another one: of a segment that is there twice, the plain file counts. */
const MOST_LOOKS = 8

/**
 * Repairs the log in `directory`, which must not be open. The damaged files are in its `quarantine/` then. Throws
 * `ERR_WAL_LOCKED`, `ERR_WAL_NOT_FOUND`, `ERR_WAL_NOT_A_LOG`, `ERR_WAL_CODEC` when entries are of a newer version, `ERR_WAL_ABORTED`, and
 * what the disk says; it can be called again then.
 */
export async function repairLog(directory: string, options: RepairOptions = {}): Promise<RepairResult> {
  const path = resolve(directory)
  const before = await lookAt(path)
  if (before.damage.length === 0) return nothingToRepair(directory)
  return { ...(await makeWhole(path, before, path, options.signal)), directory }
}

/** What is damaged in a log that no writer has open. */
export async function lookAt(path: string): Promise<LogScan & { damage: Damage[] }> {
  if (!(await mayBeDirectory(path))) throw new WalError('ERR_WAL_NOT_A_LOG', `${path} is no directory; allowed: the directory of a log`)
  const scan = await scanLog(path)
  if (scan.live) throw new WalError('ERR_WAL_LOCKED', `${path} is open in a writer: close it first`)
  return { ...scan, damage: [...scan.damage, ...(await damagedArchives(path))] }
}

/** What is not there is told by who looks into it. */
async function mayBeDirectory(path: string): Promise<boolean> {
  try {
    const stat = await lstat(path)
    return stat.isDirectory() || stat.isSymbolicLink()
  } catch {
    return true
  }
}

export function nothingToRepair(directory: string): RepairResult {
  return { directory, damage: [], tainted: [], quarantined: [], report: undefined, checkpoint: undefined, stagedEntries: 0, remaining: [] }
}

/** `before` is what was found in `original`, of which `directory` is a copy, or which it is. */
export async function makeWhole(directory: string, before: LogScan, original: string, signal?: AbortSignal): Promise<Omit<RepairResult, 'directory'>> {
  throwIfAborted(signal)
  const { minSegmentBytes: segmentBytes, minQueueBytes: queueBytes } = logLimits()
  const wal = await Wal.open({ directory, create: false, maintenance: false, segmentBytes, queueBytes, ...(signal === undefined ? {} : { signal }) })
  let done: Pick<RepairResult, 'tainted' | 'quarantined' | 'report' | 'checkpoint' | 'stagedEntries'>
  try {
    noteStep(directory, 'repair opened')
    const stagedEntries = original === directory ? 0 : await takeStaged(wal, original)
    checkNothingBehind(wal, before, original)
    const recovery = await recover(wal, { codec: opaque, ...(signal === undefined ? {} : { signal }) })
    const tainted = taintedIn(recovery)
    const report = await writeLossReport(directory, { original, damage: before.damage, tainted })
    noteStep(directory, 'repair reported')
    await writeVerdicts(wal, recovery, tainted, signal)
    noteStep(directory, 'repair judged')
    const checkpoint = await wal.checkpointWithoutLost(concernsHistory(before) ? 'history' : 'live', signal)
    const quarantined = await moveDamaged(directory, signal)
    done = { tainted, quarantined, report, checkpoint, stagedEntries }
  } finally {
    await wal.close()
  }
  noteStep(directory, 'repair closed')
  const after = await lookAt(directory)
  return { ...done, damage: before.damage, remaining: after.damage }
}

/** The ring of a process that died is that of the original's directory; a copy has none. */
async function takeStaged(wal: Wal, original: string): Promise<number> {
  let taken = 0
  for await (const entry of readLog(original, { fromLsn: wal.lastLsn + 1 })) {
    if (entry.segment !== 0 || entry.lsn !== wal.lastLsn + 1) break
    while (!wal.hasRoom(1, Buffer.byteLength(entry.userId) + entry.payload.byteLength)) await wal.drained()
    wal.append(entry.operation, entry.userId, entry.payload, entry.sequence)
    taken++
  }
  return taken
}

/** A ring proves which LSNs were used, also of entries that are lost. They must not be used again. */
function checkNothingBehind(wal: Wal, before: LogScan, original: string): void {
  if (wal.lastLsn >= before.lastLsn) return
  throw new WalError(
    'ERR_WAL_INVALID_ARGUMENT',
    `the staging ring of ${original} knows of entries up to ${before.lastLsn}, of which a copy would know nothing; allowed: to repair it in place`
  )
}

/** Damage in what recovery does not need: what is sound there would be in quarantine only. */
function concernsHistory({ damage, segments }: LogScan): boolean {
  const covered = new Set(segments.filter((segment) => segment.covered).map(({ file }) => file))
  return damage.some(({ file }) => covered.has(file))
}

async function moveDamaged(directory: string, signal?: AbortSignal): Promise<string[]> {
  const moved: string[] = []
  for (let look = 0; look < MOST_LOOKS; look++) {
    const damage = [...(await scanLog(directory)).damage, ...(await damagedArchives(directory))]
    const files = [...new Set(damage.map(({ file }) => file))].filter((file) => file !== '' && file !== 'log.id')
    if (files.length === 0) break
    for (const file of files) {
      throwIfAborted(signal)
      moved.push(await moveToQuarantine(directory, file))
      noteStep(directory, 'repair moved')
    }
  }
  return moved
}
