/** What a start recovered, in sentences. */
import type { ReplayService } from '../index.js'
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
  if (wal.recovery.ringTakenOver) {
    output.note(`the last process died; ${plural(wal.recovery.carriedEntries, 'entry', 'entries')} came back from its staging ring`)
  }
  if (wal.recovery.tornTail !== null) output.note(tornTailText(wal.recovery.tornTail, false))
  for (const damage of wal.recovery.damage) output.note(`${output.noteStyle('red', 'damage')}: ${damageText(damage)}`)
  const lost = wal.recovery.damage.reduce((sum, damage) => sum + lostEntries(damage), 0)
  if (lost > 0) output.note(`${plural(lost, 'entry', 'entries')} lost`)
  for (const { userId, lost: count, reason, buffer } of recovery.tainted.slice(0, 20)) {
    output.note(`user ${escapeText(userId)}, buffer ${buffer}: up to ${plural(count, 'entry', 'entries')} lost (${reason})`)
  }
}
