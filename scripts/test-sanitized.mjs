// Runs vitest, or a part of it, on an addon that is built with sanitizers, and fails when they have something to say about it: in
// the tests or in any process that a test starts.
//   node scripts/test-sanitized.mjs [--sanitize address,undefined | thread] [vitest's filters]
//
// Node itself is not built with sanitizers, so the runtime is loaded before it (LD_PRELOAD), in every process that is started. What
// it reports is written to files and judged here: a report counts where the addon's own code is part of it. Of leaks, those
// count that the addon allocated; what V8 has not freed when a process ends is its own affair.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const RUNTIMES = { 'address,undefined': 'libasan.so', thread: 'libtsan.so' }
const ADDON = 'ingest_wal.node'
/** Everything is several times as slow. */
const TEST_TIMEOUT_MS = 600_000
/** Tests that cannot hold here, and why. All others have to. */
const LEFT_OUT = {
  'test/crash/deadline.test.ts': 'its promise is a time, and that of a build without a sanitizer',
  'test/package/package.test.ts': 'it is about the prebuilt binary, which has no sanitizer',
  'test/power-cut/power-cut.test.ts': 'its planted bugs and its judge are programs of their own, built without a sanitizer'
}
const SHOWN_CHARACTERS = 6000

const { values, positionals } = parseArgs({ options: { sanitize: { type: 'string', default: 'address,undefined' } }, allowPositionals: true })
const { sanitize } = values
if (!(sanitize in RUNTIMES)) throw new Error(`--sanitize ${sanitize}: one of ${Object.keys(RUNTIMES).join(' and ')} is expected`)
const root = fileURLToPath(new URL('..', import.meta.url))
const files = chosenFiles()
const tree = join(root, `build-addon-${sanitize.replaceAll(',', '-')}`)

run(process.execPath, ['scripts/build-native.mjs', '--sanitize', sanitize])
const reports = mkdtempSync(join(tmpdir(), 'ingest-wal-sanitizer-'))
const env = { ...process.env, ...sanitizedEnvironment() }
try {
  proveThatItIsThere()
  for (const [file, why] of Object.entries(LEFT_OUT)) console.log(`left out: ${file}: ${why}`)
  console.log(`${files.length} files of tests`)
  const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'all', `--testTimeout=${TEST_TIMEOUT_MS}`, ...files]
  const began = performance.now()
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env })
  const found = findings()
  for (const text of found) console.error(`\n${text.slice(0, SHOWN_CHARACTERS)}`)
  console.log(`${sanitize}: ${found.length} findings in the addon, ${((performance.now() - began) / 1000).toFixed(0)} s`)
  process.exitCode = found.length > 0 ? 1 : (status ?? 1)
} finally {
  rmSync(reports, { recursive: true })
}

/** Files of tests that the filters mean, by name: vitest's --exclude says nothing to projects that exclude something themselves. */
function chosenFiles() {
  const names = readdirSync(join(root, 'test'), { recursive: true }).map((name) => `test/${name}`)
  const missing = Object.keys(LEFT_OUT).filter((file) => !names.includes(file))
  if (missing.length > 0) throw new Error(`left out, but not there: ${missing.join(', ')}`)
  const isMeant = (name) => positionals.length === 0 || positionals.some((filter) => name.includes(filter))
  const chosen = names.filter((name) => name.endsWith('.test.ts') && isMeant(name) && !(name in LEFT_OUT))
  if (chosen.length === 0) throw new Error(`no test is meant by ${positionals.join(' ')}`)
  return chosen
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
  if (error !== undefined) throw error
  if (status !== 0) process.exit(status ?? 1)
}

function sanitizedEnvironment() {
  const runtime = execFileSync('c++', [`-print-file-name=${RUNTIMES[sanitize]}`], { encoding: 'utf8' }).trim()
  const log = `log_path=${join(reports, 'report')}`
  return {
    LD_PRELOAD: runtime,
    // The addon that load-addon.cjs finds (node-gyp-build looks at this).
    INGEST_WAL_PREBUILD: tree,
    ASAN_OPTIONS: `detect_leaks=1:${log}`,
    // A leak is told, and the process ends as it would: whose it is is judged here.
    LSAN_OPTIONS: 'exitcode=0',
    // Beside another runtime this one writes to stderr, whatever it is told: so it ends the process in a way that no test takes for another.
    UBSAN_OPTIONS: 'print_stacktrace=1:abort_on_error=1',
    TSAN_OPTIONS: `exitcode=0:second_deadlock_stack=1:${log}`
  }
}

/** A run without the sanitizer would find nothing either. */
function proveThatItIsThere() {
  const program = `import('${join(root, 'dist/esm/index.js')}').then(({ logLimits }) => { logLimits(); process.stdout.write(require('node:fs').readFileSync('/proc/self/maps', 'utf8')) })`
  const maps = execFileSync(process.execPath, ['-e', program], { encoding: 'utf8', env, maxBuffer: 1 << 26 })
  for (const file of [join(tree, 'build/Release', ADDON), RUNTIMES[sanitize]]) {
    if (!maps.includes(file)) throw new Error(`${file} is not loaded where tests run`)
  }
}

/** Reports that concern the addon, one by one. */
function findings() {
  const texts = readdirSync(reports).map((name) => readFileSync(join(reports, name), 'utf8'))
  return texts.flatMap((text) => text.split(/^(?===\d+==ERROR|={18,}$|(?:Direct|Indirect) leak of )|^(?=.*runtime error: )/m)).filter(isOurs)
}

function isOurs(report) {
  // Node gives numbers of files back by calls that the runtime does not see: it takes the next file for the former one.
  if (/^ +Location is file descriptor /m.test(report)) return false
  if (!/^(Direct|Indirect) leak of /.test(report)) return report.includes(ADDON) || report.includes('native/')
  // The frame that allocated: the first below the runtime's own.
  const [frame = ''] = report.split('\n').slice(2)
  return frame.includes(ADDON) || frame.includes('native/')
}
