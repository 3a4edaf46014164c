/** A directory with pages that the device cannot read: unreadable_fs.c, built and mounted. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const SOURCE = join(import.meta.dirname, 'unreadable_fs.c')
const MOUNT_MS = 10_000

/** Bytes [first, end) of a file, named from the mount point on, that cannot be read, but for the first `after` reads that touch them. */
export interface UnreadableRange {
  file: string
  first: number
  end: number
  after?: number
}

export interface UnreadableMount {
  /** Where it is seen through the device that fails, and where it lies. */
  path: string
  source: string
  /** Takes the place of what was set before. */
  set: (ranges: readonly UnreadableRange[]) => void
  /** Reads that touched such a range since they were set, and those of them that failed. */
  seen: () => { touched: number; failed: number }
  unmount: () => Promise<void>
}

/** `{ mount }`, or `{ why }`, a sentence, where that cannot be done. `directory` is empty. */
export async function mountUnreadable(directory: string): Promise<{ mount: UnreadableMount } | { why: string }> {
  if (process.platform !== 'linux') return { why: 'it needs Linux' }
  if (process.getuid?.() !== 0) return { why: 'it needs root' }
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK)
  } catch {
    return { why: 'there is no /dev/fuse' }
  }
  const flags = spawnSync('pkg-config', ['--cflags', '--libs', 'fuse3'], { encoding: 'utf8' })
  if (flags.status !== 0) return { why: 'there is no pkg-config or no libfuse3-dev' }
  const program = join(directory, 'unreadable_fs')
  const built = spawnSync('cc', ['-O2', '-Wall', '-Wextra', '-Werror', SOURCE, '-o', program, ...flags.stdout.trim().split(/\s+/)], { encoding: 'utf8' })
  if (built.error !== undefined) return { why: `there is no C compiler: ${built.error.message}` }
  if (built.status !== 0) throw new Error(`unreadable_fs cannot be compiled:\n${built.stderr}`)
  return mount(program, join(directory, 'mount'), join(directory, 'source'))
}

async function mount(program: string, path: string, source: string): Promise<{ mount: UnreadableMount } | { why: string }> {
  mkdirSync(path)
  mkdirSync(source)
  const child = spawn(program, [path, source], { stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
  const ended = once(child, 'close')
  const control = join(path, 'control')
  for (const until = Date.now() + MOUNT_MS; !existsSync(control); await sleep(10)) {
    if (child.exitCode !== null) return { why: `nothing may be mounted: ${stderr.trim()}` }
    if (Date.now() > until) throw new Error(`unreadable_fs has not mounted anything: ${stderr}`)
  }
  const unmount = async () => {
    // It unmounts when it is told to end; whoever holds a file in it keeps nobody.
    child.kill('SIGTERM')
    await ended
    spawnSync('umount', ['-l', path])
  }
  const seen = () => {
    const [touched = NaN, failed = NaN] = readFileSync(control, 'utf8').split(' ').map(Number)
    return { touched, failed }
  }
  const set = (ranges: readonly UnreadableRange[]) => {
    writeFileSync(control, `${ranges.map(({ file, first, end, after = 0 }) => `${file} ${first} ${end} ${after}`).join('\n')}\n`)
  }
  return { mount: { path, source, set, seen, unmount } }
}
