// Installs the peers of package.json beside this file, unless what is installed is what its lockfile says. A peer that
// cannot be installed is named by run.mjs as not measured; the others are measured all the same.
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const modifiedMs = (path) => statSync(at(path), { throwIfNoEntry: false })?.mtimeMs ?? 0

if (modifiedMs('node_modules/.package-lock.json') <= modifiedMs('package-lock.json')) {
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: at('.'), stdio: 'inherit' })
  if (status !== 0) console.error('the peers could not be installed: those that are missing are not measured')
}
