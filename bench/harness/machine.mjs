/** The machine that a figure belongs to. */
import { readFileSync } from 'node:fs'
import { arch, cpus, release, totalmem, type } from 'node:os'
import { spawnSync } from 'node:child_process'

export function describeMachine(directory) {
  const processors = cpus()
  return {
    cpu: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryBytes: totalmem(),
    system: `${type()} ${release()} ${arch()}`,
    node: process.version,
    compiler: firstLine(process.env.CXX ?? 'c++', ['--version']),
    disk: diskOf(directory),
    fileSystem: fileSystemOf(directory),
    loadAverage: loadAverage()
  }
}

/** The device under `directory`: its name, size, whether it spins (1), scheduler, model. */
function diskOf(directory) {
  const source = firstLine('findmnt', ['-n', '-o', 'SOURCE', '-T', directory])
  if (!source.startsWith('/dev/')) return source
  const found = firstLine('lsblk', ['-n', '-d', '-o', 'NAME,SIZE,ROTA,SCHED,MODEL', source])
  return found === 'unknown' ? source : found.replace(/\s+/g, ' ')
}

/** Type and options of the file system that holds `directory`: `ext4 (rw,relatime)`. */
function fileSystemOf(directory) {
  const found = firstLine('findmnt', ['-n', '-o', 'FSTYPE,OPTIONS', '-T', directory])
  return found === 'unknown' ? firstLine('stat', ['-f', '-c', '%T', directory]) : found.replace(/\s+(\S+)$/, ' ($1)')
}

function firstLine(command, args) {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' })
  return status === 0 ? stdout.trim().split('\n')[0] : 'unknown'
}

/** Load of the last minute, so that a reader sees whether the machine was otherwise idle; -1 where it is not known. */
function loadAverage() {
  try {
    return Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0])
  } catch {
    return -1
  }
}
