/** `ingest-wal/report`: a page about a log. Apart from the rest, because a service has no use for it at its start. Re-exports only. */
export { collectReport, type CollectReportOptions } from './collect.js'
export type { LogReport } from './log-report.js'
export { reportPage } from './page.js'
