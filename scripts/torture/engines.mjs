// What torture runs: each engine is a program of the test suites that takes a seed and a size, and prints what it tried.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const at = (path) => `${root}${path}`

/** A number in what an engine printed, all of its occurrences added up. */
function sumOf(pattern, text) {
  return [...text.matchAll(pattern)].reduce((sum, [, count]) => sum + Number(count.replaceAll(',', '')), 0)
}

function nativeTest(name, environment, counts) {
  const program = at(`build-test/${name}`)
  return {
    missing: () => (existsSync(program) ? undefined : `build-test/${name} is not built: npm run test:native`),
    run: (seed, size) => ({ command: program, args: [], environment: { INGEST_WAL_SEED: seed, ...environment(size) } }),
    counts: (text) => ({ ...counts(text), tests: sumOf(/(\d+) passed/g, text) })
  }
}

function vitest(files, environment = () => ({}), counts = () => ({})) {
  return {
    missing: () => (files.every((file) => existsSync(at(file))) ? undefined : `${files.join(', ')}: not here`),
    run: (seed, size) => ({
      command: process.execPath,
      args: [at('node_modules/vitest/vitest.mjs'), 'run', ...files],
      environment: { INGEST_WAL_SEED: seed, NO_COLOR: '1', ...environment(size) }
    }),
    counts: (text, size) => ({ ...counts(size, text), tests: sumOf(/Tests .*?(\d+) passed/g, text) })
  }
}

function script(path, args, counts) {
  return {
    missing: () => (existsSync(at('dist/esm/index.js')) ? undefined : 'the package is not built: npm run compile'),
    run: (seed, size) => ({ command: process.execPath, args: [at(path), ...args(seed, size)], environment: {} }),
    counts
  }
}

/**
 * Each `proves` is a promise of docs/reliability.md. `size` 1 is a run of about ten seconds on two cores; the first runs of
 * torture are a tenth of it, so that each engine has its turn in a short time.
 */
export const ENGINES = [
  {
    name: 'power-cut',
    proves: 'nothing durable is lost, at any call, on a file system that promises no more than POSIX',
    ...nativeTest(
      'power_cut_test',
      (size) => ({ INGEST_WAL_STATES: Math.ceil(30_000 * size) }),
      (text) => ({ states: sumOf(/([\d,]+) states \(/g, text), entries: sumOf(/([\d,]+) entries checked/g, text) })
    )
  },
  {
    name: 'planted-bugs',
    proves: 'the explorer of power cuts sees what it is there to see',
    missing: () => (existsSync(at('build-test/CTestTestfile.cmake')) ? undefined : 'build-test is not built: npm run test:native'),
    run: (seed) => ({ command: 'ctest', args: ['--test-dir', at('build-test'), '-R', 'seeded_bug'], environment: { INGEST_WAL_SEED: seed } }),
    counts: (text) => ({ bugsCaught: [...text.matchAll(/ Passed /g)].length })
  },
  {
    name: 'checkpoints',
    proves: 'what is live is what a checkpoint keeps of it, whatever byte of it is damaged',
    ...nativeTest('base_test', () => ({}), () => ({}))
  },
  {
    name: 'damage',
    proves: 'any flipped bit, lost sector or cut loses what it touches and is told',
    ...nativeTest('damage_sweep_test', () => ({}), () => ({}))
  },
  {
    name: 'hostile-bytes',
    proves: 'no bytes with checksums that fit make a decoder crash, believe what cannot be, or work more than in proportion',
    ...nativeTest(
      'fuzz_corpus_test',
      (size) => ({ INGEST_WAL_MUTATIONS: Math.ceil(5_000 * size) }),
      (text) => ({ inputs: sumOf(/(\d+) mutations/g, text) })
    )
  },
  {
    name: 'damaged-logs',
    proves: 'a reader made from the page on the format and the code agree on logs with several damages',
    ...vitest(
      ['test/contract/format-damage.test.ts'],
      (size) => ({ INGEST_WAL_FORMAT_CASES: Math.ceil(600 * size) }),
      (size) => ({ logs: Math.ceil(600 * size) })
    )
  },
  {
    name: 'loss',
    proves: 'recovery marks whose entries are lost, and applies no replay by half',
    ...vitest(['test/recovery/loss.test.ts', 'test/recovery/cut-anywhere.test.ts', 'test/maintenance/plan.test.ts'])
  },
  {
    name: 'programs',
    proves: 'whatever a program does with a log or a service, and however that ends, what comes back is what a model in memory says',
    ...vitest(
      ['test/properties/log.test.ts', 'test/properties/service.test.ts'],
      (size) => ({ INGEST_WAL_PROPERTY_RUNS: Math.max(40, Math.ceil(100 * size)) }),
      (_, text) => ({ programs: sumOf(/: (\d+) programs/g, text) })
    )
  },
  {
    name: 'kill',
    proves: 'what append returned is there after SIGKILL at any moment',
    ...vitest(
      ['test/crash/kill.test.ts'],
      (size) => ({ INGEST_WAL_KILLS: Math.ceil(50 * size) }),
      (size) => ({ kills: 2 * Math.ceil(50 * size) })
    )
  },
  {
    name: 'kill-cycles',
    proves: 'what append returned is there after SIGKILL at a chosen call of recovery, of a batch, of a rotation',
    ...script(
      'test/crash/cycles/run.mjs',
      (seed, size) => ['--cycles', String(Math.ceil(40 * size)), '--seed', String(seed)],
      (text) => ({ kills: sumOf(/^(\d+) kills in/gm, text), entries: sumOf(/^(\d+) entries judged/gm, text) })
    )
  },
  {
    name: 'kill-maintenance',
    proves: 'maintenance may be cut behind any of its steps, and at any moment, and run again',
    ...vitest(
      ['test/crash/maintenance-kill.test.ts'],
      (size) => ({ INGEST_WAL_MAINTENANCE_KILLS: Math.ceil(20 * size) }),
      (size) => ({ kills: Math.ceil(20 * size) })
    )
  },
  {
    name: 'calls-fail',
    proves: 'whichever system call of the built addon fails, nothing is lost and nobody is left waiting',
    ...vitest(
      ['test/faults/call-fails.test.ts'],
      () => ({}),
      (_, text) => ({ cases: sumOf(/(\d+) cases;/g, text), kills: sumOf(/(\d+) processes killed/g, text) })
    )
  },
  {
    name: 'power-cut-disks',
    proves: 'nothing durable is lost on ext4, xfs and btrfs, whatever of the unflushed writes is on the disk',
    ...script(
      'test/power-cut/run.mjs',
      (seed, size) => ['--states', String(Math.ceil(50 * size)), '--seed', String(seed)],
      (text) => ({ states: sumOf(/(\d+) states \(/g, text) })
    )
  },
  {
    name: 'soak',
    proves: 'a service killed again and again under maintenance ends with the states of an unbroken run, and stays small',
    ...script(
      'scripts/soak.mjs',
      (seed, size) => ['--measurements', Math.ceil(400_000 * size), '--users', '200', '--kills', Math.max(2, Math.ceil(10 * size)), '--seed', seed].map(String),
      (_, size) => ({ kills: Math.max(2, Math.ceil(10 * size)) })
    )
  }
]
