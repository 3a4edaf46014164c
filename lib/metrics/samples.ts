/** The values of one metric as lines of an exposition: a name's suffix, labels, a number. What both adapters hand on. */
import { METRICS, type MetricDefinition, type MetricsSource } from './catalogue.js'
import type { HistogramValue } from './histogram.js'

export interface Sample {
  /** '' or, of a histogram, '_bucket', '_sum' and '_count'. */
  suffix: string
  labels: Record<string, string>
  value: number
}

type Values = Awaited<ReturnType<MetricsSource['collectMetrics']>>

/** The metrics that a source has. */
export function metricsOf(source: MetricsSource): MetricDefinition[] {
  const values = source.metrics
  return METRICS.filter(({ name }) => values[name] !== undefined)
}

export function samplesOf({ name, label }: MetricDefinition, values: Values): Sample[] {
  const value = values[name as keyof Values]
  if (value === undefined) return []
  if (typeof value === 'number') return [{ suffix: '', labels: {}, value }]
  if (label === undefined) return histogramSamples(value as HistogramValue)
  return Object.entries(value as Record<string, number>).map(([key, each]) => ({ suffix: '', labels: { [label]: key }, value: each }))
}

/** A bucket holds everything up to its bound `le`, what is in the buckets before it included. */
function histogramSamples({ bounds, counts, sum, count }: HistogramValue): Sample[] {
  let below = 0
  const buckets = bounds.map((bound, bucket) => {
    below += counts[bucket] as number
    return { suffix: '_bucket', labels: { le: boundText(bound) }, value: below }
  })
  const all = { suffix: '_bucket', labels: { le: '+Inf' }, value: count }
  return [...buckets, all, { suffix: '_sum', labels: {}, value: sum }, { suffix: '_count', labels: {}, value: count }]
}

/** Without the digits that doubling a decimal fraction leaves: 0.0000032, not 0.0000032000000000000003. */
function boundText(bound: number): string {
  return String(Number(bound.toPrecision(12)))
}
