// What this needs of the machine, and the programs that are built for it.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const HERE = fileURLToPath(new URL('..', import.meta.url))
const ROOT = join(HERE, '../..')
const BUILD = join(ROOT, 'build-power-cut')
const FLAGS = ['-O2', '-Wall', '-Wextra', '-Werror']

/** Sizes are the least that a file system takes, about: what is mounted a thousand times has to be small. */
export const FILE_SYSTEMS = Object.freeze({
  ext4: { megabytes: 48, make: ['mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0'] },
  xfs: { megabytes: 304, make: ['mkfs.xfs', '-q', '-f'] },
  btrfs: { megabytes: 128, make: ['mkfs.btrfs', '-q', '-f'] }
})

export function run(command, args, options = {}) {
  const done = spawnSync(command, args, { encoding: 'utf8', ...options })
  if (done.error !== undefined) throw new Error(`${command}: ${done.error.message}`)
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${done.status ?? done.signal}: ${done.stderr}`)
  return done.stdout.trim()
}

function has(command) {
  return spawnSync('sh', ['-c', `command -v ${command}`]).status === 0
}

/** Containers have root that may not. */
function mayMount() {
  const directory = mkdtempSync(join(tmpdir(), 'ingest-wal-mount-'))
  const mounted = spawnSync('mount', ['-t', 'tmpfs', 'none', directory]).status === 0
  if (mounted) spawnSync('umount', [directory])
  rmdirSync(directory)
  return mounted
}

function isKnownToTheKernel(fileSystem) {
  const isListed = () => readFileSync('/proc/filesystems', 'utf8').split(/\s+/).includes(fileSystem)
  return isListed() || (spawnSync('modprobe', [fileSystem]).status === 0 && isListed())
}

/** Why it cannot be done here; undefined when it can. */
export function whyNot(fileSystem) {
  if (process.platform !== 'linux') return 'it needs Linux'
  if (process.getuid() !== 0) return 'it needs root'
  for (const device of ['/dev/fuse', '/dev/loop-control']) {
    try {
      accessSync(device, constants.R_OK | constants.W_OK)
    } catch {
      return `there is no ${device}`
    }
  }
  const missing = ['losetup', 'fusermount3', 'cc', 'c++', 'pkg-config', FILE_SYSTEMS[fileSystem].make[0]].find((command) => !has(command))
  if (missing !== undefined) return `there is no ${missing}`
  if (spawnSync('pkg-config', ['--exists', 'fuse3']).status !== 0) return 'there is no libfuse3-dev'
  if (!isKnownToTheKernel(fileSystem)) return `this kernel has no ${fileSystem}`
  return mayMount() ? undefined : 'nothing may be mounted'
}

function isOlder(target, sources) {
  return !existsSync(target) || sources.some((source) => statSync(source).mtimeMs > statSync(target).mtimeMs)
}

/** Builds what is not built yet. Returns paths of programs. */
export function buildTools() {
  mkdirSync(BUILD, { recursive: true })
  const source = (name) => join(HERE, 'tools', name)
  const headers = [source('recording.h'), source('crash_image.h')]
  const disk = join(BUILD, 'recording_disk')
  if (isOlder(disk, [source('recording_disk.c'), ...headers])) {
    const fuse = run('pkg-config', ['--cflags', '--libs', 'fuse3']).split(/\s+/)
    run('cc', [...FLAGS, source('recording_disk.c'), '-o', disk, ...fuse])
  }
  const explore = join(BUILD, 'explore')
  const sources = [source('explore.cc'), source('crash_image.cc')]
  if (isOlder(explore, [...sources, ...headers])) run('c++', ['-std=c++17', ...FLAGS, ...sources, '-o', explore])
  const shim = join(BUILD, 'fault_shim.so')
  const shimSource = join(HERE, '../faults/shim/fault_shim.c')
  if (isOlder(shim, [shimSource])) run('cc', [...FLAGS, '-shared', '-fPIC', shimSource, '-o', shim, '-ldl'])
  return { disk, explore, shim }
}
