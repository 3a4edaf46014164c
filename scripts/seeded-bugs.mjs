// Plants one bug after the other in a copy of the tree, and runs the test that is there to see it: test/seeded-bugs/bugs.mjs.
// Each of these tests passes first, without a bug.
//
//   npm run seeded-bugs -- [--only PART_OF_A_NAME,...] [--json FILE]
//
// Ends with 0 when every bug was caught, with 1 when one was not, with 2 when it did not work. A bug with which nothing can be
// built, or of which the named test says nothing, was not caught.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { SEEDED_BUGS } from '../test/seeded-bugs/bugs.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const { values } = parseArgs({ options: { only: { type: 'string', default: '' }, json: { type: 'string' } } })
const STATES = 20_000
const LONGEST_MS = 900_000
/** Their children run what is built. */
const STARTS_PROCESSES = /^test\/(crash|cli)\//

function run(cwd, command, args, environment = {}) {
  const options = { cwd, encoding: 'utf8', env: { ...process.env, ...environment }, timeout: LONGEST_MS, maxBuffer: 1 << 28 }
  const done = spawnSync(command, args, { ...options, killSignal: 'SIGKILL' })
  return { code: done.status, output: `${done.stdout}${done.stderr}${done.error?.message ?? ''}` }
}

function need(what, { code, output }) {
  if (code === 0) return
  process.stderr.write(`${output}\n${what} did not work\n`)
  process.exit(2)
}

/** What git knows of, what is built for Node, and the packages. */
function copyTree() {
  const copy = mkdtempSync(join(tmpdir(), 'ingest-wal-seeded-bugs-'))
  process.on('exit', () => rmSync(copy, { recursive: true, force: true }))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130))
  const listed = run(ROOT, 'git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'])
  need('git ls-files', listed)
  for (const file of listed.output.split('\0').filter((name) => name !== '' && existsSync(join(ROOT, name)))) {
    mkdirSync(dirname(join(copy, file)), { recursive: true })
    cpSync(join(ROOT, file), join(copy, file))
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  return copy
}

const isInCpp = ({ test: [program] }) => !program.endsWith('.ts')
const isInAddon = ({ file, test: [program] }) => file.startsWith('native/') && program.endsWith('.ts')

/** How the test of a bug ends: 'passes', 'fails', or why neither can be said. */
function outcomeOf(copy, bug) {
  const [program, part] = bug.test
  if (isInCpp(bug)) {
    const built = run(copy, 'cmake', ['--build', 'build-test', '--target', program, '--parallel', '2'])
    if (built.code !== 0) return `it cannot be built: ${built.output.slice(-500)}`
    const { code, output } = run(copy, join(copy, 'build-test', program), [part], { INGEST_WAL_STATES: String(bug.states ?? STATES) })
    if (code === 0) return 'passes'
    // A program that a bug brings down was seen as well.
    return code === null || code > 1 || output.includes(`FAIL ${part}`) ? 'fails' : `${part} says nothing: ${output.slice(-500)}`
  }
  if (isInAddon(bug)) {
    const built = run(copy, 'npm', ['run', 'build:native'])
    if (built.code !== 0) return `it cannot be built: ${built.output.slice(-500)}`
  }
  if (STARTS_PROCESSES.test(program)) {
    const compiled = run(copy, 'npm', ['run', 'build:ts'])
    if (compiled.code !== 0) return `it cannot be built: ${compiled.output.slice(-500)}`
  }
  const report = join(copy, 'seeded-bug.json')
  rmSync(report, { force: true })
  const args = ['vitest', 'run', program, '--reporter=json', `--outputFile=${report}`, ...(part === '' ? [] : ['-t', part])]
  const { code, output } = run(copy, 'npx', args)
  if (!existsSync(report)) return `${program} says nothing: ${output.slice(-500)}`
  const { numFailedTests, numPassedTests } = JSON.parse(readFileSync(report, 'utf8'))
  if (code === 0 && numPassedTests > 0) return 'passes'
  return numFailedTests > 0 ? 'fails' : `${program} says nothing: ${output.slice(-500)}`
}

function withPlanted(copy, { file, from, to }, look) {
  const path = join(copy, file)
  const text = readFileSync(path, 'utf8')
  const parts = text.split(from)
  if (parts.length !== 2) return `the text it replaces is there ${parts.length - 1} times`
  writeFileSync(path, parts.join(to))
  try {
    return look()
  } finally {
    writeFileSync(path, text)
  }
}

const parts = values.only.split(',').filter((part) => part !== '')
const bugs = SEEDED_BUGS.filter(({ name }) => parts.length === 0 || parts.some((part) => name.includes(part)))
const copy = copyTree()
if (bugs.some(isInCpp)) {
  need('cmake', run(copy, 'cmake', ['-S', '.', '-B', 'build-test', '-DINGEST_WAL_TESTS=ON', '--log-level=WARNING']))
  need('the core', run(copy, 'cmake', ['--build', 'build-test', '--target', 'test_support', '--parallel', '2']))
}
if (bugs.some((bug) => !isInCpp(bug))) need('the addon', run(copy, 'npm', ['run', 'build:native']))

const sound = new Map()
const results = []
// Those of the addon last: it has to be built for each.
for (const bug of [...bugs].sort((a, b) => Number(isInAddon(a)) - Number(isInAddon(b)))) {
  const test = bug.test.filter((part) => part !== '').join(' ')
  const startedAt = performance.now()
  const key = `${test} ${bug.states ?? STATES}`
  if (!sound.has(key)) sound.set(key, outcomeOf(copy, bug))
  const without = sound.get(key)
  const outcome = without === 'passes' ? withPlanted(copy, bug, () => outcomeOf(copy, bug)) : `without a bug: ${without}`
  const isCaught = outcome === 'fails'
  results.push({ name: bug.name, file: bug.file, test, caught: isCaught, ...(isCaught ? {} : { outcome }) })
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
  process.stdout.write(`${isCaught ? 'caught' : 'NOT CAUGHT'}  ${bug.name} (${bug.file}) by ${test}, ${seconds} s${isCaught ? '' : `: ${outcome}`}\n`)
}
const missed = results.filter(({ caught }) => !caught)
process.stdout.write(`${results.length - missed.length} of ${results.length} planted bugs were caught\n`)
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`)
process.exitCode = missed.length === 0 && results.length > 0 ? 0 : 1
