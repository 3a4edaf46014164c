/**
 * Whose entries are lost. Pure. A damaged stretch of n LSNs has lost n entries. Gaps in users' running numbers explain
 * them one by one; what no gap explains can only have been of users with no entry behind the damage, and of those, of
 * the ones that the damaged bytes still name, when they are enough.
 */
import type { Damage } from '../wal/types.js'
import type { UserMachine } from './machine.js'
import type { TaintedUser } from './report.js'

/** Users of whom it is not proven that nothing is lost, with the most entries that each may have lost. */
export function unprovenUsers(users: ReadonlyMap<string, UserMachine>, damage: readonly Damage[]): Map<string, number> {
  const unproven = new Map<string, number>()
  for (const { stretch, unexplained } of unexplainedLosses(users, damage)) {
    const isSilentBehind = (userId: string): boolean => (users.get(userId)?.lastLsn ?? 0) < stretch.firstLsn
    const named = stretch.users.filter(isSilentBehind)
    const suspects = named.length >= unexplained ? named : [...new Set([...named, ...[...users.keys()].filter(isSilentBehind)])]
    for (const userId of suspects) unproven.set(userId, (unproven.get(userId) ?? 0) + unexplained)
  }
  return unproven
}

function unexplainedLosses(
  users: ReadonlyMap<string, UserMachine>,
  damage: readonly Damage[]
): Array<{ stretch: Damage; unexplained: number }> {
  const losses = damage
    .filter((stretch) => stretch.lastLsn > 0)
    .map((stretch) => ({ stretch, unexplained: stretch.lastLsn - stretch.firstLsn + 1 }))
  if (losses.length === 0) return []
  for (const { gaps } of users.values()) {
    for (const gap of gaps) {
      let left = gap.lost
      for (const loss of losses) {
        if (loss.stretch.firstLsn <= gap.afterLsn || loss.stretch.lastLsn >= gap.beforeLsn) continue
        const taken = Math.min(left, loss.unexplained)
        loss.unexplained -= taken
        left -= taken
      }
    }
  }
  return losses.filter((loss) => loss.unexplained > 0)
}

/** What is known to be wrong with one user; empty when the user is whole. */
export function taintsOf(user: UserMachine, unproven: number): TaintedUser[] {
  const tainted: TaintedUser[] = []
  const lostInGaps = user.gaps.reduce((sum, gap) => sum + gap.lost, 0)
  for (const buffer of user.buffers) {
    const lost = buffer.missing > 0 ? buffer.missing : buffer.doubtful ? lostInGaps : 0
    if (lost > 0) tainted.push({ userId: user.userId, buffer: buffer.number, lost, reason: 'measurements' })
    else if (buffer.outcomeLost) {
      tainted.push({ userId: user.userId, buffer: buffer.number, lost: lostInGaps, reason: 'outcome' })
    }
  }
  if (unproven > 0) {
    const buffer = user.buffers.at(-1)
    const reason = buffer?.replaying === true ? 'outcome' : 'unproven'
    tainted.push({ userId: user.userId, buffer: buffer?.number ?? 0, lost: unproven, reason })
  }
  return tainted
}
