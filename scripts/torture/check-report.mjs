// Whether what torture wrote says what it is there to say: that each engine that could run has run, tried something, and holds, as
// JSON and as a page.
//   node scripts/torture/check-report.mjs build/torture ENGINE...
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const [directory, ...wanted] = process.argv.slice(2)
if (directory === undefined || wanted.length === 0) throw new Error('a directory and names of engines are expected')
const { engines } = JSON.parse(readFileSync(join(directory, 'torture.json'), 'utf8'))
const page = readFileSync(join(directory, 'torture.html'), 'utf8')

const wrong = []
for (const name of wanted) {
  const engine = engines.find((each) => each.name === name)
  const row = page.split('\n').find((line) => line.includes(`<th scope="row">${name}</th>`)) ?? ''
  if (engine === undefined) wrong.push(`${name} is not in torture.json`)
  else if (engine.missing !== undefined) wrong.push(`${name} was not run: ${engine.missing}`)
  else if (engine.failures.length > 0) wrong.push(`${name} is broken`)
  else if (!(engine.runs > 0) || Object.values(engine.counts).every((count) => count === 0)) wrong.push(`${name} tried nothing`)
  if (!row.endsWith('<td>holds</td></tr>')) wrong.push(`${name} does not hold on the page`)
}
if (!page.trimEnd().endsWith('</html>')) wrong.push('the page has no end')
for (const line of wrong) console.error(`torture: ${line}`)
console.log(`torture: ${wanted.length} engines looked up in ${directory}, ${wrong.length} wrong`)
process.exitCode = wrong.length === 0 ? 0 : 1
