/**
 * The account of a user's lost entries. Pure. A gap in the running numbers says how many are lost; what later entries prove
 * to be among them (an END_BUFFER that must have been, measurements that a count knows of) is taken off. When all are
 * accounted for, nothing is in doubt; what is left over stays a doubt about the buffers that it can have been about.
 */
import { sequenceAfter, skippedSequences } from '../replay/journal.js'
import type { VerdictPayload } from '../replay/payloads.js'
import type { Damage } from '../wal/types.js'
import type { UserMachine } from './machine.js'
import type { TaintedUser } from './report.js'
import { taintsOf } from './taint.js'

/** What the log has lost and removed so far, as it is read. */
export interface Losses {
  readonly damage: readonly Damage[]
  /** Entries up to this LSN come from a checkpoint: what was not needed any more is missing between them. */
  readonly checkpointedLsn: number
}

export const NO_LOSSES: Losses = Object.freeze({ damage: [], checkpointedLsn: 0 })

/** Lost entries of a user between two that came back. */
export interface Gap {
  afterLsn: number
  beforeLsn: number
  lost: number
  /**
   * 'proof': so many entries of the user are among the damage between the two. 'bound': numbers are missing for another
   * reason as well (entries that were not needed were removed). 'recovery': a recovery in between passed numbers over.
   */
  kind: 'proof' | 'bound' | 'recovery'
}

/** What is not known of a user, beside the flags of the buffers. */
export interface Doubts {
  gaps: Gap[]
  /** Lost entries of which nothing is known. */
  unaccounted: number
  /** Some were lost from a checkpoint: what later entries miss may have been removed, and proves nothing about them. */
  lostFromCheckpoint: boolean
  /** Buffers up to this number were never seen, and may have been lost with all their entries; 0: none. */
  unknownThrough: number
  /** The same of buffers newer than any that was seen. */
  newerUnknown: boolean
  /** A COMMIT may be lost with its state, and the buffer be gone since: until an entry says the state. */
  stateInDoubt: boolean
  /** What an earlier recovery found: it holds until the buffer concerned is done. */
  verdicts: Verdict[]
}

export interface Verdict {
  taint: TaintedUser
  /** Number of the buffer with which it ends. */
  until: number
}

/**
 * A recovery that finds a user tainted passes over this many running numbers. What is logged from then on was written
 * without knowledge of the loss, so its counts prove nothing about it; the jump tells later recoveries to keep the verdict.
 */
const RECOVERY_STEP = 2 ** 20

/** The running number to go on from when a recovery found a user tainted who may have lost `lostAtEnd` entries at the end. */
export function sequenceAfterVerdict(sequence: number, lostAtEnd: number): number {
  return sequenceAfter(sequence, RECOVERY_STEP + lostAtEnd)
}

/** Called with LSN and running number of each entry before it is applied. */
export function noteGap(user: UserMachine, lsn: number, sequence: number, { damage, checkpointedLsn }: Losses): void {
  const skipped = skippedSequences(user.sequence, sequence)
  if (skipped === 0) return
  const range = { afterLsn: user.lastLsn, beforeLsn: lsn }
  // However many numbers are missing here: entries that were done with were removed.
  const isThinned = lsn <= checkpointedLsn
  if (skipped >= RECOVERY_STEP && !isThinned) {
    user.gaps.push({ ...range, lost: skipped - RECOVERY_STEP, kind: 'recovery' })
    keepVerdicts(user, skipped - RECOVERY_STEP)
    return
  }
  const lost = Math.min(skipped, lostBetween(damage, range.afterLsn, range.beforeLsn))
  // Without damage in between, nothing is lost.
  if (lost === 0) return
  user.gaps.push({ ...range, lost, kind: skipped === lost && !isThinned ? 'proof' : 'bound' })
  user.unaccounted += lost
  user.lostFromCheckpoint ||= isThinned
  user.newerUnknown = true
  for (const buffer of user.buffers) {
    if (buffer.ended === undefined) buffer.doubtful = true
    else buffer.outcomeLost = true
  }
}

/** `count` of the lost entries are known now. */
export function account(user: UserMachine, count: number): void {
  if (user.unaccounted === 0 || user.lostFromCheckpoint || count <= 0) return
  user.unaccounted = Math.max(0, user.unaccounted - count)
  if (user.unaccounted > 0) return
  user.unknownThrough = 0
  user.newerUnknown = false
  user.stateInDoubt = false
  for (const buffer of user.buffers) Object.assign(buffer, { doubtful: false, outcomeLost: false })
}

/** An entry of the open buffer came: it is the newest. Of those before it, up to `unseenThrough` were not seen. */
export function noNewerUnknown(user: UserMachine, unseenThrough: number): void {
  if (!user.newerUnknown) return
  user.newerUnknown = false
  user.unknownThrough = Math.max(user.unknownThrough, unseenThrough)
}

/** Buffers up to `number` are done, whether they were seen or not. */
export function forgetThrough(user: UserMachine, number: number): void {
  if (number >= user.unknownThrough) user.unknownThrough = 0
  if (user.verdicts.length > 0) user.verdicts = user.verdicts.filter((verdict) => verdict.until > number)
  if (user.buffers.length === 0 && user.unknownThrough === 0 && !user.newerUnknown && !user.stateInDoubt) forgetLosses(user)
}

function forgetLosses(user: UserMachine): void {
  user.unaccounted = 0
  user.lostFromCheckpoint = false
}

/** A word about the oldest buffer: it was neither committed nor cleared before, so none behind it was. */
export function outcomesKnown(user: UserMachine): void {
  for (const buffer of user.buffers) Object.assign(buffer, { outcomeLost: false, maybeCleared: false })
}

/** What is in doubt now stays so, whatever entries behind say. */
function keepVerdicts(user: UserMachine, lostAtEnd: number): void {
  const found = taintsOf(user, lostAtEnd).slice(user.verdicts.length)
  user.verdicts.push(...found.map((taint) => ({ taint, until: endOfVerdict(taint.buffer, user.lastBuffer) })))
  settleDoubts(user)
}

/** Number of the buffer with which a verdict about `buffer` ends. */
export function endOfVerdict(buffer: number, lastBuffer: number): number {
  return buffer > 0 ? buffer : lastBuffer + 1
}

/** A repair says what was known of the user's losses when it made the log whole; the damage itself is told no more. */
export function takeVerdict(user: UserMachine, losses: readonly VerdictPayload[]): void {
  const { userId } = user
  user.verdicts = losses.map(({ until, ...loss }) => ({ taint: { userId, ...loss }, until }))
  settleDoubts(user)
}

function settleDoubts(user: UserMachine): void {
  forgetLosses(user)
  user.unknownThrough = 0
  user.newerUnknown = false
  user.stateInDoubt = false
  for (const buffer of user.buffers) Object.assign(buffer, { missing: 0, doubtful: false, outcomeLost: false, maybeCleared: false })
}

export function lostBetween(damage: readonly Damage[], afterLsn: number, beforeLsn: number): number {
  let lost = 0
  for (const { firstLsn, lastLsn } of damage) {
    if (lastLsn > 0 && firstLsn > afterLsn && lastLsn < beforeLsn) lost += lastLsn - firstLsn + 1
  }
  return lost
}
