/** What somebody may put in the place of a file: things that block, lead elsewhere, never end, or are no files at all. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const IS_ROOT = process.getuid?.() === 0

export interface Thing {
  name: string
  /** Needs root. */
  privileged?: boolean
  isDirectory?: boolean
  /** Puts it at `path`, where nothing is. `elsewhere` is a directory outside of the log, `sound` what the file held. */
  put(path: string, elsewhere: string, sound: Uint8Array): void
}

function run(command: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(command, args)
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? String(stderr)}`)
}

/** None of them is a regular file. */
export const THINGS: readonly Thing[] = [
  { name: 'a FIFO', put: (path) => run('mkfifo', path) },
  { name: 'a directory', isDirectory: true, put: (path) => mkdirSync(path) },
  {
    name: 'a link to the very file, elsewhere',
    put: (path, elsewhere, sound) => {
      writeFileSync(join(elsewhere, 'target'), sound)
      symlinkSync(join(elsewhere, 'target'), path)
    }
  },
  { name: 'a link to nothing', put: (path, elsewhere) => symlinkSync(join(elsewhere, 'nothing'), path) },
  { name: 'a link to itself', put: (path) => symlinkSync(path, path) },
  { name: 'a link to a device that never ends', put: (path) => symlinkSync('/dev/zero', path) },
  { name: 'a character device', privileged: true, put: (path) => run('mknod', path, 'c', '1', '5') },
  { name: 'a block device without a driver', privileged: true, put: (path) => run('mknod', path, 'b', '250', '7') }
]

/** Those that this process can make. */
export const POSSIBLE_THINGS = THINGS.filter(({ privileged }) => privileged !== true || IS_ROOT)
