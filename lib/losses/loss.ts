/** A loss: a damaged place of a log that was found and is remembered until somebody has acknowledged it. Plain data, pure functions. */
import type { Damage } from '../wal/types.js'

export interface Loss {
  id: string
  /** When a writer found it, ISO 8601. */
  foundAt: string
  /** What was found; of its users as many as fit. */
  damage: Damage
  /** Users of it that are not named here. */
  moreUsers: number
  /** Copies of the damaged bytes, by their paths in the log's directory. */
  quarantine: string[]
}

/** A place that somebody has acknowledged: it is no news when it is met again. */
export type AcknowledgedPlace = Omit<Damage, 'users' | 'detail'>

export interface Acknowledged {
  /** Of the loss; '' where the place was seen before a writer had found it. */
  id: string
  acknowledgedAt: string
  place: AcknowledgedPlace
}

/** The kind of a file of losses that cannot be read: what it told is not known any more. */
export const LOSS_FILE_KIND = 'loss_file'
/** The next start mends these; one that is met later is another one, wherever it is. */
const MENDED: readonly string[] = ['identity', 'ring', LOSS_FILE_KIND]

export const MOST_USERS = 100
/** Copies that one loss names. */
export const MOST_COPIES = 10
/** Of the ids of one loss together: an id may have 64 KiB. */
const MOST_USER_CHARACTERS = 1024
export const MOST_DETAIL_CHARACTERS = 500

/** `damage` as a loss of bounded size. */
export function lossOf(damage: Damage, id: string, foundAt: string): Loss {
  const users: string[] = []
  let characters = 0
  for (const user of damage.users) {
    characters += user.length
    if (users.length >= MOST_USERS || characters > MOST_USER_CHARACTERS) break
    users.push(user)
  }
  const detail = damage.detail.slice(0, MOST_DETAIL_CHARACTERS)
  return { id, foundAt, damage: { ...damage, users, detail }, moreUsers: damage.users.length - users.length, quarantine: [] }
}

export function placeOf({ kind, segment, file, offset, endOffset, firstLsn, lastLsn, previousLsn }: AcknowledgedPlace): AcknowledgedPlace {
  return { kind, segment, file, offset, endOffset, firstLsn, lastLsn, previousLsn }
}

export function isMendedByStart({ kind }: AcknowledgedPlace): boolean {
  return MENDED.includes(kind)
}

/** Places that are known. Stretches of one kind in one file do not overlap, so each is found by where it begins. */
export class KnownPlaces {
  readonly #places = new Map<string, AcknowledgedPlace[]>()

  constructor(places: Iterable<AcknowledgedPlace> = []) {
    for (const place of places) this.add(place)
  }

  add(place: AcknowledgedPlace): void {
    const key = keyOf(place)
    const bucket = this.#places.get(key) ?? []
    this.#places.set(key, bucket)
    bucket.splice(behind(bucket, beginOf(place)), 0, place)
  }

  /** Whether all that `found` says is known: the same bytes or fewer, the same entries or fewer. */
  has(found: AcknowledgedPlace): boolean {
    const bucket = this.#places.get(keyOf(found)) ?? []
    const known = bucket[behind(bucket, beginOf(found)) - 1]
    return known !== undefined && contains(known, found)
  }

  /** Whether it, or a part of it, is known. */
  hasPart(found: AcknowledgedPlace): boolean {
    const bucket = this.#places.get(keyOf(found)) ?? []
    const at = behind(bucket, beginOf(found))
    return bucket.slice(Math.max(0, at - 1), at + 1).some((known) => contains(known, found) || contains(found, known))
  }
}

function keyOf({ kind, file }: AcknowledgedPlace): string {
  return `${kind}/${file}`
}

/** A place without a file (a segment that is missing) is known by its entries; its number changes from start to start. */
function beginOf({ file, offset, firstLsn, previousLsn }: AcknowledgedPlace): number {
  if (file !== '') return offset
  return firstLsn === 0 ? previousLsn : firstLsn
}

/** How many of `bucket`, which is in order, begin at `begin` or before it. */
function behind(bucket: readonly AcknowledgedPlace[], begin: number): number {
  let [low, high] = [0, bucket.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (beginOf(bucket[middle] as AcknowledgedPlace) <= begin) low = middle + 1
    else high = middle
  }
  return low
}

function contains(outer: AcknowledgedPlace, inner: AcknowledgedPlace): boolean {
  if (inner.offset < outer.offset || inner.endOffset > outer.endOffset) return false
  if (inner.lastLsn === 0) return inner.file !== '' || (outer.lastLsn === 0 && inner.previousLsn === outer.previousLsn)
  return inner.firstLsn >= outer.firstLsn && inner.lastLsn <= outer.lastLsn
}
