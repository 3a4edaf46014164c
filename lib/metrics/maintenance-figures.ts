/** What the maintenance of a log tells of itself, and what is told of a log that has none. */
import type { HistogramValue } from './histogram.js'
import { Histogram } from './histogram.js'

export interface MaintenanceFigures {
  /** Checkpoint files written since the log was opened, and how long each took, in seconds. */
  checkpoints: number
  checkpointDuration: HistogramValue
  /** The newest checkpoint covers everything up to this LSN; 0: there is none. */
  checkpointLsn: number
  /** When the newest was written, else when the log was opened, milliseconds since the Unix epoch; undefined: none is due. */
  checkpointedMs: number | undefined
  /** Segments compressed, and removed or archived, since the log was opened. */
  compressedSegments: number
  removedSegments: number
  /** Why segments may not be compacted: they hold damage that costs entries. */
  held: string | undefined
  /** The last failure of each step that has not worked since, one sentence each. */
  failures: readonly string[]
  /** What the disk watch warns of, one sentence each. */
  warnings: readonly string[]
}

/** Buckets of how long a checkpoint takes: 1 ms to 524 s. */
export function checkpointDurations(): Histogram {
  return new Histogram(0.001, 20)
}

