/**
 * Proves that what is written about metrics is true of the catalogue, in both directions: the page on operations lists each
 * metric with its type, unit and labels; the dashboard shows each and asks for no other; the alerts ask for no other, fire
 * for what they are there for, and are listed on the page; and Prometheus' own checker finds no fault with them.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, test } from 'vitest'
import * as channels from '../../lib/diagnostics.js'
import { METRICS, type MetricDefinition } from '../../lib/index.js'
import { promtool } from '../support/promtool.js'
import { pageText, tableRowsOf } from './format-page.js'

const PAGE = 'docs/operations.md'
const OPS = join(import.meta.dirname, '../../ops')
const NAMES = METRICS.map((metric) => metric.name).sort()

interface Panel {
  id: number
  type: string
  title: string
  description?: string
  gridPos: { x: number; y: number; w: number; h: number }
  targets?: { refId: string; expr: string; legendFormat: string }[]
}
const dashboard = JSON.parse(pageText('ops/grafana-dashboard.json')) as {
  title: string
  uid: string
  schemaVersion: number
  templating: { list: { name: string; type: string }[] }
  panels: Panel[]
}
const alerts = pageText('ops/alerts.yml')
const alertNames = [...alerts.matchAll(/- alert: (\w+)/g)].map(([, name]) => name as string)
const alertExpressions = [...alerts.matchAll(/^ +expr: (.*)$/gm)].map(([, expression]) => expression as string)

/** Metrics that an expression asks for; those of a histogram without the suffix of the series. */
function metricsIn(expression: string): string[] {
  const histograms = METRICS.filter((metric) => metric.type === 'histogram').map((metric) => metric.name as string)
  return [...expression.matchAll(/\bwal_\w+/g)].map(([name]) => {
    const base = name.replace(/_(bucket|sum|count)$/, '')
    return histograms.includes(base) ? base : name
  })
}

test('the catalogue: names and units as Prometheus wants them, nothing twice', () => {
  expect(new Set(NAMES).size).toBe(NAMES.length)
  for (const { name, type, unit, help } of METRICS as readonly MetricDefinition[]) {
    expect(name).toMatch(/^wal_[a-z_]+$/)
    expect(name.endsWith('_total'), name).toBe(type === 'counter')
    if (unit === 'seconds') expect(name).toMatch(/_seconds$/)
    if (unit === 'bytes') expect(name).toMatch(/_bytes(_total)?$/)
    expect(help, name).toMatch(/^[A-Z].*\.$/)
  }
})

test('docs/operations.md lists every metric as it is, and no other', () => {
  const documented = tableRowsOf(PAGE, 'Metrics', 'Metric', 'Type', 'Unit', 'Label').map((row) => [row['Metric'], row['Type'], row['Unit'], row['Label']])
  const declared = (METRICS as readonly MetricDefinition[]).map(({ name, type, unit, label }) => [name, type, unit === 'times' ? '' : unit, label ?? ''])
  expect(documented).toEqual(declared)
})

test('docs/operations.md lists every channel, and no other', () => {
  const documented = tableRowsOf(PAGE, 'Tracing', 'Channel').map((row) => row['Channel'])
  const declared = Object.values(channels).map((channel) => ('name' in channel ? String(channel.name) : 'tracing:ingest-wal:replay:*'))
  expect(documented.sort()).toEqual(declared.sort())
})

describe('the dashboard', () => {
  const rows = dashboard.panels.filter((panel) => panel.type === 'row')
  const charts = dashboard.panels.filter((panel) => panel.type !== 'row')
  const expressions = charts.flatMap((panel) => (panel.targets ?? []).map((target) => target.expr))

  it('shows every metric of the catalogue, and no other', () => {
    expect([...new Set(expressions.flatMap(metricsIn))].sort()).toEqual(NAMES)
  })

  it('selects by labels that the metrics have, and by its own variables', () => {
    const variables = dashboard.templating.list.map((variable) => variable.name)
    expect(variables).toEqual(['datasource', 'job', 'instance'])
    for (const expression of expressions) {
      for (const [, name] of expression.matchAll(/\$(\w+)/g)) expect([...variables, '__rate_interval'], expression).toContain(name)
      for (const selector of expression.matchAll(/\bwal_\w+(\{[^}]*\})?/g)) expect(selector[1], expression).toContain('instance=~"$instance"')
    }
  })

  it('asks what Prometheus can parse', () => {
    const rules = expressions.map((expression, index) => `      - { record: 'panel:${index}', expr: '${expression}' }`)
    const text = `groups:\n  - name: dashboard\n    rules:\n${rules.join('\n')}\n`.replaceAll('$__rate_interval', '5m')
    const file = join(mkdtempSync(join(tmpdir(), 'ingest-wal-dashboard-')), 'rules.yml')
    writeFileSync(file, text)
    expect(promtool(['check', 'rules', file]) ?? { status: 0, output: 'SUCCESS' }).toMatchObject({ status: 0, output: expect.stringContaining('SUCCESS') as string })
    rmSync(join(file, '..'), { recursive: true })
  })

  it('has what Grafana needs to import it: ids, a place for each panel that no other takes, references of targets', () => {
    expect(dashboard).toMatchObject({ title: 'ingest-wal', uid: 'ingest-wal' })
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(36)
    expect(new Set(dashboard.panels.map((panel) => panel.id)).size).toBe(dashboard.panels.length)
    const taken = new Set<string>()
    for (const { title, gridPos } of dashboard.panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.has(`${x} ${y}`), `${title} lies upon another`).toBe(false)
          taken.add(`${x} ${y}`)
        }
      }
    }
    for (const { title, description, targets = [] } of charts) {
      expect(description, title).toMatch(/\.$/)
      expect(targets.length, title).toBeGreaterThan(0)
      expect(new Set(targets.map((target) => target.refId)).size, title).toBe(targets.length)
    }
    expect(rows.map((row) => row.title)).toEqual([
      'Health and corruption',
      'Throughput',
      'Latency',
      'Queue and backpressure',
      'Durability',
      'Disk, segments and checkpoints',
      'Replay'
    ])
  })
})

describe('the alerts', () => {
  it('ask for metrics of the catalogue only, with values of their labels that there are', () => {
    expect(alertExpressions.length).toBe(alertNames.length)
    for (const expression of alertExpressions) {
      const asked = metricsIn(expression)
      expect(asked.length, expression).toBeGreaterThan(0)
      for (const name of asked) expect(NAMES, expression).toContain(name)
      for (const [, status] of expression.matchAll(/status="(\w+)"/g)) expect(['ok', 'degraded', 'damaged', 'failed']).toContain(status)
    }
  })

  it('are those of docs/operations.md, with their severity', () => {
    const severities = [...alerts.matchAll(/severity: (\w+)/g)].map(([, severity]) => severity)
    const documented = tableRowsOf(PAGE, 'Alerts', 'Alert', 'Severity').map((row) => [row['Alert'], row['Severity']])
    expect(documented).toEqual(alertNames.map((name, index) => [name, severities[index]]))
  })

  it('are sound to promtool', () => {
    const checked = promtool(['check', 'rules', join(OPS, 'alerts.yml')])
    expect(checked ?? { status: 0, output: 'SUCCESS' }).toMatchObject({ status: 0, output: expect.stringContaining('SUCCESS') as string })
  })

  it('fire for what they are there for, after their time, and for nothing else', () => {
    const tested = promtool(['test', 'rules', join(OPS, 'alert-cases.yml')])
    expect(tested ?? { status: 0, output: 'SUCCESS' }).toMatchObject({ status: 0, output: expect.stringContaining('SUCCESS') as string })
  })

  it.each(alertNames)('%s: the tests see it when it never fires, and when it always does', (name) => {
    const folder = mkdtempSync(join(tmpdir(), 'ingest-wal-alerts-'))
    writeFileSync(join(folder, 'alert-cases.yml'), readFileSync(join(OPS, 'alert-cases.yml')))
    const expression = new RegExp(`(- alert: ${name}\\n(?: +#.*\\n)? +expr: ).*`)
    for (const wrong of ['vector(1) < 0', 'vector(1)']) {
      const changed = alerts.replace(expression, `$1${wrong}`)
      expect(changed).not.toBe(alerts)
      writeFileSync(join(folder, 'alerts.yml'), changed)
      expect(promtool(['test', 'rules', join(folder, 'alert-cases.yml')])?.status ?? 1, wrong).toBe(1)
    }
    rmSync(folder, { recursive: true })
  })
})
