/** The result of a run as one HTML page that needs nothing else: tables, and plots drawn in SVG. */
import { barChart, escape, lineChart } from './charts.mjs'
import { format, outcome, tableOf } from './report.mjs'

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1120px; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; font-size: 13px; margin: .5rem 0 }
td, th { padding: .15rem .6rem; text-align: left; vertical-align: top }
tr:nth-child(even) { background: #f4f5f7 }
pre { font-size: 12px; overflow-x: auto }
svg { max-width: 100%; height: auto; display: block; margin: .5rem 0 }
svg text { font: 12px system-ui, sans-serif; fill: #222 }
h2 { margin-top: 2.5rem; border-top: 1px solid #d5d9dd; padding-top: 1rem }
.reached { color: #1d7a3c } .missed { color: #b3261e }
`

export function pageOf({ machine, startedAt, options, durabilities, skipped, results }) {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>ingest-wal and its peers</title><style>${STYLE}</style></head><body>
<h1>ingest-wal and its peers</h1>
<p>${escape(startedAt)}, ${options.rounds} rounds, scale ${options.scale}.
Bars show the median, the thin lines least and greatest.
"Ours is n x": the median of each round's ratio to ingest-wal in that round; above 1, ingest-wal is better.</p>
<h2>Machine</h2>${definitions(machine)}
<h2>What is to be reached</h2>${goalsTable(results)}
${results.map(section).join('\n')}
<h2>Durability</h2>${definitions(durabilities)}
${Object.keys(skipped).length > 0 ? `<h2>Not measured</h2>${definitions(skipped)}` : ''}
</body></html>
`
}

function section({ title, columns, result, goals, plots }) {
  return `<h2 id="${escape(result.variant)}">${escape(result.variant)}</h2>
<p>${escape(title)}</p>
${bars(result)}
<pre>${escape(tableOf(result, columns).join('\n'))}</pre>
${plots.map((plot) => `<h3>${escape(plot.title)}</h3>${lineChart(plot)}`).join('\n')}
${goals.length > 0 ? goalsTable([{ result, goals }]) : ''}`
}

function goalsTable(results) {
  const rows = results.flatMap(({ result, goals }) =>
    goals.map((goal) => {
      const colour = outcome(goal) === 'reached' ? 'reached' : 'missed'
      const cells = [escape(result.variant), escape(goal.goal), format('', goal.measured)]
      return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}<td class="${colour}">${outcome(goal)}</td></tr>`
    })
  )
  return `<table><tr><th>job</th><th>goal</th><th>measured</th><th></th></tr>${rows.join('')}</table>`
}

function definitions(object) {
  const rows = Object.entries(object).map(([key, value]) => {
    const shown = key === 'memoryBytes' ? `${format(key, value)} MB` : String(value)
    return `<tr><th>${escape(key)}</th><td>${escape(shown)}</td></tr>`
  })
  return `<table>${rows.join('')}</table>`
}

function bars({ figure, rows }) {
  const shown = rows.filter((row) => row.metrics[figure.key] !== undefined && !isUnbounded(row, figure))
  if (shown.length === 0) return ''
  const barRows = shown.map(({ competitor, metrics }) => ({ name: competitor, ...metrics[figure.key] }))
  return barChart({ rows: barRows, unit: figure.unit, shown: (value) => format(figure.key, value) })
}

/** The control does nothing as fast as it likes; beside its bar the others could not be told apart. */
function isUnbounded(row, figure) {
  return row.competitor === 'control' && figure.better === 'higher'
}
