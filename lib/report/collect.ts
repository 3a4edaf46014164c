/**
 * A report of a log, collected from outside: read-only, without its lock, beside a live writer too. Three passes (every byte;
 * what recovery needs; everything that is still there) with the memory of recovery, and of a bounded report.
 */
import { throwIfAborted, WalError } from '../errors.js'
import type { RecoveryReport, TaintedUser } from '../recovery/report.js'
import { readLogChunks, scanLog, type LogScan } from '../wal/inspect.js'
import { logFigures } from '../wal/log-figures.js'
import { kalmanStateOf } from './filter-states.js'
import { History } from './history.js'
import type { LeftOutUsers, LogReport, UserStory, WaitingBuffer, WriterSyncs } from './log-report.js'
import { byUrgency, previewRecovery, waitingMeasurements, type Preview } from './preview.js'
import { userStory } from './user-story.js'

export const MOST_USERS = 50

export interface CollectReportOptions {
  /** Shows these users instead of the most urgent ones that have a buffer. */
  users?: readonly string[]
  signal?: AbortSignal
}

/** Throws what `scanLog` and reading throw, `ERR_WAL_ABORTED`, `ERR_WAL_INVALID_ARGUMENT` for too many users. */
export async function collectReport(path: string, options: CollectReportOptions = {}): Promise<LogReport> {
  const { signal } = options
  const wanted = options.users === undefined ? undefined : [...new Set(options.users)]
  if (wanted !== undefined && wanted.length > MOST_USERS) {
    throw new WalError('ERR_WAL_INVALID_ARGUMENT', `${wanted.length} users are asked for; allowed: up to ${MOST_USERS}`)
  }
  throwIfAborted(signal)
  const begun = performance.now()
  const scan = await scanLog(path)
  throwIfAborted(signal)
  const scanned = performance.now()
  const recovery = await previewRecovery(path, signal)
  const recovered = performance.now()
  const shown = wanted ?? mostUrgent(recovery)
  const history = new History(shown)
  // Entries that a live writer has added since recovery looked would fit nothing of what it found.
  const throughLsn = recovery.report?.lastLsn ?? Infinity
  for await (const chunk of readLogChunks(path, { reuse: true, ...(signal === undefined ? {} : { signal }) })) {
    if (!history.take(chunk, throughLsn)) break
  }
  const users = stories(shown, recovery, history)
  return {
    path,
    createdMs: Date.now(),
    verdict: verdictOf(scan),
    scan,
    activity: history.activity(),
    recovery: recovery.preview,
    users: wanted === undefined ? users : users.filter((user) => isKnown(user)),
    usersLeftOut: leftOut(recovery, shown, wanted === undefined ? [] : users.filter((user) => !isKnown(user))),
    syncs: await writerSyncs(path),
    durations: { scan: scanned - begun, recovery: recovered - scanned, history: performance.now() - recovered }
  }
}

async function writerSyncs(path: string): Promise<WriterSyncs | null> {
  try {
    const { writer } = await logFigures(path)
    return writer === null || writer.begun === 0 ? null : { durations: writer.fsyncDuration, beganMs: writer.begun }
  } catch (error) {
    // One segment file has no writer.
    if (error instanceof WalError && error.code === 'ERR_WAL_INVALID_ARGUMENT') return null
    throw error
  }
}

function verdictOf({ damage, tornTail, live }: LogScan): LogReport['verdict'] {
  if (damage.length > 0) return 'damaged'
  return tornTail !== null && !live ? 'torn tail' : 'clean'
}

function mostUrgent({ waiting, report }: Preview): string[] {
  // A user is as urgent as its most urgent buffer. Those of whom something may be lost come first, with a buffer or without.
  const worst = [...waiting.values()].map((buffers) => [...buffers].sort(byUrgency)[0] as WaitingBuffer).sort(byUrgency)
  const tainted = (report?.tainted ?? []).map(({ userId }) => userId)
  return [...new Set([...tainted, ...worst.map(({ userId }) => userId)])].slice(0, MOST_USERS)
}

function stories(shown: readonly string[], { report, waiting }: Preview, { trails }: History): UserStory[] {
  const taints = taintsByUser(report)
  const isFiltersLog = report === undefined || everyStateIsTheFilters(report)
  return shown.flatMap((userId) => {
    const trail = trails.get(userId)
    if (trail === undefined) return []
    const parts = { userId, user: report?.users.get(userId), waiting: waiting.get(userId) ?? [], taints: taints.get(userId) ?? [] }
    return [userStory({ ...parts, trail, isFiltersLog })]
  })
}

function taintsByUser(report: RecoveryReport | undefined): Map<string, TaintedUser[]> {
  const taints = new Map<string, TaintedUser[]>()
  for (const taint of report?.tainted ?? []) taints.set(taint.userId, [...(taints.get(taint.userId) ?? []), taint])
  return taints
}

function everyStateIsTheFilters({ users }: RecoveryReport): boolean {
  for (const { hasState, state } of users.values()) if (hasState && kalmanStateOf(state) === undefined) return false
  return true
}

function isKnown({ waiting, taints, replayed, stateKind, points, marks, withoutNumber }: UserStory): boolean {
  return waiting.length + taints.length + replayed + points.length + marks.length + withoutNumber > 0 || stateKind !== 'none'
}

function leftOut({ waiting, report }: Preview, shown: readonly string[], unknown: readonly UserStory[]): LeftOutUsers {
  const seen = new Set(shown)
  const others = [...waiting.keys()].filter((userId) => !seen.has(userId))
  return {
    users: others.length,
    measurements: others.reduce((sum, userId) => sum + waitingMeasurements(report?.users.get(userId)), 0),
    unknown: unknown.map(({ userId }) => userId)
  }
}
