/** What jobs give to be drawn: lines of points. */

/** Latency over the share of entries that it does not exceed, a line a competitor. `unit` by the figure's metrics. */
export function latencyPlots({ rows }) {
  const lines = rows
    .filter(({ curve }) => curve !== undefined)
    .map(({ competitor, curve }) => ({
      name: competitor,
      emphasised: competitor === 'ingest-wal',
      points: curve.map(([share, latency]) => [share, latency])
    }))
  if (lines.length === 0) return []
  const unit = rows.some(({ metrics }) => metrics.p50Us !== undefined) ? 'µs' : 'ns'
  return [{ title: 'Latency by percentile', x: { label: 'percentile', isShare: true }, y: { label: unit }, lines }]
}
