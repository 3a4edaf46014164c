// Builds the addon into build/ with cmake-js. Node-API headers come from node_modules, so nothing is fetched.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js')
const command = process.argv[2] ?? 'compile'
const built = spawnSync(process.execPath, [cmakeJs, command, '--log-level', 'error', '--parallel', '2'], {
  cwd: root,
  stdio: 'inherit'
})
process.exit(built.status ?? 1)
