// Makes prebuilds/<platform>-<arch>/ingest-wal.<libc>.node with prebuildify: the binary that the package ships. It is built
// in a tree of its own, so that build/ keeps what was compiled for development.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const prebuildify = createRequire(import.meta.url).resolve('prebuildify/bin.js')
const tree = join(root, 'build-prebuild')
mkdirSync(tree, { recursive: true })

const made = spawnSync(
  process.execPath,
  [
    prebuildify,
    '--name=ingest-wal',
    '--napi',
    '--strip',
    // musl and glibc differ in more than their names: one binary never stands in for the other.
    ...(process.platform === 'linux' ? ['--tag-libc'] : []),
    `--node-gyp=${join(root, 'scripts/cmake-js-as-node-gyp.mjs')}`,
    `--cwd=${tree}`,
    `--out=${root}`
  ],
  { cwd: root, stdio: 'inherit' }
)
if (made.status !== 0) process.exit(made.status ?? 1)

// What the binary asks of the system it is loaded on: a matter of the system it was built on.
const folder = join(root, 'prebuilds', `${process.platform}-${process.arch}`)
for (const file of readdirSync(folder)) {
  const { stdout } = spawnSync('objdump', ['-T', join(folder, file)], { encoding: 'utf8' })
  const versions = [...new Set(stdout?.match(/\b(GLIBC|GLIBCXX)_[\d.]+/g))]
  const newest = ['GLIBC_', 'GLIBCXX_'].flatMap((library) =>
    versions.filter((version) => version.startsWith(library)).sort((one, other) => compareVersions(one, other)).slice(-1)
  )
  console.log(`${join(folder, file)}: needs ${newest.join(' and ') || 'what objdump would tell'}`)
}

function compareVersions(one, other) {
  const [left, right] = [one, other].map((version) => version.split('_')[1].split('.').map(Number))
  const at = left.findIndex((number, index) => number !== right[index])
  return at < 0 ? left.length - right.length : left[at] - (right[at] ?? -1)
}
