/** The public surface of ingest-wal. Re-exports only. */
export { Wal, type WalRecovery, type WalStats } from './wal/wal.js'
export type { WalEvents } from './wal/events.js'
export type { WalOptions } from './wal/options.js'
export type { WalHealth } from './wal/health.js'
export { METRICS, type MetricDefinition, type MetricsSource, type ReplayMetrics, type WalMetrics } from './metrics/catalogue.js'
export { histogramQuantile, type HistogramValue } from './metrics/histogram.js'
export {
  MeasurementPayload,
  Operation,
  type ChunksOptions,
  type Damage,
  type EntriesOptions,
  type Entry,
  type EntryChunk,
  type EntryLog,
  type OperationName
} from './wal/types.js'
export type { CheckpointInfo, CheckpointOptions, CompactOptions, CompactResult, DiskLow } from './maintenance/maintenance.js'
export { acknowledgeLosses, readLosses, type LossReport } from './losses/acknowledge.js'
export type { Loss } from './losses/loss.js'
export { restoreCheckpoint } from './maintenance/archive.js'
export { repairLog, type RepairOptions, type RepairResult } from './repair/repair.js'
export { repairCopy } from './repair/copy.js'
export type { MaintenanceStep, MaintenanceStepMessage } from './maintenance/steps.js'
export { logDiskUse, logFigures, type LogDiskUse, type LogFigures, type WriterFigures } from './wal/log-figures.js'
export { readLog, readLogChunks, scanLog, type LogScan, type ReadLogOptions } from './wal/inspect.js'

export {
  ReplayBuffer,
  type AddResult,
  type BufferInfo,
  type ReplayBufferOptions,
  type ReplayBufferStats
} from './replay/buffer.js'
export type { ReplayBufferSettings } from './replay/options.js'
export type { BufferRecord } from './replay/buffer-record.js'
export type { Measurement, Origin } from './replay/measurement.js'
export { createDefaultCodec, type Codec } from './replay/codec.js'
export {
  ReplayManager,
  type MeasurementProcessor,
  type ReplayContext,
  type ReplayEvents,
  type ReplayManagerOptions,
  type ReplayManagerStats,
  type ReplayResult
} from './replay/manager.js'
export { MemoryStateStore, type StateStore } from './replay/state-store.js'

export { recover, type RecoverableLog, type RecoverOptions } from './recovery/recover.js'
export type { RecoveredSource, RecoveredUser, RecoveryReport, TaintedUser } from './recovery/report.js'

export {
  openReplayService,
  type ReplayService,
  type ReplayServiceOptions
} from './service/replay-service.js'
export {
  defaultConfig,
  loadConfig,
  parseConfig,
  type Config,
  type ConfigOverrides,
  type ReplayConfig,
  type WalConfig
} from './config/config.js'

export { ingest, type IngestOptions, type IngestProgress, type IngestService, type IngestSummary } from './ingest/pipeline.js'
export { openSource, SOURCE_FORMATS, type MeasurementSource, type SourceFormat, type SourceOptions } from './ingest/source.js'
export { isRejected, type MeasurementRow, type RejectedRow, type RowBatch } from './ingest/rows.js'
export { RejectFile } from './ingest/rejects.js'
export * as kalmanFilter from './ingest/kalman.js'

export { WalError, errorCatalogue, type WalErrorCode, type WalErrorDetails } from './errors.js'
export { logLimits, packageVersion } from './native.js'
