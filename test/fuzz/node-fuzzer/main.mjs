// Runs a target of test/fuzz under libFuzzer. scripts/fuzz.mjs calls it.
//   node main.mjs FUZZER.node TARGET [libFuzzer's arguments]
//   node main.mjs FUZZER.node TARGET --write-seeds DIR     writes its seeds, beside them DIR.dictionary, and ends
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire, register } from 'node:module'
import { join } from 'node:path'

const MOST_EDGES = 8192

const [fuzzer, target, ...args] = process.argv.slice(2)
globalThis.fuzzedEdges = new Uint8Array(MOST_EDGES)
register('./edges.mjs', import.meta.url, { data: { most: MOST_EDGES } })
const { check, mutate, seeds, words } = await import(`../${target}-target.ts`)

if (args[0] === '--write-seeds') {
  const directory = args[1]
  mkdirSync(directory, { recursive: true })
  seeds.forEach((seed, number) => writeFileSync(join(directory, `seed-${number}`), seed))
  const escaped = (word) => Buffer.from(word).toString('latin1').replace(/[^ !#-[\]-~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`)
  writeFileSync(`${directory}.dictionary`, words.map((word) => `"${escaped(word)}"\n`).join(''))
} else {
  // What libFuzzer gives to a shell, to run itself once more.
  const quoted = (word) => `'${word.replaceAll("'", "'\\''")}'`
  const itself = [process.execPath, ...process.argv.slice(1, 4)].map(quoted).join(' ')
  createRequire(import.meta.url)(fuzzer).run([itself, ...args], globalThis.fuzzedEdges, check, mutate)
}
