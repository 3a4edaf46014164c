/**
 * Every figure that a log and a replay service tell, in one table: its Prometheus name, what it is, and in which unit. The
 * values, both adapters, the page on operations, the dashboard and the alerts are made from it or held against it.
 */
import type { HistogramValue } from './histogram.js'

export interface MetricDefinition {
  name: string
  /** 'counter' and 'histogram' count from the moment at which the log was opened; a 'gauge' is a figure of now. */
  type: 'counter' | 'gauge' | 'histogram'
  unit: 'seconds' | 'bytes' | 'lsn' | 'entries' | 'segments' | 'measurements' | 'buffers' | 'users' | 'times'
  /** 'log': of every log. 'replay': of a service that replays, besides. */
  of: 'log' | 'replay'
  help: string
  /** The one label that tells its values apart, where there are several. */
  label?: string
}

export const METRICS = [
  { name: 'wal_appends_total', type: 'counter', unit: 'entries', of: 'log', help: 'Entries appended.' },
  {
    name: 'wal_append_duration_seconds',
    type: 'histogram',
    unit: 'seconds',
    of: 'log',
    help: 'Time that append took, of a sample of the calls.'
  },
  { name: 'wal_backpressure_total', type: 'counter', unit: 'times', of: 'log', help: 'Appends refused because the staging ring was full.' },
  { name: 'wal_last_lsn', type: 'gauge', unit: 'lsn', of: 'log', help: 'LSN of the last entry appended.' },
  { name: 'wal_durable_lsn', type: 'gauge', unit: 'lsn', of: 'log', help: 'Everything up to this LSN is on stable storage.' },
  { name: 'wal_queue_bytes', type: 'gauge', unit: 'bytes', of: 'log', help: 'Bytes staged in the ring and not durable yet.' },
  { name: 'wal_queue_capacity_bytes', type: 'gauge', unit: 'bytes', of: 'log', help: 'Size of the staging ring.' },
  { name: 'wal_batches_total', type: 'counter', unit: 'times', of: 'log', help: 'Batches written.' },
  { name: 'wal_batch_entries', type: 'histogram', unit: 'entries', of: 'log', help: 'Entries of a batch.' },
  { name: 'wal_batch_bytes', type: 'histogram', unit: 'bytes', of: 'log', help: 'Bytes of a batch as it was written.' },
  { name: 'wal_syncs_total', type: 'counter', unit: 'times', of: 'log', help: 'Syncs of a segment that succeeded.' },
  { name: 'wal_fsync_duration_seconds', type: 'histogram', unit: 'seconds', of: 'log', help: 'Time that a sync of a segment took.' },
  {
    name: 'wal_flush_duration_seconds',
    type: 'histogram',
    unit: 'seconds',
    of: 'log',
    help: 'Time from taking what is staged to its acknowledgement: writes and sync.'
  },
  { name: 'wal_written_bytes_total', type: 'counter', unit: 'bytes', of: 'log', help: 'Bytes written to segments.' },
  {
    name: 'wal_written_ahead_bytes_total',
    type: 'counter',
    unit: 'bytes',
    of: 'log',
    help: 'Zeros written so that later writes find their space allocated.'
  },
  { name: 'wal_rotations_total', type: 'counter', unit: 'segments', of: 'log', help: 'Segments begun.' },
  {
    name: 'wal_recycled_segments_total',
    type: 'counter',
    unit: 'segments',
    of: 'log',
    help: 'Segments whose file was filled again instead of unlinked.'
  },
  { name: 'wal_segments', type: 'gauge', unit: 'segments', of: 'log', help: 'Segment files in the directory of the log.' },
  { name: 'wal_size_bytes', type: 'gauge', unit: 'bytes', of: 'log', help: 'Bytes that the files of the log take, checkpoints and quarantine included.' },
  { name: 'wal_disk_free_bytes', type: 'gauge', unit: 'bytes', of: 'log', help: 'Bytes that the file system of the log has left for it.' },
  { name: 'wal_recovery_duration_seconds', type: 'gauge', unit: 'seconds', of: 'log', help: 'Time that the recovery of the last open took.' },
  {
    name: 'wal_corruptions_total',
    type: 'counter',
    unit: 'times',
    of: 'log',
    label: 'kind',
    help: 'Damaged places found, by the last open and by reading since.'
  },
  { name: 'wal_checkpoints_total', type: 'counter', unit: 'times', of: 'log', help: 'Checkpoint files written.' },
  { name: 'wal_checkpoint_lsn', type: 'gauge', unit: 'lsn', of: 'log', help: 'The newest checkpoint covers everything up to this LSN.' },
  {
    name: 'wal_checkpoint_age_seconds',
    type: 'gauge',
    unit: 'seconds',
    of: 'log',
    help: 'Time since the newest checkpoint, 0 where none is to be written.'
  },
  { name: 'wal_checkpoint_duration_seconds', type: 'histogram', unit: 'seconds', of: 'log', help: 'Time that writing a checkpoint took.' },
  { name: 'wal_compressed_segments_total', type: 'counter', unit: 'segments', of: 'log', help: 'Segments compressed.' },
  { name: 'wal_removed_segments_total', type: 'counter', unit: 'segments', of: 'log', help: 'Segments removed or archived.' },
  { name: 'wal_health', type: 'gauge', unit: 'times', of: 'log', label: 'status', help: 'Health: 1 for the status that holds, 0 for the others.' },
  { name: 'wal_replay_users', type: 'gauge', unit: 'users', of: 'replay', help: 'Users with a buffer.' },
  { name: 'wal_replay_measurements', type: 'gauge', unit: 'measurements', of: 'replay', help: 'Measurements that wait in buffers.' },
  { name: 'wal_replay_open_buffers', type: 'gauge', unit: 'buffers', of: 'replay', help: 'Buffers that take measurements.' },
  { name: 'wal_replay_ended_buffers', type: 'gauge', unit: 'buffers', of: 'replay', help: 'Buffers that wait for their replay.' },
  { name: 'wal_replay_parked_buffers', type: 'gauge', unit: 'buffers', of: 'replay', help: 'Buffers whose replay failed as often as allowed; one for each user it happened to.' },
  { name: 'wal_replay_tainted_buffers', type: 'gauge', unit: 'buffers', of: 'replay', help: 'Buffers that miss entries which are damaged.' },
  { name: 'wal_replays_total', type: 'counter', unit: 'buffers', of: 'replay', label: 'outcome', help: 'Replays of a buffer, by their outcome.' },
  { name: 'wal_replayed_measurements_total', type: 'counter', unit: 'measurements', of: 'replay', help: 'Measurements of committed replays.' },
  { name: 'wal_replay_duration_seconds', type: 'histogram', unit: 'seconds', of: 'replay', help: 'Time that the replay of a buffer took, its acknowledgement included.' }
] as const satisfies readonly MetricDefinition[]

type Metric = (typeof METRICS)[number]
type ValueOf<M extends Metric> = M extends { type: 'histogram' }
  ? HistogramValue
  : M extends { label: string }
    ? Readonly<Record<string, number>>
    : number

/** What a log tells: a number, a histogram, or a number for each value of the metric's label. */
export type WalMetrics = { [M in Extract<Metric, { of: 'log' }> as M['name']]: ValueOf<M> }
/** What a service tells besides of its buffers and replays. */
export type ReplayMetrics = { [M in Extract<Metric, { of: 'replay' }> as M['name']]: ValueOf<M> }

/** What the adapters read: an open `Wal`, or a `ReplayService`. */
export interface MetricsSource {
  /** Figures of this moment; those of the disk are as old as the last time that somebody asked. */
  readonly metrics: WalMetrics & Partial<ReplayMetrics>
  /** The same after the disk was asked. */
  collectMetrics(): Promise<WalMetrics & Partial<ReplayMetrics>>
}
