/** The public surface of ingest-wal. Re-exports only. */
export { Wal, type WalEvents, type WalRecovery, type WalStats } from './wal/wal.js'
export type { WalOptions } from './wal/options.js'
export type { WalHealth } from './wal/health.js'
export type { WalMetrics } from './wal/metrics.js'
export { Operation, type Damage, type EntriesOptions, type Entry, type EntryLog, type OperationName } from './wal/types.js'
export { readLog, scanLog, type LogScan, type ReadLogOptions } from './wal/inspect.js'
export { WalError, errorCatalogue, type WalErrorCode, type WalErrorDetails } from './errors.js'
export { packageVersion } from './native.js'
