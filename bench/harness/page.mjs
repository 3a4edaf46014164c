/** The result of a run as one HTML page that needs nothing else: tables, and bars drawn in SVG. */
import { format, goalLines, tableOf } from './report.mjs'

// Pixels.
const BAR = { width: 520, height: 18, gap: 8, labels: 150, values: 170 }

export function pageOf({ machine, startedAt, options, durabilities, skipped, results }) {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>ingest-wal: benchmark</title><style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; font-size: 13px; margin: .5rem 0 }
td, th { padding: .15rem .6rem; text-align: left }
tr:nth-child(even) { background: #f4f5f7 }
pre { font-size: 12px; overflow-x: auto }
svg text { font: 12px system-ui, sans-serif; fill: #222 }
</style></head><body>
<h1>ingest-wal and its peers</h1>
<p>${escape(startedAt)}, ${options.rounds} rounds, scale ${options.scale}.
Bars show the median, the thin lines least and greatest.
"Ours is n x": the median of each round's ratio to ingest-wal in that round; above 1, ingest-wal is better.</p>
<h2>Machine</h2>${definitions(machine)}
${results.map(section).join('\n')}
<h2>Durability</h2>${definitions(durabilities)}
${Object.keys(skipped).length > 0 ? `<h2>Not measured</h2>${definitions(skipped)}` : ''}
</body></html>
`
}

function section({ title, columns, result, goals }) {
  const lines = [...tableOf(result, columns), '', ...goalLines(goals)]
  return `<h2>${escape(result.variant)}</h2>
<p>${escape(title)}</p>
${chart(result)}
<pre>${escape(lines.join('\n'))}</pre>`
}

function definitions(object) {
  const rows = Object.entries(object).map(([key, value]) => {
    const shown = key === 'memoryBytes' ? `${format(key, value)} MB` : String(value)
    return `<tr><th>${escape(key)}</th><td>${escape(shown)}</td></tr>`
  })
  return `<table>${rows.join('')}</table>`
}

/** One bar a competitor, as long as its median is of the greatest. */
function chart({ figure, rows }) {
  const shown = rows.filter((row) => row.metrics[figure.key] !== undefined && !isUnbounded(row, figure))
  const most = Math.max(...shown.map((row) => row.metrics[figure.key].max))
  const x = (value) => BAR.labels + (value / most) * BAR.width
  const bars = shown.map((row, index) => {
    const { median, min, max } = row.metrics[figure.key]
    const y = index * (BAR.height + BAR.gap)
    const middle = y + BAR.height / 2
    const width = (x(median) - BAR.labels).toFixed(1)
    const colour = row.competitor === 'ingest-wal' ? '#1769aa' : '#9aa7b4'
    return `<text x="${BAR.labels - 8}" y="${middle + 4}" text-anchor="end">${escape(row.competitor)}</text>
<rect x="${BAR.labels}" y="${y}" width="${width}" height="${BAR.height}" fill="${colour}"/>
<line x1="${x(min).toFixed(1)}" x2="${x(max).toFixed(1)}" y1="${middle}" y2="${middle}" stroke="#222"/>
<text x="${(x(max) + 8).toFixed(1)}" y="${middle + 4}">${format(figure.key, median)} ${escape(figure.unit)}</text>`
  })
  const height = shown.length * (BAR.height + BAR.gap)
  return `<svg width="${BAR.labels + BAR.width + BAR.values}" height="${height}" role="img">${bars.join('\n')}</svg>`
}

/** The control does nothing as fast as it likes; beside its bar the others could not be told apart. */
function isUnbounded(row, figure) {
  return row.competitor === 'control' && figure.better === 'higher'
}

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

function escape(text) {
  return String(text).replace(/[&<>"]/g, (character) => ESCAPES[character])
}
