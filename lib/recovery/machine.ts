/**
 * The per-user machine: what one user's entries, in order, leave behind. Pure. What it decides is the table in
 * docs/recovery.md:
 *
 *   START_BUFFER, ADD*   the open buffer            CHECKPOINT   the state in it, and the buffer, ended
 *   END_BUFFER           the buffer, ended          COMMIT       the state in it, the buffer gone
 *                                                   ROLLBACK     the state in it, the buffer, ended, its attempts
 *
 * Every entry names its buffer, and control entries carry counts and whole states, so a lost entry has a known outcome:
 *
 *   START_BUFFER     the buffer begins with its first measurement; its limits are set anew
 *   ADD_MEASUREMENT  the buffer misses it (tainted), or a COMMIT behind holds it already
 *   END_BUFFER       the next entry of a later buffer, or the CHECKPOINT, ends it; until the CHECKPOINT it may have been cleared
 *   CHECKPOINT       the buffer is replayed from the state before, which is the same; or the COMMIT behind says all
 *   COMMIT           the replay runs again, from its CHECKPOINT; or the next CHECKPOINT says the state
 *   ROLLBACK         the replay runs again, one attempt not counted; or the next CHECKPOINT says the count
 *
 * Entries of a user carry running numbers, so a loss shows as a gap (gaps.ts keeps the account of it).
 */
import { LIMITS_LOST } from '../replay/buffer-record.js'
import type { Origin, SourceRow } from '../replay/measurement.js'
import {
  isVerdict,
  readAdd,
  readCheckpoint,
  readCommit,
  readEnd,
  readRollback,
  readStart,
  readVerdict,
  type CommitPayload,
  type EndReason,
  type StartPayload
} from '../replay/payloads.js'
import { Operation, type Entry } from '../wal/types.js'
import { EncodedList } from './encoded-list.js'
import { account, forgetThrough, NO_LOSSES, noNewerUnknown, noteGap, outcomesKnown, takeVerdict, type Doubts, type Losses } from './gaps.js'
import { NumberArena } from './number-arena.js'

/** A buffer with its measurements still encoded. */
export interface EncodedBuffer {
  number: number
  windowStart: number
  windowEnd: number
  maxMeasurements: number
  minMeasurements: number
  values: EncodedList
  /** Its last measurement that came from a source. */
  lastRow: SourceRow | undefined
  /** Place in `values` of the one that says the time of `lastRow`; -1: `lastRow` does. */
  lastRowAt: number
  ended: EndReason | undefined
  attempts: number
  parked: boolean
  /** A CHECKPOINT of it was the last word: a replay was under way. */
  replaying: boolean
  /** Measurements that it is proven to miss. */
  missing: number
  /** It was open when entries were lost, and no count has told since whether any were its own. */
  doubtful: boolean
  /** It waited or was under way when entries were lost: that it was committed or cleared may be among them. */
  outcomeLost: boolean
  /** A later buffer was begun without an END_BUFFER before it: that is lost, or a COMMIT that cleared the one that was open. */
  maybeCleared: boolean
}

export interface UserMachine extends Doubts {
  userId: string
  /** Where its buffers keep their numbers. */
  arena: NumberArena
  sequence: number
  lastLsn: number
  lastBuffer: number
  state: Uint8Array | undefined
  replayed: number
  /** By number; only the last one can be open. */
  buffers: EncodedBuffer[]
}

export function createMachine(userId: string, arena = new NumberArena()): UserMachine {
  return {
    userId,
    arena,
    sequence: 0,
    lastLsn: 0,
    lastBuffer: 0,
    state: undefined,
    replayed: 0,
    buffers: [],
    gaps: [],
    unaccounted: 0,
    lostFromCheckpoint: false,
    unknownThrough: 0,
    newerUnknown: false,
    stateInDoubt: false,
    verdicts: []
  }
}

/**
 * Takes the next entry of the user; `losses` is what was met in the log so far. Throws `ERR_WAL_CODEC` when its payload is
 * not of this version.
 */
export function applyEntry(user: UserMachine, entry: Entry, losses: Losses = NO_LOSSES): void {
  noteGap(user, entry.lsn, entry.sequence, losses)
  user.sequence = entry.sequence
  user.lastLsn = entry.lsn
  switch (entry.operation) {
    case Operation.START_BUFFER: {
      if (isVerdict(entry.payload)) {
        takeVerdict(user, readVerdict(entry.payload))
        break
      }
      const start = readStart(entry.payload)
      openAs(user, start.buffer, start)
      break
    }
    case Operation.ADD_MEASUREMENT: {
      const { buffer: number, origin, value } = readAdd(entry.payload)
      const buffer = openAs(user, number, undefined, entry.timestamp)
      if (value instanceof Uint8Array) addEncoded(buffer, value, origin)
      else addNumbers(buffer, value.timestamp, value.value, origin?.source ?? 0, origin?.position ?? 0)
      break
    }
    case Operation.END_BUFFER: {
      const { buffer: number, count, reason, lastRow } = readEnd(entry.payload)
      const buffer = openAs(user, number)
      settle(user, buffer, count, lastRow)
      buffer.ended = reason
      break
    }
    case Operation.CHECKPOINT: {
      const checkpoint = readCheckpoint(entry.payload)
      const buffer = replayOf(user, checkpoint)
      // The ROLLBACK between two CHECKPOINTs with different counts is lost.
      if (buffer.replaying && checkpoint.attempts > buffer.attempts) account(user, 1)
      buffer.attempts = checkpoint.attempts
      buffer.replaying = true
      break
    }
    case Operation.COMMIT:
      commit(user, readCommit(entry.payload))
      break
    case Operation.ROLLBACK: {
      const rollback = readRollback(entry.payload)
      const buffer = replayOf(user, rollback)
      if (!buffer.replaying) account(user, 1)
      buffer.attempts = rollback.attempts
      buffer.parked = rollback.parked
      buffer.replaying = false
      break
    }
  }
}

/**
 * The same as `applyEntry` for the ADD_MEASUREMENT of a measurement that is numbers alone, without an object for it: most
 * entries are that. `source` 0: no origin.
 */
export function applyMeasurement(
  user: UserMachine,
  lsn: number,
  sequence: number,
  loggedAt: number,
  number: number,
  timestamp: number,
  value: number,
  source: number,
  position: number,
  losses: Losses
): void {
  if (sequence !== user.sequence + 1) noteGap(user, lsn, sequence, losses)
  user.sequence = sequence
  user.lastLsn = lsn
  const only = user.buffers.length === 1 ? user.buffers[0] : undefined
  const buffer = only?.number === number && !user.newerUnknown ? only : openAs(user, number, undefined, loggedAt)
  addNumbers(buffer, timestamp, value, source, position)
}

function addNumbers(buffer: EncodedBuffer, timestamp: number, value: number, source: number, position: number): void {
  buffer.values.addNumbers(timestamp, value)
  if (source === 0) return
  if (buffer.lastRow === undefined) buffer.lastRow = { source, position, timestamp }
  else {
    buffer.lastRow.source = source
    buffer.lastRow.position = position
    buffer.lastRow.timestamp = timestamp
  }
  buffer.lastRowAt = -1
}

function addEncoded(buffer: EncodedBuffer, value: Uint8Array, origin: Origin | undefined): void {
  if (origin !== undefined) {
    buffer.lastRow = { ...origin, timestamp: NaN }
    buffer.lastRowAt = buffer.values.length
  }
  buffer.values.addEncoded(value)
}

/** The buffer that an entry of the open buffer `number` is about. What was open before it was ended. */
function openAs(user: UserMachine, number: number, limits?: StartPayload, startedAt = 0): EncodedBuffer {
  for (const earlier of user.buffers) {
    if (earlier.number < number) endOrClearUnseen(user, earlier)
  }
  let buffer = user.buffers.find((each) => each.number === number)
  const unseenBefore = number > user.lastBuffer + 1
  if (buffer === undefined) {
    if (limits === undefined) account(user, 1)
    buffer = insert(user, limits === undefined ? { ...newBuffer(user, number), windowStart: startedAt } : newBuffer(user, number, limits))
    if (limits === undefined) buffer.doubtful = user.unaccounted > 0
  }
  noNewerUnknown(user, unseenBefore ? number - 1 : 0)
  return buffer
}

/** Its END_BUFFER is lost. */
function endUnseen(user: UserMachine, buffer: EncodedBuffer, reason: EndReason): void {
  if (buffer.ended !== undefined) return
  buffer.ended = reason
  account(user, 1)
}

/** A later buffer was begun: this one was ended, or it and those before it were cleared. One lost entry is explained by it. */
function endOrClearUnseen(user: UserMachine, buffer: EncodedBuffer): void {
  if (buffer.ended !== undefined) return
  const isLost = user.unaccounted > 0
  endUnseen(user, buffer, 'window')
  if (!isLost) return
  for (const each of user.buffers) each.maybeCleared ||= each.number <= buffer.number
}

/** The buffer that CHECKPOINT or ROLLBACK is about, with the state that they carry. */
function replayOf(
  user: UserMachine,
  about: { buffer: number; count: number; lastRow: SourceRow | undefined; replayed: number; value: Uint8Array }
): EncodedBuffer {
  takeState(user, about)
  dropBefore(user, about.buffer)
  let buffer = user.buffers.find((each) => each.number === about.buffer)
  if (buffer === undefined) {
    account(user, 1)
    buffer = insert(user, newBuffer(user, about.buffer))
  }
  endUnseen(user, buffer, 'requested')
  settle(user, buffer, about.count, about.lastRow)
  outcomesKnown(user)
  return buffer
}

function commit(user: UserMachine, about: CommitPayload): void {
  if (about.discarded) {
    clear(user, about)
    return
  }
  takeState(user, about)
  const buffer = user.buffers.find((each) => each.number === about.buffer)
  if (buffer !== undefined) {
    endUnseen(user, buffer, 'requested')
    if (!buffer.replaying) account(user, 1)
    settle(user, buffer, about.count, undefined)
  }
  dropBefore(user, about.buffer)
  drop(user, (each) => each.number === about.buffer)
  forgetThrough(user, about.buffer)
  outcomesKnown(user)
  user.lastBuffer = Math.max(user.lastBuffer, about.buffer)
}

/** A state outlives the chunk of the log that it came in. */
function takeState(user: UserMachine, about: { value: Uint8Array; replayed: number }): void {
  user.state = Uint8Array.prototype.slice.call(about.value)
  user.replayed = about.replayed
  user.stateInDoubt = false
}

/** All buffers of the user were cleared; what was in them is not applied, and the state stays. */
function clear(user: UserMachine, { buffer: newest, count }: CommitPayload): void {
  const known = user.buffers.reduce((sum, buffer) => sum + buffer.values.length + buffer.missing, 0)
  account(user, count - known)
  // With fewer measurements than are known here, or two entries lost or more, one of the buffers may have been committed
  // before, and its state be lost with the COMMIT. A doubt that there was stays: a clear says no state.
  user.stateInDoubt ||= user.unaccounted > 1 || user.lostFromCheckpoint || (user.unaccounted === 1 && count < known)
  drop(user, () => true)
  user.lastBuffer = Math.max(user.lastBuffer, newest)
  noNewerUnknown(user, 0)
  forgetThrough(user, newest)
}

/** It is now known that the buffer has `count` measurements. */
function settle(user: UserMachine, buffer: EncodedBuffer, count: number, lastRow: SourceRow | undefined): void {
  const missing = Math.max(0, count - buffer.values.length)
  account(user, missing - buffer.missing)
  buffer.missing = missing
  buffer.doubtful = false
  if (lastRow === undefined) return
  buffer.lastRow = lastRow
  buffer.lastRowAt = -1
}

/** Buffers are replayed in order: a word about a buffer says that those before it are done. */
function dropBefore(user: UserMachine, number: number): void {
  const last = user.buffers.findLast((buffer) => buffer.number < number)
  drop(user, (buffer) => buffer.number < number)
  // At least one COMMIT is lost; one that cleared them is one for all, and may be accounted for already.
  if (last?.maybeCleared === false) account(user, 1)
  forgetThrough(user, number - 1)
}

function drop(user: UserMachine, isDone: (buffer: EncodedBuffer) => boolean): void {
  for (const buffer of user.buffers) if (isDone(buffer)) buffer.values.release()
  user.buffers = user.buffers.filter((buffer) => !isDone(buffer))
}

function insert(user: UserMachine, buffer: EncodedBuffer): EncodedBuffer {
  const at = user.buffers.findIndex((each) => each.number > buffer.number)
  user.buffers.splice(at < 0 ? user.buffers.length : at, 0, buffer)
  user.lastBuffer = Math.max(user.lastBuffer, buffer.number)
  return buffer
}

function newBuffer(
  user: UserMachine,
  number: number,
  limits: Pick<EncodedBuffer, 'windowStart' | 'windowEnd' | 'maxMeasurements' | 'minMeasurements'> = {
    windowStart: 0,
    windowEnd: Infinity,
    maxMeasurements: LIMITS_LOST,
    minMeasurements: 1
  }
): EncodedBuffer {
  const { windowStart, windowEnd, maxMeasurements, minMeasurements } = limits
  return {
    number,
    windowStart,
    windowEnd,
    maxMeasurements,
    minMeasurements,
    values: new EncodedList(user.arena),
    lastRow: undefined,
    lastRowAt: -1,
    ended: undefined,
    attempts: 0,
    parked: false,
    replaying: false,
    missing: 0,
    doubtful: false,
    outcomeLost: false,
    maybeCleared: false
  }
}
