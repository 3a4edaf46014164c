/** The progress bar of a long job; draws only where stderr is a terminal. */
import { SingleBar } from 'cli-progress'
import type { IngestProgress } from '../index.js'

export interface ProgressBar {
  update(progress: IngestProgress): void
  stop(): void
}

const SILENT: ProgressBar = { update: () => undefined, stop: () => undefined }

/** A bar over the source's bytes, with rows, rows a second and the time left where the size is known. */
export function progressBar(totalBytes: number | undefined): ProgressBar {
  if (process.stderr.isTTY !== true) return SILENT
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
