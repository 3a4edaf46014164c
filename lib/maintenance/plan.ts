/**
 * Which entries of a log recovery can still need: what a checkpoint keeps. Pure. One pass; memory for users and live buffers.
 *
 * Per user, entries go from the front only. Kept is everything from the first entry of the oldest live buffer on (live: the
 * machine of recovery would have it in the end), and of what is before:
 *
 *   the last entry that carries a state    what the user has, and what a replay that is lost falls back to
 *   a clear behind it                      it ends what that entry may speak of
 *   per source, the entry of its last row  where reading goes on
 *   the user's last entry                  its running number, and the number of its last buffer
 *   the verdict of a repair                until the buffers are done that it is about
 *
 * An entry that is kept may name a buffer that is done: then the entry that ended that buffer is kept too, so the machine
 * forgets it again. Entries that no buffer wrote are the service's own, where a COMMIT says that what is before it is done.
 */
import { isOurs, isVerdict, readAdd, readCheckpoint, readCommit, readEnd, readRollback, readStart, readVerdict } from '../replay/payloads.js'
import type { Origin, SourceRow } from '../replay/measurement.js'
import { MeasurementPayload, Operation, type Entry, type EntryChunk } from '../wal/types.js'

/** What a checkpoint keeps: of users that are not listed, everything. LSNs as numbers, ready to be handed to another thread. */
export interface CompactionPlan {
  users: string[]
  /** For each of them: everything from this LSN on. */
  keepFromLsn: Float64Array
  /** Single entries before these, ascending. */
  alsoLsns: Float64Array
}

/** A place that everything may have to be kept from, and what must be kept of what is before it. */
interface Mark {
  lsn: number
  stateLsn: number
  clearLsn: number
}

interface LiveBuffer extends Mark {
  number: number
}

interface UserPlan {
  userId: string
  /** The last entry that a buffer or a replay wrote; 0: none. */
  lastLsn: number
  /** The last entry that carries a state, and the last one that cleared buffers; 0: none. */
  stateLsn: number
  clearLsn: number
  /** The last verdict of a repair, and the buffer with which all of it ends; 0: none. */
  verdictLsn: number
  verdictUntil: number
  live: LiveBuffer[]
  /** Where the service's own entries begin that are not done with. */
  own: Mark | undefined
}

interface SourceEnd {
  position: number
  lsn: number
}

const NO_USERS: readonly string[] = []

export class CompactionPlanner {
  readonly #users = new Map<string, UserPlan>()
  readonly #sources = new Map<number, SourceEnd>()
  /** The plans of `#chunkUsers`, by number. */
  #numbered: Array<UserPlan | undefined> = []
  #chunkUsers = NO_USERS

  /** Throws `ERR_WAL_CODEC` when the payload is not of this version: what is not understood is not dropped. */
  takeEntry(entry: Entry): void {
    this.#take(this.#userOf(entry.userId), entry)
  }

  /** The same for each entry of a chunk. */
  takeChunk(chunk: EntryChunk): void {
    if (chunk.users !== this.#chunkUsers) {
      this.#chunkUsers = chunk.users
      this.#numbered = []
    }
    for (let i = 0; i < chunk.length; i++) {
      const number = chunk.user(i)
      const user = (this.#numbered[number] ??= this.#userOf(chunk.users[number] as string))
      if (!this.#takeMeasurement(user, chunk, i)) this.#take(user, chunk.entry(i))
    }
  }

  plan(): CompactionPlan {
    const users: string[] = []
    const keepFrom: number[] = []
    const also = new Set<number>()
    for (const user of this.#users.values()) {
      const { lsn, stateLsn, clearLsn } = keptFrom(user)
      users.push(user.userId)
      keepFrom.push(lsn)
      if (stateLsn > 0 && stateLsn < lsn) also.add(stateLsn)
      if (clearLsn > stateLsn && clearLsn < lsn) also.add(clearLsn)
      if (user.verdictLsn > 0 && user.verdictLsn < lsn) also.add(user.verdictLsn)
    }
    for (const { lsn } of this.#sources.values()) also.add(lsn)
    return { users, keepFromLsn: Float64Array.from(keepFrom), alsoLsns: Float64Array.from(also).sort() }
  }

  /** Takes an entry that is numbers alone and whole, without an object for it: most are. */
  #takeMeasurement(user: UserPlan, chunk: EntryChunk, i: number): boolean {
    if (!chunk.isMeasurement(i)) return false
    const buffer = chunk.payloadUint32(i, MeasurementPayload.BUFFER_AT)
    if (buffer === 0 || chunk.sequence(i) === 0) return false
    const origin = chunk.payloadUint8(i, MeasurementPayload.ORIGIN_AT)
    if (origin > 1 || (origin === 1 && chunk.payloadBytes(i) < MeasurementPayload.BYTES_WITH_ORIGIN)) return false
    const lsn = chunk.lsn(i)
    if (origin === 1) {
      this.#noteRow(chunk.payloadUint32(i, MeasurementPayload.SOURCE_AT), chunk.payloadFloat64(i, MeasurementPayload.POSITION_AT), lsn)
    }
    noteBuffer(user, buffer, lsn)
    user.lastLsn = lsn
    return true
  }

  #take(user: UserPlan, entry: Entry): void {
    const { lsn, operation, payload } = entry
    if (entry.sequence === 0 || !isOurs(payload)) {
      takeOwn(user, entry)
      return
    }
    switch (operation) {
      case Operation.START_BUFFER:
        if (isVerdict(payload)) takeVerdict(user, entry)
        else noteBuffer(user, readStart(payload).buffer, lsn)
        break
      case Operation.ADD_MEASUREMENT: {
        const { buffer, origin } = readAdd(payload)
        noteBuffer(user, buffer, lsn)
        this.#noteRowOf(origin, lsn)
        break
      }
      case Operation.END_BUFFER: {
        const { buffer, lastRow } = readEnd(payload)
        noteBuffer(user, buffer, lsn)
        this.#noteRowOf(lastRow, lsn)
        break
      }
      case Operation.CHECKPOINT:
      case Operation.ROLLBACK: {
        const { buffer, lastRow } = operation === Operation.CHECKPOINT ? readCheckpoint(payload) : readRollback(payload)
        drop(user, buffer - 1)
        endVerdict(user, buffer - 1)
        noteBuffer(user, buffer, lsn)
        user.stateLsn = lsn
        this.#noteRowOf(lastRow, lsn)
        break
      }
      case Operation.COMMIT: {
        const { buffer, discarded, lastRow } = readCommit(payload)
        drop(user, discarded ? Infinity : buffer)
        endVerdict(user, buffer)
        if (discarded) user.clearLsn = lsn
        else user.stateLsn = lsn
        this.#noteRowOf(lastRow, lsn)
        break
      }
    }
    user.lastLsn = lsn
  }

  #noteRowOf(row: Origin | SourceRow | undefined, lsn: number): void {
    if (row !== undefined) this.#noteRow(row.source, row.position, lsn)
  }

  /** The entry that recovery would take the source's end from: the first that says its highest row. */
  #noteRow(source: number, position: number, lsn: number): void {
    const end = this.#sources.get(source)
    if (end === undefined) this.#sources.set(source, { position, lsn })
    else if (position > end.position) {
      end.position = position
      end.lsn = lsn
    }
  }

  #userOf(userId: string): UserPlan {
    let user = this.#users.get(userId)
    if (user === undefined) {
      user = { userId, lastLsn: 0, stateLsn: 0, clearLsn: 0, verdictLsn: 0, verdictUntil: 0, live: [], own: undefined }
      this.#users.set(userId, user)
    }
    return user
  }
}

/** The first entry about a buffer that is not known makes it live. */
function noteBuffer(user: UserPlan, number: number, lsn: number): void {
  for (const buffer of user.live) if (buffer.number === number) return
  user.live.push({ number, lsn, stateLsn: user.stateLsn, clearLsn: user.clearLsn })
}

/** Buffers up to `through` are done. */
function drop(user: UserPlan, through: number): void {
  if (user.live.length > 0) user.live = user.live.filter((buffer) => buffer.number > through)
}

function takeVerdict(user: UserPlan, { lsn, payload }: Entry): void {
  user.verdictLsn = lsn
  user.verdictUntil = Math.max(0, ...readVerdict(payload).map(({ until }) => until))
}

/** Buffers up to `through` are done, and what was said of them with them. */
function endVerdict(user: UserPlan, through: number): void {
  if (user.verdictUntil <= through) user.verdictLsn = 0
}

/** An entry of the service's own. */
function takeOwn(user: UserPlan, { lsn, operation }: Entry): void {
  if (user.own === undefined || operation === Operation.COMMIT) {
    user.own = { lsn, stateLsn: user.stateLsn, clearLsn: user.clearLsn }
  }
}

/** The first of the places that something is live from; the last entry where nothing is. */
function keptFrom(user: UserPlan): Mark {
  const { lastLsn, stateLsn, clearLsn } = user
  let first: Mark = { lsn: lastLsn > 0 ? lastLsn : Infinity, stateLsn, clearLsn }
  for (const mark of user.live) if (mark.lsn < first.lsn) first = mark
  if (user.own !== undefined && user.own.lsn < first.lsn) first = user.own
  return first
}
