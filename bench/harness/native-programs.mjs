/** The C++ programs beside the JavaScript ones, compiled when a run begins. */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { arch } from 'node:process'
import { fileURLToPath } from 'node:url'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))

export const RAW_PROGRAM = at('../build/raw')
export const BARE_CALL = at('../build/bare_call.node')

const CRC_FLAG = { x64: '-msse4.2', arm64: '-march=armv8-a+crc' }

/** Compiles both. Returns what could not be compiled, by competitor, with the reason. */
export function compilePrograms() {
  mkdirSync(at('../build'), { recursive: true })
  const crc = CRC_FLAG[arch] === undefined ? [] : [CRC_FLAG[arch]]
  const common = ['-std=c++17', '-O2', '-Wall', '-Wextra']
  const link = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []
  return {
    raw: compile([...common, ...crc, '-o', RAW_PROGRAM, at('../raw/raw.cc')]),
    'bare-call': compile([
      ...common, '-shared', '-fPIC', ...link, `-I${headers()}`, '-o', BARE_CALL, at('../raw/bare_call.cc')
    ])
  }
}

/** The Node-API headers are a development dependency of the package itself. */
function headers() {
  return createRequire(at('../../package.json'))('node-api-headers').include_dir
}

function compile(args) {
  const { status, error, stderr } = spawnSync(process.env.CXX ?? 'c++', args, { encoding: 'utf8' })
  if (status === 0) return undefined
  return `cannot be compiled: ${(error?.message ?? stderr).trim().split('\n')[0]}`
}
