// Compiles fault_shim.c, which is then loaded by LD_PRELOAD.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const SHIM = fileURLToPath(new URL('fault_shim.c', import.meta.url))

/** Compiles the shim to `directory`: `{ path }`, or `{ why }`, a sentence, where that cannot be done. */
export function buildShim(directory) {
  if (process.platform !== 'linux') return { why: 'the shim is for Linux' }
  const path = join(directory, 'fault_shim.so')
  const built = spawnSync('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', SHIM, '-o', path, '-ldl'], { encoding: 'utf8' })
  if (built.error !== undefined) return { why: `there is no C compiler: ${built.error.message}` }
  if (built.status !== 0) throw new Error(`the shim cannot be compiled:\n${built.stderr}`)
  return { path }
}
