// Crashes of the real log on a file system in memory, by the million (native/test/power_cut_test.cc), a seed for each piece, so
// that what was tried can be named and any failure repeated. Stops at the first failure.
//   npm run explore-crashes -- [--seed 1] [--states 10000000] [--piece 1000000]
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))
const TREE = 'build-test'
const TEST = 'power_cut_test'
// The explorations; the seeded bugs are left out.
const TESTS = 'LosesNothing'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    states: { type: 'string', default: '10000000' },
    piece: { type: 'string', default: '1000000' }
  }
})
const firstSeed = Number(values.seed)
const states = Number(values.states)
const pieceStates = Number(values.piece)
if (![firstSeed, states, pieceStates].every((value) => Number.isSafeInteger(value) && value > 0)) {
  throw new Error('--seed, --states and --piece: whole numbers above 0 are expected')
}

run('cmake', ['-S', '.', '-B', TREE, '-DINGEST_WAL_TESTS=ON', '--log-level=WARNING'])
run('cmake', ['--build', TREE, '--parallel', '2', '--target', TEST])

const beganMs = performance.now()
let done = 0
let seed = firstSeed
for (; done < states; seed++) {
  const environment = { INGEST_WAL_SEED: String(seed), INGEST_WAL_STATES: String(pieceStates) }
  const ran = spawnSync(`${root}${TREE}/${TEST}`, [TESTS], { cwd: root, encoding: 'utf8', env: { ...process.env, ...environment } })
  const tried = [...ran.stdout.matchAll(/ (\d+) states \(/g)].reduce((sum, [, count]) => sum + Number(count), 0)
  if (ran.status !== 0 || tried === 0) {
    console.error(`${ran.stdout}${ran.stderr}\nseed ${seed}: ended with ${ran.status ?? ran.signal}, behind ${done} states without a failure
again: ${Object.entries(environment).map(([name, value]) => `${name}=${value}`).join(' ')} ${TREE}/${TEST} ${TESTS}`)
    process.exit(1)
  }
  done += tried
  console.log(`seed ${seed}: ${tried} states, no failure; ${summary(seed)}`)
}

function summary(lastSeed) {
  const seconds = (performance.now() - beganMs) / 1000
  return `${done} of ${states} so far, seeds ${firstSeed} to ${lastSeed}, ${Math.round(done / seconds)} states a second`
}

function run(command, args) {
  const ran = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  if (ran.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${ran.error?.message ?? `ended with ${ran.status}`}`)
}
