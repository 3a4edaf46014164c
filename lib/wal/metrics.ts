/** The log's figures under Prometheus names and base units. */
import type { NativeRecovery, NativeStats } from '../../binding.js'

export interface WalMetrics {
  wal_appends_total: number
  wal_batches_total: number
  wal_syncs_total: number
  wal_written_bytes_total: number
  wal_written_ahead_bytes_total: number
  wal_rotations_total: number
  wal_backpressure_total: number
  wal_last_lsn: number
  wal_durable_lsn: number
  wal_queue_bytes: number
  wal_recovery_duration_seconds: number
}

export function metricsOf(stats: NativeStats, recovery: NativeRecovery): WalMetrics {
  return {
    wal_appends_total: stats.appends,
    wal_batches_total: stats.batches,
    wal_syncs_total: stats.syncs,
    wal_written_bytes_total: stats.writtenBytes,
    wal_written_ahead_bytes_total: stats.writtenAheadBytes,
    wal_rotations_total: stats.rotations,
    wal_backpressure_total: stats.backpressure,
    wal_last_lsn: stats.lastLsn,
    wal_durable_lsn: stats.durableLsn,
    wal_queue_bytes: stats.queueBytes,
    wal_recovery_duration_seconds: recovery.durationMs / 1000
  }
}
