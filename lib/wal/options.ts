/** Options of `Wal.open`: defaults, limits, and the checks that name what is wrong. */
import { WalError } from '../errors.js'
import { native } from '../native.js'

export interface WalOptions {
  /** The log's directory; made when it does not exist. */
  directory: string
  /** Size of a segment in bytes (100,000,000). A segment that is full is sealed and the next one begun. */
  segmentBytes?: number
  /** Longest time that an entry waits for a batch when nobody waits for it, in milliseconds (100). */
  batchIntervalMs?: number
  /** Staged bytes at which a batch is written at once (1,000,000). */
  batchBytes?: number
  /** Size of the staging ring in bytes (16 MiB). The largest entry is a quarter of it. */
  queueBytes?: number
  /** Whether a log is made where there is none (true). */
  create?: boolean
  /** Fail to open where entries could not survive the death of the process (false). */
  requireKillSafe?: boolean
  /** What to do about damage: pass over it, end the log before it, or fail to open ('skip'). */
  onCorruption?: 'skip' | 'stop' | 'fail'
  /** Whether the log writes checkpoints, removes what is not needed any more, and watches the disk, by itself (true). */
  maintenance?: boolean
  /** Bytes logged since the last checkpoint at which the next one is written (256,000,000). */
  checkpointBytes?: number
  /** Time since the last checkpoint after which the next one is written, if something was logged, in milliseconds (a day). */
  checkpointIntervalMs?: number
  /** How complete segments are kept: compressed with gzip, or as they were written ('gzip'). */
  compression?: 'gzip' | 'none'
  /** Days that segments are kept which are not needed any more (7). */
  retentionDays?: number
  /** What the log may take on the disk, in bytes: above it, segments that are not needed go earlier (0: any size). */
  diskBudgetBytes?: number
  /**
   * Where segments go that are not needed any more, and checkpoints with a label. '' (the default): such segments are removed,
   * and checkpoints with a label go to `archive` in the log's directory.
   */
  archiveDirectory?: string
  signal?: AbortSignal
}

export type ResolvedWalOptions = Required<Omit<WalOptions, 'signal'>>

const MAX_BATCH_INTERVAL_MS = 24 * 3600 * 1000
const MAX_RETENTION_DAYS = 36_500
const ON_CORRUPTION = ['skip', 'stop', 'fail'] as const
const COMPRESSION = ['gzip', 'none'] as const

const DEFAULTS = {
  segmentBytes: 100_000_000,
  batchIntervalMs: 100,
  batchBytes: 1_000_000,
  queueBytes: 16 * 1024 * 1024,
  requireKillSafe: false,
  create: true,
  onCorruption: 'skip',
  maintenance: true,
  checkpointBytes: 256_000_000,
  checkpointIntervalMs: 24 * 3600 * 1000,
  compression: 'gzip',
  retentionDays: 7,
  diskBudgetBytes: 0,
  archiveDirectory: ''
} as const

/** The options with defaults filled in. Throws `ERR_WAL_INVALID_ARGUMENT` naming option, value and what is allowed. */
export function resolveWalOptions(options: WalOptions): ResolvedWalOptions {
  if (typeof options !== 'object' || options === null) throw invalid('options', options, 'an object with a directory')
  const { limits } = native()
  const resolved = { ...DEFAULTS, ...withoutUndefined(options) }
  if (typeof resolved.directory !== 'string' || resolved.directory === '' || resolved.directory.includes('\0')) {
    throw invalid('directory', resolved.directory, 'a path')
  }
  checkInteger('segmentBytes', resolved.segmentBytes, limits.minSegmentBytes, limits.maxSegmentBytes)
  checkInteger('batchIntervalMs', resolved.batchIntervalMs, 1, MAX_BATCH_INTERVAL_MS)
  checkInteger('queueBytes', resolved.queueBytes, limits.minQueueBytes, limits.maxQueueBytes)
  checkInteger('batchBytes', resolved.batchBytes, 1, limits.maxQueueBytes)
  if (typeof resolved.requireKillSafe !== 'boolean') {
    throw invalid('requireKillSafe', resolved.requireKillSafe, 'true or false')
  }
  if (typeof resolved.create !== 'boolean') throw invalid('create', resolved.create, 'true or false')
  if (!COMPRESSION.includes(resolved.compression)) throw invalid('compression', resolved.compression, COMPRESSION.join(', '))
  if (!ON_CORRUPTION.includes(resolved.onCorruption)) {
    throw invalid('onCorruption', resolved.onCorruption, ON_CORRUPTION.join(', '))
  }
  checkMaintenance(resolved)
  // A batch that never fills before the ring does would leave a writer asleep beside a full ring.
  const batchBytes = Math.min(resolved.batchBytes, Math.floor(resolved.queueBytes / 2))
  return { ...resolved, batchBytes }
}

function checkMaintenance(options: Omit<ResolvedWalOptions, 'onCorruption'>): void {
  if (typeof options.maintenance !== 'boolean') throw invalid('maintenance', options.maintenance, 'true or false')
  checkInteger('checkpointBytes', options.checkpointBytes, 1, Number.MAX_SAFE_INTEGER)
  checkInteger('checkpointIntervalMs', options.checkpointIntervalMs, 1, Number.MAX_SAFE_INTEGER)
  checkInteger('retentionDays', options.retentionDays, 1, MAX_RETENTION_DAYS)
  checkInteger('diskBudgetBytes', options.diskBudgetBytes, 0, Number.MAX_SAFE_INTEGER)
  const { archiveDirectory } = options
  if (typeof archiveDirectory !== 'string' || archiveDirectory.includes('\0')) throw invalid('archiveDirectory', archiveDirectory, 'a path, or an empty string')
}

function withoutUndefined(options: WalOptions): WalOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as unknown as WalOptions
}

function checkInteger(name: string, value: unknown, least: number, most: number): void {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return
  throw invalid(name, value, `a whole number from ${least} to ${most}`)
}

function invalid(name: string, value: unknown, allowed: string): WalError {
  return new WalError('ERR_WAL_INVALID_ARGUMENT', `${name} is ${describe(value)}; allowed: ${allowed}`)
}

function describe(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
