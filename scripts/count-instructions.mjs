// Counts the instructions of native/bench/instruction_count.cc with callgrind and holds them against what was recorded: a
// slowdown of the core shows here however busy the machine is.
//   node scripts/count-instructions.mjs             fails when something takes MOST_GROWTH times what was recorded
//   node scripts/count-instructions.mjs --record    records today's counts for this compiler
//   node scripts/count-instructions.mjs --seeded    counts a build with a slowdown planted, and fails unless it is seen
// Counts belong to one compiler and processor family; where none are recorded, it prints them and says so.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const MOST_GROWTH = 1.05
const MEASURED = ['measured_append', 'measured_frame', 'measured_scan', 'measured_steps']
const root = fileURLToPath(new URL('..', import.meta.url))
const recordFile = join(root, 'native/bench/instruction-counts.json')
const { values } = parseArgs({ options: { record: { type: 'boolean', default: false }, seeded: { type: 'boolean', default: false } } })

main()

function main() {
  if (spawnSync('valgrind', ['--version']).status !== 0) {
    console.log('valgrind is not here: instructions are not counted in this run')
    return
  }
  const compiler = compilerName()
  const recorded = JSON.parse(readFileSync(recordFile, 'utf8'))
  const counts = count(build())
  if (values.record) {
    recorded[compiler] = counts
    writeFileSync(recordFile, `${JSON.stringify(recorded, null, 2)}\n`)
  }
  const before = recorded[compiler]
  if (before === undefined) {
    console.log(`no counts are recorded for ${compiler}: ${JSON.stringify(counts)}`)
    return
  }
  const grown = MEASURED.filter((name) => counts[name] > before[name] * MOST_GROWTH)
  console.log(`instructions an entry (${compiler})`)
  for (const name of MEASURED) {
    const change = ((counts[name] / before[name] - 1) * 100).toFixed(1)
    console.log(`  ${name.padEnd(16)} ${counts[name].toFixed(1)}, recorded ${before[name].toFixed(1)} (${change} %)`)
  }
  if (values.seeded === grown.length > 0) {
    console.log(values.seeded ? `the planted slowdown was seen in ${grown.join(', ')}` : 'none has grown')
    return
  }
  console.error(
    values.seeded
      ? 'the planted slowdown was not seen'
      : `${grown.join(', ')} takes more than ${MOST_GROWTH} times the instructions; --record when that is meant`
  )
  process.exitCode = 1
}

function compilerName() {
  const [name] = execFileSync('c++', ['--version'], { encoding: 'utf8' }).split(' ')
  const version = execFileSync('c++', ['-dumpfullversion', '-dumpversion'], { encoding: 'utf8' }).trim()
  return `${name} ${version.split('.').slice(0, 2).join('.')} ${process.arch}`
}

function build() {
  const tree = join(root, values.seeded ? 'build-count-seeded' : 'build-count')
  const define = `-DINGEST_WAL_SEED_SLOWDOWN=${values.seeded ? 'ON' : 'OFF'}`
  const run = (args) => execFileSync('cmake', args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  run(['-S', '.', '-B', tree, '-DINGEST_WAL_COUNT=ON', define, '--log-level=WARNING'])
  run(['--build', tree, '--parallel', '2', '--target', 'instruction_count'])
  return join(tree, 'instruction_count')
}

/** Instructions of each measured function, with all that it calls, divided by the entries. */
function count(program) {
  const directory = mkdtempSync(join(tmpdir(), 'ingest-wal-count-'))
  try {
    const counts = {}
    for (const name of MEASURED) {
      const args = ['--tool=callgrind', '--collect-atstart=no', `--toggle-collect=${name}`, `--callgrind-out-file=${join(directory, name)}`, program]
      const { stdout, stderr, status } = spawnSync('valgrind', args, { encoding: 'utf8' })
      if (status !== 0) throw new Error(`${name} could not be counted: ${stderr}`)
      const collected = /Collected\s*:\s*(\d+)/.exec(stderr)
      counts[name] = Number(collected[1]) / Number(stdout)
    }
    return counts
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
