/** The C++ programs beside the JavaScript ones, compiled when a run begins. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { arch } from 'node:process'
import { fileURLToPath } from 'node:url'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))

export const RAW_PROGRAM = at('../build/raw')
export const BARE_CALL = at('../build/bare_call.node')

/** What Debian calls the headers of a store, for the one who has not installed them. */
const DEBIAN_PACKAGES = { rocksdb: 'librocksdb-dev', leveldb: 'libleveldb-dev' }
const CRC_FLAGS = { x64: ['-msse4.2'], arm64: ['-march=armv8-a+crc'] }
const COMMON_FLAGS = ['-std=c++17', '-O2', '-Wall', '-Wextra']

/** Compiles those of `names` that are programs. Returns what could not be compiled, by competitor, with the reason. */
export function compilePrograms(names) {
  mkdirSync(at('../build'), { recursive: true })
  const link = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []
  const programs = {
    raw: () => compile(RAW_PROGRAM, 'raw/raw.cc', CRC_FLAGS[arch] ?? []),
    'bare-call': () => compile(BARE_CALL, 'raw/bare_call.cc', ['-shared', '-fPIC', ...link, `-I${headers()}`]),
    rocksdb: () => compile(programOf('rocksdb'), 'native-peers/rocksdb.cc', [], ['-lrocksdb']),
    leveldb: () => compile(programOf('leveldb'), 'native-peers/leveldb.cc', [], ['-lleveldb'])
  }
  const skipped = {}
  for (const name of names.filter((each) => programs[each] !== undefined)) {
    const problem = programs[name]()
    if (problem === undefined) continue
    skipped[name] = isMissingHeader(problem, name) ? `install ${DEBIAN_PACKAGES[name]}` : problem
  }
  return skipped
}

/** A competitor that is a store's C++ program (native-peers/). It is run in place of the child process. */
export function nativePeer(name) {
  return {
    name,
    jobs: ['bulk', 'awaited', 'read'],
    command({ job, phase, directory, entries, waiters }) {
      const mode = phase === 'prepare' ? 'fill' : job
      return [programOf(name), mode, directory, String(entries), String(waiters ?? 1)]
    }
  }
}

const programOf = (name) => at(`../build/${name}`)

/** The Node-API headers are a development dependency of the package itself. */
function headers() {
  return createRequire(at('../../package.json'))('node-api-headers').include_dir
}

/** Undefined when all is well, or what the compiler said. */
function compile(output, source, flags, libraries = []) {
  if (isNewerThanSources(output)) return undefined
  const args = [...COMMON_FLAGS, ...flags, '-o', output, at(`../${source}`), ...libraries]
  const { status, error, stderr } = spawnSync(process.env.CXX ?? 'c++', args, { encoding: 'utf8' })
  if (status === 0) return undefined
  return `cannot be compiled: ${(error?.message ?? stderr).trim().split('\n')[0]}`
}

function isMissingHeader(problem, name) {
  return DEBIAN_PACKAGES[name] !== undefined && problem.includes(`${name}/`) && problem.includes('No such file')
}

function isNewerThanSources(output) {
  const builtAt = statSync(output, { throwIfNoEntry: false })?.mtimeMs ?? 0
  const inFolder = (folder) => readdirSync(at(folder)).map((file) => at(folder + file))
  const sources = [...inFolder('../raw/'), ...inFolder('../native-peers/')]
  return [...sources, at('native-programs.mjs')].every((source) => statSync(source).mtimeMs < builtAt)
}
