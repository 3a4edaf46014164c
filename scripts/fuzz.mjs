// Builds the fuzz targets with clang and runs them under libFuzzer, one after the other. What is found interesting gathers in
// build-fuzz/corpus; an input that breaks a target is written to build-fuzz/found, and the command that runs it again is printed.
//   npm run fuzz -- [--target scan|all] [--seconds 60] [--seed 1]
//   npm run fuzz -- --input FILE --target scan      runs one input
//   npm run fuzz -- --minimise [--target scan]      replaces the target's corpus by the smallest inputs that reach what all reach
// Targets in C++ are programs (native/test/fuzz), those in TypeScript run in Node (test/fuzz).
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const NATIVE_TARGETS = ['scan', 'record', 'header', 'ring', 'compressed', 'inflate', 'checkpoint']
const TYPESCRIPT_TARGETS = ['config']
const TARGETS = [...NATIVE_TARGETS, ...TYPESCRIPT_TARGETS]
/** An input of a few kilobytes that takes longer has met something that is not linear. */
const LONGEST_INPUT_S = 10
const MOST_MEMORY_MB = 1024
/** Of each target's corpus in the repository. */
const KEPT_BYTES = 40_000

const root = fileURLToPath(new URL('..', import.meta.url))
const tree = join(root, 'build-fuzz')
const { values } = parseArgs({
  options: {
    target: { type: 'string', default: 'all' },
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    input: { type: 'string' },
    minimise: { type: 'boolean', default: false }
  }
})
const seconds = Number(values.seconds)
const seed = Number(values.seed)
if (!(seconds > 0) || !Number.isSafeInteger(seed)) fail(`--seconds ${values.seconds} --seed ${values.seed}: numbers are expected`)
const targets = values.target === 'all' ? TARGETS : values.target.split(',')
const unknown = targets.filter((target) => !TARGETS.includes(target))
if (unknown.length > 0) fail(`no target ${unknown.join(', ')}; there are ${TARGETS.join(', ')}`)

build()
for (const target of targets) {
  if (values.input !== undefined) runInput(target, values.input)
  else if (values.minimise) minimise(target)
  else fuzz(target)
}

function fail(message) {
  console.error(`fuzz: ${message}`)
  process.exit(1)
}

function run(command, args, options = {}) {
  const done = spawnSync(command, args, { cwd: root, stdio: 'inherit', maxBuffer: 2 ** 28, ...options })
  if (done.error !== undefined) fail(`${command}: ${done.error.message}`)
  return done
}

function build() {
  if (spawnSync('clang++', ['--version']).status !== 0) fail('clang++ is not here (on Debian: apt-get install clang)')
  const sanitizers = 'fuzzer-no-link,address,undefined'
  const configured = run('cmake', ['-S', '.', '-B', tree, '-DINGEST_WAL_FUZZ=ON', '-DCMAKE_CXX_COMPILER=clang++', `-DINGEST_WAL_SANITIZE=${sanitizers}`, '--log-level=WARNING'])
  if (configured.status !== 0) process.exit(1)
  const programs = targets.map((target) => (isNative(target) ? `fuzz_${target}` : 'fuzz_node'))
  const built = run('cmake', ['--build', tree, '--parallel', '2', '--target', ...new Set(programs)])
  if (built.status !== 0) process.exit(1)
  if (targets.every(isNative)) return
  const compiled = run('npm', ['run', '--silent', 'compile'])
  if (compiled.status !== 0) process.exit(1)
}

function isNative(target) {
  return NATIVE_TARGETS.includes(target)
}

/** What runs the target: a command, to which libFuzzer's arguments are added. */
function programOf(target) {
  return isNative(target) ? [join(tree, `fuzz_${target}`)] : [process.execPath, join(root, 'test/fuzz/node-fuzzer/main.mjs'), join(tree, 'fuzz_node.node'), target]
}

function runTarget(target, args, options = {}) {
  const [command, ...first] = programOf(target)
  return run(command, [...first, ...args], options)
}

function corpusOf(target) {
  return join(root, isNative(target) ? 'native/test/fuzz/corpus' : 'test/fuzz/corpus', target)
}

function folder(...names) {
  const path = join(tree, ...names)
  mkdirSync(path, { recursive: true })
  return path
}

/** What earlier runs found, and the target's own seeds. */
function gatheredOf(target) {
  const path = folder('corpus', target)
  if (runTarget(target, ['--write-seeds', path]).status !== 0) process.exit(1)
  return path
}

function fuzz(target) {
  const found = folder('found', target)
  const log = join(found, 'log.txt')
  const args = [
    `-max_total_time=${seconds}`, `-seed=${seed}`, `-timeout=${LONGEST_INPUT_S}`, `-rss_limit_mb=${MOST_MEMORY_MB}`, '-print_final_stats=1',
    `-max_len=${largestInput(target)}`, `-artifact_prefix=${found}/`, gatheredOf(target), corpusOf(target)
  ]
  const dictionary = join(tree, 'corpus', `${target}.dictionary`)
  if (existsSync(dictionary)) args.unshift(`-dict=${dictionary}`)
  const before = new Set(readdirSync(found))
  const done = run('sh', ['-c', 'log=$1; shift; exec "$@" 2>"$log"', 'sh', log, ...programOf(target), ...args])
  const told = readFileSync(log, 'utf8')
  const inputs = /inputs (\d+), (past the checksums|taken) (\d+)/.exec(told)
  const covered = [...told.matchAll(/cov: (\d+)/g)].at(-1)?.[1]
  if (done.status === 0) {
    console.log(`holds    ${target}: seed ${seed}, ${seconds} s, ${inputs?.[1]} inputs, ${inputs?.[3]} ${inputs?.[2]}, ${covered} edges`)
    return
  }
  const inputsFound = readdirSync(found).filter((name) => !before.has(name) && name !== 'log.txt')
  console.log(`BROKEN   ${target}: seed ${seed}\n${told.slice(-4000)}`)
  for (const name of inputsFound) console.log(`  npm run fuzz -- --target ${target} --input ${join('build-fuzz/found', target, name)}`)
  process.exit(1)
}

/** The sources say it; libFuzzer wants to know before the first input. */
function largestInput(target) {
  const source = readFileSync(join(root, isNative(target) ? `native/test/fuzz/${target}_target.cc` : `test/fuzz/${target}-target.ts`), 'utf8')
  const bytes = /(?:Target = \{"\w+", |largestBytes = )(\d+)/.exec(source)?.[1]
  return bytes ?? 1024
}

function runInput(target, input) {
  if (!existsSync(input)) fail(`${input} is not there`)
  const done = runTarget(target, [input])
  if (done.status !== 0) process.exit(1)
}

function minimise(target) {
  const smallest = folder('smallest', target)
  rmSync(smallest, { recursive: true })
  folder('smallest', target)
  const done = runTarget(target, ['-set_cover_merge=1', `-max_len=${largestInput(target)}`, smallest, corpusOf(target), gatheredOf(target)], { stdio: ['ignore', 'ignore', 'pipe'] })
  if (done.status !== 0) fail(`${target} cannot be minimised:\n${String(done.stderr).slice(-4000)}`)
  if (readdirSync(smallest).length === 0) fail(`${target}: nothing was kept:\n${String(done.stderr).slice(-4000)}`)
  // What the smallest of them reach is most; a repository is no place for all.
  const files = readdirSync(smallest).map((name) => ({ path: join(smallest, name), bytes: statSync(join(smallest, name)).size }))
  let bytes = 0
  const large = files.sort((a, b) => a.bytes - b.bytes || (a.path < b.path ? -1 : 1)).filter((file) => (bytes += file.bytes) > KEPT_BYTES)
  for (const { path } of large) rmSync(path)
  rmSync(corpusOf(target), { recursive: true })
  renameSync(smallest, corpusOf(target))
  console.log(`${target}: ${files.length - large.length} inputs kept, ${large.length} larger ones left out`)
}
