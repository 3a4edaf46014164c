/** The progress of a long job, on stderr. */
import { SingleBar } from 'cli-progress'
import type { IngestProgress } from '../index.js'

export interface ProgressBar {
  update(progress: IngestProgress): void
  stop(): void
}

/** 'auto': a bar where stderr is a terminal. 'json': an object a line, for programs that watch. */
export const PROGRESS_MODES = ['auto', 'json', 'none'] as const
export type ProgressMode = (typeof PROGRESS_MODES)[number]

const SILENT: ProgressBar = { update: () => undefined, stop: () => undefined }

/** A bar over the source's bytes, with rows, rows a second and the time left where the size is known. */
export function progressBar(mode: ProgressMode, totalBytes: number | undefined): ProgressBar {
  if (mode === 'json') return { ...SILENT, update: (progress) => process.stderr.write(`${JSON.stringify(progress)}\n`) }
  if (mode === 'none' || process.stderr.isTTY !== true) return SILENT
  const known = totalBytes !== undefined && totalBytes > 0
  const figures = '{rows} rows, {rate} rows/s, {rejected} rejected'
  const bar = new SingleBar({
    format: known ? `{bar} {percentage} %  ${figures}, {eta_formatted} left` : `${figures}, {duration_formatted}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    stream: process.stderr,
    etaBuffer: 100
  })
  const startedAt = performance.now()
  bar.start(known ? totalBytes : 1, 0, { rows: 0, rate: 0, rejected: 0 })
  return {
    update({ rows, rejected, readBytes }) {
      const seconds = (performance.now() - startedAt) / 1000
      bar.update(known ? Math.min(readBytes, totalBytes) : 0, {
        rows: rows.toLocaleString('en-US'),
        rate: Math.round(rows / Math.max(seconds, 0.001)).toLocaleString('en-US'),
        rejected
      })
    },
    stop: () => bar.stop()
  }
}
