/**
 * `ingest-wal/otel`: the figures of logs and services as observable instruments of OpenTelemetry, read when its SDK collects.
 * Names, units and labels are those of Prometheus, so that the same questions fit. OpenTelemetry has no histogram that can
 * be observed: each becomes the counters `…_bucket` (attribute `le`: everything up to this bound), `…_sum` and `…_count`.
 */
import { metrics, type Attributes, type BatchObservableResult, type Meter, type Observable } from '@opentelemetry/api'
import { packageVersion } from '../native.js'
import type { MetricDefinition, MetricsSource } from './catalogue.js'
import { metricsOf, samplesOf } from './samples.js'

export interface OtelOptions {
  /** Where the instruments are made (the meter `ingest-wal` of the global provider). */
  meter?: Meter
  /** Attributes of every value of this log. Two logs of one meter need attributes that tell them apart. */
  attributes?: Attributes
}

/** Units as OpenTelemetry writes them (UCUM); what is counted is in braces. */
const UNITS: Readonly<Record<MetricDefinition['unit'], string>> = {
  seconds: 's',
  bytes: 'By',
  lsn: '{lsn}',
  entries: '{entry}',
  segments: '{segment}',
  measurements: '{measurement}',
  buffers: '{buffer}',
  users: '{user}',
  times: '1'
}

/**
 * Adds the metrics of a log, or of a service with its buffers and replays, to a meter. Gives a function that ends their
 * observation; call it when the log is closed.
 */
export function registerWalMetrics(source: MetricsSource, options: OtelOptions = {}): () => void {
  const meter = options.meter ?? metrics.getMeter('ingest-wal', packageVersion())
  const { attributes = {} } = options
  const definitions = metricsOf(source)
  const instruments = new Map<string, Observable>()
  for (const definition of definitions) addInstruments(meter, definition, instruments)
  const observe = async (result: BatchObservableResult): Promise<void> => {
    const values = await source.collectMetrics()
    for (const definition of definitions) {
      for (const { suffix, labels, value } of samplesOf(definition, values)) {
        const instrument = instruments.get(definition.name + suffix)
        if (instrument !== undefined) result.observe(instrument, value, { ...attributes, ...labels })
      }
    }
  }
  const observed = [...instruments.values()]
  meter.addBatchObservableCallback(observe, observed)
  return () => meter.removeBatchObservableCallback(observe, observed)
}

function addInstruments(meter: Meter, { name, type, unit, help }: MetricDefinition, to: Map<string, Observable>): void {
  const described = { description: help, unit: UNITS[unit] }
  if (type === 'gauge') to.set(name, meter.createObservableGauge(name, described))
  if (type === 'counter') to.set(name, meter.createObservableCounter(name, described))
  if (type !== 'histogram') return
  to.set(`${name}_sum`, meter.createObservableCounter(`${name}_sum`, described))
  for (const suffix of ['_bucket', '_count']) to.set(name + suffix, meter.createObservableCounter(name + suffix, { ...described, unit: '1' }))
}
