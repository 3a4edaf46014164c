// Builds the core and its C++ tests, without Node, and runs them with ctest.
//   node scripts/test-native.mjs                                   into build-test/
//   node scripts/test-native.mjs --sanitize address,undefined     into build-test-address-undefined/
//   node scripts/test-native.mjs --only writer_test,spare_segment_test     these alone
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { sanitize: { type: 'string', default: '' }, only: { type: 'string', default: '' } } })
const root = fileURLToPath(new URL('..', import.meta.url))
const tree = values.sanitize === '' ? 'build-test' : `build-test-${values.sanitize.replaceAll(',', '-')}`

function run(command, args) {
  const done = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
  if (done.error !== undefined) console.error(`${command}: ${done.error.message}`)
  if (done.status !== 0) process.exit(done.status ?? 1)
}

run('cmake', ['-S', '.', '-B', tree, '-DINGEST_WAL_TESTS=ON', `-DINGEST_WAL_SANITIZE=${values.sanitize}`, '--log-level=WARNING'])
const only = values.only === '' ? [] : values.only.split(',')
run('cmake', ['--build', tree, '--parallel', '2', ...(only.length > 0 ? ['--target', ...only] : [])])
const chosen = only.length > 0 ? ['--tests-regex', `^(${only.join('|')})$`] : []
run('ctest', ['--test-dir', tree, ...chosen, '--parallel', '2', '--output-on-failure', '--no-tests=error'])
