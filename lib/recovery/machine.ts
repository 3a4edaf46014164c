/**
 * The per-user machine: what one user's entries, in order, leave behind. Pure. What it decides is the table in
 * docs/recovery.md:
 *
 *   START_BUFFER, ADD*   the open buffer            CHECKPOINT   the state in it, and the buffer, ended
 *   END_BUFFER           the buffer, ended          COMMIT       the state in it, the buffer gone
 *                                                   ROLLBACK     the state in it, the buffer, ended, its attempts
 *
 * Entries of a user carry running numbers, so a loss shows as a gap. Control entries say how many measurements their
 * buffer has and carry whole states: whatever was lost before one of them is judged by it, not guessed.
 */
import { LIMITS_LOST } from '../replay/buffer-record.js'
import { nextSequence } from '../replay/journal.js'
import {
  readAdd,
  readCheckpoint,
  readCommit,
  readEnd,
  readRollback,
  readStart,
  type EndReason
} from '../replay/payloads.js'
import { Operation, type Entry } from '../wal/types.js'

/** A buffer with its measurements still encoded. */
export interface EncodedBuffer {
  number: number
  windowStart: number
  windowEnd: number
  maxMeasurements: number
  minMeasurements: number
  values: Uint8Array[]
  ended: EndReason | undefined
  attempts: number
  parked: boolean
  /** A CHECKPOINT of it was the last word: a replay was under way. */
  replaying: boolean
  /** Measurements that it is proven to miss. */
  missing: number
  /** Entries were lost while it was open or waiting, and nothing since has told which. */
  doubtful: boolean
  /** It was under way when entries were lost: its COMMIT or ROLLBACK may be among them. */
  outcomeLost: boolean
}

/** Lost entries of a user between two that came back. */
export interface Gap {
  afterLsn: number
  beforeLsn: number
  lost: number
}

export interface UserMachine {
  userId: string
  sequence: number
  lastLsn: number
  lastBuffer: number
  state: Uint8Array | undefined
  replayed: number
  buffers: EncodedBuffer[]
  gaps: Gap[]
}

export function createMachine(userId: string): UserMachine {
  return { userId, sequence: 0, lastLsn: 0, lastBuffer: 0, state: undefined, replayed: 0, buffers: [], gaps: [] }
}

/** Takes the next entry of the user. Throws `ERR_WAL_CODEC` when its payload is not of this version. */
export function applyEntry(user: UserMachine, entry: Entry): void {
  noteSequence(user, entry)
  user.lastLsn = entry.lsn
  switch (entry.operation) {
    case Operation.START_BUFFER: {
      const { buffer, ...limits } = readStart(entry.payload)
      const open = openBuffer(user)
      // Its END_BUFFER was lost: a buffer is only begun behind one that was ended.
      if (open !== undefined) open.ended = 'window'
      user.buffers.push(newBuffer(buffer, limits))
      user.lastBuffer = buffer
      break
    }
    case Operation.ADD_MEASUREMENT:
      ;(openBuffer(user) ?? bufferWithoutStart(user, entry)).values.push(readAdd(entry.payload).value)
      break
    case Operation.END_BUFFER: {
      const { buffer, count, reason } = readEnd(entry.payload)
      settle(user, buffer, count).ended = reason
      break
    }
    case Operation.CHECKPOINT: {
      const checkpoint = readCheckpoint(entry.payload)
      dropBefore(user, checkpoint.buffer)
      const record = settle(user, checkpoint.buffer, checkpoint.count)
      record.ended ??= 'requested'
      record.attempts = checkpoint.attempts
      record.replaying = true
      record.outcomeLost = false
      user.state = checkpoint.value
      user.replayed = checkpoint.replayed
      break
    }
    case Operation.COMMIT: {
      const commit = readCommit(entry.payload)
      dropBefore(user, commit.buffer + 1)
      user.lastBuffer = Math.max(user.lastBuffer, commit.buffer)
      if (commit.discarded) break
      user.state = commit.value
      user.replayed = commit.replayed
      break
    }
    case Operation.ROLLBACK: {
      const rollback = readRollback(entry.payload)
      dropBefore(user, rollback.buffer)
      const record = settle(user, rollback.buffer, rollback.count)
      record.ended ??= 'requested'
      record.attempts = rollback.attempts
      record.parked = rollback.parked
      record.replaying = false
      record.outcomeLost = false
      user.state = rollback.value
      user.replayed = rollback.replayed
      break
    }
  }
}

function noteSequence(user: UserMachine, entry: Entry): void {
  const expected = nextSequence(user.sequence)
  if (entry.sequence !== expected) {
    const lost = entry.sequence > expected ? entry.sequence - expected : 1
    user.gaps.push({ afterLsn: user.lastLsn, beforeLsn: entry.lsn, lost })
    for (const buffer of user.buffers) {
      if (buffer.ended === undefined) buffer.doubtful = true
      if (buffer.replaying) buffer.outcomeLost = true
    }
  }
  user.sequence = entry.sequence
}

/** The buffer `number`, of which it is now known that it has `count` measurements. */
function settle(user: UserMachine, number: number, count: number): EncodedBuffer {
  let buffer = user.buffers.find((each) => each.number === number)
  if (buffer === undefined) {
    // All that was logged of it is lost.
    buffer = newBuffer(number)
    user.buffers.push(buffer)
    user.lastBuffer = Math.max(user.lastBuffer, number)
  }
  buffer.missing = Math.max(0, count - buffer.values.length)
  buffer.doubtful = false
  return buffer
}

/** Buffers are replayed in order: a word about buffer `number` says that those before it are done. */
function dropBefore(user: UserMachine, number: number): void {
  while (user.buffers[0] !== undefined && user.buffers[0].number < number) user.buffers.shift()
}

function openBuffer(user: UserMachine): EncodedBuffer | undefined {
  const last = user.buffers.at(-1)
  return last?.ended === undefined ? last : undefined
}

/** A measurement without an open buffer: the START_BUFFER is lost, and with it the limits. */
function bufferWithoutStart(user: UserMachine, entry: Entry): EncodedBuffer {
  const buffer = newBuffer(user.lastBuffer + 1)
  buffer.windowStart = entry.timestamp
  buffer.doubtful = true
  user.lastBuffer = buffer.number
  user.buffers.push(buffer)
  return buffer
}

function newBuffer(
  number: number,
  limits: Pick<EncodedBuffer, 'windowStart' | 'windowEnd' | 'maxMeasurements' | 'minMeasurements'> = {
    windowStart: 0,
    windowEnd: Infinity,
    maxMeasurements: LIMITS_LOST,
    minMeasurements: 1
  }
): EncodedBuffer {
  return {
    number,
    ...limits,
    values: [],
    ended: undefined,
    attempts: 0,
    parked: false,
    replaying: false,
    missing: 0,
    doubtful: false,
    outcomeLost: false
  }
}
