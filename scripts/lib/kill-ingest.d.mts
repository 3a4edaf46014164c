import type { IngestProgress, IngestSummary } from '../../lib/ingest/pipeline.js'

export interface RunResult {
  killed: boolean
  code: number | null
  summary: IngestSummary & { users: number }
  /** Lines on stderr that are no progress. */
  notes: string[]
}

export interface UnbrokenRun {
  summary: RunResult['summary']
  out: string
  directory: string
  durationMs: number
}

export interface Comparison {
  seed: number
  whole: UnbrokenRun
  broken: RunResult & { kills: number }
  /** Rows that all runs of it logged together. */
  logged: number
  /** The states are the same, byte for byte. */
  same: boolean
}

export interface ComparisonOptions {
  /** The source. */
  file: string
  /** A folder for logs and states. */
  work: string
  /** Further options of `ingest`. */
  options?: string[]
  kills: number
  seed: number
  unbroken?: UnbrokenRun
  onProgress?: (progress: IngestProgress) => void
  onKill?: (killed: number, result: RunResult) => void
}

export function compareWithUnbroken(options: ComparisonOptions): Promise<Comparison>
export function unbrokenRun(options: Pick<ComparisonOptions, 'file' | 'work' | 'options' | 'onProgress'>): Promise<UnbrokenRun>
