/** The verdict over a log's state: a pure function of its figures. */
import type { NativeRecovery, NativeStats } from '../../binding.js'
import type { WalError } from '../errors.js'

export interface WalHealth {
  /** 'degraded': it works, but not as promised. 'damaged': stored entries are lost. 'failed': it takes no entries. */
  status: 'ok' | 'degraded' | 'damaged' | 'failed'
  /** One sentence for each thing that is wrong. */
  reasons: string[]
}

/** What maintenance says is wrong, and whether it is because entries are lost. */
export interface Problem {
  reason: string
  isDamage: boolean
}

export function healthOf(stats: NativeStats, recovery: NativeRecovery, failure: WalError | undefined, maintenance: readonly Problem[] = []): WalHealth {
  const reasons: string[] = []
  let status: WalHealth['status'] = 'ok'
  if (!stats.killSafe) {
    status = 'degraded'
    reasons.push('entries are staged in the heap: without shared memory, what is not durable dies with the process')
  }
  if (stats.state === 'degraded') {
    status = 'degraded'
    reasons.push('the disk is full: entries wait in the ring')
  }
  for (const { reason, isDamage } of maintenance) {
    if (status !== 'damaged') status = isDamage ? 'damaged' : 'degraded'
    reasons.push(reason)
  }
  for (const damage of recovery.damage) {
    status = 'damaged'
    const lost = damage.lastLsn === 0 ? 'no entry lost' : `LSN ${damage.firstLsn} to ${damage.lastLsn} lost`
    reasons.push(`${damage.kind} damage in ${damage.file === '' ? 'the log' : damage.file}, ${lost}`)
  }
  if (failure !== undefined || stats.state === 'failed') {
    status = 'failed'
    reasons.push(failure?.message ?? 'the log has failed')
  }
  return { status, reasons }
}
