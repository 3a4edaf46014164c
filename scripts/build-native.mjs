// Builds the addon into build/ with cmake-js. Node-API headers come from node_modules, so nothing is fetched.
//   node scripts/build-native.mjs [compile|rebuild|…]
//   node scripts/build-native.mjs --sanitize address,undefined     into a tree of its own, build-addon-address-undefined/build/
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({ options: { sanitize: { type: 'string', default: '' } }, allowPositionals: true })
const root = fileURLToPath(new URL('..', import.meta.url))
const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js')
const command = positionals[0] ?? 'compile'
const tree = `build-addon-${values.sanitize.replaceAll(',', '-')}/build`
const sanitized = values.sanitize === '' ? [] : ['--out', tree, `--CDINGEST_WAL_SANITIZE=${values.sanitize}`]
const built = spawnSync(process.execPath, [cmakeJs, command, '--log-level', 'error', '--parallel', '2', ...sanitized], {
  cwd: root,
  stdio: 'inherit'
})
process.exit(built.status ?? 1)
