/** What a page that cannot be read has to cost, from the records that stand in the file and nothing else. */
import type { Damage } from '../../../lib/index.js'
import type { Appended } from '../../support/logs.js'
import { recordsIn, userRecordAt, type RecordPlace } from '../../support/record.js'
import type { UnreadableRange } from './mount.js'

const PAGE_BYTES = 4096
/** Of a short entry: its header, with the number and the check of its user. Of one in full: before the user id. */
const SHORT_HEADER_BYTES = 32
const USER_ID_AT = 44
const LSN_AT = 8
const FIRST_LSN_AT = 48
const LSN_OFFSET_AT = 12

/** A record, and the LSN and the user of the entry that it is; 0 and '' of other records. */
export interface PlacedRecord extends RecordPlace {
  lsn: number
  userId: string
  /** Of a user record. */
  number: number
}

/** The records of an undamaged segment. */
export function placesOf(segment: Buffer, appended: readonly Appended[]): PlacedRecord[] {
  return recordsIn(segment).map((place) => {
    const lsn =
      place.form === 'short entry'
        ? Number(segment.readBigUInt64LE(FIRST_LSN_AT)) + segment.readUInt32LE(place.offset + LSN_OFFSET_AT)
        : place.form === 'entry'
          ? Number(segment.readBigUInt64LE(place.offset + LSN_AT))
          : 0
    const number = place.form === 'user record' ? userRecordAt(segment, place.offset).number : 0
    return { ...place, lsn, number, userId: appended[lsn - 1]?.userId ?? '' }
  })
}

/** The number of the page in which the seal of a sealed segment begins. */
export function pagesOf(places: readonly PlacedRecord[]): number {
  return Math.floor((places.at(-2) as PlacedRecord).offset / PAGE_BYTES)
}

/** Whether all records that say whose a number is are lost with the range: then the user's entries are nobody's. */
export function losesAUser(places: readonly PlacedRecord[], range: UnreadableRange): boolean {
  const users = places.filter(({ form }) => form === 'user record')
  const left = new Set(users.filter((place) => !touches(place, range)).map(({ number }) => number))
  return users.some(({ number }) => !left.has(number))
}

function touches({ offset, end }: PlacedRecord, range: UnreadableRange): boolean {
  return offset < range.end && end > range.first
}

/** The damage: one stretch, of all the records that touch the range. */
export function expectedDamage(file: string, places: readonly PlacedRecord[], range: UnreadableRange): Damage {
  const { first } = range
  const touched = places.filter((place) => touches(place, range))
  const [head] = touched as [PlacedRecord]
  const lost = touched.filter(({ lsn }) => lsn !== 0)
  const previousLsn = places.findLast((place) => place.end <= first && place.lsn !== 0)?.lsn ?? (lost[0]?.lsn ?? 1) - 1
  // Of the first, the readable bytes may say whose it was.
  const saysUntil = head.form === 'short entry' ? SHORT_HEADER_BYTES : USER_ID_AT + Buffer.byteLength(head.userId)
  const isNamed = head.lsn !== 0 && head.offset + saysUntil <= first
  return {
    kind: 'unreadable',
    segment: Number.parseInt(file, 10),
    file,
    offset: head.offset,
    endOffset: (touched.at(-1) as PlacedRecord).end,
    firstLsn: lost[0]?.lsn ?? 0,
    lastLsn: lost.at(-1)?.lsn ?? 0,
    previousLsn,
    users: isNamed ? [head.userId] : [],
    detail: ''
  }
}
