// What a run of torture tried and found: as JSON, and as a page.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const format = (number) => number.toLocaleString('en-US')

/** "3 runs, 1,200 states, 40 kills" */
export function countsText(runs, counts) {
  const parts = Object.entries(counts).filter(([, count]) => count > 0)
  return [`${format(runs)} ${runs === 1 ? 'run' : 'runs'}`, ...parts.map(([what, count]) => `${format(count)} ${what.replaceAll(/([A-Z])/g, ' $1').toLowerCase()}`)].join(', ')
}

export function writeReport(directory, report) {
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'torture.json'), `${JSON.stringify(report, null, 2)}\n`)
  writeFileSync(join(directory, 'torture.html'), page(report))
}

function escape(text) {
  return String(text).replaceAll(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}

function row({ name, proves, runs, counts, seeds, seconds, failures, missing }) {
  const state = missing !== undefined ? 'not run' : failures.length === 0 ? 'holds' : 'BROKEN'
  const tried = missing ?? `${countsText(runs, counts)}; seeds ${seeds}; ${format(Math.round(seconds))} s`
  return `<tr class="${state.replace(' ', '-').toLowerCase()}"><th scope="row">${escape(name)}</th><td>${escape(proves)}</td><td>${escape(tried)}</td><td>${state}</td></tr>`
}

function failureText({ seed, why, command, output }) {
  return `<section><h3>seed ${escape(seed)}: ${escape(why)}</h3><pre>${escape(command)}</pre><pre>${escape(output)}</pre></section>`
}

function page({ startedAt, seconds, seed, machine, engines }) {
  const failures = engines.flatMap(({ name, failures }) => failures.map((failure) => `<h2>${escape(name)}</h2>${failureText(failure)}`))
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>ingest-wal: torture</title>
<style>
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #8884 }
.holds td:last-child { color: light-dark(#06702b, #6fd08c) } .broken td:last-child { color: light-dark(#b3261e, #ff8a80); font-weight: bold }
pre { overflow-x: auto; background: #8881; padding: .6rem }
</style></head><body>
<h1>Torture</h1>
<p>${escape(startedAt)}, ${format(Math.round(seconds))} s, seed ${escape(seed)}; ${escape(machine)}</p>
<table><thead><tr><th>engine</th><th>proves</th><th>tried</th><th></th></tr></thead><tbody>
${engines.map(row).join('\n')}
</tbody></table>
${failures.join('\n')}
</body></html>
`
}
