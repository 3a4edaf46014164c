/**
 * `ingest-wal/prometheus`: the figures of logs and services in a registry of prom-client, read when it is scraped.
 * `registry.metrics()` may be asked as often as one likes: nothing is counted for it in between.
 */
import { register, type Metric, type Registry } from 'prom-client'
import { WalError } from '../errors.js'
import { METRICS, type MetricDefinition, type MetricsSource } from './catalogue.js'
import { metricsOf, samplesOf, type Sample } from './samples.js'

export interface PrometheusOptions {
  /** Where the metrics go (prom-client's own, `register`). */
  registry?: Registry
  /** Labels of every value of this log. Two logs in one registry need labels that tell them apart. */
  labels?: Record<string, string>
}

interface Registered {
  source: MetricsSource
  labels: Record<string, string>
  /** What was collected in the running turn: all metrics of one scrape tell of the same moment, and ask once. */
  collected: ReturnType<MetricsSource['collectMetrics']> | undefined
}

/**
 * Adds the metrics of a log, or of a service with its buffers and replays, to a registry. Gives a function that takes them
 * away again; call it when the log is closed. Throws `ERR_WAL_INVALID_ARGUMENT` when the registry has a log with the same
 * labels.
 */
export function registerWalMetrics(source: MetricsSource, options: PrometheusOptions = {}): () => void {
  const { registry = register, labels = {} } = options
  const registered = registeredIn(registry)
  for (const other of registered) requireOtherLabels(other.labels, labels)
  const entry: Registered = { source, labels: { ...labels }, collected: undefined }
  registered.add(entry)
  for (const definition of metricsOf(source)) {
    if (metricIn(registry, definition) !== undefined) continue
    registry.registerMetric(new CollectedMetric(definition, registered) as unknown as Metric)
  }
  return () => {
    registered.delete(entry)
    if (registered.size === 0) removeFrom(registry)
  }
}

/** What a registry asks of a metric. prom-client's own count by themselves; these only look. */
class CollectedMetric {
  readonly help: string
  readonly type: MetricDefinition['type']
  /** Of a cluster of processes: each has logs of its own. */
  readonly aggregator = 'sum'
  /** The registry may change it: OpenMetrics names counters without their `_total`. */
  name: string
  /** Every log of the registry: one log's metrics and another's have the same names. */
  readonly sources: Set<Registered>
  readonly #definition: MetricDefinition

  constructor(definition: MetricDefinition, sources: Set<Registered>) {
    this.name = definition.name
    this.help = definition.help
    this.type = definition.type
    this.sources = sources
    this.#definition = definition
  }

  async get(): Promise<object> {
    const values = await Promise.all([...this.sources].map((source) => this.#valuesOf(source)))
    const { name, help, type, aggregator } = this
    return { name, help, type, aggregator, values: values.flat() }
  }

  /** The registry's `resetMetrics`: what a log has done stays done. */
  reset(): void {
    this.sources.forEach((source) => (source.collected = undefined))
  }

  async #valuesOf(source: Registered): Promise<object[]> {
    const samples = samplesOf(this.#definition, await collect(source))
    return samples.map((sample) => this.#valueOf(sample, source.labels))
  }

  #valueOf({ suffix, labels, value }: Sample, more: Record<string, string>): object {
    const named = suffix === '' ? {} : { metricName: `${this.name}${suffix}` }
    return { ...named, labels: { ...more, ...labels }, value }
  }
}

async function collect(source: Registered): ReturnType<MetricsSource['collectMetrics']> {
  source.collected ??= source.source.collectMetrics().finally(() => (source.collected = undefined))
  return source.collected
}

function metricIn(registry: Registry, { name }: Pick<MetricDefinition, 'name'>): CollectedMetric | undefined {
  const metric: unknown = registry.getSingleMetric(name)
  return metric instanceof CollectedMetric ? metric : undefined
}

/** The logs of a registry; none, too, in one that was cleared. */
function registeredIn(registry: Registry): Set<Registered> {
  return metricIn(registry, METRICS[0])?.sources ?? new Set()
}

function removeFrom(registry: Registry): void {
  for (const definition of METRICS) {
    if (metricIn(registry, definition) !== undefined) registry.removeSingleMetric(definition.name)
  }
}

function requireOtherLabels(one: Record<string, string>, other: Record<string, string>): void {
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  if ([...names].some((name) => one[name] !== other[name])) return
  throw new WalError(
    'ERR_WAL_INVALID_ARGUMENT',
    `the registry has a log with labels ${JSON.stringify(other)}; allowed: labels that tell each log from the others`
  )
}
