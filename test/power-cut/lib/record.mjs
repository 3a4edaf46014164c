// Records what a file system tells its disk while the workload runs on it.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync, openSync, closeSync, ftruncateSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { FaultControl } from '../../faults/children/fault-control.mjs'
import { FILE_SYSTEMS, run } from './tools.mjs'

const WORKLOAD = fileURLToPath(new URL('workload.mjs', import.meta.url))
const DISK_READY_MS = 10_000
/** Calls that planted bugs only claim to make. */
const LIES = { 'no-sync': 'sync', 'no-directory-sync': 'directory sync' }

export const BUGS = Object.freeze(['no-sync', 'no-directory-sync', 'early-acknowledgement'])

/** An empty file system in a file, with a directory for the log in it. */
function makeBase(fileSystem, path, mountPoint) {
  const { megabytes, make } = FILE_SYSTEMS[fileSystem]
  const file = openSync(path, 'w', 0o600)
  ftruncateSync(file, megabytes * 2 ** 20)
  closeSync(file)
  run(make[0], [...make.slice(1), path])
  run('mount', ['-o', 'loop', path, mountPoint])
  try {
    mkdirSync(join(mountPoint, 'log'), { mode: 0o700 })
  } finally {
    run('umount', [mountPoint])
  }
}

/** Runs the workload's lives; each goes on behind the one before. */
async function work(directory, mark, { measurements, seed, bug, shim, control }) {
  const lives = [
    { upTo: Math.floor(measurements / 3), way: 'kill' },
    { upTo: Math.floor((measurements * 2) / 3), way: 'close' },
    { upTo: measurements, way: 'close' }
  ]
  for (const [index, { upTo, way }] of lives.entries()) {
    const args = [WORKLOAD, directory, mark, String(upTo), String(seed + index), bug === 'early-acknowledgement' && way === 'close' ? 'early' : way]
    const lie = LIES[bug]
    if (lie !== undefined) new FaultControl(control, directory).close()
    const preloaded = [process.env.LD_PRELOAD, shim].filter((each) => each !== undefined).join(':')
    const env = lie === undefined ? process.env : { ...process.env, LD_PRELOAD: preloaded, INGEST_WAL_FAULT_CONTROL: control, INGEST_WAL_FAULT_CALL: lie }
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'], env })
    const [code, signal] = await once(child, 'exit')
    if (way === 'kill' ? signal !== 'SIGKILL' : code !== 0) throw new Error(`the workload ended with ${signal ?? code}`)
  }
}

/**
 * Makes an empty file system and records the workload on it: `{ base, recording }`, files in `folder`. What is mounted is
 * unmounted again, whatever happens; `bug` plants one.
 */
export async function record(folder, { fileSystem, measurements, seed, bug, tools }) {
  const at = (name) => join(folder, name)
  for (const name of ['disk', 'mount']) mkdirSync(at(name))
  makeBase(fileSystem, at('base.img'), at('mount'))
  copyFileSync(at('base.img'), at('live.img'))
  const disk = spawn(tools.disk, [at('disk'), at('live.img'), at('recording')], { stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = once(disk, 'exit')
  let loop
  try {
    for (const until = Date.now() + DISK_READY_MS; !existsSync(join(at('disk'), 'disk')); await sleep(20)) {
      if (disk.exitCode !== null || Date.now() > until) throw new Error('the disk that records could not be mounted')
    }
    loop = run('losetup', ['-f', '--show', join(at('disk'), 'disk')])
    run('mount', ['-t', fileSystem, loop, at('mount')])
    await work(join(at('mount'), 'log'), join(at('disk'), 'mark'), { measurements, seed, bug, shim: tools.shim, control: at('control') })
    run('umount', [at('mount')])
  } finally {
    // Where all went well, the first is not mounted any more.
    spawnSync('umount', [at('mount')])
    if (loop !== undefined) spawnSync('losetup', ['-d', loop])
    spawnSync('fusermount3', ['-u', at('disk')])
    const gone = await Promise.race([ended.then(() => true), sleep(5000, false)])
    if (!gone) disk.kill('SIGTERM')
  }
  return { base: at('base.img'), recording: at('recording') }
}
