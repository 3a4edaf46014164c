#!/usr/bin/env node
// What prebuildify calls in place of node-gyp, with node-gyp's arguments, in the folder whose build/Release it then looks
// into. Of the arguments only the architecture is passed on: --target names a version of Node here and a build target to
// cmake-js, and the headers come from node_modules.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js')
const arch = process.argv.find((argument) => argument.startsWith('--arch='))
const built = spawnSync(
  process.execPath,
  [cmakeJs, 'compile', '--directory', root, '--out', join(process.cwd(), 'build'), '--log-level', 'error', '--parallel', '2']
    .concat(arch ?? []),
  { cwd: root, stdio: 'inherit' }
)
process.exit(built.status ?? 1)
