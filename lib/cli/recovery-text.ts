/** What a start recovered, in sentences. */
import type { ReplayService, WalRecovery } from '../index.js'
import { damageText, lostEntries, tornTailText } from './damage-text.js'
import { escapeText } from './escape.js'
import type { Output } from './output.js'
import { formatCount, plural } from './table.js'

export function noteRecovery(service: Pick<ReplayService, 'wal' | 'recovery'>, output: Output): void {
  const { wal, recovery } = service
  if (wal.recovery.created) {
    output.note(`new log in ${escapeText(wal.directory)}`)
    return
  }
  const waiting = `${plural(recovery.measurements, 'measurement', 'measurements')} waiting in ${plural(recovery.openBuffers + recovery.endedBuffers, 'buffer', 'buffers')}`
  output.note(
    `recovered ${escapeText(wal.directory)}: ${plural(recovery.entries, 'entry', 'entries')}, ` +
      `${plural(recovery.users.size, 'user', 'users')}, ${waiting}, ${formatCount(recovery.readyUsers.length)} ready, ` +
      `in ${Math.round(wal.recovery.durationMs + recovery.durationMs)} ms`
  )
  noteOpened(wal.recovery, output)
  for (const { userId, lost: count, reason, buffer } of recovery.tainted.slice(0, 20)) {
    output.note(`user ${escapeText(userId)}, buffer ${buffer}: up to ${plural(count, 'entry', 'entries')} lost (${reason})`)
  }
}

/** What opening a log met: a process that died, a torn tail, damage. */
export function noteOpened({ ringTakenOver, carriedEntries, tornTail, damage }: WalRecovery, output: Output): void {
  if (ringTakenOver) output.note(`the last process died; ${plural(carriedEntries, 'entry', 'entries')} came back from its staging ring`)
  if (tornTail !== null) output.note(tornTailText(tornTail, false))
  for (const stretch of damage) output.note(`${output.noteStyle('red', 'damage')}: ${damageText(stretch)}`)
  const lost = damage.reduce((sum, stretch) => sum + lostEntries(stretch), 0)
  if (lost > 0) output.note(`${plural(lost, 'entry', 'entries')} lost`)
}
