/** The verdict over a log's state, and a service's: pure functions of what is known of them. */
import type { NativeStats } from '../../binding.js'
import type { WalError } from '../errors.js'
import type { Loss } from '../losses/loss.js'
import type { Damage } from './types.js'

/** From the best to the worst. */
export const HEALTH_STATUSES = ['ok', 'degraded', 'damaged', 'failed'] as const

export interface WalHealth {
  /** 'degraded': it works, but not as promised. 'damaged': stored bytes are damaged. 'failed': it takes no entries. */
  status: (typeof HEALTH_STATUSES)[number]
  /** One sentence for each thing that is wrong. */
  reasons: string[]
}

export interface LogHealthFacts {
  stats: Pick<NativeStats, 'killSafe' | 'state' | 'segmentBytes'>
  /** Why the log takes no more entries. */
  failure: WalError | undefined
  /** What the last open found, and reading since, that nobody has acknowledged. */
  damage: readonly Damage[]
  /** What earlier starts have found, and what is wrong with the keeping of losses. */
  losses: { earlier: readonly Loss[]; problems: readonly string[] }
  disk: { freeBytes: number; problem: string | undefined }
  maintenance: { held: string | undefined; failures: readonly string[]; warnings: readonly string[] }
}

export interface ReplayHealthFacts {
  parkedUsers: readonly string[]
  taintedBuffers: number
}

/** Damaged places and users that are told one by one; of the others their number. */
const MOST_TOLD = 10

export function healthOf(facts: LogHealthFacts): WalHealth {
  const verdict = new Verdict()
  noteStaging(verdict, facts)
  noteDisk(verdict, facts)
  noteDamage(verdict, facts.damage.map(damageText))
  noteDamage(verdict, facts.losses.earlier.map(earlierText))
  for (const problem of facts.losses.problems) verdict.note('damaged', problem)
  noteMaintenance(verdict, facts.maintenance)
  if (facts.failure !== undefined || facts.stats.state === 'failed') {
    verdict.note('failed', facts.failure?.message ?? 'the log has failed')
  }
  return verdict.health
}

/** A log's health with that of the replays behind it. */
export function serviceHealthOf(log: WalHealth, { parkedUsers, taintedBuffers }: ReplayHealthFacts): WalHealth {
  const verdict = new Verdict(log)
  if (parkedUsers.length > 0) {
    verdict.note('degraded', `${parkedUsers.length} users have a parked replay, the first is ${JSON.stringify(parkedUsers[0])}`)
  }
  if (taintedBuffers > 0) verdict.note('damaged', `${taintedBuffers} buffers miss entries that are damaged`)
  return verdict.health
}

/** The worst status that was noted, and every reason. */
class Verdict {
  readonly health: WalHealth

  constructor(from: WalHealth = { status: 'ok', reasons: [] }) {
    this.health = { status: from.status, reasons: [...from.reasons] }
  }

  note(status: WalHealth['status'], reason: string): void {
    if (HEALTH_STATUSES.indexOf(status) > HEALTH_STATUSES.indexOf(this.health.status)) this.health.status = status
    this.health.reasons.push(reason)
  }
}

function noteStaging(verdict: Verdict, { stats }: LogHealthFacts): void {
  if (!stats.killSafe) {
    verdict.note('degraded', 'entries are staged in the heap: without shared memory, what is not durable dies with the process')
  }
  if (stats.state === 'degraded') verdict.note('degraded', 'the disk is full: entries wait in the ring')
}

function noteDisk(verdict: Verdict, { stats, disk, maintenance }: LogHealthFacts): void {
  if (disk.problem !== undefined) verdict.note('degraded', `the directory of the log cannot be looked at: ${disk.problem}`)
  if (stats.state !== 'degraded' && maintenance.warnings.length === 0 && disk.freeBytes < stats.segmentBytes) {
    verdict.note('degraded', `the disk has ${disk.freeBytes} bytes left, fewer than a segment takes (${stats.segmentBytes})`)
  }
  for (const warning of maintenance.warnings) verdict.note('degraded', warning)
}

function noteMaintenance(verdict: Verdict, { held, failures }: LogHealthFacts['maintenance']): void {
  for (const failure of failures) verdict.note('degraded', failure)
  // Somebody who has acknowledged what is lost knows of it; the disk fills up all the same.
  const status = verdict.health.status === 'damaged' ? 'damaged' : 'degraded'
  if (held !== undefined) verdict.note(status, `compaction waits and every segment is kept: ${held}; run ingest-wal repair`)
}

function noteDamage(verdict: Verdict, told: readonly string[]): void {
  for (const text of told.slice(0, MOST_TOLD)) verdict.note('damaged', text)
  if (told.length > MOST_TOLD) verdict.note('damaged', `${told.length - MOST_TOLD} more places are damaged`)
}

function earlierText({ damage, foundAt, moreUsers }: Loss): string {
  const others = moreUsers > 0 ? ` and ${moreUsers} more` : ''
  return `${damageText(damage)}${others}, found by an earlier start (${foundAt})`
}

function damageText({ kind, file, firstLsn, lastLsn, users }: Damage): string {
  const place = `${kind} damage in ${file === '' ? 'the log' : file}`
  if (lastLsn === 0) return `${place}, no entry is known to be lost`
  const lost = firstLsn === lastLsn ? `LSN ${firstLsn} lost` : `LSN ${firstLsn} to ${lastLsn} lost`
  if (users.length === 0) return `${place}, ${lost}`
  const others = users.length > MOST_TOLD ? ` and ${users.length - MOST_TOLD} more` : ''
  return `${place}, ${lost}, of ${users.slice(0, MOST_TOLD).map((user) => JSON.stringify(user)).join(', ')}${others}`
}
