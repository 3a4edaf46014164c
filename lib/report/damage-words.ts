/** Damage in words. */
import type { Damage } from '../wal/types.js'
import { count, lsnRange, plural } from './format.js'
import { html, listed, userName, type Html } from './html.js'

const LISTED_USERS = 10

/** Entries that a damage costs. */
export function lostEntries({ firstLsn, lastLsn }: Damage): number {
  return lastLsn === 0 ? 0 : lastLsn - firstLsn + 1
}

export function placeText({ file, segment }: Damage): string {
  if (file !== '') return file
  return segment === 0 ? 'staging ring' : `segment ${segment}`
}

export function bytesText({ offset, endOffset }: Damage): string {
  return endOffset > offset ? `${count(offset)}–${count(endOffset - 1)}` : `at ${count(offset)}`
}

export function lossText(damage: Damage): string {
  if (damage.lastLsn === 0) return 'no entry is known to be lost'
  return `${plural(lostEntries(damage), 'entry', 'entries')}: ${lsnRange(damage.firstLsn, damage.lastLsn)}`
}

export function usersText({ users, lastLsn }: Damage): Html {
  if (users.length === 0) return html`${lastLsn === 0 ? '–' : 'not known'}`
  const more = users.length - LISTED_USERS
  return html`${listed(users.slice(0, LISTED_USERS).map(userName))}${more > 0 && ` and ${count(more)} more`}`
}
