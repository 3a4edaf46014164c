// Turns one run of the benchmark into what docs/performance.md shows: an SVG file a job, and the table of goals.
//   node bench/document.mjs bench/results/RUN.json docs/performance
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { barChart, lineChart } from './harness/charts.mjs'
import { format, outcome } from './harness/report.mjs'

const [resultFile, directory] = process.argv.slice(2)
if (directory === undefined) {
  console.error('usage: node bench/document.mjs RESULT.json DIRECTORY')
  process.exit(2)
}

const STYLE = '<style>text { font: 12px system-ui, sans-serif; fill: #222 }</style><rect width="100%" height="100%" fill="#fff"/>'
const { results } = JSON.parse(readFileSync(resultFile, 'utf8'))
mkdirSync(directory, { recursive: true })
for (const { result, plots } of results) {
  const chart = bars(result)
  if (chart !== undefined) write(result.variant, chart)
  plots.forEach((plot, index) => write(`${result.variant}-${index + 1}`, lineChart(plot)))
}
console.log('| job | to be reached | measured | |\n|---|---|---|---|')
for (const { result, goals } of results) {
  for (const goal of goals) {
    console.log(`| ${result.variant} | ${goal.goal} | ${format('', goal.measured)} | ${outcome(goal)} |`)
  }
}

/** The control does nothing, as fast as it likes: no bar of it beside throughputs. */
function bars({ figure, rows }) {
  const shown = rows.filter(({ competitor, metrics }) => {
    return metrics[figure.key] !== undefined && !(competitor === 'control' && figure.better === 'higher')
  })
  if (shown.length === 0) return undefined
  const barRows = shown.map(({ competitor, metrics }) => ({ name: competitor, ...metrics[figure.key] }))
  return barChart({ rows: barRows, unit: figure.unit, shown: (value) => format(figure.key, value) })
}

/** As a file of its own: with the name space, and the style that the page gives otherwise. */
function write(name, chart) {
  const standalone = chart.replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" ').replace(/(<svg[^>]*>)/, `$1${STYLE}`)
  writeFileSync(join(directory, `${name}.svg`), `${standalone}\n`)
}
