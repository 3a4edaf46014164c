/** Losses looked at from outside, and acknowledged: without the log's lock, beside a live writer too. */
import { WalError, type WalErrorCode } from '../errors.js'
import type { Damage } from '../wal/types.js'
import { isMendedByStart, KnownPlaces, placeOf, type Acknowledged, type Loss } from './loss.js'
import { MOST_ACKNOWLEDGED, readAcknowledgedFile, readLossFile, writeAcknowledgedFile } from './loss-files.js'

/** What a log remembers of its losses. */
export interface LossReport {
  /** What writers have found and nobody has acknowledged, the oldest first. */
  losses: Loss[]
  /** Of `losses`, what is not among the damage that the log shows now. */
  earlier: Loss[]
  /** Of the damage that the log shows now, what nobody has acknowledged. */
  unacknowledged: Damage[]
  /** More were found than are remembered. */
  truncated: boolean
  /** Why what is remembered cannot be read, a sentence for each file. */
  problems: string[]
}

const CODES: Readonly<Record<string, WalErrorCode>> = {
  ENOENT: 'ERR_WAL_NOT_FOUND',
  ENOTDIR: 'ERR_WAL_NOT_A_LOG',
  EACCES: 'ERR_WAL_PERMISSION',
  EPERM: 'ERR_WAL_PERMISSION',
  EROFS: 'ERR_WAL_PERMISSION',
  ENOSPC: 'ERR_WAL_NO_SPACE',
  EDQUOT: 'ERR_WAL_NO_SPACE'
}

/**
 * Reads what the log in `directory` remembers, beside the damage that it shows now (`scanLog`); changes nothing. What the next start
 * mends (`log.id`, a ring) is told once more by it, whatever is acknowledged before. Throws `ERR_WAL_IO`.
 */
export async function readLosses(directory: string, shown: readonly Damage[] = []): Promise<LossReport> {
  try {
    const [found, acknowledged] = await Promise.all([readLossFile(directory), readAcknowledgedFile(directory)])
    const done = acknowledged.content ?? []
    const ids = new Set(done.map(({ id }) => id))
    const known = new KnownPlaces(done.map(({ place }) => place).filter((place) => !isMendedByStart(place)))
    const losses = (found.content?.losses ?? []).filter(({ id, damage }) => !ids.has(id) && !known.has(damage))
    const places = new KnownPlaces(shown)
    return {
      losses,
      earlier: losses.filter(({ damage }) => !places.hasPart(damage)),
      unacknowledged: shown.filter((damage) => !known.has(damage)),
      truncated: found.content?.truncated ?? false,
      problems: [found.problem, acknowledged.problem].filter((problem) => problem !== undefined)
    }
  } catch (error) {
    throw lossFailure(directory, error)
  }
}

/**
 * Acknowledges losses that `readLosses` has given, and damage that `scanLog` has: durably, and nothing that came meanwhile. A
 * writer that has the log open learns of it within a second. `shown` is all of the log's damage; what was acknowledged before and is
 * in neither any more is forgotten. Throws `ERR_WAL_PERMISSION`, `ERR_WAL_NO_SPACE`, `ERR_WAL_NOT_FOUND`, `ERR_WAL_IO`; nothing is
 * acknowledged then.
 */
export async function acknowledgeLosses(directory: string, losses: readonly Loss[], damage: readonly Damage[], shown?: readonly Damage[]): Promise<void> {
  try {
    const [found, before] = await Promise.all([readLossFile(directory), readAcknowledgedFile(directory)])
    const kept = stillThere(before.content ?? [], found.content?.losses, shown)
    const acknowledgedAt = new Date().toISOString()
    const added: Acknowledged[] = [
      ...losses.map((loss) => ({ id: loss.id, acknowledgedAt, place: placeOf(loss.damage) })),
      ...damage.filter((each) => !isMendedByStart(each)).map((each) => ({ id: '', acknowledgedAt, place: placeOf(each) }))
    ]
    await writeAcknowledgedFile(directory, [...kept, ...added].slice(-MOST_ACKNOWLEDGED))
  } catch (error) {
    throw lossFailure(directory, error)
  }
}

/** Those whose place is in the log, or whose loss the writer has not taken out of its file yet. */
function stillThere(before: readonly Acknowledged[], losses: readonly Loss[] | undefined, shown: readonly Damage[] | undefined): readonly Acknowledged[] {
  if (losses === undefined || shown === undefined) return before
  const places = new KnownPlaces(shown)
  const ids = new Set(losses.map(({ id }) => id))
  return before.filter(({ id, place }) => ids.has(id) || places.hasPart(place))
}

/** What the system said of the files, as the error of this package. */
export function lossFailure(directory: string, cause: unknown): WalError {
  const { message, code = '' } = cause as NodeJS.ErrnoException
  return new WalError(CODES[code] ?? 'ERR_WAL_IO', `the losses of ${directory}: ${message}`, { cause })
}
