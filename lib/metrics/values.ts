/** The figures of the catalogue, made from what the log, its disk, its maintenance and its buffers know. Pure. */
import type { NativeHistograms, NativeRecovery, NativeStats } from '../../binding.js'
import { HEALTH_STATUSES, type WalHealth } from '../wal/health.js'
import type { ReplayBufferStats } from '../replay/buffer.js'
import type { ReplayManagerStats } from '../replay/manager.js'
import type { ReplayMetrics, WalMetrics } from './catalogue.js'
import type { DiskFigures } from './disk-figures.js'
import { fromNativeHistogram, type HistogramValue } from './histogram.js'
import type { MaintenanceFigures } from './maintenance-figures.js'

export interface LogFacts {
  stats: NativeStats
  histograms: NativeHistograms
  recovery: NativeRecovery
  appendDuration: HistogramValue
  disk: DiskFigures
  maintenance: MaintenanceFigures
  /** Damaged places by kind; every kind that there is. */
  corruptions: Readonly<Record<string, number>>
  health: WalHealth
  /** Milliseconds since the Unix epoch. */
  nowMs: number
}

const NANOSECONDS = 1e9

export function logMetrics(facts: LogFacts): WalMetrics {
  const { stats, histograms, disk, maintenance } = facts
  return {
    wal_appends_total: stats.appends,
    wal_append_duration_seconds: facts.appendDuration,
    wal_backpressure_total: stats.backpressure,
    wal_last_lsn: stats.lastLsn,
    wal_durable_lsn: stats.durableLsn,
    wal_queue_bytes: stats.queueBytes,
    wal_queue_capacity_bytes: stats.queueCapacityBytes,
    wal_batches_total: stats.batches,
    wal_batch_entries: fromNativeHistogram(histograms.batchEntries),
    wal_batch_bytes: fromNativeHistogram(histograms.batchBytes),
    wal_syncs_total: stats.syncs,
    wal_fsync_duration_seconds: fromNativeHistogram(histograms.syncNs, NANOSECONDS),
    wal_flush_duration_seconds: fromNativeHistogram(histograms.flushNs, NANOSECONDS),
    wal_written_bytes_total: stats.writtenBytes,
    wal_written_ahead_bytes_total: stats.writtenAheadBytes,
    wal_rotations_total: stats.rotations,
    wal_recycled_segments_total: stats.recycledSegments,
    wal_segments: disk.segments,
    wal_size_bytes: disk.sizeBytes,
    wal_disk_free_bytes: disk.freeBytes,
    wal_recovery_duration_seconds: facts.recovery.durationMs / 1000,
    wal_corruptions_total: facts.corruptions,
    wal_checkpoints_total: maintenance.checkpoints,
    wal_checkpoint_lsn: maintenance.checkpointLsn,
    wal_checkpoint_age_seconds: ageSeconds(maintenance.checkpointedMs, facts.nowMs),
    wal_checkpoint_duration_seconds: maintenance.checkpointDuration,
    wal_compressed_segments_total: maintenance.compressedSegments,
    wal_removed_segments_total: maintenance.removedSegments,
    wal_health: healthValues(facts.health)
  }
}

export function replayMetrics(buffer: ReplayBufferStats, manager: ReplayManagerStats): ReplayMetrics {
  return {
    wal_replay_users: buffer.users,
    wal_replay_measurements: buffer.measurements,
    wal_replay_open_buffers: buffer.openBuffers,
    wal_replay_ended_buffers: buffer.endedBuffers,
    wal_replay_parked_buffers: buffer.parkedBuffers,
    wal_replay_tainted_buffers: buffer.taintedBuffers,
    wal_replays_total: { committed: manager.committed, rolled_back: manager.rolledBack },
    wal_replayed_measurements_total: manager.measurements,
    wal_replay_duration_seconds: manager.duration
  }
}

/** 1 for the status that holds, 0 for the others: alerts and dashboards select by label. */
export function healthValues(health: WalHealth): Record<WalHealth['status'], number> {
  const values = { ok: 0, degraded: 0, damaged: 0, failed: 0 }
  for (const status of HEALTH_STATUSES) values[status] = status === health.status ? 1 : 0
  return values
}

/** Not below 0, whatever the wall clock did since. */
function ageSeconds(sinceMs: number | undefined, nowMs: number): number {
  return sinceMs === undefined ? 0 : Math.max(0, nowMs - sinceMs) / 1000
}
