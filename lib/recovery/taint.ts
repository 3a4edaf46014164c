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
    const named = stretch.users.filter((userId) => mayHaveLost(users.get(userId), stretch))
    const all = (): string[] => [...users.values()].filter((user) => mayHaveLost(user, stretch)).map((user) => user.userId)
    const suspects = named.length >= unexplained ? named : new Set([...named, ...all()])
    for (const userId of suspects) {
      // Who has logged since was judged by an earlier recovery, and keeps its verdict.
      if ((users.get(userId)?.lastLsn ?? 0) < stretch.firstLsn) unproven.set(userId, (unproven.get(userId) ?? 0) + unexplained)
    }
  }
  return unproven
}

/** The user was silent from the damage until the end, or until a recovery that already knew of it. */
function mayHaveLost(user: UserMachine | undefined, { firstLsn, lastLsn }: Damage): boolean {
  if (user === undefined || user.lastLsn < firstLsn) return true
  return user.gaps.some((gap) => gap.kind === 'recovery' && gap.afterLsn < firstLsn && gap.beforeLsn > lastLsn)
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
      if (gap.kind !== 'proof') continue
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

/** What is known to be wrong with one user; empty when the user is whole. Verdicts of earlier recoveries come first. */
export function taintsOf(user: UserMachine, lostAtEnd: number): TaintedUser[] {
  const { userId, unaccounted: lost } = user
  const tainted: TaintedUser[] = user.verdicts.map((verdict) => verdict.taint)
  for (const { number: buffer, missing, doubtful, outcomeLost, maybeCleared } of user.buffers) {
    if (missing > 0) tainted.push({ userId, buffer, lost: missing, reason: 'measurements' })
    else if (doubtful) tainted.push({ userId, buffer, lost, reason: 'measurements' })
    else if (outcomeLost || maybeCleared) tainted.push({ userId, buffer, lost: Math.max(1, lost), reason: 'outcome' })
  }
  const last = user.buffers.at(-1)
  if (tainted.length === user.verdicts.length && (user.newerUnknown || user.unknownThrough > 0 || user.stateInDoubt)) {
    tainted.push({ userId, buffer: last?.number ?? 0, lost, reason: 'unproven' })
  }
  if (lostAtEnd > 0) {
    const reason = last?.replaying === true ? 'outcome' : 'unproven'
    tainted.push({ userId, buffer: last?.number ?? 0, lost: lostAtEnd, reason })
  }
  return tainted
}
