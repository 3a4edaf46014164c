/** What recovery knows of a user's losses, written into the log: it holds when the damage that shows it is gone. */
import { throwIfAborted } from '../errors.js'
import { endOfVerdict } from '../recovery/gaps.js'
import type { RecoveryReport, TaintedUser } from '../recovery/report.js'
import { sequenceAfter } from '../replay/journal.js'
import { verdictPayload } from '../replay/payloads.js'
import { Operation, type EntryLog } from '../wal/types.js'

/** Nobody, where no buffer and no replay has ever written an entry: a log that a service uses by itself gets none that it did not write. */
export function taintedIn({ tainted, entries, otherEntries }: RecoveryReport): TaintedUser[] {
  return entries > 0 && entries === otherEntries ? [] : tainted
}

/** Each tainted user's losses as an entry of its own, so that recovery says of them what it says now. */
export async function writeVerdicts(log: EntryLog, { users }: RecoveryReport, tainted: readonly TaintedUser[], signal?: AbortSignal): Promise<void> {
  for (const userId of new Set(tainted.map((taint) => taint.userId))) {
    throwIfAborted(signal)
    const user = users.get(userId)
    const losses = tainted
      .filter((taint) => taint.userId === userId)
      .map(({ buffer, lost, reason }) => ({ buffer, until: endOfVerdict(buffer, user?.lastBuffer ?? 0), lost, reason }))
    const payload = verdictPayload(losses)
    while (!log.hasRoom(1, Buffer.byteLength(userId) + payload.byteLength)) await log.drained()
    log.append(Operation.START_BUFFER, userId, payload, sequenceAfter(user?.sequence ?? 0, 1))
  }
  await log.durable()
}
