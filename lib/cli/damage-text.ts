/** Damage and torn tails in words, the same in every command. */
import type { Damage, LogScan } from '../index.js'
import { escapeText } from './escape.js'
import { formatCount, formatLsnRange, plural } from './table.js'

const SHOWN_USERS = 10
/** When no LSN is named, nobody knows what was in them: whole files, and bytes that the device does not give. */
const OF_UNKNOWN_CONTENT = new Set([
  'unreadable', 'segment_header', 'missing_segment', 'misplaced_segment', 'foreign_segment', 'broken_chain', 'not_a_file', 'ring', 'loss_file'
])

/** Number of entries that a damage costs. */
export function lostEntries(damage: Damage): number {
  return damage.lastLsn === 0 ? 0 : damage.lastLsn - damage.firstLsn + 1
}

/** One line: where, which bytes, which entries, whose. */
export function damageText(damage: Damage): string {
  const where = damage.file === '' ? (damage.segment === 0 ? 'the staging ring' : `segment ${damage.segment}`) : damage.file
  const bytes = damage.endOffset > damage.offset ? ` bytes ${damage.offset}-${damage.endOffset - 1}` : ` at offset ${damage.offset}`
  const detail = damage.detail === '' ? '' : ` (${escapeText(damage.detail)})`
  return `${damage.kind} in ${escapeText(where)},${bytes}: ${lossText(damage)}${detail}`
}

function lossText(damage: Damage): string {
  if (damage.lastLsn === 0) {
    const none = OF_UNKNOWN_CONTENT.has(damage.kind) ? 'no entry is proven lost' : 'no entry lost'
    return damage.previousLsn === 0 ? none : `${none}, after LSN ${damage.previousLsn}`
  }
  const users = damage.users.slice(0, SHOWN_USERS).map((user) => `'${escapeText(user)}'`)
  if (damage.users.length > SHOWN_USERS) users.push(`${damage.users.length - SHOWN_USERS} more`)
  const whose = users.length === 0 ? 'of unknown users' : `of ${users.join(', ')}`
  return `${formatLsnRange(damage.firstLsn, damage.lastLsn)} lost, ${plural(lostEntries(damage), 'entry', 'entries')} ${whose}`
}

/** One line on a tail that is not whole: torn by a crash, or being written right now. */
export function tornTailText(torn: NonNullable<LogScan['tornTail']>, live: boolean): string {
  const at = `${torn.file} at offset ${torn.offset}, ${plural(torn.bytes, 'byte', 'bytes')}`
  if (live) return `tail being written: ${at}`
  const dropped = torn.entries === 0 ? '' : `, ${formatCount(torn.entries)} whole entries behind a hole are dropped with it`
  return `torn tail: ${at}; never durable${dropped}`
}
