/**
 * Which files of a log may go, and which do. Pure.
 *
 * Never: what recovery reads, and what it would read if the newest checkpoint were damaged. So a segment stays until two
 * whole checkpoints cover it, and a checkpoint until two newer ones are whole. Of what is left, segments go when they are
 * older than the retention, or when the log is larger than its budget; the oldest first.
 */
import type { LogFiles } from './files.js'

/** A checkpoint that is known to be whole. */
export interface WholeCheckpoint {
  number: number
  /** The last segment that it stands for. */
  coveredSegment: number
}

export interface RetentionRules {
  /** How long a segment is kept behind its last entry, in milliseconds; 0: no longer than it is needed. */
  retentionMs: number
  /** What the log may take on the disk, in bytes; 0: any size. */
  budgetBytes: number
}

export interface RetentionDecision {
  /** Numbers of segments and of checkpoints that go, the oldest first. */
  segments: number[]
  checkpoints: number[]
  /** What the log takes beyond its budget when they are gone. */
  overBudgetBytes: number
}

/** The last segment that is not needed any more; 0: none is. */
export function removableThrough(whole: readonly WholeCheckpoint[]): number {
  return whole.at(-2)?.coveredSegment ?? 0
}

/**
 * `whole`: by number, the oldest first. `endedMs`: when a segment had its last entry, milliseconds since the Unix epoch, as
 * far as it is known; undefined: not old. `nowMs` undefined: the time is not known, and nothing goes by age.
 */
export function decideRetention(
  files: LogFiles,
  whole: readonly WholeCheckpoint[],
  endedMs: ReadonlyMap<number, number>,
  nowMs: number | undefined,
  { retentionMs, budgetBytes }: RetentionRules
): RetentionDecision {
  const backup = whole.at(-2)?.number ?? 0
  const checkpoints = files.checkpoints.filter(({ number }) => number < backup)
  let usedBytes = sumOf(files.segments) + sumOf(files.checkpoints) - sumOf(checkpoints)
  const segments: number[] = []
  const through = removableThrough(whole)
  for (const { number, bytes } of files.segments) {
    if (number > through) break
    const isOld = retentionMs === 0 || isOlder(endedMs.get(number), nowMs, retentionMs)
    const isTooMuch = budgetBytes > 0 && usedBytes > budgetBytes
    // The oldest first: history has no holes.
    if (!isOld && !isTooMuch) break
    segments.push(number)
    usedBytes -= bytes
  }
  const overBudgetBytes = budgetBytes > 0 ? Math.max(0, usedBytes - budgetBytes) : 0
  return { segments, checkpoints: checkpoints.map(({ number }) => number), overBudgetBytes }
}

function isOlder(endedMs: number | undefined, nowMs: number | undefined, retentionMs: number): boolean {
  return endedMs !== undefined && nowMs !== undefined && nowMs - endedMs > retentionMs
}

function sumOf(files: ReadonlyArray<{ bytes: number }>): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0)
}
